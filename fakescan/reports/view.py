"""A scan as a page shows it: plain frozen values filled once, so that templates make no decisions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fakescan.core.duplicates import clusters_of
from fakescan.core.records import Assessed, ImageKind, ImageResult, Scan
from fakescan.reports import words
from fakescan.reports.charts import HistogramView, histogram_view
from fakescan.reports.decided import Decided
from fakescan.reports.escape import visible
from fakescan.reports.measured import RatesView, rates_views
from fakescan.reports.order import by_attention, needs_attention
from fakescan.reports.page_data import PageData, page_data
from fakescan.reports.view_custody import REDACTED_WORDS, CustodyView, Rows, custody_view
from fakescan.reports.view_image import ImageView, image_view

MAX_CARDS = 12
"""Cards under "look here first"."""
MAX_SAME = 50
"""Files with the same picture that one image names."""


@dataclass(frozen=True, slots=True)
class CountView:
    """How many files got one verdict, or have one property; also a filter."""

    key: str
    """Value that the filter looks for."""
    number: int
    """How many."""
    text: str
    """In words, without the number."""


@dataclass(frozen=True, slots=True)
class HeaderView:
    """The top of the page."""

    title: str
    """What was scanned, as a headline."""
    standfirst: str
    """What kind of statement follows."""
    counts: tuple[CountView, ...]
    """By verdict, in a fixed order, zeros included."""
    skipped: int
    """Paths that were left alone."""
    facts: Rows
    """What, when, with what."""
    warnings: tuple[str, ...]
    """What must be known before anything else: interrupted, no calibration."""
    errors: str
    """What it means that files could not be examined, empty when all could."""


@dataclass(frozen=True, slots=True)
class FolderView:
    """What was found in a folder."""

    name: str
    """The folder below the root."""
    images: int
    """Images in it."""
    counts: tuple[int, ...]
    """By verdict, in the order of ``words.MARKS``."""
    highest: str
    """The highest score in it."""


@dataclass(frozen=True, slots=True)
class PageView:
    """Everything on the page."""

    title: str
    """For the window."""
    header: HeaderView
    """The top."""
    first: tuple[ImageView, ...]
    """Look here first."""
    first_left: int
    """How many more need attention."""
    images: tuple[ImageView, ...]
    """All results, those that need attention first."""
    folders: tuple[FolderView, ...]
    """What was found where; empty when everything lies in one folder."""
    data: PageData
    """What the page's script works on."""
    rates: tuple[RatesView, ...]
    """What was measured, by score."""
    histogram: HistogramView
    """Scores of this scan."""
    errors: tuple[ImageView, ...]
    """Files that could not be examined."""
    skipped: tuple[tuple[str, str], ...]
    """Path and reason."""
    custody: CustodyView
    """Digests, command, environment, model."""
    limits: tuple[tuple[str, str], ...]
    """What this does not tell."""


def build_page(
    scan: Scan, thumbnails: Mapping[str, str] | None = None, decisions: Mapping[str, Decided] | None = None
) -> PageView:
    """Fill the page.

    Args:
        scan: a finished scan.
        thumbnails: addresses of previews by path.
        decisions: what people decided, by path.
    """
    pictures, decided = thumbnails or {}, decisions or {}
    ordered = by_attention(scan.results)
    same = _same_picture(scan.results)
    images = tuple(
        image_view(item, scan.calibration, pictures.get(path), same.get(path, ()), decided.get(path))
        for item, path in ((item, item.record.file.path) for item in ordered)
    )
    urgent = [view for view, item in zip(images, ordered, strict=True) if needs_attention(item)]
    outcomes = [item.outcome for item in scan.results if isinstance(item.outcome, Assessed)]
    used = sorted({outcome.scores.used for outcome in outcomes})
    kinds = [kind for kind in ImageKind if any(item.record.kind is kind for item in scan.results)]
    header = _header(scan)
    return PageView(
        title=f"fakescan: {header.title}",
        header=header,
        first=tuple(urgent[:MAX_CARDS]),
        first_left=max(0, len(urgent) - MAX_CARDS),
        images=images,
        folders=_folders(images),
        data=page_data(images, scan.results, scan.scan_id),
        rates=rates_views(scan.calibration, used, kinds),
        histogram=histogram_view([outcome.verdict for outcome in outcomes]),
        errors=tuple(view for view in images if view.failure),
        skipped=tuple((visible(item.path), visible(item.reason)) for item in scan.skipped),
        custody=custody_view(scan),
        limits=words.LIMITS,
    )


