"""The table of formats, and what is the same for all of them."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import EntryPoint, EntryPoints
from io import StringIO

import pytest

from fakescan import reports
from fakescan.core.records import Scan, ScoreKind
from fakescan.errors import ReportError
from fakescan.protocols import ReportRenderer

SUFFIXES = {"junit": ".xml", "github": ".txt", "gitlab": ".json", "case": ".jsonld"}
"""Where the suffix is not the format's name."""


@pytest.mark.parametrize("name", [name for name in reports.RENDERERS if name != "pdf"])
def test_every_format_writes_every_scan(
    name: str, press_scan: Scan, hostile_scan: Scan, make_scan: Callable[..., Scan]
) -> None:
    renderer: ReportRenderer = reports.renderer_class(name)()
    assert renderer.suffix == SUFFIXES.get(name, f".{name}")
    for scan in (press_scan, hostile_scan, make_scan([], model=None, calibration={}, interrupted=True)):
        first, second = StringIO(), StringIO()
        renderer.render(scan, first)
        renderer.render(scan, second)
        assert first.getvalue() == second.getvalue()
        text = first.getvalue()
        assert text.encode("utf-8")
        assert not [char for char in "\x1b\x07\x00\u202e\u2066" if char in text]


@pytest.mark.parametrize("name", ["html", "md", "sarif", "junit", "case", "json", "jsonl"])
def test_what_a_calibration_promises_is_carried_into_the_report(name: str, press_scan: Scan) -> None:
    words = "Calibrated on 300 of your own photographs"
    record = press_scan.calibration[ScoreKind.BEFORE]
    promised = replace(record, metrics={**record.metrics, "promise": f"{words}: at most 2 % of those reach it."})
    for scan, expected in ((press_scan, False), (replace(press_scan, calibration={ScoreKind.BEFORE: promised}), True)):
        out = StringIO()
        reports.renderer_class(name)().render(scan, out)
        assert (words in out.getvalue()) is expected


def test_an_unknown_format_names_near_misses_and_the_list() -> None:
    with pytest.raises(ReportError, match="unknown report format: htlm") as caught:
        reports.renderer_class("htlm")
    assert "did you mean html?" in caught.value.hint
    assert "csv" in caught.value.hint


def test_other_packages_may_add_formats_but_replace_none(monkeypatch: pytest.MonkeyPatch) -> None:
    group = reports.ENTRY_POINTS
    offered = EntryPoints(
        [
            EntryPoint("plain", "fakescan.reports.json:JsonRenderer", group),
            EntryPoint("csv", "fakescan.reports.json:JsonRenderer", group),
            EntryPoint("gone", "no_such_module_here:Renderer", group),
        ]
    )
    monkeypatch.setattr(reports, "entry_points", lambda group: offered)
    assert reports.formats() == (*reports.RENDERERS, "gone", "plain")
    assert reports.renderer_class("plain").__name__ == "JsonRenderer"
    assert reports.renderer_class("csv").__name__ == "CsvRenderer"
    with pytest.raises(ReportError, match="gone cannot be loaded"):
        reports.renderer_class("gone")


@pytest.mark.parametrize("name", sorted(set(reports.RENDERERS) - {"html", "pdf"}))  # a PDF is the page, printed
def test_a_format_imports_no_other_and_nothing_heavy(name: str) -> None:
    heavy = ("torch", "transformers", "numpy", "PIL", "rich", "typer", "jinja2", "rdflib", "jsonschema", "junitparser")
    others = [target.partition(":")[0] for other, target in reports.RENDERERS.items() if other != name]
    code = (
        f"import sys, fakescan.reports; fakescan.reports.renderer_class({name!r});"
        f"sys.exit(str([m for m in {(*heavy, *others)!r} if m in sys.modules]))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.stderr.strip() == "[]"


def test_nothing_heavy_is_imported_before_it_is_used() -> None:
    code = (
        "import sys, fakescan.reports, fakescan.reports.write;"
        "sys.exit(str([m for m in ('jinja2', 'rich', 'torch', 'fakescan.reports.html') if m in sys.modules]))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.stderr.strip() == "[]"


def test_every_module_has_a_purpose_in_its_docstring() -> None:
    for target in reports.RENDERERS.values():
        assert importlib.import_module(target.partition(":")[0]).__doc__
