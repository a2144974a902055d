"""Which files a scan is about: a walk in the order of paths, lazily, that opens nothing but regular files."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fakescan.core.records import Skipped
from fakescan.intake import identify
from fakescan.intake.entries import Entry, entries_of
from fakescan.intake.ignore import IGNORE_FILE, Filters, IgnoreFile, ignored, read_ignore_file
from fakescan.intake.read import read_head

_NO_IMAGE = "neither looks like nor is named like an image"


@dataclass(frozen=True, slots=True)
class Found:
    """A file to examine."""

    path: str
    """Path for reports: relative to the common root where it lies below it, POSIX separators."""
    absolute: Path
    """Where it lies."""
    by_hand: bool = False
    """Whether it was named itself; then it is examined whatever it looks like."""


def discover(
    paths: Sequence[str | Path],
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    limit: int | None = None,
    recursive: bool = True,
    follow_links: bool = False,
    root: Path | None = None,
) -> Iterator[Found | Skipped]:
    """Files and folders in the order of their paths, each file once.

    Paths that were given are always ``Found`` unless a filter leaves them out: what is wrong with them is an error.
    In a walk, links to files within the given folders are followed, links to other files only if that is asked for,
    and links to folders never.

    Args:
        paths: files and folders.
        include: only files that match one of these patterns (gitignore syntax); empty: all.
        exclude: no files and folders that match one of these patterns.
        limit: end after so many ``Found``.
        recursive: whether folders inside folders are walked.
        follow_links: whether links to files may lead out of the given folders.
        root: what report paths are relative to; ``common_root(paths)`` when None.

    Yields:
        What to examine, and what is left alone and why.

    Raises:
        InputError: when a pattern means nothing.
    """
    filters = Filters(include, exclude)
    given = [_absolute(path) for path in paths]
    base = common_root(paths) if root is None else _absolute(root)
    walk = _Walk(given, base, filters, recursive=recursive, follow_links=follow_links)
    found = 0
    for item in walk.items():
        if limit is not None and found >= limit:
            return
        yield item
        found += isinstance(item, Found)


def common_root(paths: Sequence[str | Path]) -> Path:
    """The deepest folder that holds all paths; a folder that was given counts itself.

    Args:
        paths: files and folders.
    """
    folders = [str(path if _is_folder(path) else path.parent) for path in map(_absolute, paths)]
    try:
        return Path(os.path.commonpath(folders))
    except ValueError:  # none at all, or on different drives of Windows
        return Path.cwd()


def read_list(stream_bytes: bytes, *, nul: bool) -> list[str]:
    """Paths of a list.

    Args:
        stream_bytes: the list as read from a file or pipe.
        nul: whether paths end in a NUL byte instead of a line break.
    """
    content = stream_bytes.removeprefix(codecs.BOM_UTF8)
    parts = content.split(b"\0") if nul else [line.removesuffix(b"\r") for line in content.split(b"\n")]
    return [os.fsdecode(part) for part in parts if part]


class _Walk:
    """One run over everything that was given."""

    def __init__(
        self, given: Sequence[Path], root: Path, filters: Filters, *, recursive: bool, follow_links: bool
    ) -> None:
        self._root = root
        self._filters = filters
        self._recursive = recursive
        self._folders = {path for path in given if _is_folder(path)}
        self._files = set(given) - self._folders
        self._inside_of = None if follow_links else [Path(os.path.realpath(path)) for path in sorted(self._folders)]
        self._seen: set[Path] = set()

    def items(self) -> Iterator[Found | Skipped]:
        """Everything, in the order of paths as far as what was given is not nested in hidden places."""
        given = [(self._shown(path) + "/", path) for path in self._folders]
        given += [(self._shown(path), path) for path in self._files]
        # The root itself comes before everything in it.
        for _, path in sorted(given, key=lambda item: ("" if item[0] == "./" else item[0], item[1])):
            if path in self._seen:
                continue
            yield from self._walked(path) if path in self._folders else self._given_file(path)

    def _given_file(self, path: Path) -> Iterator[Found | Skipped]:
        self._seen.add(path)
        shown = self._shown(path)
        reason = self._filters.reason(shown)
        yield Found(shown, path, by_hand=True) if reason is None else Skipped(shown, reason)

    def _walked(self, top: Path) -> Iterator[Found | Skipped]:
        """The folder's files, those of its folders where they stand in the order; no recursion, so no depth limit."""
        stack: list[tuple[Iterator[Entry], tuple[IgnoreFile, ...]]] = []

        def enter(folder: Path, rules: tuple[IgnoreFile, ...]) -> Iterator[Found | Skipped]:
            self._seen.add(folder)
            try:
                entries = entries_of(folder, self._inside_of)
            except OSError as fault:
                yield self._closed_folder(folder, fault)
                return
            own = read_ignore_file(folder / IGNORE_FILE, self._inside(folder))
            stack.append((entries, rules if own is None else (*rules, own)))

        yield from enter(top, ())
        while stack:
            entries, rules = stack[-1]
            entry = next(entries, None)
            if entry is None:
                stack.pop()
            elif entry.is_folder:
                reason = self._why_not_folder(entry, rules)
                if reason is not None:
                    yield Skipped(self._shown(entry.path), reason)
                elif entry.path not in self._seen:
                    yield from enter(entry.path, rules)
            elif entry.path not in self._seen:
                yield self._file(entry, rules)

    def _closed_folder(self, folder: Path, fault: OSError) -> Found | Skipped:
        """A folder that cannot be listed: an error where it was given, which reading it will tell."""
        if folder in self._folders:
            return Found(self._shown(folder), folder, by_hand=True)
        return Skipped(self._shown(folder), f"the folder cannot be read: {fault.strerror or 'unknown reason'}")

    def _why_not_folder(self, entry: Entry, rules: tuple[IgnoreFile, ...]) -> str | None:
        inside = self._inside(entry.path)
        excluded = self._filters.reason(inside, is_folder=True)
        if entry.path in self._folders or excluded:
            return excluded
        if entry.is_hidden:
            return "hidden"
        if not self._recursive:
            return "a folder inside a folder, and only the folder itself was asked for"
        return ignored(rules, inside, is_folder=True)

    def _file(self, entry: Entry, rules: tuple[IgnoreFile, ...]) -> Found | Skipped:
        if len(self._files) + len(self._folders) > 1:
            self._seen.add(entry.path)
        shown, inside = self._shown(entry.path), self._inside(entry.path)
        excluded = self._filters.reason(inside)
        if entry.path in self._files:
            return Found(shown, entry.path, by_hand=True) if excluded is None else Skipped(shown, excluded)
        if entry.path.name == IGNORE_FILE:
            return Skipped(shown, _about_rules(rules, self._inside(entry.path.parent)))
        reason = ("hidden" if entry.is_hidden else None) or excluded or ignored(rules, inside, is_folder=False)
        reason = reason or entry.trouble or _why_no_image(entry.path)
        return Found(shown, entry.path) if reason is None else Skipped(shown, reason)

    def _shown(self, path: Path) -> str:
        return self._inside(path) or "."

    def _inside(self, path: Path) -> str:
        """Path relative to the root, empty for the root, absolute where it lies elsewhere."""
        try:
            relative = path.relative_to(self._root).as_posix()
        except ValueError:
            return path.as_posix()
        return "" if relative == "." else relative


