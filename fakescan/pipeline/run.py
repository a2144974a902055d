"""A whole run: from options to results, and to a finished scan in its run directory."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fakescan.core.addresses import is_address, without_secrets
from fakescan.core.environment import environment
from fakescan.core.options import ScanOptions
from fakescan.core.records import SCHEMA_VERSION, Case, ImageResult, Scan
from fakescan.core.shards import is_left_to_others
from fakescan.errors import InputError
from fakescan.intake.found_files import AnyFound
from fakescan.observer import SILENT, Observer
from fakescan.pipeline.crew import Crew, CrewRun
from fakescan.pipeline.line import Line
from fakescan.pipeline.part import Ready
from fakescan.pipeline.record import Record, now
from fakescan.pipeline.resume import still_to_do
from fakescan.pipeline.sources import Sources, open_sources
from fakescan.pipeline.stream import Progress, Results, batches
from fakescan.protocols import Engine
from fakescan.store.cache import AnswerCache
from fakescan.store.journal import Journal
from fakescan.store.places import answers_file
from fakescan.store.run_dir import RunDir, find_run, fingerprint, make_run_dir
from fakescan.version import __version__

LoadEngine = Callable[[], Engine]
_Work = Callable[[Sources], Results]

_EMBEDDED = "the embedded model"


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A scan and where it lies."""

    scan: Scan
    """Everything that was found out."""
    run_dir: RunDir
    """Its journal and its JSON report."""


def results(
    options: ScanOptions, load_engine: LoadEngine, observer: Observer = SILENT, *, crew: Crew | None = None
) -> Iterator[ImageResult]:
    """Results as they are finished, which is nearly the order of paths; nothing is left on disk.

    Args:
        options: what to scan, and how.
        load_engine: loads the model; called when the first picture is there.
        observer: told what happens.
        crew: workers that scan instead of this process, each with an engine of its own; results then come in any order.

    Yields:
        One result for every image that was found.

    Raises:
        FakescanError: for a fault that would spoil every image, or when there is nothing to scan.
    """
    with open_sources(options) as sources, Journal(None) as journal:
        _announce(sources, options, observer)
        if crew is not None:
            yield from _by_crew(crew, sources, observer, journal, model=options.model)
        else:
            line = Line(options, _told(load_engine, options, observer), journal)
            yield from _through(line, sources, observer)


def run_scan(
    options: ScanOptions,
    load_engine: LoadEngine,
    observer: Observer = SILENT,
    *,
    command: str = "python",
    crew: Crew | None = None,
) -> FinishedRun:
    """Scan everything; Ctrl-C ends it early and keeps what was done.

    Args:
        options: what to scan, and how.
        load_engine: loads the model; called when the first picture is there.
        observer: told what happens.
        command: the command as typed, without secrets.
        crew: workers that scan instead of this process, each with an engine of its own.

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
        # Workers have the cache of their own machine.
        opened = AnswerCache(answers_file()) if options.cache and crew is None else nullcontext()
        with Journal(run.journal) as journal, opened as cache:
            record = Record(journal, blank, mark, run.path)

            def work(found: Sources) -> Results:
                if crew is not None:
                    noted = partial(_note, record)
                    return _by_crew(crew, found, observer, journal, model=options.model, on_ready=noted, earlier=True)
                line = Line(
                    options,
                    _told(load_engine, options, observer),
                    journal,
                    on_engine=record.model_is,
                    cache=cache,
                    reading=found.reading.depends_on,
                )
                return _through(line, found, observer, journal)

            scan = _scanned(work, sources, record)
            if cache is not None and cache.fault:
                observer.warned(f"the cache of earlier answers was not used: {cache.fault}")
        observer.finished(scan)
        run.write_report(scan)
    return FinishedRun(scan, run)


def _scanned(work: _Work, sources: Sources, record: Record) -> Scan:
    try:
        with closing(work(sources)) as stream:
            for _ in stream:
                pass  # they are in the journal, which holds as many as there are
    except KeyboardInterrupt:
        return record.interrupted(sources.paths)
    return record.finished(sources.paths)


def _through(line: Line, sources: Sources, observer: Observer, earlier: Journal | None = None) -> Results:
    """By one engine, in this process. What the earlier journal holds is gone on with."""
    progress = Progress(observer, len(sources.files))
    files: Iterable[AnyFound] = sources.files
    if earlier is not None and earlier.has_done():
        files = _left(sources, earlier, line.prepare(), progress)
    yield from progress.through(batches(line, sources.reading, files))


def _by_crew(
    crew: Crew,
    sources: Sources,
    observer: Observer,
    journal: Journal,
    *,
    model: str | None,
    on_ready: Callable[[Ready], None] = lambda ready: None,
    earlier: bool = False,
) -> Results:
    """By several workers. What the journal holds already is gone on with where that is asked for."""
    progress = Progress(observer, len(sources.files))

    def files(row_key: str) -> Iterable[AnyFound]:
        goes_on = earlier and journal.has_done()
        return _left(sources, journal, row_key, progress) if goes_on else sources.files

    def ready(first: Ready) -> None:
        observer.model_ready(first.identity)
        on_ready(first)

    if not sources.files:
        return
    observer.loading_model(model or _EMBEDDED)
    with crew() as makers:
        run = CrewRun(
            makers,
            files,
            len(sources.files),
            journal,
            stamp=sources.reading.stamp,
            on_ready=ready,
            warn=observer.warned,
        )
        yield from progress.through(run.batches())


def _note(record: Record, first: Ready) -> None:
    record.model_is(first, first.key, first.row_key)


def _left(sources: Sources, earlier: Journal, row_key: str, progress: Progress) -> Iterable[AnyFound]:
    return still_to_do(sources.files, lambda: earlier.done(row_key), sources.reading.stamp, progress.resumed)


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
        observer.loading_model(options.model or _EMBEDDED)
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
