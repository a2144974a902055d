"""Near-duplicates within a scan: the same picture in another size, compression or format, found by perceptual hash."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from fakescan.core.records import Assessed, ImageResult, Label, Reason

MAX_DISTANCE_BITS = 10
"""Of 128. Measured on 250 pictures: 99 % of copies re-encoded at JPEG quality 40 or halved lie within 8 bits, and no
two different pictures within 23. Copies that were cut by more than the outermost few percent are not found."""

_BAND_BITS = 16
_BANDS = 8
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


def clusters_of(results: Sequence[ImageResult]) -> tuple[Cluster, ...]:
    """All clusters of a scan, in the order of their first members. Byte-identical files are near-duplicates too.

    Args:
        results: every result of the scan, in its order.
    """
    return tuple(
        Cluster(tuple(results[at].record.file.path for at in members), len(_labels(results, members)) > 1)
        for members in _groups(results)
    )


def compared(results: Sequence[ImageResult]) -> tuple[ImageResult, ...]:
    """The results, with a reason more where a near-duplicate got another verdict. No label is changed by it.

    Args:
        results: every result of the scan, in its order.
    """
    flagged = list(results)
    for members in _groups(results):
        labels = _labels(results, members)
        if len(labels) > 1:
            opposite = {Label.FAKE, Label.REAL} <= labels
            reason = Reason("scan", CONTRADICTS if opposite else DIFFERS, conflict=opposite)
            for at in members:
                flagged[at] = _with_reason(flagged[at], reason)
    return tuple(flagged)


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


def _with_reason(result: ImageResult, reason: Reason) -> ImageResult:
    outcome = result.outcome
    if not isinstance(outcome, Assessed) or reason in outcome.verdict.reasons:
        return result
    given = outcome.verdict.reasons
    # Conflicts stand before all other reasons, and the file's own before those of the comparison.
    place = sum(item.conflict for item in given) if reason.conflict else len(given)
    verdict = replace(outcome.verdict, reasons=(*given[:place], reason, *given[place:]))
    return replace(result, outcome=replace(outcome, verdict=verdict))


def _labels(results: Sequence[ImageResult], members: Iterable[int]) -> set[Label]:
    outcomes = (results[at].outcome for at in members)
    return {outcome.verdict.label for outcome in outcomes if isinstance(outcome, Assessed)}


def _groups(results: Sequence[ImageResult]) -> list[list[int]]:
    """Places of the results that belong together, each group and all of them in order."""
    return groups_of(
        [
            (result.record.file.sha256 if isinstance(result.outcome, Assessed) else None, result.record.phash)
            for result in results
        ]
    )


def groups_of(pictures: Sequence[tuple[str | None, str | None]]) -> list[list[int]]:
    """Places of pictures that are the same or nearly the same, each group of two or more and all of them in order.

    Args:
        pictures: digest of the bytes and perceptual hash of each; None or empty where there is none.
    """
    parent = list(range(len(pictures)))

    def root(at: int) -> int:
        while parent[at] != at:
            parent[at] = parent[parent[at]]
            at = parent[at]
        return at

    def join(one: int, other: int) -> None:
        one, other = root(one), root(other)
        parent[max(one, other)] = min(one, other)

    by_bytes: dict[str, int] = {}
    by_hash: dict[int, int] = {}
    for at, (sha256, phash) in enumerate(pictures):
        if sha256:
            join(by_bytes.setdefault(sha256, at), at)
        number = _number(phash)
        if number is not None:
            join(by_hash.setdefault(number, at), at)
    for one, other in _close_pairs(by_hash):
        join(by_hash[one], by_hash[other])
    groups: dict[int, list[int]] = defaultdict(list)
    for at in range(len(pictures)):
        groups[root(at)].append(at)
    return [members for members in groups.values() if len(members) > 1]


def _close_pairs(hashes: Iterable[int]) -> Iterable[tuple[int, int]]:
    """Pairs of hashes that differ in few bits: certainly those of up to seven, which leave one part of eight alone."""
    buckets: dict[tuple[int, int], list[int]] = defaultdict(list)
    for number in hashes:
        for band in range(_BANDS):
            buckets[band, number >> band * _BAND_BITS & (1 << _BAND_BITS) - 1].append(number)
    for bucket in buckets.values():
        bucket.sort()
        for here, one in enumerate(bucket):
            for other in bucket[here + 1 : here + 1 + _MOST_COMPARED]:
                if (one ^ other).bit_count() <= MAX_DISTANCE_BITS:
                    yield one, other


def _number(phash: str | None) -> int | None:
    """A hash as a number; reports may come from anywhere, so what is none is left alone."""
    if phash is None or len(phash) != _BAND_BITS * _BANDS // 4:
        return None
    try:
        return int(phash, 16)
    except ValueError:
        return None
