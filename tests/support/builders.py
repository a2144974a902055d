"""Short ways to make the records that tests need."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime

from fakescan.core.policy import Judge
from fakescan.core.records import (
    Calibration,
    Evidence,
    Failure,
    ImageKind,
    ImageRecord,
    ImageResult,
    Label,
    LogitPair,
    ModelIdentity,
    Prediction,
    Scan,
    ScoreKind,
    Skipped,
    SourceFile,
    Stage,
    StageReasoning,
    Strength,
    Supports,
)

MODEL = ModelIdentity("weightless", "none", None, "0" * 64, "1", "float32", "cpu", "weightless", card={"limits": "all"})
CALIBRATION = Calibration(
    2.0, 0.25, 0.5, (0.4, 0.6), "200 test images", {"auc": 0.9, "n_real": 100}, {"photo": {"n_real": 50}}
)
CAMERA = Evidence("exif", "Make", "Canon", Supports.REAL, Strength.UNSIGNED, note="Names a camera.")


def record(path: str, *, kind: ImageKind | None = ImageKind.PHOTO) -> ImageRecord:
    """A decoded picture whose digest is made from its name."""
    digest = hashlib.sha256(path.encode("utf-8", "surrogatepass")).hexdigest()
    return ImageRecord(SourceFile(path, 1234, digest, "image/jpeg"), 640, 480, 1, None, kind)


def prediction(difference: float = 3.0, *, text: bool = True) -> Prediction:
    """An answer with the given difference of logits before any text, and four stages when there is text."""
    side = Label.FAKE if difference >= 0 else Label.REAL
    words = {Stage.CONCLUSION: f"Based on the analysis above, this image is {side.value}."}
    stages = tuple(StageReasoning(stage, words.get(stage, f"The {stage.value}."), complete=True) for stage in Stage)
    return Prediction(
        before=LogitPair(0.5, 0.5 + difference, 4),
        after=LogitPair(-0.5, difference, 90) if text else None,
        stages=stages if text else (),
        steered_to=side if text else None,
        tokens=120 if text else 0,
        elapsed_s=0.25,
    )


def assessed(path: str, difference: float = 3.0, *evidence: Evidence, text: bool = True) -> ImageResult:
    """A result as the pipeline makes it."""
    picture = record(path)
    judge = Judge(MODEL, {ScoreKind.BEFORE: CALIBRATION})
    outcome = judge.assess(prediction(difference, text=text), evidence, picture.kind)
    return ImageResult(picture, evidence, outcome, {"decode": 0.01, "infer": 0.25})


def failed(path: str) -> ImageResult:
    """A file that could not be decoded."""
    picture = ImageRecord(SourceFile(path, 0, hashlib.sha256(b"").hexdigest(), None))
    return ImageResult(picture, (), Failure("read", "empty-file", "the file is empty", "copy it again"), {"read": 0.0})


def scan(*results: ImageResult, interrupted: bool = False) -> Scan:
    """A scan of these results."""
    return Scan(
        schema_version="1",
        tool_version="0.0",
        scan_id="0011223344556677",
        root="/pictures",
        command="fakescan scan pictures",
        started_at=datetime(2026, 3, 1, 12, 0, 0, 250_000, UTC),
        finished_at=datetime(2026, 3, 1, 12, 5, 0, 0, UTC),
        options={"score": "auto", "include": ["*.jpg"], "limit": None},
        environment={"python": "3.11"},
        model=replace(MODEL, temperature=7.5),
        calibration={ScoreKind.BEFORE: CALIBRATION},
        results=tuple(sorted(results, key=lambda result: result.record.file.path)),
        skipped=(Skipped("notes.txt", "neither looks like nor is named like an image"),),
        interrupted=interrupted,
    )
