"""`denoise explore`: a picture of what corruptions do to a text, token under token."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from corruptions import Corruption, Draws, Example, Window
from data_prep.errors import BadInput
from data_prep.files import write_whole
from data_prep.vocab import Vocab
from denoise.feed.windows import read_only

A_SENTENCE = (
    "Thank you for inviting me to your party last week. It was the best evening of the year. Nobody wanted to go home."
)

_STYLES = {"text": "", "noise": "bold red", "mark": "bold cyan", "said": "bold green", "end": "dim"}


@dataclass(frozen=True, kw_only=True)
class ExploreConfig:
    """What to show."""

    corruption: Corruption | None = None
    """One corruption: a name, a dotted path or a file. Left out: the presets."""
    presets: tuple[str, ...] = ()
    """Files of configs/corruptions by name, such as [t5_span, bart_infill, mass]. Left out: all of them."""
    data: str | None = None
    """Folder that `denoise prepare` wrote, for its vocabulary. Left out: a word is a token."""
    seed: int = 1
    """Another seed, other noise."""
    svg: str | None = None
    """Write the picture to this SVG file as well."""


@dataclass(frozen=True)
class Column:
    """One token of the text, what the encoder sees at its place, and what the decoder says for it."""

    text: str
    source: str
    target: str
    is_noise: bool


class Words:
    """A vocabulary made of one text's own words, so that a picture needs nothing prepared.

    >>> words = Words("to be or not to be.")
    >>> [words.name(i) for i in words.window.tokens]
    ['to', 'be', 'or', 'not', 'to', 'be.']
    """

    def __init__(self, text: str) -> None:
        from data_prep.sentences import sentence_ends

        found = text.split()
        if not found:
            raise BadInput("there is no text to explore; give a sentence of at least two words")
        known = sorted(set(found))
        first, num_sentinels = 4, 100
        self.vocab = Vocab(
            size=first + len(known) + num_sentinels,
            pad=0,
            eos=1,
            unk=2,
            mask=3,
            sentinels=tuple(range(first + len(known), first + len(known) + num_sentinels)),
            text_ids=range(first, first + len(known)),
        )
        self._known = known
        ends = set(_words_before(sentence_ends(" ".join(found)), found))
        self.window = window_of(
            np.array([first + known.index(word) for word in found], dtype=np.int32),
            sentence_ends=np.array([place in ends for place in range(len(found))]),
            word_starts=np.ones(len(found), dtype=bool),
            vocab=self.vocab,
        )

    def name(self, token: int) -> str:
        """How an id is written."""
        if token in self.vocab.text_ids:
            return self._known[token - self.vocab.text_ids.start]
        return mark_name(token, self.vocab)


class Pieces:
    """A text in the pieces of a prepared vocabulary."""

    def __init__(self, text: str, folder: Path) -> None:
        from data_prep.tokens import TokenStore

        self._tokenizer = TokenStore.open(folder).tokenizer
        self.vocab = self._tokenizer.vocab
        ids, word_starts, sentence_ends = self._tokenizer.encode_document(text)
        if not len(ids):
            raise BadInput("there is no text to explore; give a sentence of at least two words")
        self.window = window_of(ids, sentence_ends=sentence_ends, word_starts=word_starts, vocab=self.vocab)

    def name(self, token: int) -> str:
        """How an id is written."""
        return self._tokenizer.piece(token) if token in self.vocab.text_ids else mark_name(token, self.vocab)


def window_of(tokens: np.ndarray, *, sentence_ends: np.ndarray, word_starts: np.ndarray, vocab: Vocab) -> Window:
    """A read-only window."""
    protected = vocab.is_special[tokens]
    return read_only(Window(tokens.astype(np.int32), sentence_ends, word_starts, protected))


def mark_name(token: int, vocab: Vocab) -> str:
    """Short names for what is no text: <0>, <1>, ... for sentinels, _ for the mask, . for the end.

    >>> vocab = Vocab(size=9, pad=0, eos=1, unk=2, mask=8, sentinels=(7, 6), text_ids=range(3, 6))
    >>> [mark_name(token, vocab) for token in (7, 6, 8, 1)]
    ['<0>', '<1>', '[M]', '</s>']
    """
    if token in vocab.sentinels:
        return f"<{vocab.sentinels.index(token)}>"
    return {vocab.mask: "[M]", vocab.eos: "</s>", vocab.pad: "<pad>", vocab.unk: "<unk>"}.get(token, f"#{token}")


def show(text: str | None, config: ExploreConfig, console: Console | None = None) -> None:
    """Print what one corruption, or each of configs/corruptions, does to a text."""
    console = console or Console(record=config.svg is not None, width=80 if config.svg else None)
    subject = Pieces(text or A_SENTENCE, Path(config.data)) if config.data else Words(text or A_SENTENCE)
    for name, corruption in _chosen(config):
        draws = Draws(seed=config.seed, epoch=0, window=0)
        hidden = corruption.hidden(subject.window, draws, subject.vocab)
        draws = Draws(seed=config.seed, epoch=0, window=0)
        example = corruption.corrupt(subject.window, draws, subject.vocab)
        cost = f"{len(example.source)} encoder + {len(example.target)} decoder tokens"
        console.print(Text.assemble((name, "bold"), f"  {cost}"))
        console.print(Text(f"  {corruption.describe()}", "dim"))
        columns = aligned(subject.window, hidden, example, subject) if hidden is not None else None
        if columns is not None:
            _print_columns(columns, console)
        else:
            _print_lines(subject, example, console)
        console.print()
    if config.svg:
        # rich would have the picture fetch its font from the network.
        picture = re.sub(r"@font-face \{.*?\}", "", console.export_svg(title="denoise explore"), flags=re.DOTALL)
        write_whole(Path(config.svg), picture)
        print(f"picture: {config.svg}")


def aligned(window: Window, hidden: np.ndarray, example: Example, subject: Words | Pieces) -> list[Column] | None:
    """The three lines of the picture as columns; None if the encoder reads the text in another order.

    Every token of the window is a column; a mark that stands for nothing gets one of its own.
    """
    source = [int(token) for token in example.source]
    if source and source[-1] == subject.vocab.eos:
        source.pop()
    said = _said(window, hidden, example, subject)
    columns: list[Column] = []
    place, read = 0, 0
    while place < len(window.tokens) or read < len(source):
        run = place
        while run < len(window.tokens) and hidden[run]:
            run += 1
        following = [int(token) for token in window.tokens[run : run + 1]]
        num_marks = _marks_before(source[read:], following, run - place)
        if num_marks is None:
            return None
        marks = [subject.name(token) for token in source[read : read + num_marks]]
        read += num_marks
        if run == place and marks:
            columns += [Column("", mark, "", False) for mark in marks]
        for offset in range(run - place):
            mark = marks[offset] if offset < len(marks) else ""
            columns.append(Column(subject.name(window.tokens[place + offset]), mark, said[place + offset], True))
        if following:
            name = subject.name(following[0])
            columns.append(Column(name, name, said[run], False))
            read += 1
        place = run + 1
    return columns


def _marks_before(rest: Sequence[int], following: Sequence[int], num_hidden: int) -> int | None:
    """How many source tokens stand for a run of hidden ones: up to the next kept token; None if it is not there."""
    if not following:
        return len(rest)
    # Masked one by one there are as many marks as tokens, and a random one may look like the kept token.
    for count in (num_hidden, 1, 0):
        if rest[count : count + 1] == list(following):
            return count
    return None


def _said(window: Window, hidden: np.ndarray, example: Example, subject: Words | Pieces) -> list[str]:
    """What the decoder says at each place of the window; a sentinel stands before the first token of its span."""
    target = [int(token) for token in example.target]
    said = [""] * len(window.tokens)
    if target[: len(said)] == window.tokens.tolist():
        return [subject.name(token) for token in window.tokens]
    places = iter(np.flatnonzero(hidden).tolist())
    mark = ""
    for token in target:
        if token in subject.vocab.sentinels:
            mark = subject.name(token) + " "
        elif token != subject.vocab.eos and (place := next(places, None)) is not None:
            said[place] = mark + subject.name(token)
            mark = ""
    return said


def _chosen(config: ExploreConfig) -> list[tuple[str, Corruption]]:
    if config.corruption is not None:
        return [(type(config.corruption).__name__, config.corruption)]
    from denoise.command_line import corruption_in
    from denoise.config_files import configs

    folder = configs() / "corruptions"
    names = config.presets or tuple(sorted(path.stem for path in folder.glob("*.yaml")))
    missing = [name for name in names if not (folder / f"{name}.yaml").is_file()]
    if missing:
        known = ", ".join(sorted(path.stem for path in folder.glob("*.yaml")))
        raise BadInput(f"there is no preset {', '.join(missing)}; there are {known}")
    return [(name, corruption_in(folder / f"{name}.yaml")) for name in names]


def _print_columns(columns: Sequence[Column], console: Console) -> None:
    """The lines text, source and target, cut into blocks that fit the width of the terminal."""
    room = max(console.width - 9, 20)
    block: list[Column] = []
    used = 0
    for column in [*columns, None]:
        width = _width(column) if column is not None else 0
        if block and (column is None or used + width > room):
            _print_block(block, console)
            block, used = [], 0
        if column is not None:
            block.append(column)
            used += width


def _print_block(block: Sequence[Column], console: Console) -> None:
    lines = {"text": Text("  text   "), "source": Text("  source "), "target": Text("  target ")}
    for column in block:
        width = _width(column)
        is_mark = column.is_noise or not column.text
        lines["text"].append(set_cell_size(column.text, width), _STYLES["noise"] if column.is_noise else "")
        lines["source"].append(set_cell_size(column.source, width), _STYLES["mark"] if is_mark else "")
        lines["target"].append(set_cell_size(column.target, width), _STYLES["said"] if column.is_noise else "dim")
    for line in lines.values():
        console.print(line, no_wrap=True, overflow="ignore", crop=False)


def _width(column: Column) -> int:
    """Terminal cells: a Chinese character takes two."""
    return 1 + max(cell_len(column.text), cell_len(column.source), cell_len(column.target))


def _print_lines(subject: Words | Pieces, example: Example, console: Console) -> None:
    for title, tokens in (
        ("  text   ", subject.window.tokens),
        ("  source ", example.source),
        ("  target ", example.target),
    ):
        console.print(Text(title + " ".join(subject.name(int(token)) for token in tokens)))


def _words_before(ends: Sequence[int] | np.ndarray, words: Sequence[str]) -> list[int]:
    """The words, counted from 0, in which the sentences that end at these characters end."""
    last_characters = np.cumsum([len(word) + 1 for word in words]) - 1  # one past each word
    return np.searchsorted(last_characters, np.asarray(ends), side="left").clip(max=len(words) - 1).tolist()
