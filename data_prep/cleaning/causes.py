"""What in a line is the cause of its verdict."""

from __future__ import annotations

import re
from collections.abc import Callable

from data_prep.cleaning.rules import CITATION, POLICIES, Rules
from data_prep.cleaning.trace import LineVerdict

Causes = tuple[list[tuple[int, int]], str]
"""Start and end of each cause in characters, and the same in words."""

_Find = Callable[[str, Rules], Causes]


def causes_of(verdict: LineVerdict, rules: Rules) -> Causes:
    """Why a line is cut; of a line that is kept, what is cut out of it.

    >>> from data_prep.cleaning.profiles import C4
    >>> line = "This site uses cookies every day."
    >>> causes_of(LineVerdict(line=line, kept_text=None, reason="policy"), Rules(C4))
    ([(10, 22)], "'uses cookies'")
    """
    if verdict.reason is not None:
        return _CAUSES.get(verdict.reason, _unknown)(verdict.line, rules)
    citations = list(CITATION.finditer(verdict.line))
    if not citations or verdict.kept_text is None or verdict.kept_text == verdict.line.strip():
        return [], ""
    return [citation.span() for citation in citations], "without " + ", ".join(citation[0] for citation in citations)


def _unknown(line: str, rules: Rules) -> Causes:
    return [], ""


def _long_word(line: str, rules: Rules) -> Causes:
    words = [match for match in re.finditer(r"\S+", line) if len(match[0]) > rules.profile.longest_word_chars]
    longest = max((len(word[0]) for word in words), default=0)
    return [word.span() for word in words], f"of {longest:,} characters; at most {rules.profile.longest_word_chars:,}"


def _no_end_mark(line: str, rules: Rules) -> Causes:
    num_chars = end = len(line.rstrip())
    while citation := CITATION.fullmatch(line, max(0, line.rfind("[", 0, end)), end):
        end = citation.start()
        if rules.profile.leaves_blanks_of_citations and line[:end][-1:].isspace():
            return [(end - 1, num_chars)], f"a blank stays where {citation[0]} is cut"
        end = len(line[:end].rstrip())
    start = end - 3 if line.endswith("...", 0, end) else max(0, end - 1)
    return ([(start, end)], f"ends in {line[start:end]!r}") if end else ([(0, num_chars)], "nothing else is in it")


def _few_words(line: str, rules: Rules) -> Causes:
    words = CITATION.sub("", line).split()
    return [(0, len(line))], f"{len(words)}; at least {rules.profile.min_line_words}"


def _phrases(*phrases: str) -> _Find:
    pattern = re.compile("|".join(map(re.escape, phrases)), re.IGNORECASE)

    def causes(line: str, rules: Rules) -> Causes:
        matches = list(pattern.finditer(line))
        return [match.span() for match in matches], ", ".join(dict.fromkeys(repr(match[0]) for match in matches))

    return causes


_CAUSES: dict[str, _Find] = {
    "long word": _long_word,
    "no end mark": _no_end_mark,
    "few words": _few_words,
    "javascript": _phrases("javascript"),
    "policy": _phrases(*POLICIES),
    "repeated": lambda line, rules: ([(0, len(line))], "stands further up"),
    "lorem ipsum": _phrases("lorem ipsum"),
    "curly bracket": _phrases("{"),
}