def _header(scan: Scan) -> HeaderView:
    """The top of the page."""
    summary = scan.summary
    images = words.count(summary["images"], "image") if summary["images"] else "No images"
    return HeaderView(
        title=images if "paths" in scan.redacted else f"{images} in {_folder(scan.root)}",
        standfirst=words.STANDFIRST if summary["images"] else words.NOTHING_FOUND,
        counts=tuple(CountView(key, summary[key], mark.word) for key, mark in words.MARKS.items()),
        skipped=summary["skipped"],
        facts=_header_facts(scan),
        warnings=_warnings(scan),
        errors=_errors(summary),
    )


def _folder(root: str) -> str:
    """Last part of the root's path, for a headline."""
    parts = [part for part in root.replace("\\", "/").split("/") if part]
    return f"“{visible(parts[-1], limit_chars=80)}”" if parts else visible(root) or "an unnamed folder"


def _header_facts(scan: Scan) -> Rows:
    """What was scanned, when and with what."""
    model = scan.model
    took = words.duration(scan.finished_at - scan.started_at)
    facts = [] if "paths" in scan.redacted else [("Scanned", visible(scan.root))]
    facts.append(("When", f"{words.moment(scan.finished_at)}, in {took}"))
    if scan.case.examiner:
        facts.append(("By", visible(scan.case.examiner)))
    if scan.case.id:
        facts.append(("Case", visible(scan.case.id)))
    if model is not None:
        digest = visible(model.weights_sha256[:12])
        facts.append(("With", f"{visible(model.name)} (weights {digest}…), fakescan {visible(scan.tool_version)}"))
    else:
        facts.append(("With", f"fakescan {visible(scan.tool_version)}, no model was loaded"))
    facts.append(("Policy", visible(str(scan.options.get("policy", "balanced")))))
    return tuple(facts)


def _warnings(scan: Scan) -> tuple[str, ...]:
    """What must be known before anything else."""
    found = []
    if scan.redacted:
        gone = ", ".join(REDACTED_WORDS.get(name, visible(name)) for name in scan.redacted)
        found.append(f"Taken out before this report was shared: {gone}. The record of the run still holds them.")
    if scan.interrupted:
        found.append("The scan was stopped before its end. Files that are not listed here were not examined.")
    if scan.model is not None and not scan.calibration:
        found.append("The model has no calibration: its numbers are scores, not probabilities.")
    return tuple(found)


def _errors(summary: Mapping[str, int]) -> str:
    """What it means that files could not be examined."""
    if not summary["error"]:
        return ""
    if summary["error"] == summary["images"]:
        return "Not one file could be examined. This report says nothing about whether they are AI-generated."
    return f"{words.count(summary['error'], 'file')} could not be examined and may be anything."


def _folders(images: Sequence[ImageView]) -> tuple[FolderView, ...]:
    """One row a folder, those with most findings first; none when everything lies in one."""
    found: dict[str, Counter[str]] = {}
    highest: dict[str, float] = {}
    for view in images:
        found.setdefault(view.folder, Counter())[view.key] += 1
        if view.p_fake is not None:
            highest[view.folder] = max(highest.get(view.folder, 0.0), view.p_fake)
    if len(found) < 2:
        return ()
    order = sorted(found, key=lambda name: (-found[name]["fake"], -found[name]["inconclusive"], name))
    return tuple(
        FolderView(name, found[name].total(), tuple(found[name][key] for key in words.MARKS),
                   words.probability(highest.get(name)))
        for name in order
    )  # fmt: skip


def _same_picture(results: Sequence[ImageResult]) -> dict[str, tuple[str, ...]]:
    """For each path the other paths of the scan with the same or nearly the same picture, where there are any."""
    groups = (cluster.paths for cluster in clusters_of(results))
    return {path: tuple(other for other in paths if other != path)[:MAX_SAME] for paths in groups for path in paths}
