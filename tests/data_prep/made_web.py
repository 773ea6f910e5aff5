"""A small web in WET files: prose in which pages share lines, copies of pages, menus, another language."""

from __future__ import annotations

import random
from pathlib import Path

from made_crawls import members

SUBJECTS = ("The captain", "My sister", "An old farmer", "The committee", "Nobody", "Her neighbour", "The new doctor")
VERBS = ("described", "repaired", "painted", "forgot", "bought", "counted", "watched")
OBJECTS = ("the wooden boat", "a broken clock", "the treaty", "seven letters", "the long bridge", "an empty house")
ENDS = ("before the winter came.", "and went home late.", "without saying a word.", "for the third time.", "in June.")
SYLLABLES = ("ba", "ker", "lo", "min", "tas", "re", "du", "fen", "gal", "os", "pli", "ton", "vi", "war", "zu")
GERMAN = "Das ist ein deutscher Satz, der hier steht. Er hat noch einen zweiten. Und dann kommt der dritte Satz."


def line(draws: random.Random) -> str:
    """A sentence; half of them are likely to stand on other pages, too."""
    words = [draws.choice(words) for words in (SUBJECTS, VERBS, OBJECTS, ENDS)]
    if draws.random() < 0.5:
        words[2] = f"the {''.join(draws.choices(SYLLABLES, k=3))} of {draws.choice(SYLLABLES).title()}burg"
    return " ".join(words)


def web_pages(num_pages: int, seed: int = 1) -> list[tuple[str, str, str]]:
    """Address, time and text; one in seven is a copy of an earlier one, newer or older, one in nine is German."""
    draws = random.Random(seed)
    pages: list[tuple[str, str, str]] = []
    for number in range(num_pages):
        lines = [line(draws) for _ in range(draws.randint(1, 9))]
        if draws.random() < 0.2:
            lines.insert(0, "Home | News | Contact")
        if draws.random() < 0.05:
            lines.append("Please turn lorem ipsum into a text that says something.")
        if draws.random() < 0.11:
            lines = [GERMAN, f"Und das ist die Seite mit der Nummer {number}."]
        url = f"http://www.site{number % 13}.org/{number}/"
        if pages and draws.random() < 0.15:
            url = draws.choice(pages)[0].replace("www.", "")
        pages.append((url, f"2019-04-{draws.randint(1, 28):02}T10:00:00Z", "\n".join(lines)))
    return pages


def wet_record(url: str, time: str, text: str) -> bytes:
    body = text.encode()
    head = f"WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Target-URI: {url}\r\nWARC-Date: {time}\r\n"
    return f"{head}Content-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body + b"\r\n\r\n"


def write_web(folder: Path, pages: list[tuple[str, str, str]], num_files: int) -> list[Path]:
    """Pages dealt out to WET files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(num_files):
        paths.append(folder / f"{number:02}.warc.wet.gz")
        paths[-1].write_bytes(members(*(wet_record(*page) for page in pages[number::num_files])))
    return paths
