"""Words, pills and ribbons as SVG, in colours for light and dark, and how wide words are."""

from __future__ import annotations

from html import escape

from rich.cells import cell_len

from denoise.explore.drawing import Kind, Token

FONT_PX = 16
NUMBER_PX = 9
"""Size of the numbers of blocks."""
SPACE_PX = 4.5
"""Between words."""
PILL_PX = 20
"""Height of a pill, and of the ground behind hidden text."""

ABOVE_PX = PILL_PX - 5
"""From a baseline up to the top of a pill."""
BELOW_PX = 5
"""From a baseline down to the bottom of a pill."""
GROUND_PADDING_PX = 2
"""By how much a ground reaches out on either side of its text."""
OTHER_PADDING_PX = 5
"""Between a shown token that is not the text's and its outline."""

_SANS = "Helvetica, Arial, 'Liberation Sans', sans-serif"
_MONO = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
_PILL_FONT_PX = 12.5
_PILL_CHARACTER_PX = 7.5
_PILL_PADDING_PX = 5

_COLOURS = {
    "paper": ("#ffffff", "#14161a"),
    "edge": ("#dfe3e8", "#2c323b"),
    "ink": ("#191c20", "#e9ebee"),
    "muted": ("#5f6975", "#9aa4b0"),
    "s0": ("#d55e00", "#ff8a4c"),
    "s1": ("#0072b2", "#4db3f0"),
    "s2": ("#009068", "#2cc79a"),
    "s3": ("#b4488a", "#ee9fd0"),
    "s4": ("#8a6d00", "#e6c229"),
    "s5": ("#6f3fa0", "#b99af0"),
}
NUM_COLOURS = 6

# Advance widths of Helvetica, in thousandths of an em; Arial and Liberation Sans have the same.
_WIDTHS = {
    191: "'",
    222: "ijl",
    260: "|",
    278: " !,./:;I[\\]ft",
    333: "()-`r",
    355: '"',
    389: "*",
    469: "^",
    500: "Jckvsxyz",
    556: "#$0123456789?L_abdeghnopqu",
    584: "+<=>~",
    611: "FTZ",
    667: "&ABEKPSVXY",
    722: "CDHNRUw",
    778: "GOQ",
    833: "Mm",
    889: "%",
    944: "W",
    1015: "@",
}
_WIDTH_OF = {character: width for width, characters in _WIDTHS.items() for character in characters}


def text_width(text: str, font_px: float = FONT_PX) -> float:
    """How wide a text is, in px: exact for ASCII in Helvetica's metrics, a guess from its terminal cells for others.

    >>> text_width("will be", 10)
    27.78
    """
    thousandths = sum(_WIDTH_OF.get(character, 500 * cell_len(character) + 100) for character in text)
    return round(thousandths * font_px / 1000, 2)


def token_width(token: Token) -> float:
    """How wide a token is drawn."""
    if is_pill(token):
        return _PILL_CHARACTER_PX * cell_len(token.flowing) + 2 * _PILL_PADDING_PX
    return text_width(token.flowing) + (2 * OTHER_PADDING_PX if token.kind is Kind.OTHER else 0)


def row_width(tokens: tuple[Token, ...]) -> float:
    """How wide tokens are that stand beside each other."""
    return sum(token_width(token) for token in tokens) + SPACE_PX * max(len(tokens) - 1, 0)


def is_pill(token: Token) -> bool:
    """Whether it is drawn as a pill: marks and control words."""
    return token.kind in (Kind.MARK, Kind.CONTROL)


def colour(number: int | None) -> str:
    """The class of a span's or a block's colour."""
    return "muted" if number is None else f"s{number % NUM_COLOURS}"


def words(text: str, x: float, y: float, *, kind: str = "ink", font_px: float = FONT_PX, is_bold: bool = False) -> str:
    """Text with its baseline at y. ASCII is held to its width, so that another font moves nothing."""
    held = f' textLength="{text_width(text, font_px):.1f}" lengthAdjust="spacingAndGlyphs"'
    extra = held if text.isascii() and not is_bold else ""
    weight = ' font-weight="700"' if is_bold else ""
    return (
        f'<text class="{kind}" fill="{_COLOURS[kind][0]}" x="{x:.1f}" y="{y:.1f}" font-size="{font_px:g}"'
        f"{weight}{extra}>{escape(text)}</text>"
    )


