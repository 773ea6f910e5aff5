"""Figures in words: the same lines in the terminal and in the page."""

from __future__ import annotations

from corruptions.statistics import Range, Statistics
from denoise.explore.figures import Figures


def facts(figures: Figures) -> list[tuple[str, str]]:
    """What to tell of an objective: a title and a line each."""
    whole = figures.whole
    return [
        ("hidden", _hidden(whole, figures.asked_rate)),
        ("spans", _spans(whole)),
        ("source", _lengths(whole.source, whole.promised_source)),
        ("target", _lengths(whole.target, whole.promised_target)),
        ("promise", _promise(whole)),
        ("cost", f"{_plain(whole.tokens_a_raw_token, 2)} encoder + decoder tokens a token of text"),
        ("speed", _speed(figures)),
    ]


def _speed(figures: Figures) -> str:
    tokens = f"{figures.tokens_a_s / 1e6:,.3g} M tokens/s a core"
    return f"{_round(figures.windows_a_s)} windows/s, {tokens}, {'compiled' if figures.is_compiled else 'not compiled'}"


def _hidden(whole: Statistics, asked: float | None) -> str:
    wanted = "" if asked is None else f", {asked:.4g} asked"
    if whole.rate is None or whole.hidden.mean is None:
        return f"not told by this class{wanted}"
    if not whole.hidden.total:
        return f"nothing{wanted}"
    return f"{whole.rate:.4f} of the tokens{wanted}; {_plain(whole.hidden.mean, 1)} tokens a window"


def _spans(whole: Statistics) -> str:
    if whole.spans.mean is None:
        return "not told by this class"
    if whole.mean_span_length is None:
        return "none hides a token" if whole.spans.total else "none"
    return f"{_plain(whole.spans.mean, 1)} a window, {_plain(whole.mean_span_length, 2)} tokens each on average"


def _lengths(found: Range, promised: Range) -> str:
    if found.least == found.most:
        made = f"{found.least:,} tokens in all windows"
    else:
        made = f"{found.least:,} to {found.most:,} tokens, {_plain(found.mean, 1)} on average"
    most = f"{promised.most:,}" if promised.least == promised.most else f"{promised.least:,} to {promised.most:,}"
    return f"{made}; {most} promised"


def _promise(whole: Statistics) -> str:
    padding = f"{whole.padding_share:.1%} padding" if whole.padding_share else "no padding"
    if not whole.num_longer:
        return f"kept in all windows, {padding}"
    return f"broken: {whole.num_longer:,} of {whole.num_windows:,} examples are longer; {padding}"


def _plain(value: float | None, digits: int) -> str:
    """A number without zeros that say nothing."""
    return "none" if value is None else f"{value:,.{digits}f}".rstrip("0").rstrip(".") if digits else f"{value:,.0f}"


def _round(value: float) -> str:
    """Two digits that count."""
    return f"{float(f'{value:.2g}'):,.0f}"
