"""How fast text becomes tokens and tokens are read, in MB of UTF-8 text or tokens a second of one core.

    python bench/tokens.py
    python bench/tokens.py --models ../shared/data/vocab/t5-spiece.model --megabytes 10 --repeats 5

Process CPU time, so that other work on the machine counts as little as can be; medians. `batch` is
Tokenizer.encode_documents over a megabyte of text a call, `alone` encode_document, `bare` SentencePiece's ids with
neither word starts nor sentence ends, `ends` sentencex's sentences. `ours` is trained on the default corpus. `web`
are the pages of a crawl file behind the rules of C4; kinds whose files are missing are left out. Opening takes the
time on the clock, of a store in sparse files; reading is from the page cache.
"""

from __future__ import annotations

import argparse
import json
import lzma
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np
import sentencepiece

from data_prep.manifest import FORMAT_VERSION, SPLITS, Manifest, SplitCounts
from data_prep.reading.default_corpus import default_corpus
from data_prep.sentences import sentence_ends_of
from data_prep.tokenizer import Tokenizer
from data_prep.tokenizing.token_shards import join_token_shards, write_token_shard
from data_prep.tokenizing.training import train
from data_prep.tokenizing.training_lines import draw_lines, merged
from data_prep.tokens import TokenStore

DATA = Path(os.environ.get("DENOISE_DATA", Path(__file__).parents[1] / ".." / "shared" / "data"))
KINDS = {
    "speeches": default_corpus(),
    "books": DATA / "corpus" / "classic-books.jsonl.xz",
    "manuals": DATA / "corpus" / "peps.jsonl.xz",
    "textbook": DATA / "corpus" / "openstax-economics.jsonl.xz",
    "web": DATA / "crawl" / "lean-00000.warc.wet.gz",
    "chinese": DATA / "corpus" / "chinese.jsonl.xz",
    "22 languages": DATA / "languages" / "udhr.jsonl",
}
LANGUAGES = {"chinese": "zh"}
BATCH_CHARS = 1_000_000


def texts_of(path: Path) -> Iterator[str]:
    if path.is_dir():
        yield from (file.read_text(encoding="utf-8") for file in sorted(path.iterdir()))
    elif path.name.endswith(".warc.wet.gz"):
        from data_prep.cleaning.loop import clean_all
        from data_prep.cleaning.profiles import C4
        from data_prep.cleaning.rules import Rules
        from data_prep.reading.crawl_files import CrawlConfig, crawl_pages

        yield from (document.text for document in clean_all([crawl_pages(path, CrawlConfig())], Rules(C4)).documents)
    else:
        with (lzma.open if path.suffix == ".xz" else open)(path, "rt", encoding="utf-8") as file:
            yield from (json.loads(line)["text"] for line in file)


def some(texts: Iterable[str], num_bytes: float) -> list[str]:
    chosen = []
    for text in texts:
        chosen.append(text)
        num_bytes -= len(text.encode())
        if num_bytes <= 0:
            break
    return chosen


def megabytes(texts: Iterable[str]) -> float:
    return sum(len(text.encode()) for text in texts) / 1e6


def batches(texts: list[str]) -> list[list[str]]:
    cut: list[list[str]] = [[]]
    num_chars = 0
    for text in texts:
        cut[-1].append(text)
        num_chars += len(text)
        if num_chars >= BATCH_CHARS:
            cut, num_chars = [*cut, []], 0
    return cut


def median_s(work: Callable[[], object], repeats: int, clock: Callable[[], float] = time.process_time) -> float:
    seconds = []
    work()
    for _ in range(repeats):
        started_at_s = clock()
        work()
        seconds.append(clock() - started_at_s)
    return statistics.median(seconds)


def encoding(models: dict[str, Tokenizer], texts_by_kind: dict[str, list[str]], repeats: int) -> None:
    print(f"{'text':13} {'model':9} {'MB':>5} {'texts':>6} {'batch':>6} {'alone':>6} {'bare':>6} {'ends':>6}  MB/s")
    for kind, texts in texts_by_kind.items():
        for name, tokenizer in models.items():
            size = megabytes(texts)
            seconds = [median_s(way, repeats) for way in ways(tokenizer, texts, LANGUAGES.get(kind, "en"))]
            rates = "".join(f" {size / taken_s:6.1f}" for taken_s in seconds)
            print(f"{kind:13} {name:9} {size:5.1f} {len(texts):6}{rates}", flush=True)


def ways(tokenizer: Tokenizer, texts: list[str], language: str) -> list[Callable[[], object]]:
    cut = batches(texts)
    spm = sentencepiece.SentencePieceProcessor(model_proto=tokenizer.model)
    return [
        lambda: [tokenizer.encode_documents(part, language).ids[-1:] for part in cut],
        lambda: [tokenizer.encode_document(text, language).ids[-1:] for text in texts],
        lambda: [spm.encode(part, return_type="numpy", num_threads=1) for part in cut],
        lambda: [sentence_ends_of(part, language) for part in cut],
    ]


def drawing(texts: list[str], repeats: int) -> None:
    size = megabytes(texts)
    seconds = median_s(lambda: draw_lines(texts, 12_500_000), repeats)
    parts = [draw_lines(texts[n::8], 12_500_000) for n in range(8)]
    merge_s = median_s(lambda: merged(parts), repeats)
    print(f"draw_lines, 12.5 MB of {size:.0f} MB: {size / seconds:.1f} MB/s; merged, 8 draws: {merge_s:.2f} s")


