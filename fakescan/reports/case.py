"""The CASE/UCO report (JSON-LD), which digital forensics case systems import.

CASE 1.x over UCO 1.x (https://caseontology.org): the scan is an ``InvestigativeAction`` done with an ``AnalyticTool``;
each file is a ``File`` with its name, size, SHA-256 and picture facets; each verdict is an ``AnalyticResult`` with an
``ArtifactClassification``. A file that could not be examined gets no classification, and says why.

Identifiers are UUIDs (version 5) of the run's id and the file's path, so that the same run gives the same graph.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, TextIO
from uuid import UUID, uuid5

from fakescan.core.json_values import clean
from fakescan.core.records import Assessed, Failure, ImageResult, Label, Scan
from fakescan.reports.escape import visible
from fakescan.reports.measured import promises
from fakescan.reports.words import headline

CLASSES = {
    Label.FAKE: "likely AI-generated",
    Label.INCONCLUSIVE: "inconclusive",
    Label.REAL: "no sign of AI generation found",
}
"""The classification taxonomy, in the words of the other reports."""
_NAMESPACE = UUID("6f1d6f0a-3d0e-5c0e-9b5c-5f2f5c1c7a11")
"""Of fakescan's identifiers in case files; arbitrary, and never to change."""
_CONTEXT = {
    "kb": "http://example.org/kb/",
    "case-investigation": "https://ontology.caseontology.org/case/investigation/",
    "uco-action": "https://ontology.unifiedcyberontology.org/uco/action/",
    "uco-analysis": "https://ontology.unifiedcyberontology.org/uco/analysis/",
    "uco-core": "https://ontology.unifiedcyberontology.org/uco/core/",
    "uco-observable": "https://ontology.unifiedcyberontology.org/uco/observable/",
    "uco-tool": "https://ontology.unifiedcyberontology.org/uco/tool/",
    "uco-types": "https://ontology.unifiedcyberontology.org/uco/types/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
_MEANING = (
    "label and confidence are what a measured model and the file's own marks say, not proof; the confidence is the "
    "probability that the picture is AI-generated, for every class."
)
Node = dict[str, Any]


@dataclass(frozen=True, slots=True)
class CaseRenderer:
    """Writes a scan as a CASE/UCO graph in JSON-LD."""

    suffix: ClassVar[str] = ".jsonld"
    """File suffix."""

    def render(self, scan: Scan, out: TextIO) -> None:
        """Write the report.

        Args:
            scan: a finished scan.
            out: a text stream.
        """
        document = {"@context": _CONTEXT, "@graph": list(_graph(scan))}
        out.write(json.dumps(clean(document), indent=1, ensure_ascii=True, allow_nan=False) + "\n")


def _graph(scan: Scan) -> Iterator[Node]:
    """The tool, the action, and for each file itself and what was found out about it."""
    tool, action = _id("tool", scan.scan_id), _id("action", scan.scan_id)
    files = [_file(result, scan) for result in scan.results]
    findings = [_finding(result, scan, action) for result in scan.results if isinstance(result.outcome, Assessed)]
    yield _tool(scan, tool)
    yield {
        "@id": action,
        "@type": ["case-investigation:InvestigativeAction", "uco-analysis:Analysis"],
        "uco-core:name": "fakescan scan",
        "uco-core:description": _description(scan),
        "uco-action:startTime": _time(f"{scan.started_at:%Y-%m-%dT%H:%M:%SZ}"),
        "uco-action:endTime": _time(f"{scan.finished_at:%Y-%m-%dT%H:%M:%SZ}"),
        "uco-action:instrument": {"@id": tool},
        "uco-action:object": [{"@id": file["@id"]} for file in files],
        "uco-action:result": [{"@id": finding["@id"]} for finding in findings],
    }
    yield from files
    yield from findings


def _tool(scan: Scan, identity: str) -> Node:
    model = f", model {scan.model.name} (weights {scan.model.weights_sha256})" if scan.model else ", no model"
    return {
        "@id": identity,
        "@type": "uco-tool:AnalyticTool",
        "uco-core:name": "fakescan",
        "uco-core:description": _shown(f"fakescan {scan.tool_version}{model}"),
        "uco-tool:toolType": "detector of AI-generated pictures",
        "uco-tool:version": _shown(scan.tool_version),
    }


def _description(scan: Scan) -> str:
    """What was done, and what it means."""
    ended = " The scan was stopped before its end: files are missing." if scan.interrupted else ""
    calibrated = "" if scan.calibration else " The model is not calibrated: the confidence is a model score."
    calibrated += "".join(f" {_shown(promised)}" for promised in promises(scan.calibration))
    policy = _shown(str(scan.options.get("policy", "balanced")))
    return f"Command: {_shown(scan.command)}. Verdict policy: {policy}.{ended}{calibrated} In this graph {_MEANING}"


def _file(result: ImageResult, scan: Scan) -> Node:
    """A file and its facets; an unreadable one with the reason."""
    file, path = result.record.file, result.record.file.path
    content: Node = {
        "@id": _id("content-data-facet", scan.scan_id, path),
        "@type": "uco-observable:ContentDataFacet",
        "uco-observable:sizeInBytes": _whole(file.size_bytes),
    }
    if file.media_type:
        content["uco-observable:mimeType"] = _shown(file.media_type)
    if file.sha256:
        content["uco-observable:hash"] = {
            "@id": _id("hash", scan.scan_id, path),
            "@type": "uco-types:Hash",
            "uco-types:hashMethod": "SHA256",
            "uco-types:hashValue": {"@type": "xsd:hexBinary", "@value": file.sha256},
        }
    facets: list[Node] = [
        {
            "@id": _id("file-facet", scan.scan_id, path),
            "@type": "uco-observable:FileFacet",
            "uco-observable:fileName": _shown(posixpath.basename(path)),
            "uco-observable:filePath": _shown(path),
            "uco-observable:isDirectory": False,
            "uco-observable:sizeInBytes": _whole(file.size_bytes),
        },
        content,
    ]
    if result.record.width_px is not None and result.record.height_px is not None:
        facets.append(
            {
                "@id": _id("raster-picture-facet", scan.scan_id, path),
                "@type": "uco-observable:RasterPictureFacet",
                "uco-observable:pictureHeight": _whole(result.record.height_px),
                "uco-observable:pictureWidth": _whole(result.record.width_px),
            }
        )
    node: Node = {"@id": _id("file", scan.scan_id, path), "@type": "uco-observable:File", "uco-core:hasFacet": facets}
    if isinstance(result.outcome, Failure):
        failure = result.outcome
        node["uco-core:description"] = f"Could not be examined ({_shown(failure.step)}): {_shown(failure.message)}"
    return node


def _finding(result: ImageResult, scan: Scan, action: str) -> Node:
    """A verdict: statement in words, class and P(AI-generated)."""
    path = result.record.file.path
    assert isinstance(result.outcome, Assessed)  # noqa: S101 (the caller asks for nothing else)
    verdict = result.outcome.verdict
    classification: Node = {
        "@id": _id("artifact-classification", scan.scan_id, path),
        "@type": "uco-analysis:ArtifactClassification",
        "uco-analysis:class": CLASSES[verdict.label],
    }
    if verdict.p_fake is not None:
        number = {"@type": "xsd:decimal", "@value": f"{verdict.p_fake:.6f}"}
        classification["uco-analysis:classificationConfidence"] = number
    facet = {
        "@id": _id("artifact-classification-result-facet", scan.scan_id, path),
        "@type": "uco-analysis:ArtifactClassificationResultFacet",
        "uco-analysis:classification": classification,
    }
    reasons = " ".join(reason.text for reason in verdict.reasons)
    return {
        "@id": _id("analytic-result", scan.scan_id, path),
        "@type": "uco-analysis:AnalyticResult",
        "uco-core:statement": _shown(f"{headline(result)}. {reasons}".strip()),
        "uco-core:hasFacet": [facet],
        "uco-analysis:originatingAnalysis": {"@id": action},
        "uco-analysis:resultContent": {"@id": _id("file", scan.scan_id, path)},
    }


def _id(kind: str, *parts: str) -> str:
    """An identifier that is the same for the same run and file."""
    name = b"\0".join(part.encode("utf-8", "surrogatepass") for part in (kind, *parts))
    return f"kb:{kind}-{uuid5(_NAMESPACE, name.hex())}"


def _whole(number: int) -> Node:
    return {"@type": "xsd:integer", "@value": str(number)}


def _time(text: str) -> Node:
    return {"@type": "xsd:dateTime", "@value": text}


def _shown(text: str) -> str:
    return visible(text)
