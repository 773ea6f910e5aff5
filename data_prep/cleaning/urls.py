"""Which of several copies of a page is kept: the newest of each URL, whatever the rules say of its text."""

from __future__ import annotations

import re
from hashlib import md5

from data_prep.cleaning.profiles import Profile

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


def is_validation(key: str) -> bool:
    """Whether C4 puts the page of a `url_key` into its validation split: one in a thousand, by MD5.

    >>> sum(is_validation(f"a.org/{n}") for n in range(10_000))
    12
    """
    return int(md5(key.encode(), usedforsecurity=False).hexdigest(), 16) % 1000 == 0
