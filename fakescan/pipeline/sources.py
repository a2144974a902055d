"""What is scanned, and how a file is examined: the only place of the pipeline that knows intake and evidence."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from fakescan.core.addresses import is_address
from fakescan.core.options import ScanOptions
from fakescan.core.records import Failure, ImageRecord, Skipped, SourceFile
from fakescan.core.shards import left_to_others
from fakescan.core.views import Views
from fakescan.errors import FakescanError, InputError
from fakescan.evidence import READERS, readers_with
from fakescan.evidence.trust import chosen, load
from fakescan.intake.discover import Found, common_root, discover
from fakescan.intake.examine import Examined
from fakescan.intake.found_files import AnyFound, FoundFiles
from fakescan.intake.git_changes import changed_since
from fakescan.intake.limits import Limits
from fakescan.intake.pool import DecodePool
from fakescan.intake.prepare import Wanted, prepare
from fakescan.intake.remote import RemoteFound, common_address, discover_remote, read_remote
from fakescan.intake.stamp import stamp_of
from fakescan.pipeline.shards import is_in_shard

_MAX_WORKERS = 4
"""More processes than this decode faster than any model of ours judges."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How files are read."""

    workers: int
    """How many files can be examined at once."""
    examine: Callable[[AnyFound], Examined]
    """Everything about a file but the model's answer; safe to call from several threads."""
    keep: Callable[[Views | None], None]
    """Told what the model looks at of each picture, so that nothing else is carried and held; None: all of it."""
    stamp: Callable[[AnyFound], str]
    """What is said of a file where it lies, without reading it; empty where that tells nothing."""
    drafts: bool
    """Whether pictures are decoded for what the model looks at: it has to be known before the first one."""
    depends_on: Mapping[str, str]
    """What the reading of files depends on, by name."""


@dataclass(frozen=True, slots=True)
class Sources:
    """The files of a scan."""

    root: str
    """Folder that paths are relative to."""
    files: FoundFiles
    """What will be examined, in the order of paths."""
    skipped: tuple[Skipped, ...]
    """What was met and left alone, in the order of paths."""
    reading: Reading
    """How they are read."""

    @property
    def paths(self) -> Iterator[str]:
        """The files' paths as reports show them, in order."""
        return self.files.paths()


@contextmanager
def open_sources(options: ScanOptions) -> Iterator[Sources]:
    """Find the files, and keep what reads them.

    Args:
        options: paths, filters and limits.

    Raises:
        InputError: when a pattern means nothing, the trust list cannot be used, git does not know the revision of
            ``changed_since``, or remote folders need a package that is not installed.
    """
    remote = [path for path in options.paths if is_address(path)]
    local = [path for path in options.paths if not is_address(path)]
    if remote and options.changed_since:
        raise InputError("git knows nothing of remote folders", "leave out --changed-since")
    changed = changed_since(options.changed_since, common_root(local)) if options.changed_since else None
    skipped: list[Skipped] = []
    root = common_address(remote) if remote and not local else str(common_root(local))

    def chosen_files() -> Iterator[AnyFound]:
        count = 0
        for item in _found(options, local, remote, root):
            if isinstance(item, Skipped):
                skipped.append(item)
            elif isinstance(item, Found) and changed is not None and not _is_among(item, changed):
                skipped.append(Skipped(item.path, f"not changed in git since {options.changed_since}"))
            elif options.limit is not None and count >= options.limit:
                skipped.append(Skipped(item.path, f"beyond --limit {options.limit}"))
            else:
                count += 1
                if options.shard is not None and not is_in_shard(item.path, options.shard):
                    skipped.append(Skipped(item.path, left_to_others(options.shard)))
                else:
                    yield item

    files = FoundFiles(chosen_files(), root)
    with open_reading(options) as reading:
        yield Sources(root, files, tuple(sorted(skipped, key=lambda item: item.path)), reading)


@contextmanager
def open_reading(options: ScanOptions) -> Iterator[Reading]:
    """Keep decoding processes while files are examined; none is started before the first file.

    Args:
        options: limits, and what is wanted of each picture.

    Raises:
        InputError: when the trust list cannot be used.
    """
    workers = options.workers or min(_MAX_WORKERS, os.cpu_count() or 1)
    readers = readers_with(options.trust_list)
    limits = Limits(options.max_file_bytes, options.max_pixels, draft=options.draft, timeout_s=options.file_timeout_s)
    wanted, seen = wanted_by(options), _Seen()
    with DecodePool(workers, limits, readers) as pool:

        def keep(views: Views | None) -> None:
            if wanted:  # checks need whole pictures: they are cut down to views here, in the thread that asked
                seen.views = views
            else:
                pool.views = views

        yield Reading(
            workers=workers,
            examine=lambda found: _examined(pool, found, limits, wanted, seen.views),
            keep=keep,
            stamp=_stamp,
            drafts=options.draft,
            depends_on={
                "limits": str(sorted(asdict(limits).items())),
                "readers": str(list(READERS.items())),
                "trust": load(chosen(options.trust_list)).digest,
            },
        )


def _is_among(found: Found, changed: Collection[Path]) -> bool:
    return Path(os.path.realpath(found.absolute)) in changed


def wanted_by(options: ScanOptions) -> Wanted:
    """What the checks that were asked for need of each picture.

    Args:
        options: what was asked for.
    """
    return Wanted(options.stability, options.audit)


@dataclass(slots=True)
class _Seen:
    """What the model looks at, once it has said so."""

    views: Views | None = None


def _found(options: ScanOptions, local: list[str], remote: list[str], root: str) -> Iterator[AnyFound | Skipped]:
    """Everything that lies on this machine, then everything that lies elsewhere."""
    include, exclude = options.include, options.exclude
    if local:
        yield from discover(local, include=include, exclude=exclude, follow_links=options.follow_links)
    if remote:
        yield from discover_remote(remote, include=include, exclude=exclude, root="" if local else root)


def _read(pool: DecodePool, found: AnyFound, limits: Limits) -> Examined:
    """A file, wherever it lies."""
    if not isinstance(found, RemoteFound):
        return pool.examine(found)
    data = read_remote(found, limits.max_file_bytes)
    if isinstance(data, Failure):
        return Examined(ImageRecord(SourceFile(found.path, found.size_bytes or 0, "", None)), failure=data)
    return pool.examine_bytes(data, found.path)


def _stamp(found: AnyFound) -> str:
    return found.stamp if isinstance(found, RemoteFound) else stamp_of(found.absolute)


def _examined(pool: DecodePool, found: AnyFound, limits: Limits, wanted: Wanted, views: Views | None) -> Examined:
    """A fault of ours over one file costs that file, not the scan."""
    try:
        stamp = _stamp(found)
        examined = replace(_read(pool, found, limits), stamp=stamp)
        if not wanted or views is None or examined.image is None:
            return examined
        image, prepared = prepare(examined.image, wanted, views)
        return replace(examined, image=image, prepared=prepared)
    except FakescanError:
        raise
    except Exception as fault:
        failure = Failure(
            "read",
            "internal-error",
            f"fakescan failed over this file: {type(fault).__name__}",
            "report this file as a fault of fakescan",
        )
        return Examined(ImageRecord(SourceFile(found.path, 0, "", None)), failure=failure)
