"""Annotation by a vision-language model: several questions at once, every answer on the disk before the next."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from fakescan.core.records import Failure
from fakescan_trainer.data.annotations import Annotation, AnnotationFile, Task, prompt_of
from fakescan_trainer.data.endpoint import AskError, Endpoint, EndpointError, request_body
from fakescan_trainer.data.facts import Reencoder
from fakescan_trainer.data.interpretation import Outcome

_HOPELESS = 20
"""So many images in a row without a single answer end the run."""

_Running = Future[tuple[Annotation, EndpointError | None]]

Told = Callable[[int, int, Mapping[str, int]], None]
"""Called after each image with how many are done, how many there are, and how many of each status."""


@dataclass(frozen=True, slots=True)
class Annotated:
    """What came of a run."""

    counts: Mapping[str, int]
    """Images by status: ``ok``, ``undetermined``, ``contradicts``, ``error``; ``kept`` were done before."""
    dropped_attributes: Mapping[str, int]
    """Attribute names that are none of the label's five, and how often they were left out."""
    input_tokens: int
    """Tokens of the questions, as far as the endpoint says."""
    output_tokens: int
    """Tokens of the answers, as far as the endpoint says."""


class Tally:
    """Counts finished annotations."""

    def __init__(self) -> None:
        """Nothing is counted yet."""
        self.counts: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.input_tokens = self.output_tokens = 0

    def add(self, annotation: Annotation) -> None:
        """Count one.

        Args:
            annotation: with all its answers.
        """
        self.counts[annotation.status] += 1
        self.input_tokens += annotation.input_tokens
        self.output_tokens += annotation.output_tokens
        if annotation.read:
            self.dropped.update(annotation.read.dropped)

    def result(self) -> Annotated:
        """What came of it."""
        return Annotated(self.counts, self.dropped, self.input_tokens, self.output_tokens)


def annotate(
    annotations: Sequence[Annotation],
    endpoint: Endpoint,
    pictures: Reencoder,
    file: AnnotationFile,
    *,
    concurrency: int = 4,
    max_tokens: int = 500,
    told: Told | None = None,
) -> Annotated:
    """Ask everything that is open.

    Args:
        annotations: as ``begun`` makes them; those without an open task are only counted.
        endpoint: who is asked.
        pictures: makes the copies that are sent; no byte of a file itself is.
        file: where rows are written.
        concurrency: questions at once.
        max_tokens: most tokens of an answer.
        told: progress.

    Raises:
        EndpointError: no question can be answered; what was answered is in the file.
        DataError: the file cannot be written any more.
    """
    waiting = [annotation for annotation in annotations if annotation.open_tasks]
    tally = Tally()
    tally.counts["kept"] = len(annotations) - len(waiting)
    ended = threading.Event()

    def work(annotation: Annotation) -> tuple[Annotation, EndpointError | None]:
        return annotation, None if ended.is_set() else _ask(annotation, endpoint, pictures, max_tokens)

    left = iter(waiting)
    running: set[_Running] = set()
    in_vain = 0
    threads = ThreadPoolExecutor(concurrency)
    try:
        while True:
            # Never all at once: a hundred thousand images would wait as futures, each to be ended by hand.
            while len(running) < 2 * concurrency and (annotation := next(left, None)):
                running.add(threads.submit(work, annotation))
            if not running:
                return tally.result()
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                running.discard(future)
                done, fatal = future.result()
                file.add(done)
                tally.add(done)
                if told:
                    told(tally.counts.total() - tally.counts["kept"], len(waiting), tally.counts)
                if fatal is not None:
                    raise fatal
                in_vain = in_vain + 1 if done.open_tasks else 0
                if in_vain >= _HOPELESS:
                    why = done.faults[-1] if done.faults else "no reason given"
                    hint = "mend that; the same command goes on from here"
                    raise EndpointError(f"{in_vain} images in a row got no usable answer ({why})", hint)
    finally:
        ended.set()
        endpoint.stop()
        threads.shutdown(wait=True, cancel_futures=True)
        _keep(running, file)


def _keep(running: set[_Running], file: AnnotationFile) -> None:
    """What was answered while the run was ended is paid for: it is kept."""
    for future in running:
        if not future.cancelled() and future.exception() is None:
            annotation, _ = future.result()
            if annotation.caption or annotation.read:
                file.add(annotation)


def _ask(annotation: Annotation, endpoint: Endpoint, pictures: Reencoder, max_tokens: int) -> EndpointError | None:
    """Ask what is open about one image; what would end the run is returned, so that what was answered is not lost."""
    copy = pictures.jpeg(annotation.sample.image)
    for task in annotation.open_tasks:
        if isinstance(copy, Failure):
            annotation.fail(task, copy.message)
            continue
        body = request_body(endpoint.model, prompt_of(task, annotation.label), copy, max_tokens)
        try:
            reply = endpoint.ask(body)
        except AskError as fault:
            annotation.fail(task, str(fault))
            continue
        except EndpointError as fatal:
            annotation.fail(task, fatal.message)
            return fatal
        annotation.input_tokens += reply.input_tokens
        annotation.output_tokens += reply.output_tokens
        annotation.take(task, reply.content, reply.why)
    return None


def summary(done: Annotated) -> str:
    """What came of a run, in words.

    Args:
        done: its counts.
    """
    words = {
        "ok": "annotated", "kept": "done before", Outcome.UNDETERMINED.value: "could not be determined (filtered)",
        Outcome.CONTRADICTS.value: "called otherwise than their label (filtered)", "error": "without a usable answer",
    }  # fmt: skip
    told = [f"{done.counts[key]:,} {text}" for key, text in words.items() if done.counts.get(key)]
    return ", ".join(told) or "nothing to do"


def task_id(task: Task, annotation: Annotation) -> str:
    """Name of a question in a batch file.

    Args:
        task: what is asked.
        annotation: about which image.
    """
    return f"{task.value}:{annotation.label.value}:{annotation.sha256}"
