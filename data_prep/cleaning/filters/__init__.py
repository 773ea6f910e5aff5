"""Filters for whole pages, beyond the rules of C4; a stranger's plugs in by its dotted path."""

from data_prep.cleaning.filters.base import PageFilter
from data_prep.cleaning.filters.fineweb import FineWebQuality
from data_prep.cleaning.filters.gopher import GopherQuality
from data_prep.cleaning.filters.mc4 import LongParagraphs
from data_prep.cleaning.filters.repetition import GopherRepetition

__all__ = ["FineWebQuality", "GopherQuality", "GopherRepetition", "LongParagraphs", "PageFilter"]
