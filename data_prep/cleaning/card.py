"""The README of a cleaned corpus: what is in it, what was left out and why, and how to make it again.

Its head is read by the Hugging Face hub and by `datasets.load_dataset`, which finds the splits by it.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any

from data_prep.cleaning.profiles import PROFILES, Profile
from data_prep.cleaning.verdicts import LINE_REASONS, REASONS

_STEPS = {
    "read": "found in the files",
    "admitted": "with a text, and what else the profile asks for",
    "newest": "the newest of each URL",
    "clean": "kept by the rules for one page",
    "deduplicated": "with enough left of their own",
    "language": "in a language asked for",
    "kept": "without bad words: the documents here",
}
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_LARGE_SIZES = ((10**7, "1M<n<10M"), (10**8, "10M<n<100M"), (10**9, "100M<n<1B"), (10**10, "1B<n<10B"))
_MOST_ROWS = 50

_KNOWN_LICENCE = re.compile(r"[a-z0-9][a-z0-9.-]*")
_MARKDOWN = re.compile(r"[\\`*_{}\[\]<>#|~!&$@]")


def data_card(manifest: Mapping[str, Any], meanings: Mapping[str, str] | None = None) -> str:
    """The text of README.md, from the manifest of a whole run of cleaning.

    `meanings` has a sentence for each reason, where filters have some of their own; the manifest's names and reasons
    may hold any characters.
    """
    said = {**REASONS, **LINE_REASONS, **(meanings or {})}
    parts = [
        _head(manifest),
        _summary(manifest),
        _loading(manifest),
        _sources(manifest),
        _rules(manifest),
        _stages(manifest),
        _counted("Pages dropped", "Reason", "Pages", manifest["dropped"], said),
        _counted("Lines and sentences cut", "Reason", "Number", manifest["cut"], said),
        _damage(manifest.get("crawl") or {}),
        _PERSONAL_DATA,
        _again(manifest),
        _files(manifest.get("files") or {}),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


_PERSONAL_DATA = """## Personal data and rights

Nothing was done about names, addresses, telephone numbers or other personal data: the rules of C4 do not look for them.
The texts belong to those who wrote them; a licence of this collection gives no right to them."""


def plain(text: object) -> str:
    r"""On one line, and without a character that Markdown or HTML would take for its own.

    >>> print(plain("a|b\n<b>*c*"))
    a\|b \<b\>\*c\*
    """
    return _MARKDOWN.sub(lambda match: "\\" + match[0], _one_line(text))


def _one_line(text: object) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in str(text)).split())


def _head(manifest: Mapping[str, Any]) -> str:
    import yaml

    licence = _one_line(manifest.get("licence") or "")  # or a line of three hyphens in it would end the head
    head: dict[str, Any] = {"license": "unknown"}
    if licence:
        head = (
            {"license": licence} if _KNOWN_LICENCE.fullmatch(licence) else {"license": "other", "license_name": licence}
        )
    if languages := _languages(manifest):
        head["language"] = languages
    head["size_categories"] = [_size(manifest["counts"]["kept"])]
    if splits := _splits(manifest):
        files = [{"split": split, "path": f"text/{split}-*.parquet"} for split in splits]
        head["configs"] = [{"config_name": "default", "data_files": files}]
    return f"---\n{yaml.safe_dump(head, sort_keys=False, allow_unicode=True)}---"


def _languages(manifest: Mapping[str, Any]) -> list[str]:
    """Two-letter codes, the commonest first; Chinese of all scripts is zh."""
    counts = manifest.get("languages") or {}
    codes = sorted(counts, key=lambda code: (-counts[code], code))
    return list(dict.fromkeys(short for code in codes if (short := _one_line(code).partition("-")[0])))


def _size(num_documents: int) -> str:
    return next((name for most, name in (*_SIZES, *_LARGE_SIZES) if num_documents < most), "10B<n<100B")


def _splits(manifest: Mapping[str, Any]) -> list[str]:
    """Those that have a file."""
    return [split for split, found in manifest["splits"].items() if found["num_documents"]]


def _summary(manifest: Mapping[str, Any]) -> str:
    counts, name, licence = manifest["counts"], manifest["profile"]["name"], manifest.get("licence")
    found = manifest.get("languages") or {}
    codes = sorted(found, key=lambda code: (-found[code], code))
    languages = ", ".join(f"{plain(code or 'unknown')} {_share(found[code], counts['kept'])}" for code in codes)
    splits = manifest["splits"].items()
    rows = [[plain(split), _number(part["num_documents"]), _size_of(part["num_bytes"])] for split, part in splits]
    facts = [
        f"What denoise left of {_several(counts['read'], 'page')} from {_several(len(manifest['sources']), 'source')}: "
        f"{_size_of(sum(part['num_bytes'] for _, part in splits))} of text.",
        f"Languages: {languages}." if languages else "",
        f"Licence, as whoever made it says: {plain(licence)}." if licence else "No licence was given.",
    ]
    title = f"# {_several(counts['kept'], 'document')}, cleaned by {_code(name)}"
    return "\n\n".join([title, " ".join(fact for fact in facts if fact), _table(["Split", "Documents", "Text"], rows)])


def _loading(manifest: Mapping[str, Any]) -> str:
    split = next(iter(_splits(manifest)), "train")
    return f"""## How to load it

