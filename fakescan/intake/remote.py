"""Pictures that lie on other machines: ``s3://``, ``gs://``, ``hf://`` folders and files, ``http(s)://`` files.

fsspec and its file systems do the talking, with the credentials that they find where their own tools look for them.
What a report shows of an address never holds a name, password or signature, and no fault is told in a library's own
words, which may hold both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from fakescan.core.addresses import without_secrets
from fakescan.core.records import Failure, Skipped
from fakescan.errors import InputError
from fakescan.intake import identify
from fakescan.intake.ignore import IGNORE_FILE, Filters
from fakescan.intake.read import checked, too_large

SCHEMES: Mapping[str, str] = {
    "s3": "s3fs",
    "gs": "gcsfs",
    "hf": "huggingface_hub",
    "http": "aiohttp",
    "https": "aiohttp",
}
"""Schemes that are known, and the package that each needs."""
_LISTED = frozenset({"s3", "gs", "hf"})
"""Where folders can be listed."""
_CHUNK_BYTES = 1 << 20
_NO_IMAGE = "neither looks like nor is named like an image"


@dataclass(frozen=True, slots=True)
class RemoteFound:
    """A file to examine that lies elsewhere."""

    path: str
    """Path for reports: relative to the common address where it lies below it, else the address without secrets."""
    address: str = field(repr=False)
    """Where it lies, as its file system takes it; may hold secrets."""
    by_hand: bool = False
    """Whether it was named itself."""
    size_bytes: int | None = None
    """Its size as listed."""
    stamp: str = ""
    """What its file system says of this version of it; empty where that tells nothing."""
    failure: Failure | None = None
    """Why it cannot be had, where that is known already."""


def discover_remote(
    addresses: Sequence[str], *, include: Sequence[str] = (), exclude: Sequence[str] = (), root: str | None = None
) -> Iterator[RemoteFound | Skipped]:
    """Files at addresses and below them, in the order of their paths, each once.

    Args:
        addresses: as given.
        include: only files that match one of these patterns; empty: all.
        exclude: no files that match one of these patterns.
        root: address that paths are relative to; ``common_address`` of all when None.

    Yields:
        What to examine, and what is left alone and why. What cannot be listed is a file with a failure.

    Raises:
        InputError: for an unknown scheme, or a package that is not installed.
    """
    filters = Filters(include, exclude)
    base = common_address(addresses) if root is None else root
    met: dict[str, RemoteFound | Skipped] = {}
    for address in dict.fromkeys(addresses):
        for item in _at(address, base, filters):
            path = item.path
            earlier = met.get(path)
            if isinstance(item, RemoteFound) and isinstance(earlier, RemoteFound) and earlier.address != item.address:
                # Two addresses that differ in what is not shown: told apart by a digest of it.
                mark = hashlib.sha256(item.address.encode()).hexdigest()[:8]
                item = _renamed(item, f"{path}#{mark}")
            met.setdefault(item.path, item)
    yield from (met[path] for path in sorted(met))


def common_address(addresses: Sequence[str]) -> str:
    """The deepest folder that holds all addresses, without secrets; empty when they have none in common.

    Args:
        addresses: as given. The last part is a file's name where it has an image's suffix, and on the web always.
    """
    parts: list[list[str]] = []
    for address in addresses:
        scheme, rest = _shown(address).split("://", 1)
        names = [scheme, *rest.rstrip("/").split("/")]
        parts.append(names[:-1] if len(names) > 2 and _is_file(address) else names)
    common = parts[0]
    for names in parts[1:]:
        same = [one == other for one, other in zip(common, names, strict=False)]
        common = common[: same.index(False) if False in same else len(same)]
    return f"{common[0]}://{'/'.join(common[1:])}" if len(common) > 1 else ""


def read_remote(found: RemoteFound, limit_bytes: int) -> bytes | Failure:
    """All bytes of a file, or why they cannot be had.

    Args:
        found: the file.
        limit_bytes: larger files are not read, whatever size was promised.
    """
    if found.failure is not None:
        return found.failure
    if found.size_bytes is not None and found.size_bytes > limit_bytes:
        return too_large(limit_bytes)
    try:
        files, path = _file_system(found.address)
        parts, left = [], limit_bytes + 1
        # http: one stream; asking for ranges would need a second answer and a server that knows them.
        options = {"block_size": 0} if _scheme(found.address) in ("http", "https") else {}
        with files.open(path, "rb", **options) as stream:
            while left > 0 and (part := stream.read(min(left, _CHUNK_BYTES))):
                parts.append(part)
                left -= len(part)
        data = b"".join(parts)
    except InputError:
        raise
    except Exception as fault:  # whatever a file system raises: one file's fault is that file's
        return _failure(fault)
    if found.size_bytes is not None and len(data) < found.size_bytes:
        return Failure("read", "unreadable", "the file ended before its end", "scan it again")
    return checked(data, limit_bytes)


def _at(address: str, base: str, filters: Filters) -> Iterator[RemoteFound | Skipped]:
    scheme = _scheme(address)
    if scheme not in SCHEMES:
        known = ", ".join(f"{name}://" for name in SCHEMES)
        raise InputError(f"addresses that start with {ascii(scheme)[1:-1]}:// are not known", f"known are {known}")
    files, path = _file_system(address)
    shown = _relative(_shown(address), base)
    if scheme not in _LISTED:
        yield _given(RemoteFound(shown, address, by_hand=True), filters)
        return
    try:
        # Never from a list of before: what is gone must be seen to be gone.
        files.invalidate_cache()
        listed = files.find(path, detail=True)
    except Exception as fault:  # told as the failure of what was given
        yield RemoteFound(shown, address, by_hand=True, failure=_failure(fault, "listed"))
        return
    if not listed:
        gone = Failure("read", "no-such-file", "there is nothing at this address", "check the address")
        yield RemoteFound(shown, address, by_hand=True, failure=gone)
        return
    top = path.rstrip("/")
    for name, about in listed.items():
        by_hand = name.rstrip("/") == top
        own = f"{scheme}://{name.lstrip('/')}"
        yield from _listed(files, own, name, about, _relative(own, base), name[len(top) :], filters, by_hand=by_hand)


def _listed(
    files: Any, address: str, name: str, about: Mapping[str, Any], shown: str, below: str, filters: Filters, *,
    by_hand: bool,
) -> Iterator[RemoteFound | Skipped]:  # fmt: skip
    size = about.get("size")
    found = RemoteFound(shown, address, by_hand, size if isinstance(size, int) else None, _stamp(about))
    parts = PurePosixPath(below).parts
    if by_hand:
        yield _given(found, filters)
    elif name.endswith("/") and not size:
        return  # what some tools leave in the place of a folder
    elif PurePosixPath(name).name == IGNORE_FILE:
        yield Skipped(shown, "should say what to leave out, but is not read in remote folders: use --exclude")
    elif any(part.startswith(".") for part in parts):
        yield Skipped(shown, "hidden")
    elif (reason := filters.reason(shown)) is not None:
        yield Skipped(shown, reason)
    elif identify.named_like_an_image(PurePosixPath(name).name) or _looks_like_an_image(files, name):
        yield found
    else:
        yield Skipped(shown, _NO_IMAGE)


def _given(found: RemoteFound, filters: Filters) -> RemoteFound | Skipped:
    reason = filters.reason(found.path)
    return found if reason is None else Skipped(found.path, reason)


def _looks_like_an_image(files: Any, name: str) -> bool:
    try:
        with files.open(name, "rb", block_size=identify.HEAD_BYTES, cache_type="none") as stream:
            head = stream.read(identify.HEAD_BYTES)
    except Exception:  # it cannot be read, and nothing says that it is an image
        return False
    return identify.is_image(identify.sniff(head, PurePosixPath(name).name))


def _file_system(address: str) -> tuple[Any, str]:
    """The file system of an address, and its path in it.

    Raises:
        InputError: when its package is not installed.
    """
    try:
        from fsspec.core import url_to_fs

        files, path = url_to_fs(address)
    except (ImportError, ModuleNotFoundError):
        need = SCHEMES.get(_scheme(address), "fsspec")
        raise InputError(
            f"{_scheme(address)}:// addresses need the package {need}", "pip install 'fakescan-forensics[remote]'"
        ) from None
    except Exception as fault:
        raise InputError(
            f"{_scheme(address)}:// cannot be reached: {type(fault).__name__}", "check address and credentials"
        ) from None
    return files, str(path)


def _stamp(about: Mapping[str, Any]) -> str:
    """What tells one version of a file from another; size and time alone do not."""
    for name in ("ETag", "etag", "md5Hash", "blob_id"):
        if about.get(name):
            return f"{about.get('size')}:{about[name]}"
    return ""


def _failure(fault: Exception, done: str = "read") -> Failure:
    """A fault in our own words: those of libraries hold addresses, and addresses hold keys."""
    status = getattr(fault, "status", None)
    if isinstance(fault, FileNotFoundError) or status in (404, 410):
        return Failure("read", "no-such-file", "there is no such file any more", "check the address")
    if isinstance(fault, PermissionError) or status in (401, 403) or "Credentials" in type(fault).__name__:
        hint = "check the credentials and what they allow"
        return Failure("read", "permission-denied", f"no permission to have this {done}", hint)
    if isinstance(fault, TimeoutError):
        return Failure("read", "timeout", "the server did not answer in time", "scan it again")
    return Failure("read", "unreadable", f"it cannot be {done}: {type(fault).__name__}", "check address and network")


def _shown(address: str) -> str:
    return without_secrets(address).removesuffix("?[removed]")


def _relative(shown: str, base: str) -> str:
    if base and shown.rstrip("/") == base:
        return "."
    return shown.removeprefix(base + "/") if base and shown.startswith(base + "/") else shown


def _is_file(address: str) -> bool:
    return _scheme(address) not in _LISTED or identify.named_like_an_image(PurePosixPath(urlsplit(address).path).name)


def _renamed(found: RemoteFound, path: str) -> RemoteFound:
    return RemoteFound(path, found.address, found.by_hand, found.size_bytes, found.stamp, found.failure)


def _scheme(address: str) -> str:
    return address.partition("://")[0].lower()
