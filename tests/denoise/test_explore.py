"""What `denoise explore` draws is what was done, for every objective, any text and any width."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from functools import cache

import pytest
from rich.cells import cell_len
from rich.console import Console

from corruptions import Chain, Corruption, Draws, SentencePermutation, SpanCorruption
from data_prep.errors import BadInput
from denoise.explore.columns import aligned, said_by_place
from denoise.explore.config import Objective, presets
from denoise.explore.config import objective as read_objective
from denoise.explore.drawing import Drawing, Kind, drawn
from denoise.explore.subject import A_SENTENCE, subject_of
from denoise.explore.tables import print_comparison, print_costs
from denoise.explore.terminal import print_drawing
from tests.denoise.plug_ins import (
    Broken,
    HidesTheCommonest,
    HidesTheGreatest,
    OutOfRange,
    Reversed,
    SwapsAndHides,
)

CHINESE = "你好，世界。今天我们去公园，天气很好！明天呢？我们不知道。"
TEXTS = {
    "english": A_SENTENCE,
    "chinese": CHINESE,
    "one word": "word",
    "two words": "two words.",
    "emoji": "👍🏽 👩‍👩‍👧 flags 🇫🇷 and 😀 faces. More 😀!",
    "right to left": "שלום עולם. مرحبا بالعالم! mixed",
    "same again": "la la la la. la la la la. la la",
    "markup": "[bold]not[/bold] <b>markup</b> [/] \\[ :smile:",
    "long word": "x" * 300 + " and a short one. " + "y" * 200,
}


objective = cache(read_objective)


def draw(name: str, text: str = A_SENTENCE, seed: int = 23) -> Drawing:
    return drawn(subject_of(text, None, 128), objective(name), seed=seed)


def of(corruption: Corruption, text: str = A_SENTENCE, seed: int = 23) -> Drawing:
    return drawn(subject_of(text, None, 128), Objective("mine", corruption), seed=seed)


def printed(show, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    show(console)
    return console.file.getvalue()


@pytest.mark.parametrize("name", presets())
@pytest.mark.parametrize("text", TEXTS)
def test_what_is_drawn_as_hidden_is_what_was_hidden(name: str, text: str) -> None:
    subject = subject_of(TEXTS[text], None, 128)
    given = objective(name)
    for seed in range(6):
        drawing = drawn(subject, given, seed=seed)
        assert drawing.is_known
        hidden = given.corruption.hidden(subject.window, Draws(seed, 0, 0), subject.vocab)
        assert [token.span is not None for token in drawing.text] == hidden.tolist()
        assert [token.place for token in drawing.text] == list(range(len(drawing.text)))
        for token in (*drawing.source, *drawing.target):
            if token.kind is Kind.TEXT:
                assert token.place is not None
                assert token.name == drawing.text[token.place].name


@pytest.mark.parametrize("name", presets())
def test_protected_tokens_keep_their_places(name: str) -> None:
    """Unknown pieces and document ends look alike, and yet each is known for itself."""
    subject = subject_of(A_SENTENCE, None, 128)
    tokens, protected = subject.window.tokens.copy(), subject.window.protected.copy()
    tokens[[7, 22]], tokens[15], protected[[7, 15, 22]] = subject.vocab.unk, subject.vocab.eos, True
    subject = replace(subject, window=subject.window._replace(tokens=tokens, protected=protected))
    given = objective(name)
    for seed in range(6):
        drawing = drawn(subject, given, seed=seed)
        hidden = given.corruption.hidden(subject.window, Draws(seed, 0, 0), subject.vocab)
        assert drawing.is_known
        assert [token.span is not None for token in drawing.text] == hidden.tolist()
        assert all(token.kind is Kind.TEXT for token in drawing.text)
        assert [token.kind for token in drawing.source].count(Kind.END) == 1


@pytest.mark.parametrize("name", presets())
@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal_and_no_token_is_lost(name: str, width: int) -> None:
    for text in (A_SENTENCE, CHINESE):
        drawing = draw(name, text)
        output = printed(lambda console, d=drawing: print_drawing(d, console), width)
        assert max(cell_len(line) for line in output.splitlines()) <= width
        words = output.split()
        for row in (drawing.text, drawing.source[:-1]):
            for token in row:
                assert token.name in words


@pytest.mark.parametrize(
    "corruption",
    [SpanCorruption(rate=0.4), Chain(steps=[SentencePermutation(), SpanCorruption(rate=0.5)])],
    ids=["in order", "moved"],
)
def test_a_sentinel_has_the_span_that_the_decoder_says_behind_it(corruption: Corruption) -> None:
    text = " ".join(f"{word}." if number % 5 == 4 else word for number, word in enumerate(map(str, range(60))))
    num_moved = 0
    for seed in range(20):
        drawing = of(corruption, text, seed)
        num_moved += drawing.is_moved
        said: dict[str, set[int]] = {}
        for token in drawing.target[:-1]:
            if token.kind is Kind.MARK:
                places = said[token.name] = set()
                span = token.span
            else:
                assert token.span == span
                places.add(token.place)
        shown = {token.name: token.span for token in drawing.source if token.kind is Kind.MARK}
        assert set(shown) == set(said)
        for name, span in shown.items():
            assert {token.place for token in drawing.text if token.span == span} == said[name]
    assert num_moved > 10 or not isinstance(corruption, Chain)


def test_a_mark_of_one_token_knows_its_place() -> None:
    drawing = draw("mass", "a b c d e f g h i j")
    marks = [token.place for token in drawing.source if token.kind is Kind.MARK]
    assert marks == [token.place for token in drawing.target]


def test_a_random_token_is_not_taken_for_one_that_moved() -> None:
    text = " ".join(map(str, range(40)))
    others = [
        token for seed in range(60) for token in draw("bert_style", text, seed).source if token.kind is Kind.OTHER
    ]
    assert others
    assert not any(draw("bert_style", text, seed).is_moved for seed in range(60))
    assert all(token.place is not None and token.span is not None for token in others)


def test_moved_text_has_the_places_it_comes_from() -> None:
    drawing = of(Reversed(), "a b c d e f")
    assert drawing.is_moved
    assert [token.place for token in drawing.source[:-1]] == [5, 4, 3, 2, 1, 0]
    assert [token.block for token in drawing.text] == [0, 1, 2, 3, 4, 5]
    rotated = draw("bart_rotate", "a b c d e f")
    places = [token.place for token in rotated.source[:-1]]
    assert places == [*range(places[0], 6), *range(places[0])]
    assert {token.block for token in rotated.source[:-1]} == {0, 1}


def test_token_stands_under_token() -> None:
    drawing = of(SpanCorruption(rate=0.4, mean_span_length=2.0), "a bb ccc dddd eeeee f gg hhh 你好 i", seed=1)
    output = printed(lambda console: print_drawing(drawing, console), 44)
    assert [line.rstrip() for line in output.splitlines()] == [
        "mine  10 encoder + 7 decoder tokens",
        "  span corruption (rate 0.4, mean span",
        "  length 2.0)",
        "  text   a bb ccc dddd eeeee     f gg hhh",
        "  source a bb ccc dddd <0>            hhh",
        "  target               <0> eeeee f gg",
        "",
        "  text   你 好     i",
        "  source 你 <1>    i",
        "  target    <1> 好",
        "",
    ]


def test_the_places_of_moved_text_are_told() -> None:
    output = printed(lambda console: print_drawing(draw("bart_rotate", "a b c d e f g h", seed=2), console))
    assert output.splitlines() == [
        "bart_rotate  9 encoder + 9 decoder tokens",
        "  document rotation",
        "  place  1     4",
        "  text   a b c d e f g h",
        "  place  4         1",
        "  source d e f g h a b c",
        "  the decoder says the text, in its own order",
        "",
    ]


def test_columns_hold_every_token_once() -> None:
    for name in presets():
        for seed in range(5):
            drawing = draw(name, seed=seed)
            if drawing.is_moved:
                continue
            columns = aligned(drawing)
            assert tuple(t for c in columns for t in c.text) == drawing.text
            assert tuple(t for c in columns for t in c.source) == drawing.source[:-1]
            if said_by_place(drawing) is not None:
                assert [t.name for c in columns for t in c.target] == [
                    t.name for t in drawing.target if t.kind is not Kind.END
                ]


def test_a_comparison_puts_the_same_text_under_itself() -> None:
    names = ("t5_span", "bart_infill", "mass", "bart_mask")
    output = printed(lambda console: print_comparison([draw(name) for name in names], console), 120)
    texts = [line for line in output.splitlines() if line.startswith("  text")]
    reads = [line for line in output.splitlines() if " reads " in line]
    assert len(reads) == len(names) * len(texts)
    for number, line in enumerate(reads):
        text = texts[number // len(names)]
        for word in re.finditer(r"(?<= )[A-Za-z-]{5,}[.,]?(?= |$)", line[23:]):
            assert text[23:][word.start() : word.end()] == word[0]


@pytest.mark.parametrize("name", presets())
def test_a_comparison_loses_no_token(name: str) -> None:
    drawing = draw(name)
    output = printed(lambda console: print_comparison([drawing], console), 150).split()
    for token in (*drawing.source, *drawing.target):
        assert token.name in output or token.kind is Kind.END


def test_a_word_wider_than_the_terminal_is_cut() -> None:
    for name in ("t5_span", "bart_permute"):
        output = printed(lambda console, n=name: print_drawing(draw(n, TEXTS["long word"]), console), 60)
        assert max(map(cell_len, output.splitlines())) <= 60
        assert "xxx…" in output


def test_costs_are_relative_to_the_first() -> None:
    first, second = draw("t5_span"), draw("mass")
    output = printed(lambda console: print_costs([first, second], console))
    assert [line.split() for line in output.splitlines() if line.strip()][1:] == [
        ["t5_span", "29", "8", "37", "×", "1.00"],
        ["mass", "32", "16", "48", "×", f"{48 / 37:.2f}"],
    ]


def test_a_mask_in_moved_text_stands_for_what_its_sentence_hides() -> None:
    """What ends one sentence is not of one span with what starts the next, once they are moved apart."""
    drawing = of(SwapsAndHides(), "Nobody went there. Everyone stayed home.")
    assert drawing.is_moved
    first, second = (token for token in drawing.source if token.kind is Kind.MARK)
    assert (first.place, second.place) == (3, 2)
    assert (first.span, second.span) == (drawing.text[3].span, drawing.text[2].span)
    assert first.span != second.span


def test_what_depends_on_the_words_is_shown_without_places() -> None:
    assert not of(HidesTheGreatest(), "b c b").is_known
    drawing = of(HidesTheCommonest(), "b a b a b c")
    assert not drawing.is_known
    output = printed(lambda console: print_drawing(drawing, console))
    assert "depends on the words" in output
    assert "source a a c </s>" in output


def test_a_mixture_tells_its_part_and_its_mode() -> None:
    for seed in range(6):
        drawing = draw("ul2", seed=seed)
        mode = drawing.source[0]
        assert mode.kind is Kind.CONTROL
        assert drawing.part.startswith(mode.name)
        assert drawing.part in " ".join(printed(lambda console, d=drawing: print_drawing(d, console), 400).split())


def test_control_words_stand_for_no_text() -> None:
    drawing = draw("sentence_order")
    assert [token.name for token in drawing.source if token.kind is Kind.CONTROL] == ["[SEP]"]
    assert drawing.target[0].name in ("[YES]", "[NO]")
    assert drawing.target[0].kind is Kind.CONTROL


def test_a_plug_in_that_raises_is_told_with_its_line() -> None:
    with pytest.raises(BadInput, match=r"Broken raised ZeroDivisionError at .*plug_ins\.py:\d+: no reason; mend"):
        of(Broken())
    with pytest.raises(BadInput, match="source that is no array of ids"):
        of(OutOfRange())