```python
from datasets import load_dataset

documents = load_dataset("path/of/this/folder", split="{split}")
print(documents[0]["text"])
```"""


def _sources(manifest: Mapping[str, Any]) -> str:
    rows = [
        [plain(found["name"]), _size_of(found["num_bytes"]), plain(found["digest"])] for found in manifest["sources"]
    ]
    return "## Sources\n\n" + _table(["Source", "Size", "Digest"], rows)


def _rules(manifest: Mapping[str, Any]) -> str:
    given = manifest["profile"]
    named = PROFILES.get(given["name"])
    rows = []
    for field in dataclasses.fields(Profile):
        default, value = getattr(Profile(), field.name), given.get(field.name)
        if field.name in given and not _same(default, value):
            is_own = named is None or not _same(getattr(named, field.name), value)
            rows.append([_code(field.name), _value(value), _value(default), "this run" if is_own else "the profile"])
    text = f"## Rules\n\nProfile {_code(given['name'])} of denoise."
    if not rows:
        return text + " Every option has its default."
    return (
        text + " Options that differ from the defaults:\n\n" + _table(["Option", "Value", "Default", "Chosen by"], rows)
    )


def _same(default: object, given: object) -> bool:
    """Whether a value of a profile is that of a manifest, which is JSON."""
    if isinstance(default, Enum):
        return given in (default, default.name, default.value)
    if isinstance(default, list | tuple) and isinstance(given, list | tuple):
        return len(default) == len(given) and all(map(_same, default, given))
    if dataclasses.is_dataclass(default) and isinstance(given, Mapping):
        return all(_same(getattr(default, field.name), given.get(field.name)) for field in dataclasses.fields(default))
    return default == given


def _value(value: object) -> str:
    if isinstance(value, Enum):
        value = value.name
    return "none" if value is None or value in ([], ()) else plain(value) or "empty"


def _stages(manifest: Mapping[str, Any]) -> str:
    counts, before, rows = manifest["counts"], None, []
    for step, meaning in _STEPS.items():
        lost = "" if before is None else _number(before - counts[step])
        rows.append([step, _number(counts[step]), lost, _share(counts[step], counts["read"]), meaning])
        before = counts[step]
    return "## What is left after each stage\n\n" + _table(["Stage", "Pages", "Lost", "Left", "Pages that are"], rows)


def _counted(title: str, what: str, number: str, counts: Mapping[str, int], said: Mapping[str, str]) -> str:
    if not counts:
        return f"## {title}\n\nNone."
    total = sum(counts.values())
    rows = [
        [plain(reason), _number(count), _share(count, total), plain(said.get(reason, ""))]
        for reason, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    ]
    return f"## {title}\n\n" + _table([what, number, "Share", "Meaning"], rows)


def _damage(crawl: Mapping[str, Any]) -> str:
    """What is wrong in the files, and what was passed over in them."""
    if not crawl:
        return ""
    rows = [
        [what, plain(reason), _number(count)]
        for what, field in (("lost", "lost"), ("mended", "mended"), ("passed over", "passed_over"))
        for reason, count in sorted((crawl.get(field) or {}).items(), key=lambda pair: (-pair[1], pair[0]))
    ]
    stray = ""
    if crawl.get("stray_bytes"):
        places = _several(sum(crawl["stray"].values()), "place")
        stray = f" Between records stand {crawl['stray_bytes']:,} bytes that belong to none, in {places}."
    text = f"{crawl['records']:,} records were read, {crawl['pages']:,} of them pages.{stray}"
    return f"## What was found in the crawl files\n\n{text}" + (
        "\n\n" + _table(["", "Reason", "Records"], rows) if rows else ""
    )


def _again(manifest: Mapping[str, Any]) -> str:
    command = "".join(char if char.isprintable() or char == "\n" else " " for char in manifest["command"])
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", command)), default=0))
    versions = ", ".join(f"{plain(name)} {plain(version)}" for name, version in sorted(manifest["versions"].items()))
    options = sorted((manifest.get("options") or {}).items())
    rows = [[plain(name), _value(value)] for name, value in options if not name.startswith("rules.")]  # told above
    parts = [
        "## How to make it again",
        f"{fence}bash\n{command}\n{fence}",
        f"The same sources, rules and versions give the same fingerprint: {_code(manifest['fingerprint'])}.",
        f"Versions: {versions}.",
        "How many workers there are changes nothing, nor does the order of files."
        if not manifest["profile"].get("first_of_a_tie_wins")
        else "How many workers there are changes nothing; of two copies of one time the first read is kept.",
        _table(["Option", "Value"], rows) if rows else "",
    ]
    return "\n\n".join(part for part in parts if part)


def _files(files: Mapping[str, Mapping[str, Any]]) -> str:
    if not files:
        return ""
    rows = [[plain(path), _size_of(files[path]["num_bytes"]), _code(files[path]["sha256"])] for path in sorted(files)]
    more = f"\n\nAnd {len(rows) - _MOST_ROWS:,} more, in the manifest." if len(rows) > _MOST_ROWS else ""
    return "## Files\n\n" + _table(["File", "Size", "SHA-256"], rows[:_MOST_ROWS]) + more


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells must be escaped; columns of numbers stand at the right."""
    rows = [list(row) for row in rows]
    is_number = [
        bool(rows) and all(re.match(r"[\d,.]+( [kMGT]?B| %)?$|$", row[n]) for row in rows) for n in range(len(head))
    ]
    marks = ["---:" if right else "---" for right in is_number]
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, marks, *rows])


def _code(text: object) -> str:
    """Between backquotes, where nothing can be escaped."""
    line = _one_line(re.sub("[`|]", " ", str(text)))
    return f"`{line}`" if line else ""


def _number(number: int) -> str:
    return f"{number:,}"


def _several(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "0.0 %"


def _size_of(num_bytes: int) -> str:
    """In powers of 1000.

    >>> [_size_of(number) for number in (0, 999, 1_500, 12_345_678, 10**12)]
    ['0 B', '999 B', '1.5 kB', '12.3 MB', '1.0 TB']
    """
    size, units = float(num_bytes), ["B", "kB", "MB", "GB", "TB"]
    while size >= 999.95 and len(units) > 1:
        size, units = size / 1000, units[1:]
    return f"{num_bytes} B" if units[0] == "B" else f"{size:,.1f} {units[0]}"
