"""How fast cleaning is, in MB of WET text a second of one core, beside the code that made C4 on the same core.

    python bench/clean.py
    python bench/clean.py --repeats 5 --files ../shared/data/crawl/multi-0000{0,1}.warc.wet.gz
    python bench/clean.py --no-tfds
    python bench/clean.py --workers

MB are those of the bodies of `conversion` records, unpacked. Seconds are process CPU time with child processes,
medians, everything on one core. `reading` gives pages, `page rules` judges pages that are in memory. `whole` is the
job of `denoise clean` from files to Parquet and manifest, in a process of its own: all but the start of the interpreter
and the imports, which come once a run; `plain loop` has the same stages in memory and writes nothing.
tensorflow_datasets is installed into an environment of its own (--cache, 430 MB) and its functions are run by
bench/tfds_c4.py, without TensorFlow and Beam, which flatters it: --beam lets the functions count by Beam, as they do in
earnest (200 MB more). Its final pages, those of c4-exact, and those of the list in shared/data, where one is for these
files, must be the same, or nothing is compared.
"""

from __future__ import annotations

import argparse
import json
import lzma
import os
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from hashlib import md5
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import clean_workers
import tfds_c4

from data_prep.cleaning.bad_words import WordLists, lists_in
from data_prep.cleaning.loop import clean_all
from data_prep.cleaning.profiles import PROFILES, Profile
from data_prep.cleaning.rules import Rules
from data_prep.job.clean import clean
from data_prep.job.config import CleanConfig
from data_prep.job.engine import Engine
from data_prep.job.finish_unit import texts_in
from data_prep.manifest import TEXT_FOLDER
from data_prep.pages import Page
from data_prep.reading.crawl_files import CrawlConfig, crawl_pages
from data_prep.reading.crawl_files.framing import Framing
from data_prep.reading.crawl_files.stream import Stream
from data_prep.reading.crawl_files.unpack import Unpacker

DATA = Path(os.environ.get("DENOISE_DATA", Path(__file__).parents[1] / ".." / "shared" / "data"))
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "denoise" / "bench-tfds"
GOALS_ON = ["lean-00000.warc.wet.gz"]
GOALS = {"page rules, c4-exact": 60, "whole, c4-exact": 28, "whole, c4-fast": 40}
GOAL_RATIO = 14
WHOLE = ("c4-exact", "c4", "c4-fast")


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is measured on."""

    files: Sequence[Path]
    bad_words: Path

    @property
    def num_bytes(self) -> int:
        """Of text: the bodies of `conversion` records."""
        return sum(map(text_bytes, self.files))


def text_bytes(path: Path) -> int:
    longest = CrawlConfig().max_record_bytes
    with path.open("rb") as file:
        stream = Stream(Unpacker(file, hold_bytes=2 * longest, max_unpacking=CrawlConfig().max_unpacking))
        records = Framing(stream, lambda *details, **more: None, longest)
        return sum(len(record.body) for record in records if record.fields["warc-type"] == "conversion")


def split_of(profile: Profile) -> CrawlConfig:
    return CrawlConfig(split="c4_exact" if profile.eats_header_like_lines else "clean")


def whole(name: str, job: Job, *, is_read: bool = False) -> list[str]:
    """The job of `denoise clean` by the profile of this name: the one place where what is measured stands.

    What it wrote is read only to be compared: a row of `row_of` for each final page.
    """
    config = CleanConfig(rules=name, bad_words=job.bad_words, held_out_fraction=0.001)
    with tempfile.TemporaryDirectory() as folder:
        clean(job.files, Path(folder) / "out", config, engine=Engine(runner="loop"))
        written = (Path(folder) / "out" / TEXT_FOLDER).iterdir() if is_read else ()
        return sorted(row_of(*row) for row in chain.from_iterable(texts_in(file, ("url", "text")) for file in written))


def plain_loop(name: str, job: Job) -> None:
    profile = PROFILES[name]
    files = [crawl_pages(file, split_of(profile)) for file in job.files]
    clean_all(files, Rules(profile), bad_words=WordLists(lists_in(job.bad_words), profile))


def cpu_s() -> float:
    return sum(os.times()[:4])


def timed(repeats: int, work: Callable[..., Any], *given: Any) -> list[float]:
    """Seconds of each repeat."""
    seconds = []
    for _ in range(repeats):
        started_at_s = cpu_s()
        work(*given)
        seconds.append(cpu_s() - started_at_s)
    return seconds


def timed_alone(repeats: int, work: Callable[..., Any], *given: Any) -> list[float]:
    """Seconds of each repeat in a new process, as `denoise clean` has it, where the job takes a tenth less than in one
    that has done other things; the first repeat, which imports, is left out."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(timed, repeats + 1, work, *given).result()[1:]


