"""Which of several copies of a page is kept: the newest of each URL, whatever the rules say of its text."""

from __future__ import annotations

import re
from hashlib import md5
from zlib import crc32

from data_prep.cleaning.profiles import Profile
from data_prep.pages import Page

_SCHEME = re.compile(r"https?://(www\.)?")
_TRACKING_QUERY = re.compile(r"\?(utm_|ref|feed).*")
_TRACKING = re.compile(r"(utm_[^=]*|ref|feed)(=.*)?", re.IGNORECASE)


def url_key(url: str, profile: Profile) -> str:
    """What URLs of one page have in common.

    >>> from data_prep.cleaning.profiles import C4, C4_EXACT
    >>> url_key("https://www.a.org/b/?utm_source=x&p=1", C4)
    'a.org/b?p=1'
    >>> url_key("https://www.a.org/b/?utm_source=x&p=1", C4_EXACT)
    'a.org/b'
    """
    if profile.cuts_urls_anywhere:
        return _TRACKING_QUERY.sub("", _SCHEME.sub("", url)).rstrip("/")
    scheme = _SCHEME.match(url)
    place, _, query = url[scheme.end() if scheme else 0 :].partition("?")
    host, slash, path = place.partition("/")
    kept = "&".join(part for part in query.split("&") if part and not _TRACKING.fullmatch(part))
    return (host.lower() + slash + path).rstrip("/") + ("?" + kept if kept else "")


def copies_key(page: Page, profile: Profile) -> str | None:
    r"""What all copies of a page have in common: the address, or where there is none the text; none: all are kept.

    >>> from data_prep.cleaning.profiles import AS_IS, C4
    >>> page = Page(text="x", url="http://a.org/")
    >>> copies_key(page, C4), copies_key(Page(text="x"), C4), copies_key(page, AS_IS)
    ('a.org', '\x00x', None)
    """
    if not profile.one_page_per_url:
        return None
    return url_key(page.url, profile) if page.url else "\0" + page.text


def tie_of(page: Page, profile: Profile) -> int:
    """Of copies fetched at the same time the one of the highest number is kept, 64 bits; of equals the first read.

    >>> from data_prep.cleaning.profiles import C4
    >>> hex(tie_of(Page(text="x", url="http://a.org/"), C4))
    '0x8cdc16836ec2f4d8'

    CRC-32 is ten times as fast as MD5, and enough where a few copies of one page are told apart.
    """
    if profile.first_of_a_tie_wins:
        return 0
    text, url = (crc32(part.encode("utf-8", "surrogatepass")) for part in (page.text, page.url))
    return text << 32 | url


def is_held_out(key: str, fraction: float = 0.001) -> bool:
    """Whether the page of a `url_key` is held out, by its MD5: one in a thousand are those of C4's validation split.

    >>> sum(is_held_out(f"a.org/{n}") for n in range(10_000))
    12
    >>> is_held_out("a.org/2", 0.5), is_held_out("a.org/2", 0.9)
    (False, True)
    """
    number = int.from_bytes(md5(key.encode("utf-8", "surrogatepass"), usedforsecurity=False).digest(), "big")
    return number % 1000 + number // 1000 % 1000 / 1000 < fraction * 1000
