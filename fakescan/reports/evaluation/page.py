"""An evaluation as one HTML page: no script, no request, nothing in it that comes from a file is markup."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

import jinja2

from fakescan.errors import ReportError
from fakescan.reports.escape import visible
from fakescan.reports.evaluation import parts, view
from fakescan.reports.evaluation.view import Document
from fakescan.reports.templates import environment, policy_without_script, read_template, template_roots

TEMPLATE = "evaluation.html.j2"
_STYLES = ("page/base", "evaluation")
MAX_ERRORS = 200
"""Errors that the page lists."""
_SIDE = 100


@dataclass(frozen=True, slots=True)
class Dot:
    """A point of the reliability diagram, in a square of 100."""

    x: float
    """Mean probability of its images."""
    y: float
    """Share of them that is AI-generated, from the top."""
    low: float
    """Lower end of its interval, from the top."""
    high: float
    """Upper end."""
    text: str
    """The same in words."""


def write_html(documents: Sequence[Document], out: TextIO) -> None:
    """Write the page.

    Args:
        documents: the evaluation, and any others to stand beside it.
        out: a text stream in UTF-8.

    Raises:
        ReportError: a template is missing or faulty.
    """
    document = documents[0]
    roots = template_roots()
    style = "\n".join(read_template(roots, f"assets/{name}.css") for name in _STYLES)
    curves: Mapping[str, Any] = document.get("curves") or {}
    header, rows = view.paper_table(documents)
    errors = document.get("errors") or []
    try:
        out.write(
            environment(roots)
            .get_template(TEMPLATE)
            .render(
                title=view.title_of(document),
                style=style,
                policy=policy_without_script(style),
                sentences=view.sentences(document),
                overall=view.overall_rows(document),
                figures=view.FIGURES,
                groups=view.group_rows(document),
                matched=view.matched_rows(document),
                detectors=rows if len(rows) > 1 else [],
                detectors_header=header,
                roc=_line(curves.get("roc") or []),
                dots=_dots(curves.get("reliability") or []),
                coverage=_line(curves.get("coverage") or []),
                changes=parts.robustness_rows(document),
                changes_header=parts.ROBUSTNESS_HEADER,
                changes_sentence=parts.robustness_sentence(document),
                series=_series(document.get("robustness") or {}),
                more=[
                    ("Texts against references", parts.TEXT_HEADER, parts.text_rows(document), ""),
                    (
                        "Texts of detectors side by side",
                        parts.DETECTOR_TEXT_HEADER,
                        parts.detector_text_rows(documents) if len(documents) > 1 else [],
                        "",
                    ),
                    ("Several rounds", parts.ROUNDS_HEADER, parts.round_rows(document), ""),
                    (
                        "What people say of the texts",
                        parts.HUMAN_HEADER,
                        parts.human_rows(document),
                        parts.human_sentence(document),
                    ),
                ],
                reasoning=parts.reasoning_rows(document),
                official=parts.official_rows(document),
                errors=[
                    (view.name_of(error.get("path", "")), visible(str(error.get("message", "")), limit_chars=200))
                    for error in errors[:MAX_ERRORS]
                ],
                more_errors=max(0, len(errors) - MAX_ERRORS),
                calibration=_calibrations(document),
            )
        )
    except jinja2.TemplateError as fault:
        raise ReportError(f"faulty template: {fault}", "install fakescan again") from fault


def _line(points: Sequence[Sequence[float]]) -> str:
    """Points of a polyline in a square of 100, y upwards."""
    return " ".join(f"{_SIDE * float(x):.2f},{_SIDE * (1 - float(y)):.2f}" for x, y in points)


def _series(found: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """A curve of accuracy for each series of two levels or more: its name, points, and the levels in words."""
    by_name: dict[str, list[tuple[float, float]]] = {}
    for row in found.get("variants") or []:
        if row.get("accuracy") is not None and row["series"] != "way":
            by_name.setdefault(str(row["series"]), []).append((float(row["level"]), float(row["accuracy"])))
    curves = []
    for name, points in by_name.items():
        points.sort()
        if len(points) > 1:
            low, high = points[0][0], points[-1][0]
            line = _line([((level - low) / (high - low), accuracy) for level, accuracy in points])
            curves.append((visible(name), line, f"from {low:g} to {high:g}"))
    return curves


def _dots(bins: Sequence[Mapping[str, Any]]) -> list[Dot]:
    dots = []
    for row in bins:
        share, images = float(row["share_fake"]), int(row["n"])
        scored = f"scored {float(row['from']):.1f} to {float(row['to']):.1f}"
        text = f"{scored}: {images:,} images, {100 * share:.0f} % AI-generated"
        x, y, low, high = (float(row["mean_p"]), share, float(row["low"]), float(row["high"]))
        dots.append(Dot(_SIDE * x, _SIDE * (1 - y), _SIDE * (1 - low), _SIDE * (1 - high), text))
    return dots


def _calibrations(document: Document) -> list[str]:
    found = document["detector"].get("calibration")
    if not isinstance(found, Mapping):
        return []
    return [
        visible(f"Score {kind} the text, calibrated on {words}.", limit_chars=400)
        for kind, words in found.items()
        if words
    ]
