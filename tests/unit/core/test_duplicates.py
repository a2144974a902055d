from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakescan.core.duplicates import CONTRADICTS, DIFFERS, MAX_DISTANCE_BITS, clusters_of, compared
from fakescan.core.records import Assessed, ImageResult
from fakescan.core.schema import scan_from_dict, scan_to_dict
from tests.support.builders import assessed, failed, scan
from tests.support.fuzz import FUZZED

FAKE, REAL, UNSURE = 6.0, -6.0, -0.5
BASE = 0x0F1E2D3C4B5A69788796A5B4C3D2E1F0


def hashed(path: str, difference: float, number: int | None) -> ImageResult:
    result = assessed(path, difference)
    return replace(result, record=replace(result.record, phash=None if number is None else f"{number:032x}"))


def flipped(number: int, bits: int) -> int:
    """A hash that differs in so many bits, all over it."""
    for bit in range(bits):
        number ^= 1 << (bit * 37 % 128)
    return number


def reasons(result: ImageResult) -> list[str]:
    assert isinstance(result.outcome, Assessed)
    return [reason.text for reason in result.outcome.verdict.reasons if reason.source == "scan"]


def test_near_duplicates_are_clustered_and_others_are_not() -> None:
    results = (
        hashed("a.jpg", REAL, BASE),
        hashed("b.jpg", REAL, flipped(BASE, 7)),
        hashed("c.jpg", REAL, flipped(BASE, 60)),
        hashed("d.jpg", REAL, None),
        hashed("e.jpg", REAL, None),
        failed("f.jpg"),
        failed("g.jpg"),
    )
    (cluster,) = clusters_of(results)
    assert cluster.paths == ("a.jpg", "b.jpg")
    assert not cluster.verdicts_differ
    assert compared(results) == results


def test_copies_are_a_cluster_even_without_a_hash() -> None:
    one = hashed("a.jpg", REAL, None)
    copy = replace(one, record=replace(one.record, file=replace(one.record.file, path="copy.jpg")))
    assert [cluster.paths for cluster in clusters_of((one, copy))] == [("a.jpg", "copy.jpg")]


@pytest.mark.parametrize(
    ("scores", "text", "conflict"),
    [((FAKE, REAL), CONTRADICTS, True), ((FAKE, UNSURE), DIFFERS, False), ((UNSURE, REAL, FAKE), CONTRADICTS, True)],
)
def test_different_verdicts_are_flagged(scores: tuple[float, ...], text: str, conflict: bool) -> None:
    results = tuple(hashed(f"{number}.jpg", score, BASE ^ number) for number, score in enumerate(scores))
    other = hashed("other.jpg", REAL, ~BASE & (1 << 128) - 1)
    flagged = compared((*results, other))
    assert flagged[-1] == other
    for before, after in zip(results, flagged, strict=False):
        assert isinstance(before.outcome, Assessed)
        assert isinstance(after.outcome, Assessed)
        assert reasons(after) == [text]
        assert after.outcome.verdict.label is before.outcome.verdict.label
        conflicts = [reason.conflict for reason in after.outcome.verdict.reasons]
        assert conflicts == sorted(conflicts, reverse=True)
        assert conflicts.count(True) == conflict
    assert compared(flagged) == flagged
    assert clusters_of(flagged)[0].verdicts_differ


def test_the_report_lists_clusters_and_reads_its_hashes_back() -> None:
    done = scan(hashed("a\udcff.jpg", REAL, BASE), hashed("b.jpg", FAKE, BASE))
    document = scan_to_dict(done)
    (cluster,) = document["clusters"]
    assert cluster["verdicts_differ"] is True
    assert [set(file) for file in cluster["files"]] == [{"path", "path_b64"}, {"path"}]
    assert [result.record.phash for result in scan_from_dict(document).results] == [f"{BASE:032x}"] * 2


@FUZZED
@given(
    st.lists(st.integers(0, 2**128 - 1), max_size=12), st.lists(st.sets(st.integers(0, 127), max_size=7), max_size=6)
)
def test_no_close_pair_is_missed_and_no_file_is_twice(numbers: list[int], changes: list[set[int]]) -> None:
    for bits in changes:
        if numbers:
            numbers.append(numbers[0] ^ sum(1 << bit for bit in bits))
    results = [hashed(f"{place:02d}.jpg", REAL, number) for place, number in enumerate(numbers)]
    found = [set(cluster.paths) for cluster in clusters_of(results)]
    members = [path for cluster in found for path in cluster]
    assert len(members) == len(set(members))
    together = {frozenset((one, other)) for cluster in found for one in cluster for other in cluster if one != other}
    for here, one in enumerate(numbers):
        for there, other in enumerate(numbers[:here]):
            distance = (one ^ other).bit_count()
            if distance <= 7:
                assert frozenset((f"{here:02d}.jpg", f"{there:02d}.jpg")) in together
    if all((a ^ b).bit_count() > MAX_DISTANCE_BITS for place, a in enumerate(numbers) for b in numbers[:place]):
        assert not found


@pytest.mark.parametrize("phash", ["", "zz", "g" * 32, "0" * 31, "-" + "0" * 31])
def test_what_is_no_hash_is_left_alone(phash: str) -> None:
    results = [
        replace(hashed(name, REAL, 1), record=replace(hashed(name, REAL, 1).record, phash=phash)) for name in "ab"
    ]
    assert clusters_of(results) == () or phash.startswith("-")
