"""What a detector says of the same pictures as they travel: recompressed, resized, cropped, blurred, sent around.

Every variant of every picture is written as a file and scanned as any file is, so that what is measured is what a user
would meet. The chains of platforms are like theirs, not copies of them: what each does changes from year to year.
"""

from __future__ import annotations

import io
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFilter

from fakescan.core.json_values import written_path
from fakescan.core.records import Failure, Label, Scan
from fakescan.intake.decode import decode
from fakescan_trainer.evaluate.answers import Joined, from_scan
from fakescan_trainer.evaluate.figures import Figures, figures, scored
from fakescan_trainer.evaluate.samples import Answer, Sample

Change = Callable[[Image.Image], Image.Image]


@dataclass(frozen=True, slots=True)
class Variant:
    """One way in which a picture is changed."""

    name: str
    """In words."""
    series: str
    """What is varied (``JPEG``, ``resize``, ...): variants of a series make a curve."""
    level: float
    """How far, in the series' own measure."""
    change: Change
    """RGB picture to RGB picture."""
    codec: str
    """Pillow's name of the format it is written in."""
    quality: int = 0
    """Of a lossy format."""

    def encoded(self, picture: Image.Image) -> bytes:
        """The changed picture as a file.

        Args:
            picture: mode RGB.
        """
        out = io.BytesIO()
        options: dict[str, Any] = {"quality": self.quality} if self.quality else {"compress_level": 1}
        self.change(picture).save(out, self.codec, **options)
        return out.getvalue()

    @property
    def suffix(self) -> str:
        """Of its files."""
        return {"JPEG": ".jpg", "WEBP": ".webp", "PNG": ".png"}[self.codec]


def _same(picture: Image.Image) -> Image.Image:
    return picture


def _scaled(share: float) -> Change:
    def change(picture: Image.Image) -> Image.Image:
        size = (max(1, round(picture.width * share)), max(1, round(picture.height * share)))
        return picture.resize(size, Image.Resampling.LANCZOS)

    return change


def _within(side_px: int) -> Change:
    """No longer than this on the long side, as a sender scales before it compresses."""

    def change(picture: Image.Image) -> Image.Image:
        share = side_px / max(picture.size)
        return picture if share >= 1 else _scaled(share)(picture)

    return change


def _cropped(share: float) -> Change:
    """The middle, so much of each side."""

    def change(picture: Image.Image) -> Image.Image:
        width, height = max(1, round(picture.width * share)), max(1, round(picture.height * share))
        left, top = (picture.width - width) // 2, (picture.height - height) // 2
        return picture.crop((left, top, left + width, top + height))

    return change


def _blurred(radius_px: float) -> Change:
    return lambda picture: picture.filter(ImageFilter.GaussianBlur(radius_px))


def _screenshot(picture: Image.Image) -> Image.Image:
    """Shown at the width of a telephone between two bars, and captured."""
    width = 1080
    height = max(1, round(picture.height * width / picture.width))
    page = Image.new("RGB", (width, height + 320), (250, 250, 250))
    page.paste(picture.resize((width, height), Image.Resampling.BILINEAR), (0, 160))
    pen = ImageDraw.Draw(page)
    pen.rectangle((40, 60, 420, 100), fill=(200, 200, 205))
    pen.rectangle((0, height + 160, width, height + 162), fill=(220, 220, 220))
    return page


def _jpeg(picture: Image.Image, quality: int) -> Image.Image:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return Image.open(out).convert("RGB")


def _posted(picture: Image.Image) -> Image.Image:
    """As a social network keeps it; encoded once more by the next one."""
    return _within(1080)(_jpeg(_within(2048)(picture), 82))


def _messaged(picture: Image.Image) -> Image.Image:
    """Sent, and sent on."""
    return _within(1280)(_jpeg(_within(1600)(picture), 75))


VARIANTS = (
    *(Variant(f"JPEG, quality {q}", "JPEG quality", q, _same, "JPEG", q) for q in (90, 80, 70, 60, 50, 40, 30)),
    *(Variant(f"WebP, quality {q}", "WebP quality", q, _same, "WEBP", q) for q in (80, 50)),
    *(Variant(f"resized to {share:.0%}", "resize", share, _scaled(share), "PNG") for share in (0.75, 0.5, 0.25)),
    *(Variant(f"middle {share:.0%} of each side", "crop", share, _cropped(share), "PNG") for share in (0.9, 0.7)),
    *(Variant(f"blurred, radius {r:g} px", "blur", r, _blurred(r), "PNG") for r in (1.0, 2.0)),
    Variant("screenshot of a telephone", "way", 0, _screenshot, "PNG"),
    Variant("posted twice", "way", 1, _posted, "JPEG", 78),
    Variant("sent by messenger twice", "way", 2, _messaged, "JPEG", 70),
)  # fmt: skip
"""In the order in which they are shown."""


