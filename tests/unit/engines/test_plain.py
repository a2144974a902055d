"""The plain engine on a tiny random LLaVA: right whatever the batch, and whatever happens to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from fakescan import engines
from fakescan.core.records import Calibration, Failure, Label, Prediction, ScoreKind, Stage
from fakescan.engines import device as device_module
from fakescan.engines.choosing import Greedy
from fakescan.engines.device import choose_placement
from fakescan.errors import ConfigError, ModelError
from fakescan.model.checkpoints.ours import LoadedModel
from fakescan.model.images import pixel_values
from fakescan.protocols import Engine
from tests.support.engines import PICTURES, close, engine, predictions
from tests.tiny import make_base


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("base"))


def test_it_is_an_engine(base: Path) -> None:
    assert isinstance(engine(base), Engine)


def test_a_row_does_not_depend_on_its_batch_or_order(base: Path) -> None:
    alone = predictions(engine(base, batch_size=1).infer(PICTURES))
    for size in (2, 3, 5):
        together = predictions(engine(base, batch_size=size).infer(PICTURES))
        for one, two in zip(alone, together, strict=True):
            assert close(one.before, two.before)
            assert close(one.after, two.after)
            assert one.stages == two.stages
            assert one.tokens == two.tokens
            assert one.steered_to == two.steered_to
    backwards = predictions(engine(base, batch_size=3).infer(PICTURES[::-1]))[::-1]
    assert all(
        close(one.after, two.after) and one.stages == two.stages for one, two in zip(alone, backwards, strict=True)
    )


def test_pictures_matter(base: Path) -> None:
    scores = [
        p.before.fake - p.before.real for p in predictions(engine(base).infer(PICTURES, reasoning=False)) if p.before
    ]
    assert len({round(score, 4) for score in scores}) == len(PICTURES)


def test_triage_is_the_first_score_without_text(base: Path) -> None:
    full = predictions(engine(base).infer(PICTURES))
    triage = predictions(engine(base).infer(PICTURES, reasoning=False))
    for one, two in zip(full, triage, strict=True):
        assert close(one.before, two.before)
        assert two.after is None
        assert two.stages == ()
        assert two.tokens == 0


def test_both_scores_equal_a_plain_forward_pass_without_cache(base: Path) -> None:
    """The cut-back cache, masks and positions against transformers' own forward over the whole sequence."""
    ours = engine(base, batch_size=5)
    stages: list[list[list[int]]] = []
    original = ours._stage

    def record(*arguments: Any) -> list[list[int]]:
        stages.append(original(*arguments))
        return stages[-1]

    ours._stage = record  # type: ignore[method-assign,assignment]
    results = predictions(ours.infer(PICTURES))
    prompt = ours.prompt
    for picture, result, caption, reasoning in zip(PICTURES, results, *stages, strict=True):
        pixels = pixel_values([picture.image], ours.info.preprocessing)
        end = () if ours._ended(caption, Stage.CAPTION) else prompt.caption_end
        tail = () if ours._ended(reasoning, Stage.REASONING) else prompt.reasoning_end
        text = (*caption, *end, *prompt.reasoning_start, *reasoning, *tail)
        sequences = {
            "before": (*prompt.head, *prompt.before),
            "after": (*prompt.head, *prompt.opening[result.steered_to], *text, *prompt.conclusion),
        }
        for name, ids in sequences.items():
            with torch.inference_mode():
                logits = ours.llava(input_ids=torch.tensor([ids]), pixel_values=pixels).logits[0, -1]
            pair = getattr(result, name)
            assert float(logits[ours.anchors.real_id]) == pytest.approx(pair.real, abs=1e-4)
            assert float(logits[ours.anchors.fake_id]) == pytest.approx(pair.fake, abs=1e-4)


