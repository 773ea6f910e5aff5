"""Which formats an objective trains in, told by what it hides, shows and has said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from corruptions import (
    Chain,
    Corruption,
    Counts,
    Denoising,
    DocumentRotation,
    Fragment,
    Linear,
    Mixture,
    Plan,
    PlannedCorruption,
    Prefixed,
    PrefixLM,
    Said,
    Shown,
    SpanCorruption,
    Spans,
    TextInfilling,
    TokenMasking,
)
from denoise.command_line import corruption_in
from denoise.config_files import configs
from denoise.transfer.exam.config import FORMATS, BadExam, ExamConfig, Format
from denoise.transfer.exam.formats import mode_of, question, seen_as
from tests.denoise.plug_ins import Reversed

SEEN = {
    "t5_span": {"sentinels"},
    "t5_iid": {"sentinels"},
    "t5_drop": set(),
    "bert_style": {"mask_each"},
    "mass_style": {"mask_each"},
    "spanbert": {"mask_each"},
    "bart_mask": {"mask_each"},
    "bart_delete": set(),
    "bart_infill": {"one_mask"},
    "bart_large": {"one_mask"},
    "bart_permute": set(),
    "bart_rotate": set(),
    "deshuffle": set(),
    "mass": {"fragment"},
    "prefix_lm": {"continuation"},
    "ul2": {"sentinels", "continuation"},
    "ul2_r": {"sentinels"},
    "ul2_s": {"continuation"},
    "ul2_x": {"sentinels"},
    "next_sentence": set(),
    "sentence_order": set(),
}


def seen(corruption: Corruption) -> set[str]:
    return {format for format in FORMATS if seen_as(corruption, format)}


@pytest.mark.parametrize("path", sorted((configs() / "corruptions").glob("*.yaml")), ids=lambda path: path.stem)
def test_what_each_preset_has_seen(path: Path) -> None:
    assert seen(corruption_in(path)) == SEEN[path.stem]


def test_a_mixture_has_seen_what_its_parts_have_but_for_those_never_picked() -> None:
    parts: list[Corruption] = [SpanCorruption(), TextInfilling(), PrefixLM()]
    weights = [1.0, Linear(start=0.0, end=1.0, num_steps=9), 0.0]
    assert seen(Mixture(parts=parts, weights=weights)) == {"sentinels", "one_mask"}


def test_options_that_change_with_the_step_do_not_change_the_format() -> None:
    assert seen(SpanCorruption(rate=Linear(start=0.1, end=0.5, num_steps=9))) == {"sentinels"}


def test_masks_that_are_never_shown_are_not_seen() -> None:
    assert seen(TokenMasking(mask_fraction=0.1, random_fraction=0.9)) == {"mask_each"}
    assert seen(TokenMasking(mask_fraction=0.0, random_fraction=1.0)) == set()
    assert seen(TextInfilling(random_fraction=1.0)) == set()


def test_the_kind_of_noise_is_part_of_the_format() -> None:
    assert seen(Denoising(noise=Fragment(), shown=Shown.MASK_EACH, said=Said.WHOLE_TEXT)) == set()
    assert seen(Denoising(noise=Spans(), shown=Shown.MASK_EACH, said=Said.FRAGMENT)) == set()
    assert seen(Denoising(noise=Spans(), shown=Shown.NOTHING, said=Said.NOISE)) == set()


class HidesFirstHalf(PlannedCorruption):
    shown, said = Shown.MASK_A_SPAN, Said.WHOLE_TEXT

    def extremes(self, window_len: int) -> tuple[Counts, ...]:
        return (Counts(window_len // 2, 1),)

    def plan(self, window, draws) -> Plan:
        return Plan.of_spans([0], [len(window.tokens) // 2], window_len=len(window.tokens))


def test_a_corruption_of_ones_own_has_seen_what_it_declares_or_nothing() -> None:
    assert seen(HidesFirstHalf()) == {"one_mask"}
    assert seen(Chain(steps=[DocumentRotation(), HidesFirstHalf()])) == {"one_mask"}
    assert seen(Reversed()) == set()


def test_the_mode_is_that_of_the_part_most_like_the_question() -> None:
    config = ExamConfig()
    ul2 = corruption_in(configs() / "corruptions" / "ul2.yaml")
    asked: list[tuple[Format, float]] = [("sentinels", 0.15), ("sentinels", 0.5), ("continuation", 0.5)]
    assert [mode_of(ul2, question(*each, config), each[0]) for each in asked] == ["[R]", "[X]", "[S]"]
    assert mode_of(ul2, question("one_mask", 0.15, config), "one_mask") is None
    assert mode_of(SpanCorruption(), question("sentinels", 0.15, config), "sentinels") is None
    behind_a_chain = Prefixed(mode="[X]", corruption=Chain(steps=[DocumentRotation(), TextInfilling()]))
    assert mode_of(behind_a_chain, question("one_mask", 0.15, config), "one_mask") == "[X]"


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("rate", [0.02, 0.15, 0.5, 0.7])
def test_every_format_has_its_rate(format: Format, rate: float) -> None:
    asked = question(format, rate, ExamConfig())
    assert {counts.noise for counts in asked.extremes(127)} == {round(rate * 127)}


@pytest.mark.parametrize("format", ["sentinels", "one_mask", "mask_each"])
def test_a_rate_that_spans_cannot_hide_is_refused(format: Format) -> None:
    with pytest.raises(BadExam, match=f"{format} cannot be examined at a rate of 0.8: .*raise mean_span_length"):
        question(format, 0.8, ExamConfig())


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"rates": (0.0,)}, "above 0 and below 1"),
        ({"rates": ()}, "above 0 and below 1"),
        ({"rates": (0.15, 0.15)}, "different numbers"),
        ({"formats": ("sentinel",)}, "of sentinels, one_mask, mask_each"),
        ({"formats": ()}, "formats are none"),
        ({"adapt": "some"}, "choose all, unseen or none"),
        ({"source_len": 2}, "at least 3"),
        ({"adapt_learning_rate": 0}, "above 0, such as"),
    ],
)
def test_an_exam_that_cannot_be_set_is_one_sentence(options: dict, part: str) -> None:
    with pytest.raises(BadExam, match=part):
        ExamConfig(**options)


def test_the_table_of_what_is_seen_names_every_preset() -> None:
    assert set(SEEN) == {path.stem for path in (configs() / "corruptions").glob("*.yaml")}
    assert np.mean([bool(found) for found in SEEN.values()]) > 0.5
