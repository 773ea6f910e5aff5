"""The job of cleaning: the loop's documents whatever the division of the work, and nothing lost on the way."""

from __future__ import annotations

import json
import lzma
import random
import sys
from collections import Counter
from dataclasses import replace
from hashlib import md5
from pathlib import Path

import pytest
from cleaning_pages import page
from made_crawls import members, record
from made_web import web_pages, write_web

from data_prep.cleaning import language
from data_prep.cleaning.dedup import DedupUnit
from data_prep.cleaning.language import NoDetector
from data_prep.cleaning.loop import clean_all
from data_prep.cleaning.near_duplicates import NearDuplicates
from data_prep.cleaning.profiles import C4, C4_EXACT, Profile
from data_prep.cleaning.rules import Rules
from data_prep.errors import BadInput
from data_prep.files import InUse, only_one
from data_prep.job import clean as clean_module
from data_prep.job.clean import clean
from data_prep.job.clean_manifest import BadTexts, CleanManifest
from data_prep.job.config import CleanConfig
from data_prep.job.engine import Engine
from data_prep.job.finish_unit import texts_in
from data_prep.job.tasks import Workplace
from data_prep.reading.crawl_files import BadCrawl

pytest.importorskip("isal", reason="crawl files need the extra `crawl`")

LOOP = Engine(runner="loop")
SOME_NEAR = NearDuplicates(num_bands=8, num_rows=4, shingle_words=3)


def rows_of(folder: Path) -> list[dict[str, object]]:
    """What `datasets` reads of a folder of cleaned texts."""
    import datasets

    splits = datasets.load_dataset(str(folder), cache_dir=str(folder.parent / "cache"))
    return [row for split in splits.values() for row in split]


@pytest.mark.parametrize(
    "profile",
    [
        C4,
        C4_EXACT,
        replace(C4, dedup=DedupUnit.SPANS),
        replace(C4, near_duplicates=SOME_NEAR),
        replace(C4, dedup=DedupUnit.NONE),
    ],
    ids=["c4", "c4-exact", "spans", "near", "no dedup"],
)
def test_the_job_gives_what_the_plain_loop_gives(tmp_path: Path, profile: Profile) -> None:
    pages = web_pages(400)
    files = write_web(tmp_path / "web", pages, 3)
    manifest = clean(files, tmp_path / "out", CleanConfig(rules=profile), engine=LOOP)
    dealt = [[page(text, url, time) for url, time, text in pages[number::3]] for number in range(3)]
    expected = clean_all(dealt, Rules(profile))

    rows = rows_of(tmp_path / "out")
    assert sorted((row["url"], row["time"], row["text"], row["language"]) for row in rows) == sorted(
        (document.url, document.time, document.text, document.language) for document in expected.documents
    )
    assert manifest.counts == dict(expected.num_left)
    assert manifest.dropped == dict(expected.dropped)
    assert Counter(manifest.cut) == Counter(expected.cut)
    assert manifest.counts["read"] == manifest.counts["kept"] + sum(manifest.dropped.values()) == 400
    assert manifest.counts["kept"] > 50 and manifest.dropped["older copy"] > 20


def test_files_their_order_ranges_and_engine_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = web_pages(300)
    config = CleanConfig(rules=replace(C4, near_duplicates=SOME_NEAR))
    one = clean(write_web(tmp_path / "a", pages, 1), tmp_path / "one", config, engine=LOOP)
    random.Random(5).shuffle(pages)
    monkeypatch.setattr(clean_module, "_ROWS_A_RANGE", 7)
    monkeypatch.setattr(clean_module, "_UNITS_A_TASK", 2)
    seven = clean(write_web(tmp_path / "b", pages, 7)[::-1], tmp_path / "seven", config, engine=LOOP)
    assert seven.fingerprint == one.fingerprint
    assert (seven.counts, seven.dropped, seven.cut, seven.splits) == (one.counts, one.dropped, one.cut, one.splits)


def test_processes_give_the_same(tmp_path: Path) -> None:
    files = write_web(tmp_path / "web", web_pages(120), 4)
    loop = clean(files, tmp_path / "loop", CleanConfig(), engine=LOOP)
    native = clean(files, tmp_path / "native", CleanConfig(), engine=Engine(runner="native", workers=2))
    assert native.fingerprint == loop.fingerprint
    assert {path: file["sha256"] for path, file in native.files.items()} == {
        path: file["sha256"] for path, file in loop.files.items()
    }