class Report:
    """Lines of figures on one job."""

    def __init__(self, job: Job) -> None:
        self.has_goals = [file.name for file in job.files] == GOALS_ON
        self._megabytes = job.num_bytes / 1e6
        packed = sum(file.stat().st_size for file in job.files) / 1e6
        names = " ".join(file.name for file in job.files)
        print(f"{names}: {self._megabytes:.1f} MB of text, {packed:.1f} MB packed", flush=True)

    def line(self, name: str, seconds: Sequence[float], note: str = "") -> None:
        median_s = statistics.median(seconds)
        speed = self._megabytes / median_s
        print(
            f"    {name:24} {median_s:7.2f} s {speed:7.1f} MB/s{self.verdict(speed, GOALS.get(name))}{note}", flush=True
        )

    def verdict(self, value: float, goal: float | None) -> str:
        if goal is None or not self.has_goals:
            return ""
        return f"  goal {goal}: {'reached' if value >= goal else 'MISSED'}"


def ours(job: Job, report: Report, repeats: int) -> list[float]:
    """Seconds of each repeat of the whole of c4-exact."""
    for split in ("c4_exact", "clean"):
        report.line(f"reading, {split}", timed(repeats, read, job, CrawlConfig(split=split)))
    exact_s: list[float] = []
    for name in WHOLE:
        profile = PROFILES[name]
        rules = Rules(profile)
        pages = [page for file in job.files for page in crawl_pages(file, split_of(profile)) if not rules.admits(page)]
        report.line(f"page rules, {name}", timed(repeats, judge, pages, rules))
        del pages
        report.line(f"plain loop, {name}", timed_alone(repeats, plain_loop, name, job))
        whole_s = timed_alone(repeats, whole, name, job)
        report.line(f"whole, {name}", whole_s)
        exact_s = whole_s if name == "c4-exact" else exact_s
    return exact_s


def read(job: Job, config: CrawlConfig) -> int:
    return sum(1 for file in job.files for _ in crawl_pages(file, config))


def judge(pages: Sequence[Page], rules: Rules) -> None:
    cut: Counter[str] = Counter()
    for page in pages:
        rules.clean(page, cut)


def row_of(url: str, text: str) -> str:
    return f"{md5_of(url)}\t{md5_of(text)}"


def md5_of(text: str) -> str:
    return md5(text.encode()).hexdigest()


def expected_rows(job: Job) -> list[str] | None:
    """The list that lies beside the data, if there is one for these files."""
    for path in (DATA / "crawl" / "expected").glob("*.json"):
        if json.loads(path.read_text())["files"] == [file.name for file in job.files]:
            return sorted(lzma.decompress(path.with_suffix(".tsv.xz").read_bytes()).decode().splitlines())
    return None


class NoTfds(Exception):
    """It cannot be installed or run here."""


