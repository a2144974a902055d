"""A given answer read again by a tiny random LLaVA: the same numbers as when it wrote it, and right likelihoods."""

from __future__ import annotations

import pytest
import torch
from PIL import Image

from fakescan.checks.claims import sentences_of
from fakescan.core.checked import GivenText, Reread
from fakescan.core.records import Failure, LogitPair, Prediction, Stage
from fakescan.engines.decoding import Sequences
from fakescan.engines.device import choose_placement
from fakescan.engines.plain import EngineOptions, PlainEngine
from fakescan.model.build import load_base, load_tokenizer
from fakescan.model.checkpoints.ours import CheckpointInfo, LoadedModel
from fakescan.model.images import Preprocessing
from fakescan.protocols import ReadsAgain
from tests.support.looking import checkerboard, decoded
from tests.tiny import make_base

TEXT = GivenText(None, "A dog on grass.", ("Soft edges.", "From low-level perspective: This image is real."))
PICTURES = [decoded(checkerboard(size_px=40)), decoded(Image.new("RGB", (50, 30), (200, 30, 60)))]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> PlainEngine:
    base = make_base(tmp_path_factory.mktemp("base"))
    info = CheckpointInfo("tiny", str(base), "tiny", "chatml", Preprocessing(32, ("square", "native")), 2, None, 10.0)
    torch.manual_seed(0)
    loaded = LoadedModel(info, load_base(base, projector_pooling=2), load_tokenizer(base))
    return PlainEngine(loaded, choose_placement("cpu", "float32"), EngineOptions(4, reasoning_limit_tokens=20))


def read(engine: PlainEngine, *texts: GivenText) -> list[Reread]:
    pictures = [PICTURES[number % 2] for number in range(len(texts))]
    found = engine.reread(pictures, texts)
    assert all(isinstance(one, Reread) for one in found)
    return [one for one in found if isinstance(one, Reread)]


def near(one: LogitPair | None, two: LogitPair | None) -> bool:
    assert one
    assert two
    return one.real == pytest.approx(two.real, abs=1e-4) and one.fake == pytest.approx(two.fake, abs=1e-4)


def test_the_plain_engine_reads_again(engine: PlainEngine) -> None:
    assert isinstance(engine, ReadsAgain)


def test_the_score_before_any_text_is_that_of_a_scan(engine: PlainEngine) -> None:
    scanned = engine.infer(PICTURES, reasoning=False)
    for one, two in zip(read(engine, TEXT, TEXT), scanned, strict=True):
        assert isinstance(two, Prediction)
        assert near(one.before, two.before)


def test_a_row_does_not_depend_on_its_batch(engine: PlainEngine) -> None:
    shorter = GivenText(None, "", ("Soft edges.",))
    nothing = GivenText(None, "A dog.", ())
    together = read(engine, TEXT, shorter, TEXT, nothing)
    for number, text in enumerate((TEXT, shorter, TEXT, nothing)):
        [alone] = [one for one in engine.reread([PICTURES[number % 2]], [text]) if isinstance(one, Reread)]
        assert near(alone.after, together[number].after)
        assert alone.likelihoods == pytest.approx(together[number].likelihoods, abs=1e-4)
    assert [len(one.likelihoods) for one in together] == [2, 1, 2, 0]


def test_likelihoods_are_those_of_a_single_pass(engine: PlainEngine) -> None:
    prompt, tokenizer = engine.prompt, engine.tokenizer
    caption = tokenizer.encode(" " + TEXT.caption, add_special_tokens=False)
    start = [*prompt.head, *prompt.opening[None], *caption, *prompt.caption_end, *prompt.reasoning_start]
    sentences = [tokenizer.encode(" " + one, add_special_tokens=False) for one in TEXT.sentences]
    ids = [*start, *sentences[0], *sentences[1]]
    with torch.inference_mode():
        sequences = Sequences(engine.llava, 1)
        hidden = sequences.append([ids], engine.visual(PICTURES[:1]))
        told = engine.llava.lm_head(hidden[0]).float().log_softmax(-1)
    values = [float(told[place - 1, ids[place]]) for place in range(len(start), len(ids))]
    expected = [
        sum(values[: len(sentences[0])]) / len(sentences[0]),
        sum(values[len(sentences[0]) :]) / len(sentences[1]),
    ]
    assert read(engine, TEXT)[0].likelihoods == pytest.approx(expected, abs=1e-4)


def test_its_own_answer_gives_its_own_score_after_the_text(engine: PlainEngine) -> None:
    [own] = engine.infer(PICTURES[:1])
    assert isinstance(own, Prediction)
    texts = {stage.stage: stage.text for stage in own.stages}
    given = GivenText(own.steered_to, texts[Stage.CAPTION], tuple(sentences_of(texts[Stage.REASONING])))
    [again] = read(engine, given)
    if "�" not in texts[Stage.CAPTION] + texts[Stage.REASONING]:  # random weights write half characters
        assert near(again.before, own.before)
    assert all(value < 0 for value in again.likelihoods)


def test_another_picture_and_another_text_give_other_numbers(engine: PlainEngine) -> None:
    one, two = read(engine, TEXT, TEXT)
    assert not near(one.after, two.after)
    other = GivenText(None, TEXT.caption, TEXT.sentences[:1])
    assert not near(one.after, read(engine, other)[0].after)


def test_out_of_memory_halves_the_batch(engine: PlainEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = read(engine, TEXT, TEXT, TEXT)
    real = engine._reread

    def small(images: list[object], texts: list[GivenText]) -> list[Reread]:
        if len(images) > 1:
            raise MemoryError
        return real(images, texts)  # type: ignore[arg-type]

    monkeypatch.setattr(engine, "_size", 4)
    monkeypatch.setattr(engine, "_reread", small)
    for one, two in zip(read(engine, TEXT, TEXT, TEXT), expected, strict=True):
        assert near(one.after, two.after)
    monkeypatch.setattr(engine, "_reread", lambda images, texts: (_ for _ in ()).throw(MemoryError()))
    assert all(isinstance(one, Failure) for one in engine.reread(PICTURES, [TEXT, TEXT]))
