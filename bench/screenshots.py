"""Four pictures of a report: at two widths, in two themes, each under 300 kB.

    python bench/screenshots.py runs/strategies/report.html docs/

writes report-desktop-light.png, report-desktop-dark.png (1280 px), report-phone-light.png and report-phone-dark.png
(390 px). `--section exam` begins at a section (results, curves, exam, heat, reconstructions, corruption, unfinished,
made) and puts its name into the file's. It needs Chromium, and Pillow to make the files small.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.study.browser import DESKTOP, PHONE, Browser, chromium

HEIGHTS = {DESKTOP: 1500, PHONE: 1700}
MOST_BYTES = 300_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--section", default="")
    parser.add_argument("--height", type=int, default=0, help="in px; default: 1500 at 1280 px, 1700 at 390 px")
    values = parser.parse_args()
    if chromium() is None:
        sys.exit("there is no Chromium on this machine")
    if not values.report.is_file():
        sys.exit(f"{values.report} is no file; name a report.html")
    values.out.mkdir(parents=True, exist_ok=True)
    with Browser() as browser:
        for width, device in ((DESKTOP, "desktop"), (PHONE, "phone")):
            for is_dark, theme in ((False, "light"), (True, "dark")):
                browser.open(values.report, width, dark=is_dark)
                name = "-".join(filter(None, ("report", values.section, device, theme)))
                top = _top(browser, values.section)
                left = browser.evaluate("document.documentElement.scrollHeight") - top
                height = min(values.height or HEIGHTS[width], left)
                place = {"x": 0.0, "y": top, "width": float(width), "height": height}
                out = browser.picture(values.out / f"{name}.png", place)
                print(f"{out}: {_made_small(out):,} bytes")


def _top(browser: Browser, section: str) -> float:
    """Where a section begins, a little above its heading."""
    if not section:
        return 0.0
    top = browser.evaluate(f"document.getElementById('{section}')?.getBoundingClientRect().top + scrollY")
    if top is None:
        sys.exit(f"the report has no section {section}")
    return max(0.0, float(top) - 24)


def _made_small(out: Path) -> int:
    """The size in bytes, after a palette of 256 colours where Pillow is installed."""
    try:
        from PIL import Image
    except ImportError:
        pass
    else:
        Image.open(out).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(out, optimize=True)
    size = out.stat().st_size
    if size > MOST_BYTES:
        sys.exit(f"{out} has {size:,} bytes, more than {MOST_BYTES:,}: take a smaller --height, or install Pillow")
    return size


if __name__ == "__main__":
    main()
