"""A text with marks in, the text with what the model puts there out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import numpy as np
import torch

from data_prep.tokenizer import Tokenizer
from data_prep.vocab import Vocab
from denoise.hub.marks import BadText, Marked, marked, source_ids
from denoise.hub.options import GenerateConfig
from denoise.hub.trained import Trained
from denoise.model.generate import Writing, generate

_FRAGMENT_TOKENS = 16

Piece = tuple[str, bool]
"""A stretch of text, and whether the model wrote it."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer of a model to a text."""

    pieces: list[Piece]
    """The filled text."""
    said: str
    """What the decoder said, marks and all."""
    spans: dict[str, str] | None
    """For T5-like runs, what stands for each mark of the text; marks the model said nothing of are left out."""

    @property
    def text(self) -> str:
        """The filled text, without telling who wrote what."""
        return "".join(text for text, _ in self.pieces)


def fill(trained: Trained, text: str, config: GenerateConfig) -> list[Answer]:
    """The answers of a model to a text. Raises BadText, saying what the text lacks."""
    cut = _with_mode(marked(text), trained)
    _demand_marks(cut, trained)
    vocab, objective = trained.tokenizer.vocab, trained.objective
    is_fragment = objective.answer == "fragment"
    most = config.max_new_tokens or (_FRAGMENT_TOKENS if is_fragment else objective.num_target_tokens)
    source = source_ids(cut, trained.tokenizer, masks=most if is_fragment and len(cut.marks) == 1 else 1)
    start = positions_start = None
    if is_fragment:
        first, most = _fragment(source, vocab)
        before = int(source[first - 1]) if first else vocab.pad
        start, positions_start = torch.full((config.num,), before), torch.full((config.num,), first)
    rows = generate(
        trained.model,
        torch.from_numpy(source.astype(np.int64)).expand(config.num, -1),
        writing=Writing(
            max_new_tokens=most,
            eos=None if is_fragment else vocab.eos,
            temperature=config.temperature,
            top_k=config.top_k,
            top_p=config.top_p,
            num_ids=vocab.size,
        ),
        start=start,
        positions_start=positions_start,
        generator=torch.Generator().manual_seed(config.seed),
    )
    return [_answer(cut, source, _upto_end(row, vocab), trained) for row in rows.tolist()]


def _with_mode(cut: Marked, trained: Trained) -> Marked:
    """The text behind the control word that stood before every source of the run, unless it has one."""
    if cut.mode is not None or trained.objective.mode is None:
        return cut
    return Marked(mode=trained.objective.mode, texts=cut.texts, marks=cut.marks)


def _demand_marks(cut: Marked, trained: Trained) -> None:
    answer, about = trained.objective.answer, trained.objective.description
    if not cut.plain.strip():
        raise BadText("there is no text; give one, or write one to standard input")
    if answer == "spans" and not any(mark != "<mask>" for mark in cut.marks):
        raise BadText(
            f"the model was trained with {about}; mark what it shall fill with <extra_id_0>, <extra_id_1>, ..."
        )
    if answer == "fragment" and not any(mark == "<mask>" for mark in cut.marks):
        raise BadText(f"the model was trained with {about}; put one <mask> where it shall write")


def _fragment(source: np.ndarray, vocab: Vocab) -> tuple[int, int]:
    """Where the masks begin and how many they are; MASS has one stretch of them. Raises BadText."""
    places = np.flatnonzero(source == vocab.mask)
    if places[-1] - places[0] + 1 != len(places):
        raise BadText("this model fills one fragment of a text; put all of its <mask> side by side")
    return int(places[0]), len(places)


def _upto_end(row: list[int], vocab: Vocab) -> list[int]:
    """What was written before the end; a pad behind it is none of it."""
    return row[: row.index(vocab.eos)] if vocab.eos in row else row


def _answer(cut: Marked, source: np.ndarray, row: list[int], trained: Trained) -> Answer:
    tokenizer, answer = trained.tokenizer, trained.objective.answer
    said, spans = tokenizer.text_of(row).strip(" "), None
    if answer == "spans":
        spans = _spans(row, tokenizer)
        pieces = _placed(cut, [spans.get(mark) for mark in cut.marks])
        spans = {mark: spans[mark].strip() for mark in cut.marks if mark in spans}
    elif answer == "fragment":
        written: list[str | None] = [tokenizer.text_of(row)]
        pieces = _placed(Marked(mode=None, texts=_around(cut), marks=["<mask>"]), written)
    elif answer == "text":
        pieces = _compared(source, row, tokenizer)
    elif answer == "continuation":
        pieces = [(cut.plain, False), (tokenizer.text_of(row), True)]
    else:
        pieces = [(said, True)]
    return Answer(pieces=[piece for piece in pieces if piece[0]], said=said, spans=spans)


def _spans(row: Sequence[int], tokenizer: Tokenizer) -> dict[str, str]:
    """What was said behind each sentinel, under its name; the first time counts."""
    names = {id: f"<extra_id_{number}>" for number, id in enumerate(tokenizer.vocab.sentinels)}
    found: dict[str, list[int]] = {}
    current: list[int] = []
    for token in row:
        if token in names:
            current = []
            found.setdefault(names[token], current)
        else:
            current.append(token)
    return {name: tokenizer.text_of(ids) for name, ids in found.items()}


def _around(cut: Marked) -> list[str]:
    """The text before the first mark and behind the last."""
    return [cut.texts[0], cut.texts[-1]]


def _placed(cut: Marked, written: Sequence[str | None]) -> list[Piece]:
    """The text with what was written in the place of its marks; where nothing was, the mark stays."""
    pieces: list[Piece] = [(cut.texts[0], False)]
    for mark, text, span in zip(cut.marks, cut.texts[1:], written, strict=True):
        before = pieces[-1][0]
        if span is None:
            pieces.append((mark, False))
        elif not span.strip():  # nothing stood there: one space, not two
            text = text.removeprefix(" ") if not before or before.endswith(" ") else text
        else:
            pieces.append((span.lstrip(" ") if not before or before[-1].isspace() else span, True))
        pieces.append((text, False))
    return pieces


def _compared(source: np.ndarray, row: list[int], tokenizer: Tokenizer) -> list[Piece]:
    """The text that was said; written by the model is what does not stand in the source."""
    matcher = SequenceMatcher(None, source.tolist(), row, autojunk=False)
    pieces, place = [], 0
    for block in matcher.get_matching_blocks():
        pieces.append((tokenizer.text_of(row[place : block.b]), True))
        pieces.append((tokenizer.text_of(row[block.b : block.b + block.size]), False))
        place = block.b + block.size
    if pieces and tokenizer.text_of(row).startswith(" "):  # the space that the vocabulary puts before a text
        first = next(number for number, (text, _) in enumerate(pieces) if text)
        pieces[first] = (pieces[first][0].removeprefix(" "), pieces[first][1])
    return pieces
