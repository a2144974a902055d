"""Where answers come from: a scan (of now or of an earlier report), or a list of scores of any other detector."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import file_digest
from io import StringIO
from pathlib import Path

from fakescan.core.records import Assessed, ImageResult, Label, Scan, ScoreKind
from fakescan.errors import DataError
from fakescan_trainer.evaluate.samples import Answer, Sample
from fakescan_trainer.evaluate.sides import refuses, side_of

GENERAL_ENGINES = ("transformers", "openai")
"""Engines whose models were not trained by this method, and may give no probability."""

REFUSED = "refused"
"""The model declined to answer."""
NO_SCORE = "no-score"
"""The detector gave no number."""
UNPARSABLE = "unparsable"
"""The text has no conclusion that the deciding score could be read at."""


@dataclass(frozen=True, slots=True)
class Joined:
    """Answers to the images of a test set."""

    answers: tuple[Answer, ...]
    """In the order of the test set."""
    absent: int
    """Images of the test set that nothing is known about: they are in no figure."""
    unused: int
    """Lines or results that belong to no image of the test set."""
    probabilities: bool = True
    """Whether scores are probabilities."""
    by_text: bool = False
    """Whether answers were judged by their words alone: scores are then 0 or 1."""


def from_scan(samples: Sequence[Sample], scan: Scan) -> Joined:
    """Find each image's result: by its place, else by the digest of its bytes.

    Args:
        samples: the test set.
        scan: results; its paths may start where the images lay at that time.

    Raises:
        DataError: no image of the test set was scanned.
    """
    by_place = {_place(Path(scan.root) / result.record.file.path): result for result in scan.results}
    by_digest: dict[str, ImageResult] = {}
    for result in scan.results:
        if result.record.file.sha256:
            by_digest.setdefault(result.record.file.sha256, result)
    wanted, by_text = _wanted_score(scan), _text_alone(scan)
    answers: list[Answer] = []
    used: set[str] = set()
    for sample in samples:
        found = by_place.get(_place(sample.file))
        if found is None or (sample.sha256 and found.record.file.sha256 not in ("", sample.sha256)):
            found = by_digest.get(sample.sha256 or (_digest(sample.file) if by_digest else ""))
        if found is not None:
            used.add(found.record.file.path)
            answers.append(_read(sample, found) if by_text else _answer(sample, found, wanted))
    if not answers:
        raise DataError("the report holds no image of the test set", "give the report of a scan of these images")
    unused = sum(result.record.file.path not in used for result in scan.results)
    return Joined(tuple(answers), len(samples) - len(answers), unused, probabilities=not by_text, by_text=by_text)


def from_scores(samples: Sequence[Sample], place: Path, threshold: float | None) -> Joined:
    """Read ``path,score`` lines; paths are those of the test set, or lead to its files from the list's folder.

    Args:
        samples: the test set.
        place: a CSV file; its header names ``path`` and ``score``, or its two columns are these.
        threshold: from which score on an image is called AI-generated; None: one half.

    Raises:
        DataError: the list cannot be read, fits no image, or a threshold is needed and missing.
    """
    scores = _read_scores(place)
    probabilities = all(0 <= score <= 1 for score in scores.values())
    if threshold is None and not probabilities:
        raise DataError(
            f"{ascii(place.name)[1:-1]} holds scores outside of 0 to 1",
            "say with --threshold where AI-generated begins",
        )
    cut = 0.5 if threshold is None else threshold
    by_place = {_place(place.parent / path): path for path in scores}
    answers, used = [], set()
    for sample in samples:
        path = sample.path if sample.path in scores else by_place.get(_place(sample.file))
        if path is None:
            answers.append(Answer(sample, None, cut, None, NO_SCORE, "the list holds no score for it"))
        else:
            used.add(path)
            label = Label.FAKE if scores[path] >= cut else Label.REAL
            answers.append(Answer(sample, scores[path], cut, label, sha256=sample.sha256))
    if not used:
        raise DataError(
            f"no path of {ascii(place.name)[1:-1]} is one of the test set",
            "write paths as the test set's list or folder",
        )
    return Joined(tuple(answers), 0, len(scores) - len(used), probabilities)


def _answer(sample: Sample, result: ImageResult, wanted: ScoreKind | None) -> Answer:
    digest, outcome = result.record.file.sha256, result.outcome
    if not isinstance(outcome, Assessed):
        return Answer(sample, None, 0.5, None, outcome.code, outcome.message, digest)
    stages = {stage.stage.value: stage.text for stage in outcome.prediction.stages if stage.complete}
    verdict = outcome.verdict
    found = Answer(sample, verdict.p_fake, verdict.threshold, verdict.label, sha256=digest, stages=stages)
    if verdict.p_fake is None:
        return replace(found, label=None, error=NO_SCORE, message="the model gave no score")
    if wanted is not None and outcome.scores.used is not wanted:
        # A scan falls back to the other score and says so; here that would hide that the answer was no answer.
        message = "the text has no conclusion to read the score at"
        return replace(found, p_fake=None, label=None, error=UNPARSABLE, message=message)
    return found


def _text_alone(scan: Scan) -> bool:
    """Whether a general model answered, and gave no probability for any image."""
    assessed = [result.outcome.prediction for result in scan.results if isinstance(result.outcome, Assessed)]
    general = scan.model is not None and scan.model.engine in GENERAL_ENGINES
    return general and all(each.before is None and each.after is None for each in assessed)


def _read(sample: Sample, result: ImageResult) -> Answer:
    """An answer judged by its words alone."""
    digest, outcome = result.record.file.sha256, result.outcome
    if not isinstance(outcome, Assessed):
        return Answer(sample, None, 0.5, None, outcome.code, outcome.message, digest)
    stages = {stage.stage.value: stage.text for stage in outcome.prediction.stages if stage.complete}
    words = " ".join(stage.text for stage in outcome.prediction.stages)
    side = side_of(stages.get("conclusion") or words)
    if side is not None:
        return Answer(sample, float(side is Label.FAKE), 0.5, side, sha256=digest, stages=stages)
    code, message = (REFUSED, "it declined to say") if refuses(words) else (UNPARSABLE, "its text takes no side")
    return Answer(sample, None, 0.5, None, code, message, digest, stages)


def _wanted_score(scan: Scan) -> ScoreKind | None:
    """The score that must be there: the one after free text, where that was to decide."""
    asked = scan.options.get("score")
    decides = ScoreKind(str(asked)) if asked in ("before", "after") else scan.model.decides if scan.model else None
    return ScoreKind.AFTER if decides is ScoreKind.AFTER and scan.options.get("decode") == "free" else None


def _read_scores(place: Path) -> dict[str, float]:
    name = ascii(place.name)[1:-1]
    try:
        rows = [row for row in csv.reader(StringIO(place.read_text("utf-8-sig"), newline="")) if row]
    except OSError as fault:
        raise DataError(f"cannot read {name}: {fault.strerror}", "give a CSV file with path and score") from None
    except (UnicodeDecodeError, csv.Error) as fault:
        raise DataError(f"{name} is no CSV in UTF-8: {fault}", "give a CSV file with path and score") from None
    header = [cell.strip().lower() for cell in rows[0]] if rows else []
    if {"path", "score"} <= set(header):
        path_at, score_at, rows = header.index("path"), header.index("score"), rows[1:]
    else:
        path_at, score_at = 0, 1
    scores: dict[str, float] = {}
    for number, row in enumerate(rows, 1):
        try:
            score = float(row[score_at])
            path = row[path_at].replace("\\", "/")
        except (ValueError, IndexError):
            raise DataError(f"{name}, row {number}: no path and score", "each line is path,score") from None
        if not math.isfinite(score):
            raise DataError(f"{name}, row {number}: the score is not a finite number", "leave such lines out")
        if scores.get(path, score) != score:
            raise DataError(f"{name} has two scores for {path!a}", "leave one of them out")
        scores[path] = score
    if not scores:
        raise DataError(f"{name} holds no scores", "each line is path,score")
    return scores


def _place(path: Path) -> str:
    return os.path.normcase(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links


def _digest(file: Path) -> str:
    try:
        with file.open("rb") as content:
            return file_digest(content, "sha256").hexdigest()
    except OSError:
        return ""
