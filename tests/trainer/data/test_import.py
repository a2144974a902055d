"""``fakescan data import``: split archives are joined, hostile ones refused, and the authors' tree becomes one list."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from fakescan.core.records import Label
from fakescan.errors import DataError
from fakescan_trainer.data.archive import archives_in, unpack
from fakescan_trainer.data.official import import_tree
from fakescan_trainer.data.samples import read_samples
from tests.trainer.data.conftest import Run, draw

NONE = dict.fromkeys(["Irregular Image Edges", "Anomalous Image Texture", "Low Image Quality"])


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree as the authors hand it out."""
    root = tmp_path / "tree"
    for number in range(3):
        draw(root / f"diffusiondb/part-000001/{number}.png", number)
        draw(root / f"laion/00000/{number}.jpg", 10 + number)
        draw(root / f"evaluation_sets/if/1_fake/{number}.png", 20 + number)
        draw(root / f"evaluation_sets/if/0_real/{number}.png", 30 + number)
    fake = {**NONE, "Semantic Irrationality": "Six fingers."}
    write(root / "diffusiondb/diffusiondb_reasoning.json", {"part-000001/0.png": fake, "part-000001/9.png": fake})
    write(root / "laion/laion_reasoning.json", {"laion/00000/0.jpg": {"High Image Quality": "Sharp.", "Nice": "Yes."}})
    evaluation = {"if/1_fake/0.png": fake, "if/0_real/0.png": {"Semantic Rationality": "Plausible."}}
    write(root / "evaluation_sets/if_reasoning.json", evaluation)
    answer = "<SUMMARY> s </SUMMARY> <CAPTION> A cat. </CAPTION> <REASONING> r </REASONING> <CONCLUSION> This image is "
    turns = [{"from": "human", "value": "<image>\nq"}, {"from": "gpt", "value": answer + "fake. </CONCLUSION>"}]
    write(root / "forgery_reasoning_cot.json", [{"image": "diffusiondb/part-000001/0.png", "conversations": turns}])
    return root


