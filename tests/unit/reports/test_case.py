"""CASE/UCO: as rdflib reads it, and as case_validate checks it against the ontology's shapes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from rdflib import RDF, XSD, Graph, Literal, Namespace

from fakescan.core.records import Scan
from fakescan.reports.case import CaseRenderer
from tests.unit.reports.conftest import build_scan

ANALYSIS = Namespace("https://ontology.unifiedcyberontology.org/uco/analysis/")
ACTION = Namespace("https://ontology.unifiedcyberontology.org/uco/action/")
CORE = Namespace("https://ontology.unifiedcyberontology.org/uco/core/")
OBSERVABLE = Namespace("https://ontology.unifiedcyberontology.org/uco/observable/")
TYPES = Namespace("https://ontology.unifiedcyberontology.org/uco/types/")


pytestmark = pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")
"""rdflib's own parser uses what rdflib has deprecated."""


def text_of(scan: Scan) -> str:
    out = StringIO()
    CaseRenderer().render(scan, out)
    return out.getvalue()


def graph_of(scan: Scan) -> Graph:
    return Graph().parse(data=text_of(scan), format="json-ld")


def validated(*paths: Path) -> subprocess.CompletedProcess[str]:
    """In a process of its own: the validator's libraries warn, which tests take for errors."""
    code = "import sys; from case_utils.case_validate import main; sys.exit(main())"
    return subprocess.run([sys.executable, "-c", code, *map(str, paths)], capture_output=True, text=True, check=False)


def test_each_verdict_is_a_classification_of_its_file(press_scan: Scan) -> None:
    graph = graph_of(press_scan)
    found = {}
    for result in graph.subjects(RDF.type, ANALYSIS.AnalyticResult):
        file = graph.value(result, ANALYSIS.resultContent)
        names = [graph.value(facet, OBSERVABLE.filePath) for facet in graph.objects(file, CORE.hasFacet)]
        facet = graph.value(result, CORE.hasFacet)
        classification = graph.value(facet, ANALYSIS.classification)
        confidence = graph.value(classification, ANALYSIS.classificationConfidence)
        (name,) = [str(name) for name in names if name is not None]
        found[name] = (str(graph.value(classification, ANALYSIS["class"])), confidence)
    assert len(found) == 20
    assert found["stall/market.jpg"] == ("likely AI-generated", Literal("0.931000", datatype=XSD.decimal))
    assert found["stall/market.jpg"][1].toPython() == Decimal("0.931")
    assert found["unknown.webp"] == ("inconclusive", None)


def test_files_carry_digests_and_errors_their_reason(press_scan: Scan) -> None:
    graph = graph_of(press_scan)
    files = list(graph.subjects(RDF.type, OBSERVABLE.File))
    assert len(files) == 22
    hashes = {str(value) for value in graph.objects(None, TYPES.hashValue)}
    assert hashes == {result.record.file.sha256.upper() for result in press_scan.results} or hashes == {
        result.record.file.sha256 for result in press_scan.results
    }
    reasons = [str(text) for file in files for text in graph.objects(file, CORE.description)]
    assert sorted(reasons) == [
        "Could not be examined (decode): the file ends after 1,024 of 98,210 bytes",
        "Could not be examined (identify): the file holds text",
    ]
    (action,) = graph.subjects(RDF.type, ANALYSIS.Analysis)
    assert len(list(graph.objects(action, ACTION.object))) == 22
    assert len(list(graph.objects(action, ACTION.result))) == 20


def test_the_same_run_gives_the_same_graph_and_another_run_other_names(press_scan: Scan) -> None:
    assert text_of(press_scan) == text_of(press_scan)
    other = build_scan(press_scan.results, scan_id="another")
    nodes = {str(node) for node in graph_of(press_scan).subjects()}
    assert not nodes & {str(node) for node in graph_of(other).subjects()}


def test_conforms_to_the_ontology(tmp_path: Path, press_scan: Scan, hostile_scan: Scan) -> None:
    scans = {"press": press_scan, "hostile": hostile_scan, "empty": build_scan([], model=None, interrupted=True)}
    for name, scan in scans.items():
        (tmp_path / f"{name}.jsonld").write_text(text_of(replace(scan, scan_id=name)), encoding="utf-8")
    done = validated(*tmp_path.iterdir())
    assert "Conforms: True" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0


def test_the_validator_would_notice(tmp_path: Path, press_scan: Scan) -> None:
    path = tmp_path / "scan.jsonld"
    path.write_text(text_of(press_scan).replace("xsd:decimal", "xsd:string"), encoding="utf-8")
    assert validated(path).returncode == 1