def test_no_run_of_tokens_is_repeated() -> None:
    logits = torch.tensor([[0.0, 1.0, 2.0, 3.0]])
    assert Greedy(2)(logits.clone(), [[2, 3, 1, 2]]).tolist() == [2]  # "2 3" was there, so 3 is out
    assert Greedy(2)(logits.clone(), [[1, 3, 0, 2]]).tolist() == [3]
    assert Greedy(4)(logits.clone(), [[0, 1, 2, 3, 0, 1, 2]]).tolist() == [2]
    assert Greedy(0)(logits.clone(), [[3, 3, 3, 3]]).tolist() == [3]
    assert Greedy(4)(logits.clone(), [[]]).tolist() == [3]


def test_every_picture_gets_both_scores_whatever_the_text(base: Path) -> None:
    for prediction in predictions(engine(base, caption_limit_tokens=2, reasoning_limit_tokens=3).infer(PICTURES)):
        assert prediction.after is not None
        stages = {stage.stage: stage for stage in prediction.stages}
        assert stages[Stage.SUMMARY].complete
        assert stages[Stage.CONCLUSION].complete
        assert not stages[Stage.REASONING].complete  # random weights never close it, and the report must say so


def test_text_is_steered_to_the_side_of_the_first_score(base: Path) -> None:
    always_fake = Calibration(1.0, 50.0, 0.5, (0.4, 0.6), "nothing")
    always_real = Calibration(1.0, -50.0, 0.5, (0.4, 0.6), "nothing")
    undecided = Calibration(1e9, 0.1, 0.9, (0.1, 0.9), "nothing")
    for record, side in ((always_fake, Label.FAKE), (always_real, Label.REAL), (undecided, Label.FAKE)):
        outcome = predictions(engine(base, calibration={ScoreKind.BEFORE: record}).infer(PICTURES))
        assert {prediction.steered_to for prediction in outcome} == {side}
    after = predictions(engine(base, decides=ScoreKind.AFTER).infer(PICTURES))
    assert {prediction.steered_to for prediction in after} == {None}


def test_free_decoding_has_an_anchor_or_no_second_score(base: Path) -> None:
    outcome = predictions(engine(base, free=True, decides=ScoreKind.AFTER, seed=1).infer(PICTURES[:2]))
    for prediction in outcome:
        assert prediction.before is not None
        assert prediction.after is None  # random weights never write the anchor


