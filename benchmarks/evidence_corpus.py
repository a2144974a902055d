"""What the evidence readers find in a reference set of files, against what its manifest and other readers say.

    python benchmarks/evidence_corpus.py CORPUS [--trust CORPUS/trust] [--all]

Prints one line for each disagreement and a summary; the last line is one JSON object. CORPUS has a ``manifest.csv``
with the columns ``file``, ``kind``, ``exp_ai``, ``exp_camera``, and ``refs/exiftool.json``, ``refs/c2pa.json``.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import importlib
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fakescan.core.provenance import BROKEN_SIGNATURE
from fakescan.core.records import Evidence, EvidenceStatus, SourceFile, Strength, Supports
from fakescan.evidence import readers_with
from fakescan.intake.identify import HEAD_BYTES, sniff
from fakescan.protocols import EvidenceReader

FAKE, EDITED, REAL = Supports.FAKE, Supports.EDITED, Supports.REAL
UNSIGNED, TRUSTED, WEAK = Strength.UNSIGNED, Strength.TRUSTED, Strength.WEAK
# What a row of the manifest asks for: what must be found, and at which strength. "" is nothing above weak.
EXPECTED: dict[str, tuple[Supports, Strength] | str] = {
    "none": "",
    "unsigned": (FAKE, UNSIGNED),
    "watermark": (FAKE, UNSIGNED),
    "conflict": (FAKE, UNSIGNED),
    "unsigned_weak": (FAKE, WEAK),
    "signed_trusted": (FAKE, TRUSTED),
    "signed_untrusted": (FAKE, UNSIGNED),
    "signed_edited_trusted": (EDITED, TRUSTED),
    "signed_edited_untrusted": (EDITED, UNSIGNED),
    "edited_unsigned": (EDITED, UNSIGNED),
    "tampered": BROKEN_SIGNATURE,
    "unreadable": BROKEN_SIGNATURE,
}
CAMERA_FIELDS = {"Make": "IFD0:Make", "Model": "IFD0:Model", "DateTimeOriginal": "ExifIFD:DateTimeOriginal"}


@dataclass(frozen=True)
class Row:
    """A file of the set, and what was found in it."""

    file: str
    kind: str
    ai: str
    camera: str
    found: tuple[Evidence, ...]
    elapsed_s: float

    @property
    def fired(self) -> list[Evidence]:
        """What fired."""
        return [item for item in self.found if item.status is EvidenceStatus.FIRED]


def rows_of(corpus: Path, trust: str | None) -> Iterator[Row]:
    """Read every file of the manifest.

    Args:
        corpus: the folder.
        trust: trust list for signatures, or None.
    """
    readers = [made(spec) for spec in readers_with(trust or "none").values()]
    with (corpus / "manifest.csv").open(encoding="utf-8") as manifest:
        entries = list(csv.DictReader(manifest))
    for entry in entries:
        path = corpus / entry["file"].partition("/")[2]
        data = path.read_bytes()
        media_type = sniff(data[:HEAD_BYTES], path.name)
        file = SourceFile(path.name, len(data), hashlib.sha256(data).hexdigest(), media_type)
        started = time.perf_counter()
        found = [item for reader in readers for item in reader.read(file, data)]
        elapsed = time.perf_counter() - started
        yield Row(entry["file"], entry["kind"], entry["exp_ai"], entry["exp_camera"], tuple(found), elapsed)


def made(spec: str) -> EvidenceReader:
    """A reader of the table.

    Args:
        spec: ``module:Class`` or ``module:Class=argument``.
    """
    module, _, rest = spec.partition(":")
    name, _, argument = rest.partition("=")
    reader: EvidenceReader = getattr(importlib.import_module(module), name)(*[argument] * bool(argument))
    return reader


def ai_fault(row: Row, *, trusting: bool) -> str:
    """Why a file's evidence of AI is not what the manifest expects; empty when it is.

    Args:
        row: the file.
        trusting: whether there is a trust list; without one a trusted signature counts as one of an unknown signer.
    """
    loud = {(item.supports, item.strength) for item in row.fired if item.supports in (FAKE, EDITED)}
    names = {item.name for item in row.fired}
    expected = EXPECTED[row.ai]
    if isinstance(expected, tuple):
        expected = expected if trusting or expected[1] is not TRUSTED else (expected[0], UNSIGNED)
        return "" if expected in loud else f"expected {expected}, found {sorted(loud)}"
    if any(strength in (UNSIGNED, TRUSTED) for _, strength in loud):
        return f"expected no mark of AI, found {sorted(loud)}"
    return "" if not expected or expected in names else f"expected {expected!r}, found {sorted(names)}"


def camera_fault(row: Row) -> str:
    """Why a file's camera evidence is not what the manifest expects; empty when it is.

    Args:
        row: the file.
    """
    speaks = any(item.supports is REAL and item.strength is UNSIGNED for item in row.fired)
    if row.kind in ("camera", "generator") and speaks is not (row.camera == "unsigned_exif"):
        return f"expected camera {row.camera}, found {speaks}"
    return ""


def field_faults(row: Row, reference: dict[str, Any]) -> Iterator[str]:
    """Camera fields that differ from exiftool's reading.

    Args:
        row: the file.
        reference: exiftool's fields.
    """
    mine: dict[str, str] = {}
    for item in row.fired:
        if item.reader == "exif":
            mine.setdefault(item.name, item.value)
    for name, key in CAMERA_FIELDS.items():
        theirs = str(reference.get(key, "")).strip()
        if " ".join(mine.get(name, "").split()) != " ".join(theirs.split()):
            yield f"{name}: {mine.get(name, '')[:60]!r}, exiftool {theirs[:60]!r}"
    if ("GPSPosition" in mine) is not bool(str(reference.get("Composite:GPSPosition", "")).strip()):
        yield f"place: {mine.get('GPSPosition')!r}, exiftool {reference.get('Composite:GPSPosition')!r}"


def state_fault(row: Row, reference: dict[str, Any]) -> str:
    """Why the state of the Content Credentials is not that of the reference; empty when it is.

    Args:
        row: the file.
        reference: state, failure and success codes of another reader under the same trust configuration.
    """
    mine = {item.name: item.value for item in row.fired if item.reader == "c2pa"}
    if "error" in reference:
        return "a state where the reference has none" if "signer trusted" in mine else ""
    failures = set(reference["failure"])
    theirs = {
        "bytes intact": "no" if any(code.endswith("Hash.mismatch") for code in failures) else "yes",
        "signature valid": "yes" if "claimSignature.validated" in reference["success"] else "no",
        "signer trusted": "yes" if "signingCredential.trusted" in reference["success"] else "no",
    }
    wrong = [
        f"{name}: {mine.get(name)}, reference {value}" for name, value in theirs.items() if mine.get(name) != value
    ]
    broken = any(code.startswith("assertion.") for code in failures)
    if (BROKEN_SIGNATURE in mine) is not broken:
        wrong.append(f"broken: {BROKEN_SIGNATURE in mine}, reference {broken}")
    return "; ".join(wrong)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return 1 when something disagrees.

    Args:
        arguments: those of the command line when None.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--trust", help="trust list: a file or a folder; the reference's third configuration")
    parser.add_argument("--all", action="store_true", help="print every finding too")
    given = parser.parse_args(arguments)
    exiftool = {item["SourceFile"]: item for item in json.loads((given.corpus / "refs/exiftool.json").read_text())}
    states = json.loads((given.corpus / "refs/c2pa.json").read_text())
    configuration = "official_plus_interim" if given.trust else "no_trust"
    counts = dict.fromkeys(("files", "ai_expected", "ai_found", "false_alarms", "camera", "fields", "states"), 0)
    slowest = 0.0
    for row in rows_of(given.corpus, given.trust):
        counts["files"] += 1
        slowest = max(slowest, row.elapsed_s)
        fault = ai_fault(row, trusting=bool(given.trust))
        if row.ai != "none":
            counts["ai_expected"] += 1
            counts["ai_found"] += not fault
        elif row.kind == "hostile":
            fault = ""  # built to do harm, among them with true marks of generators; the manifest says nothing
        else:
            counts["false_alarms"] += bool(fault)
        faults = [fault, camera_fault(row)]
        counts["camera"] += bool(faults[1])
        if row.camera == "unsigned_exif":
            differing = list(field_faults(row, exiftool.get(row.file, {})))
            counts["fields"] += len(differing)
            faults += differing
        if row.file in states:
            faults.append(state_fault(row, states[row.file][configuration]))
            counts["states"] += bool(faults[-1])
        for fault in filter(None, faults):
            print(f"{row.file}: {fault}")
        if given.all:
            for item in row.found:
                print(
                    f"  {row.file} {item.reader} {item.status} {item.name}: {item.value[:90]!r} {item.supports}"
                    f" {item.strength} | {item.note}"
                )
    print(json.dumps({**counts, "slowest_s": round(slowest, 3)}))
    wrong = counts["ai_expected"] - counts["ai_found"]
    return int(any([wrong, counts["false_alarms"], counts["camera"], counts["fields"], counts["states"]]))


if __name__ == "__main__":
    sys.exit(main())
