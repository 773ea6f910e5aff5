"""HTTP responses of a crawl → text: FastWARC takes the response apart, Resiliparse the HTML."""

from __future__ import annotations

import re
from collections import Counter

from data_prep.reading.crawl_files.members import needed
from data_prep.reading.crawl_files.tally import BAD_HTML, BAD_HTTP, NO_HTML, TOO_LARGE

HTML_TYPES = ("text/html", "application/xhtml+xml")
MAX_OPEN_TAGS = 2000

_FLAT = frozenset(b"area base br col embed hr img input li link meta option p source tbody td th tr track wbr".split())
"""Tags that are never closed, or that the next of their kind closes."""
_TAG = re.compile(rb"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
_HTTP_END = re.compile(rb"\r?\n\r?\n")
_HTTP_TYPE = re.compile(rb"\ncontent-type:[ \t]*([^\s;]+)", re.I)


class NotAPage(Exception):
    """A response that is passed over: it is whole, and holds no page."""


class Unreadable(Exception):
    """A response that is damaged: reason and details."""


def looks_like_html(start: bytes) -> bool:
    """Whether the head of an HTTP response says that it is HTML, for one that is not read to its end."""
    end = _HTTP_END.search(start)
    found = _HTTP_TYPE.search(start, 0, end.start() if end else len(start))
    return found is not None and found[1].decode("latin-1").lower() in HTML_TYPES


def response_html(body: bytes, max_bytes: int) -> tuple[bytes, str]:
    """The HTML of an HTTP response, with the encoding that its head names or "".

    Raises NotAPage, Unreadable.
    """
    warc = needed("fastwarc.warc", "FastWARC")
    head = b"WARC/1.1\r\nWARC-Type: response\r\nContent-Type: application/http; msgtype=response\r\n"
    length = b"Content-Length: %d\r\n\r\n" % len(body)
    try:
        response = warc.WarcRecord.from_bytes(head + length + body + b"\r\n\r\n")
        response.parse_http(auto_decode="all", quirks_mode=True)
        status, kind = response.http_headers.status_code, response.http_content_type or ""
        if status is None:
            raise Unreadable(BAD_HTTP, "the HTTP response has no status")
        if status != 200:
            raise NotAPage(f"status {status}")
        if kind.lower() not in HTML_TYPES:
            raise NotAPage(NO_HTML)
        html = response.reader.read(max_bytes + 1)
    except OSError as error:
        # Common Crawl's files of 2014 hold what was packed unpacked, under the head that it came with.
        html = body[end.end() :] if (end := _HTTP_END.search(body)) else b""
        if not html.lstrip().startswith(b"<"):
            raise Unreadable(BAD_HTTP, f"the HTTP response is damaged ({str(error).lower()})") from None
    if len(html) > max_bytes:
        raise Unreadable(TOO_LARGE, f"the HTML unpacks to more than {max_bytes} bytes")
    return html, response.http_charset or ""


def html_text(html: bytes, charset: str, *, is_main_content: bool) -> str:
    """The text of HTML as a reader sees it. Raises Unreadable for tags nested without end."""
    encoding = needed("resiliparse.parse.encoding", "Resiliparse")
    parse = needed("resiliparse.parse.html", "Resiliparse")
    extract = needed("resiliparse.extract.html2text", "Resiliparse")
    # The parser's time grows with the square of the depth: a page of opening tags alone would take days.
    if html.count(b"<") > MAX_OPEN_TAGS and _is_deep(html):
        raise Unreadable(BAD_HTML, f"more than {MAX_OPEN_TAGS} tags of the HTML are open at once")
    known = encoding.map_encoding_to_html5(charset, fallback_utf8=False) if charset else None
    tree = parse.HTMLTree.parse_from_bytes(
        html, known or encoding.detect_encoding(html, from_html_meta=True), errors="replace"
    )
    text: str = extract.extract_plain_text(tree, main_content=is_main_content)
    return text


def _is_deep(html: bytes) -> bool:
    num_open, open_by_name = 0, Counter[bytes]()
    for slash, name in _TAG.findall(html):
        name = name.lower()
        if name in _FLAT:
            continue
        if not slash:
            open_by_name[name] += 1
            num_open += 1
            if num_open > MAX_OPEN_TAGS:
                return True
        elif open_by_name[name]:
            open_by_name[name] -= 1
            num_open -= 1
    return False