def _about_rules(rules: Sequence[IgnoreFile], folder: str) -> str:
    """What is said about a ``.fakescanignore`` itself."""
    own = rules[-1] if rules and rules[-1].folder == folder else None
    if own is None:
        return "should say what to leave out, but cannot be read"
    unused = f"; {own.left_out} of its lines mean nothing or too much, and were not used" if own.left_out else ""
    return f"says what to leave out{unused}"


def _why_no_image(path: Path) -> str | None:
    if identify.named_like_an_image(path.name):
        return None
    try:
        head = read_head(path, identify.HEAD_BYTES)
    except OSError as fault:
        return f"not named like an image, and cannot be read: {fault.strerror or 'unknown reason'}"
    return None if identify.is_image(identify.sniff(head, path.name)) else _NO_IMAGE


def _absolute(path: str | Path) -> Path:
    """An absolute path without ``..``; links along the way count where ``..`` would jump over them."""
    text = os.fspath(path)
    if ".." in Path(text).parts:
        parent, name = os.path.split(text.rstrip("/" + os.sep))
        return Path(os.path.realpath(text)) if name == ".." else Path(os.path.realpath(parent), name)
    return Path(os.path.abspath(text))  # noqa: PTH100 -- Path.absolute keeps the dots


def _is_folder(path: str | Path) -> bool:
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):
        return False
