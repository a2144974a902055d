"""Patterns that leave files out: ``--include``, ``--exclude`` and ``.fakescanignore``, all in gitignore syntax."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

from pathspec import GitIgnoreSpec

from fakescan.errors import InputError
from fakescan.intake.read import read_head

IGNORE_FILE = ".fakescanignore"
"""Name of the files whose patterns hold for the folder that they lie in, and below."""

_MAX_FILE_BYTES = 1_000_000
_MAX_LINE_CHARS = 1000
_MAX_SHOWN_CHARS = 80
_MAX_WILDCARDS = 3
_WILDCARDS = re.compile(r"\*+|\?+|\[")


class Filters:
    """What the user asked for on the command line."""

    def __init__(self, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> None:
        """Read the patterns.

        Args:
            include: only files that match one of these; empty: all.
            exclude: no files and folders that match one of these.

        Raises:
            InputError: when one is no pattern.
        """
        self._include = _spec(include, "--include") if include else None
        self._exclude = _spec(exclude, "--exclude")

    def reason(self, path: str, *, is_folder: bool = False) -> str | None:
        """Why a path is left out, or None.

        Args:
            path: relative, POSIX.
            is_folder: whether it is a folder; folders are never left out for want of a match with ``include``.
        """
        matched = _match(self._exclude, path + "/" * is_folder)
        if matched is not None and matched[0]:
            return f"excluded by --exclude {matched[1]}"
        if self._include is not None and not is_folder:
            wanted = _match(self._include, path)
            if wanted is None or not wanted[0]:
                return "not among the files that --include names"
        return None


class IgnoreFile:
    """The patterns of one ``.fakescanignore``."""

    def __init__(self, folder: str, lines: Iterable[str]) -> None:
        """Take the patterns over; lines that are none, or too complex, are counted and left out.

        Args:
            folder: path of the folder that it lies in, relative, POSIX, empty for the root.
            lines: the file's lines.
        """
        self.folder = folder
        """Path of the folder that it lies in."""
        given = [line for line in lines if line.strip() and not line.startswith("#")]
        kept = [line for line in given if _is_bearable(line)]
        self.left_out = len(given) - len(kept)
        """Lines that were not understood."""
        self._spec = _compiled(kept)

    def verdict(self, path: str, *, is_folder: bool) -> str | None:
        """``""`` when the path is taken back in, a reason when it is left out, None when no line is about it.

        Args:
            path: relative to the same root as ``folder``, POSIX.
            is_folder: whether it is a folder.
        """
        matched = _match(self._spec, path.removeprefix(f"{self.folder}/") + "/" * is_folder)
        if matched is None:
            return None
        return f"excluded by {IGNORE_FILE}: {matched[1]}" if matched[0] else ""


def read_ignore_file(path: Path, folder: str) -> IgnoreFile | None:
    """The patterns of a ``.fakescanignore``, or None when it is a link, no regular file, or cannot be read.

    A link is not followed: reports quote patterns, and it might lead to somebody's secrets.

    Args:
        path: the file.
        folder: path of the folder that it lies in, relative, POSIX.
    """
    try:
        if path.is_symlink():
            return None
        content = read_head(path, _MAX_FILE_BYTES)
    except (OSError, ValueError):
        return None
    return IgnoreFile(folder, content.decode("utf-8", "surrogateescape").splitlines())


def ignored(files: Sequence[IgnoreFile], path: str, *, is_folder: bool) -> str | None:
    """Why a path is left out, or None. The file that lies deepest and speaks about the path decides.

    Args:
        files: those that hold for the path's folder, outermost first.
        path: relative, POSIX.
        is_folder: whether it is a folder.
    """
    for file in reversed(files):
        verdict = file.verdict(path, is_folder=is_folder)
        if verdict is not None:
            return verdict or None
    return None


def _compiled(lines: Sequence[str]) -> GitIgnoreSpec:
    """Patterns that can be matched.

    Raises:
        ValueError: for a pattern that means nothing.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of the regular expression that "[[]" becomes
        try:
            return GitIgnoreSpec.from_lines(lines)
        except re.error as fault:  # the library lets some impossible ranges through
            raise ValueError(str(fault)) from fault


def _spec(patterns: Sequence[str], origin: str) -> GitIgnoreSpec:
    try:
        return _compiled(patterns)
    except ValueError:
        raise InputError(f"{origin} holds a pattern that means nothing", "see the syntax of gitignore files") from None


def _match(spec: GitIgnoreSpec, path: str) -> tuple[bool, str] | None:
    """Whether the deciding pattern leaves the path out, and its text; None when none is about it."""
    result = spec.check_file(path)
    if result.include is None or result.index is None:
        return None
    return result.include, ascii(str(getattr(spec.patterns[result.index], "pattern", "")))[1:-1][:_MAX_SHOWN_CHARS]


def _is_bearable(line: str) -> bool:
    """Whether a line of a file that anybody may have written is a pattern that matches in bearable time.

    Patterns become regular expressions; many wildcards in one name take time that grows with a high power of the
    name's length.
    """
    if len(line) > _MAX_LINE_CHARS or line.count("**") > _MAX_WILDCARDS:
        return False
    if any(len(_WILDCARDS.findall(part)) > _MAX_WILDCARDS for part in line.split("/")):
        return False
    try:
        _compiled([line])
    except ValueError:
        return False
    return True