@dataclass(frozen=True, slots=True)
class Written:
    """Changed pictures on the disk."""

    samples: dict[str, list[Sample]]
    """By variant; each leads to its file, and is named as the original."""
    failed: int
    """Originals that could not be changed; they are in no figure here."""


def write_variants(answers: Iterable[Answer], folder: Path, variants: Sequence[Variant] = VARIANTS) -> Written:
    """Write every variant of every picture that got a score.

    Args:
        answers: to the originals.
        folder: where to. A file that is there with the same content is left as it is, so that a scan that was
            interrupted knows it again.
        variants: which.
    """
    samples: dict[str, list[Sample]] = {variant.name: [] for variant in variants}
    failed = 0
    for number, answer in enumerate(answers):
        if answer.p_fake is None:
            continue
        sample = answer.sample
        picture = decode(sample.file.read_bytes(), name=sample.file.name, kinds=False)
        if isinstance(picture, Failure):
            failed += 1
            continue
        for at, variant in enumerate(variants):
            place = folder / f"{at:02}" / f"{number:06}{variant.suffix}"
            place.parent.mkdir(parents=True, exist_ok=True)
            content = variant.encoded(picture.image)
            if not (place.is_file() and place.read_bytes() == content):
                place.write_bytes(content)
            samples[variant.name].append(Sample(sample.path, place, sample.fake, sample.group))
    return Written(samples, failed)


def measure(
    originals: Joined, written: Written, changed: Scan, variants: Sequence[Variant] = VARIANTS
) -> dict[str, Any]:
    """Figures of each variant, and how far each picture's score moves.

    Args:
        originals: answers to the pictures as they are.
        written: what was changed.
        changed: the scan of those files.
        variants: which.
    """
    before = {answer.sample.path: answer for answer in originals.answers if answer.p_fake is not None}
    found: dict[str, list[Answer]] = {}
    for variant in variants:
        members = written.samples[variant.name]
        found[variant.name] = list(from_scan(members, changed).answers) if members else []
    rows = []
    for variant in variants:
        rates: Figures = figures(scored(found[variant.name]))
        flips = [_flipped(before[answer.sample.path].label, answer.label) for answer in found[variant.name]]
        kept = ("n", "accuracy", "balanced_accuracy", "auroc", "coverage", "real_called_fake", "fake_called_fake")
        rows.append(
            {"name": variant.name, "series": variant.series, "level": variant.level, "flips": sum(flips),
             **{name: rates[name] for name in kept}}
        )  # fmt: skip
    images = _by_image(before, found)
    ranges = [float(image["range"]) for image in images]
    return {
        "variants": rows,
        "not_changed": written.failed,
        "median_range": statistics.median(ranges) if ranges else None,
        "share_flipped": sum(image["flips"] > 0 for image in images) / len(images) if images else None,
        "images": images,
    }


def _by_image(before: Mapping[str, Answer], found: Mapping[str, Sequence[Answer]]) -> list[dict[str, Any]]:
    moved: dict[str, dict[str, Answer]] = {}
    for name, answers in found.items():
        for answer in answers:
            moved.setdefault(answer.sample.path, {})[name] = answer
    images = []
    for path, variants in moved.items():
        scores = [answer.p_fake for answer in (before[path], *variants.values()) if answer.p_fake is not None]
        images.append(
            {**written_path(path), "p_fake": before[path].p_fake, "low": min(scores), "high": max(scores),
             "range": max(scores) - min(scores),
             "flips": sum(_flipped(before[path].label, answer.label) for answer in variants.values()),
             "variants": {name: answer.p_fake for name, answer in variants.items()}}
        )  # fmt: skip
    return images


def _flipped(before: Label | None, after: Label | None) -> bool:
    """Whether a verdict went from one side to the other; from or to inconclusive is no flip."""
    return {before, after} == {Label.REAL, Label.FAKE}
