"""Figures of a set as the paper gives them of MMFR (Figure 5): lengths of texts, attributes of real and fake images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, median
from typing import Any
from xml.etree.ElementTree import Element

from fakescan.core.attributes import FAKE_ATTRIBUTES, REAL_ATTRIBUTES
from fakescan_trainer.data.markup import element, page, table
from fakescan_trainer.data.samples import Sample

BIN_WORDS = 10
"""Width of a column of the drawing of lengths."""
_MOST_BINS = 20
_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 720, 260, 50, 40
_WIDE_LEFT = 260


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long texts are, in words."""

    texts: int
    """How many there are."""
    mean: float
    """Their mean length."""
    median: float
    """Their median length."""
    longest: int
    """The longest."""
    bins: tuple[int, ...]
    """Texts by length: of 0 to 9 words, 10 to 19, and so on; the last holds all longer ones."""


@dataclass(frozen=True, slots=True)
class Stats:
    """Figures of a set."""

    images: int
    """How many images are listed."""
    labels: Mapping[str, int]
    """Images by label."""
    splits: Mapping[str, int]
    """Images by split."""
    sources: Mapping[str, int]
    """Images by source, most first."""
    captions: Lengths
    """Of all captions."""
    reasonings: Lengths
    """Of all reasonings: compiled ones, or an image's descriptions together."""
    attributes: Mapping[str, Mapping[str, int]]
    """Label to attribute to how many images have it."""
    annotated: Mapping[str, int]
    """Label to images with at least one attribute."""

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "images": self.images,
            "labels": dict(self.labels),
            "splits": dict(self.splits),
            "sources": dict(self.sources),
            "annotated": dict(self.annotated),
            "reasoning_annotations": {label: sum(found.values()) for label, found in self.attributes.items()},
            "attributes": {label: dict(found) for label, found in self.attributes.items()},
            "caption_words": _as_dict(self.captions),
            "reasoning_words": _as_dict(self.reasonings),
        }

    def lines(self) -> list[str]:
        """The same in words, a line each."""
        lines = [f"{self.images:,} images of {len(self.sources):,} sources"]
        for label, number in self.labels.items():
            described = sum(self.attributes.get(label, {}).values())
            lines.append(
                f"{label}: {number:,} images, {self.annotated.get(label, 0):,} with {described:,} descriptions"
            )
            lines += [f"  {name}: {count:,}" for name, count in self.attributes.get(label, {}).items() if described]
        for name, found in (("captions", self.captions), ("reasoning", self.reasonings)):
            if found.texts:
                words = f"{found.mean:.1f} words on average, {found.longest:,} at most"
                lines.append(f"{name}: {found.texts:,} texts, {words}")
        return lines


def stats_of(samples: Sequence[Sample]) -> Stats:
    """Count everything.

    Args:
        samples: of the whole set.
    """
    attributes = {"fake": dict.fromkeys(FAKE_ATTRIBUTES, 0), "real": dict.fromkeys(REAL_ATTRIBUTES, 0)}
    annotated: Counter[str] = Counter()
    reasonings = []
    for sample in samples:
        if sample.label and sample.attributes:
            annotated[sample.label.value] += 1
            for name in sample.attributes:
                attributes[sample.label.value][name] += 1
        text = sample.reasoning or " ".join((sample.attributes or {}).values())
        if text:
            reasonings.append(text)
    return Stats(
        len(samples),
        Counter(sample.label.value if sample.label else "no label" for sample in samples),
        Counter(sample.split for sample in samples if sample.split),
        dict(Counter(sample.source for sample in samples).most_common()),
        _lengths(sample.caption for sample in samples if sample.caption),
        _lengths(reasonings),
        attributes,
        annotated,
    )


