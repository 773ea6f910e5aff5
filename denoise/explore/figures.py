"""Each objective in numbers: how much it hides, how long its examples are, what they cost, how fast it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from time import process_time
from typing import TYPE_CHECKING

import numpy as np

from corruptions import Corruption, Draws, Example, Mixture, Window
from corruptions.protocol import read_only
from corruptions.statistics import Statistics, measured_parts, sum_of
from data_prep.errors import BadInput
from data_prep.vocab import SENTENCE_END, WORD_START, Vocab
from denoise.explore.config import ExploreConfig, Objective
from denoise.explore.drawing import failure
from denoise.explore.subject import made_vocab, visible

if TYPE_CHECKING:
    from data_prep.tokens import TokenStore

_NUM_MADE_WORDS = 30_000
_SENTENCE_LEN = 20
_LEAST_TIMES, _MOST_TIMES = 3, 100
_TIMED_S = 0.1
_BINS = (
    (0, 0),
    (1, 1),
    (2, 2),
    (3, 3),
    (4, 4),
    (5, 5),
    (6, 8),
    (9, 16),
    (17, 32),
    (33, 64),
    (65, 128),
    (129, 256),
    (257, None),
)


@dataclass(frozen=True, kw_only=True)
class Bin:
    """Spans of some lengths."""

    name: str
    """The lengths, such as 6-8."""
    share: float
    """Of all spans."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What is told about an objective."""

    whole: Statistics
    """Over all windows."""
    parts: dict[str, Statistics]
    """Of each part of a mixture, by its description; empty for all others."""
    asked_rate: float | None
    """The fraction of tokens that its options ask for; None where they name none."""
    windows_a_s: float
    """Windows that one core corrupts in a second of its time."""
    tokens_a_s: float
    """Raw tokens that one core corrupts in a second of its time."""
    is_compiled: bool
    """Whether compiled loops do it, a batch at once; if not, it is the class's own Python, one window at a time."""


def figures_of(objective: Objective, windows: Sequence[Window], vocab: Vocab, config: ExploreConfig) -> Figures:
    """Measure. Raises BadInput with what went wrong."""
    corruption = objective.corruption.at(config.step)
    try:
        examples = made_examples(corruption, windows, vocab, config.seed)
        elapsed_s, is_compiled = seconds_taken(corruption, windows, vocab, config.seed)
        parts = measured_parts(corruption, windows, vocab, seed=config.seed, examples=examples)
    except BadInput:
        raise
    except Exception as error:
        raise failure(corruption, error) from error
    whole = sum_of(list(parts.values()))
    return Figures(
        whole=whole,
        parts=parts if len(parts) > 1 else {},
        asked_rate=asked_rate(corruption),
        windows_a_s=len(windows) / elapsed_s,
        tokens_a_s=whole.num_raw_tokens / elapsed_s,
        is_compiled=is_compiled,
    )


def made_examples(corruption: Corruption, windows: Sequence[Window], vocab: Vocab, seed: int) -> list[Example]:
    """The example of each window, the first at window 0 of epoch 0."""
    return [corruption.corrupt(window, Draws(seed, 0, number), vocab) for number, window in enumerate(windows)]


def seconds_taken(corruption: Corruption, windows: Sequence[Window], vocab: Vocab, seed: int) -> tuple[float, bool]:
    """Seconds of this process that these windows take, the median of some times, and whether compiled loops do it.

    Training corrupts a batch at once; plug-ins, which no compiled loop knows, one window after the other.
    """
    from corruptions.compiled.space import MAX_LENGTH  # here, because only figures need them
    from corruptions.program import is_compiled

    parts = corruption.parts if isinstance(corruption, Mixture) else [corruption]
    longest = max((len(window.tokens) for window in windows), default=0)
    compiled = longest <= MAX_LENGTH and all(is_compiled(part) for part in parts)
    if compiled:
        corrupt = _batch(corruption, parts, windows, vocab, seed)
    else:

        def corrupt() -> object:
            return made_examples(corruption, windows, vocab, seed)

    corrupt()  # the first time warms up
    taken: list[float] = []
    while len(taken) < _LEAST_TIMES or (sum(taken) < _TIMED_S and len(taken) < _MOST_TIMES):
        started_at_s = process_time()
        corrupt()
        taken.append(process_time() - started_at_s)
    return max(median(taken), 1e-9), compiled