def write(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def packed(root: Path, name: str, out: Path, tails: Callable[[int], str], size: int = 4096, mode: str = "w") -> int:
    """A folder as split tar parts."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode=mode) as tar:  # type: ignore[call-overload]
        tar.add(root / name, name)
    data = whole.getvalue()
    out.mkdir(exist_ok=True)
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    for number, part in enumerate(parts):
        (out / f"{name}.tar{tails(number)}").write_bytes(part)
    return len(parts)


def letters(number: int) -> str:
    return f".{chr(97 + number // 26)}{chr(97 + number % 26)}"


def test_split_archives_become_one_list(tree: Path, tmp_path: Path, cli: Run) -> None:
    downloads = tmp_path / "downloads"
    assert packed(tree, "diffusiondb", downloads, letters) > 2
    packed(tree, "laion", downloads, lambda number: f".part-{number:03}")
    packed(tree, "evaluation_sets", downloads, lambda number: "", size=1 << 30)
    (tree / "forgery_reasoning_cot.json").rename(downloads / "forgery_reasoning_cot.json")
    code, out, err = cli("import", downloads, "--out", tmp_path / "mmfr")
    assert code == 3, err
    assert "4 images" in out
    assert "no image at 'part-000001/9.png'" in err
    assert "1 descriptions of 'Nice'" in err
    assert "8 images are in no list" in err
    samples = {s.image: s for s in read_samples(tmp_path / "mmfr/samples.jsonl").sound().samples}
    first = samples["diffusiondb/part-000001/0.png"]
    assert (first.label, first.source, first.split, first.caption) == (Label.FAKE, "diffusiondb", "train", "A cat.")
    assert first.attributes == {"Semantic Irrationality": "Six fingers."}
    assert samples["laion/00000/0.jpg"].label is Label.REAL
    assert samples["evaluation_sets/if/0_real/0.png"].source == "if"
    assert samples["evaluation_sets/if/1_fake/0.png"].split == "test"
    assert cli("import", downloads, "--out", tmp_path / "mmfr")[0] == 2, "unpacked over what is there"


def test_an_unpacked_tree_needs_no_place(tree: Path) -> None:
    assert import_tree(tree).images == 4
    assert (tree / "samples.jsonl").is_file()


def test_archives_need_a_place_and_all_their_parts(tree: Path, tmp_path: Path) -> None:
    downloads = tmp_path / "downloads"
    packed(tree, "diffusiondb", downloads, letters)
    with pytest.raises(DataError, match="holds 1 archives"):
        import_tree(downloads)
    (downloads / "diffusiondb.tar.ab").unlink()
    with pytest.raises(DataError, match=r"parts of diffusiondb\.tar are missing"):
        import_tree(downloads, tmp_path / "out")
    (downloads / "diffusiondb.tar.aa").unlink()
    with pytest.raises(DataError, match="missing"):
        archives_in(downloads)


def test_a_part_that_is_cut_short_leaves_nothing_behind(tree: Path, tmp_path: Path) -> None:
    downloads = tmp_path / "downloads"
    packed(tree, "diffusiondb", downloads, letters)
    last = sorted(downloads.iterdir())[1]
    last.write_bytes(last.read_bytes()[:100])
    for part in sorted(downloads.iterdir())[2:]:
        part.unlink()
    with pytest.raises(DataError, match=r"diffusiondb\.tar"):
        import_tree(downloads, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["downloads", "tree"]


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.mark.parametrize(
    "hostile",
    [
        member("../outside.png"),
        member("/outside.png"),
        member("a/../../outside.png"),
        member("C:/outside.png"),
        member("a\\..\\b.png"),
        member("a.png:stream"),
        member("folder/NUL.png"),
        member("a\x1b[2J.png"),
        member("link", tarfile.SYMTYPE, "/etc/passwd"),
        member("hard", tarfile.LNKTYPE, "good.png"),
        member("pipe", tarfile.FIFOTYPE),
        member("disk", tarfile.BLKTYPE),
        member("tty", tarfile.CHRTYPE),
        member("good.png"),
    ],
    ids=lambda info: ascii(info.name),
)
def test_hostile_archives_are_refused_whole(hostile: tarfile.TarInfo, tmp_path: Path) -> None:
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    with tarfile.open(downloads / "x.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        good = member("good.png")
        good.size = 4
        tar.addfile(good, io.BytesIO(b"good"))
        tar.addfile(hostile)
    write(downloads / "forgery_reasoning_cot.json", [])
    with pytest.raises(DataError, match=r"x\.tar"):
        import_tree(downloads, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["downloads"]


def test_an_archive_that_unpacks_to_far_more_than_itself_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar.xz", "w:xz") as tar:
        info = member("zeros")
        info.size = 40_000_000
        tar.addfile(info, io.BytesIO(bytes(info.size)))
    with pytest.raises(DataError, match="far more than its own size"):
        unpack([tmp_path / "x.tar.xz"], tmp_path / "out")


def test_a_folder_without_mmfr_is_an_error(photos: Path) -> None:
    with pytest.raises(DataError, match="holds neither"):
        import_tree(photos)


def test_a_folder_without_mmfr_is_refused_before_it_is_copied(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fakescan_trainer.data.official.copy_plain_files", lambda *_: pytest.fail("it was copied"))
    with pytest.raises(DataError, match=rf"^{photos} holds neither"):
        import_tree(photos, tmp_path / "new/out")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("content", [None, "{broken"])
def test_what_turns_out_to_be_no_mmfr_leaves_nothing_behind_and_names_the_source(
    tree: Path, tmp_path: Path, content: str | None
) -> None:
    for path in tree.rglob("*_reasoning.json"):
        path.unlink()
    downloads = tmp_path / "downloads"
    packed(tree, "laion", downloads, letters)
    if content is not None:
        (downloads / "forgery_reasoning_cot.json").write_text(content)
    with pytest.raises(DataError, match=rf"^{downloads}") as caught:
        import_tree(downloads, tmp_path / "new/out")
    assert ".partial" not in caught.value.message
    assert not (tmp_path / "new").exists()
    (downloads / "forgery_reasoning_cot.json").write_text("[]")
    assert import_tree(downloads, tmp_path / "new/out").root == tmp_path / "new/out", "the second try is not blocked"