@pytest.mark.parametrize("name", ["lean", "multi-0-1", "real-pages"])
def test_real_crawls_come_to_the_pages_of_tensorflow_datasets(real_data: Path, tmp_path: Path, name: str) -> None:
    pytest.importorskip("langdetect_rs", reason="langdetect-rs is not installed")
    crawl = real_data / "crawl"
    expected = json.loads((crawl / "expected" / f"{name}.json").read_text())
    lists = lzma.decompress((crawl / "expected" / f"{name}.tsv.xz").read_bytes()).decode().splitlines()
    config = CleanConfig(rules="c4-exact", bad_words=real_data / "badwords" / "en", held_out_fraction=0.001)
    manifest = clean([crawl / file for file in expected["files"]], tmp_path / "out", config, engine=LOOP)
    assert [manifest.counts[step] for step in ("newest", "clean", "deduplicated", "language", "kept")] == [
        expected[step] for step in ("pages per url", "clean", "deduplicated", "english", "final")
    ]
    found = [f"{md5_of(row['url'])}\t{md5_of(row['text'])}" for row in rows_of(tmp_path / "out")]
    assert sorted(found) == sorted(lists)


def md5_of(text: object) -> str:
    return md5(str(text).encode()).hexdigest()


def test_what_was_cut_and_dropped_can_be_read(tmp_path: Path) -> None:
    files = write_web(tmp_path / "web", web_pages(200), 2)
    manifest = clean(files, tmp_path / "out", CleanConfig(keep_dropped=True), engine=LOOP)
    rows = rows_of(tmp_path / "out")
    assert len(rows) == manifest.counts["kept"]
    assert all("Home |" not in str(row["text"]) for row in rows)
    assert sum(row["cut"]["no_end_mark"] for row in rows) > 0  # type: ignore[index]
    from pyarrow import parquet

    dropped = [row for path in (tmp_path / "out" / "dropped").iterdir() for row in parquet.read_table(path).to_pylist()]
    assert Counter(row["reason"] for row in dropped) == manifest.dropped
    assert {row["url"] for row in dropped} | {row["url"] for row in rows} == {url for url, _, _ in web_pages(200)}
    assert any(row["source"].startswith("00.warc.wet.gz@") for row in rows)


def test_the_newest_copy_counts_even_if_the_rules_drop_it(tmp_path: Path) -> None:
    old = ("http://a.org/", "2019-01-01T00:00:00Z", web_pages(1)[0][2])
    new = ("http://a.org/", "2019-02-01T00:00:00Z", "Now there is nothing.")
    files = write_web(tmp_path / "web", [old, new, *web_pages(5)], 2)
    manifest = clean(files, tmp_path / "out", CleanConfig(), engine=LOOP)
    assert manifest.dropped["older copy"] >= 1
    assert "http://a.org/" not in {row["url"] for row in rows_of(tmp_path / "out")}


def test_pages_without_an_address_are_told_apart_by_their_text(tmp_path: Path) -> None:
    texts = [text for _, _, text in web_pages(30) if "deutsch" not in text]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in [*texts, texts[3]]))
    manifest = clean([tmp_path / "a.jsonl"], tmp_path / "out", CleanConfig(rules="c4"), engine=LOOP)
    assert manifest.dropped["older copy"] == 1
    assert manifest.counts["kept"] > 10


def test_a_damaged_record_is_lost_alone_and_told(tmp_path: Path) -> None:
    broken = members(record(1), record(2, length="7"), record(3))
    (tmp_path / "a.warc.wet.gz").write_bytes(broken)
    config = CleanConfig(rules=replace(C4, min_sentences=1, min_language_probability=0.0, language="any"))
    manifest = clean([tmp_path / "a.warc.wet.gz"], tmp_path / "out", config, engine=LOOP)
    assert manifest.crawl["lost"] == {"wrong Content-Length": 1} and manifest.num_lost == 1
    assert "a.warc.wet.gz, byte" in manifest.damages[0]
    with pytest.raises(BadCrawl, match=r"does not end where its 7 bytes do"):
        clean([tmp_path / "a.warc.wet.gz"], tmp_path / "strict", replace(config, strict=True), engine=LOOP)
    assert not (tmp_path / "strict" / "clean.json").exists()


