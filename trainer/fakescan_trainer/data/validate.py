"""Whether a set is fit to be trained on, before anything is spent on it.

Faults spoil a set: rows that do not fit, one picture under two labels or in two splits. Errors are files that could
not be examined. Warnings are for a person to weigh: near-duplicates within a split, a label that the files give away.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from fakescan.core.duplicates import groups_of
from fakescan.core.records import Failure, Label
from fakescan_trainer.data.confounds import MIN_IMAGES, Confound, confounds_of
from fakescan_trainer.data.facts import Facts
from fakescan_trainer.data.samples import Listing, Sample, texts_of

MARKS = re.compile(r"watermark|sparkle|\btags?\b|\blogo|signature|\bAI\b|generat|comfy|midjourney", re.IGNORECASE)
"""Words of annotations that cite a visible mark of the generator, or the label itself, instead of what is seen."""
_SHOWN = 4


class Severity(StrEnum):
    """What a finding does to a set."""

    FAULT = "fault"
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be."""

    severity: Severity
    """How bad it is."""
    kind: str
    """One word or two: ``record``, ``missing``, ``unreadable``, ``two-labels``, ``across-splits``, ``duplicates``,
    ``source-across-splits``, ``confound``, ``one-label``, ``cites-a-mark``, ``too-few``."""
    images: tuple[str, ...]
    """The images that it is about."""
    text: str
    """What it is, in words."""


@dataclass(frozen=True, slots=True)
class Validation:
    """What was found out about a set."""

    images: int
    """How many images are listed."""
    labels: Mapping[str, int]
    """Images by label."""
    splits: Mapping[str, int]
    """Images by split."""
    findings: tuple[Finding, ...]
    """Faults first, then errors, then warnings."""
    confounds: tuple[Confound, ...]
    """What the files alone give away; empty where it could not be measured."""

    def count(self, severity: Severity) -> int:
        """How many findings are of a severity.

        Args:
            severity: which.
        """
        return sum(finding.severity is severity for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "images": self.images,
            "labels": dict(self.labels),
            "splits": dict(self.splits),
            "counts": {f"{severity.value}s": self.count(severity) for severity in Severity},
            "findings": [{**asdict(finding), "images": list(finding.images)} for finding in self.findings],
            "confounds": [
                {**{k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(found).items()},
                 "warning": found.is_warning}
                for found in self.confounds
            ],
        }  # fmt: skip


def named_splits(listings: Sequence[Listing]) -> list[Sample]:
    """Samples of all lists; with several lists, rows that name no split belong to one of their list's name.

    Args:
        listings: what was read.
    """
    several = len(listings) > 1
    return [
        replace(sample, split=listing.name) if several and not sample.split else sample
        for listing in listings
        for sample in listing.samples
    ]


def validate(listings: Sequence[Listing], facts: Mapping[str, Facts | Failure]) -> Validation:
    """Judge a set.

    Args:
        listings: every list of the set.
        facts: of every image that is listed.
    """
    samples = named_splits(listings)
    findings = [
        Finding(
            Severity.FAULT, "record", (fault.image,) * bool(fault.image), f"{listing.name}, {fault.place}: {fault.text}"
        )
        for listing in listings
        for fault in listing.faults
    ]
    findings += _unreadable(samples, facts)
    findings += _duplicates(samples, facts)
    findings += _sources(samples)
    findings += _texts(samples)
    labelled = [sample for sample in samples if sample.label]
    labels = Counter(sample.label.value for sample in labelled if sample.label)
    if labelled and len(labels) == 1:
        findings.append(Finding(Severity.WARNING, "one-label", (), f"all images are {next(iter(labels))}"))
    opened = [(fact, s.label is Label.FAKE) for s in labelled if isinstance(fact := facts.get(s.image), Facts)]
    confounds = confounds_of([fact for fact, _ in opened], [fake for _, fake in opened])
    if not confounds and len(labels) == 2:
        text = f"fewer than {MIN_IMAGES} images of a label: whether the files give the label away cannot be measured"
        findings.append(Finding(Severity.WARNING, "too-few", (), text))
    findings += [_told(found) for found in confounds if found.is_warning]
    order = list(Severity)
    findings.sort(key=lambda finding: order.index(finding.severity))
    splits = Counter(sample.split for sample in samples if sample.split)
    return Validation(len(samples), labels, splits, tuple(findings), confounds)


def _told(found: Confound) -> Finding:
    text = (
        f"{found.facts} alone tell the label in {found.balanced_accuracy:.0%} of cases (50 % is guessing; measured by "
        f"cross-validation on {found.images} files): a model can learn the files instead of the pictures. Crop both "
        "labels to the same shapes and encode them alike"
    )
    return Finding(Severity.WARNING, "confound", (), text)


def _unreadable(samples: Iterable[Sample], facts: Mapping[str, Facts | Failure]) -> list[Finding]:
    findings = []
    for image in dict.fromkeys(sample.image for sample in samples):
        fact = facts.get(image)
        if isinstance(fact, Failure):
            missing = fact.code == "no-such-file"
            severity, kind = (Severity.FAULT, "missing") if missing else (Severity.ERROR, "unreadable")
            findings.append(Finding(severity, kind, (image,), f"{image}: {fact.message}"))
    return findings


def _duplicates(samples: Sequence[Sample], facts: Mapping[str, Facts | Failure]) -> list[Finding]:
    known = [(sample, fact) for sample in samples if isinstance(fact := facts.get(sample.image), Facts)]
    findings = []
    for members in groups_of([(fact.sha256, fact.phash) for _, fact in known]):
        some = [known[at][0] for at in members]
        same = len({known[at][1].sha256 for at in members}) == 1
        what = "the same file" if same else "nearly the same picture"
        images = tuple(dict.fromkeys(sample.image for sample in some))
        splits = sorted({sample.split for sample in some if sample.split})
        shown = ", ".join(images[:_SHOWN]) + (f" and {len(images) - _SHOWN} more" if len(images) > _SHOWN else "")
        if len(splits) > 1:
            text = f"{what} in {' and '.join(splits)}: {shown}"
            findings.append(Finding(Severity.FAULT, "across-splits", images, text))
        if len({sample.label for sample in some if sample.label}) > 1:
            findings.append(Finding(Severity.FAULT, "two-labels", images, f"{what} as real and as fake: {shown}"))
        elif len(splits) < 2 and len(images) > 1:
            findings.append(Finding(Severity.WARNING, "duplicates", images, f"{what}: {shown}"))
    return findings


def _sources(samples: Iterable[Sample]) -> list[Finding]:
    splits: dict[str, set[str]] = defaultdict(set)
    for sample in samples:
        if sample.split and sample.source:
            splits[sample.source].add(sample.split)
    return [
        Finding(
            Severity.WARNING, "source-across-splits", (), f"the source {source} is in {' and '.join(sorted(found))}"
        )
        for source, found in sorted(splits.items())
        if len(found) > 1
    ]


def _texts(samples: Sequence[Sample]) -> list[Finding]:
    cited = [sample.image for sample in samples if any(MARKS.search(text) for text in texts_of([sample]))]
    if not cited:
        return []
    text = (
        f"{len(cited)} annotations speak of a watermark, a tag, or of AI itself, e.g. of {cited[0]}: that gives the "
        "label away instead of explaining it"
    )
    return [Finding(Severity.WARNING, "cites-a-mark", tuple(cited), text)]
