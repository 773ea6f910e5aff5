"""What every reader gives and cleaning takes: one text, and where it was found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """One text as it was found."""

    text: str
    """Lines end with a newline character alone."""
    name: str = ""
    """Where it lies: `notes.txt`, `books.jsonl:17` (a line), `web.parquet:3` (a row, from 1), `a.warc.gz@18184` (a
    byte)."""
    url: str = ""
    """Its address; empty where the source has none."""
    time: str = ""
    """When it was fetched, as the source writes it (`2019-04-18T22:20:18Z`): later ones compare greater; or empty."""
    language: str = ""
    """What the crawler took the language for, `eng` or `zho,eng`; or empty."""
