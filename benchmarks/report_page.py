"""How the HTML report behaves with many images, in Chromium: opening, filtering, searching, scrolling, memory.

    python benchmarks/report_page.py scan.json --pictures samples [--images 10000] [--runs 3] [--write FILE]

The rows are those of a real scan, repeated under names, digests and scores of their own; previews are re-encoded from
the pictures. Every time is the median of the runs; elapsed times include whatever else the machine was doing, CPU
seconds of the page do not.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from fakescan.core.records import Assessed, ImageResult, Scan
from fakescan.core.schema import scan_from_json
from fakescan.reports.html import HtmlRenderer
from fakescan.reports.thumbs import MAX_PX, make_thumbnails

_FOLDER_IMAGES = 400
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
_NEXT_PAINT = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now()))))"


def repeated(scan: Scan, images: int) -> tuple[Scan, dict[str, str]]:
    """So many results made of a scan's, and the path that each stands for.

    Args:
        scan: a real scan.
        images: how many results.
    """
    draw = random.Random(1)  # noqa: S311 (scores of a benchmark)
    results = []
    for number in range(images):
        result = scan.results[number % len(scan.results)]
        old = result.record.file.path
        path = f"folder {number // _FOLDER_IMAGES:03}/{number:06} {Path(old).name}"
        file = replace(result.record.file, path=path, sha256=sha256(path.encode()).hexdigest())
        results.append(_varied(replace(result, record=replace(result.record, file=file)), draw))
    results.sort(key=lambda result: result.record.file.path)
    return replace(scan, results=tuple(results)), {
        result.record.file.path: scan.results[int(result.record.file.path[11:17]) % len(scan.results)].record.file.path
        for result in results
    }


def _varied(result: ImageResult, draw: random.Random) -> ImageResult:
    """The same with a score and with texts of its own, as a real scan would have."""
    outcome = result.outcome
    if not isinstance(outcome, Assessed) or outcome.verdict.p_fake is None:
        return result
    p_fake = min(1.0, max(0.0, outcome.verdict.p_fake + draw.uniform(-0.05, 0.05)))
    word = f"{draw.getrandbits(40):x}"
    stages = tuple(replace(stage, text=f"{stage.text} {word}") for stage in outcome.prediction.stages)
    return replace(
        result,
        outcome=replace(
            outcome,
            verdict=replace(outcome.verdict, p_fake=p_fake),
            prediction=replace(outcome.prediction, stages=stages),
        ),
    )


def measure(browser: Browser, target: Path) -> dict[str, float]:
    """Open a report and use it.

    Args:
        browser: a running browser.
        target: the page.
    """
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    start = time.perf_counter()
    page.goto(f"{target.as_uri()}#images", wait_until="commit")
    page.wait_for_selector(".item")
    values = {"open": page.evaluate(_NEXT_PAINT) / 1000, "open_outside": time.perf_counter() - start}
    values |= _metrics(session, "open")
    page.wait_for_timeout(1_500)  # as long as a reader needs to find the search field
    choose = "const s = document.getElementById('sort'); s.value = '{}'; s.dispatchEvent(new Event('change'))"
    type_it = "const q = document.getElementById('q'); q.value = '{}'; q.dispatchEvent(new Event('input'))"
    step = page.evaluate("document.documentElement.scrollHeight") / 23
    actions = {
        "filter": ["document.querySelector('.chip[data-value=inconclusive]').click()"] * 4,
        "search": [type_it.format(text) for text in ("folder 003", "sky", "face dark", "000123", "")],
        "sort": [choose.format(order) for order in ("name", "high", "attention")],
        "scroll": [f"window.scrollTo(0, {step * number})" for number in range(1, 21)],
        "open_image": ["location.hash = document.querySelector('.open').getAttribute('href')"],
    }
    for name, scripts in actions.items():
        times = [_timed(page, session, script) for script in scripts]
        values[name], values[f"{name}_cpu"] = max(elapsed for elapsed, _ in times), max(cpu for _, cpu in times)
    session.send("HeapProfiler.collectGarbage")
    values |= _metrics(session, "end")
    context.close()
    return values


def _cpu_s(session: Any) -> float:
    """Seconds that the page's thread has worked so far."""
    found = {item["name"]: item["value"] for item in session.send("Performance.getMetrics")["metrics"]}
    return float(found["TaskDuration"])


