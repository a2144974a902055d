"""Records, augmentation, cached features and sampling."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fakescan.core.answer import full_answer
from fakescan.core.records import Label
from fakescan.errors import DataError
from fakescan.model.build import image_embeddings, load_base, tower_features
from fakescan.model.images import Preprocessing, pixel_values
from fakescan.model.prompt import QUESTION
from fakescan_trainer.config import DataConfig
from fakescan_trainer.data.augment import augmented
from fakescan_trainer.data.features import FeatureCache, JoinedCaches, extend_cache
from fakescan_trainer.data.mmfr import Record, read_records
from fakescan_trainer.data.source import TrainingData
from fakescan_trainer.sampling import Sampler, source_weights
from tests.trainer.conftest import record

PREP = Preprocessing(32, ("square",))


def test_three_forms_of_records(mmfr: Path) -> None:
    train = read_records(mmfr / "forgery_reasoning_cot.json")
    assert Counter((r.label, bool(r.reasoning)) for r in train) == {
        (side, full): 4 for side in (Label.REAL, Label.FAKE) for full in (True, False)
    }
    captions = read_records(mmfr / "captions.json")
    assert all(r.label is None and r.caption == "A coloured picture." for r in captions)


def test_the_leaking_sentence_is_taken_off_and_kept_apart(mmfr: Path, tmp_path: Path) -> None:
    image = read_records(mmfr / "captions.json")[0].image
    answer = (
        "<SUMMARY> s </SUMMARY> <CAPTION> c </CAPTION> <REASONING> From low-level perspective: x. "
        "Therefore, this image is fake. </REASONING> <CONCLUSION> This image is fake. </CONCLUSION>"
    )
    (mmfr / "leak.json").write_text(json.dumps([record(image, "q", answer, "s")]), "utf-8")
    assert read_records(mmfr / "leak.json")[0].reasoning == "From low-level perspective: x."


def test_faulty_records_are_listed_and_nothing_is_returned(mmfr: Path) -> None:
    rows = [
        record("missing.png", "q", "a caption", "s"),
        record("../outside.png", "q", "a caption", "s"),
        {"image": "x.png"},
        record("fake0/0.png", "q", "<CONCLUSION> Who knows. </CONCLUSION>", "s"),
        {
            "image": "fake0/0.png",
            "conversations": [{"from": "human", "value": "no picture"}, {"from": "gpt", "value": "a"}],
        },
    ]
    (mmfr / "faulty.json").write_text(json.dumps(rows), "utf-8")
    with pytest.raises(DataError) as caught:
        read_records(mmfr / "faulty.json")
    for part in ("no image at missing.png", "leaves the root", "record 2", "neither real nor fake", "no <image>"):
        assert part in caught.value.message


def test_attribute_names_that_the_label_does_not_have_are_faults(mmfr: Path) -> None:
    rows = json.loads((mmfr / "forgery_reasoning_cot.json").read_text("utf-8"))[:3]  # fake, real, fake
    rows[0]["attributes"] = {"Semantic Irrationality": "Six fingers.", "Low Image Quality": None}
    rows[1]["attributes"] = {"Semantic Irrationality": "Six fingers.", "Nice Colours": "Yes."}
    rows[2]["attributes"] = ["Semantic Irrationality"]
    path = mmfr / "attributes.json"
    path.write_text(json.dumps(rows), "utf-8")
    with pytest.raises(DataError) as fault:
        read_records(path)
    text = str(fault.value)
    assert "record 0" not in text
    assert "record 1: unknown attributes for a real image: 'Nice Colours', 'Semantic Irrationality'" in text
    assert "record 2: attributes must be an object" in text


def test_a_file_that_is_no_list(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}", "utf-8")
    with pytest.raises(DataError, match="not a list"):
        read_records(tmp_path / "x.json")


@pytest.mark.parametrize(("said", "told"), [("fake", None), ("real", "REASONING ends with 'real'")])
def test_a_reasoning_that_ends_on_the_other_side_is_a_fault(mmfr: Path, said: str, told: str | None) -> None:
    answer = full_answer("A cat.", f"Odd edges. Therefore, this image is {said}.", Label.FAKE)
    (mmfr / "ends.json").write_text(json.dumps([record("fake0/0.png", QUESTION, answer, "s")]), "utf-8")
    if told is None:
        assert read_records(mmfr / "ends.json")[0].reasoning == "Odd edges."
        return
    with pytest.raises(DataError, match=told):
        read_records(mmfr / "ends.json")


@pytest.mark.parametrize("name", ["meta.json", "index.jsonl", "features.bin"])
def test_a_damaged_feature_cache_is_one_clear_error(tiny_base: Path, mmfr: Path, tmp_path: Path, name: str) -> None:
    model = load_base(tiny_base, projector_pooling=2)
    for _ in extend_cache(tmp_path / "c", model, PREP, mmfr, [("fake0/0.png", 0)]):
        pass
    data = (tmp_path / "c" / name).read_bytes()
    (tmp_path / "c" / name).write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match="feature cache"):
        FeatureCache(tmp_path / "c")


def test_augmentation_is_a_function_of_its_seed_and_hides_the_aspect_ratio() -> None:
    image = Image.effect_noise((400, 300), 50).convert("RGB")
    one, two, other = (augmented(image, seed) for seed in ("a#1", "a#1", "a#2"))
    assert np.array_equal(np.asarray(one), np.asarray(two))
    assert one.size != other.size or not np.array_equal(np.asarray(one), np.asarray(other))
    assert one.width == one.height


def test_cached_features_equal_live_ones_and_a_stopped_cache_goes_on(
    tiny_base: Path, mmfr: Path, tmp_path: Path
) -> None:
    model = load_base(tiny_base, projector_pooling=2)
    wanted = [(f"fake0/{n}.png", v) for n in (0, 4, 8) for v in (0, 1)]
    cache = tmp_path / "cache"
    for _ in extend_cache(cache, model, PREP, mmfr, wanted[:2], batch_size=2):
        pass
    with (cache / "features.bin").open("ab") as file:
        file.write(b"half a row")  # the plug was pulled while a row was written
    assert list(extend_cache(cache, model, PREP, mmfr, wanted, batch_size=2))[-1] == 6
    opened = FeatureCache(cache)
    with torch.inference_mode():
        live = image_embeddings(model, tower_features(model, pixel_values([Image.open(mmfr / "fake0/8.png")], PREP)), 1)
        cached = image_embeddings(model, opened["fake0/8.png#0"], 1)
    assert torch.allclose(live, cached, atol=2e-2)  # the cache is float16
    with pytest.raises(DataError, match="other views"):
        next(extend_cache(cache, model, Preprocessing(32, ("square", "native")), mmfr, wanted))


def test_records_without_features_are_left_out_and_counted(tiny_base: Path, mmfr: Path, tmp_path: Path) -> None:
    model = load_base(tiny_base, projector_pooling=2)
    for _ in extend_cache(tmp_path / "c", model, PREP, mmfr, [("fake0/0.png", 0), ("real1/1.png", 0)]):
        pass
    data = TrainingData(DataConfig(root=str(mmfr), features=(str(tmp_path / "c"),), variants=(1,)), PREP)
    assert len(data.labelled) == 2
    assert data.left_out == 14
    assert data.vision(data.labelled, np.random.default_rng(0)).shape == (2, 1, 5, 64)


def test_images_in_training_and_validation_are_refused(mmfr: Path) -> None:
    with pytest.raises(DataError, match="in training and in validation"):
        TrainingData(DataConfig(root=str(mmfr), validation=("forgery_reasoning_cot.json",)), PREP)


def rows(sizes: dict[tuple[Label, str], int]) -> list[Record]:
    return [Record("i", label, "", "", source) for (label, source), size in sizes.items() for _ in range(size)]


def test_weights_balance_labels_and_square_root_sources() -> None:
    records = rows({(Label.FAKE, "a"): 4, (Label.FAKE, "b"): 16, (Label.REAL, "c"): 1})
    weights = source_weights(records)
    assert weights[20:].sum() == pytest.approx(0.5)
    assert weights[:4].sum() / weights[4:20].sum() == pytest.approx(2 / 4)


def test_epochs_see_every_record_once_and_draws_need_no_state() -> None:
    records = rows({(Label.REAL, "a"): 10})
    sampler = Sampler(records, 3, balance=False)
    seen = [i for step in range(5) for i in sampler.draw(step, 2)]
    assert sorted(seen) == list(range(10))
    again = Sampler(records, 3, balance=False)
    assert again.draw(3, 2) == seen[6:8]
    balanced = Sampler(records, 3, balance=True)
    assert balanced.draw(7, 4) == Sampler(records, 3, balance=True).draw(7, 4)


def test_caches_of_several_views_are_read_side_by_side(tiny_base: Path, mmfr: Path, tmp_path: Path) -> None:
    model = load_base(tiny_base, projector_pooling=2)
    size = model.config.vision_config.image_size
    names = [f"fake0/{number}.png" for number in (0, 4)]
    prep = Preprocessing(size, ("square", "native"))
    for view, kept in zip(prep.views, (names, names[:1]), strict=True):
        wanted = [(name, 0) for name in kept]
        list(extend_cache(tmp_path / view, model, Preprocessing(size, (view,)), mmfr, wanted))
    both = tmp_path / "both"
    list(extend_cache(both, model, prep, mmfr, [(names[0], 0)]))
    joined = JoinedCaches([tmp_path / "square", tmp_path / "native"])
    assert joined.views == 2
    assert torch.equal(joined.features(f"{names[0]}#0"), FeatureCache(both)[f"{names[0]}#0"])
    assert not joined.holds(f"{names[1]}#0")
    assert joined.holds(f"{names[1]}#0", 1)
    assert torch.equal(JoinedCaches([both]).features(f"{names[0]}#0", 1), joined.features(f"{names[0]}#0", 1))
    folders = tuple(str(tmp_path / view) for view in ("square", "native"))
    config = DataConfig(root=str(mmfr), captions=("captions.json",), features=folders, caption_views=1)
    data = TrainingData(config, prep)
    assert [record.image for record in data.labelled] == [names[0]]
    assert {record.image for record in data.captions} == set(names)  # their second view is not needed
    rng = np.random.default_rng(0)
    assert data.vision(data.captions, rng, views=1).shape[1] == 1
    assert data.vision(data.labelled, rng).shape[1] == 2
    with pytest.raises(DataError, match="views"):
        TrainingData(config, PREP)


def test_caches_of_another_pooling_do_not_mix(tiny_base: Path, mmfr: Path, tmp_path: Path) -> None:
    for pooling in (1, 2):
        model = load_base(tiny_base, projector_pooling=pooling)
        list(extend_cache(tmp_path / str(pooling), model, PREP, mmfr, [("fake0/0.png", 0)]))
    with pytest.raises(DataError, match="different towers or poolings"):
        JoinedCaches([tmp_path / "1", tmp_path / "2"])
