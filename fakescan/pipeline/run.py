"""A whole run: from options to results, and to a finished scan in its run directory."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path

from fakescan.core.addresses import is_address, without_secrets
from fakescan.core.environment import environment
from fakescan.core.options import ScanOptions
from fakescan.core.records import SCHEMA_VERSION, Case, ImageResult, Scan
from fakescan.core.shards import is_left_to_others
from fakescan.core.views import Views
from fakescan.errors import InputError, ModelError
from fakescan.intake.found_files import AnyFound
from fakescan.observer import SILENT, Observer
from fakescan.pipeline.line import Line
from fakescan.pipeline.lookahead import LookAhead
from fakescan.pipeline.record import Record, now
from fakescan.pipeline.resume import still_to_do
from fakescan.pipeline.sources import Sources, open_sources
from fakescan.pipeline.waiting import pixels_of
from fakescan.protocols import Engine
from fakescan.store.cache import AnswerCache
from fakescan.store.journal import Journal
from fakescan.store.places import answers_file
from fakescan.store.run_dir import RunDir, find_run, fingerprint, make_run_dir
from fakescan.version import __version__

LoadEngine = Callable[[], Engine]
Results = Generator[ImageResult, None, None]

_MAX_PIXELS_AHEAD = 100_000_000
"""About 300 MB: with large pictures, fewer are decoded ahead."""


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A scan and where it lies."""

    scan: Scan
    """Everything that was found out."""
    run_dir: RunDir
    """Its journal and its JSON report."""


def results(options: ScanOptions, load_engine: LoadEngine, observer: Observer = SILENT) -> Iterator[ImageResult]:
    """Results as they are finished, which is nearly the order of paths; nothing is left on disk.

    Args:
        options: what to scan, and how.
        load_engine: loads the model; called when the first picture is there.
        observer: told what happens.

    Yields:
        One result for every image that was found.

    Raises:
        FakescanError: for a fault that would spoil every image, or when there is nothing to scan.
    """
    with open_sources(options) as sources, Journal(None) as journal:
        _announce(sources, options, observer)
        line = Line(options, _told(load_engine, options, observer), journal)
        yield from _through(line, sources, observer)


def run_scan(
    options: ScanOptions, load_engine: LoadEngine, observer: Observer = SILENT, *, command: str = "python"
) -> FinishedRun:
    """Scan everything; Ctrl-C ends it early and keeps what was done.

    Args:
        options: what to scan, and how.
        load_engine: loads the model; called when the first picture is there.
        observer: told what happens.
        command: the command as typed, without secrets.

    Returns:
        The scan, with ``interrupted`` set when Ctrl-C ended it. Its journal and JSON report are in the run directory.

    Raises:
        FakescanError: for a fault that would spoil every image, or when there is nothing to scan. What was done until
            then is in the journal.
    """
    with open_sources(options) as sources:
        _announce(sources, options, observer)
        blank = _blank_scan(options, sources, command)
        run, mark = _run_dir(options, blank, observer)
        opened = AnswerCache(answers_file()) if options.cache else nullcontext()
        with Journal(run.journal) as journal, opened as cache:
            record = Record(journal, blank, mark, run.path)
            line = Line(
                options,
                _told(load_engine, options, observer),
                journal,
                on_engine=record.model_is,
                cache=cache,
                reading=sources.reading,
            )
            scan = _scanned(line, sources, observer, record, journal)
            if cache is not None and cache.fault:
                observer.warned(f"the cache of earlier answers was not used: {cache.fault}")
        observer.finished(scan)
        run.write_report(scan)
    return FinishedRun(scan, run)


def _scanned(line: Line, sources: Sources, observer: Observer, record: Record, journal: Journal) -> Scan:
    try:
        with closing(_through(line, sources, observer, journal)) as stream:
            for _ in stream:
                pass  # they are in the journal, which holds as many as there are
    except KeyboardInterrupt:
        return record.interrupted(sources.paths)
    return record.finished(sources.paths)


