"""Near-duplicates within a scan: the same picture in another size, compression or format, found by perceptual hash."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Protocol, Self, runtime_checkable

from fakescan.core.records import Assessed, ImageResult, Label, Reason

MAX_DISTANCE_BITS = 10
"""Of 128. Measured on 299 pictures: 99 % of copies re-encoded at JPEG quality 40 lie within 8 bits, as do all halved
ones, and no two different pictures within 17 (both were single things on white). Copies that were cut by more than
the outermost few percent are not found."""

_BAND_BITS = 16
_BANDS = 8
_PLACE_BITS = 40
_DIGEST_DIGITS = 64
_MOST_COMPARED = 200
"""In a group of hashes that share a part, each is compared with so many neighbours: no folder makes this quadratic."""

DIFFERS = "A near-duplicate of this picture in the scan got another verdict."
CONTRADICTS = "Near-duplicates of this picture in the scan got opposite verdicts: compare them before trusting either."


@dataclass(frozen=True, slots=True)
class Cluster:
    """Files that hold nearly the same picture."""

    paths: tuple[str, ...]
    """Two or more, as in ``SourceFile.path``, in the order of the scan."""
    verdicts_differ: bool
    """Whether those that were assessed got different labels."""


@dataclass(frozen=True, slots=True)
class Outline:
    """What comparing needs of a result."""

    label: Label | None
    """Its verdict, None where it failed."""
    sha256: str
    """Digest of the file's bytes, possibly empty."""
    phash: str | None
    """Perceptual hash of its picture, None where there is none."""

    @classmethod
    def of(cls, result: ImageResult) -> Self:
        """The outline of a result.

        Args:
            result: any.
        """
        outcome, record = result.outcome, result.record
        return cls(outcome.verdict.label if isinstance(outcome, Assessed) else None, record.file.sha256, record.phash)


@runtime_checkable
class Outlined(Protocol):
    """Results that need not be read to be compared."""

    def outlines(self) -> Iterator[Outline]:
        """What comparing needs of each."""


def outlines_of(results: Iterable[ImageResult]) -> Iterator[Outline]:
    """What comparing needs of each result.

    Args:
        results: in any order; those on disk are not read where they tell it by themselves.
    """
    return results.outlines() if isinstance(results, Outlined) else map(Outline.of, results)


def clusters_of(results: Sequence[ImageResult]) -> tuple[Cluster, ...]:
    """All clusters of a scan, in the order of their first members. Byte-identical files are near-duplicates too.

    Args:
        results: every result of the scan, in its order.
    """
    return tuple(
        Cluster(tuple(results[at].record.file.path for at in members), len(labels) > 1)
        for members, labels in _compared(outlines_of(results))
    )


def compared(results: Sequence[ImageResult]) -> tuple[ImageResult, ...]:
    """The results, with a reason more where a near-duplicate got another verdict. No label is changed by it.

    Args:
        results: every result of the scan, in its order.
    """
    flagged = list(results)
    for at, reason in remarks_on(outlines_of(results)).items():
        flagged[at] = remarked(flagged[at], reason)
    return tuple(flagged)


def remarks_on(outlines: Iterable[Outline]) -> Mapping[int, Reason]:
    """The reason that a result gets for its near-duplicates, by its place; those without one are left out.

    Args:
        outlines: of every result of the scan, in its order.
    """
    remarks: dict[int, Reason] = {}
    for members, labels in _compared(outlines):
        if len(labels) > 1:
            opposite = {Label.FAKE, Label.REAL} <= labels
            remarks |= dict.fromkeys(members, Reason("scan", CONTRADICTS if opposite else DIFFERS, conflict=opposite))
    return remarks


def uncompared(results: Sequence[ImageResult]) -> tuple[ImageResult, ...]:
    """The results without what ``compared`` has said: each file by itself again.

    Args:
        results: results of a scan.
    """
    return tuple(_by_itself(result) for result in results)


def _by_itself(result: ImageResult) -> ImageResult:
    outcome = result.outcome
    if not isinstance(outcome, Assessed):
        return result
    own = tuple(reason for reason in outcome.verdict.reasons if reason.text not in (DIFFERS, CONTRADICTS))
    return replace(result, outcome=replace(outcome, verdict=replace(outcome.verdict, reasons=own)))


def remarked(result: ImageResult, reason: Reason) -> ImageResult:
    """A result with a reason more, if it has a verdict and not yet that reason.

    Args:
        result: any.
        reason: one of those of ``remarks_on``.
    """
    outcome = result.outcome
    if not isinstance(outcome, Assessed) or reason in outcome.verdict.reasons:
        return result
    given = outcome.verdict.reasons
    # Conflicts stand before all other reasons, and the file's own before those of the comparison.
    place = sum(item.conflict for item in given) if reason.conflict else len(given)
    verdict = replace(outcome.verdict, reasons=(*given[:place], reason, *given[place:]))
    return replace(result, outcome=replace(outcome, verdict=verdict))


