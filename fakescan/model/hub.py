"""``fakescan model download``: the only place that fetches weights, and only when it is asked to.

huggingface_hub does the fetching (resumed where it stopped); what is asked for are weights, configs, tokenizers and
licences by name, never code. Every file's SHA-256 is written down, and compared with the hub's own where it gives one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from fakescan.errors import ModelError
from fakescan.model.checkpoints.adapters import BESIDE
from fakescan.model.checkpoints.marks import one_line_reason, read_json
from fakescan.model.checkpoints.ours import file_sha256

RECORD = "fakescan_download.json"
"""What was fetched, beside it."""
_KEPT = (".json", ".safetensors", ".model", ".jinja", ".md", ".txt")
_TORCH = (".bin", ".pth", ".pt")
_ALWAYS = ("LICENSE", "LICENCE", "NOTICE", "COPYING")
_AGAIN = "the same command goes on where it stopped"


@dataclass(frozen=True, slots=True)
class Download:
    """What lies in a folder, by its record."""

    repository: str
    """``owner/name`` on the hub."""
    revision: str
    """The commit."""
    files: Mapping[str, str]
    """SHA-256 by name."""


def wanted(names: Sequence[str]) -> list[str]:
    """Which files of a repository are a model: no code, and torch's own kind only where there is no safetensors.

    Args:
        names: all files, as the hub lists them.
    """
    plain = [name for name in names if not PurePosixPath(name).is_absolute() and ".." not in PurePosixPath(name).parts]
    top = [name for name in plain if "/" not in name or name.startswith("base/")]
    safe = any(name.endswith(".safetensors") and not name.startswith("adapter") for name in top)

    def is_kept(file: PurePosixPath) -> bool:
        if file.suffix in _TORCH:
            return not safe or file.name == BESIDE
        return file.suffix in _KEPT or file.name.upper().startswith(_ALWAYS)

    return [name for name in top if is_kept(PurePosixPath(name))]


def download(repository: str, folder: Path, revision: str | None = None) -> Download:
    """Fetch a model, or go on with it.

    Args:
        repository: ``owner/name``.
        folder: where to.
        revision: a branch, tag or commit; the newest when None.

    Raises:
        ModelError: the hub cannot be reached, has no such model, or what came is not what it lists.
    """
    from huggingface_hub import HfApi, snapshot_download

    try:
        about = HfApi().model_info(repository, revision=revision, files_metadata=True)
        listed: dict[str, Any] = {each.rfilename: each.lfs for each in about.siblings or []}
        names = wanted(list(listed))
        if not any(name.endswith((".safetensors", *_TORCH)) for name in names):
            raise ModelError(f"{repository} holds no weights", "known are .safetensors, .bin and .pth")
        commit = str(about.sha)
        snapshot_download(
            repository, revision=commit, local_dir=folder, allow_patterns=[_literally(name) for name in names]
        )
    except ModelError:
        raise
    except Exception as error:  # huggingface_hub, its client and the socket each have faults of their own
        raise ModelError(f"{repository} cannot be downloaded: {one_line_reason(error)}", _AGAIN) from error
    digests = {}
    for name in names:
        digests[name] = file_sha256(folder / name)
        promised = getattr(listed[name], "sha256", None)
        if promised and promised != digests[name]:
            (folder / name).unlink()
            raise ModelError(f"{name} of {repository} did not arrive as the hub lists it", _AGAIN)
    record = Download(repository, commit, digests)
    text = json.dumps({"repository": repository, "revision": commit, "files": digests}, indent=1)
    (folder / RECORD).write_text(text + "\n", "utf-8")
    return record


def _literally(name: str) -> str:
    """A name as a pattern that only it matches."""
    return "".join(f"[{char}]" if char in "*?[" else char for char in name)


def read_record(folder: Path) -> Download | None:
    """What was fetched into a folder; None where nothing was.

    Raises:
        ModelError: the record is damaged.
    """
    path = folder / RECORD
    if not path.is_file():
        return None
    data = read_json(path)
    files = data.get("files")
    if not isinstance(files, dict) or not all(isinstance(digest, str) for digest in files.values()):
        raise ModelError(f"{path} is damaged: it holds no digests", "download the model again")
    if any(PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts for name in files):
        raise ModelError(f"{path} is damaged: files must lie in the model's folder", "download the model again")
    return Download(str(data.get("repository")), str(data.get("revision")), files)
