"""Option values from text and TOML alike, all faults at once, and what contradicts what."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest

from fakescan.core.options import OPTION_NAMES, DType, FailOn, Reasoning, ScanOptions, Setting, options_from
from fakescan.core.records import Label, ScoreKind
from fakescan.errors import ConfigError


def given(**values: object) -> dict[str, Setting]:
    return {name: Setting(value, "a flag") for name, value in values.items()}


def test_every_field_has_a_reader() -> None:
    assert tuple(item.name for item in fields(ScanOptions)) == OPTION_NAMES


def test_nothing_said_is_the_defaults() -> None:
    assert options_from({}) == ScanOptions()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("reasoning", "flagged", Reasoning.FLAGGED),
        ("dtype", "int8", DType.INT8),
        ("device", "cuda:1", "cuda:1"),
        ("device", "cuda:0,cuda:1,cpu", "cuda:0,cuda:1,cpu"),
        ("ray-workers", "auto", None),
        ("batch_size", "auto", None),
        ("batch_size", "8", 8),
        ("batch-size", 8, 8),
        ("threshold", "0.75", 0.75),
        ("threshold", 1, 1.0),
        ("resume", "yes", True),
        ("resume", False, False),
        ("limit", "3", 3),
        ("seed", 0, 0),
        ("paths", ["a", "b"], ("a", "b")),
        ("include", "*.jpg", ("*.jpg",)),
        ("model", "", None),
        ("file_timeout_s", "2.5", 2.5),
        ("workers", "auto", None),
    ],
)
def test_values_are_read_from_text_and_toml_alike(name: str, value: object, expected: object) -> None:
    assert getattr(options_from(given(**{name: value})), name.replace("-", "_")) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("reasoning", "some"),
        ("reasoning", 1),
        ("device", "gpu"),
        ("device", "cuda:x"),
        ("device", "cpu,"),
        ("device", "cpu,auto"),
        ("device", "cuda:all,cpu"),
        ("batch_size", 0),
        ("batch_size", "-1"),
        ("batch_size", True),
        ("batch_size", 1.5),
        ("threshold", "1.01"),
        ("threshold", "nan"),
        ("threshold", True),
        ("resume", "maybe"),
        ("resume", 1),
        ("limit", 0),
        ("seed", -1),
        ("paths", [1]),
        ("paths", ""),
        ("engine", ""),
        ("file_timeout_s", 0),
        ("file_timeout_s", "inf"),
        ("max_pixels", "many"),
    ],
)
def test_wrong_values_are_refused_with_name_and_place(name: str, value: object) -> None:
    with pytest.raises(ConfigError) as caught:
        options_from(given(**{name: value}))
    [fault] = caught.value.faults
    assert fault.startswith(f"{name} from a flag: ")


def test_all_faults_at_once_with_near_misses() -> None:
    with pytest.raises(ConfigError) as caught:
        options_from(given(treshold=0.5, device="gpu", dtype="int8", limit="no", reasoning="none", decode="free"))
    faults = caught.value.faults
    assert len(faults) == 4
    assert faults[0] == "unknown setting treshold from a flag (did you mean threshold?)"
    assert "decode free and reasoning none" in faults[-1]


@pytest.mark.parametrize("dtype", ["int8", "int4", "fp8"])
def test_quantised_weights_are_not_for_a_mac(dtype: str) -> None:
    with pytest.raises(ConfigError, match=dtype):
        options_from(given(dtype=dtype, device="mps"))
    for device in ("cpu", "cpu,cpu", "cuda", "cuda:all", "auto"):
        options_from(given(dtype=dtype, device=device))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"engine": "ray", "device": "cpu,cpu"}, "several devices"),
        ({"engine": "openai", "base_url": "http://h/v1", "device": "cuda:all"}, "several devices"),
        ({"engine": "ray", "device": "cuda:1"}, "Ray chooses"),
        ({"engine": "ray", "device": "mps"}, "Ray chooses"),
        ({"ray_workers": 2}, "needs engine ray"),
    ],
)
def test_what_several_workers_contradict(asked: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        options_from(given(**asked))


def test_several_devices_are_told_from_one() -> None:
    several = {device: options_from(given(device=device)).has_several_devices for device in ("cuda:1", "cpu,cpu")}
    assert several == {"cuda:1": False, "cpu,cpu": True}
    assert options_from(given(device="cuda:all")).has_several_devices


@pytest.mark.parametrize(
    "values",
    [{"stability": 1}, {"audit": True}, {"engine": "openai", "base_url": "http://localhost/v1"}],
    ids=str,
)
def test_a_draft_is_not_for_whole_pictures(values: dict[str, object]) -> None:
    assert options_from(given(draft="yes")).draft
    assert not options_from(given(**values)).draft
    with pytest.raises(ConfigError, match=r"draft and .* contradict each other"):
        options_from(given(draft=True, **values))


def test_a_hostile_name_is_shown_escaped() -> None:
    with pytest.raises(ConfigError) as caught:
        options_from({"\x1b[31m" * 99: Setting(1, "x")})
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 250


def test_options_go_into_the_report_as_plain_values() -> None:
    written = options_from(given(paths=["a"], dtype="int8", threshold=0.5)).as_dict()
    assert json.loads(json.dumps(written)) == written
    assert (written["batch_size"], written["limit"], written["dtype"]) == ("auto", None, "int8")
    assert tuple(written) == OPTION_NAMES


def test_written_options_can_be_read_again() -> None:
    options = options_from(given(paths=["a"], reasoning="flagged", batch_size=3, run_dir="x"))
    assert options_from(given(**options.as_dict())) == options


@pytest.mark.parametrize(
    ("fail_on", "found"),
    [("fake", {Label.FAKE}), ("inconclusive", {Label.FAKE, Label.INCONCLUSIVE}), ("never", set())],
)
def test_what_counts_as_a_finding(fail_on: str, found: set[Label]) -> None:
    assert {label for label in Label if FailOn(fail_on).finds(label)} == found


def test_the_deciding_score() -> None:
    assert ScanOptions().deciding_score is None
    assert options_from(given(score="after")).deciding_score is ScoreKind.AFTER
