from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fakescan.cli.data_make_cmd import _shares
from fakescan.core.records import Label
from fakescan.errors import DataError
from fakescan_trainer.data.facts import Facts
from fakescan_trainer.data.samples import Sample
from fakescan_trainer.data.split import Unit, split
from tests.support.fuzz import FUZZED
from tests.trainer.data.conftest import Run

SHARES = {"train": 0.7, "validation": 0.3}


def facts_of(samples: list[Sample], hashes: dict[str, str] | None = None) -> dict[str, Facts]:
    return {
        s.image: Facts(
            hashlib.sha256(s.image.encode()).hexdigest(), 1, "image/png", 1, 1, (hashes or {}).get(s.image)
        )
        for s in samples
    }  # fmt: skip


def sample(source: str, number: int, *, generator: str = "") -> Sample:
    label = Label.FAKE if source.startswith("f") or generator else Label.REAL
    return Sample(f"{source}/{number}.png", label, source, generator or (source if label is Label.FAKE else ""))


@st.composite
def sets(draw: st.DrawFn) -> list[Sample]:
    sizes = st.lists(st.integers(1, 9), min_size=2, max_size=8)
    return [
        sample(f"{side}{number}", at)
        for side in "fr"
        for number, size in enumerate(draw(sizes))
        for at in range(size)
    ]  # fmt: skip


@FUZZED
@given(sets(), st.integers(0, 99), st.integers(0, 99))
def test_no_source_is_cut_nothing_is_lost_and_order_does_not_matter(samples: list[Sample], seed: int, mix: int) -> None:
    done = split(samples, facts_of(samples), SHARES, seed=seed)
    assert set(done.parts) == set(SHARES)
    assert Counter(s.image for part in done.parts.values() for s in part) == Counter(s.image for s in samples)
    train, validation = ({s.source for s in done.parts[name]} for name in SHARES)
    assert train
    assert validation
    assert not train & validation
    mixed = random.Random(mix).sample(samples, len(samples))  # noqa: S311
    again = split(mixed, facts_of(mixed), SHARES, seed=seed)
    assert all({s.image for s in again.parts[name]} == {s.image for s in done.parts[name]} for name in SHARES)


def test_shares_and_labels_come_near_to_what_was_asked_for() -> None:
    samples = [sample(f"{side}{source}", at) for side in "fr" for source in range(20) for at in range(10)]
    done = split(samples, facts_of(samples), {"train": 8, "validation": 1, "test": 1}, seed=3)
    for name, share in (("train", 0.8), ("validation", 0.1), ("test", 0.1)):
        labels = Counter(s.label for s in done.parts[name])
        assert abs(labels[Label.FAKE] - 200 * share) <= 10
        assert abs(labels[Label.REAL] - 200 * share) <= 10
    assert done.warnings == ()
    others = {frozenset(split(samples, facts_of(samples), SHARES, seed=s).units["validation"]) for s in range(5)}
    assert len(others) > 1, "the seed has no say"


def test_sources_that_share_a_near_duplicate_go_together() -> None:
    samples = [sample(f"{side}{source}", at) for side in "fr" for source in range(6) for at in range(3)]
    near = {"r0/0.png": f"{0xABCDEF << 64:032x}", "r1/2.png": f"{(0xABCDEF << 64) ^ 5:032x}"}
    for seed in range(12):
        done = split(samples, facts_of(samples, near), SHARES, seed=seed)
        assert done.joined == 1
        assert len({name for name, part in done.parts.items() if {"r0", "r1"} & {s.source for s in part}}) == 1


def test_by_generator_fakes_of_one_generator_stay_together_over_sources() -> None:
    samples = [sample(f"f{at % 5}", at, generator=f"g{at % 3}") for at in range(30)]
    samples += [sample(f"r{at % 4}", at) for at in range(30)]
    done = split(samples, facts_of(samples), SHARES, by=Unit.GENERATOR)
    train, validation = ({s.generator for s in done.parts[name] if s.generator} for name in SHARES)
    assert not train & validation
    assert train | validation == {"g0", "g1", "g2"}


def test_what_cannot_be_split_without_cutting_a_source_is_an_error() -> None:
    flat = [sample("f", at) for at in range(9)] + [sample(f"r{at}", at) for at in range(9)]
    with pytest.raises(DataError, match="AI-generated images come from 1 separate source"):
        split(flat, facts_of(flat), SHARES)
    with pytest.raises(DataError, match="two or more"):
        split(flat, facts_of(flat), {"train": 1})


def test_a_share_that_cannot_be_met_is_told() -> None:
    samples = [sample("f0", at) for at in range(95)] + [sample("f1", 0)]
    samples += [sample(f"r{at % 5}", at) for at in range(20)]
    done = split(samples, facts_of(samples), {"train": 0.5, "validation": 0.5})
    assert any("instead of 50%" in warning for warning in done.warnings)


def test_the_command_writes_lists_that_validate(cli: Run, photos: Path) -> None:
    with Image.open(photos / "real/press/00.png") as image:
        (photos / "real/agency").mkdir()
        image.resize((48, 36)).save(photos / "real/agency/small.jpg")
    code, out, err = cli("split", photos, "--out", photos, "--shares", "train=0.6,held-out=0.4")
    assert code == 0, err
    assert "1 sources went along with others" in err
    assert out.count("images") == 2
    rows = [json.loads(line) for line in (photos / "train.jsonl").read_text().splitlines()]
    assert all(row["split"] == "train" and row["label"] in row["image"] for row in rows)
    assert cli("validate", photos / "train.jsonl", photos / "held-out.jsonl")[0] == 0
    assert cli("split", photos, "--out", photos, "--shares", "train=0.6,held-out=0.4")[0] == 2, "overwritten"
    assert cli("split", photos, "--out", photos, "--shares", "train=0.6,held-out=0.4", "--force")[0] == 0


@pytest.mark.parametrize("shares", ["train", "train=x", "a=1,a=1", "a=-1,b=1", "../a=1,b=1", "a=nan,b=1", "a=inf,b=1"])
def test_shares_that_are_none(cli: Run, photos: Path, shares: str) -> None:
    assert cli("split", photos, "--out", photos, "--shares", shares)[0] == 2


def test_shares_come_to_one(cli: Run, photos: Path, tmp_path: Path) -> None:
    code, _, err = cli("split", photos, "--out", tmp_path / "out", "--shares", "train=0.5,test=5")
    assert code == 2
    assert "come to 5.5, not to 1" in err
    assert not (tmp_path / "out").exists()
    assert _shares("a=0.33,b=0.33,c=0.33") == {"a": 0.33, "b": 0.33, "c": 0.33}
