"""Invented scans: realistic ones, and ones whose every text comes from somebody hostile."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from io import BytesIO
from typing import Any

import pytest
from PIL import Image, ImageDraw

from fakescan.core.records import (
    SCHEMA_VERSION,
    Assessed,
    Calibration,
    Evidence,
    EvidenceStatus,
    Failure,
    ImageKind,
    ImageRecord,
    ImageResult,
    Label,
    LogitPair,
    ModelIdentity,
    Prediction,
    Reason,
    Scan,
    ScoreKind,
    Scores,
    Skipped,
    SourceFile,
    Stage,
    StageReasoning,
    Strength,
    Supports,
    Verdict,
)

MakeScan = Callable[..., Scan]
MakeResult = Callable[..., ImageResult]

METRICS: dict[str, float | int | str] = {
    "data": "dev-test, 580 images of 21 sources",
    "n_fake": 356,
    "n_real": 224,
    "auc": 0.914,
    "fake_called_fake": 0.742,
    "real_called_fake": 0.058,
    "coverage": 0.81,
    "ece": 0.041,
    "bin_9_n": 188,
    "bin_9_fake": 176,
    "bin_0_n": 97,
    "bin_0_fake": 9,
    "odd_figure": 3,
}
CALIBRATION = Calibration(
    temperature=1.7,
    bias=-0.2,
    threshold=0.5,
    inconclusive_band=(0.35, 0.65),
    fitted_on="640 images (320 AI-generated, 320 real) of held-out training sources",
    metrics=METRICS,
    by_kind={"photo": {"n_fake": 201, "n_real": 160, "fake_called_fake": 0.69, "real_called_fake": 0.044}},
)
HEADLINES = {
    Label.FAKE: "Likely AI-generated",
    Label.INCONCLUSIVE: "Inconclusive",
    Label.REAL: "No sign of AI generation found",
}
REASONS = {
    Label.FAKE: "The model's score before any text is 0.93, above the inconclusive band.",
    Label.INCONCLUSIVE: "The model's score lies inside the inconclusive band, where it was often wrong.",
    Label.REAL: "The model's score lies below the inconclusive band, and the file carries no mark of a generator.",
}
STAGE_TEXTS = {
    Stage.SUMMARY: "The picture is described, its traces are looked at, and a conclusion is drawn.",
    Stage.CAPTION: "A market stall with oranges and lemons in wooden crates, a woman in a blue apron behind it.",
    Stage.REASONING: (
        "From low-level perspective: the light on the crates comes from the left while the shadow of the apron falls "
        "towards it, and the edges of the lemons melt into one another.\nFrom high-level perspective: the price tags "
        "carry strokes that form no letters. Therefore, this image is fake."
    ),
    Stage.CONCLUSION: "Based on the analysis above, this image is fake.",
}
HOSTILE = (
    "<script>alert(1)</script>.jpg",
    '"><img src=x onerror=alert(2)>.jpg',
    "' onmouseover='alert(3)'.jpg",
    "rtl\u202egpj.exe.jpg",
    "new\nline.jpg",
    "\x1b[31mred\x1b[0m\x1b]0;t\x07.jpg",
    '=HYPERLINK("http://example.invalid","x").jpg',
    "{{7*7}}{% raw %}[bold red]rich[/].jpg",
    "bad\udcff\udcfeutf8.jpg",
    "a`b|c](javascript:alert(4)).jpg",
    "--><!--</style></svg><svg onload=alert(5)>.jpg",
    "@org/team &amp; #1.jpg",
)


def _stages(texts: Mapping[Stage, str], incomplete: Sequence[Stage]) -> tuple[StageReasoning, ...]:
    return tuple(StageReasoning(stage, texts[stage], stage not in incomplete) for stage in Stage)


def _record(path: str, kind: ImageKind | None, digest: str | None) -> ImageRecord:
    name = path.encode("utf-8", "surrogateescape")
    file = SourceFile(path, 204_800 + len(name) * 1_013, digest or sha256(name).hexdigest(), "image/jpeg")
    return ImageRecord(file, 1600, 1067, 1, 6, kind)


def build_result(
    path: str = "market.jpg",
    label: Label | None = Label.FAKE,
    p_fake: float | None = 0.93,
    *,
    conflict: str = "",
    evidence: Sequence[Evidence] = (),
    kind: ImageKind | None = ImageKind.PHOTO,
    texts: Mapping[Stage, str] | None = STAGE_TEXTS,
    incomplete: Sequence[Stage] = (),
    steered_to: Label | None = Label.FAKE,
    after: float | None = None,
    used: ScoreKind = ScoreKind.BEFORE,
    failure: Failure | None = None,
    reasons: Sequence[Reason] | None = None,
    headline: str | None = None,
    digest: str | None = None,
) -> ImageResult:
    """One result; ``label=None`` is a failure."""
    if label is None:
        outcome: Assessed | Failure = failure or Failure(
            "decode", "truncated", "the file ends after 1,024 of 98,210 bytes", "ask for the file again"
        )
        return ImageResult(
            replace(_record(path, None, digest), width_px=None, height_px=None), tuple(evidence), outcome
        )
    given = tuple(reasons) if reasons is not None else (Reason("model", REASONS[label]),)
    if conflict:
        given = (*given, Reason("file", conflict, True))
    scores = (p_fake, after) if used is ScoreKind.BEFORE else (after, p_fake)
    verdict = Verdict(label, p_fake, 0.5, ("model",), given, headline or HEADLINES[label])
    stages = _stages(texts, incomplete) if texts else ()
    prediction = Prediction(LogitPair(-1.0, 2.0, 4), None, stages, steered_to if stages else None, 120, 1.84)
    assessed = Assessed(prediction, Scores(scores[0], scores[1], used), verdict)
    return ImageResult(_record(path, kind, digest), tuple(evidence), assessed, {"infer": 1.84})


def build_scan(results: Sequence[ImageResult], **changes: Any) -> Scan:
    """A scan around these results."""
    scan = Scan(
        schema_version=SCHEMA_VERSION,
        tool_version="0.1.0",
        scan_id="5f0c9d0e2b7a4c31",
        root="/cases/2026-11 market/press photos",
        command="fakescan scan 'press photos' -o report.html",
        started_at=datetime(2026, 11, 28, 14, 1, 5, tzinfo=UTC),
        finished_at=datetime(2026, 11, 28, 14, 5, 12, tzinfo=UTC),
        options={"policy": "balanced", "score": "auto", "reasoning": "all", "exclude": ["*.tmp"], "limit": None},
        environment={"python": "3.11.9", "torch": "2.13.0", "platform": "Linux x86_64"},
        model=ModelIdentity(
            name="fakescan-nano-1",
            base_model="CLIP ViT-B/16 + SmolLM2-135M",
            adapter=None,
            weights_sha256="9b1d" * 16,
            prompt_version="3",
            dtype="float32",
            device="cpu",
            engine="slots",
            card={"trained on": "2,558 images of 40 public sources", "limits": "weak on stock photographs"},
        ),
        calibration={ScoreKind.BEFORE: CALIBRATION},
        results=tuple(sorted(results, key=lambda result: result.record.file.path)),
        skipped=(),
    )
    return replace(scan, **changes)


def _generator_marks() -> tuple[Evidence, ...]:
    return (
        Evidence("png", "parameters", "market stall, oranges, Steps: 28, Sampler: Euler a, Seed: 8123", Supports.FAKE,
                 Strength.UNSIGNED, note="A block of text as image generators write it."),
        Evidence("exif", "Make", "Canon", Supports.REAL, Strength.UNSIGNED, note="The camera's maker."),
        Evidence("exif", "Software", "Photo Editor 12", note="The program that saved the file."),
        Evidence("c2pa", "manifest", "", status=EvidenceStatus.SILENT),
        Evidence("xmp", "DigitalSourceType", "", status=EvidenceStatus.SILENT),
        Evidence("watermark", "dwtDct", "", status=EvidenceStatus.NOT_RUN),
    )  # fmt: skip


@pytest.fixture
def make_result() -> MakeResult:
    """Builds one result."""
    return build_result


@pytest.fixture
def make_scan() -> MakeScan:
    """Builds a scan around results."""
    return build_scan


@pytest.fixture
def press_scan() -> Scan:
    """What a newsroom might get: every verdict, a contradiction, marks in files, errors, skipped paths."""
    camera = Evidence("exif", "Model", "X-T5", Supports.REAL, Strength.UNSIGNED, note="The camera's model.")
    broken = Evidence("xmp", "packet", "", status=EvidenceStatus.FAILED, note="The block could not be read.")
    conflict = "The file carries a generator's settings and a camera's maker at once; one of them was added later."
    results = [
        build_result("stall/market.jpg", Label.FAKE, 0.931, evidence=_generator_marks(), conflict=conflict, after=0.88),
        build_result("stall/crowd at dawn.jpg", Label.FAKE, 0.987, headline="Very likely AI-generated"),
        build_result("portraits/portrait_07.png", Label.FAKE, 0.71, kind=ImageKind.ART, incomplete=(Stage.CONCLUSION,)),
        build_result("bridge.jpg", Label.INCONCLUSIVE, 0.52, evidence=(camera, broken), steered_to=Label.REAL),
        build_result("screens/chat.png", Label.INCONCLUSIVE, 0.41, kind=ImageKind.SCREENSHOT, texts=None),
        *(
            build_result(
                f"city/street {index:02}.jpg", Label.REAL, 0.02 + index * 0.021, texts=None, evidence=(camera,)
            )
            for index in range(13)
        ),
        build_result("icons/dot.png", Label.REAL, 0.11, kind=ImageKind.TINY, texts=None),
        build_result(
            "unknown.webp",
            Label.INCONCLUSIVE,
            None,
            kind=None,
            texts=None,
            reasons=(Reason("model", "The model gave no score."),),
        ),
        build_result("incoming/half.jpg", None),
        build_result(
            "incoming/notes.jpg",
            None,
            failure=Failure("identify", "not-an-image", "the file holds text", "check what was sent"),
        ),
    ]
    skipped = (
        Skipped("notes.txt", "neither looks like an image nor is named like one"),
        Skipped(".DS_Store", "hidden"),
    )
    return build_scan(results, skipped=skipped)


@pytest.fixture
def hostile_scan() -> Scan:
    """Every text that comes from a file, a path or the model is an attack."""
    attack = "<script>alert('m')</script><img src=x onerror=alert(9)>\u202e\x1b[2J\n=1+1|`"
    evidence = (Evidence(attack, attack, attack * 40, Supports.FAKE, Strength.WEAK, note=attack, unit=attack),
                Evidence(attack, attack, attack, status=EvidenceStatus.SILENT))  # fmt: skip
    texts = dict.fromkeys(Stage, attack)
    labels = (Label.FAKE, Label.INCONCLUSIVE, Label.REAL)
    results = [
        build_result(path, labels[index % 3], (0.9, 0.5, 0.1)[index % 3], evidence=evidence, texts=texts,
                     reasons=(Reason(attack, attack),), conflict=attack if index == 0 else "", headline=attack)
        for index, path in enumerate(HOSTILE)
    ]  # fmt: skip
    results.append(build_result("broken" + HOSTILE[0], None, failure=Failure(attack, attack, attack, attack)))
    scan = build_scan(results, skipped=(Skipped(HOSTILE[1], attack),), root="/cases/" + HOSTILE[2], command=attack)
    metrics: dict[str, float | int | str] = {"data": attack, attack: attack, "n_fake": 3, "n_real": 3}
    hostile = replace(CALIBRATION, metrics=metrics, fitted_on=attack)
    model = replace(scan.model or ModelIdentity("", "", None, "", "", "", "", ""), name=attack, card={attack: attack})
    return replace(
        scan,
        options={attack: attack},
        environment={attack: attack},
        model=model,
        calibration={ScoreKind.BEFORE: hostile},
    )


@pytest.fixture
def picture_bytes() -> Callable[..., bytes]:
    """Draws a picture and encodes it."""

    def draw(width_px: int = 640, height_px: int = 480, fmt: str = "JPEG", mode: str = "RGB", **save: Any) -> bytes:
        image = Image.new("RGB", (width_px, height_px), (20, 30, 40))
        pen = ImageDraw.Draw(image)
        pen.ellipse((width_px // 4, height_px // 4, width_px // 2, height_px // 2), fill="white")
        grey_first = mode in ("LA", "I;16", "I", "F")
        out = BytesIO()
        (image.convert("L") if grey_first else image).convert(mode).save(out, fmt, **save)
        return out.getvalue()

    return draw
