"""Files of OpenAI's Batch API: questions written for an upload, answers read after the download.

Nothing is sent from here. The authors' own batch files, whose ``custom_id`` is the image's path, are read as answers
about attributes.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from fakescan.core.records import Failure
from fakescan.errors import DataError
from fakescan_trainer.data.annotate import Annotated, Tally, task_id
from fakescan_trainer.data.annotations import Annotation, AnnotationFile, Task, prompt_of
from fakescan_trainer.data.endpoint import reply_of, request_body
from fakescan_trainer.data.facts import Reencoder

MOST_REQUESTS = 50_000
MOST_BYTES = 95_000_000
"""The API's own limits are 50,000 requests and 200 MB (100 MB at the paper's time) a file."""
NAME = "batchinput-{:05d}.jsonl"


def write_requests(
    annotations: Iterable[Annotation],
    pictures: Reencoder,
    folder: Path,
    *,
    model: str,
    max_tokens: int,
    most_requests: int = MOST_REQUESTS,
    most_bytes: int = MOST_BYTES,
) -> tuple[list[Path], int, list[tuple[str, str]]]:
    """Write what is open as files of requests.

    Args:
        annotations: as ``begun`` makes them.
        pictures: makes the copies that will be sent.
        folder: must be new or empty.
        model: its name at the endpoint.
        max_tokens: most tokens of an answer.
        most_requests: of a file.
        most_bytes: of a file.

    Returns:
        The files, how many requests they hold, and the images that could not be opened with the reason.

    Raises:
        DataError: the folder holds something, or cannot be written.
    """
    files: list[Path] = []
    failed: list[tuple[str, str]] = []
    requests = lines = size = 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise DataError(f"{folder} is not empty", "give a new folder")
        for line in _lines(annotations, pictures, model, max_tokens, failed):
            if not files or lines >= most_requests or size + len(line) > most_bytes:
                files.append(folder / NAME.format(len(files)))
                lines = size = 0
            with files[-1].open("ab") as out:
                out.write(line)
            lines, size, requests = lines + 1, size + len(line), requests + 1
    except OSError as fault:
        raise DataError(f"cannot write {folder}: {fault.strerror or fault}", "give another folder") from fault
    return files, requests, failed


def read_results(
    annotations: Sequence[Annotation], paths: Iterable[Path], file: AnnotationFile
) -> tuple[Annotated, int]:
    """Read downloaded answers and write annotations.

    Args:
        annotations: as ``begun`` makes them.
        paths: files of answers, and of errors.
        file: where rows are written; images without any answer get none.

    Returns:
        What came of it, and how many lines are about no image of the set.

    Raises:
        DataError: a file cannot be read.
    """
    by_id: dict[str, list[tuple[Task, Annotation]]] = defaultdict(list)
    for annotation in annotations:
        for task in annotation.open_tasks:
            by_id[task_id(task, annotation)].append((task, annotation))
            if task is Task.ATTRIBUTES:
                by_id[annotation.sample.image].append((task, annotation))
    tally = Tally()
    answered: dict[int, Annotation] = {}
    unknown = 0
    for row in _rows(paths):
        wanted = by_id.get(str(row.get("custom_id")), [])
        unknown += not wanted
        for task, annotation in wanted:
            _take(annotation, task, row)
            answered[id(annotation)] = annotation
    tally.counts["kept"] = sum(
        not annotation.open_tasks for annotation in annotations if id(annotation) not in answered
    )
    for annotation in answered.values():
        file.add(annotation)
        tally.add(annotation)
    return tally.result(), unknown


def _lines(
    annotations: Iterable[Annotation], pictures: Reencoder, model: str, max_tokens: int, failed: list[tuple[str, str]]
) -> Iterator[bytes]:
    written = set()
    for annotation in annotations:
        tasks = [task for task in annotation.open_tasks if task_id(task, annotation) not in written]
        copy = pictures.jpeg(annotation.sample.image) if tasks else b""
        if isinstance(copy, Failure):
            failed.append((annotation.sample.image, copy.message))
            continue
        for task in tasks:
            name = task_id(task, annotation)
            written.add(name)
            body = request_body(model, prompt_of(task, annotation.label), copy, max_tokens)
            request = {"custom_id": name, "method": "POST", "url": "/v1/chat/completions", "body": body}
            yield json.dumps(request).encode("ascii") + b"\n"


def _rows(paths: Iterable[Path]) -> Iterator[dict[str, Any]]:
    for path in paths:
        try:
            with path.open(encoding="utf-8") as lines:
                for number, line in enumerate(lines, 1):
                    if line.strip():
                        row = json.loads(line)
                        if not isinstance(row, dict):
                            raise ValueError(f"line {number} is no object")
                        yield row
        except (OSError, ValueError, RecursionError) as fault:
            raise DataError(f"cannot read {path}: {fault}", "download it again") from fault


def _take(annotation: Annotation, task: Task, row: dict[str, Any]) -> None:
    response = row.get("response")
    error = row.get("error")
    if error or not isinstance(response, dict) or response.get("status_code", 200) != 200:
        status = response.get("status_code") if isinstance(response, dict) else None
        annotation.fail(
            task, f"the batch could not answer (status {status})" if status else "the batch could not answer"
        )
        return
    try:
        reply = reply_of(response.get("body"))
    except ValueError as fault:
        annotation.fail(task, str(fault))
        return
    annotation.input_tokens += reply.input_tokens
    annotation.output_tokens += reply.output_tokens
    annotation.take(task, reply.content, reply.why)
