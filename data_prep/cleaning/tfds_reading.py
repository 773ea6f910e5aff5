"""The pages that C4's reader makes of one record of a WET file, which are not always the one page that is there."""

from __future__ import annotations

from collections.abc import Iterator

from data_prep.cleaning.pages import Page

_DELIMITER, _URL, _DATE = "WARC/1.0", "WARC-Target-URI:", "WARC-Date:"
_EATEN = ("WARC", "CONTENT-", "Content-")
_EATEN_BEHIND_A_LINE = tuple("\n" + start for start in _EATEN)


def as_tfds_reads(page: Page) -> Iterator[Page]:
    r"""That reader knows no Content-Length: it takes each line for text or header by how it starts.

    >>> page = Page(url="a.org", timestamp="2019", text=" One. \r\n\r\nContent-free talk.\nTwo.\nWARC/1.0\nThree.")
    >>> [(part.url, part.text) for part in as_tfds_reads(page)]
    [('a.org', 'One.\nTwo.'), ('', 'Three.')]

    Lines are stripped, empty ones left out. A carriage return alone ends a line too.
    """
    text = page.text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in page.text else page.text
    text = "\n".join([stripped for line in text.split("\n") if (stripped := line.strip())])
    if text.startswith(_EATEN) or any(start in text for start in _EATEN_BEHIND_A_LINE):
        yield from _split(page, text.split("\n"))
    else:
        yield Page(url=page.url, timestamp=page.timestamp, text=text)


def _split(page: Page, lines: list[str]) -> Iterator[Page]:
    url, timestamp = page.url, page.timestamp
    kept: list[str] = []
    for line in lines:
        if line == _DELIMITER:
            yield Page(url=url, timestamp=timestamp, text="\n".join(kept))
            url, timestamp, kept = "", "", []
        elif line.startswith(_URL):
            url = line.removeprefix(_URL).strip()
        elif line.startswith(_DATE):
            timestamp = line.removeprefix(_DATE).strip()
        elif not line.startswith(_EATEN):
            kept.append(line)
    yield Page(url=url, timestamp=timestamp, text="\n".join(kept))