def _batch(
    corruption: Corruption, parts: Sequence[Corruption], windows: Sequence[Window], vocab: Vocab, seed: int
) -> Callable[[], object]:
    """What corrupts the windows as one batch of rows, as training does."""
    from corruptions.batch import CorruptedRows, Rows, corrupt_rows

    numbers = np.arange(len(windows), dtype=np.uint64)
    lengths = np.array([len(window.tokens) for window in windows], dtype=np.int64)
    ends, starts_word = (np.concatenate([window[column] for window in windows]) for column in (1, 2))
    rows = Rows(
        tokens=np.concatenate([window.tokens for window in windows]).astype(
            np.uint16 if vocab.size <= 1 << 16 else np.int32
        ),
        marks=(ends * SENTENCE_END + starts_word * WORD_START).astype(np.uint8),
        starts=np.cumsum(lengths) - lengths,
        lengths=lengths,
        epochs=np.zeros(len(windows), dtype=np.int64),
        windows=numbers,
        parts=np.array([_part(corruption, Draws(seed, 0, int(number))) for number in numbers], dtype=np.int64),
    )
    out = CorruptedRows.empty(len(windows), corruption.longest(int(lengths.max())))
    return lambda: corrupt_rows(parts, rows, vocab, seed=seed, pad_to=corruption.longest(int(lengths.max())), out=out)


def _part(corruption: Corruption, draws: Draws) -> int:
    return corruption.number_of(draws) if isinstance(corruption, Mixture) else 0


def measured_windows(config: ExploreConfig) -> tuple[list[Window], Vocab, str]:
    """Windows to measure on, their vocabulary, and what they are: of the prepared corpus, or made."""
    if config.data is None:
        vocab = made_vocab(_NUM_MADE_WORDS)
        made = [made_window(config.window_len, number, vocab) for number in range(config.num_windows)]
        return made, vocab, f"{len(made)} made windows of {config.window_len:,} tokens"
    from data_prep.tokens import TokenStore

    store = TokenStore.open(config.data)
    if store.num_tokens < config.window_len:
        raise BadInput(
            f"{config.data} has {store.num_tokens:,} tokens, fewer than one window of {config.window_len:,}; "
            "give a smaller window_len"
        )
    starts = np.linspace(0, store.num_tokens - config.window_len, config.num_windows, dtype=np.int64)
    windows = [_cut(store, start, config.window_len) for start in np.unique(starts).tolist()]
    return windows, store.vocab, f"{len(windows)} windows of {config.window_len:,} tokens of {visible(config.data)}"


def _cut(store: TokenStore, start: int, window_len: int) -> Window:
    tokens = store.tokens[start : start + window_len].astype(np.int32)
    marks = np.asarray(store.marks[start : start + window_len])
    is_end, starts_word = (marks & SENTENCE_END) != 0, (marks & WORD_START) != 0
    return read_only(Window(tokens, is_end, starts_word, store.vocab.is_special[tokens]))


def made_window(window_len: int, number: int, vocab: Vocab) -> Window:
    """A window of one document of random words: two in three tokens start a word, sentences have about 20 tokens."""
    draws = Draws(0, 0, number)
    spread = np.array(draws.permutation(window_len), dtype=np.int64)
    tokens = vocab.text_ids.start + (spread * 7919 + 104_729 * number) % len(vocab.text_ids)
    is_end = spread % _SENTENCE_LEN == 0
    is_end[-1:] = True
    starts_word = (spread % 3 > 0) | np.concatenate([[True], is_end[:-1]])[:window_len]
    return read_only(Window(tokens.astype(np.int32), is_end, starts_word, np.zeros(window_len, dtype=bool)))


def asked_rate(corruption: Corruption) -> float | None:
    """The fraction of tokens that options ask to hide, in the corruption itself or in what it is made of."""
    for name in ("rate", "noise", "corruption"):
        value = getattr(corruption, name, None)
        if isinstance(value, int | float):
            return float(value)
        if value is not None and name != "rate" and (found := asked_rate(value)) is not None:
            return found
    rates = {asked_rate(step) for step in getattr(corruption, "steps", ())} - {None}
    return rates.pop() if len(rates) == 1 else None


def span_bins(statistics: Statistics) -> list[Bin]:
    """The spans by their length, coarser towards the long ones, from the first that there is to the last.

    >>> from corruptions import SpanCorruption
    >>> from corruptions.letters import LETTERS, window_of
    >>> found = sum_of(list(measured_parts(SpanCorruption(), [window_of("a b c d e f g h")], LETTERS).values()))
    >>> span_bins(found)
    [Bin(name='1', share=1.0)]
    """
    counts, total = statistics.span_lengths, int(statistics.span_lengths.sum())
    if not total:
        return []
    found = []
    for least, most in _BINS:
        count = int(counts[least : None if most is None else most + 1].sum())
        name = str(least) if most == least else f"{least}+" if most is None else f"{least}-{most}"
        found.append(Bin(name=name, share=count / total))
    filled = [place for place, part in enumerate(found) if part.share]
    return found[filled[0] : filled[-1] + 1]
