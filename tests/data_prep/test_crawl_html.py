"""WARC files: HTML comes out as text, what is no page is passed over under its name, and hostile HTML costs no time."""

from __future__ import annotations

import gzip
import time
from pathlib import Path

import pytest
from made_crawls import DATE, members, read

pytest.importorskip("isal", reason="crawl files need the extra `crawl`")
pytest.importorskip("fastwarc", reason="crawl files need the extra `crawl`")
pytest.importorskip("resiliparse", reason="crawl files need the extra `crawl`")

HTML = "<html><head><title>T</title></head><body><main><p>Größe ist alles.</p><p>Zweiter Satz.</p></main></body></html>"
TEXT = "Größe ist alles.\n\nZweiter Satz."


def response(body: bytes, head: str = "Content-Type: text/html; charset=utf-8", status: str = "200 OK") -> bytes:
    http = f"HTTP/1.1 {status}\r\n{head}\r\n\r\n".encode() + body
    return warc("response", http, "application/http; msgtype=response")


def warc(kind: str, body: bytes, content_type: str) -> bytes:
    lines = f"WARC/1.1\r\nWARC-Type: {kind}\r\nWARC-Target-URI: <http://a.org/x>\r\nWARC-Date: {DATE}\r\n"
    return f"{lines}Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body + b"\r\n\r\n"


def chunked(body: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:9], body[9:])) + b"0\r\n\r\n"


FORMS = {
    "as it is": response(HTML.encode()),
    "latin-1 in the head": response(HTML.encode("latin-1"), "Content-Type: text/html; charset=ISO-8859-1"),
    "latin-1 in a tag": response(
        HTML.replace("<head>", "<head><meta charset=latin1>").encode("latin-1"), "Content-Type: text/html"
    ),
    "a charset that is none": response(HTML.encode(), "Content-Type: text/html; charset=bogus"),
    "XHTML": response(HTML.encode(), "content-type: application/xhtml+xml"),
    "packed": response(gzip.compress(HTML.encode()), "Content-Type: text/html\r\nContent-Encoding: gzip"),
    "packed by the head, not by the body": response(HTML.encode(), "Content-Type: text/html\r\nContent-Encoding: gzip"),
    "in chunks": response(chunked(HTML.encode()), "Content-Type: text/html\r\nTransfer-Encoding: chunked"),
    "a resource": warc("resource", HTML.encode(), "text/html; charset=utf-8"),
}


@pytest.mark.parametrize("form", FORMS)
def test_html_comes_out_as_text(tmp_path: Path, form: str) -> None:
    for content in (FORMS[form], members(FORMS[form])):
        pages, tally = read(tmp_path / "a", content)
        assert [(page.url, page.time, page.text) for page in pages] == [("http://a.org/x", DATE, TEXT)]
        assert tally.is_whole


PASSED_OVER = {
    "not HTML": response(b"%PDF", "Content-Type: application/pdf"),
    "status 404": response(HTML.encode(), status="404 Not Found"),
    "empty": response(b"<html><script>x()</script></html>"),
    "request": warc("request", b"GET / HTTP/1.1\r\n\r\n", "application/http; msgtype=request"),
    "warcinfo": warc("warcinfo", b"software: x", "application/warc-fields"),
}


@pytest.mark.parametrize("what", PASSED_OVER)
def test_what_is_no_page_is_passed_over_under_its_name(tmp_path: Path, what: str) -> None:
    pages, tally = read(tmp_path / "a", PASSED_OVER[what] + FORMS["packed"])
    assert len(pages) == 1
    assert tally.passed_over == {what: 1}
    assert tally.is_whole


def test_a_large_file_that_is_no_page_is_no_damage(tmp_path: Path) -> None:
    large = response(bytes(9000), "Content-Type: video/mp4")
    html = response(b"<p>word</p>" * 900)
    pages, tally = read(tmp_path / "a", large + html + FORMS["packed"], max_record_bytes=4096)
    assert len(pages) == 1
    assert tally.passed_over == {"not HTML": 1}
    assert tally.lost == {"too large": 1}


LOST = {
    "damaged HTTP": [
        response(gzip.compress(HTML.encode())[:-20] + b"?" * 20, "Content-Type: text/html\r\nContent-Encoding: gzip"),
        warc("response", b"", "application/http"),
        warc("response", b"\0\xff\r\n\r\n", "application/http"),
    ],
    "too large": [response(gzip.compress(bytes(1 << 28)), "Content-Type: text/html\r\nContent-Encoding: gzip")],
    "HTML without end": [response(b"<div>" * 1_000_000), response(b"<div>" * 50_000 + b"x" + b"</div>" * 50_000)],
}


@pytest.mark.parametrize(("reason", "bad"), [(reason, bad) for reason, several in LOST.items() for bad in several])
def test_a_bad_response_is_lost_alone_and_at_once(tmp_path: Path, reason: str, bad: bytes) -> None:
    started_at_s = time.monotonic()
    pages, tally = read(tmp_path / "a", FORMS["as it is"] + bad + FORMS["packed"])
    assert time.monotonic() - started_at_s < 5
    assert [page.text for page in pages] == [TEXT, TEXT]
    assert tally.lost == {reason: 1}


def test_deep_html_that_can_be_read_is_read(tmp_path: Path) -> None:
    flat = response(b"<html><body>" + b"<p>A short line of text.<br><img>" * 9000 + b"</body></html>")
    deep = response(b"<div>" * 1500 + b"<p>Text.</p>" + b"</div>" * 1500)
    assert len(read(tmp_path / "a", flat + deep)[0]) == 2


def test_characters_that_are_half_a_pair_do_not_get_into_a_page(tmp_path: Path) -> None:
    pages, _ = read(tmp_path / "a", response(b"<p>a &#xD800; b &#0; c \xed\xa0\x80</p>"))
    assert pages[0].text.encode().decode() == pages[0].text
    assert "\0" not in pages[0].text


def test_all_that_shows_can_be_had(tmp_path: Path) -> None:
    page = response(b"<body><nav>Menu</nav><main><p>One. Two. Three.</p></main><footer>Imprint</footer></body>")
    assert read(tmp_path / "a", page)[0][0].text == "One. Two. Three."
    assert "Imprint" in read(tmp_path / "a", page, is_main_content=False)[0][0].text
