"""``fakescan model download``: against a hub on this machine, through the real client."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fakescan.model.hub import wanted
from tests.cli.conftest import Cli
from tests.support.hub import COMMIT, Hub, served

WEIGHTS = bytes(range(256)) * 8192
FILES = {
    "config.json": b'{"model_type": "llava", "vision_config": {}}', "model.safetensors": WEIGHTS,
    "tokenizer.model": b"pieces", "LICENSE": b"terms", "modeling_evil.py": b"raise SystemExit", "flax.msgpack": b"x",
    "pytorch_model.bin": b"the same again", "sub/other.json": b"{}",
}  # fmt: skip
KEPT = {"config.json", "model.safetensors", "tokenizer.model", "LICENSE"}


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the place of the fixture that forbids every connection: this machine alone may be reached."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any, *args: Any) -> Any:
        assert address[0] in ("127.0.0.1", "localhost"), f"a test tried to connect to {address!r}"
        return connect(self, address, *args)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    from huggingface_hub import constants

    own = Hub(dict(FILES))
    with served(own) as address:
        monkeypatch.setattr(constants, "ENDPOINT", address)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
        yield own


def models(tmp_path: Path) -> Path:
    return tmp_path / "data" / "fakescan" / "models" / "somebody--model"


def test_a_download_holds_no_code_and_is_found_by_its_address(cli: Cli, hub: Hub, tmp_path: Path) -> None:
    done = cli("model", "download", "somebody/model")
    assert done.code == 0, done.err
    assert COMMIT in done.out
    folder = models(tmp_path)
    assert {path.name for path in folder.iterdir() if path.is_file()} == KEPT | {"fakescan_download.json"}
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    record = json.loads((folder / "fakescan_download.json").read_text("utf-8"))
    assert record["revision"] == COMMIT
    assert set(record["files"]) == KEPT
    assert cli("model", "verify", "somebody/model").code == 0
    listed = cli("model", "list")
    assert "somebody/model" in listed.out
    assert "nano" in listed.out
    assert "downloaded from" in cli("model", "info", "somebody/model").out
    (folder / "config.json").write_bytes(b"{}")
    assert cli("model", "verify", "somebody/model").code == 2


def test_a_broken_connection_is_taken_up_where_it_was(
    cli: Cli, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # the client waits between its own attempts
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1 << 16)
    hub.breaks = 1
    assert cli("model", "download", "somebody/model", "--into", "here").code == 0
    starts = [asked for name, asked in hub.asked if name == "model.safetensors"]
    assert len(starts) == 2
    assert 1_000_000 < int(starts[1].removeprefix("bytes=").split("-")[0]) <= 1_500_000
    assert (tmp_path / "here" / "model.safetensors").read_bytes() == WEIGHTS


def test_an_interrupted_download_does_not_fetch_again_what_is_there(
    cli: Cli, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    hub.breaks = 99
    first = cli("model", "download", "somebody/model", "--into", "here")
    assert first.code == 2
    assert "goes on where it stopped" in first.err
    assert not (tmp_path / "here" / "fakescan_download.json").exists()
    there = {path.name for path in (tmp_path / "here").iterdir() if path.is_file()}
    assert "model.safetensors" not in there
    hub.breaks, hub.asked = 0, []
    assert cli("model", "download", "somebody/model", "--into", "here").code == 0
    assert {name for name, _ in hub.asked} == KEPT - there
    assert cli("model", "verify", "here").code == 0


def test_a_file_that_is_not_what_the_hub_lists_is_not_kept(cli: Cli, hub: Hub, tmp_path: Path) -> None:
    hub.promised["model.safetensors"] = "0" * 64
    done = cli("model", "download", "somebody/model", "--into", "here")
    assert done.code == 2
    assert "did not arrive as the hub lists it" in done.err
    assert not (tmp_path / "here" / "model.safetensors").exists()


def test_what_cannot_be_fetched_is_2_with_one_line(cli: Cli, hub: Hub) -> None:
    for name, told in (("somebody/else", "cannot be downloaded"), ("no address", "no address"), ("../x", "no address")):
        done = cli("model", "download", name)
        assert (done.code, done.out) == (2, "")
        assert told in done.err
        assert len([line for line in done.err.splitlines() if line.startswith("error: ")]) == 1


def test_what_was_not_downloaded_says_how(cli: Cli, tmp_path: Path) -> None:
    done = cli("model", "info", "somebody/model")
    assert done.code == 2
    assert "fakescan model download somebody/model" in done.err


def test_which_files_of_a_repository_are_wanted() -> None:
    torch_only = ["config.json", "pytorch_model.bin", "base/config.json"]
    others = ["x.py", "a/../b.json", "/etc/x.json", "base/../../x.json", "pickle.pkl", "sub/x.json"]
    assert wanted([*torch_only, *others]) == torch_only
    lora = ["adapter_model.safetensors", "non_lora_trainables.bin", "model.safetensors", "pytorch_model.bin"]
    assert wanted(lora) == ["adapter_model.safetensors", "non_lora_trainables.bin", "model.safetensors"]
    old = ["adapter_model.safetensors", "pytorch_model.bin"]
    assert wanted(old) == old
