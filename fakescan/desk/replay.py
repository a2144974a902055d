"""Does a recorded scan come out the same again? Its files are scanned anew with its options, and both are compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from fakescan.core.options import OPTION_NAMES, RAY, ScanOptions, Setting, options_from
from fakescan.core.records import Assessed, Failure, ImageResult, Scan
from fakescan.desk.rehash import State, check_inputs
from fakescan.errors import InputError
from fakescan.reports.words import label_key

TOLERANCE = 1e-6
"""Largest difference of a probability on the same machine (CONTRACT.md); another machine or library may need more."""
_NOT_REPLAYED: Mapping[str, object] = {
    "include": [],
    "exclude": [],
    "changed_since": None,
    "allow_empty": False,
    "outputs": [],
    "run_dir": None,
    "resume": False,
    # A repetition that took the answers of the first would repeat nothing.
    "cache": False,
    "shard": None,
    "limit": None,
    "gate": None,
    "baseline": None,
    "relative_to": None,
    "templates": None,
}
"""Options that choose files or write reports: the recorded files are scanned, whatever chose them."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a second scan of the same files says."""

    compared: int
    """Files with the same bytes in both."""
    differing: tuple[str, ...]
    """What is not the same within the tolerance, a sentence for each."""
    largest_move: float
    """Largest difference of any P(AI-generated): the deciding one, both scores, and those of other encodings."""


def replay_options(scan: Scan, root: Path | None = None) -> tuple[ScanOptions, list[str]]:
    """The options of the second scan, and the files that cannot take part any more.

    Args:
        scan: the recorded one.
        root: the folder that its paths are relative to now; the recorded one when None.

    Returns:
        Options over the files that are still as they were, and a sentence for each that is not.

    Raises:
        InputError: when no file is as it was.
        ConfigError: when the recorded options are none of this version.
    """
    base = root or Path(scan.root)
    checked = list(check_inputs(scan, base))
    there = [item.path for item in checked if item.state is State.SAME]
    if not there:
        raise InputError("none of the scanned files is as it was", "name their folder with --pictures")
    left_out = [f"{item.path}: {item.state.value}" for item in checked if item.state is not State.SAME]
    recorded = {name: value for name, value in scan.options.items() if name in OPTION_NAMES}
    settings = {**recorded, **_NOT_REPLAYED, **_on_one(recorded), "paths": [str(base / path) for path in there]}
    known = {name: value for name, value in settings.items() if name in OPTION_NAMES}
    return options_from({name: Setting(value, "the recorded scan") for name, value in known.items()}), left_out


def _on_one(recorded: Mapping[str, object]) -> dict[str, object]:
    """What ran on several machines or devices gives the same on one of them."""
    device = str(recorded.get("device", "auto"))
    one = "cuda" if device == "cuda:all" else device.partition(",")[0]
    engine = recorded.get("engine", "auto")
    return {"engine": "auto" if engine == RAY else engine, "ray_workers": None, "device": one}


def compare_replay(first: Scan, second: Scan, tolerance: float) -> Replayed:
    """Compare a recorded scan with its repetition, file by file over the same bytes.

    Verdicts, both scores, the model's text, and what ``--stability`` and ``--audit`` found, as far as it was recorded.

    Args:
        first: the recorded one.
        second: the repetition, whose paths may start elsewhere.
        tolerance: largest difference of a probability that counts as the same.
    """
    recorded = {result.record.file.sha256: result for result in first.results}
    differing: list[str] = []
    moves, compared = [0.0], 0
    for result in second.results:
        before = recorded.get(result.record.file.sha256)
        if before is None:
            continue
        compared += 1
        path = before.record.file.path
        if label_key(before) != label_key(result):
            differing.append(f"{path}: {label_key(before)} became {label_key(result)}")
        for name, first_p, second_p in _pairs(before, result):
            move = _move(first_p, second_p)
            if move is None:
                differing.append(f"{path}: {name} came or went")
            else:
                moves.append(move)
                if move > tolerance:
                    differing.append(f"{path}: {name} moved by {move:.6f}")
        if _texts(before) != _texts(result):
            differing.append(f"{path}: the model wrote another text")
        differing += [f"{path}: {text}" for text in (*_other_labels(before, result), *_other_marks(before, result))]
    return Replayed(compared, tuple(differing), max(moves))


def same_model(first: Scan, second: Scan) -> bool:
    """Whether both scans used the same weights and the same prompt.

    Args:
        first: the recorded one.
        second: the repetition.
    """
    one, two = first.model, second.model
    if one is None or two is None:
        return one is two
    return (one.weights_sha256, one.prompt_version) == (two.weights_sha256, two.prompt_version)


def _pairs(before: ImageResult, after: ImageResult) -> Iterator[tuple[str, float | None, float | None]]:
    """Each recorded probability of a file with its name, and what it is now."""
    first, second = before.outcome, after.outcome
    deciding = _deciding(first), _deciding(second)
    yield "P(AI-generated)", *deciding
    if isinstance(first, Assessed) and isinstance(second, Assessed):
        for name, *score in (
            ("before the text", first.scores.before_reasoning, second.scores.before_reasoning),
            ("after the text", first.scores.after_reasoning, second.scores.after_reasoning),
        ):
            # One of them is the deciding one, which need not be told twice.
            if score[0] is not None and tuple(score) != deciding:
                yield f"P(AI-generated) {name}", score[0], score[1]
    now = {item.encoding: item.p_fake for item in after.stability}
    for encoded in before.stability:
        yield f"P(AI-generated) as {encoded.encoding}", encoded.p_fake, now.get(encoded.encoding)


def _deciding(outcome: Assessed | Failure) -> float | None:
    return outcome.verdict.p_fake if isinstance(outcome, Assessed) else None


def _other_labels(before: ImageResult, after: ImageResult) -> Iterator[str]:
    """Other encodings that would get another verdict now; those that were not scored are missed as numbers."""
    now = {item.encoding: item.label for item in after.stability}
    for encoded in before.stability:
        label = now.get(encoded.encoding, encoded.label)
        if label is not encoded.label:
            yield f"as {encoded.encoding}, {encoded.label.value} became {label.value}"


def _other_marks(before: ImageResult, after: ImageResult) -> Iterator[str]:
    """Sentences of the model's text whose check came out otherwise, where they were checked."""
    if not before.claims:
        return
    if [(item.stage, item.text) for item in before.claims] != [(item.stage, item.text) for item in after.claims]:
        yield "other sentences were checked"
        return
    for number, (one, two) in enumerate(zip(before.claims, after.claims, strict=True), 1):
        if one.mark is not two.mark:
            yield f"sentence {number} of those that were checked: {one.mark.value} became {two.mark.value}"


def _move(first: float | None, second: float | None) -> float | None:
    """How far a probability moved; None when only one is there."""
    if first is None or second is None:
        return 0.0 if first is second else None
    # Both are compared as a report writes them, and the last digit of their difference is not one of binary fractions.
    return round(abs(round(first, 6) - round(second, 6)), 6)


def _texts(result: ImageResult) -> tuple[str, ...]:
    if isinstance(result.outcome, Failure):
        return (result.outcome.step, result.outcome.code)
    return tuple(stage.text for stage in result.outcome.prediction.stages)
