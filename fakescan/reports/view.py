"""A scan as a page shows it: plain frozen values filled once, so that templates make no decisions."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from fakescan.core.records import Assessed, ImageKind, ModelIdentity, Scan
from fakescan.reports import words
from fakescan.reports.charts import HistogramView, histogram_view
from fakescan.reports.escape import visible
from fakescan.reports.measured import RatesView, rates_views
from fakescan.reports.order import by_attention, needs_attention
from fakescan.reports.view_image import ImageView, image_view

MAX_CARDS = 12
"""Cards under "look here first"."""
Rows = tuple[tuple[str, str], ...]


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
class CustodyView:
    """What somebody needs to repeat the scan."""

    run: Rows
    """The run: command, times, versions."""
    model: Rows
    """The model; empty when none was loaded."""
    card: Rows
    """Facts of the model card."""
    options: Rows
    """The resolved options."""
    environment: Rows
    """Versions and platform."""


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
    kinds: tuple[CountView, ...]
    """Kinds of picture as filters; empty when there is only one."""
    marks: tuple[CountView, ...]
    """Other filters: contradiction, the file says something."""
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


def build_page(scan: Scan, thumbnails: Mapping[str, str] | None = None) -> PageView:
    """Fill the page.

    Args:
        scan: a finished scan.
        thumbnails: ``data:`` addresses by path.
    """
    pictures = thumbnails or {}
    ordered = by_attention(scan.results)
    images = tuple(image_view(item, scan.calibration, pictures.get(item.record.file.path)) for item in ordered)
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
        kinds=_kind_filters(images),
        marks=_mark_filters(images),
        rates=rates_views(scan.calibration, used, kinds),
        histogram=histogram_view([outcome.verdict for outcome in outcomes]),
        errors=tuple(view for view in images if view.failure),
        skipped=tuple((visible(item.path), visible(item.reason)) for item in scan.skipped),
        custody=_custody(scan),
        limits=words.LIMITS,
    )


def _header(scan: Scan) -> HeaderView:
    """The top of the page."""
    summary = scan.summary
    images = words.count(summary["images"], "image") if summary["images"] else "No images"
    return HeaderView(
        title=f"{images} in {_folder(scan.root)}",
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
    facts = [("Scanned", visible(scan.root)), ("When", f"{words.moment(scan.finished_at)}, in {took}")]
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


def _kind_filters(images: tuple[ImageView, ...]) -> tuple[CountView, ...]:
    """Kinds of picture with counts, none when all are of one kind."""
    counts = Counter((view.kind_key, view.kind) for view in images if not view.failure)
    if len(counts) < 2:
        return ()
    return tuple(CountView(key, number, text.capitalize()) for (key, text), number in sorted(counts.items()))


def _mark_filters(images: tuple[ImageView, ...]) -> tuple[CountView, ...]:
    """Further filters, only those that would find something."""
    counts = (
        CountView("conflict", sum(view.conflict for view in images), "Contradiction"),
        CountView("speaks", sum(view.speaks for view in images), "File says something about its origin"),
    )
    return tuple(item for item in counts if item.number)


def _custody(scan: Scan) -> CustodyView:
    """What somebody needs to repeat the scan."""
    run = {
        "Scan": scan.scan_id,
        "Folder": scan.root,
        "Command": scan.command,
        "Started": scan.started_at.isoformat(timespec="seconds"),
        "Finished": scan.finished_at.isoformat(timespec="seconds"),
        "fakescan": scan.tool_version,
        "Report schema": scan.schema_version,
    }
    card = scan.model.card if scan.model else {}
    model = _model(scan.model) if scan.model else ()
    return CustodyView(_rows(run), model, _rows(card), _rows(scan.options), _rows(scan.environment))


def _model(model: ModelIdentity) -> Rows:
    """Which model spoke, and how it was run."""
    identity = {
        "Name": model.name,
        "Base model": model.base_model,
        "Adapter": model.adapter or "none (merged)",
        "Weights, SHA-256": model.weights_sha256,
        "Prompt version": model.prompt_version,
        "Number format": model.dtype,
        "Device": model.device,
        "Engine": model.engine,
        "Temperature of its mapper": model.temperature,
        "Deciding score by its card": words.SCORE_WORDS[model.decides],
    }
    return _rows(identity)


def _rows(values: Mapping[str, object]) -> Rows:
    """Names and values as text that is safe to show."""
    return tuple((visible(str(name)), _plain(value)) for name, value in values.items())


def _plain(value: object) -> str:
    """A value of an option as text."""
    if isinstance(value, str):
        return visible(value, limit_chars=4_000)
    if value is None:
        return "not set"
    try:
        return visible(json.dumps(value, ensure_ascii=False), limit_chars=4_000)
    except (TypeError, ValueError):
        return visible(str(value), limit_chars=4_000)
