"""Texts and label sets as they are put to every checkpoint, and the probes fitted to one."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import compress

from data_prep.tokenizer import Tokenizer
from denoise.model.encoder_decoder import EncoderDecoder
from denoise.transfer.probe.config import BadProbe, ProbeConfig
from denoise.transfer.probe.labels import Labels, control_of, labels_of, seen_share
from denoise.transfer.probe.linear import fit, standardised
from denoise.transfer.probe.reading import Reading, Text
from denoise.transfer.probe.results import LabelSet, LayerScore
from denoise.transfer.probe.states import Encoded, encoded, layer_states


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """Texts in ids, and the label sets upon their parts."""

    train: Encoded
    scored: Encoded
    asked: tuple[LabelSet, ...]
    """What is told of each label set."""
    labels: tuple[tuple[Labels, Labels], ...]
    """Of each label set the labels and those of its control task."""
    config: ProbeConfig

    def scores(self, model: EncoderDecoder, cost: dict[str, float]) -> Iterator[LayerScore]:
        """Fit a probe and its control to every layer of a model; seconds of CPU time are added to `cost`."""
        with timed(cost, "encoding_s"):
            layers = list(zip(layer_states(model, self.train), layer_states(model, self.scored), strict=True))
        device = next(model.parameters()).device
        fitted = partial(fit, penalty=self.config.penalty, num_iterations=self.config.num_iterations)
        for number, states in enumerate(layers):
            with timed(cost, "probing_s"):
                vectors = standardised(*states, device)
            for asked, pair in zip(self.asked, self.labels, strict=True):
                with timed(cost, "probing_s"):
                    # The same vectors, penalty and iterations for both: what differs is the labels.
                    real, control = (fitted(vectors, (each.train, each.scored)) for each in pair)
                yield LayerScore(
                    labels=asked.name,
                    layer=number,
                    accuracy=real.accuracy,
                    control_accuracy=control.accuracy,
                    train_accuracy=real.train_accuracy,
                    control_train_accuracy=control.train_accuracy,
                )


def sheet_of(reading: Reading, tokenizer: Tokenizer, config: ProbeConfig) -> Sheet:
    """Texts and labels for one vocabulary. Raises BadProbe where nothing can be read or told apart."""
    train, scored = (
        encoded([text.parts for text in texts], tokenizer, config.source_len)
        for texts in (reading.train, reading.scored)
    )
    types = _read(reading.train, train, None), _read(reading.scored, scored, None)
    asked, labels = [], []
    for place, name in enumerate(reading.names):
        texts = _read(reading.train, train, place), _read(reading.scored, scored, place)
        if len(set(texts[0])) < 2 or not texts[1]:
            raise BadProbe(
                f"{name} has {len(texts[1])} labels to score and {len(set(texts[0]))} classes to fit to; raise the "
                "numbers of words and texts that are read"
            )
        found = labels_of(*texts, types)
        control = control_of(found, name, types, config.seed)
        labels.append((found, control))
        asked.append(
            LabelSet(
                name=name,
                title=reading.titles[place],
                of_words=reading.of_words,
                split=reading.split,
                classes=found.classes,
                num_train=len(found.train),
                num_scored=len(found.scored),
                num_unread=_unread(train, scored),
                seen_share=seen_share(types),
                baselines=found.baselines,
                control_baselines=control.baselines,
            )
        )
    return Sheet(train=train, scored=scored, asked=tuple(asked), labels=tuple(labels), config=config)


def _read(texts: Sequence[Text], ids: Encoded, place: int | None) -> list[str]:
    """Of the parts that are read, the labels of a label set, or the parts themselves."""
    every = (one for text in texts for one in (text.parts if place is None else text.labels[place]))
    return list(compress(every, ids.is_read))


def _unread(train: Encoded, scored: Encoded) -> dict[str, int]:
    return {
        "train_parts": int((~train.is_read).sum()),
        "scored_parts": int((~scored.is_read).sum()),
        "train_texts": train.num_cut,
        "scored_texts": scored.num_cut,
    }


@contextmanager
def timed(cost: dict[str, float], name: str) -> Iterator[None]:
    """Add the seconds of CPU time that something takes."""
    started_s = time.process_time()
    yield
    cost[name] = round(cost.get(name, 0.0) + time.process_time() - started_s, 3)
