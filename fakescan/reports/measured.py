"""Numbers with their meaning: what a score says, and how often this model was wrong.

A calibration's ``metrics`` are a flat mapping. These keys are understood; any other is shown as it is called:
``data`` (name of the test set), ``n_fake`` and ``n_real`` (its images), ``fake_called_fake``, ``real_called_fake``,
``promise`` (a bound by the user's own photographs, as a sentence), ``coverage``, ``accuracy_when_decided``,
``tpr_at_1pct_fpr``, ``tpr_at_5pct_fpr`` (shares of one, or text), ``auc``, ``ap``, ``ece``, ``brier``, and for the
reliability table ``bin_K_n`` and ``bin_K_fake`` (K = 0..9: test images with
K/10 <= p < (K+1)/10, and how many of them were AI-generated).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fakescan.core.calibration import NOT_CALIBRATED
from fakescan.core.records import Assessed, Calibration, ImageKind, Label, ScoreKind
from fakescan.reports.charts import ReliabilityPoint, reliability_points
from fakescan.reports.escape import visible
from fakescan.reports.words import KIND_WORDS, SCORE_WORDS, count, probability, share

Metrics = Mapping[str, float | int | str]
_SHARES = {
    "real_called_fake": "Real pictures wrongly called AI-generated",
    "fake_called_fake": "AI-generated pictures called so",
    "coverage": "Pictures that got a verdict (not inconclusive)",
    "accuracy_when_decided": "Right among those with a verdict",
    "tpr_at_1pct_fpr": "AI-generated found when 1 % of real pictures are wrongly called so",
    "tpr_at_5pct_fpr": "AI-generated found when 5 % of real pictures are wrongly called so",
}
_PLAIN = {
    "auc": "Area under the ROC curve (1 = separates perfectly, 0.5 = chance)",
    "ap": "Average precision",
    "ece": "Calibration error (mean distance of the number from the measured share)",
    "brier": "Brier score (0 = perfect)",
}
_TOLD_ELSEWHERE = frozenset({"n_fake", "n_real", "data", "promise"})


def promises(calibrations: Mapping[ScoreKind, Calibration]) -> list[str]:
    """What a calibration on the user's own photographs promises, in words; empty when it is the model's own.

    Args:
        calibrations: the scan's calibration by score.
    """
    found = (record.metrics.get("promise") for record in calibrations.values())
    return [visible(str(words)) for words in found if words]


@dataclass(frozen=True, slots=True)
class NumberView:
    """A score and what it means."""

    value: str
    """Two decimals, or a dash."""
    caption: str
    """What the number is."""
    meaning: tuple[str, ...]
    """Sentences: when it was taken, and how often such a number was right."""


@dataclass(frozen=True, slots=True)
class RatesView:
    """What was measured for one score."""

    title: str
    """Which score."""
    decides: bool
    """Whether verdicts of this scan rest on it."""
    fitted_on: str
    """What it was fitted on."""
    data: str
    """What it was measured on, or empty."""
    rows: tuple[tuple[str, str], ...]
    """Name and value."""
    reliability: tuple[tuple[str, str, str], ...]
    """Score range, test images, share of them that was AI-generated."""
    diagram: tuple[ReliabilityPoint, ...]
    """The same, drawn."""
    kinds: tuple[tuple[str, str, str, str], ...]
    """Kind, test images, real ones called AI-generated, AI-generated ones called so."""


def number_view(outcome: Assessed, calibrations: Mapping[ScoreKind, Calibration], kind: ImageKind | None) -> NumberView:
    """The score that decided, with its meaning.

    Args:
        outcome: the model's answer and the verdict.
        calibrations: the scan's calibration by score.
        kind: what sort of picture it is.
    """
    scores, p_fake = outcome.scores, outcome.verdict.p_fake
    if p_fake is None:
        return NumberView("—", "no number", ("The model gave no score for this picture.",))
    calibration = calibrations.get(scores.used)
    meaning = [f"The score was taken {SCORE_WORDS[scores.used]}."]
    if calibration is None:
        meaning.append("Higher means more like the AI-generated pictures of the training data; no error rate is known.")
    else:
        meaning += _rates_in_words(calibration, p_fake, kind)
    before_decides = scores.used is ScoreKind.BEFORE
    other = scores.after_reasoning if before_decides else scores.before_reasoning
    if other is not None:
        when = SCORE_WORDS[ScoreKind.AFTER if before_decides else ScoreKind.BEFORE]
        meaning.append(f"For comparison, the score {when}: {probability(other)}.")
    caption = NOT_CALIBRATED if calibration is None else "P(AI-generated)"
    if rests_on_file(outcome):
        caption += " by the model alone: the verdict rests on the file"
    return NumberView(probability(p_fake), caption, tuple(meaning))


def rests_on_file(outcome: Assessed) -> bool:
    """Whether a verdict for a side rests on what the file says, so that the model's number is no measure of it.

    Args:
        outcome: the model's answer and the verdict.
    """
    verdict = outcome.verdict
    return verdict.label is not Label.INCONCLUSIVE and bool(verdict.basis) and "model" not in verdict.basis


def rates_views(
    calibrations: Mapping[ScoreKind, Calibration], used: Sequence[ScoreKind], kinds: Sequence[ImageKind]
) -> tuple[RatesView, ...]:
    """What was measured for each score, the deciding one first.

    Args:
        calibrations: the scan's calibration by score.
        used: the scores that decided in this scan.
        kinds: the kinds of picture in this scan.
    """
    ordered = sorted(calibrations, key=lambda score: (score not in used, score is ScoreKind.AFTER))
    return tuple(_rates(calibrations[score], score, score in used, kinds) for score in ordered)


def _rates_in_words(calibration: Calibration, p_fake: float, kind: ImageKind | None) -> list[str]:
    """How often such a number was right, for pictures of this kind where that was measured."""
    own = calibration.by_kind.get(kind.value) if kind is not None else None
    sentences = []
    if own is None:
        sentences.append(f"Not calibrated for this kind of picture ({KIND_WORDS[kind]}); the rates are for all kinds.")
    metrics, which = (calibration.metrics, "of all kinds") if own is None else (own, "of this kind")
    inside = _bin_in_words(metrics, p_fake) or _bin_in_words(calibration.metrics, p_fake, " of all kinds")
    if inside:
        sentences.append(inside)
    found, alarms, images = metrics.get("fake_called_fake"), metrics.get("real_called_fake"), _images(metrics)
    if found is not None and alarms is not None:
        sentences.append(
            f"On {images + ' ' if images else ''}test images {which}, {_figure(found, True)} of the AI-generated "
            f"and {_figure(alarms, True)} of the real ones were called AI-generated."
        )
    elif not inside and "promise" not in calibration.metrics:
        sentences.append("How often it is wrong was not recorded with this model.")
    if "promise" in calibration.metrics:
        sentences.append(visible(str(calibration.metrics["promise"])))
    return sentences


def _bin_in_words(metrics: Metrics, p_fake: float, which: str = "") -> str:
    """What the test images with such a score were, or empty when that was not measured."""
    index = min(9, int(p_fake * 10))
    images, fakes = _bin(metrics, index)
    if images < 1:
        return ""
    return (
        f"Of {count(images, 'test image')}{which} scored from {index / 10:.1f} to {(index + 1) / 10:.1f}, "
        f"{fakes:,} ({share(fakes / images)}) {'was' if fakes == 1 else 'were'} AI-generated."
    )


def _rates(calibration: Calibration, score: ScoreKind, decides: bool, kinds: Sequence[ImageKind]) -> RatesView:
    """What was measured for one score."""
    metrics = calibration.metrics
    rows = [("Test images", _images(metrics))] if _images(metrics) else []
    rows += [(name, _figure(metrics[key], True)) for key, name in _SHARES.items() if key in metrics]
    rows += [(name, _figure(metrics[key], False)) for key, name in _PLAIN.items() if key in metrics]
    rows += [
        (visible(key.replace("_", " ")), _figure(value, False))
        for key, value in metrics.items()
        if key not in _SHARES and key not in _PLAIN and key not in _TOLD_ELSEWHERE and not key.startswith("bin_")
    ]
    low, high = calibration.inconclusive_band
    return RatesView(
        title=f"Score {SCORE_WORDS[score]}",
        decides=decides,
        fitted_on=visible(calibration.fitted_on),
        data=visible(str(metrics.get("data", ""))),
        rows=(*rows, ("Inconclusive band", f"{low:.2f} to {high:.2f}")),
        reliability=tuple(
            (f"{index / 10:.1f} to {(index + 1) / 10:.1f}", f"{images:,}", share(fakes / images))
            for index, images, fakes in _bins(metrics)
        ),
        diagram=reliability_points(_bins(metrics)),
        kinds=_by_kind(calibration, kinds),
    )


def _bins(metrics: Metrics) -> list[tuple[int, int, int]]:
    """Tenth of the scale, test images, AI-generated ones; empty when it was not recorded."""
    return [(index, images, fakes) for index in range(10) for images, fakes in [_bin(metrics, index)] if images]


def _bin(metrics: Metrics, index: int) -> tuple[int, int]:
    """Test images in a tenth of the scale and how many of them were AI-generated; zeros when not recorded."""
    images, fakes = metrics.get(f"bin_{index}_n"), metrics.get(f"bin_{index}_fake")
    if isinstance(images, (int, float)) and isinstance(fakes, (int, float)) and images >= 1:
        return int(images), int(fakes)
    return 0, 0


def _by_kind(calibration: Calibration, kinds: Sequence[ImageKind]) -> tuple[tuple[str, str, str, str], ...]:
    """Error rates by kind, for the kinds that were measured or occur in the scan."""
    rows = []
    for kind in ImageKind:
        metrics, name = calibration.by_kind.get(kind.value), KIND_WORDS[kind]
        if metrics is not None:
            alarms, found = (_figure(metrics.get(key, "—"), True) for key in ("real_called_fake", "fake_called_fake"))
            rows.append((name, _images(metrics) or "—", alarms, found))
        elif kind in kinds:
            rows.append((name, "not calibrated for this kind", "—", "—"))
    return tuple(rows)


def _images(metrics: Metrics) -> str:
    """``356 AI-generated and 224 real``, or empty when the counts are not there."""
    fake, real = metrics.get("n_fake"), metrics.get("n_real")
    if isinstance(fake, (int, float)) and isinstance(real, (int, float)):
        return f"{int(fake):,} AI-generated and {int(real):,} real"
    return ""


def _figure(value: float | int | str, as_share: bool) -> str:
    """A measured value as text."""
    if isinstance(value, str):
        return visible(value)
    if as_share:
        return share(float(value))
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"
