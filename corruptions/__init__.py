"""Ways to spoil a text so that a model learns by mending it.

A corruption is three choices: which tokens are noise, what the encoder sees in their place, and what the
decoder must say. Every published objective is one row:

    class                 noise                        encoder sees              decoder says
    ────────────────────  ───────────────────────────  ────────────────────────  ──────────────────────────
    SpanCorruption        spans (T5)                   one sentinel a span       each sentinel, then its span
    TextInfilling         spans, empty ones too (BART) one mask a span           the whole text
    TokenMasking          tokens (BERT, BART)          mask, or another token    the whole text
    TokenDeletion         tokens (BART)                nothing                   the whole text
    MaskedFragment        one fragment (MASS)          one mask a token          the fragment, in its place
    PrefixLM              a suffix (T5, UL2's S)       nothing                   the suffix
    SentencePermutation   none: sentences move (BART)  the moved text            the whole text
    DocumentRotation      none: documents turn (BART)  the moved text            the whole text
    Deshuffling           none: tokens move (T5)       the moved text            the whole text
    SentenceOrder         none (ALBERT)                two parts, or swapped     yes or no
    NextSentence          a third (BERT)               two parts of three        yes or no
    Denoising             any of these: Tokens, Spans, Fragment, Suffix; any Shown; any Said that makes sense
    Chain                 moves first, then one of the above
    Prefixed              one of the above behind a mode token (UL2)
    Mixture               one of several for each window

A plug-in subclasses Corruption and writes `corrupt`; `contract.check` holds it to the laws of all the others.

>>> from corruptions.letters import LETTERS, letters, window_of
>>> window = window_of("a b c d e f g h i j k l m n o p q r s t")
>>> example = SpanCorruption(rate=0.3).corrupt(window, Draws(1, 0, 0), LETTERS)
>>> letters(example.source)
'a b c d e f g h <0> n o p q <1> s t .'
>>> letters(example.target)
'<0> i j k l m <1> r .'
"""

from corruptions.chain import Chain
from corruptions.denoising import Denoising
from corruptions.deshuffling import Deshuffling
from corruptions.document_rotation import DocumentRotation
from corruptions.draws import Draws
from corruptions.masked_fragment import MaskedFragment
from corruptions.mixture import Draw, Mixture
from corruptions.next_sentence import NextSentence
from corruptions.noise import Fragment, Noise, Split, Suffix, Tokens
from corruptions.ordering import Ordering
from corruptions.plan import Counts, Plan
from corruptions.planned import NoisyCorruption, PlannedCorruption
from corruptions.prefix_lm import PrefixLM
from corruptions.prefixed import Prefixed
from corruptions.protocol import BadCorruption, Corruption, Example, Lengths, Window
from corruptions.reference_noise import FairseqSpans, HuggingFaceSpans
from corruptions.render import Said, Shown
from corruptions.schedules import Linear, Schedule, Stairs
from corruptions.sentence_order import SentenceOrder
from corruptions.sentence_permutation import SentencePermutation
from corruptions.span_corruption import SpanCorruption
from corruptions.span_lengths import SpanLaw
from corruptions.spans import Edges, Spans
from corruptions.text_infilling import InfillingLaw, TextInfilling
from corruptions.token_deletion import TokenDeletion
from corruptions.token_masking import TokenMasking

__all__ = [
    "BadCorruption",
    "Chain",
    "Corruption",
    "Counts",
    "Denoising",
    "Deshuffling",
    "DocumentRotation",
    "Draw",
    "Draws",
    "Edges",
    "Example",
    "FairseqSpans",
    "Fragment",
    "HuggingFaceSpans",
    "InfillingLaw",
    "Lengths",
    "Linear",
    "MaskedFragment",
    "Mixture",
    "NextSentence",
    "Noise",
    "NoisyCorruption",
    "Ordering",
    "Plan",
    "PlannedCorruption",
    "PrefixLM",
    "Prefixed",
    "Said",
    "Schedule",
    "SentenceOrder",
    "SentencePermutation",
    "Shown",
    "SpanCorruption",
    "SpanLaw",
    "Spans",
    "Split",
    "Stairs",
    "Suffix",
    "TextInfilling",
    "TokenDeletion",
    "TokenMasking",
    "Tokens",
    "Window",
]