def _timed(page: Page, session: Any, action: str) -> tuple[float, float]:
    """Seconds from an action to the second frame after it, and seconds that the page's thread worked."""
    before = _cpu_s(session)
    script = f"async () => {{ const start = performance.now(); {{ {action} }} return (await {_NEXT_PAINT}) - start; }}"
    elapsed_s = float(page.evaluate(script)) / 1000
    return elapsed_s, _cpu_s(session) - before


def _metrics(session: Any, when: str) -> dict[str, float]:
    """What the browser counts itself: CPU time of the page's thread, elements, memory of the script."""
    found = {item["name"]: item["value"] for item in session.send("Performance.getMetrics")["metrics"]}
    return {
        f"{when}_cpu": found["TaskDuration"],
        f"{when}_nodes": found["Nodes"],
        f"{when}_heap_mb": found["JSHeapUsedSize"] / 1e6,
    }


def report(values: Mapping[str, float], about: Mapping[str, object]) -> str:
    """The results as Markdown.

    Args:
        values: medians by name.
        about: what was measured.
    """
    timed = [
        ("open", "open: navigation to the first painted images", "2 s"),
        ("filter", "filter by a chip, slowest of 4", "0.2 s"),
        ("search", "search, slowest of 5", "0.2 s"),
        ("sort", "another order, slowest of 3", ""),
        ("scroll", "jump in the list, slowest of 20", ""),
        ("open_image", "open an image", ""),
    ]
    rows = [(name, f"{values[key]:.2f} s", f"{values[f'{key}_cpu']:.2f} s", asked) for key, name, asked in timed]
    rows += [
        ("elements and texts in the document", f"{values['end_nodes']:,.0f}", "", ""),
        ("memory of the script", f"{values['end_heap_mb']:.0f} MB", "", ""),
    ]
    lines = [
        "# report_page.py",
        "",
        "; ".join(f"{name}: {value}" for name, value in about.items()) + ".",
        "",
        "| what | elapsed | processor time | asked |",
        "|---|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
        "Elapsed times run to the second frame after the action, so that painting is in them: two frames alone take",
        "about 0.03 s. They include waiting for a processor that other programs use; the processor time of the page's",
        "thread does not.",
    ]
    return "\n".join(lines) + "\n"


def _load() -> str:
    """How many programs wanted a processor while it was measured."""
    return f"{os.getloadavg()[0]:.0f}" if hasattr(os, "getloadavg") else "unknown"


def main() -> None:
    """Measure, print, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scan", type=Path, help="a JSON report")
    parser.add_argument("--pictures", type=Path, help="the folder that its paths are relative to")
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--single-file", action="store_true")
    parser.add_argument("--keep", type=Path, help="keep the report in this folder")
    parser.add_argument("--write", type=Path, help="write the results as Markdown")
    given = parser.parse_args()
    original = scan_from_json(given.scan.read_text(encoding="utf-8"))
    scan, origins = repeated(original, given.images)
    with tempfile.TemporaryDirectory() as name:
        target = (given.keep or Path(name)) / "report.html"
        started = time.perf_counter()
        with make_thumbnails(original, root=given.pictures, max_px=MAX_PX) as previews:
            kept = dict(previews)
            pictures = {path: kept[old] for path, old in origins.items() if old in kept}
            HtmlRenderer(pictures, single_file=given.single_file).write(scan, target)
        written_s = time.perf_counter() - started
        files = [path for path in target.parent.rglob("*") if path.is_file()]
        program = next(filter(None, map(shutil.which, _BROWSERS)))
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program, args=["--disable-gpu"])
            version = browser.version
            runs = [measure(browser, target) for _ in range(given.runs)]
            browser.close()
        data = target.with_name("report_files") / "data.js"
        about = {
            "images": f"{given.images:,}",
            "files": f"{len(files):,}",
            "page": f"{target.stat().st_size / 1e6:.1f} MB",
            "data": f"{data.stat().st_size / 1e6:.1f} MB" if data.exists() else "in the page",
            "written in": f"{written_s:.0f} s",
            "browser": f"Chromium {version}, no GPU",
            "machine": f"{platform.system()}, Python {platform.python_version()}",
            "load average over 2 processors" if os.cpu_count() == 2 else "load average": _load(),
            "runs": given.runs,
        }
    values = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    text = report(values, about)
    print(text)
    if given.write:
        given.write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
