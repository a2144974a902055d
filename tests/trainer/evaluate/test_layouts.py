"""Test sets of every layout to labelled samples, and what is said about those that cannot be read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fakescan.core.answer import full_answer
from fakescan.core.records import Label
from fakescan.errors import ConfigError, DataError
from fakescan.model.prompt import QUESTION
from fakescan_trainer.evaluate.layouts import fewer, given_folders, read_test_set
from fakescan_trainer.evaluate.presets import PRESETS, preset, read_preset
from fakescan_trainer.evaluate.samples import TestSet


def touch(root: Path, *names: str) -> None:
    for name in names:
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"x")


def rows(found: TestSet) -> list[tuple[str, bool, str]]:
    return [(sample.path, sample.fake, sample.group) for sample in found.samples]


def test_plain_folders(tmp_path: Path) -> None:
    touch(tmp_path, "real/a.jpg", "fake/b.png", "fake/c.webp", "fake/notes.txt", "fake/.hidden.png")
    found = read_test_set(tmp_path)
    assert found.layout == "folders"
    assert rows(found) == [("fake/b.png", True, ""), ("fake/c.webp", True, ""), ("real/a.jpg", False, "")]
    assert (found.fakes, found.reals) == (2, 1)


def test_plain_folders_with_sources(tmp_path: Path) -> None:
    touch(tmp_path, "real/press/a.jpg", "fake/flux/deep/b.png")
    assert rows(read_test_set(tmp_path)) == [
        ("fake/flux/deep/b.png", True, "flux"),
        ("real/press/a.jpg", False, "press"),
    ]


def test_a_folder_for_each_generator(tmp_path: Path) -> None:
    touch(tmp_path, "dalle/0_real/a.jpg", "dalle/1_fake/b.jpg", "progan/cat/1_fake/c.png", "progan/cat/0_real/d.png")
    touch(tmp_path, "sd/imagenet_ai_0419/val/ai/e.png", "sd/imagenet_ai_0419/val/nature/f.JPEG", "stray.png")
    found = read_test_set(tmp_path)
    assert found.layout == "generators"
    assert {(sample.group, sample.fake) for sample in found.samples} == {
        (group, fake) for group in ("dalle", "progan", "sd") for fake in (False, True)
    }
    assert found.notes == ("1 images below no folder that names a label were left out",)


def test_the_folder_nearest_to_the_image_gives_the_label(tmp_path: Path) -> None:
    touch(tmp_path, "fake/0_real/a.png")
    assert rows(read_test_set(tmp_path)) == [("fake/0_real/a.png", False, "fake")]


def test_csv_lists(tmp_path: Path) -> None:
    touch(tmp_path, "pics/a.png", "pics/b.png")
    place = tmp_path / "list.csv"
    place.write_text("\ufeffPath,Label,generator,era\npics/b.png,1,flux,new\npics/a.png,real,,old\n", "utf-8")
    assert rows(read_test_set(place)) == [("pics/a.png", False, ""), ("pics/b.png", True, "flux")]
    assert [group for _, _, group in rows(read_test_set(place, by="era"))] == ["old", "new"]
    moved = tmp_path / "elsewhere" / "list.csv"
    moved.parent.mkdir()
    moved.write_bytes(place.read_bytes())
    with pytest.raises(DataError, match="where the list says") as fault:
        read_test_set(moved)
    assert "--root" in fault.value.hint
    assert read_test_set(moved, root=tmp_path).samples[0].file == tmp_path / "pics/a.png"


def test_manifests_with_annotations(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "b.png", "c.png")
    lines = [
        {
            "path": "a.png", "label": "fake", "source": "s1", "generator": "g1", "split": "test", "matched": "m",
            "sha256": "11",
        },
        {"path": "b.png", "label": "real", "source": "s2", "generator": None, "split": "test"},
        {"path": "c.png", "label": "real", "source": "s2", "split": "train"},
    ]  # fmt: skip
    (tmp_path / "manifest.jsonl").write_text("\n".join(map(json.dumps, lines)), "utf-8")
    attributes = {"Low Image Quality": "q", "Anomalous Image Texture": "t", "Irregular Image Edges": None}
    (tmp_path / "annotations.jsonl").write_text(json.dumps({"path": "a.png", "attributes": attributes}), "utf-8")
    found = read_test_set(tmp_path, split="test")
    assert rows(found) == [("a.png", True, "s1"), ("b.png", False, "s2")]
    assert [(sample.matched, sample.sha256, sample.reference) for sample in found.samples] == [
        ("m", "11", "t q"),
        ("", "", ""),
    ]
    assert len(read_test_set(tmp_path).samples) == 3
    assert rows(read_test_set(tmp_path, by="generator", split="test"))[0][2] == "g1"
    with pytest.raises(DataError, match="no row of the split 'dev'; there are 'test', 'train'"):
        read_test_set(tmp_path, split="dev")
    with pytest.raises(DataError, match="no column 'nothing'"):
        read_test_set(tmp_path, by="nothing")


def test_the_papers_layout(tmp_path: Path) -> None:
    touch(tmp_path, "evaluation_sets/gigagan/0_real/r.png", "evaluation_sets/gigagan/1_fake/f.png")
    table = {"gigagan/1_fake/f.png": {"Low Image Quality": "q", "Irregular Image Edges": "e"}}
    place = tmp_path / "evaluation_sets/gigagan/gigagan_reasoning.json"
    place.write_text(json.dumps(table), "utf-8")
    found = read_test_set(tmp_path)
    assert found.layout == "mmfr"
    assert rows(found) == [("gigagan/0_real/r.png", False, "gigagan"), ("gigagan/1_fake/f.png", True, "gigagan")]
    assert [sample.reference for sample in found.samples] == ["", "e q"]
    alone = read_test_set(place)
    assert rows(alone) == [("gigagan/1_fake/f.png", True, "gigagan")]
    assert alone.samples[0].file.is_file()


def test_conversations(tmp_path: Path) -> None:
    touch(tmp_path, "x/a.png")
    turns = [
        {"from": "human", "value": f"<image>\n{QUESTION}"},
        {"from": "gpt", "value": full_answer("A dog.", "From low-level perspective: Soft edges.", Label.FAKE)},
    ]
    (tmp_path / "cot.json").write_text(json.dumps([{"image": "x/a.png", "conversations": turns}]), "utf-8")
    found = read_test_set(tmp_path / "cot.json")
    assert rows(found) == [("x/a.png", True, "x")]
    assert found.samples[0].reference == "From low-level perspective: Soft edges."


def test_folders_given_by_hand(tmp_path: Path) -> None:
    touch(tmp_path, "raise/a.tif", "synth/dalle2/b.png", "synth/c.png")
    found = given_folders([tmp_path / "raise"], [tmp_path / "synth"])
    assert rows(found) == [
        ("raise/a.tif", False, "raise"),
        ("synth/c.png", True, "synth"),
        ("synth/dalle2/b.png", True, "dalle2"),
    ]
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="holds no image"):
        given_folders([tmp_path / "none"], [])


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("l.csv", "path,label\na.png,maybe\n", "line 2: 'maybe' is no label"),
        ("l.csv", "file,class\na.png,0\n", "no header with path and label"),
        ("l.csv", "path,label\n", "no labelled image"),
        ("l.jsonl", '{"path": "a.png"}\n', "line 1 has no 'label'"),
        ("l.jsonl", "{\n", "line 1: no JSON"),
        ("l.jsonl", "[1]\n", "line 1: no object"),
        ("l.json", '{"a.png": {}}', "names neither 0_real nor 1_fake"),
        ("l.json", '{"s/0_real/a.png": 3}', "no object of attributes"),
        ("l.txt", "a.png", "none of .csv"),
    ],
)
def test_lists_that_cannot_be_read(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    with pytest.raises(DataError, match=message):
        read_test_set(tmp_path / name)


def test_folders_without_labels_are_refused_with_what_is_known(tmp_path: Path) -> None:
    touch(tmp_path, "holiday/a.png")
    with pytest.raises(DataError, match="no labelled image") as fault:
        read_test_set(tmp_path)
    assert "0_real" in fault.value.hint
    with pytest.raises(DataError, match="there is no"):
        read_test_set(tmp_path / "nowhere")
    touch(tmp_path, "real/a.png")
    with pytest.raises(DataError, match="--split names a column"):
        read_test_set(tmp_path, split="test")


def test_a_draw_takes_as_many_of_each_label_and_group(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{group}/{label}/{n}.png" for group in "ab" for label in ("0_real", "1_fake") for n in range(5)))
    found = read_test_set(tmp_path)
    few = fewer(found, 2, seed=1)
    assert len(few.samples) == 8
    assert few == fewer(found, 2, seed=1)
    assert few.samples != fewer(found, 2, seed=2).samples
    assert set(few.samples) < set(found.samples)
    assert "of 20 images" in few.notes[-1]


def test_presets_are_read_by_their_layout(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "g/sd4/imagenet_ai/val/ai/a.png",
        "g/sd4/imagenet_ai/val/nature/b.png",
        "g/sd4/imagenet_ai/train/ai/c.png",
    )
    found = read_preset(preset("genimage"), tmp_path / "g", [])
    assert {Path(sample.path).name for sample in found.samples} == {"a.png", "b.png"}
    assert found.name == "GenImage"
    touch(tmp_path, "s/dalle3/a.png", "s/firefly/b.png", "raise/r.png")
    with pytest.raises(DataError, match="AI-generated images only") as fault:
        read_preset(preset("synthbuster"), tmp_path / "s", [])
    assert "--real" in fault.value.hint
    found = read_preset(preset("synthbuster"), tmp_path / "s", [tmp_path / "raise"])
    assert {(sample.group, sample.fake) for sample in found.samples} == {
        ("dalle3", True),
        ("firefly", True),
        ("raise", False),
    }
    with pytest.raises(DataError, match="through a list"):
        read_preset(preset("community-forensics"), tmp_path, [])
    with pytest.raises(DataError) as fault:
        read_preset(preset("wildrf"), tmp_path / "raise", [])
    assert "facebook/0_real" in fault.value.hint
    with pytest.raises(ConfigError, match="did you mean genimage"):
        preset("genimag")


def test_every_preset_says_where_and_how() -> None:
    assert {item.name for item in PRESETS} >= {
        "genimage", "aigcdetect", "chameleon", "wildrf", "synthbuster", "community-forensics",
    }  # fmt: skip
    assert all(item.where.startswith("https://") and item.steps and item.tree for item in PRESETS)
