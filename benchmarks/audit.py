"""How faithful the model's explanations are: the audit (``scan --audit``) over labelled pictures.

    python benchmarks/audit.py DATA [--per-label N] [--model DIR] [--json FILE]

Ctrl-C ends with the tables of what is done; FILE is written anew after every picture.

DATA is a folder with folders ``real`` and ``fake`` anywhere below it. Three tables: the share of each mark among the
sentences, by label; the parts of the picture that a sentence depends on against as many others drawn by lot, both
hidden (mean change of P(fake) the way the sentence says, paired, with a 95 % interval by bootstrap over pictures); and
the change of the score after the text when a sentence is left out. The model's score must react to its own reasons
more than to any others if the reasons are its own: that is what is measured, not whether they are true.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from statistics import fmean
from typing import Any

import fakescan
from fakescan.checks.audit import Auditor, contradiction
from fakescan.checks.hiding import Frame
from fakescan.core.checked import Claim, ClaimMark
from fakescan.core.policy import Judge, Policy
from fakescan.core.records import Label, Prediction
from fakescan.intake.decode import DecodedImage, decode
from fakescan.intake.prepare import Wanted, prepare
from fakescan.protocols import Engine, SeesViews
from fakescan.store.atomic import write_atomically

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
DRAWS = 2000


@dataclass
class Picture:
    """What the audit said about one picture."""

    label: str
    """``real`` or ``fake``, by its folder."""
    claims: tuple[Claim, ...]
    """The sentences."""
    against: bool
    """Whether the text argues against the verdict."""
    named: list[float] = field(default_factory=list)
    """Change of P(fake) with the named parts hidden, positive the way the sentence says."""
    by_lot: list[float] = field(default_factory=list)
    """The same with as many others."""


def main() -> None:
    """Audit, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path)
    parser.add_argument("--per-label", type=int, default=50, help="pictures of each label at most")
    parser.add_argument("--model", help="name or folder; the embedded one when left out")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", type=Path, help="write the figures to a file, too")
    given = parser.parse_args()
    engine = fakescan.load_engine(model=given.model, device=given.device)
    started = time.perf_counter()
    pictures: list[Picture] = []
    try:
        for picture in audited(engine, chosen(given.data, given.per_label)):
            pictures.append(picture)
            if given.json:
                keep(given.json, figures_of(pictures, time.perf_counter() - started))
    except KeyboardInterrupt:
        print("stopped: the tables are about what was done until then")
    print(table(figures_of(pictures, time.perf_counter() - started)))


def keep(place: Path, figures: dict[str, Any]) -> None:
    """Write the figures so far, in one piece."""
    text = json.dumps(figures, indent=1) + "\n"
    write_atomically(place, lambda out: out.write(text))


def figures_of(pictures: Sequence[Picture], seconds: float) -> dict[str, Any]:
    """What is written and printed after so many seconds."""
    return {**summary(pictures), "seconds_a_picture": seconds / max(1, len(pictures))}


def chosen(data: Path, per_label: int) -> list[tuple[str, Path]]:
    """Pictures with their labels in turn, drawn by the digest of their path: a smaller draw is part of a larger one."""
    drawn = []
    for label in ("fake", "real"):
        own = [path for path in sorted(data.rglob("*")) if path.suffix.lower() in SUFFIXES and label in path.parts]
        own.sort(key=lambda path: hashlib.sha256(path.relative_to(data).as_posix().encode()).digest())
        drawn.append([(label, path) for path in own[:per_label]])
    return [one for turn in zip_longest(*drawn) for one in turn if one is not None]


def audited(engine: Engine, files: Sequence[tuple[str, Path]]) -> Iterable[Picture]:
    """Each picture's audit; files that cannot be decoded are told and left out."""
    judge = Judge(engine.identity, engine.calibration, Policy.MODEL)
    auditor = Auditor(engine, judge)
    for number, (label, path) in enumerate(files, 1):
        image = decode(path.read_bytes(), name=path.name)
        if not isinstance(image, DecodedImage):
            print(f"left out: {path.name}: {image.message}")
            continue
        seen, prepared = prepare(image, Wanted(measures=True), engine.views if isinstance(engine, SeesViews) else None)
        [prediction] = engine.infer([seen])
        if not isinstance(prediction, Prediction):
            print(f"left out: {path.name}: {prediction.message}")
            continue
        verdict = judge.assess(prediction, (), None).verdict
        audit = auditor.audit(Frame(seen, prepared.size_px), prediction, verdict, prepared.measures)
        picture = Picture(label, audit.claims, contradiction(audit.claims, verdict) is not None)
        for item in audit.tied:
            sign = {Label.FAKE: -1, Label.REAL: 1}.get(item.statement.speaks_for or Label.INCONCLUSIVE, 0)
            if sign and item.change is not None and item.by_lot is not None:
                picture.named.append(sign * item.change)
                picture.by_lot.append(sign * item.by_lot)
        print(f"{number} of {len(files)}: {label}, {len(audit.claims)} sentences", flush=True)
        yield picture


