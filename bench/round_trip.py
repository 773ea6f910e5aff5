"""Whether every objective keeps its text: random windows through the compiled loops, and back.

    python bench/round_trip.py
    python bench/round_trip.py --data data/mine --only ul2 bart_infill

Windows of 1 to 2,048 tokens, a quarter of them of 1 to 8, for each part of each preset, from a store whose stretches
differ in ends of documents, sentences and words, or from a prepared corpus. Of every row: the text comes back bit for
bit where the objective keeps it (undone here for all rows, and by its own `restore` for one in ten), the rest of it is
shown, lengths are within `longest`, as much is hidden as was asked for, nothing special is, one eos ends it, and
sentinels ascend and match.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

# Python puts this folder first, and corruptions.py in it is named like the package that it times.
sys.path = [folder for folder in sys.path if Path(folder).resolve() != Path(__file__).resolve().parent]

import numpy as np

from corruptions import Chain, Corruption, Counts, Example, Lengths, Ordering, Prefixed, Said, TokenMasking
from corruptions.batch import IGNORED, CorruptedRows, Rows, corrupt_rows
from data_prep.tokens import TokenStore
from data_prep.vocab import SENTENCE_END, WORD_START, Vocab
from denoise.command_line import corruption_in
from denoise.config_files import configs

LONGEST, NUM_ROWS, STRETCH_TOKENS = 2048, 512, 20_000
SENTINELS, CONTROLS = tuple(range(33_099, 31_999, -1)), tuple(range(33_101, 33_107))
VOCAB = Vocab(
    size=33_107, pad=0, eos=1, unk=2, mask=33_100, sentinels=SENTINELS, text_ids=range(3, 32_000), controls=CONTROLS
)


class Promises(NamedTuple):
    """What a part says of windows of 0, 1, 2, ... tokens."""

    longest: np.ndarray
    counts: np.ndarray
    """The least and the most hidden tokens."""
    has_one_length: np.ndarray

    @classmethod
    def of(cls, part: Corruption) -> Promises:
        """Asked once for all lengths."""
        core: Any = part.corruption if isinstance(part, Prefixed) else part
        unplanned = Counts(0, 0), Counts(LONGEST, 0)
        counts = [getattr(core, "extremes", lambda n: unplanned)(n) for n in range(LONGEST + 1)]
        return cls(
            np.array([part.longest(n) for n in range(LONGEST + 1)]),
            np.array([(min(c.noise for c in found), max(c.noise for c in found)) for found in counts]),
            np.array([len(found) == 1 for found in counts]),
        )


def made_store() -> tuple[np.ndarray, np.ndarray]:
    """Stretches of random ids, one for each mean length of documents, sentences and words; 0: there are no ends."""
    generator = np.random.default_rng(0)
    tokens, marks = [], []
    for lens in [*product((0, 400, 40, 5, 1), (0, 20, 3, 1), (0, 3, 1.4, 1)), (2, 20, 1.4)]:
        ids = generator.integers(VOCAB.text_ids.start, VOCAB.text_ids.stop, STRETCH_TOKENS)
        is_document_end, is_stop, is_start = (generator.random(STRETCH_TOKENS) * n < bool(n) for n in lens)
        if lens[2] == 3:
            ids[generator.random(STRETCH_TOKENS) < 0.02] = VOCAB.unk
        ids[is_document_end & (lens[0] > 0)] = VOCAB.eos
        tokens.append(ids.astype(np.uint16))
        is_start, is_stop = is_start & (lens[2] > 0), is_stop & (lens[1] > 0)
        marks.append((is_start * WORD_START + is_stop * SENTENCE_END).astype(np.uint8))
    return np.concatenate(tokens), np.concatenate(marks)


def batches(store: tuple[np.ndarray, np.ndarray], num_windows: int, num_parts: int) -> Iterator[Rows]:
    """Windows anywhere; nine batches in ten of windows of like lengths, so that rows fill them, the others of any."""
    generator = np.random.default_rng(1)
    num_rows = num_windows * num_parts
    lengths = generator.integers(1, LONGEST + 1, num_rows)
    is_short = generator.random(num_rows) < 0.25
    lengths[is_short] = 1 + lengths[is_short] % 8
    lengths[: num_rows * 9 // 10].sort()
    for first in range(0, num_rows, NUM_ROWS):
        chosen = lengths[first : first + NUM_ROWS]
        windows = np.arange(first, first + len(chosen))
        starts = generator.integers(0, len(store[0]) - chosen + 1)
        yield Rows(*store, starts, chosen, windows % 3, windows.astype(np.uint64), windows % num_parts)


def undone(said: Said, out: CorruptedRows, kept: np.ndarray, vocab: Vocab) -> list[np.ndarray]:
    """The text of each row from source and target alone; `kept` is true at the source without mode, eos and pads."""
    is_said = np.arange(out.target.shape[1]) < (out.target_lengths - (said is not Said.FRAGMENT))[:, None]
    source, target = out.source.astype(np.int64), out.target
    if said is Said.WHOLE_TEXT:
        source, kept = target, is_said
    elif said is Said.FRAGMENT and out.positions is not None:
        rows, places = np.nonzero(is_said)
        source[rows, out.positions[rows, places]] = target[rows, places]
    elif said is Said.NOISE:  # a suffix
        source, kept = np.hstack([source, target]), np.hstack([kept, is_said])
    counts = kept.astype(np.int64)
    text = source[kept]
    if said is Said.SPANS:
        is_mark, in_source = (np.isin(ids, vocab.sentinels) for ids in (target[is_said], source))
        in_source &= kept
        counts[in_source] = np.diff(np.flatnonzero(is_mark), append=len(is_mark)) - 1
        text = np.repeat(text, counts[kept])
        text[np.repeat(in_source[kept], counts[kept])] = target[is_said][~is_mark]
    return np.split(text, np.cumsum(counts.sum(1))[:-1])


def laws(part: Corruption, promises: Promises, rows: Rows, out: CorruptedRows, vocab: Vocab, sums: Counter) -> dict:
    """For each law, which rows break it; counts go into `sums`."""
    core: Any = part.corruption if isinstance(part, Prefixed) else part
    used, made, noise = (
        out.used_lengths,
        np.stack([out.source_lengths, out.target_lengths], axis=1),
        out.target_is_noise,
    )
    texts = [rows.tokens[start : start + n] for start, n in zip(rows.starts, used, strict=True)]
    ends_in, free = np.array([((t == vocab.eos).sum(), (~vocab.is_special[t]).sum()) for t in texts]).T
    rank = np.full(vocab.size, -1)
    rank[list(vocab.sentinels)] = np.arange(len(vocab.sentinels))
    real = [np.arange(ids.shape[1]) < n[:, None] for ids, n in zip((out.source, out.target), made.T, strict=True)]
    source, target = (
        np.where(is_real, ids, vocab.pad) for ids, is_real in zip((out.source, out.target), real, strict=True)
    )
    ranks = [[row[row >= 0] for row in rank[ids]] for ids in (source, target)]
    num_marks = np.isin(source, [vocab.mask, *vocab.sentinels, *vocab.controls]).sum(1)
    hidden = noise.sum(1) if isinstance(core, TokenMasking) else used + 1 + num_marks - made[:, 0]
    asked = np.minimum(promises.counts[used].T, used if part.hides_protected else free)
    shown, said = (source == vocab.eos).sum(1) - 1, (target == vocab.eos).sum(1) - 1
    has_spans = getattr(core, "said", None) is Said.SPANS
    differs = made != promises.longest[used]
    sums.update(
        windows=len(used),
        tokens=used.sum(),
        hidden=hidden.sum(),
        asked=asked.sum() / 2 if hasattr(core, "extremes") else hidden.sum(),
        cut=(used < rows.lengths).sum(),
    )
    return {
        "lengths within longest": (made > promises.longest[used]).any(1) & (free == used),
        "lengths exact": differs.any(1) & (free == used) & promises.has_one_length[used],
        "as much hidden as asked": (hidden < asked[0]) | (hidden > asked[1]),
        "noise is text": (noise & vocab.is_special[target]).any(1),
        "an eos ends the source": source[np.arange(len(used)), made[:, 0] - 1] != vocab.eos,
        "one eos": (shown > ends_in) | (said > ends_in) | ((shown < ends_in) & (not part.hides_protected)),
        "pads behind": ((out.source == vocab.pad) == real[0]).any(1) | ((out.target == IGNORED) == real[1]).any(1),
        "sentinels ascend": np.array([(row != np.arange(len(row))).any() for row in ranks[0]]),
        "sentinels match": np.array([has_spans and not np.array_equal(*both) for both in zip(*ranks, strict=True)]),
    }


def text_differs(part: Corruption, rows: Rows, out: CorruptedRows, vocab: Vocab) -> np.ndarray:
    """bool[rows]: the text does not come back."""
    is_prefixed = isinstance(part, Prefixed)
    said: Said | None = getattr(part.corruption if is_prefixed else part, "said", None)
    places = np.arange(out.source.shape[1])
    kept = (places >= is_prefixed) & (places < out.source_lengths[:, None] - 1)
    found = undone(said, out, kept, vocab) if said else None
    differs = np.zeros(len(kept), dtype=bool)
    for row, (start, n) in enumerate(zip(rows.starts, out.used_lengths, strict=True)):
        text = rows.tokens[start : start + n]
        differs[row] = found is not None and not np.array_equal(found[row], text)
        if found is None or rows.windows[row] % 10 == 0:
            positions = None if out.positions is None else out.positions[row, : out.target_lengths[row]]
            target = out.target[row, : out.target_lengths[row]].astype(np.int32)
            example = Example(out.source[row, : out.source_lengths[row]], target, target_positions=positions)
            differs[row] |= not np.array_equal(part.restore(example, vocab), text)
    return differs


def shows_other(part: Corruption, rows: Rows, out: CorruptedRows, vocab: Vocab) -> np.ndarray:
    """bool[rows]: where the whole text is said, whether the source is not what is left of it beside the marks."""
    differs = np.zeros(len(rows.starts), dtype=bool)
    if getattr(part, "said", None) is not Said.WHOLE_TEXT:
        return differs
    is_mark = np.isin(out.source, [vocab.mask, *vocab.sentinels])
    for row, (start, n) in enumerate(zip(rows.starts, out.used_lengths, strict=True)):
        text, noise = rows.tokens[start : start + n], out.target_is_noise[row, :n]
        source, is_shown = out.source[row, : out.source_lengths[row] - 1], ~is_mark[row, : out.source_lengths[row] - 1]
        if isinstance(part, TokenMasking):  # a replaced token is text, but another one
            differs[row] = (source[noise] == text[noise]).any() or (is_shown == noise)[source == vocab.mask].any()
            differs[row] |= (source[noise] != vocab.mask).sum() > part.masked_and_replaced(int(n))[1]
            is_shown = ~noise
        shown, left = source[is_shown], text[~noise]
        if isinstance(part, Chain | Ordering):
            shown, left = np.sort(shown), np.sort(left)
        differs[row] |= not np.array_equal(shown, left)
    return differs


def tried(corruption: Corruption, store: tuple, vocab: Vocab, num_windows: int) -> tuple[Counter, list[str]]:
    """Counts over all windows of a preset, and the rows that failed."""
    parts = corruption.variants()
    sums: Counter = Counter()
    failures: list[str] = []
    promises = [Promises.of(part) for part in parts]
    for rows in batches(store, num_windows, len(parts)):
        longest = [promises[k].longest[n] for k, n in zip(rows.parts, rows.lengths, strict=True)]
        out = corrupt_rows(parts, rows, vocab, seed=7, pad_to=Lengths(*np.max(longest, axis=0).tolist()))
        for number in np.unique(rows.parts):
            part, of = parts[number], np.flatnonzero(rows.parts == number)
            own = Rows(rows.tokens, rows.marks, *(column[of] for column in rows[2:]))
            made = out._replace(**{name: c[of] for name, c in out._asdict().items() if c is not None})
            found = laws(part, promises[number], own, made, vocab, sums)
            if part.restores and not np.any(list(found.values())):
                found["the text comes back"] = text_differs(part, own, made, vocab)
                sums["restored"] += int((~found["the text comes back"]).sum())
            found["the rest is shown"] = shows_other(part, own, made, vocab)
            for law, is_broken in found.items():
                failures += [
                    f"{part.describe()}: {law}: window {own.windows[row]}" for row in np.flatnonzero(is_broken)
                ]
    return sums, failures


def main() -> None:
    """Print a line for each preset; exit with 1 if a row failed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--num_windows", type=int, default=100_000, help="for each part of a preset")
    parser.add_argument("--data", help="a prepared corpus, with 1,100 sentinels")
    parser.add_argument("--only", nargs="*", help="presets of configs/corruptions")
    options = parser.parse_args()
    store, vocab, num_failures = None, VOCAB, 0
    if options.data:
        opened = TokenStore.open(options.data)
        store, vocab = (np.asarray(opened.tokens), np.asarray(opened.marks)), opened.vocab
    store = store or made_store()
    print(f"{'':14}{'windows':>9}{'tokens':>13}{'restored':>10}{'asked':>10}{'hidden':>10}{'cut':>8}{'failures':>10}")
    for path in sorted((configs() / "corruptions").glob("*.yaml")):
        if options.only and path.stem not in options.only:
            continue
        sums, failures = tried(corruption_in(path), store, vocab, options.num_windows)
        shares = "".join(f"{sums[name] / sums['tokens']:10.5f}" for name in ("asked", "hidden"))
        restored = f"{sums['restored']:,}" if sums["restored"] else "no"
        counts = f"{sums['windows']:9,}{sums['tokens']:13,}{restored:>10}"
        print(f"{path.stem:14}{counts}{shares}{sums['cut']:8,}{len(failures):10,}")
        print(*failures[:3], sep="\n", end="\n" if failures else "", flush=True)
        num_failures += len(failures)
    sys.exit(num_failures > 0)


if __name__ == "__main__":
    main()
