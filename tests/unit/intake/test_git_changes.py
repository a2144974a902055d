from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from fakescan.errors import InputError
from fakescan.intake.git_changes import changed_since

WHO = {
    "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.org", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1",
}  # fmt: skip


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, env=os.environ | WHO)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Main has a.png, b.png, gone.png; a branch changes a.png and removes gone.png; main then changes b.png."""
    folder = tmp_path / "work"
    (folder / "bilder ü").mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    for name in ("a.png", "b.png", "gone.png"):
        (folder / "bilder ü" / name).write_text("1")
    (folder / ".gitignore").write_text("*.tmp.png\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "1")
    git(folder, "checkout", "-qb", "topic")
    (folder / "bilder ü" / "a.png").write_text("2")
    (folder / "bilder ü" / "gone.png").unlink()
    git(folder, "commit", "-qam", "2")
    git(folder, "checkout", "-q", "main")
    (folder / "bilder ü" / "b.png").write_text("2")
    git(folder, "commit", "-qam", "3")
    git(folder, "checkout", "-q", "topic")
    return folder


def names(work: Path, revision: str) -> set[str]:
    return {path.relative_to(work.resolve()).as_posix() for path in changed_since(revision, work / "bilder ü")}


def test_only_what_this_branch_changed(work: Path) -> None:
    assert names(work, "main") == {"bilder ü/a.png"}
    assert names(work, "HEAD") == set()


def test_what_is_not_committed_or_new_counts_and_what_is_ignored_does_not(work: Path) -> None:
    (work / "new\n.png").write_text("x")
    (work / "new.tmp.png").write_text("x")
    (work / "bilder ü" / "b.png").write_text("3")
    assert names(work, "main") == {"bilder ü/a.png", "bilder ü/b.png", "new\n.png"}


def test_the_work_tree_is_left_alone(work: Path) -> None:
    before = sorted((path, path.stat().st_mtime_ns) for path in work.rglob("*") if path.is_file())
    names(work, "main")
    assert sorted((path, path.stat().st_mtime_ns) for path in work.rglob("*") if path.is_file()) == before


@pytest.mark.parametrize("revision", ["nowhere", "", "--output=x", "main:a.png"])
def test_what_is_no_revision_is_told(work: Path, revision: str) -> None:
    with pytest.raises(InputError) as caught:
        changed_since(revision, work)
    assert caught.value.hint
    assert not (work / "x").exists()


def test_a_history_without_a_common_commit_is_told(work: Path) -> None:
    git(work, "checkout", "-q", "--orphan", "other")
    git(work, "commit", "-qm", "other")
    with pytest.raises(InputError, match="no common history") as caught:
        changed_since("main", work)
    assert "fetch-depth: 0" in caught.value.hint


def test_outside_of_git(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        changed_since("main", tmp_path)


def test_without_git(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match="git cannot be run"):
        changed_since("main", work)