def summary(pictures: Sequence[Picture]) -> dict[str, Any]:
    """The figures."""
    figures: dict[str, Any] = {"pictures": len(pictures), "labels": {}}
    for label in ("fake", "real"):
        own = [picture for picture in pictures if picture.label == label]
        marks = Counter(claim.mark for picture in own for claim in picture.claims)
        figures["labels"][label] = {
            "pictures": len(own),
            "sentences": marks.total(),
            **{mark.value: marks[mark] for mark in ClaimMark},
            "text_against_verdict": sum(picture.against for picture in own),
        }
    pairs = [list(zip(picture.named, picture.by_lot, strict=True)) for picture in pictures if picture.named]
    flat = [pair for own in pairs for pair in own]
    texts = [claim.text_change for picture in pictures for claim in picture.claims if claim.text_change is not None]
    figures["hidden"] = {
        "pairs": len(flat),
        "named": fmean(one for one, _ in flat) if flat else None,
        "by_lot": fmean(two for _, two in flat) if flat else None,
        "difference": fmean(one - two for one, two in flat) if flat else None,
        "interval": bootstrap(pairs),
        "named_size": fmean(abs(one) for one, _ in flat) if flat else None,
        "by_lot_size": fmean(abs(two) for _, two in flat) if flat else None,
        "named_moves_more": sum(abs(one) > abs(two) for one, two in flat),
    }
    figures["left_out"] = {"sentences": len(texts), "size": fmean(map(abs, texts)) if texts else None}
    return figures


def bootstrap(pairs: Sequence[Sequence[tuple[float, float]]]) -> list[float] | None:
    """95 % interval of the mean paired difference; pictures are drawn, as sentences of one are not independent."""
    if len(pairs) < 2:
        return None
    draw, means = random.Random(0), []  # noqa: S311 (no secret)
    for _ in range(DRAWS):
        flat = [pair for own in draw.choices(pairs, k=len(pairs)) for pair in own]
        means.append(fmean(one - two for one, two in flat))
    means.sort()
    return [means[int(0.025 * DRAWS)], means[int(0.975 * DRAWS) - 1]]


def table(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    lines = [
        "| label | pictures | sentences | supported | unsupported | contradicted | not checkable | against verdict |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for label, own in figures["labels"].items():
        total = max(1, own["sentences"])
        shares = " | ".join(f"{own[mark.value]} ({100 * own[mark.value] / total:.0f} %)" for mark in ClaimMark)
        lines.append(f"| {label} | {own['pictures']} | {own['sentences']} | {shares} | {own['text_against_verdict']} |")
    hidden, left = figures["hidden"], figures["left_out"]
    lines += ["", "| hidden | pairs | mean change of P(fake) as said | mean size |", "|---|---|---|---|"]
    for name, words in (("named", "parts that the sentence depends on"), ("by_lot", "as many others, by lot")):
        lines.append(f"| {words} | {hidden['pairs']} | {_number(hidden[name])} | {_number(hidden[f'{name}_size'])} |")
    interval = hidden["interval"]
    within = f" (95 % interval {_number(interval[0])} to {_number(interval[1])})" if interval else ""
    lines += [
        "",
        f"Paired difference: {_number(hidden['difference'])}{within}; the named parts move the score more in "
        f"{hidden['named_moves_more']} of {hidden['pairs']} pairs.",
        f"A sentence left out moves the score after the text by {_number(left['size'])} in the mean "
        f"({left['sentences']} sentences).",
        f"{figures['seconds_a_picture']:.1f} s a picture, text included.",
    ]
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:+.4f}"


if __name__ == "__main__":
    main()
