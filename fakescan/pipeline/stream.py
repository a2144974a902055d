"""Files in, results out: decoding runs ahead in threads, the line runs on this one."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing

from fakescan.core.records import ImageResult
from fakescan.core.views import Views
from fakescan.errors import ModelError
from fakescan.intake.found_files import AnyFound
from fakescan.observer import Observer
from fakescan.pipeline.line import Line
from fakescan.pipeline.lookahead import LookAhead
from fakescan.pipeline.sources import Reading
from fakescan.pipeline.waiting import pixels_of

Batches = Generator[list[ImageResult], None, None]
Results = Generator[ImageResult, None, None]

_MAX_PIXELS_AHEAD = 100_000_000
"""About 300 MB: with large pictures, fewer are decoded ahead."""


def batches(line: Line, reading: Reading, files: Iterable[AnyFound]) -> Batches:
    """Examine files, and judge them.

    Args:
        line: what judges.
        reading: what reads.
        files: taken one by one.

    Yields:
        Results as they are finished; they are in the line's journal.

    Raises:
        FakescanError: for a fault that would spoil every image.
    """
    ahead = LookAhead(
        reading.examine,
        workers=reading.workers,
        # One by one until the model is there and has said what it looks at: whole pictures are large.
        ahead=1,
        weigh=lambda examined: pixels_of(examined.image),
        max_weight=_MAX_PIXELS_AHEAD,
    )

    def suit_the_model() -> None:
        if line.batch_size:
            reading.keep(line.views)
            ahead.ahead = max(ahead.ahead, reading.workers + line.batch_size)

    def coming() -> Iterator[AnyFound]:
        for number, found in enumerate(files):
            if reading.drafts and number == 0:  # where there is no file, no model is needed
                line.prepare()
                reading.keep(_only_views(line.views))
                suit_the_model()
            yield found

    suit_the_model()
    with closing(ahead.results(coming())) as stream:
        for examined in stream:
            yield from line.feed(examined)
            suit_the_model()
    yield from line.finish()


def _only_views(views: Views | None) -> Views:
    """What the model looks at, if that can be had of a picture decoded at a reduced size.

    Args:
        views: the model's views; None: it wants the whole picture.

    Raises:
        ModelError: when it cannot.
    """
    if views is None or "native" in views.names:
        raise ModelError("this model looks at pictures in their full size", "leave out --draft")
    return views


class Progress:
    """Counts what is finished, and tells whoever watches."""

    def __init__(self, observer: Observer, total: int) -> None:
        """Begin at nothing.

        Args:
            observer: told.
            total: files of the scan.
        """
        self._observer = observer
        self._total = total
        self._done = 0

    def resumed(self, labels: Mapping[str, int]) -> None:
        """Files need not be examined.

        Args:
            labels: how many of them got each verdict.
        """
        self._done += sum(labels.values())
        self._observer.resumed(labels, self._done, self._total)

    def through(self, stream: Batches) -> Results:
        """Tell of each result, and pass it on.

        Args:
            stream: closed at the end, whoever stops.

        Yields:
            The results.
        """
        with closing(stream):
            for batch in stream:
                for result in batch:
                    self._done += 1
                    self._observer.result(result, self._done, self._total)
                    yield result
                self._observer.caught_up(self._done, self._total)
