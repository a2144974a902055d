"""Any general vision-language model that transformers runs, asked the paper's question zero-shot (paper Table 3).

For ``fakescan eval`` alone: such a model was never taught where its probability could be read, so its text is all that
there is to judge by.
"""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from PIL import Image

from fakescan.core.answer import parse_free_answer
from fakescan.core.records import (
    Calibration,
    Failure,
    ModelIdentity,
    Prediction,
    ScoreKind,
)
from fakescan.engines.device import Placement
from fakescan.errors import ConfigError, ModelError
from fakescan.model.checkpoints.files import weight_files
from fakescan.model.checkpoints.marks import one_line_reason
from fakescan.model.checkpoints.ours import file_sha256
from fakescan.model.prompt import QUESTION, ZERO_SHOT
from fakescan.protocols import RgbImage

NAME = "transformers"
"""Of the engine."""
LIMIT_TOKENS = 512
"""The authors' max_new_tokens."""


@dataclass
class GeneralEngine:
    """One model with its processor."""

    folder: Path
    """Of the model, in transformers' layout."""
    placement: Placement
    """Where and in which number format it runs."""
    seed: int = 0
    """Of drawn text."""
    temperature: float = 0.0
    """Of drawn text; 0 takes the likeliest token."""
    batch_size: int = 1
    """Pictures at once: prompts of different lengths are not padded."""
    limit_tokens: int = LIMIT_TOKENS
    """New tokens at most."""
    calibration: Mapping[ScoreKind, Calibration] = field(default_factory=dict)
    """None: it gives no probability."""

    def __post_init__(self) -> None:
        """Load it; none of its code is run.

        Raises:
            ModelError: it is no such model, is damaged, or needs a library that is not installed.
            ConfigError: its weights would have to be quantised.
        """
        from transformers import AutoModelForImageTextToText

        if self.placement.quantised is not None:
            raise ConfigError(
                [f"dtype: a general vision-language model does not run in {self.placement.quantised}"],
                "use --dtype auto, float32, bfloat16 or float16",
            )
        if not self.folder.is_dir():
            raise ModelError(f"there is no model in {self.folder}", "give its folder, or fakescan model download it")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._processor = _processor(self.folder)
                model = AutoModelForImageTextToText.from_pretrained(
                    self.folder, local_files_only=True, trust_remote_code=False, dtype=self.placement.dtype
                )
        except ModelError:
            raise
        except Exception as error:  # transformers raises what it likes
            raise ModelError(
                f"{self.folder} is no general vision-language model: {one_line_reason(error)}",
                "known to run are LLaVA, Qwen2.5-VL, InternVL and InstructBLIP in transformers' own layout",
            ) from error
        self._model = model.to(self.placement.device).eval()
        digests = [file_sha256(path) for path in weight_files(self.folder)]
        self._digest = digests[0] if len(digests) == 1 else _over(digests)

    @property
    def identity(self) -> ModelIdentity:
        """Which model."""
        return ModelIdentity(
            name=self.folder.resolve().name, base_model=type(self._model).__name__, adapter=None,
            weights_sha256=self._digest, prompt_version=ZERO_SHOT, dtype=self.placement.dtype_name,
            device=str(self.placement.device), engine=NAME, decides=ScoreKind.AFTER,
        )  # fmt: skip

    def draw(self, seed: int, temperature: float) -> None:
        """From now on, draw text with this seed and temperature (above 0)."""
        self.seed, self.temperature = seed, temperature

    def infer(self, images: Sequence[RgbImage], *, reasoning: bool = True) -> list[Prediction | Failure]:
        """Ask about pictures, one after the other; there is always text, for there is nothing else.

        Raises:
            ModelError: the model fails on every picture.
        """
        del reasoning
        return [self._one(cast(Image.Image, image.image), image.sha256) for image in images]

    @torch.inference_mode()
    def _one(self, image: Image.Image, digest: str) -> Prediction | Failure:
        started = time.perf_counter()
        try:
            given = self._processor(images=[image], text=[self._text()], return_tensors="pt").to(self.placement.device)
            for name, value in given.items():
                if torch.is_floating_point(value):
                    given[name] = value.to(self.placement.dtype)
            torch.manual_seed(int(digest[:8], 16) + self.seed if digest else self.seed)
            drawn = {"do_sample": True, "temperature": self.temperature} if self.temperature else {"do_sample": False}
            made = self._model.generate(**given, max_new_tokens=self.limit_tokens, **drawn)
        except (RuntimeError, MemoryError) as error:
            if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
                return Failure("infer", "out-of-memory", "not enough memory for a single picture", "try --dtype")
            raise ModelError(f"the model failed: {one_line_reason(error)}", "try --device cpu") from error
        new = _new_tokens(made[0], given["input_ids"][0])
        text = self._tokenizer.decode(new, skip_special_tokens=True).strip()
        spent = time.perf_counter() - started
        return Prediction(before=None, after=None, stages=parse_free_answer(text), tokens=len(new), elapsed_s=spent)

    @property
    def _tokenizer(self) -> Any:
        return self._processor.tokenizer

    def _text(self) -> str:
        if not getattr(self._processor, "chat_template", None):
            return QUESTION
        content = [{"type": "image"}, {"type": "text", "text": QUESTION}]
        turn = [{"role": "user", "content": content}]
        return str(self._processor.apply_chat_template(turn, add_generation_prompt=True, tokenize=False))


def _new_tokens(made: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
    """Some models give back the prompt before their answer."""
    whole = len(made) >= len(given) and torch.equal(made[: len(given)], given)
    return made[len(given) :] if whole else made


def _over(digests: Sequence[str]) -> str:
    import hashlib

    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _processor(folder: Path) -> Any:
    """The processor; where torchvision is missing, without the part for videos, which is not needed here."""
    import transformers

    try:
        return transformers.AutoProcessor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (ImportError, ValueError) as error:
        if "torchvision" not in str(error).lower():
            raise
    names: dict[str, Any] = {}
    for file in ("processor_config.json", "preprocessor_config.json", "tokenizer_config.json"):
        if (folder / file).is_file():
            names |= json.loads((folder / file).read_text("utf-8"))
    kind = getattr(transformers, str(names.get("processor_class")), None)
    if kind is None:
        raise ModelError(f"the processor of the model in {folder} needs torchvision", "pip install torchvision")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    pictures = transformers.AutoImageProcessor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    template = folder / "chat_template.jinja"
    written = template.read_text("utf-8") if template.is_file() else getattr(tokenizer, "chat_template", None)

    class Still(kind):  # type: ignore[misc, valid-type]  # a class that only transformers knows
        """The same for still pictures."""

        def check_argument_for_proper_class(self, argument_name: str, argument: Any) -> Any:
            return None if argument is None else super().check_argument_for_proper_class(argument_name, argument)

    known = ("image_seq_length", "patch_size", "vision_feature_select_strategy", "num_query_tokens")
    settings = {name: names[name] for name in known if name in names}
    return Still(image_processor=pictures, tokenizer=tokenizer, video_processor=None, chat_template=written, **settings)
