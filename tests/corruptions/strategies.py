"""Windows for Hypothesis, and the corruptions that every law is tried on."""

import numpy as np
from hypothesis import strategies as st

from corruptions import (
    Chain,
    Denoising,
    Deshuffling,
    DocumentRotation,
    Edges,
    InfillingLaw,
    MaskedFragment,
    Mixture,
    NextSentence,
    Prefixed,
    PrefixLM,
    Said,
    SentenceOrder,
    SentencePermutation,
    Shown,
    SpanCorruption,
    SpanLaw,
    Spans,
    Split,
    TextInfilling,
    TokenDeletion,
    TokenMasking,
    Tokens,
    Window,
)
from corruptions.letters import LETTERS
from denoise.command_line import corruption_in
from denoise.config_files import configs

PRESETS = {path.stem: corruption_in(path) for path in sorted((configs() / "corruptions").glob("*.yaml"))}
"""The papers' settings, as their files say."""

CORRUPTIONS = {
    "token_masking": TokenMasking(),
    "token_masking_bart": TokenMasking(rate=0.35, mask_fraction=1.0, random_fraction=0.0),
    "token_masking_all_random": TokenMasking(rate=0.5, mask_fraction=0.0, random_fraction=1.0),
    "token_deletion": TokenDeletion(),
    "text_infilling": TextInfilling(),
    "text_infilling_mostly_empty": TextInfilling(rate=0.2, mean_span_length=0.5),
    "text_infilling_long": TextInfilling(rate=0.6, mean_span_length=20.0),
    "sentence_permutation": SentencePermutation(),
    "document_rotation": DocumentRotation(),
    "span_corruption": SpanCorruption(),
    "span_corruption_half": SpanCorruption(rate=0.5),
    "span_corruption_one_span": SpanCorruption(rate=0.15, mean_span_length=64.0),
    "span_corruption_tokens": SpanCorruption(rate=0.5, mean_span_length=1.0),
    "masked_fragment": MaskedFragment(),
    "masked_fragment_at_end": MaskedFragment(rate=0.7, start_fraction=0.0, end_fraction=1.0),
    "chain_bart": Chain(steps=[SentencePermutation(), TextInfilling()]),
    "chain_spans_of_moved_text": Chain(steps=[SpanCorruption(), DocumentRotation(), SentencePermutation()]),
    "chain_fragment_of_moved_text": Chain(steps=[DocumentRotation(), MaskedFragment()]),
    "chain_masking_of_moved_text": Chain(steps=[SentencePermutation(), TokenMasking()]),
    "span_corruption_t5_edges": SpanCorruption(edges=Edges.T5),
    "span_corruption_rolled": SpanCorruption(rate=0.3, edges=Edges.ROLL),
    "span_corruption_words": SpanCorruption(rate=0.3, mean_span_length=4.0, whole_words=True),
    "span_corruption_bounded": SpanCorruption(rate=0.3, mean_span_length=3.8, max_span_length=6),
    "span_corruption_mirrored": SpanCorruption(rate=0.3, mean_span_length=3.8, max_span_length=4),
    "span_corruption_fixed": SpanCorruption(rate=0.3, span_law=SpanLaw.FIXED),
    "span_corruption_uniform": SpanCorruption(rate=0.3, span_law=SpanLaw.UNIFORM, whole_words=True),
    "text_infilling_words": TextInfilling(random_fraction=0.2, whole_words=True),
    "text_infilling_fairseq": TextInfilling(law=InfillingLaw.FAIRSEQ, mean_span_length=3.5),
    "text_infilling_hugging_face": TextInfilling(law=InfillingLaw.HUGGING_FACE),
    "text_infilling_from_one": TextInfilling(span_law=SpanLaw.POISSON_FROM_ONE),
    "token_masking_words": TokenMasking(rate=0.3, whole_words=True),
    "token_deletion_words": TokenDeletion(rate=0.3, whole_words=True),
    "prefix_lm": PrefixLM(),
    "prefix_lm_fixed": PrefixLM(rate=0.25, split=Split.FIXED),
    "dropped_tokens": Denoising(noise=Tokens(), shown=Shown.NOTHING, said=Said.NOISE),
    "sentinels_of_runs": Denoising(noise=Tokens(rate=0.3)),
    "masked_spans": Denoising(
        noise=Spans(mean_span_length=3.8, max_span_length=10, whole_words=True),
        shown=Shown.MASK_EACH,
        said=Said.WHOLE_TEXT,
    ),
    "deshuffling": Deshuffling(),
    "sentence_order": SentenceOrder(),
    "next_sentence": NextSentence(),
    "prefixed": Prefixed(mode="[R]", corruption=SpanCorruption()),
    "mixture": Mixture(
        parts=[Prefixed(mode="[X]", corruption=SpanCorruption(rate=0.5)), Prefixed(mode="[S]", corruption=PrefixLM())]
    ),
    "chain_of_one": Chain(steps=[TokenDeletion(rate=0.4)]),
}

VARIABLE = (
    "text_infilling_fairseq",
    "text_infilling_hugging_face",
    "span_corruption_rolled",
    "prefix_lm",
    "sentinels_of_runs",
    "next_sentence",
    "mixture",
)
EXACT = {name: corruption for name, corruption in CORRUPTIONS.items() if name not in VARIABLE}
"""Those whose examples are of one length where nothing is protected."""


def made_window(window_len: int, *, document_len: int = 0, sentence_len: int = 12, seed: int = 0) -> Window:
    """A window of random text whose documents and sentences have about these lengths; 0: one document."""
    generator = np.random.default_rng(seed)
    tokens = generator.choice(np.array(LETTERS.text_ids, dtype=np.int32), window_len)
    if document_len:
        tokens[generator.random(window_len) < 1 / document_len] = LETTERS.eos
    sentence_ends = (generator.random(window_len) < 1 / sentence_len) | (tokens == LETTERS.eos)
    return Window(tokens, sentence_ends, generator.random(window_len) < 0.7, LETTERS.is_special[tokens])


@st.composite
def windows(draw: st.DrawFn, max_len: int = 300) -> Window:
    """Windows of all lengths (drawn first, so that long ones are not rare), with few documents and many."""
    return made_window(
        draw(st.integers(0, max_len)),
        document_len=draw(st.sampled_from([0, 100, 20, 3, 1])),
        sentence_len=draw(st.sampled_from([1, 5, 20])),
        seed=draw(st.integers(0, 2**32 - 1)),
    )
