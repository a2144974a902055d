"""docs/data.md, command by command, on a folder like the one that it describes."""

from __future__ import annotations

import re
import shlex
from dataclasses import asdict
from pathlib import Path

import pytest

from fakescan.cli.app import run
from fakescan_trainer.data import decisions
from fakescan_trainer.data.mmfr import read_records
from fakescan_trainer.data.samples import read_samples
from tests.trainer.data.chat_server import serving
from tests.trainer.data.conftest import Run, draw


@pytest.mark.usefixtures("loopback")
def test_the_path_of_the_page_is_run_as_it_stands(
    cli: Run, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for number in range(8):
        side, source = (("real", "press"), ("real", "phones"), ("fake", "midjourney"), ("fake", "flux"))[number % 4]
        draw(Path("photos") / side / source / f"{number}.jpg", number)
    page = (repository / "docs" / "data.md").read_text(encoding="utf-8")
    commands = [line for block in re.findall(r"^```sh$(.*?)^```$", page, re.MULTILINE | re.DOTALL)
                for line in block.strip().splitlines()]  # fmt: skip
    assert len(commands) == 10
    with serving() as server:
        for command in commands:
            words = shlex.split(command.replace("http://127.0.0.1:8000/v1", server.url))
            assert words[:2] == ["fakescan", "data"]
            if words[2] == "review":  # a person's part; the page itself is tested in a browser
                sample = read_samples(Path(words[3])).samples[0]
                rejected = decisions.checked(sample, "reject", "", {}, "J. Doe")
                decisions.append(Path(words[5]), asdict(rejected))
                continue
            code, _, err = cli(*words[2:])
            assert code == 0, f"{command}: {err}"
    records = [record for name in ("train", "validation") for record in read_records(Path("photos") / f"{name}.json")]
    assert len(records) == 7
    assert all(record.reasoning and record.caption for record in records)
    assert {path.name for path in tmp_path.iterdir()} >= {"preview.html", "stats.html"}
    # Training itself takes too long here: that the set fits the recipe is what the page promises.
    train = next(line for line in page.splitlines() if line.startswith("fakescan train "))
    assert run([*shlex.split(train)[1:], "--dry-run"]) == 0
    assert "== full" in capsys.readouterr().out
