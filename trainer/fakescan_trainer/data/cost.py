"""What annotation will cost, told before anything is sent. Prices are the user's: none are built in, they change."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fakescan.errors import DataError
from fakescan_trainer.data.annotations import Annotation, prompt_of
from fakescan_trainer.data.facts import Facts

_CHARS_PER_TOKEN = 4
"""English text, roughly; tokenizers differ."""
_OUTPUT_OVERHEAD = 10


@dataclass(frozen=True, slots=True)
class Price:
    """What a model's tokens cost."""

    input_per_million: float
    """A million tokens of questions."""
    output_per_million: float
    """A million tokens of answers."""
    currency: str
    """Its name, for people."""

    def of(self, input_tokens: int, output_tokens: int) -> float:
        """What so many tokens cost.

        Args:
            input_tokens: of the questions.
            output_tokens: of the answers.
        """
        return (input_tokens * self.input_per_million + output_tokens * self.output_per_million) / 1e6


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run will need at most, retries apart."""

    images: int
    """Images with something to ask."""
    requests: int
    """Questions."""
    input_tokens: int
    """Tokens of the questions, roughly."""
    output_tokens: int
    """Most tokens of the answers."""
    price: Price | None
    """None where no price was given."""

    def sentence(self) -> str:
        """The same in words."""
        said = (
            f"{self.requests:,} requests about {self.images:,} images: about {self.input_tokens:,} tokens in, "
            f"at most {self.output_tokens:,} out"
        )
        if self.price is None:
            return f"{said}; cost unknown (give --prices)"
        cost = self.price.of(self.input_tokens, self.output_tokens)
        return f"{said}; about {cost:,.2f} {self.price.currency} at most, by the prices that you gave"


def estimate(
    annotations: Iterable[Annotation],
    facts: Mapping[str, Facts],
    *,
    max_tokens: int,
    max_side_px: int,
    image_tokens: int | None = None,
    price: Price | None = None,
) -> Estimate:
    """Count what is still to be asked.

    Args:
        annotations: as far as they are known.
        facts: of every image.
        max_tokens: most tokens of an answer.
        max_side_px: longest side of the copies that are sent.
        image_tokens: tokens of an image; None: by OpenAI's rule of tiles.
        price: what tokens cost.
    """
    images = requests = tokens = 0
    for annotation in annotations:
        tasks = annotation.open_tasks
        images += bool(tasks)
        requests += len(tasks)
        fact = facts[annotation.sample.image]
        own = image_tokens if image_tokens is not None else tile_tokens(fact.width_px, fact.height_px, max_side_px)
        for task in tasks:
            tokens += own + _OUTPUT_OVERHEAD + math.ceil(len(prompt_of(task, annotation.label)) / _CHARS_PER_TOKEN)
    return Estimate(images, requests, tokens, requests * max_tokens, price)


def tile_tokens(width_px: int, height_px: int, max_side_px: int) -> int:
    """Tokens of an image by OpenAI's published rule for GPT-4o: 85, and 170 for each tile of 512 px.

    Args:
        width_px: of the file.
        height_px: of the file.
        max_side_px: it is scaled down to that before it is sent.
    """
    scale = min(1.0, min(max_side_px, 2048) / max(width_px, height_px))
    scale = min(scale, 768 / min(width_px, height_px))
    tiles = math.ceil(max(1, int(width_px * scale)) / 512) * math.ceil(max(1, int(height_px * scale)) / 512)
    return 85 + 170 * tiles


def read_price(path: Path, model: str) -> Price:
    """A model's price from the user's table: ``{"MODEL": {"input": 2.5, "output": 10, "currency": "USD"}}``.

    Args:
        path: the table, JSON; prices for a million tokens.
        model: whose price.

    Raises:
        DataError: the table cannot be read, or does not have the model.
    """
    hint = (
        f'it must be JSON like {{"{model}": {{"input": 2.5, "output": 10, "currency": "USD"}}}}, for a million tokens'
    )
    try:
        table = json.loads(path.read_text("utf-8"))
        row = table[model]
        price = Price(float(row["input"]), float(row["output"]), str(row.get("currency", "")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as fault:
        raise DataError(f"{path} has no price of {model}: {type(fault).__name__}", hint) from fault
    if not (math.isfinite(price.input_per_million) and math.isfinite(price.output_per_million)):
        raise DataError(f"{path}: a price of {model} is no number", hint)
    return price