def shards(tokenizer: Tokenizer, texts: list[str], home: Path, repeats: int) -> None:
    documents = [(SPLITS[number % 25 == 0], text) for number, text in enumerate(texts)]
    seconds = median_s(lambda: write_token_shard(documents, tokenizer, "en", home / "shard"), repeats)
    print(f"write_token_shard: {megabytes(texts) / seconds:.1f} MB/s of text, counting, hashing and writing included")
    folders = [home / "shard"] * 40
    seconds = median_s(lambda: join_token_shards(folders, home / "joined", tokenizer), repeats)
    splits, files = join_token_shards(folders, home / "joined", tokenizer)
    size = sum(file["num_bytes"] for file in files.values()) / 1e6
    millions = sum(counts.num_tokens for counts in splits.values()) / 1e6
    print(f"join_token_shards: {size / seconds:.0f} MB/s of files, {millions / seconds:.0f} M tokens/s ({size:.0f} MB)")


def made_store(tokenizer: Tokenizer, num_tokens: int, folder: Path, is_sparse: bool) -> None:
    """A store of zeros, or of random ids, in documents of 500 tokens."""
    tokenizer.save(folder / "tokenizer")
    (folder / "train").mkdir(parents=True)
    for name, size in (("tokens.bin", 2), ("marks.bin", 1)):
        with (folder / "train" / name).open("wb") as file:
            file.truncate(num_tokens * size)
            for start in range(0, 0 if is_sparse else num_tokens, 1 << 24):
                length = min(1 << 24, num_tokens - start) * size
                file.write(np.random.default_rng(start).integers(0, 256, length, dtype=np.uint8).tobytes())
    ends = np.arange(num_tokens // 500 + 1, dtype="<i8") * 500
    ends.tofile(folder / "train" / "documents.bin")
    counts = SplitCounts(num_documents=len(ends) - 1, num_tokens=num_tokens, num_bytes=0, num_words=0, num_sentences=0)
    paths = [path for home in ("train", "tokenizer") for path in (folder / home).iterdir()]
    Manifest(
        format_version=FORMAT_VERSION,
        splits=dict.fromkeys(SPLITS, counts),
        vocab_size=tokenizer.vocab.size,
        tokenizer_fingerprint=tokenizer.fingerprint,
        files={f"{path.parent.name}/{path.name}": {"num_bytes": path.stat().st_size, "sha256": ""} for path in paths},
        dropped={}, passed_over={}, split_rule="", options={}, sources=[], seconds={}, versions={},
    ).write(folder)  # fmt: skip


def reading(tokenizer: Tokenizer, home: Path, repeats: int) -> None:
    for num_tokens in (10**6, 10**9):
        made_store(tokenizer, num_tokens, home / str(num_tokens), is_sparse=True)
        seconds = median_s(lambda n=num_tokens: TokenStore.open(home / str(n)), 20 * repeats, time.perf_counter)
        print(f"TokenStore.open, {num_tokens / 1e6:.0f} M tokens: {seconds * 1e3:.2f} ms")
    num_tokens = 200_000_000
    made_store(tokenizer, num_tokens, home / "read", is_sparse=False)
    store = TokenStore.open(home / "read")
    starts = np.random.default_rng(1).integers(0, num_tokens - 568, 100_000).tolist()
    rows = np.empty((len(starts), 568), dtype=store.tokens.dtype)

    def windows() -> None:
        for row, start in enumerate(starts):
            rows[row] = store.tokens[start : start + 568]

    def all_windows() -> None:
        for row in range(len(rows)):
            rows[row] = store.tokens[row * 568 : row * 568 + 568]

    for what, work, count in (
        ("summed", lambda: np.add.reduce(store.tokens, dtype=np.uint64), num_tokens),
        ("copied", lambda: store.tokens.copy(), num_tokens),
        ("copied with marks", lambda: (store.tokens.copy(), store.marks.copy()), num_tokens),
        ("in windows of 568, one behind the other", all_windows, rows.size),
        ("in windows of 568, anywhere", windows, rows.size),
    ):
        print(f"tokens {what}: {count / median_s(work, repeats) / 1e9:.2f} G/s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, nargs="*", default=[DATA / "vocab" / "t5-spiece.model"])
    parser.add_argument("--megabytes", type=float, default=4, help="of each kind of text")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    print(", ".join(f"{name} {version(name)}" for name in ("sentencepiece", "sentencex", "numpy")))
    whole = {kind: list(texts_of(path)) for kind, path in KINDS.items() if path.exists()}
    ours = train(whole["speeches"], vocab_size=8192)
    given = {path.stem[:9]: Tokenizer.from_sentencepiece(path) for path in options.models if path.exists()}
    texts_by_kind = {kind: some(texts, options.megabytes * 1e6) for kind, texts in whole.items()}
    encoding({"ours": ours, **given}, texts_by_kind, options.repeats)
    drawing([text for texts in whole.values() for text in texts], 1)
    with tempfile.TemporaryDirectory() as home:
        shards(ours, texts_by_kind.get("web", texts_by_kind["speeches"]), Path(home), options.repeats)
        reading(ours, Path(home), options.repeats)


if __name__ == "__main__":
    main()
