"""General vision-language models, tiny and random, asked the paper's question: each family loads, sees and answers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from fakescan.core.answer import parse_free_answer
from fakescan.core.records import Prediction, Stage
from fakescan.engines.device import choose_placement
from fakescan.engines.general import GeneralEngine
from fakescan.errors import ModelError
from tests.support.rivals import FAMILIES


class Picture:
    """What an engine gets."""

    views = None

    def __init__(self, colour: str) -> None:
        self.image, self.sha256 = Image.new("RGB", (48, 40), colour), "0f" * 32


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_answers(family: str, tmp_path: Path) -> None:
    folder = FAMILIES[family](tmp_path / family)
    engine = GeneralEngine(folder, choose_placement("cpu", "float32"), limit_tokens=8)
    seen: list[torch.Tensor] = []
    vision = next(m for n, m in engine._model.named_modules() if n.endswith(("vision_tower", "visual", "vision_model")))
    vision.register_forward_hook(lambda *_: seen.append(torch.ones(1)))
    found = engine.infer([Picture("red"), Picture("blue")], reasoning=False)
    assert len(seen) == 2  # it looks at each picture
    for prediction in found:
        assert isinstance(prediction, Prediction)
        assert 1 <= prediction.tokens <= 8
        assert prediction.after is None
        assert [stage.stage for stage in prediction.stages] == list(Stage)
    assert engine.identity.name == family
    assert len(engine.identity.weights_sha256) == 64
    again = engine.infer([Picture("red")])[0]
    assert isinstance(again, Prediction)
    assert isinstance(found[0], Prediction)
    assert again.stages == found[0].stages


def test_an_answer_without_tags_is_a_conclusion() -> None:
    plain = {stage.stage: stage for stage in parse_free_answer("This image is fake.")}
    assert plain[Stage.CONCLUSION].text == "This image is fake."
    assert plain[Stage.CONCLUSION].complete
    assert plain[Stage.REASONING].text == ""
    tagged = parse_free_answer("<REASONING> Odd. </REASONING><CONCLUSION> This image is fake. </CONCLUSION>")
    assert [stage.text for stage in tagged] == ["", "", "Odd.", "This image is fake."]


def test_what_is_no_such_model_is_one_clear_error(tmp_path: Path) -> None:
    placement = choose_placement("cpu", "float32")
    with pytest.raises(ModelError, match="there is no model"):
        GeneralEngine(tmp_path / "nothing", placement)
    (tmp_path / "config.json").write_text('{"model_type": "bert"}', "utf-8")
    with pytest.raises(ModelError, match="no general vision-language model"):
        GeneralEngine(tmp_path, placement)
