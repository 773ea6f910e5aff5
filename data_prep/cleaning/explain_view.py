"""An explanation in a terminal: in colour, or, where there is none, in words that say the same."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from data_prep.cleaning.explain import Check, ExplainedLine, Explanation, Outcome
from data_prep.cleaning.verdicts import LINE_REASONS, Document

_NARROW_CHARS = 72
_VERDICT_CHARS = 34
_LONGEST_LINE_CHARS, _LONGEST_CAUSE_CHARS = 4000, 120

_KEPT, _CUT, _DROPS, _CAUSE, _DIM = "green", "yellow", "bold red", "bold white on red", "dim"
_OUTCOMES = {Outcome.PASSED: _KEPT, Outcome.FAILED: _DROPS, Outcome.NOT_ASKED: _DIM}


class ExplanationView:
    """What rich prints of an explanation: `Console().print(ExplanationView(explanation))`."""

    def __init__(self, explanation: Explanation, profile_name: str = "") -> None:
        self._explanation = explanation
        self._profile_name = profile_name

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """Two columns, verdict and line; in a narrow terminal the line below its verdict."""
        explanation = self._explanation
        yield self._title()
        yield Text()
        yield from _stacked(explanation) if options.max_width < _NARROW_CHARS else _side_by_side(explanation)
        yield Text()
        yield _checks(explanation)
        yield Text()
        yield _final(explanation)

    def _title(self) -> Text:
        page = self._explanation.page
        title = Text.assemble((visible(page.url or page.name or "a page without a URL"), "bold"))
        more = [page.time, page.name if page.url else "", self._profile_name and f"profile {self._profile_name}"]
        return title.append(visible("".join(f" · {part}" for part in more if part)), _DIM)


def visible(text: str) -> str:
    r"""The same number of characters, none of which a terminal obeys, or that turns the text behind it round.

    >>> visible("red \x1b[31m\ttab \u202e\ud800")
    'red ?[31m tab ??'
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else " " if char.isspace() else "?" for char in text)


def _side_by_side(explanation: Explanation) -> Iterator[RenderableType]:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(justify="right", style=_DIM, no_wrap=True)
    table.add_column(width=_VERDICT_CHARS)
    table.add_column(overflow="fold", ratio=1)
    for number, line in _spoken(explanation):
        table.add_row(str(number), _verdict(line), _marked(line))
    yield table


def _stacked(explanation: Explanation) -> Iterator[RenderableType]:
    for number, line in _spoken(explanation):
        yield Text.assemble((f"{number} ", _DIM), _verdict(line))
        yield Padding(_marked(line), (0, 0, 0, 2))


def _spoken(explanation: Explanation) -> Iterator[tuple[int, ExplainedLine]]:
    """The lines that are not blank, by their numbers on the page."""
    for number, line in enumerate(explanation.lines, start=1):
        if line.verdict.line.strip():
            yield number, line


def _verdict(line: ExplainedLine) -> Text:
    reason = line.verdict.reason
    if reason is None:
        return _with_details(Text("kept", _KEPT), line.details)
    if reason in LINE_REASONS:
        return _with_details(Text(f"cut: {reason}", _CUT), line.details)
    return _with_details(Text(f"DROPS THE PAGE: {reason}", _DROPS), line.details)


def _with_details(text: Text, details: str) -> Text:
    return text.append(f" ({visible(details)})", _DIM) if details else text


def _marked(line: ExplainedLine) -> Text:
    is_kept = line.verdict.reason is None
    text = Text(visible(line.verdict.line), _KEPT if is_kept else "", overflow="fold")
    for start, end in line.causes:
        text.stylize("strike dim" if is_kept else _CAUSE, start, end)
    for start, end in reversed(line.causes):
        text = _shortened(text, start, end, _LONGEST_CAUSE_CHARS)
    return _shortened(text, 0, len(text), _LONGEST_LINE_CHARS)


def _shortened(text: Text, start: int, end: int, longest_chars: int) -> Text:
    """Without the middle of what is between start and end, if that is too long."""
    num_hidden = end - start - longest_chars
    if num_hidden <= 0:
        return text
    middle = start + longest_chars // 2
    return Text.assemble(
        text[:middle], (f"[... {num_hidden:,} characters ...]", "italic"), text[middle + num_hidden :], overflow="fold"
    )


def _checks(explanation: Explanation) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for check in explanation.checks:
        table.add_row(Text(check.name), _outcome(check), Text(visible(check.details)))
    return table


def _outcome(check: Check) -> Text:
    return Text(check.outcome.value, _OUTCOMES[check.outcome])


def _final(explanation: Explanation) -> Group:
    verdict = explanation.verdict
    lines = [line for _, line in _spoken(explanation)]
    num_kept = sum(line.verdict.reason is None for line in lines)
    if isinstance(verdict, Document):
        said = Text.assemble(
            ("KEPT", "bold green"), f": {num_kept:,} of {len(lines):,} lines, {len(verdict.text):,} characters"
        )
    else:
        said = Text.assemble(("DROPPED", _DROPS), f": {verdict.reason}")
        said.append(f" ({explanation.meaning})" if explanation.meaning else "", _DIM)
    note = "Other pages are not looked at: newer copies of it, lines that another page keeps."
    return Group(said, Text(note, _DIM))