def test_one_bad_file_of_many_is_named_and_the_rest_is_not_done_again(tmp_path: Path) -> None:
    files = write_web(tmp_path / "web", web_pages(60), 3)
    whole = files[1].read_bytes()
    files[1].write_bytes(b"")
    config = CleanConfig(strict=True)
    with pytest.raises(BadCrawl, match=r"01\.warc\.wet\.gz"):
        clean(files, tmp_path / "out", config, engine=LOOP)
    shards = tmp_path / "out" / ".partial" / "clean"
    times = {path.name: path.stat().st_mtime_ns for path in shards.iterdir()}
    assert sorted(times) == ["000000", "000002"]
    files[1].write_bytes(whole)
    again = clean(files, tmp_path / "out", config, engine=LOOP)
    assert again.fingerprint == clean(files, tmp_path / "other", config, engine=LOOP).fingerprint


def test_the_same_call_again_returns_at_once_and_another_is_refused(tmp_path: Path) -> None:
    files = write_web(tmp_path / "web", web_pages(60), 2)
    first = clean(files, tmp_path / "out", CleanConfig(), engine=LOOP)
    assert clean(files, tmp_path / "out", CleanConfig(), engine=LOOP) == first == CleanManifest.read(tmp_path / "out")
    with pytest.raises(BadTexts, match=r"rules\.min_sentences is 4, there it was 3"):
        clean(files, tmp_path / "out", CleanConfig(rules=replace(C4, min_sentences=4)), engine=LOOP)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "precious").write_text("x")
    with pytest.raises(BadTexts, match="not empty"):
        clean(files, tmp_path / "mine", CleanConfig(), engine=LOOP)
    with only_one(tmp_path / "busy"), pytest.raises(InUse):
        clean(files, tmp_path / "busy", CleanConfig(), engine=LOOP)


@pytest.mark.parametrize("options", [{"rules": "c5"}, {"held_out_fraction": 0.7}, {"longest_document_chars": 3}])
def test_options_that_make_no_sense_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(BadInput, match=str(next(iter(options.values())))):
        CleanConfig(**options)  # type: ignore[arg-type]


def test_crawl_files_without_a_record_are_counted_beside_good_ones(tmp_path: Path) -> None:
    files = write_web(tmp_path / "web", web_pages(30), 1)
    (tmp_path / "web" / "09.warc.gz").write_bytes(b"no record of any kind\n" * 9)
    manifest = clean([tmp_path / "web"], tmp_path / "out", CleanConfig(), engine=LOOP)
    assert manifest.num_lost == 2 and "09.warc.gz" in manifest.damages[0]  # bytes of no record, and no record
    assert manifest.fingerprint == clean(files, tmp_path / "alone", CleanConfig(), engine=LOOP).fingerprint


def test_damaged_texts_are_one_sentence(tmp_path: Path) -> None:
    files = write_web(tmp_path / "web", web_pages(60), 1)
    clean(files, tmp_path / "out", CleanConfig(), engine=LOOP)
    (text,) = (tmp_path / "out" / "text").glob("train-*")
    text.write_bytes(text.read_bytes()[:-40] + b"\0" * 40)
    with pytest.raises(BadTexts, match=r"train-00000\.parquet is damaged .*; clean again"):
        list(texts_in(text))


def test_a_missing_package_is_told_before_anything_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = write_web(tmp_path / "web", web_pages(5), 1)
    monkeypatch.setitem(sys.modules, "eldc", None)
    language._eldc.cache_clear()
    with pytest.raises(NoDetector, match="eldc, which is not installed"):
        clean(files, tmp_path / "out", CleanConfig(rules="c4-fast"), engine=LOOP)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".lock"]


def test_a_file_under_way_moves_the_bar_and_says_what_was_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[float, int, int]] = []

    def tell(place: Workplace, share: float, counts: dict[str, int], dropped: dict[str, int]) -> None:
        told.append((round(share, 2), counts["kept"], sum(dropped.values())))

    monkeypatch.setattr(Workplace, "tell", tell)
    (file,) = write_web(tmp_path / "web", web_pages(300), 1)
    finished = clean([file], tmp_path / "out", CleanConfig(rules="c4"), engine=LOOP)
    cleaning, finishing = told[:4], told[4:]
    assert [share for share, *_ in cleaning] == pytest.approx([0.21, 0.43, 0.64, 0.85], abs=0.03)
    assert [kept + dropped for _, kept, dropped in cleaning] == [64, 128, 192, 256]
    assert finishing == [(1.0, finished.counts["kept"], sum(finished.dropped.values()))]
