"""The audit of an explanation: what each sentence of the model's text is worth.

Three questions, the cheapest that applies gives the mark:

pixels   Does the sentence say something of the whole picture that can be measured (``measured.py``)?
picture  Which parts of the picture does the sentence depend on, and does the score before any text react when they
         are hidden, more than when as many other parts are? A sentence depends on those parts without which the model
         would less likely have written it; where the engine cannot read a text again, on those that move the score.
text     How far does the score after the text move when the sentence is left out (a number beside the mark)?

All of it says what the model reacts to. None of it says that the sentence is true of the picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from fakescan.checks.claims import Statement, sentences_of, statements_of
from fakescan.checks.hiding import Frame, by_lot, merged
from fakescan.checks.measured import against_pixels
from fakescan.checks.scoring import reread, triage
from fakescan.core.answer import concluded
from fakescan.core.calibration import DECIMALS, shown
from fakescan.core.checked import Claim, ClaimMark, GivenText, Region, Reread
from fakescan.core.policy import Judge
from fakescan.core.records import Label, Prediction, Reason, Stage, Verdict
from fakescan.intake.measures import Measures
from fakescan.protocols import Engine, ReadsAgain, RgbImage

LEAST_MOVE = 0.02
"""A smaller change of P(fake) is none: re-encoding alone moves it as far."""
_LEAST_DROP = 0.005
"""Nats a token: below this no part of the picture makes a sentence less likely."""
_MOST_CELLS = 3
"""Cells that a sentence is tied to at most; more would be the whole picture."""
_NEAR_BEST = 0.5
"""Cells that matter at least half as much as the one that matters most."""
_AGAINST = "The model's own text speaks for the other side than the verdict in {count} of {all} sentences."


@dataclass(frozen=True, slots=True)
class Tied:
    """A sentence, the parts of the picture that it depends on, and what hiding them does."""

    statement: Statement
    """The sentence."""
    cells: tuple[Region, ...]
    """Cells of the grid that it depends on; empty when on none."""
    change: float | None = None
    """P(fake) with them hidden, minus P(fake) of the whole picture."""
    by_lot: float | None = None
    """The same with as many other cells, drawn by lot."""


@dataclass(frozen=True, slots=True)
class Audit:
    """An audited text."""

    claims: tuple[Claim, ...]
    """Its sentences, in order."""
    tied: tuple[Tied, ...] = ()
    """Those that were looked for in the picture."""


@dataclass(frozen=True, slots=True)
class _Look:
    """What the model makes of a picture beside the text."""

    p_fake: float
    """Before any text."""
    p_after: float | None
    """After the given text."""
    likelihoods: tuple[float, ...]
    """Of each sentence, nats a token; empty where the engine does not tell."""


class Auditor:
    """Audits texts with one engine."""

    def __init__(self, engine: Engine, judge: Judge) -> None:
        """Make an auditor.

        Args:
            engine: the loaded model.
            judge: turns logits into numbers.
        """
        self._engine = engine
        self._judge = judge

    def audit(self, frame: Frame, prediction: Prediction, verdict: Verdict, measures: Measures | None = None) -> Audit:
        """Check the sentences of a text.

        Args:
            frame: the picture.
            prediction: what the model said of it.
            verdict: what was decided.
            measures: the picture in numbers; None: nothing is held against the pixels.
        """
        statements = statements_of(prediction)
        early = {item: claim for item in statements if (claim := _without_model(item, verdict, measures)) is not None}
        given = _given(prediction)
        tied, texts = {}, {}
        if statements:
            whole = next(self._looks([frame.image], given), None)
            open_ones = [item for item in statements if item not in early]
            if whole is not None:
                tied = {item.statement: item for item in self._tied(frame, open_ones, whole, given)}
                texts = self._without_sentences(frame.image, statements, whole, given)
        claims = tuple(
            replace(early.get(item) or _from_picture(item, tied.get(item), whole), text_change=texts.get(item))
            for item in statements
        )
        return Audit(claims, tuple(tied.values()))

    def _looks(self, images: Sequence[RgbImage] | Iterator[RgbImage], given: GivenText) -> Iterator[_Look | None]:
        """Both scores and the likelihoods of the sentences where the engine can tell; else the score alone."""
        engine = self._engine
        if isinstance(engine, ReadsAgain):
            for found in reread(engine, engine, ((image, given) for image in images)):
                yield None if found is None else self._look(found)
        else:
            for prediction in triage(engine, images):
                p_fake = None if prediction is None else self._judge.triaged(prediction)
                yield None if p_fake is None else _Look(p_fake, None, ())

    def _look(self, found: Reread) -> _Look:
        view = self._judge.view(Prediction(found.before, found.after), None)
        return _Look(view.scores.before_reasoning or 0.0, view.scores.after_reasoning, found.likelihoods)

    def _tied(self, frame: Frame, statements: Sequence[Statement], whole: _Look, given: GivenText) -> list[Tied]:
        """Tie sentences to parts of the picture, and hide those."""
        if not statements:
            return []
        cells = frame.cells()
        looks = list(self._looks((frame.without([cell]) for cell in cells), given))
        seen = [(cell, look) for cell, look in zip(cells, looks, strict=True) if look is not None]
        chosen = [_depends_on(item, seen, whole) for item in statements]
        # Every set is hidden once, however many sentences share it.
        sets = {parts: by_lot(cells, parts, f"{frame.image.sha256} {parts}") for parts in chosen if parts}
        hidden = [part for parts, others in sets.items() for part in (parts, others)]
        scored = triage(self._engine, (frame.without(parts) for parts in hidden))
        moves = [self._move(prediction, whole) for prediction in scored]
        by_set = dict(zip(sets, zip(moves[::2], moves[1::2], strict=True), strict=True))
        return [
            Tied(item, parts, *by_set.get(parts, (None, None))) for item, parts in zip(statements, chosen, strict=True)
        ]

    def _move(self, prediction: Prediction | None, whole: _Look) -> float | None:
        p_fake = None if prediction is None else self._judge.triaged(prediction)
        return None if p_fake is None else round(p_fake - whole.p_fake, DECIMALS)

    def _without_sentences(
        self, image: RgbImage, statements: Sequence[Statement], whole: _Look, given: GivenText
    ) -> dict[Statement, float]:
        """How far the score after the text moves when a sentence is left out."""
        engine = self._engine
        if whole.p_after is None or not isinstance(engine, ReadsAgain):
            return {}
        shorter = ((image, _left_out(given, item.place)) for item in statements)
        found = {}
        for item, one in zip(statements, reread(engine, engine, shorter), strict=True):
            p_after = None if one is None else self._look(one).p_after
            if p_after is not None:
                found[item] = round(p_after - whole.p_after, DECIMALS)
        return found


def told_anew(claims: Sequence[Claim], verdict: Verdict) -> tuple[Claim, ...]:
    """Claims that were checked before, beside today's verdict: threshold, policy or trust list may have changed since.

    Args:
        claims: the sentences of an explanation.
        verdict: what is decided now.
    """
    return tuple(_told_anew(claim, verdict) for claim in claims)


def _told_anew(claim: Claim, verdict: Verdict) -> Claim:
    named = concluded(claim.text)
    if named is None:
        return claim
    mark, note = _beside_verdict(named, verdict)
    return replace(claim, mark=mark, note=note)


def contradiction(claims: Sequence[Claim], verdict: Verdict) -> Reason | None:
    """The reason to give where an explanation argues against the verdict that it should explain.

    Args:
        claims: the sentences of the explanation.
        verdict: what was decided.
    """
    sides = [claim.speaks_for for claim in claims if claim.speaks_for is not None]
    against = {Label.FAKE: Label.REAL, Label.REAL: Label.FAKE}.get(verdict.label)
    if against is None or "model" not in verdict.basis:
        return None
    concludes = any(concluded(claim.text) is against for claim in claims)
    if not concludes and 2 * sides.count(against) <= len(sides):
        return None
    return Reason("model", _AGAINST.format(count=sides.count(against), all=len(sides)), conflict=True)


def _given(prediction: Prediction) -> GivenText:
    texts = {stage.stage: stage.text for stage in prediction.stages}
    sentences = tuple(sentences_of(texts.get(Stage.REASONING, "")))
    return GivenText(prediction.steered_to, texts.get(Stage.CAPTION, ""), sentences)


def _left_out(given: GivenText, place: int) -> GivenText:
    return replace(given, sentences=given.sentences[:place] + given.sentences[place + 1 :])


def _depends_on(item: Statement, seen: Sequence[tuple[Region, _Look]], whole: _Look) -> tuple[Region, ...]:
    """The cells that a sentence depends on, the most important first."""
    if whole.likelihoods:
        told = whole.likelihoods[item.place]
        # Rounded, so that the noise of another batch size chooses no other cells.
        weights = [(round(told - look.likelihoods[item.place], 4), cell) for cell, look in seen]
        least = _LEAST_DROP
    else:
        sign = _expected(item)
        weights = [(sign * (look.p_fake - whole.p_fake) if sign else 0.0, cell) for cell, look in seen]
        least = LEAST_MOVE
    best = max((weight for weight, _ in weights), default=0.0)
    if best < least:
        return ()
    near = sorted((pair for pair in weights if pair[0] >= _NEAR_BEST * best), key=lambda pair: -pair[0])
    return tuple(cell for _, cell in near[:_MOST_CELLS])


def _expected(item: Statement) -> int:
    """Which way P(fake) goes when the picture loses what the sentence speaks of; 0 when that cannot be told."""
    return {Label.FAKE: -1, Label.REAL: 1}.get(item.speaks_for or Label.INCONCLUSIVE, 0)


def _claim(item: Statement, mark: ClaimMark, note: str) -> Claim:
    return Claim(Stage.REASONING, item.text, mark, note, attribute=item.attribute, speaks_for=item.speaks_for)


def _without_model(item: Statement, verdict: Verdict, measures: Measures | None) -> Claim | None:
    """The mark of a sentence that no model is needed for; None for all others."""
    if item.verdict is not None:
        return _claim(item, *_beside_verdict(item.verdict, verdict))
    outcome = None if measures is None else against_pixels(item.stated, measures)
    return None if outcome is None else _claim(item, outcome.mark, outcome.note)


def _beside_verdict(named: Label, verdict: Verdict) -> tuple[ClaimMark, str]:
    """Mark and note of a sentence that names a side."""
    if verdict.label in (named, Label.INCONCLUSIVE):
        return ClaimMark.NOT_CHECKABLE, "This names a side and no observation."
    return ClaimMark.CONTRADICTED, "The verdict is another one."


def _from_picture(item: Statement, tied: Tied | None, whole: _Look | None) -> Claim:
    """The mark of a sentence by what hiding its parts of the picture does."""
    if tied is None or whole is None:
        return _claim(
            item, ClaimMark.NOT_CHECKABLE, "The score could not be computed with parts of the picture hidden."
        )
    if not tied.cells:
        told = "No part of the picture makes the model less likely to write this when it is hidden."
        if not whole.likelihoods:
            told = "Hiding no single part of the picture moves the score the way this sentence says."
        return _claim(item, ClaimMark.UNSUPPORTED, told)
    if tied.change is None:
        return _claim(item, ClaimMark.NOT_CHECKABLE, "The score could not be computed with those parts hidden.")
    sign, control = _expected(item), tied.by_lot or 0.0
    numbers = f"P(AI-generated) goes from {shown(whole.p_fake)} to {shown(whole.p_fake + tied.change)}"
    if tied.by_lot is not None:
        numbers += f", and to {shown(whole.p_fake + tied.by_lot)} with as many other parts, drawn by lot, hidden"
    reacts = abs(tied.change) >= LEAST_MOVE and abs(tied.change) > abs(control)
    mark, told = ClaimMark.UNSUPPORTED, "The score hardly reacts to the parts that this depends on"
    if not reacts and abs(tied.change) >= LEAST_MOVE:
        told = "The score reacts to the parts that this depends on no more than to others"
    if sign == 0:
        mark, told = ClaimMark.NOT_CHECKABLE, "It cannot be told for which side this speaks"
    elif reacts and sign * tied.change > 0:
        mark, told = ClaimMark.SUPPORTED, "The score reacts to the parts that this depends on, as it says"
    elif reacts:
        told = "The score reacts to the parts that this depends on, but the other way"
    claim = _claim(item, mark, f"{told}: {numbers}.")
    return replace(claim, change=tied.change, regions=tuple(merged(tied.cells)) if reacts else ())
