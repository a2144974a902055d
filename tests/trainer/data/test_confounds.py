from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest

from fakescan_trainer.data.confounds import GROUPS, MIN_IMAGES, confounds_of
from fakescan_trainer.data.facts import Facts


def facts(number: int, **about: Any) -> Facts:
    rng = np.random.default_rng(number)
    width, height = (int(side) for side in rng.integers(300, 900, 2))
    known = {"size_bytes": int(rng.integers(20_000, 200_000)), "media_type": "image/jpeg", "width_px": width}
    sha256 = hashlib.sha256(str(number).encode()).hexdigest()
    return Facts(sha256=sha256, phash=None, **{**known, "height_px": height, **about})


@pytest.mark.parametrize(
    ("about", "group"),
    [
        ({"media_type": "image/png"}, "format"),
        ({"width_px": 512, "height_px": 512}, "width, height and shape"),
        ({"size_bytes": 900_000}, "bytes and bytes per pixel"),
    ],
)
def test_files_that_give_the_label_away_are_told_with_what_does(about: dict[str, Any], group: str) -> None:
    fake = [number % 2 == 0 for number in range(200)]
    found = {c.facts: c for c in confounds_of([facts(n, **(about if f else {})) for n, f in enumerate(fake)], fake)}
    assert set(found) == set(GROUPS)
    assert found[group].is_warning
    assert found[group].balanced_accuracy > 0.9
    assert found["all facts"].balanced_accuracy > 0.9
    others = [c for name, c in found.items() if name not in (group, "all facts")]
    assert not any(c.is_warning for c in others if "bytes" not in c.facts)


def test_files_that_say_nothing_are_no_warning_however_unequal_the_labels_are() -> None:
    fake = [number % 10 == 0 for number in range(600)]
    found = confounds_of([facts(number) for number in range(600)], fake)
    assert not any(confound.is_warning for confound in found)
    assert all(0.35 < confound.balanced_accuracy < 0.65 for confound in found)


def test_the_order_of_the_list_changes_nothing() -> None:
    fake = [number % 2 == 0 for number in range(100)]
    rows = [facts(number, size_bytes=10_000 + number * 500) for number in range(100)]
    assert confounds_of(rows, fake) == confounds_of(rows[::-1], fake[::-1])


def test_nothing_is_said_of_too_few_images() -> None:
    fake = [number < MIN_IMAGES - 1 for number in range(100)]
    assert confounds_of([facts(number) for number in range(100)], fake) == ()
