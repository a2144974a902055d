"""Which files changed since a revision of git: ``--changed-since``.

Compared is the working tree with the commit where the current branch left the revision (its merge base), so that what
others did on the main branch since is not counted. Files that git does not know yet count as changed.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from fakescan.errors import InputError

_TIMEOUT_S = 120


def changed_since(revision: str, folder: Path) -> frozenset[Path]:
    """Absolute paths of the files that changed.

    Args:
        revision: anything that git takes for a commit: a branch, a tag, ``HEAD~1``.
        folder: somewhere inside the work tree.

    Raises:
        InputError: when there is no git, no work tree, or no such revision.
    """
    if not revision or revision.startswith("-"):
        raise InputError(f"not a revision of git: {revision!a}", "give a branch, a tag or a commit")
    top = Path(os.fsdecode(_git(folder, "rev-parse", "--show-toplevel").rstrip(b"\r\n")))
    try:
        _git(folder, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
        base = _git(folder, "merge-base", revision, "HEAD").decode("ascii").strip()
    except InputError:
        raise InputError(
            f"git knows no common history with {ascii(revision)[1:-1]}",
            "fetch it first; in CI, check out with full history (fetch-depth: 0)",
        ) from None
    changed = _git(top, "diff", "--name-only", "--no-renames", "--diff-filter=d", "-z", base, "--")
    new = _git(top, "ls-files", "--others", "--exclude-standard", "-z")
    names = [os.fsdecode(name) for name in (changed + new).split(b"\0") if name]
    return frozenset(Path(os.path.realpath(top / name)) for name in names)


def _git(folder: Path, *arguments: str) -> bytes:
    """What a command of git prints; it can change nothing and asks nobody anything."""
    environment = os.environ | {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    # A repository's own settings must not have programs started for a mere list of names.
    safe = ("-c", "core.fsmonitor=false", "-c", "core.quotepath=false", "-c", "diff.external=")
    command = ["git", *safe, "-C", str(folder), *arguments]
    try:
        done = subprocess.run(  # noqa: S603 (no shell; the revision cannot be an option)
            command, capture_output=True, check=False, timeout=_TIMEOUT_S, env=environment, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as fault:
        hint = "install git, or leave out --changed-since"
        raise InputError(f"git cannot be run: {type(fault).__name__}", hint) from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["failed"]
        raise InputError(f"git {arguments[0]}: {ascii(said[0])[1:-1]}", "is this a git work tree?")
    return done.stdout
