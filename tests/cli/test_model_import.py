"""``fakescan model import`` from the command line: what it makes is described, verified and scanned with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.support.foreign import all_weights, write_clip, write_original


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    write_clip(folder / "clip")
    write_original(folder / "v2", all_weights(dual=True), dual=True)
    return folder


def test_from_the_authors_layout_to_a_model_that_is_ours(cli: Cli, sources: Path, tmp_path: Path) -> None:
    assert cli("model", "info", sources / "v2").out.count("fakescan model import") == 1
    done = cli("model", "import", sources / "v2", "mine", "--clip", sources / "clip", "--tau", "5", "--name", "the v2")
    assert (done.code, done.err) == (0, "")
    assert "fakescan scan --model mine" in done.out
    told = cli("model", "info", "mine").out
    for text in ("the v2", "llava_v1", "This image is", "pad at 28 px", "FakeReasoning v2", "not calibrated"):
        assert text in told
    assert cli("model", "verify", "mine").code == 0
    (tmp_path / "mine" / "base" / "tokenizer.json").write_text("{}", "utf-8")
    assert cli("model", "verify", "mine").code == 2


def test_faults_are_2_and_one_line(cli: Cli, sources: Path, tmp_path: Path) -> None:
    for options, told in (
        (("nothing-there", "mine"), "no model named"),
        ((str(sources / "v2"), "mine", "--clip", "gone"), "no model named"),
        ((str(sources / "v2"), "mine"), "sizes of the CLIP tower"),
        ((str(sources / "v2"), "mine", "--clip", str(sources / "clip"), "--base", str(sources / "v2")), "no adapter"),
        ((str(sources / "v2"), str(tmp_path)), "there already"),
    ):
        (tmp_path / "kept.txt").write_text("x", "utf-8")
        done = cli("model", "import", *options)
        assert (done.code, done.out) == (2, "")
        assert told in done.err
        assert done.err.startswith("error: ")
        assert not (tmp_path / "mine").exists()


def test_every_wrong_option_is_told_at_once(cli: Cli, sources: Path) -> None:
    done = cli(
        "model", "import", sources / "v2", "mine", "--template", "alpaca", "--conclusion", "none", "--separator", "tab",
        "--view", "wide", "--tau", "0", "--dtype", "int3",
    )  # fmt: skip
    assert done.code == 2
    assert done.err.count("error: ") == 6