def test_drawn_text_depends_on_the_seed_and_not_on_the_batch(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fakescan.engines.plain.FREE_LIMIT_TOKENS", 20)
    texts = []
    for seed, size in ((1, 1), (1, 3), (2, 3)):
        own = engine(base, free=True, decides=ScoreKind.AFTER, seed=seed, batch_size=size)
        drawn: list[str] = []
        monkeypatch.setattr(own, "_text", lambda row, drawn=drawn: drawn.append(str(list(row))) or "")
        own.infer(PICTURES[:3])
        texts.append(drawn)
    assert texts[0] == texts[1] != texts[2]


def test_out_of_memory_halves_the_batch_and_changes_nothing(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = predictions(engine(base, batch_size=2).infer(PICTURES))
    own = engine(base, batch_size=5)
    real = own._batch

    def small_memory(images: Any, *, reasoning: bool) -> Any:
        if len(images) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return real(images, reasoning=reasoning)

    monkeypatch.setattr(own, "_batch", small_memory)
    outcome = predictions(own.infer(PICTURES))
    assert own.batch_size == 2
    assert all(
        close(one.after, two.after) and one.stages == two.stages for one, two in zip(expected, outcome, strict=True)
    )


def test_no_memory_for_one_picture_is_that_picture_s_failure(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = engine(base, batch_size=2)
    real = own._batch

    def picky(images: Any, *, reasoning: bool) -> Any:
        if any(image.sha256 == PICTURES[1].sha256 for image in images):
            raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")
        return real(images, reasoning=reasoning)

    monkeypatch.setattr(own, "_batch", picky)
    outcome = own.infer(PICTURES[:3], reasoning=False)
    assert isinstance(outcome[1], Failure)
    assert outcome[1].code == "out-of-memory"
    assert isinstance(outcome[0], Prediction)
    assert isinstance(outcome[2], Prediction)


def test_other_faults_of_the_device_end_the_run(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = engine(base)

    def broken(images: Any, *, reasoning: bool) -> Any:
        raise RuntimeError("device-side assert")

    monkeypatch.setattr(own, "_batch", broken)
    with pytest.raises(ModelError, match="device-side assert"):
        own.infer(PICTURES)


def test_dynamic_int8_is_close_and_named(base: Path) -> None:
    own = engine(base, dtype="int8")
    assert own.identity.dtype == "int8"
    exact = predictions(engine(base).infer(PICTURES, reasoning=False))
    for one, two in zip(exact, predictions(own.infer(PICTURES, reasoning=False)), strict=True):
        assert one.before
        assert two.before
        assert abs((one.before.fake - one.before.real) - (two.before.fake - two.before.real)) < 0.3


def test_placement_faults_are_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    for device, dtype, told in (
        ("tpu9", "auto", "no device"),
        ("cuda:7", "auto", "not available"),
        ("cpu", "float8", "unknown"),
    ):
        with pytest.raises(ConfigError, match=told):
            choose_placement(device, dtype)
    monkeypatch.setattr(device_module, "bfloat16_works_on_cpu", lambda: False)
    with pytest.raises(ConfigError, match="bfloat16 does not run"):
        choose_placement("cpu", "bfloat16")
    assert choose_placement("cpu", "auto").dtype_name == "float32"


def test_a_crashing_probe_means_no_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_module, "_BF16_PROBE", "import os; os.abort()")
    assert device_module.bfloat16_works_on_cpu() is False
    monkeypatch.setattr(device_module, "_BF16_PROBE", "pass")
    assert device_module.bfloat16_works_on_cpu() is True


def test_unknown_names_get_near_misses(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        engines.engine_class("plane")
    assert "plain" in caught.value.hint
    assert engines.engine_class("auto").name == "slot"
    with pytest.raises(ModelError, match="did you mean nano"):
        engines.model_folder("nanno")
    assert engines.model_folder(str(tmp_path)) == tmp_path


def test_a_calibration_of_the_users_own_goes_before_the_checkpoints(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace
    from datetime import UTC, datetime

    from fakescan.core.calibration_file import OwnCalibration, Promise, binding_of, own_to_json

    shipped = {kind: Calibration(10.0, 0.0, 0.5, (0.5, 0.5), "shipped") for kind in ScoreKind}
    made = engine(base, calibration=shipped)
    loaded = LoadedModel(made.info, made.llava, made.tokenizer)
    monkeypatch.setattr("fakescan.model.checkpoints.load_any", lambda folder, dtype=None: loaded)
    own = Calibration(10.0, 0.0, 1.0, (0.0, 1.0), "own photographs")
    binding = binding_of(made.info.weights_sha256, made.info.prompt_version, "float32", ScoreKind.BEFORE, "greedy")
    promise = Promise(0.05, 0.95, 100, 0)
    file = OwnCalibration(binding, "tiny", promise, own, datetime(2026, 1, 1, tzinfo=UTC), "0")
    place = tmp_path / "own.json"
    place.write_text(own_to_json(file), "utf-8")
    settings: dict[str, Any] = {"name": "plain", "device": "cpu", "dtype": "float32", "calibration": str(place)}
    found = engines.load(**settings)
    assert found.calibration == {ScoreKind.BEFORE: own, ScoreKind.AFTER: shipped[ScoreKind.AFTER]}
    assert engines.load(**(settings | {"calibration": None})).calibration == shipped
    with pytest.raises(ConfigError, match="another deciding score"):
        engines.load(score=ScoreKind.AFTER, **settings)
    with pytest.raises(ConfigError, match="another version of the decoder"):
        engines.load(draft=True, **settings)
    other = replace(file, binding=replace(binding, weights_sha256="1" * 64))
    place.write_text(own_to_json(other), "utf-8")
    with pytest.raises(ConfigError, match="other weights"):
        engines.load(**settings)
