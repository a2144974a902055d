"""From examined files to results: batches for the model, verdicts, journal. Everything here runs on one thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from fakescan.checks.audit import contradiction
from fakescan.core.calibration import is_sound, rounded
from fakescan.core.checked import Claim, Rescored
from fakescan.core.environment import environment
from fakescan.core.options import Decode, Reasoning, ScanOptions
from fakescan.core.policy import Judge
from fakescan.core.records import Assessed, Failure, ImageResult, Label, Prediction
from fakescan.core.result_schema import MODEL_STEP
from fakescan.core.schema import calibration_to_dict
from fakescan.core.views import Views
from fakescan.errors import ModelError
from fakescan.intake.decode import DecodedImage
from fakescan.intake.examine import Examined
from fakescan.intake.prepare import Prepared, prepare
from fakescan.pipeline.checking import check_stability, check_text
from fakescan.pipeline.sources import wanted_by
from fakescan.pipeline.waiting import Group, Waiting, pixels_waiting
from fakescan.protocols import Engine, SeesViews
from fakescan.store.journal import Journal, run_key

_PIXELS = "srgb"
"""How decoded pixels are brought to the model; another word where a change of that gives other answers."""
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
        on_engine: Callable[[Engine, str], None] = lambda engine, key: None,
    ) -> None:
        """Make a line; the engine is loaded when the first picture comes.

        Args:
            options: what was asked for.
            load_engine: loads the model.
            journal: keeps what is done, and knows what was done before.
            on_engine: told the engine and the run's key when the model is there.
        """
        self._options = options
        self._load_engine = load_engine
        self._journal = journal
        self._on_engine = on_engine
        self._engine: Engine | None = None
        self._judge: Judge | None = None
        self._key = ""
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

    def feed(self, examined: Examined) -> Iterator[list[ImageResult]]:
        """Take a file.

        Args:
            examined: what is known of it.

        Yields:
            The results that this completes, of this file or of others; they are in the journal.
        """
        waiting = Waiting(examined.record, examined.evidence, examined.timings_s)
        if examined.image is None:
            yield self._kept([waiting.result(examined.failure or _nothing_decoded())])
            return
        engine = self._loaded()
        digest = examined.record.file.sha256
        group = self._first.get(digest) or self._second.get(digest)
        if group is not None:
            group.files.append(waiting)
            return
        known = self._journal.known(digest, self._key)
        if known is not None and isinstance(known.outcome, Assessed):
            prediction = replace(known.outcome.prediction, elapsed_s=0.0)
            yield self._kept([self._assessed(waiting, prediction, known.stability, known.claims)])
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
                outcome = replace(outcome, elapsed_s=outcome.elapsed_s + group.triage.elapsed_s)
            yield from self._results(group, outcome)

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
        against = contradiction(claims, outcome.verdict)
        if against is not None:
            verdict = replace(outcome.verdict, reasons=(against, *outcome.verdict.reasons))
            outcome = replace(outcome, verdict=verdict)
        timed = replace(waiting, timings_s={**waiting.timings_s, MODEL_STEP: prediction.elapsed_s})
        return timed.result(outcome, stability, claims)

    def _kept(self, results: list[ImageResult]) -> list[ImageResult]:
        self._journal.add(results, self._key)
        return results

    def _loaded(self) -> Engine:
        if self._engine is None:
            engine = self._load_engine()
            options = self._options
            self._key = key_of(engine, options)
            self._judge = Judge(
                engine.identity, engine.calibration, options.policy, options.deciding_score, options.threshold
            )
            self._on_engine(engine, self._key)
            self._engine = engine
        return self._engine

    def _decided(self) -> Judge:
        if self._judge is None:
            raise RuntimeError("no verdict without a model")
        return self._judge


def key_of(engine: Engine, options: ScanOptions) -> str:
    """The run's key: digest of everything, besides the file, that a prediction depends on.

    Args:
        engine: the loaded model.
        options: what was asked for.
    """
    model = engine.identity
    parts: dict[str, Any] = {
        "weights_sha256": model.weights_sha256,
        "prompt_version": model.prompt_version,
        "dtype": model.dtype,
        "engine": model.engine,
        "temperature": model.temperature,
        "decides": model.decides,
        # The text is steered to the side that the calibrated score takes.
        "calibration": calibration_to_dict(engine.calibration),
        "decoder": environment()["pillow"],
        "pixels": _PIXELS,
        "reasoning": options.reasoning,
        "score": options.score,
        "decode": options.decode,
    }
    if options.stability:
        parts["stability"] = options.stability
    if options.audit:
        parts["audit"] = options.audit
    if options.decode is Decode.FREE:
        parts["seed"] = options.seed
    if options.reasoning is Reasoning.FLAGGED:
        # Which images are flagged, and so get text, depends on the verdict.
        parts["policy"], parts["threshold"] = options.policy, options.threshold
    return run_key(parts)


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
