"""Labels one after another in one target: given words are put in, and each label is walked down a tree of pieces.

Axes: B batch · S source tokens · V vocabulary · P pieces that labels are made of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch

from denoise.feed.batch import Batch
from denoise.model.encoder_decoder import EncoderDecoder
from denoise.model.generate import empty_pasts


class Node(NamedTuple):
    """Where some pieces of a label lead to."""

    label: int | None
    """The number of the label that these pieces are; None: they are none yet."""
    children: dict[int, Node]
    """By the id of the piece that goes on."""


def tree_of(labels: Sequence[np.ndarray]) -> Node:
    """The tree of labels, each int32[t] and no two alike.

    >>> root = tree_of([np.array([5, 6]), np.array([5, 7]), np.array([5])])
    >>> root.children[5].label, root.children[5].children[7].label
    (2, 1)
    """
    last = {tuple(ids.tolist()): number for number, ids in enumerate(labels)}

    def below(begun: tuple[int, ...]) -> Node:
        place = len(begun)
        behind = dict.fromkeys(ids[place] for ids in last if ids[:place] == begun and len(ids) > place)
        return Node(last.get(begun), {piece: below((*begun, piece)) for piece in behind})

    return below(())


class Steps(NamedTuple):
    """What a walk found: of each slot of a row."""

    likeliest: list[int]
    """The number of the label that was walked to."""
    is_outside: list[bool]
    """Whether somewhere on the way the likeliest id of the vocabulary led to no label."""


@torch.inference_mode()
def walk(
    model: EncoderDecoder, batch: Batch, given: Sequence[Sequence[np.ndarray]], root: Node, *, eos: int, num_ids: int
) -> list[Steps]:
    """Label the slots of each row of a batch, in their order; only its sources are read.

    `given`: what stands before each slot of each row, int32[g], of which all but a row's first have a piece. Behind
    the given words and the labels so far the model takes the likeliest piece that leads to a label. A label with which
    another begins may also end there: by the next given piece, or by the eos behind the last. Where labels are of one
    piece this is the likeliest label of each slot, else the likeliest step by step. Ids from num_ids on do not count.
    """
    device = batch.source.device
    rows = [_Row(given=[ids.tolist() for ids in of_row], root=root, eos=eos) for of_row in given]
    pieces = sorted(_pieces(root))
    memory = model.decoder.remember(model.encode(batch.source, batch.source_mask), batch.source_mask)
    longest = 1 + max(row.most_tokens(_depth(root)) for row in rows)
    pasts = empty_pasts(model, len(rows), longest, memory.keys)
    columns, read = torch.tensor(pieces, device=device), [model.pad_id] * len(rows)
    for place in range(longest):
        token = torch.tensor(read, device=device)[:, None]
        logits = model.decode(token, torch.full_like(token, place), memory, pasts)[:, 0, :num_ids].float()
        ends = torch.tensor([row.end for row in rows], device=device)[:, None]
        best, of_ends, of_pieces = logits.argmax(1).tolist(), logits.gather(1, ends)[:, 0].tolist(), logits[:, columns]
        for number, scores in enumerate(of_pieces.tolist()):
            found = rows[number].go_on(best[number], dict(zip(pieces, scores, strict=True)), of_ends[number])
            read[number] = model.pad_id if found is None else found
        if all(row.is_done for row in rows):
            break
    return [row.steps for row in rows]


@dataclass(kw_only=True)
class _Row:
    """Where one row is."""

    given: list[list[int]]
    root: Node
    eos: int
    steps: Steps = field(default_factory=lambda: Steps([], []))
    is_outside: bool = False

    def __post_init__(self) -> None:
        self.node, self.left = self.root, list(self.given[0])

    @property
    def is_done(self) -> bool:
        return len(self.steps.likeliest) == len(self.given)

    @property
    def end(self) -> int:
        """What the model would have to say for a label to be at its end."""
        following = len(self.steps.likeliest) + 1
        return self.given[following][0] if following < len(self.given) else self.eos

    def most_tokens(self, longest_label: int) -> int:
        """Tokens that the row may come to."""
        return sum(map(len, self.given)) + longest_label * len(self.given)

    def go_on(self, best: int, scores: dict[int, float], of_end: float) -> int | None:
        """The next id to read, by the likeliest id, the scores of pieces and that of the end; None behind the last."""
        while not self.is_done:
            if self.left:
                return self.left.pop(0)
            label, children = self.node
            if not children:
                self._label(label)
                continue
            piece = max(children, key=scores.__getitem__)
            self.is_outside |= best not in children and not (label is not None and best == self.end)
            if label is not None and of_end >= scores[piece]:
                self._label(label)
                continue
            self.node = children[piece]
            return piece
        return None

    def _label(self, label: int | None) -> None:
        assert label is not None, "pieces without a label behind them are in no tree"
        self.steps.likeliest.append(label)
        self.steps.is_outside.append(self.is_outside)
        self.node, self.is_outside = self.root, False
        self.left = [] if self.is_done else list(self.given[len(self.steps.likeliest)])


def _pieces(node: Node) -> set[int]:
    return set(node.children).union(*map(_pieces, node.children.values()))


def _depth(node: Node) -> int:
    return max((1 + _depth(child) for child in node.children.values()), default=0)
