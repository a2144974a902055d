"""``--shard`` with ``merge``, the cache and its commands, and what addresses and servers do to the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fakescan.core.records import Label
from tests.cli.conftest import Cli
from tests.support.pictures import folder, png
from tests.support.weightless import WeightlessEngine

REAL, FAKE = Label.REAL, Label.FAKE


def results(text: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(text)["results"]
    for row in rows:
        row.pop("timings_s")
    return rows


def test_parts_are_merged_into_the_report_of_the_whole(cli: Cli, tmp_path: Path) -> None:
    folder(tmp_path / "in", a=REAL, b=REAL, c=FAKE, d=REAL, e=REAL)
    for number in (1, 2, 3):
        assert cli("scan", "in", "--shard", f"{number}/3", "--run-dir", f"part-{number}").code in (0, 1)
    whole = cli("scan", "in", "--json", "--no-cache")
    done = cli("merge", "part-1", "part-2", "part-3/scan.json", "-o", "all.json", "-o", "all.html", "--json")
    assert done.code == whole.code == 1
    assert results(done.out) == results(whole.out) == results((tmp_path / "all.json").read_text())
    assert json.loads(done.out)["skipped"] == json.loads(whole.out)["skipped"]
    assert json.loads(done.out)["scan"]["command"].startswith("fakescan merge part-1")
    assert (tmp_path / "all.html").stat().st_size > 1000
    assert cli("merge", "part-1", "part-2", "part-3", "-q").out == "c.png\n"


def test_a_missing_part_is_2_and_writes_nothing(cli: Cli, tmp_path: Path) -> None:
    folder(tmp_path / "in", a=REAL, b=REAL, c=FAKE)
    for number in (1, 2):
        cli("scan", "in", "--shard", f"{number}/2", "--run-dir", f"part-{number}")
    done = cli("merge", "part-1", "-o", "all.json")
    assert done.code == 2
    assert "missing: 2/2" in done.err
    assert not (tmp_path / "all.json").exists()
    assert cli("merge", "part-1", "part-1").code == 2


def test_an_empty_part_is_clean(cli: Cli, tmp_path: Path) -> None:
    folder(tmp_path / "in", a=REAL)
    codes = [cli("scan", "in", "--shard", f"{number}/4", "--run-dir", f"part-{number}").code for number in range(1, 5)]
    assert codes == [0, 0, 0, 0]
    done = cli("merge", "part-1", "part-2", "part-3", "part-4", "--json")
    assert done.code == 0
    assert len(results(done.out)) == 1


def test_the_cache_is_used_told_shown_and_cleared(cli: Cli, tmp_path: Path, engine: WeightlessEngine) -> None:
    folder(tmp_path / "in", a=REAL, b=FAKE)
    first = cli("scan", "in", "--json")
    assert "earlier runs" not in first.err
    assert "answers  2" in cli("cache", "info").out
    asked = len(engine.batches)
    second = cli("scan", "in", "--json", "-o", "r.html")
    assert len(engine.batches) == asked
    assert "2 of the answers are the same model's of earlier runs" in second.err
    assert results(second.out) == results(first.out)
    assert len(json.loads(second.out)["scan"]["from_cache"]) == 2
    assert "Answers of earlier runs" in (tmp_path / "r.html").read_text()
    assert "from_cache" not in json.loads(cli("scan", "in", "--json", "--no-cache").out)["scan"]
    assert cli("cache", "clear").out.startswith("removed 2 answers")
    assert "answers  0" in cli("cache", "info").out
    assert "from_cache" not in json.loads(cli("scan", "in", "--json").out)["scan"]


def test_secrets_of_addresses_are_in_no_report(cli: Cli, tmp_path: Path) -> None:
    """The scheme is unknown, so that nothing is asked; what was typed is in the message of no error either."""
    done = cli("scan", "ftp://me:hunter2@host/x.png", "-o", "r.json")
    assert done.code == 2
    assert "not known" in done.err
    assert "hunter2" not in done.err
    (tmp_path / "a.png").write_bytes(png(0))
    done = cli("scan", "a.png", "--engine", "openai", "--base-url", "http://me:hunter2@127.0.0.1:9/v1", "--json")
    assert json.loads(done.out)["scan"]["options"]["base_url"] == "http://127.0.0.1:9/v1"
    assert "hunter2" not in done.out + done.err


def test_a_server_and_its_address_belong_together(cli: Cli) -> None:
    assert "belong together" in cli("scan", "x", "--engine", "openai").err
    assert "belong together" in cli("scan", "x", "--base-url", "http://h/v1").err
    assert "no address" in cli("scan", "x", "--engine", "openai", "--base-url", "ftp://h").err
