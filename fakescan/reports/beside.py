"""A folder beside a page: filled under another name, then put in place of an older one of the same report."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from fakescan.errors import ReportError
from fakescan.reports.escape import visible
from fakescan.store.atomic import reporting_faults

FILES_SUFFIX = "_files"
"""Added to the page's name without its suffix."""
SINGLE_FILE_IMAGES = 2_000
"""With more images the report becomes a page and a folder."""


def folder_of(target: Path, images: int, *, single_file: bool = False) -> Path | None:
    """The folder that is written beside a page; None where the page is one file.

    Args:
        target: where the page belongs.
        images: how many images it shows.
        single_file: whether it must be one file.
    """
    return None if single_file or images <= SINGLE_FILE_IMAGES else target.with_name(target.stem + FILES_SUFFIX)


class Beside:
    """Fills the folder of a page. Until ``put_in_place`` an older one stays as it was; without it nothing is left.

    Args:
        target: the page.
        marker: a file that every folder of a report has.
        marker_start: how that file begins.
    """

    def __init__(self, target: Path, *, marker: str, marker_start: str) -> None:
        self.path = target.with_name(target.stem + FILES_SUFFIX)
        """The folder."""
        self._target = target
        self._marker, self._marker_start = marker, marker_start
        self._partial: Path | None = None

    def __enter__(self) -> Self:
        """Make the folder that is filled."""
        self._check()
        with reporting_faults(self.path):
            self._partial = Path(tempfile.mkdtemp(prefix=".fakescan-", suffix=".part", dir=self._target.parent))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Throw away what was not put in place."""
        if self._partial is not None:
            shutil.rmtree(self._partial, ignore_errors=True)

    def add(self, name: str, content: bytes) -> None:
        """Write a file into the folder.

        Args:
            name: path below the folder.
            content: its bytes.
        """
        assert self._partial is not None  # noqa: S101 (a context manager that was not entered)
        place = self._partial / name
        with reporting_faults(self.path):
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)

    def put_in_place(self) -> None:
        """Put the folder where it belongs; an older one of a report goes away."""
        assert self._partial is not None  # noqa: S101 (as above)
        self._check()
        with reporting_faults(self.path):
            old = self._partial.with_name(self._partial.name + ".old")
            if self.path.exists():
                self.path.rename(old)
            self._partial.chmod(0o755)
            self._partial.rename(self.path)
            shutil.rmtree(old, ignore_errors=True)

    def _check(self) -> None:
        """Nothing is ever replaced but the folder of an earlier report."""
        if not self.path.exists() and not self.path.is_symlink():
            return
        marker = self.path / self._marker
        try:
            with marker.open("r", encoding="utf-8", errors="replace") as file:
                known = file.read(len(self._marker_start)) == self._marker_start
        except OSError:
            known = False
        if not known or self.path.is_symlink():
            raise ReportError(
                f"{visible(str(self.path))} exists and is no folder of a report",
                "choose another name for the report, or write it with --single-file",
            )