def words_to(text: str, right: float, y: float, *, font_px: float) -> str:
    """Muted text that ends at `right`."""
    return words(text, right - text_width(text, font_px), y, kind="muted", font_px=font_px)


def pill(token: Token, x: float, y: float) -> str:
    """A mark, or in outline a control word, on a line whose baseline is y."""
    width, top = token_width(token), y - ABOVE_PX
    name = "ink" if token.kind is Kind.CONTROL else colour(token.span)
    is_outline = token.kind is Kind.CONTROL
    writing = "ink" if is_outline else "paper"
    length = width - 2 * _PILL_PADDING_PX
    filled = f'class="{name}" fill="{_COLOURS[name][0]}" x="{x:.1f}" y="{top:.1f}"'
    frame = f'<rect {filled} width="{width:.1f}" height="{PILL_PX}" rx="5"/>'
    return (outline(name, x, x + width, y) if is_outline else frame) + (
        f'<text class="{writing}" fill="{_COLOURS[writing][0]}" x="{x + _PILL_PADDING_PX:.1f}" y="{y - 0.8:.1f}" '
        f'font-family="{_MONO}" font-size="{_PILL_FONT_PX:g}" font-weight="700" textLength="{length:.1f}" '
        f'lengthAdjust="spacingAndGlyphs">{escape(token.flowing)}</text>'
    )


def ground(name: str, x: float, right: float, y: float, *, opacity: float = 0.22) -> str:
    """The ground behind text on a line whose baseline is y."""
    return (
        f'<rect class="{name}" fill="{_COLOURS[name][0]}" fill-opacity="{opacity}" x="{x - GROUND_PADDING_PX:.1f}" '
        f'y="{y - ABOVE_PX:.1f}" width="{right - x + 2 * GROUND_PADDING_PX:.1f}" height="{PILL_PX}" rx="5"/>'
    )


def outline(name: str, x: float, right: float, y: float) -> str:
    """A frame around a token on a line whose baseline is y."""
    return (
        f'<rect class="{name}-line" fill="none" stroke="{_COLOURS[name][0]}" stroke-width="1.3" x="{x:.1f}" '
        f'y="{y - ABOVE_PX:.1f}" width="{right - x:.1f}" height="{PILL_PX}" rx="5"/>'
    )


def ribbon(name: str, top: tuple[float, float, float], bottom: tuple[float, float, float]) -> str:
    """From (left, right, y) above to (left, right, y) below, in curves."""
    (a, b, y), (c, d, z) = top, bottom
    half = (y + z) / 2
    path = (
        f"M{a:.1f} {y:.1f}C{a:.1f} {half:.1f} {c:.1f} {half:.1f} {c:.1f} {z:.1f}"
        f"H{d:.1f}C{d:.1f} {half:.1f} {b:.1f} {half:.1f} {b:.1f} {y:.1f}Z"
    )
    return f'<path class="{name}" fill="{_COLOURS[name][0]}" fill-opacity="0.22" d="{path}"/>'


def rule(x: float, right: float, y: float, *, kind: str = "edge") -> str:
    """A thin line."""
    return f'<path class="{kind}-line" stroke="{_COLOURS[kind][0]}" d="M{x:.1f} {y:.1f}H{right:.1f}"/>'


def cut(text: str, room: float, font_px: float) -> str:
    """The text, or as much of its start as fits, and an ellipsis.

    >>> cut("span corruption", 60, 13)
    'span cor…'
    """
    if text_width(text, font_px) <= room:
        return text
    while text and text_width(text + "…", font_px) > room:
        text = text[:-1]
    return text.rstrip() + "…"


def document(title: str, body: str, width: float, height: float) -> str:
    """The whole picture on its own paper: light, and dark where that is preferred."""
    dark = "".join(f".{name}{{fill:{pair[1]}}}.{name}-line{{stroke:{pair[1]}}}" for name, pair in _COLOURS.items())
    paper, edge = _COLOURS["paper"][0], _COLOURS["edge"][0]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" role="img" font-family="{_SANS}">\n<title>{escape(title)}</title>\n'
        f"<style>@media (prefers-color-scheme: dark){{{dark}}}</style>\n"
        f'<rect class="paper edge-line" fill="{paper}" stroke="{edge}" x="0.5" y="0.5" width="{width - 1:g}" '
        f'height="{height - 1:g}" rx="12"/>\n{body}\n</svg>\n'
    )
