"""A model to the hub: only what belongs to it, checked against its own digests first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fakescan.errors import ModelError
from fakescan.model.checkpoints.fit import LICENCE_STARTS
from fakescan.model.checkpoints.marks import MANIFEST, one_line_reason
from fakescan.model.checkpoints.ours import read_info, verify_files

CARD = "MODEL_CARD.md"
_ON_THE_HUB = {CARD: "README.md"}
"""The hub shows a file of that name as the card."""


def pushable(folder: Path) -> list[str]:
    """The files of a model that can go elsewhere as it is, in order.

    Args:
        folder: of a checkpoint.

    Raises:
        ModelError: a file is missing or differs from its digest, or the model needs a folder of this machine.
    """
    info = read_info(folder)
    verify_files(folder, info)
    if Path(info.base).is_absolute() or not (folder / info.base).resolve().is_relative_to(folder.resolve()):
        raise ModelError(
            f"{folder} needs the base in {info.base}, which lies outside of it",
            f"fakescan model merge {folder} NEW-FOLDER, and push that",
        )
    beside = [p.name for p in folder.iterdir() if p.is_file() and p.name.upper().startswith(LICENCE_STARTS)]
    extra = [name for name in (MANIFEST, CARD) if (folder / name).is_file()]
    return sorted({*info.files, *extra, *beside})


def push(
    folder: Path, files: Sequence[str], repository: str, *, public: bool = False, revision: str | None = None
) -> str:
    """Send them in one commit.

    Args:
        folder: of the model.
        files: names in it (``pushable``).
        repository: ``owner/name``.
        public: whether a repository that is made now is public.
        revision: branch; the main one when None.

    Returns:
        The commit's address.

    Raises:
        ModelError: the hub cannot be reached, or refuses.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    api = HfApi()
    operations = [CommitOperationAdd(_ON_THE_HUB.get(name, name), folder / name) for name in files]
    try:
        api.create_repo(repository, private=not public, exist_ok=True)
        done = api.create_commit(
            repository, operations, commit_message=f"fakescan: {len(files)} files", revision=revision
        )
    except Exception as error:  # huggingface_hub, its client and the socket each have faults of their own
        raise ModelError(
            f"{folder} cannot be pushed to {repository}: {one_line_reason(error)}",
            "log in with `hf auth login`, and check the name; what was sent is not sent again",
        ) from error
    return str(done.commit_url)
