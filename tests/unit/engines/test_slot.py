"""The slot engine against the plain one: the same words and scores, whatever runs beside a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from fakescan import engines
from fakescan.core.checked import GivenText, Reread
from fakescan.core.records import Calibration, Failure, Label, Prediction, ScoreKind
from fakescan.engines.base import BATCH_AUTO
from fakescan.engines.cache import StaticCache
from fakescan.engines.slot import SlotEngine
from fakescan.errors import ModelError
from fakescan.protocols import Engine, ReadsAgain, SeesViews
from tests.support.engines import PICTURES, Picture, close, engine, loaded, predictions, same, slot_engine
from tests.tiny import make_base

MANY = [Picture(number) for number in range(11)]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def expected(base: Path) -> list[Prediction]:
    return predictions(engine(base, batch_size=1).infer(MANY))


def test_it_is_an_engine(base: Path) -> None:
    own = slot_engine(base)
    assert isinstance(own, Engine)
    assert isinstance(own, SeesViews)
    assert isinstance(own, ReadsAgain)
    assert own.identity.engine == "slot"


@pytest.mark.parametrize("refill", [True, False])
@pytest.mark.parametrize("size", [1, 3, 8])
def test_it_answers_like_the_plain_engine(base: Path, expected: list[Prediction], size: int, refill: bool) -> None:
    own = slot_engine(base, batch_size=size)
    own.refill = refill
    assert all(same(*pair) for pair in zip(expected, predictions(own.infer(MANY)), strict=True))
    backwards = predictions(own.infer(MANY[::-1]))[::-1]
    assert all(same(*pair) for pair in zip(expected, backwards, strict=True))


def test_rows_that_end_at_different_times_change_nothing(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stages of other lengths for other pictures, so that rows leave, move and are taken again."""

    def by_content(self: Any, tokens: list[int], stage: object) -> bool:
        return len(tokens) > 1 and sum(tokens) % 7 == 0

    monkeypatch.setattr("fakescan.engines.base.ModelEngine._ended", by_content)
    alone = predictions(engine(base, batch_size=1).infer(MANY))
    assert len({one.tokens for one in alone}) > 3
    for size in (1, 3, 4):
        assert all(
            same(*pair) for pair in zip(alone, predictions(slot_engine(base, batch_size=size).infer(MANY)), strict=True)
        )


def test_patient_rows_write_the_same(base: Path, expected: list[Prediction], monkeypatch: pytest.MonkeyPatch) -> None:
    from fakescan.engines import slots

    real: Any = slots.Slots.__init__
    monkeypatch.setattr(slots.Slots, "__init__", lambda self, *rest: real(self, *rest[:3], 3))
    found = predictions(slot_engine(base, batch_size=4).infer(MANY))
    assert all(same(*pair) for pair in zip(expected, found, strict=True))


def test_triage_gives_the_first_score_alone(base: Path, expected: list[Prediction]) -> None:
    own = slot_engine(base)
    for chunk in (1, 3, 16):
        own.chunk = chunk
        for one, two in zip(expected, predictions(own.infer(MANY, reasoning=False)), strict=True):
            assert close(one.before, two.before)
            assert (two.after, two.stages, two.tokens) == (None, (), 0)


