"""Splits that a detector cannot cheat on: no source, no generator and no near-duplicate is on both sides.

Images of one source share cameras, crops and compression; a model that has seen some of them is not tested by the
others. So whole sources are dealt out, and sources that share a near-duplicate picture go the same way.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from fakescan.core.duplicates import groups_of
from fakescan.core.records import Failure, Label
from fakescan.errors import DataError
from fakescan_trainer.data.facts import Facts
from fakescan_trainer.data.samples import Sample, label_name


class Unit(StrEnum):
    """What is never cut in two."""

    SOURCE = "source"
    GENERATOR = "generator"


@dataclass(frozen=True, slots=True)
class Splits:
    """A set that was dealt out."""

    parts: Mapping[str, tuple[Sample, ...]]
    """Name to samples, each in the order of the list."""
    units: Mapping[str, tuple[str, ...]]
    """Name to the sources or generators in it."""
    joined: int
    """How many units had to go together because they share near-duplicates."""
    warnings: tuple[str, ...]
    """What came out otherwise than asked for."""


def split(
    samples: Sequence[Sample],
    facts: Mapping[str, Facts | Failure],
    shares: Mapping[str, float],
    *,
    by: Unit = Unit.SOURCE,
    seed: int = 0,
) -> Splits:
    """Deal whole sources (or generators) out. The same seed gives the same splits, whatever the order of the list.

    Args:
        samples: each image once.
        facts: of every image; those that could not be opened only go with their source.
        shares: name to share; any positive numbers.
        by: what is never cut in two. Real images, and fakes whose generator is unknown, always go by source.
        seed: another one deals another way.

    Raises:
        DataError: a label has fewer units than there are splits, or a share that is not above zero.
    """
    if len(shares) < 2 or any(not share > 0 for share in shares.values()):
        raise DataError(
            "a split needs two or more names with shares above zero", "for instance train=0.8,validation=0.2"
        )
    units = [_unit(sample, by) for sample in samples]
    groups, joined = _together(samples, units, facts)
    for label in {sample.label for sample in samples}:
        having = sum(any(samples[at].label is label for at in members) for members in groups)
        if having < len(shares):
            several = f"{having} separate {by.value}s, too few for {len(shares)} splits"
            raise DataError(
                f"the {label_name(label)} images come from {several}",
                "put each source into a folder of its own, or name it in the list",
            )
    placed = _dealt(samples, groups, shares, seed)
    parts = {name: tuple(samples[at] for at in sorted(members)) for name, members in placed.items()}
    named = {name: tuple(sorted({units[at] for at in members})) for name, members in placed.items()}
    return Splits(parts, named, joined, tuple(_warnings(parts, shares)))


def _unit(sample: Sample, by: Unit) -> str:
    """A generator and a source of the same name are the same unit: pairs of a site stay together."""
    return sample.generator if by is Unit.GENERATOR and sample.generator else sample.source


def _together(
    samples: Sequence[Sample], units: Sequence[str], facts: Mapping[str, Facts | Failure]
) -> tuple[list[list[int]], int]:
    """Places of samples that must not be parted, and how many units were joined by near-duplicates."""
    leader: dict[str, str] = {unit: unit for unit in units}

    def root(unit: str) -> str:
        while leader[unit] != unit:
            leader[unit] = leader[leader[unit]]
            unit = leader[unit]
        return unit

    pictures = []
    for sample in samples:
        fact = facts.get(sample.image)
        pictures.append((fact.sha256, fact.phash) if isinstance(fact, Facts) else (None, None))
    for members in groups_of(pictures):
        for at in members[1:]:
            one, other = sorted((root(units[members[0]]), root(units[at])))
            leader[other] = one
    groups: dict[str, list[int]] = defaultdict(list)
    for at, unit in enumerate(units):
        groups[root(unit)].append(at)
    return list(groups.values()), len(set(units)) - len(groups)


def _dealt(
    samples: Sequence[Sample], groups: Sequence[list[int]], shares: Mapping[str, float], seed: int
) -> dict[str, list[int]]:
    """Largest groups first, each to where most is missing of its labels; ties and order by the seed."""

    def drawn(members: Sequence[int]) -> bytes:
        return hashlib.sha256(f"{seed}\0{min(samples[at].image for at in members)}".encode("utf-8", "replace")).digest()

    def counts(members: Sequence[int]) -> Counter[Label | None]:
        return Counter(samples[at].label for at in members)

    total = counts(range(len(samples)))
    whole = sum(shares.values())
    missing = {
        name: {label: share / whole * number for label, number in total.items()} for name, share in shares.items()
    }
    placed: dict[str, list[int]] = {name: [] for name in shares}
    # Half a group's size by lot: strictly by size, every seed would give nearly the same splits.
    order = sorted(groups, key=lambda members: (-len(members) * (0.5 + drawn(members)[0] / 255), drawn(members)))
    for number, members in enumerate(order):
        empty = [name for name in shares if not placed[name]]
        names = empty if len(order) - number <= len(empty) else list(shares)
        own = counts(members)

        def need(name: str, own: Counter[Label | None] = own) -> float:
            # Relative to what the split should get of the label, so that small splits are not starved.
            return sum(
                size * missing[name][label] / (shares[name] / whole * total[label]) for label, size in own.items()
            )

        chosen = max(names, key=need)
        placed[chosen] += members
        for label, size in own.items():
            missing[chosen][label] -= size
    return placed


def _warnings(parts: Mapping[str, Sequence[Sample]], shares: Mapping[str, float]) -> list[str]:
    whole, total = sum(shares.values()), sum(len(part) for part in parts.values())
    told = []
    for name, part in parts.items():
        labels = {sample.label.value for sample in part if sample.label}
        if len(labels) == 1:
            told.append(f"{name} holds only {labels.pop()} images: its sources have no others")
        wanted, got = shares[name] / whole, len(part) / total
        if abs(wanted - got) > max(0.1, wanted / 2):
            told.append(f"{name} got {got:.0%} of the images instead of {wanted:.0%}: sources are never cut in two")
    return told


def as_row(sample: Sample, name: str) -> dict[str, Any]:
    """A sample as the list of its split holds it: the row that it was, with what was found out about it.

    Args:
        sample: of the split.
        name: of the split.
    """
    about: dict[str, Any] = {"image": sample.image, "source": sample.source, "split": name}
    if sample.generator:
        about["generator"] = sample.generator
    if sample.label and "conversations" not in sample.row:
        about["label"] = sample.label.value
    return {**sample.row, **about}
