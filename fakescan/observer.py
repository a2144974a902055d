"""What a run tells whoever watches. There is no terminal in here; the base class watches in silence."""

from __future__ import annotations

from collections.abc import Mapping

from fakescan.core.records import ImageResult, ModelIdentity, Scan


class Observer:
    """Every method is empty: override what you want to hear. Called from the thread that runs the scan."""

    def discovered(self, files: int, skipped: int) -> None:
        """The walk has ended.

        Args:
            files: how many files will be examined.
            skipped: how many were met and left alone.
        """

    def loading_model(self, name: str) -> None:
        """The first picture was decoded, and the model is being loaded, which takes seconds to minutes.

        Args:
            name: the model as asked for.
        """

    def model_ready(self, model: ModelIdentity) -> None:
        """The model is loaded.

        Args:
            model: which, and how it is run.
        """

    def result(self, result: ImageResult, done: int, total: int) -> None:
        """A file is finished.

        Args:
            result: its verdict, or why there is none.
            done: files finished so far, this one included.
            total: files of the scan.
        """

    def resumed(self, labels: Mapping[str, int], done: int, total: int) -> None:
        """Files have their result from the run that is gone on with, and were not touched since.

        Args:
            labels: how many of them got each verdict.
            done: files finished so far, these included.
            total: files of the scan.
        """

    def caught_up(self, done: int, total: int) -> None:
        """Everything that is known so far was told: results come in batches, and the next one takes its time.

        Args:
            done: files finished so far.
            total: files of the scan.
        """

    def warned(self, text: str) -> None:
        """Something that the user should know while the scan goes on.

        Args:
            text: one line.
        """

    def finished(self, scan: Scan) -> None:
        """The scan has ended or was interrupted; reports are yet to be written.

        Args:
            scan: everything.
        """


SILENT = Observer()
"""Watches in silence."""