def installed(cache: Path, needs: Sequence[str]) -> Path:
    """The Python that has tensorflow_datasets. Raises NoTfds."""
    python, mark = cache / "bin" / "python", cache / "installed.txt"
    if not mark.is_file() or not set(needs) <= set(mark.read_text().split()):
        print(f"    installing {', '.join(needs)} into {cache} ...", flush=True)
        run([sys.executable, "-m", "venv", "--clear", str(cache)])
        run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *needs])
        mark.write_text("\n".join(needs))
    return python


def run(command: Sequence[str]) -> str:
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True, env=clean_environment()).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        said = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
        raise NoTfds(said[-1] if said else "no reason given") from None


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}


def theirs(job: Job, options: argparse.Namespace) -> dict[str, Any]:
    """What bench/tfds_c4.py prints. Raises NoTfds."""
    python = installed(options.cache, [*tfds_c4.NEEDS, *([tfds_c4.BEAM] if options.beam else [])])
    command = [str(python), str(Path(tfds_c4.__file__).resolve()), *(["--beam"] if options.beam else [])]
    command += ["--bad-words", str(job.bad_words.resolve()), "--repeats", str(options.tfds_repeats)]
    printed = run([*command, "--files", *(str(file.resolve()) for file in job.files)])
    found: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return found


def compare(job: Job, report: Report, exact_s: list[float], options: argparse.Namespace) -> None:
    rows, listed = whole("c4-exact", job, is_read=True), expected_rows(job)
    if listed is not None and rows != listed:
        sys.exit("the pages of c4-exact are not those of the list in shared/data")
    if options.no_tfds:
        return
    try:
        found = theirs(job, options)
    except NoTfds as error:
        print(f"    tensorflow_datasets cannot be run here, so there is no comparison: {error}")
        return
    if found["rows"] != rows:
        sys.exit(f"c4-exact gives {len(rows)} pages, tensorflow_datasets {len(found['rows'])}; they are not the same")
    steps = {step: statistics.median(one[step] for one in found["seconds"]) for step in found["seconds"][0]}
    tfds_s = [sum(one.values()) for one in found["seconds"]]
    report.line("whole, TFDS", tfds_s, f"  ({', '.join(f'{step} {seconds:.1f}' for step, seconds in steps.items())})")
    # Once more, since the machine may have become faster or slower meanwhile.
    exact_s += timed_alone(options.repeats, whole, "c4-exact", job)
    report.line("whole, c4-exact", exact_s)
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    print(f"    the same {len(rows)} final pages{' as listed' if listed else ''}; {versions}")
    ratio = statistics.median(tfds_s) / statistics.median(exact_s)
    print(f"    c4-exact is {ratio:.1f} times as fast as tensorflow_datasets{report.verdict(ratio, GOAL_RATIO)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=Path, nargs="+", help="WET files (lean; --workers: and multi)")
    parser.add_argument("--bad-words", type=Path, default=DATA / "badwords" / "en")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--tfds-repeats", type=int, default=3)
    parser.add_argument("--no-tfds", action="store_true", help="leave tensorflow_datasets out")
    parser.add_argument("--beam", action="store_true", help="let tensorflow_datasets count by Apache Beam")
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder of its environment, kept between runs")
    parser.add_argument("--workers", action="store_true", help="measure two workers beside one instead, and memory")
    options = parser.parse_args()
    names = [*GOALS_ON, "multi-00000.warc.wet.gz", "multi-00001.warc.wet.gz"] if options.workers else GOALS_ON
    options.files = options.files or [DATA / "crawl" / name for name in names]
    job = Job(files=options.files, bad_words=options.bad_words)
    if missing := [str(path) for path in (*job.files, job.bad_words) if not path.is_file()]:
        sys.exit(f"not there: {', '.join(missing)}; name files with --files and --bad-words")
    if options.workers:
        clean_workers.report(options.files, options.bad_words, options.repeats)
        return
    # One core for all, in child processes and threads of compiled packages too.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    report = Report(job)
    compare(job, report, ours(job, report, options.repeats), options)


if __name__ == "__main__":
    main()