def _compared(outlines: Iterable[Outline]) -> Iterator[tuple[list[int], set[Label]]]:
    """Places of the results that belong together, and the labels that they got; each group and all of them in order."""
    labels: list[Label | None] = []

    def pictures() -> Iterator[tuple[str | None, str | None]]:
        for outline in outlines:
            labels.append(outline.label)
            yield outline.sha256 if outline.label is not None else None, outline.phash

    for members in groups_of(pictures()):
        yield members, {label for at in members if (label := labels[at]) is not None}


def groups_of(pictures: Iterable[tuple[str | None, str | None]]) -> list[list[int]]:
    """Places of pictures that are the same or nearly the same, each group of two or more and all of them in order.

    Of each picture some hundred bytes are held at most, and none of them once this has returned.

    Args:
        pictures: digest of the bytes and perceptual hash of each; None or empty where there is none.
    """
    # A digest or hash and the place in one number: sorted, equal ones stand side by side, and no table is needed.
    by_bytes: list[int] = []
    by_hash: list[int] = []
    odd: dict[str, list[int]] = {}
    count = 0
    for at, (sha256, phash) in enumerate(pictures):
        count += 1
        digest, number = _digest(sha256), _number(phash)
        if digest is not None:
            by_bytes.append(digest << _PLACE_BITS | at)
        elif sha256:
            odd.setdefault(sha256, []).append(at)
        if number is not None:
            by_hash.append(number << _PLACE_BITS | at)
    parts = _Parts(count)
    for members in odd.values():
        parts.join(members)
    by_bytes.sort()
    for _, same in groupby(by_bytes, _key):
        parts.join(map(_place, same))
    by_bytes.clear()
    by_hash.sort()
    distinct: list[int] = []
    for _, same in groupby(by_hash, _key):
        members = list(same)
        parts.join(map(_place, members))
        distinct.append(members[0])
    by_hash.clear()
    for one, other in _close_pairs(distinct):
        parts.join((_place(one), _place(other)))
    return parts.of_several()


class _Parts:
    """Places in disjoint parts (union-find); a part's root is its first place."""

    def __init__(self, count: int) -> None:
        self._parent = array("q", range(count))

    def join(self, places: Iterable[int]) -> None:
        """Put places into one part."""
        first: int | None = None
        for at in map(self._root, places):
            if first is None or at == first:
                first = at
                continue
            low, high = min(first, at), max(first, at)
            self._parent[high] = first = low

    def of_several(self) -> list[list[int]]:
        """The parts of two places or more."""
        parts: dict[int, list[int]] = {}
        for at in range(len(self._parent)):
            root = self._root(at)
            if root != at:  # its root is an earlier place
                parts.setdefault(root, [root]).append(at)
        return [parts[root] for root in sorted(parts)]

    def _root(self, at: int) -> int:
        parent = self._parent
        while parent[at] != at:
            parent[at] = parent[parent[at]]
            at = parent[at]
        return at


def _key(number: int) -> int:
    return number >> _PLACE_BITS


def _place(number: int) -> int:
    return number & (1 << _PLACE_BITS) - 1


def _close_pairs(hashes: list[int]) -> Iterator[tuple[int, int]]:
    """Pairs of hashes that differ in few bits: certainly those of up to seven, which leave one part of eight alone.

    One part is gone through after the other: tables for all eight at once would hold kilobytes a picture.

    Args:
        hashes: each once, sorted, with its place below; they are left in another order.
    """
    for number_of_band in range(_BANDS):
        shift = number_of_band * _BAND_BITS + _PLACE_BITS

        def part(number: int, shift: int = shift) -> int:
            return number >> shift & (1 << _BAND_BITS) - 1

        hashes.sort()
        hashes.sort(key=part)  # stable: in order within the part
        for here, one in enumerate(hashes):
            for there in range(here + 1, min(here + 1 + _MOST_COMPARED, len(hashes))):
                other = hashes[there]
                if part(other) != part(one):
                    break
                if (_key(one) ^ _key(other)).bit_count() <= MAX_DISTANCE_BITS:
                    yield one, other


def _digest(sha256: str | None) -> int | None:
    """A digest as a number; reports may come from anywhere, so what is none is None."""
    if sha256 is None or len(sha256) != _DIGEST_DIGITS:
        return None
    try:
        found = bytes.fromhex(sha256)
    except ValueError:
        return None
    return int.from_bytes(found, "big") if found.hex() == sha256 else None


def _number(phash: str | None) -> int | None:
    """A hash as a number; reports may come from anywhere, so what is none is left alone."""
    if phash is None or len(phash) != _BAND_BITS * _BANDS // 4:
        return None
    try:
        return int(phash, 16)
    except ValueError:
        return None