def test_a_picture_that_was_scored_is_not_looked_at_again(
    base: Path, expected: list[Prediction], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = slot_engine(base, batch_size=2)
    own.infer(MANY, reasoning=False)
    looked: list[int] = []
    real = own.visual

    def look(images: Any) -> torch.Tensor:
        looked.append(len(images))
        return real(images)

    monkeypatch.setattr(own, "visual", look)
    found = predictions(own.infer(MANY[2:6]))
    assert looked == []
    assert all(same(*pair) for pair in zip(expected[2:6], found, strict=True))
    altered = Picture(3)
    altered.sha256 = MANY[2].sha256  # other pixels under the digest of a known file, as checks make them
    [again] = predictions(own.infer([altered]))
    assert looked == [1]
    assert same(again, expected[3])


def test_it_is_steered_like_the_plain_engine(base: Path) -> None:
    for bias in (50.0, -50.0):
        record = {ScoreKind.BEFORE: Calibration(1.0, bias, 0.5, (0.4, 0.6), "nothing")}
        one = predictions(engine(base, calibration=record).infer(PICTURES))
        two = predictions(slot_engine(base, calibration=record).infer(PICTURES))
        assert {answer.steered_to for answer in two} == {Label.FAKE if bias > 0 else Label.REAL}
        assert all(same(*pair) for pair in zip(one, two, strict=True))
    one = predictions(engine(base, decides=ScoreKind.AFTER).infer(PICTURES))
    two = predictions(slot_engine(base, decides=ScoreKind.AFTER).infer(PICTURES))
    assert {answer.steered_to for answer in two} == {None}
    assert all(same(*pair) for pair in zip(one, two, strict=True))


def test_drawn_text_is_that_of_the_plain_engine(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fakescan.engines.plain.FREE_LIMIT_TOKENS", 20)
    monkeypatch.setattr("fakescan.engines.slot.FREE_LIMIT_TOKENS", 20)
    texts = []
    for make, size in ((engine, 2), (slot_engine, 1), (slot_engine, 3)):
        own = make(base, free=True, decides=ScoreKind.AFTER, seed=1, batch_size=size)
        drawn: dict[str, None] = {}
        monkeypatch.setattr(own, "_text", lambda row, drawn=drawn: drawn.setdefault(str(list(row))) or "")
        answers = predictions(own.infer(PICTURES))
        assert all(answer.after is None for answer in answers)  # random weights never write the anchor
        texts.append(sorted(drawn))
    assert texts[0] == texts[1] == texts[2]
    assert len(texts[0]) == len(PICTURES)


def test_it_reads_again_like_the_plain_engine(base: Path) -> None:
    texts = [
        GivenText(None, "A dog on grass.", ("Soft edges.", "This image is real.")),
        GivenText(Label.FAKE, "", ("Soft edges.",)),
        GivenText(Label.REAL, "A dog.", ()),
    ]
    pictures = PICTURES[:3]
    for one, two in zip(engine(base).reread(pictures, texts), slot_engine(base).reread(pictures, texts), strict=True):
        assert isinstance(one, Reread)
        assert isinstance(two, Reread)
        for first, second in ((one.before, two.before), (one.after, two.after)):
            assert first.real == pytest.approx(second.real, abs=1e-4)
            assert first.fake == pytest.approx(second.fake, abs=1e-4)
        assert one.likelihoods == pytest.approx(two.likelihoods, abs=1e-4)


def test_out_of_memory_makes_do_with_less_and_changes_nothing(
    base: Path, expected: list[Prediction], monkeypatch: pytest.MonkeyPatch
) -> None:
    from fakescan.engines import slot

    own, real = slot_engine(base, batch_size=8), StaticCache

    def small(shape: Any, rows: int, columns: int) -> Any:
        if rows > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return real(shape, rows, columns)

    monkeypatch.setattr(slot, "StaticCache", small)
    assert all(same(*pair) for pair in zip(expected, predictions(own.infer(MANY)), strict=True))
    assert own.slots == 2
    assert own.batch_size == 4


def test_no_memory_in_the_middle_keeps_what_is_done(
    base: Path, expected: list[Prediction], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = slot_engine(base, batch_size=1)
    own.chunk = 1
    real = own.visual

    def picky(images: Any) -> Any:
        if any(image is MANY[3] for image in images):
            raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")
        return real(images)

    monkeypatch.setattr(own, "visual", picky)
    for reasoning in (True, False):
        found = own.infer(MANY[:6], reasoning=reasoning)
        assert isinstance(found[3], Failure)
        assert found[3].code == "out-of-memory"
        rest = [(one, two) for at, (one, two) in enumerate(zip(expected, found, strict=False)) if at != 3]
        assert all(isinstance(two, Prediction) and close(one.before, two.before) for one, two in rest)


def test_other_faults_of_the_device_end_the_run(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = slot_engine(base)

    def broken(images: Any) -> Any:
        raise RuntimeError("device-side assert")

    monkeypatch.setattr(own, "visual", broken)
    with pytest.raises(ModelError, match="device-side assert"):
        own.infer(PICTURES)


def test_what_fits_is_chosen_and_a_number_is_kept(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert slot_engine(base, batch_size=5).slots == 5
    assert slot_engine(base, batch_size=BATCH_AUTO).slots == 8
    monkeypatch.setattr("fakescan.engines.slot.free_bytes", lambda device: 0)
    assert slot_engine(base, batch_size=BATCH_AUTO).slots == 1


def test_int8_is_close_and_named(base: Path, expected: list[Prediction]) -> None:
    own = slot_engine(base, dtype="int8")
    assert own.identity.dtype == "int8"
    for one, two in zip(expected, predictions(own.infer(MANY)), strict=True):
        assert one.before
        assert two.before
        assert abs((one.before.fake - one.before.real) - (two.before.fake - two.before.real)) < 0.3
        assert two.after is not None


def test_int8_scores_are_those_of_the_plain_engine_s_int8(base: Path) -> None:
    own = slot_engine(base, dtype="int8")
    first = predictions(engine(base, dtype="int8", batch_size=1).infer(PICTURES, reasoning=False))
    found = predictions(own.infer(PICTURES, reasoning=False))
    # Activations are quantised pass by pass: neighbours in a pass would show.
    assert [one.before for one in predictions(own.infer(PICTURES[::-1], reasoning=False))[::-1]] == [
        one.before for one in found
    ]
    for one, two in zip(first, found, strict=True):
        assert one.before
        assert two.before
        assert two.before.fake - two.before.real == pytest.approx(one.before.fake - one.before.real, abs=0.1)


def test_another_language_model_is_run_by_the_plain_engine(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = loaded(base)
    config = model.llava.config.text_config
    config.rope_parameters = dict(config.rope_parameters) | {"rope_type": "dynamic", "factor": 2.0}
    with pytest.raises(ModelError, match="does not run a LlamaModel"):
        SlotEngine(model, slot_engine(base).placement, slot_engine(base).options)
    monkeypatch.setattr("fakescan.model.checkpoints.load_any", lambda folder, dtype=None: model)
    assert engines.load(device="cpu", dtype="float32").identity.engine == "plain"
    monkeypatch.setattr("fakescan.model.checkpoints.load_any", lambda folder, dtype=None: loaded(base))
    assert engines.load(device="cpu", dtype="float32").identity.engine == "slot"
