"""Archives that a set is handed out in: split tar files, joined while they are read, unpacked into plain files only.

A tar file may name any place on the disk, links, devices and pipes. Nothing of that is a picture, so an archive that
holds any of it is refused as a whole, and what was unpacked of it is removed.
"""

from __future__ import annotations

import io
import re
import shutil
import tarfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

from fakescan.errors import DataError
from fakescan_trainer.data.places import relative_path

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_PART = re.compile(
    r"(?P<base>.+\.tar(?:\.(?:gz|xz|bz2))?)(?:[._-]?(?:part)?[._-]?(?P<tail>[a-z]{2,4}|\d{1,6}))?", re.IGNORECASE
)
_CHUNK_BYTES = 1 << 20
_MOST_TIMES = 20
"""Pictures hardly shrink: an archive that unpacks to more than this many times its own size is a bomb."""
_SPARE_BYTES = 10_000_000
_RESERVED = frozenset({"con", "prn", "aux", "nul", *(f"{name}{n}" for name in ("com", "lpt") for n in range(1, 10))})


def archives_in(folder: Path) -> dict[Path, list[Path]]:
    """Archives below a folder: path of the whole to its parts in order. Links are not followed.

    Args:
        folder: where to look.

    Raises:
        DataError: a part is missing in a row.
    """
    groups: dict[Path, list[tuple[str, Path]]] = defaultdict(list)
    for path in sorted(folder.rglob("*")):
        match = _PART.fullmatch(path.name)
        if match and path.is_file() and not path.is_symlink():
            groups[path.with_name(match["base"])].append(((match["tail"] or "").lower(), path))
    return {whole: _in_order(whole, parts) for whole, parts in groups.items()}


def unpack(parts: Sequence[Path], folder: Path, told: Callable[[str], None] | None = None) -> int:
    """Unpack one archive.

    Args:
        parts: its parts in order.
        folder: where to; it and its content are not removed when this fails, the caller does that.
        told: called with the name of each file.

    Returns:
        How many files it held.

    Raises:
        DataError: it is damaged, or holds something that is no plain file inside the folder.
    """
    left = sum(part.stat().st_size for part in parts) * _MOST_TIMES + _SPARE_BYTES
    files = 0
    name = parts[0].name
    try:
        with io.BufferedReader(_Joined(parts), _CHUNK_BYTES) as stream, tarfile.open(fileobj=stream, mode="r|*") as tar:
            for member in tar:
                target = folder / _safe_name(member, name)
                if member.isdir():
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                left -= member.size
                if left < 0:
                    raise DataError(f"{name} unpacks to far more than its own size", "do not trust this archive")
                content = tar.extractfile(member)
                if content is None:
                    raise DataError(f"{name}: {member.name!r} has no content", "download it again")
                _write(target, content, member, name)
                files += 1
                if told:
                    told(member.name)
    except (tarfile.TarError, EOFError, OSError, ValueError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) and fault.strerror else str(fault)
        raise DataError(f"{name} cannot be unpacked: {reason}", "check that all parts are there and whole") from fault
    return files


def copy_plain_files(source: Path, target: Path, leave_out: Iterable[Path]) -> int:
    """Copy what lies beside the archives: regular files, no links.

    Args:
        source: folder to copy from.
        target: folder to copy to.
        leave_out: files that are not copied.

    Returns:
        How many files were copied.

    Raises:
        DataError: a file is also in an archive.
    """
    left_out = set(leave_out)
    copied = 0
    for path in sorted(source.rglob("*")):
        if path in left_out or path.is_symlink() or not path.is_file():
            continue
        place = target / path.relative_to(source)
        if place.exists():
            raise DataError(f"{path.name} lies beside an archive that holds it too", "remove one of them")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
        copied += 1
    return copied


def _safe_name(member: tarfile.TarInfo, archive: str) -> str:
    hint = "do not trust this archive"
    if not (member.isdir() or (member.isreg() and not member.issparse())):
        raise DataError(f"{archive} holds {member.name!r}, which is a link, a device or a pipe", hint)
    try:
        name = relative_path(member.name)
    except ValueError:
        raise DataError(f"{archive} holds {member.name!r}, which would lie outside of the folder", hint) from None
    for part in name.split("/"):
        if part.split(".")[0].lower() in _RESERVED or not part.isprintable() or set('\\:*?"<>|') & set(part):
            raise DataError(f"{archive} holds {member.name!r}, a name that not every system can have", hint)
    return name


def _write(target: Path, content: IO[bytes], member: tarfile.TarInfo, archive: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with target.open("xb") as out:
            shutil.copyfileobj(content, out, _CHUNK_BYTES)
    except FileExistsError:
        raise DataError(f"{archive} holds {member.name!r} twice, or another archive does", "remove one") from None
    if target.stat().st_size != member.size:
        raise DataError(f"{archive} ends in the middle of {member.name!r}", "check that all parts are there and whole")


def _in_order(whole: Path, parts: list[tuple[str, Path]]) -> list[Path]:
    """Parts by their number; a missing one is told, because what follows it would be taken for nothing."""
    if len(parts) == 1 and not parts[0][0]:
        return [parts[0][1]]
    if any(not tail for tail, _ in parts):
        raise DataError(f"{whole.name} lies beside parts of itself", "remove either the whole or the parts")
    numbered = sorted((_number(tail), path) for tail, path in parts)
    first = numbered[0][0]
    numbers = [number for number, _ in numbered]
    letters = parts[0][0].isalpha()
    if first > (0 if letters else 1) or numbers != list(range(first, first + len(numbers))):
        present = ", ".join(path.name for _, path in numbered[:8])
        raise DataError(f"parts of {whole.name} are missing or double; there are: {present}", "download all parts")
    return [path for _, path in numbered]


def _number(tail: str) -> int:
    if tail.isdigit():
        return int(tail)
    value = 0
    for char in tail:
        value = value * 26 + ord(char) - ord("a")
    return value


class _Joined(io.RawIOBase):
    """Several files read as one, without a copy of them."""

    def __init__(self, parts: Sequence[Path]) -> None:
        super().__init__()
        self._left = list(parts)
        self._open: IO[bytes] | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        while True:
            if self._open is None:
                if not self._left:
                    return 0
                self._open = self._left.pop(0).open("rb")
            data = self._open.read(len(view))
            if data:
                view[: len(data)] = data
                return len(data)
            self._open.close()
            self._open = None

    def close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None
        super().close()
