"""Files and data sets → pages, one at a time, so that memory does not grow with the corpus."""

from __future__ import annotations

import codecs
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from data_prep.pages import Page
from data_prep.reading.opened import BLOCK_BYTES, FoundText, is_unicode, not_utf8, opened
from data_prep.reading.rows import Fields, hub_rows, json_lines, parquet_rows, saved_rows
from data_prep.reading.sources import BadSource, Slice, Source, find

LONGEST_DOCUMENT_CHARS = 1_000_000


def documents(
    sources: Sequence[str | Path],
    *,
    fields: Fields | None = None,
    longest_document_chars: int = LONGEST_DOCUMENT_CHARS,
    counts: Counter[str] | None = None,
) -> Iterator[Page]:
    """Every page of `sources`, in their order; what a source may be is told at `data_prep.reading.sources.find`.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "two.jsonl"
    >>> _ = path.write_text('{"text": "One."}\\n{"text": "Two.", "url": "x"}\\n')
    >>> [(page.text, page.name.rpartition("/")[2]) for page in documents([path])]
    [('One.', 'two.jsonl:1'), ('Two.', 'two.jsonl:2')]

    A text file is one page. What is left out is counted in `counts` under its reason: `empty` (blank, or
    null in a table), `binary` (holds the character U+0000), `not unicode` (half of a surrogate pair), `too long`
    (a line of JSON above LONGEST_LINE_BYTES).
    A text longer than `longest_document_chars` comes as several pages, cut where a paragraph, a line, a
    sentence or a word ends; `cut` counts the cuts.

    Raises BadSource, with file and place, for what cannot be read, and when nothing is left at all.
    """
    counts = Counter() if counts is None else counts
    found, num_pages = find(sources), []
    for source in found.sources:
        if source.kind == "crawl":
            raise BadSource(f"{source.name} is a crawl file; clean it first: denoise clean {source.name} --out FOLDER")
        num_pages.append(0)
        for page in pages_of(Slice(source=source), fields or Fields(), longest_document_chars, counts):
            num_pages[-1] += 1
            yield page
    demand_texts(found.sources, num_pages, counts)


def demand_texts(
    sources: Sequence[Source], num_pages: Sequence[int], left_out: Mapping[str, int], damages: Sequence[str] = ()
) -> None:
    """Raise BadSource if a source that was named, or all together, came to no page.

    A crawl file may come to none, as long as another source has some: of many, one is often damaged, or all images.
    """
    if not any(num_pages):
        raise no_texts(sources, left_out, damages)
    for source, num in zip(sources, num_pages, strict=True):
        if not num and source.is_named and source.kind != "crawl":
            raise no_texts([source], left_out, damages)


def no_texts(sources: Sequence[Source], left_out: Mapping[str, int], damages: Sequence[str]) -> BadSource:
    """What to say of sources without a page."""
    what = f"{sources[0].name} has no text in it"
    if len(sources) > 1:
        what = f"no text in {len(sources)} files, {sources[0].name} first"
    if left_out:
        what += f" (left out: {', '.join(f'{n} {reason}' for reason, n in left_out.items())})"
    more = f" (and {len(damages) - 1} more damages)" if len(damages) > 1 else ""
    return BadSource(f"{what}: {damages[0]}{more}" if damages else f"{what}; leave it out or fill it")


def pages_of(part: Slice, fields: Fields, longest_chars: int, counts: Counter[str]) -> Iterator[Page]:
    """The pages of one source, or of a slice of it, crawl files excepted; see `documents`."""
    source = part.source
    for found in _READERS[source.kind](part, fields):
        if found.unfit:
            counts[found.unfit] += 1
            continue
        is_empty = True
        for number, text in enumerate(_cut(found.blocks, longest_chars)):
            counts.update({"cut": 1} if number else {})
            is_empty = False
            if "\0" in text:
                counts["binary"] += 1
            elif not is_unicode(text):
                counts["not unicode"] += 1
            else:
                yield Page(text=text, name=source.name + found.place, url=found.url, time=found.time)
        counts.update({"empty": 1} if is_empty else {})


def _cut(blocks: Iterable[str], longest_chars: int) -> Iterator[str]:
    """The joined blocks in stripped parts no longer than asked; blank parts are left out.

    A cut falls in the second half of what is allowed, behind a paragraph, line, sentence or word.
    """
    rest = ""
    for block in blocks:
        rest += block
        start = 0
        while len(rest) - start > longest_chars:
            half, end = start + longest_chars // 2, start + longest_chars
            places = (rest.rfind(mark, half, end) + len(mark) for mark in ("\n\n", "\n", ". ", "。", " "))
            end = next((place for place in places if place > half), end)
            if part := rest[start:end].strip():
                yield part
            start = end
        rest = rest[start:]
    if part := rest.strip():
        yield part


def _text(part: Slice, fields: Fields) -> Iterator[FoundText]:
    yield FoundText(_blocks(part.source), "")


def _blocks(source: Source) -> Iterator[str]:
    utf8 = codecs.getincrementaldecoder("utf-8")()
    decoder = io.IncrementalNewlineDecoder(utf8, translate=True)
    num_read_bytes = 0
    with opened(source) as file:
        while True:
            block = file.read(BLOCK_BYTES)
            pending_bytes = len(utf8.getstate()[0])
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                raise not_utf8(source.name, num_read_bytes - pending_bytes + error.start) from None
            yield text if num_read_bytes else text.removeprefix("\ufeff")
            if not block:
                return
            num_read_bytes += len(block)


_READERS = {"text": _text, "json_lines": json_lines, "parquet": parquet_rows, "saved": saved_rows, "hub": hub_rows}