def stats_page(stats: Stats, title: str) -> str:
    """The figures as a page of its own.

    Args:
        stats: what was counted.
        title: of the page.
    """
    total = stats.as_dict()
    per_label = [
        (
            label,
            f"{number:,}",
            f"{stats.annotated.get(label, 0):,}",
            f"{total['reasoning_annotations'].get(label, 0):,}",
        )
        for label, number in stats.labels.items()
    ]
    children: list[Element] = [
        table(("label", "images", "with attributes", "attribute descriptions"), per_label),
        element("h2", "Length of texts"),
        element("p", "Words a text, as in the paper's Figure 5 (a)."),
        *(part for name, found in (("captions", stats.captions), ("reasonings", stats.reasonings))
          for part in _length_part(name, found)),
        element("h2", "Attributes"),
        element("p", "Share of the annotated images of a label that have the attribute, as in Figure 5 (b)."),
        *(_attribute_drawing(label, found, stats.annotated.get(label, 0)) for label, found in stats.attributes.items()),
        element("h2", "Sources"),
        table(("source", "images"), [(name, f"{number:,}") for name, number in stats.sources.items()]),
    ]  # fmt: skip
    if stats.splits:
        rows = [(name, f"{number:,}") for name, number in stats.splits.items()]
        children += [element("h2", "Splits"), table(("split", "images"), rows)]
    return page(title, *children)


def _lengths(texts: Iterable[str]) -> Lengths:
    words = [len(text.split()) for text in texts]
    if not words:
        return Lengths(0, 0.0, 0.0, 0, ())
    bins = [0] * min(_MOST_BINS, max(words) // BIN_WORDS + 1)
    for number in words:
        bins[min(number // BIN_WORDS, len(bins) - 1)] += 1
    return Lengths(len(words), mean(words), median(words), max(words), tuple(bins))


def _as_dict(found: Lengths) -> dict[str, Any]:
    return {
        "texts": found.texts, "mean": round(found.mean, 2), "median": found.median, "longest": found.longest,
        "bin_words": BIN_WORDS, "bins": list(found.bins),
    }  # fmt: skip


def _length_part(name: str, found: Lengths) -> list[Element]:
    if not found.texts:
        return [element("p", f"There are no {name} texts.")]
    middle = f"{found.mean:.1f} words on average, {found.median:g} in the middle"
    words = f"{found.texts:,} {name}: {middle}, {found.longest} at most."
    return [element("p", words), _length_drawing(name, found)]


def _length_drawing(name: str, found: Lengths) -> Element:
    high = max(found.bins)
    step = (_WIDTH - _LEFT) / len(found.bins)
    drawing = element("svg", viewBox=f"0 0 {_WIDTH} {_HEIGHT}", role="img", aria_label=f"Histogram: words of {name}")
    room = _HEIGHT - _BOTTOM - 20
    for at, number in enumerate(found.bins):
        tall = room * number / high
        x = _LEFT + at * step
        last = at == len(found.bins) - 1
        range_ = f"{at * BIN_WORDS} and more" if last else f"{at * BIN_WORDS} to {at * BIN_WORDS + BIN_WORDS - 1}"
        bar = element(
            "rect", element("title", f"{range_} words: {number}"),
            x=f"{x + 1:.1f}", y=f"{20 + room - tall:.1f}", width=f"{step - 2:.1f}", height=f"{tall:.1f}", class_="real",
        )  # fmt: skip
        drawing.append(bar)
        drawing.append(element("text", str(at * BIN_WORDS), x=f"{x:.1f}", y=_HEIGHT - 20))
    base = 20 + room
    drawing.append(element("line", x1=_LEFT, y1=base, x2=_WIDTH, y2=base, class_="axis"))
    drawing.append(element("text", f"{high:,}", x=0, y=32))
    drawing.append(element("text", "words", x=_LEFT, y=_HEIGHT - 2))
    return drawing


def _attribute_drawing(label: str, found: Mapping[str, int], annotated: int) -> Element:
    row = 34
    height = row * len(found) + 10
    drawing = element("svg", viewBox=f"0 0 {_WIDTH} {height}", role="img", aria_label=f"Attributes of {label} images")
    for at, (name, number) in enumerate(found.items()):
        share = number / annotated if annotated else 0.0
        y = 8 + at * row
        wide = (_WIDTH - _WIDE_LEFT - 110) * share
        drawing.append(element("text", name, x=0, y=y + 17))
        drawing.append(element("rect", x=_WIDE_LEFT, y=y, width=f"{wide:.1f}", height=row - 10, class_=label))
        drawing.append(element("text", f"{number:,} ({share:.0%})", x=f"{_WIDE_LEFT + wide + 6:.1f}", y=y + 17))
    return drawing