def _through(line: Line, sources: Sources, observer: Observer, earlier: Journal | None = None) -> Results:
    """Decode ahead in threads, feed the line on this one. What the earlier journal holds is gone on with."""
    workers = sources.workers
    ahead = LookAhead(
        sources.examine,
        workers=workers,
        # One by one until the model is there and has said what it looks at: whole pictures are large.
        ahead=1,
        weigh=lambda examined: pixels_of(examined.image),
        max_weight=_MAX_PIXELS_AHEAD,
    )
    total, done = len(sources.files), 0

    def resumed(labels: Mapping[str, int]) -> None:
        nonlocal done
        done += sum(labels.values())
        observer.resumed(labels, done, total)

    def files() -> Iterable[AnyFound]:
        if sources.drafts:
            line.prepare()
            sources.keep(_only_views(line.views))
        if earlier is None or not earlier.has_done():
            return sources.files
        key = line.prepare()
        return still_to_do(sources.files, lambda: earlier.done(key), sources.stamp, resumed)

    def batches() -> Generator[list[ImageResult], None, None]:
        with closing(ahead.results(files())) as stream:
            for examined in stream:
                yield from line.feed(examined)
                if line.batch_size:
                    sources.keep(line.views)
                    ahead.ahead = max(ahead.ahead, workers + line.batch_size)
        yield from line.finish()

    with closing(batches()) as stream:
        for batch in stream:
            for result in batch:
                done += 1
                observer.result(result, done, total)
                yield result
            observer.caught_up(done, total)


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


def _announce(sources: Sources, options: ScanOptions, observer: Observer) -> None:
    observer.discovered(len(sources.files), len(sources.skipped))
    if sources.files or options.allow_empty or any(is_left_to_others(item.reason) for item in sources.skipped):
        return  # a part of a scan may be empty: it is merged with the others
    met = f"; {len(sources.skipped)} other files were met" if sources.skipped else ""
    if options.changed_since:
        hint = "add --allow-empty where a change without images is no fault"
        raise InputError(f"no image changed since {options.changed_since}{met}", hint)
    raise InputError(f"no images found{met}", "check the paths, --include and --exclude")


def _told(load_engine: LoadEngine, options: ScanOptions, observer: Observer) -> LoadEngine:
    def load() -> Engine:
        observer.loading_model(options.model or "the embedded model")
        engine = load_engine()
        observer.model_ready(engine.identity)
        return engine

    return load


def _blank_scan(options: ScanOptions, sources: Sources, command: str) -> Scan:
    started = now()
    return Scan(
        schema_version=SCHEMA_VERSION,
        tool_version=__version__,
        scan_id=secrets.token_hex(8),
        root=sources.root,
        command=command,
        started_at=started,
        finished_at=started,
        options=options.as_dict(),
        environment=environment(),
        model=None,
        calibration={},
        results=(),
        skipped=sources.skipped,
        case=Case(options.case or "", options.examiner or "", options.note or ""),
    )


def _absolute(path: str) -> str:
    return str(Path(path).absolute())


def _run_dir(options: ScanOptions, blank: Scan, observer: Observer) -> tuple[RunDir, str]:
    mark = fingerprint(
        {
            "paths": [without_secrets(path) if is_address(path) else _absolute(path) for path in options.paths],
            "include": options.include,
            "exclude": options.exclude,
            "model": options.model,
            "shard": options.shard,
        }
    )
    folder = Path(options.run_dir) if options.run_dir else None
    if options.resume and folder is None:
        earlier = find_run(mark)
        if earlier is None:
            observer.warned("no earlier run of these paths was found to go on with: starting anew")
        else:
            folder = earlier.path
    run = make_run_dir(folder, started_at=blank.started_at, scan_id=blank.scan_id, resume=options.resume)
    return run, mark
