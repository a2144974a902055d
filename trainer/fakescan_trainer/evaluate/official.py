"""The counting of the authors' evaluation script, beside our own.

An answer counts only when its first CONCLUSION holds exactly "This image is fake." or "This image is real." (the first
is looked for first) and there is a REASONING; every other answer is left out of all rates, so that a model which
answers rarely looks better than it is. The share that was left out is given here; their script does not write it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fakescan.core.answer import wrapped
from fakescan.core.records import Stage
from fakescan_trainer.evaluate.samples import Answer

_CONCLUSION = re.compile(r"<CONCLUSION>(.*?)</CONCLUSION>", re.DOTALL)
_REASONING = re.compile(r"<REASONING>(.*?)</REASONING>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class OfficialAnswer:
    """An answer that the authors' script counts."""

    fake: bool
    """Its side."""
    reasoning: str
    """Its reasoning, stripped."""


def parse(text: str) -> OfficialAnswer | None:
    """Read an answer as the authors' script does; None where it counts a failure.

    Args:
        text: the whole answer.
    """
    conclusion, reasoning = _CONCLUSION.search(text), _REASONING.search(text)
    if conclusion is None or reasoning is None:
        return None
    for words, fake in (("This image is fake.", True), ("This image is real.", False)):
        if words in conclusion[1]:
            return OfficialAnswer(fake, reasoning[1].strip())
    return None


def accuracies(truth: Sequence[bool], called: Sequence[bool]) -> tuple[float | None, float | None, float | None]:
    """Accuracy on real images, on fakes, and on all; None where there are none.

    Args:
        truth: whether each image is AI-generated.
        called: whether it was called so.
    """
    pairs = list(zip(truth, called, strict=True))
    return tuple(  # type: ignore[return-value]
        sum(one == two for one, two in chosen) / len(chosen) if chosen else None
        for chosen in ([pair for pair in pairs if not pair[0]], [pair for pair in pairs if pair[0]], pairs)
    )


def count(answers: Sequence[Answer]) -> dict[str, Any]:
    """The authors' figures over answers with text.

    Args:
        answers: all of a test set; one without text is a failure.
    """
    read = [(answer, parse(whole_text(answer.stages))) for answer in answers]
    kept = [(answer.sample.fake, found.fake) for answer, found in read if found is not None]
    real, fake, both = accuracies([truth for truth, _ in kept], [called for _, called in kept])
    failures = len(read) - len(kept)
    return {
        "n": len(read), "n_counted": len(kept), "failures": failures,
        "failure_rate": failures / len(read) if read else None,
        "r_acc": real, "f_acc": fake, "acc": both,
    }  # fmt: skip


def whole_text(stages: dict[str, str]) -> str:
    """An answer put together again from its complete stages.

    Args:
        stages: text by name of the stage.
    """
    return "\n".join(wrapped(stage, stages[stage.value]) for stage in Stage if stage.value in stages)
