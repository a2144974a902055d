"""What is scanned, and how a file is examined: the only place of the pipeline that knows intake and evidence."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from fakescan.core.options import ScanOptions
from fakescan.core.records import Failure, ImageRecord, Skipped, SourceFile
from fakescan.core.views import Views
from fakescan.errors import FakescanError
from fakescan.evidence import readers_with
from fakescan.intake.discover import Found, common_root, discover
from fakescan.intake.examine import Examined
from fakescan.intake.git_changes import changed_since
from fakescan.intake.limits import Limits
from fakescan.intake.pool import DecodePool
from fakescan.intake.prepare import Wanted, prepare

_MAX_WORKERS = 4
"""More processes than this decode faster than any model of ours judges."""


@dataclass(frozen=True, slots=True)
class Sources:
    """The files of a scan."""

    root: str
    """Folder that paths are relative to."""
    files: tuple[Found, ...]
    """What will be examined, in the order of paths."""
    skipped: tuple[Skipped, ...]
    """What was met and left alone, in the order of paths."""
    workers: int
    """How many files can be examined at once."""
    examine: Callable[[Found], Examined]
    """Everything about a file but the model's answer; safe to call from several threads."""
    keep: Callable[[Views | None], None]
    """Told what the model looks at of each picture, so that nothing else is carried and held; None: all of it."""

    @property
    def paths(self) -> tuple[str, ...]:
        """The files' paths as reports show them."""
        return tuple(found.path for found in self.files)


@contextmanager
def open_sources(options: ScanOptions) -> Iterator[Sources]:
    """Find the files, and keep decoding processes while they are examined.

    Args:
        options: paths, filters and limits.

    Raises:
        InputError: when a pattern means nothing, the trust list cannot be used, or git does not know the revision of
            ``changed_since``.
    """
    changed = changed_since(options.changed_since, common_root(options.paths)) if options.changed_since else None
    files: list[Found] = []
    skipped: list[Skipped] = []
    found = discover(options.paths, include=options.include, exclude=options.exclude, follow_links=options.follow_links)
    for item in found:
        if isinstance(item, Skipped):
            skipped.append(item)
        elif changed is not None and Path(os.path.realpath(item.absolute)) not in changed:
            skipped.append(Skipped(item.path, f"not changed in git since {options.changed_since}"))
        elif options.limit is not None and len(files) >= options.limit:
            skipped.append(Skipped(item.path, f"beyond --limit {options.limit}"))
        else:
            files.append(item)
    workers = options.workers or min(_MAX_WORKERS, os.cpu_count() or 1)
    readers = readers_with(options.trust_list)
    limits = Limits(options.max_file_bytes, options.max_pixels, timeout_s=options.file_timeout_s)
    wanted, seen = wanted_by(options), _Seen()
    with DecodePool(workers, limits, readers) as pool:

        def keep(views: Views | None) -> None:
            if wanted:  # checks need whole pictures: they are cut down to views here, in the thread that asked
                seen.views = views
            else:
                pool.views = views

        yield Sources(
            root=str(common_root(options.paths)),
            files=tuple(sorted(files, key=lambda found: found.path)),
            skipped=tuple(sorted(skipped, key=lambda item: item.path)),
            workers=workers,
            examine=lambda found: _examined(pool, found, wanted, seen.views),
            keep=keep,
        )


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


def _examined(pool: DecodePool, found: Found, wanted: Wanted, views: Views | None) -> Examined:
    """A fault of ours over one file costs that file, not the scan."""
    try:
        examined = pool.examine(found)
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
