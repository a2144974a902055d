"""From examined files to results: batches for the model, verdicts, journal. Everything here runs on one thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from fakescan.checks.audit import contradiction, told_anew
from fakescan.core.calibration import is_sound, rounded
from fakescan.core.checked import Claim, Rescored
from fakescan.core.options import Reasoning, ScanOptions
from fakescan.core.policy import Judge
from fakescan.core.records import Assessed, Failure, ImageResult, Label, Prediction
from fakescan.core.result_schema import MODEL_STEP
from fakescan.core.views import Views
from fakescan.errors import ModelError
from fakescan.intake.decode import DecodedImage
from fakescan.intake.examine import Examined
from fakescan.intake.prepare import Prepared, prepare
from fakescan.pipeline.checking import check_stability, check_text
from fakescan.pipeline.keys import key_of, row_key_of
from fakescan.pipeline.sources import wanted_by
from fakescan.pipeline.waiting import Group, Waiting, pixels_waiting
from fakescan.protocols import Engine, SeesViews
from fakescan.store.cache import AnswerCache
from fakescan.store.journal import Journal

_Known = tuple[Prediction, tuple[Rescored, ...], tuple[Claim, ...]]
_MAX_PIXELS = 150_000_000
"""About 450 MB: a batch of large pictures is run before it is full."""


class Line:
    """Takes examined files one by one and gives results back as soon as there are some."""

    def __init__(
        self,
        options: ScanOptions,
        load_engine: Callable[[], Engine],
        journal: Journal,
        *,
        on_engine: Callable[[Engine, str, str], None] = lambda engine, key, row_key: None,
        cache: AnswerCache | None = None,
        reading: Mapping[str, str] | None = None,
    ) -> None:
        """Make a line; the engine is loaded when the first picture comes.

        Args:
            options: what was asked for.
            load_engine: loads the model.
            journal: keeps what is done, and knows what was done before.
            on_engine: told the engine, the run's key and the rows' key when the model is there.
            cache: answers of earlier runs; None: none.
            reading: what the reading of files depends on, by name.
        """
        self._options = options
        self._load_engine = load_engine
        self._journal = journal
        self._on_engine = on_engine
        self._engine: Engine | None = None
        self._judge: Judge | None = None
        # It holds answers and no checks: those would be missing where an answer is taken from it.
        self._cache = None if wanted_by(options) else cache
        self._reading = dict(reading or {})
        self._key = self._row_key = ""
        self._stamps: dict[str, str] = {}
        self._cached: set[str] = set()
        self._first: dict[str, Group] = {}
        self._second: dict[str, Group] = {}

    @property
    def batch_size(self) -> int:
        """How many pictures the model wants at once; 0 before it is loaded."""
        return self._engine.batch_size if self._engine else 0

    @property
    def views(self) -> Views | None:
        """All that the model sees of a picture; None before it is loaded, or when it wants the whole."""
        return self._engine.views if isinstance(self._engine, SeesViews) else None

    def prepare(self) -> str:
        """Load the model now instead of at the first picture.

        Returns:
            The rows' key: what whole rows of this run depend on.
        """
        self._loaded()
        return self._row_key

    def feed(self, examined: Examined) -> Iterator[list[ImageResult]]:
        """Take a file.

        Args:
            examined: what is known of it.

        Yields:
            The results that this completes, of this file or of others; they are in the journal.
        """
        waiting = Waiting(examined.record, examined.evidence, examined.timings_s)
        self._stamps[examined.record.file.path] = examined.stamp
        if examined.image is None:
            yield self._kept([waiting.result(examined.failure or _nothing_decoded())])
            return
        engine = self._loaded()
        digest = examined.record.file.sha256
        group = self._first.get(digest) or self._second.get(digest)
        if group is not None:
            group.files.append(waiting)
            return
        known = self._known(digest)
        if known is not None:
            prediction, stability, claims = known
            yield self._kept([self._assessed(waiting, replace(prediction, elapsed_s=0.0), stability, claims)])
            return
        self._first[digest] = self._group(examined.image, examined.prepared, waiting)
        yield from self._run_full(max(1, engine.batch_size))

    def finish(self) -> Iterator[list[ImageResult]]:
        """Run what still waits for its batch to fill.

        Yields:
            Its results; they are in the journal.
        """
        while self._first or self._second:
            yield from self._run_full(1)

    def _run_full(self, at_least: int) -> Iterator[list[ImageResult]]:
        """Run the batches that hold ``at_least`` pictures, the first look before the second."""
        for groups, look in ((self._first, self._first_look), (self._second, self._second_look)):
            if len(groups) >= at_least or pixels_waiting(groups.values()) > _MAX_PIXELS:
                results = list(look(self._take(groups)))
                if results:
                    yield self._kept(results)

    def _group(self, image: DecodedImage, prepared: Prepared | None, waiting: Waiting) -> Group:
        wanted = wanted_by(self._options)
        if wanted and prepared is None:
            image, prepared = prepare(image, wanted, self.views)
        return Group(_kept_of(image, self.views), [waiting], prepared=prepared)

    def _take(self, groups: dict[str, Group]) -> list[Group]:
        count = max(1, self._loaded().batch_size)
        return [groups.pop(digest) for digest in list(groups)[:count]]

    def _first_look(self, batch: list[Group]) -> Iterator[ImageResult]:
        mode = self._options.reasoning
        outcomes = self._infer(batch, reasoning=mode is Reasoning.ALL)
        if self._options.stability:
            outcomes = self._with_first_scores(batch, outcomes)
            scored = [one for one, outcome in zip(batch, outcomes, strict=True) if _scored(outcome)]
            check_stability(scored, self._loaded(), self._decided(), self._options.stability)
        for group, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Prediction) and mode is Reasoning.FLAGGED and self._is_flagged(group, outcome):
                group.triage = outcome
                self._second[group.files[0].record.file.sha256] = group
            else:
                yield from self._results(group, outcome)

    def _second_look(self, batch: list[Group]) -> Iterator[ImageResult]:
        for group, outcome in zip(batch, self._infer(batch, reasoning=True), strict=True):
            if isinstance(outcome, Prediction) and group.triage is not None:
                spent = outcome.elapsed_s + group.triage.elapsed_s
                outcome = replace(outcome, before=outcome.before or group.triage.before, elapsed_s=spent)
            yield from self._results(group, outcome)

    def _with_first_scores(
        self, batch: list[Group], outcomes: list[Prediction | Failure]
    ) -> list[Prediction | Failure]:
        """Score pictures before any text too, where the engine told only the score after it (a server does)."""
        lacking = [
            place
            for place, one in enumerate(outcomes)
            if isinstance(one, Prediction) and one.before is None and one.after
        ]
        if not lacking:
            return outcomes
        completed = list(outcomes)
        for place, first in zip(lacking, self._infer([batch[at] for at in lacking], reasoning=False), strict=True):
            told = completed[place]
            if isinstance(told, Prediction) and isinstance(first, Prediction):
                spent = told.elapsed_s + first.elapsed_s
                completed[place] = replace(told, before=first.before, elapsed_s=spent)
        return completed

    def _is_flagged(self, group: Group, prediction: Prediction) -> bool:
        first = group.files[0]
        assessed = self._decided().assess(prediction, first.evidence, first.record.kind, group.stability)
        return assessed.verdict.label is not Label.REAL

    def _infer(self, batch: list[Group], *, reasoning: bool) -> list[Prediction | Failure]:
        outcomes = self._loaded().infer([group.image for group in batch], reasoning=reasoning)
        if len(outcomes) != len(batch):
            raise ModelError(
                f"the engine gave {len(outcomes)} answers to {len(batch)} images",
                "report this as a fault of the engine",
            )
        return [_checked(outcome) for outcome in outcomes]

    def _results(self, group: Group, outcome: Prediction | Failure) -> Iterator[ImageResult]:
        if isinstance(outcome, Prediction) and self._options.audit:
            check_text(group, outcome, self._loaded(), self._decided())
        for number, waiting in enumerate(group.files):
            if isinstance(outcome, Failure):
                yield waiting.result(outcome)
            else:
                # The model's time belongs to the file that it was spent on, not to its copies.
                spent = {} if number else group.checks_s
                own = replace(waiting, timings_s={**waiting.timings_s, **spent})
                prediction = replace(outcome, elapsed_s=0.0) if number else outcome
                yield self._assessed(own, prediction, group.stability, group.claims)

    def _assessed(
        self, waiting: Waiting, prediction: Prediction, stability: tuple[Rescored, ...], claims: tuple[Claim, ...]
    ) -> ImageResult:
        judge = self._decided()
        # Labels of an earlier run were told with its threshold.
        stability = tuple(judge.rescored(item.encoding, item.p_fake) for item in stability)
        outcome = judge.assess(prediction, waiting.evidence, waiting.record.kind, stability)
        claims = told_anew(claims, outcome.verdict)
        against = contradiction(claims, outcome.verdict)
        if against is not None:
            verdict = replace(outcome.verdict, reasons=(against, *outcome.verdict.reasons))
            outcome = replace(outcome, verdict=verdict)
        timed = replace(waiting, timings_s={**waiting.timings_s, MODEL_STEP: prediction.elapsed_s})
        return timed.result(outcome, stability, claims)

    def _known(self, digest: str) -> _Known | None:
        """What the model said about these bytes before, in this run or an earlier one, and what was checked of it."""
        row = self._journal.known(digest, self._key)
        if row is not None and isinstance(row.outcome, Assessed):
            if self._journal.is_cached(digest, self._key):
                self._cached.add(digest)
            return row.outcome.prediction, row.stability, row.claims
        answer = self._cache.get(digest, self._key) if self._cache is not None else None
        if answer is None:
            return None
        self._cached.add(digest)
        return answer, (), ()

    def _kept(self, results: list[ImageResult]) -> list[ImageResult]:
        paths = [result.record.file.path for result in results]
        stamps = {path: self._stamps.pop(path, "") for path in paths}
        self._journal.add(results, self._key, self._row_key, stamps=stamps, cached=self._cached)
        if self._cache is not None:
            self._cache.add(self._computed(results), self._key)
        return results

    def _computed(self, results: list[ImageResult]) -> Iterator[tuple[str, Prediction]]:
        for result in results:
            digest, outcome = result.record.file.sha256, result.outcome
            if isinstance(outcome, Assessed) and digest not in self._cached:
                yield digest, outcome.prediction

    def _loaded(self) -> Engine:
        if self._engine is None:
            engine = self._load_engine()
            options = self._options
            self._key = key_of(engine, options)
            self._row_key = row_key_of(self._key, options, self._reading)
            self._judge = Judge(
                engine.identity, engine.calibration, options.policy, options.deciding_score, options.threshold
            )
            self._on_engine(engine, self._key, self._row_key)
            if not engine.identity.weights_sha256:
                self._cache = None  # nobody knows whether a server runs the same weights tomorrow
            self._engine = engine
        return self._engine

    def _decided(self) -> Judge:
        if self._judge is None:
            raise RuntimeError("no verdict without a model")
        return self._judge


def _scored(outcome: Prediction | Failure) -> bool:
    return isinstance(outcome, Prediction) and outcome.before is not None


def _kept_of(image: DecodedImage, views: Views | None) -> DecodedImage:
    return image if views is None else image.seen_through(views)


def _checked(outcome: Prediction | Failure) -> Prediction | Failure:
    if isinstance(outcome, Failure):
        return outcome
    if not is_sound(outcome):
        return Failure("infer", "not-finite", "the model's score is not a number", "try --dtype float32")
    return rounded(outcome)


def _nothing_decoded() -> Failure:
    return Failure("decode", "no-picture", "no picture came out of the file", "open the file in another program")
