"""A table as LaTeX that compiles, whatever its words are made of."""

from __future__ import annotations

import unicodedata

from denoise.study.table import Entry, Table
from denoise.study.writers import heading, seeds_of


def as_latex(table: Table) -> str:
    """A table for a paper; it needs the packages booktabs and graphicx, and compiles with any engine."""
    kept = [place for place, column in enumerate(table.columns) if not column.is_aside]
    columns = [table.columns[place] for place in kept]
    heads = " & ".join(_in_latex(heading(column)) for column in columns)
    rows = [" & ".join(_entry_in_latex(row[place]) for place in kept) + r" \\" for row in table.rows]
    caption = _in_latex(
        f"{table.title}. {table.legend[:1].upper()}{table.legend[1:]}." if table.legend else table.title
    )
    return "\n".join(
        [
            r"% \usepackage{booktabs,graphicx}",
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{caption}}}",
            rf"\label{{tab:{table.name}}}",
            r"\resizebox{\linewidth}{!}{%",
            rf"\begin{{tabular}}{{{''.join('r' if column.is_number else 'l' for column in columns)}}}",
            r"\toprule",
            heads + r" \\",
            r"\midrule",
            *rows,
            r"\bottomrule",
            r"\end{tabular}}",
            r"\end{table}",
            "",
        ]
    )


def _entry_in_latex(entry: Entry) -> str:
    text = _in_latex(entry.text)
    under = " ".join(filter(None, [_in_latex(entry.note), _in_latex(seeds_of(entry))]))
    return (rf"\textbf{{{text}}}" if entry.is_best else text) + (rf" {{\scriptsize {under}}}" if under else "")


_LATEX = {
    **{sign: "\\" + sign for sign in "{}$&#%_"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{sign: f"${sign}$" for sign in "<>|"},
    # After the end of a row these would be its options; two hyphens or quotes would be one sign.
    **{sign: f"{{{sign}}}" for sign in "[]*-`'\""},
    "★": r"$\star$",
    "±": r"$\pm$",
    "−": "$-$",
    "→": r"$\rightarrow$",
    "×": r"$\times$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "†": r"\dag{}",
    "—": "---",
    "–": "--",
    "…": r"\dots{}",
    "⟨": r"$\langle$",
    "⟩": r"$\rangle$",
    "ß": r"\ss{}",
    **{sign: f"\\{name}{{}}" for sign, name in zip("æÆøØłŁ", ("ae", "AE", "o", "O", "l", "L"), strict=True)},
    **{
        sign: f"$\\{name}$"
        for sign, name in zip("αβγλμσ", ("alpha", "beta", "gamma", "lambda", "mu", "sigma"), strict=True)
    },
}


def _in_latex(text: str) -> str:
    """Text that LaTeX sets as it is; a sign that its fonts lack becomes its name, as [SNOWMAN].

    >>> _in_latex("50 % & more_☃")
    '50 \\\\% \\\\& more\\\\_{[}SNOWMAN{]}'
    """
    return "".join(_LATEX.get(sign) or _sign_in_latex(sign) for sign in " ".join(text.split()))


def _sign_in_latex(sign: str) -> str:
    if sign.isascii():
        return sign if sign.isprintable() else " "
    if sign.isalpha() and "LATIN" in unicodedata.name(sign, ""):
        # Letter and accents, which every engine knows: é becomes {\'e}.
        parts = unicodedata.normalize("NFD", sign)
        if len(parts) == 2 and parts[0].isascii() and parts[1] in _ACCENTS:
            return f"{{\\{_ACCENTS[parts[1]]}{{{parts[0]}}}}}"
    return f"{{[}}{unicodedata.name(sign, f'U+{ord(sign):04X}').replace('-', '{-}')}{{]}}"


_ACCENTS = {
    "\u0300": "`",
    "\u0301": "'",
    "\u0302": "^",
    "\u0303": "~",
    "\u0304": "=",
    "\u0306": "u",
    "\u0307": ".",
    "\u0308": '"',
    "\u030a": "r",
    "\u030b": "H",
    "\u030c": "v",
    "\u0327": "c",
}
