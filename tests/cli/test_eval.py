"""``fakescan eval``: from images, reports and score lists to figures, tables and pages; exit codes."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from fakescan.core.records import Label
from tests.cli.conftest import Cli
from tests.support.pictures import png_that_is, score
from tests.support.weightless import WeightlessEngine

REAL, FAKE, UNSURE = Label.REAL, Label.FAKE, Label.INCONCLUSIVE
KEYS = {"accuracy", "balanced_accuracy", "auroc", "average_precision", "tpr_at_fpr_0.01", "ece", "brier", "nll"}
QUICK = ("--bootstrap", "20")


@pytest.fixture
def testset(tmp_path: Path) -> Path:
    """Two generators; one fake of ``b`` looks real to the engine, one real of ``a`` is undecided."""
    shown = {
        "a/0_real": (REAL, UNSURE), "a/1_fake": (FAKE, FAKE), "b/0_real": (REAL, REAL), "b/1_fake": (FAKE, REAL),
    }  # fmt: skip
    number = dict.fromkeys(Label, 0)
    for folder, looks in shown.items():
        (tmp_path / "set" / folder).mkdir(parents=True)
        for place, look in enumerate(looks):
            (tmp_path / "set" / folder / f"{place}.png").write_bytes(png_that_is(look, number=number[look]))
            number[look] += 1
    return tmp_path / "set"


def run_json(cli: Cli, *arguments: str | Path, code: int = 0) -> dict[str, Any]:
    done = cli("eval", *arguments, *QUICK, "--json")
    assert done.code == code, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


def test_images_are_scanned_and_measured(cli: Cli, testset: Path, engine: WeightlessEngine) -> None:
    found = run_json(cli, testset)
    assert found["overall"].keys() >= KEYS
    assert all(group.keys() >= KEYS for group in found["groups"].values())
    assert set(found["groups"]) == {"a", "b"}
    # The undecided real picture lies below the threshold or not: its own score says.
    close = score((testset / "a/0_real/1.png").read_bytes()) / 2 + 0.25 >= 0
    assert found["overall"]["accuracy"] == (6 if close else 7) / 8
    assert found["overall"]["fake_accuracy"] == 3 / 4
    assert found["overall"]["coverage"] == 7 / 8
    assert found["overall"]["fake_called_fake"] == 3 / 4
    assert found["average"]["fake_accuracy"] == 3 / 4
    assert found["detector"]["options"]["policy"] == "model"
    assert all(not wanted_text for _, wanted_text in engine.batches)
    assert len(found["images"]) == 8
    assert found["errors"] == []


def test_the_same_figures_come_from_the_report_of_a_scan(cli: Cli, testset: Path) -> None:
    assert cli("scan", testset, "--reasoning", "none", "-o", "r.json").code == 1
    live, later = run_json(cli, testset), run_json(cli, testset, "--report", "r.json")
    assert live["overall"] == later["overall"]
    assert live["groups"] == later["groups"]
    assert later["data"]["not_in_report"] == 0


def test_figures_are_those_of_the_yardstick(cli: Cli, testset: Path, shared: Path, tmp_path: Path) -> None:
    cli("scan", testset, "--reasoning", "none", "-o", "r.json")
    results = json.loads(Path("r.json").read_text("utf-8"))["results"]
    lines = [
        {"path": row["path"], "label": "fake" if "1_fake" in row["path"] else "real", "split": "t",
         "source": row["path"][0], "matched": row["path"][0], "sha256": row["sha256"]}
        for row in results
    ]  # fmt: skip
    manifest = testset / "manifest.jsonl"
    manifest.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    command = [sys.executable, str(shared / "tools/score.py"), "r.json", str(manifest), "--by", "source", "--json"]
    theirs = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    ours = run_json(cli, testset, "--report", "r.json", "--by", "source", "--split", "t")
    groups = {"all": ours["overall"], "source=a": ours["groups"]["a"], "source=b": ours["groups"]["b"],
              "matched=a": ours["matched"]["a"], "matched, all": ours["matched"]["all"]}  # fmt: skip
    for name, found in groups.items():
        expected = theirs[name]
        assert round(found["auroc"], 4) == expected["auc"]
        assert round(found["average_precision"], 4) == expected["ap"]
        assert round(found["tpr_at_fpr_0.01"], 3) == expected["tpr_at_1pct_fpr"]
        assert round(found["ece"], 3) == expected["ece"]
        assert round(found["brier"], 4) == expected["brier"]
        assert round(found["coverage"], 3) == expected["coverage"]
        assert expected["real_called_fake"].startswith(f"{found['real_called_fake']:.3f} [")
        assert expected["accuracy_when_decided"].startswith(f"{found['accuracy_when_decided']:.3f} [")


def test_an_unreadable_image_is_an_error_and_ends_with_3(cli: Cli, testset: Path) -> None:
    (testset / "a/0_real/9.png").write_bytes(b"\x89PNG\r\n\x1a\n and nothing more")
    found = run_json(cli, testset, code=3)
    assert found["overall"]["n_without_score"] == 1
    assert found["overall"]["n"] == 9
    assert found["overall"]["accuracy"] < found["overall"]["accuracy_of_scored"]
    assert [error["path"] for error in found["errors"]] == ["a/0_real/9.png"]
    done = cli("eval", testset, *QUICK)
    assert done.code == 3
    assert "no answer: a/0_real/9.png" in done.out
    assert "1 image without an answer" in done.out


def test_texts_are_counted_as_the_authors_do(cli: Cli, testset: Path) -> None:
    found = run_json(cli, testset, "--official")
    # The engine concludes in the paper's long form, which their script does not count.
    assert found["official"]["overall"] == {
        "n": 8, "n_counted": 0, "failures": 8, "failure_rate": 1.0, "r_acc": None, "f_acc": None, "acc": None,
    }  # fmt: skip
    assert "8 of 8" in cli("eval", testset, "--official", *QUICK).out


def test_reasoning_is_measured_where_there_are_references(
    cli: Cli, testset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("nltk")
    pytest.importorskip("rouge_score")
    table = {f"a/1_fake/{n}.png": {"Low Image Quality": "Therefore, this image is fake."} for n in range(2)}
    (testset / "a_reasoning.json").write_text(json.dumps(table), "utf-8")
    from fakescan_trainer.evaluate import reasoning

    monkeypatch.setattr(reasoning, "ENCODER_PACKAGE", "no_such_package")
    done = cli("eval", testset, "--reasoning", "all", *QUICK, "--json")
    assert "reasoning is not measured: the sentence encoder" in done.err
    assert "fakescan-forensics[eval]" in done.err
    assert "not installed" in json.loads(done.out)["reasoning"]["not_measured"]
    assert "reasoning" not in run_json(cli, testset)
    monkeypatch.setattr(reasoning, "SentenceEncoder", lambda folder: None)
    found = run_json(cli, testset, "--reasoning", "all")["reasoning"]
    assert (found["n"], found["bleu1"], found["rougeL"]) == (2, 1.0, 1.0)


def test_texts_are_in_every_table_by_group_and_beside(cli: Cli, testset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("nltk")
    pytest.importorskip("rouge_score")
    for name, words in (("a", "Therefore, this image is fake."), ("b", "Something else.")):
        table = {f"{name}/1_fake/0.png": {"Low Image Quality": words}}
        (testset / f"{name}_reasoning.json").write_text(json.dumps(table), "utf-8")
    from fakescan_trainer.evaluate import reasoning

    monkeypatch.setattr(reasoning, "SentenceEncoder", lambda folder: None)
    outputs = [word for suffix in ("json", "csv", "md", "tex", "html") for word in ("-o", f"t.{suffix}")]
    done = cli("eval", testset, "--reasoning", "all", *outputs, *QUICK)
    assert done.code == 0, done.err
    found = json.loads(Path("t.json").read_text("utf-8"))
    assert {name: (group["n_texts"], group["bleu1"]) for name, group in found["groups"].items()} == {
        "a": (1, 1.0), "b": (1, 0.0),
    }  # fmt: skip
    assert found["average"]["bleu1"] == found["overall"]["bleu1"] == 0.5
    accuracy = f"{100 * found['groups']['a']['accuracy']:.1f}"
    markdown, tex = Path("t.md").read_text("utf-8"), Path("t.tex").read_text("utf-8")
    assert f"| a | 1 | {accuracy} | 1.000 | 1.000 | 1.000 | – |" in markdown
    assert rf"a & 1 & {accuracy} & 1.000 & 1.000 & 1.000 & -- \\" in tex
    assert re.search(rf"^a\s+1\s+{accuracy}\s+1\.000\s", done.out, re.MULTILINE)
    assert "BLEU-1" in Page(Path("t.html").read_text("utf-8")).text
    with Path("t.csv").open(encoding="utf-8-sig", newline="") as lines:
        rows = {(row["kind"], row["name"]): row for row in csv.DictReader(lines)}
    assert (rows["group", "a"]["n_texts"], rows["group", "a"]["rougeL"]) == ("1", "1.000000")
    assert rows["group", "a"]["css"] == ""

    # Another detector's texts stand in a second table; one without texts has dashes there.
    found["detector"]["name"] = "other"
    Path("other.json").write_text(json.dumps(found), "utf-8")
    assert cli("eval", testset, "--beside", "other.json", "-o", "b.md", "-o", "b.tex", "-o", "b.html", *QUICK).code == 0
    average = f"{100 * found['average']['accuracy']:.1f}"
    assert f"| other | {average} | 0.500 | " in Path("b.md").read_text("utf-8")
    assert rf"other & {average} & 0.500 & " in Path("b.tex").read_text("utf-8")
    assert re.search(rf"\| weightless \| {average} \| – \|", Path("b.md").read_text("utf-8"))
    assert "Texts of detectors side by side" in Page(Path("b.html").read_text("utf-8")).text


def test_another_detector_joins_the_tables(cli: Cli, testset: Path) -> None:
    names = sorted(path.relative_to(testset).as_posix() for path in testset.rglob("*.png"))
    with Path("other.csv").open("w", encoding="utf-8", newline="") as out:
        csv.writer(out).writerows([("path", "score"), *((name, float("1_fake" in name)) for name in names)])
    done = cli("eval", testset, "--scores", "other.csv", "--name", "oracle", "-o", "oracle.json", *QUICK)
    assert done.code == 0
    assert json.loads(Path("oracle.json").read_text("utf-8"))["overall"]["accuracy"] == 1
    done = cli("eval", testset, "--beside", "oracle.json", "-o", "t.md", "-o", "t.tex", "-o", "t.csv", *QUICK)
    assert done.code == 0
    assert re.search(r"^oracle\s+100\.0\s+100\.0\s+100\.0$", done.out, re.MULTILINE)
    assert "| oracle | 100.0 | 100.0 | 100.0 |" in Path("t.md").read_text("utf-8")
    assert r"oracle & 100.0 & 100.0 & 100.0 \\" in Path("t.tex").read_text("utf-8")
    with Path("t.csv").open(encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [(row["detector"], row["kind"]) for row in rows[-2:]] == [("oracle", "average"), ("oracle", "overall")]


def test_two_detectors_are_compared_on_the_same_images(cli: Cli, testset: Path) -> None:
    cli("eval", testset, "-o", "a.json", *QUICK)
    names = sorted(path.relative_to(testset).as_posix() for path in testset.rglob("*.png"))
    Path("o.csv").write_text("".join(f"{name},{int('1_fake' in name)}\n" for name in names), "utf-8")
    cli("eval", testset, "--scores", "o.csv", "-o", "b.json", *QUICK)
    done = cli("eval", "--compare", "a.json", "b.json", "--json", *QUICK)
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["shared"] == 8
    wrong = 8 - round(8 * found["figures"]["accuracy"]["first"])
    assert found["mcnemar"] == {"only_first_right": 0, "only_second_right": wrong, "p": min(1.0, 2 / 2**wrong)}
    assert found["figures"]["auroc"]["second"] == 1
    written = [word for suffix in ("md", "tex", "csv", "json") for word in ("-o", f"c.{suffix}")]
    told = cli("eval", "--compare", "a.json", "b.json", *written, *QUICK).out
    accuracy = found["figures"]["accuracy"]
    cells = [f"{100 * accuracy[key]:.1f}" for key in ("first", "second", "difference")]
    assert f"| {' | '.join(cells)} | " in Path("c.md").read_text("utf-8")
    assert "McNemar" in Path("c.md").read_text("utf-8")
    assert f" & {' & '.join(cells)} & " in Path("c.tex").read_text("utf-8")
    with Path("c.csv").open(encoding="utf-8-sig", newline="") as lines:
        rows = {row["figure"]: row for row in csv.DictReader(lines)}
    assert set(rows) == set(found["figures"])
    assert (rows["accuracy"]["difference"], rows["accuracy"]["test"]) == (f"{accuracy['difference']:.6f}", "McNemar")
    assert rows["auroc"]["p"] == f"{found['delong']['p']:.6f}"
    assert json.loads(Path("c.json").read_text("utf-8"))["shared"] == 8
    page = cli("eval", "--compare", "a.json", "b.json", "-o", "c.html")
    assert page.code == 2
    assert "end the name in .json, .csv, .md, .tex" in page.err
    assert "McNemar" in told
    assert "DeLong" in told
    cli("scan", testset, "--reasoning", "none", "-o", "r.json")
    assert json.loads(cli("eval", testset, "--compare", "r.json", "b.json", "--json", *QUICK).out)["shared"] == 8
    refused = cli("eval", "--compare", "r.json", "b.json")
    assert refused.code == 2
    assert "knows no labels" in refused.err


def test_a_list_chooses_images_and_groups(cli: Cli, testset: Path) -> None:
    lines = ["path,label,tool", "a/1_fake/0.png,fake,=cmd()", "a/0_real/0.png,real,", "b/0_real/0.png,real,"]
    (testset / "l.csv").write_text("\n".join(lines), "utf-8")
    found = run_json(cli, testset / "l.csv", "--by", "tool")
    assert set(found["groups"]) == {"=cmd()", "(none)"}
    assert found["groups"]["=cmd()"]["auroc"] is None
    assert found["groups"]["=cmd()"]["auroc_against_all_real"] == 1
    assert len(run_json(cli, testset, "--limit", "1")["images"]) == 4


class Page(HTMLParser):
    """Names of all elements, and everything that could run or load something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such file names")
def test_hostile_names_are_text_everywhere(cli: Cli, testset: Path) -> None:
    hostile = "<script>alert(1)</script>\x1b[31m\u202e|`$&_%{"
    place = testset / hostile.replace("/", "\u2215") / "1_fake"
    place.mkdir(parents=True)
    (place / "=1+1\x1b[2J.png").write_bytes(b"\x89PNG\r\n\x1a\n and nothing more")
    done = cli("eval", testset, "-o", "p.html", "-o", "p.md", "-o", "p.tex", "-o", "p.csv", "-o", "p.json", *QUICK)
    assert done.code == 3
    for text in (done.out, *(Path(f"p.{kind}").read_text("utf-8") for kind in ("html", "md", "tex", "csv", "json"))):
        assert "\x1b" not in text
        assert "\u202e" not in text
    page = Page(Path("p.html").read_text("utf-8"))
    assert "script" not in page.names
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in {"src", "href"}]
    assert "alert(1)" in page.text
    assert {"roc", "reliability", "coverage"} <= {value for name, value in page.attributes if name == "id"}
    assert "<script" not in Path("p.md").read_text("utf-8")
    with Path("p.csv").open(encoding="utf-8-sig", newline="") as lines:
        assert all(not cell.startswith(("=", "+", "@")) for row in csv.reader(lines) for cell in row)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no test set was given"),
        (("nowhere",), "there is no nowhere"),
        (("set", "--real", "set"), "contradict each other"),
        (("set", "--report", "a", "--scores", "b"), "--report and --scores contradict"),
        (("set", "--scores", "a", "--official"), "a list of scores has no texts"),
        (("set", "--report", "a", "--model", "m"), "--model is of no use with --report"),
        (("set", "-o", "figures.docx"), "cannot tell the format"),
        (("set", "--preset", "genimagee"), "did you mean genimage"),
        (("set", "--encoder", "x"), "--encoder is of no use"),
        (("set", "--seed", "one"), "--seed: 'one'"),
        (("--compare", "a.json", "b.json"), "cannot read a.json"),
        (("set", "--beside", "set/junk.json"), "not an evaluation"),
        (("set", "--calibration", "set/junk.json"), "not a calibration"),
    ],
)
def test_what_cannot_be_meant_ends_with_2(cli: Cli, testset: Path, arguments: tuple[str, ...], message: str) -> None:
    (testset / "junk.json").write_text('{"fakescan_evaluation": "7"}', "utf-8")
    done = cli("eval", *arguments)
    assert done.code == 2
    assert message in done.err
    assert "hint: " in done.err


def test_changed_pictures_are_scanned_too(cli: Cli, testset: Path) -> None:
    found = run_json(cli, testset, "--limit", "1", "--robustness", "-o", "p.html", "-o", "p.tex", "-o", "p.csv")
    found = found["robustness"]
    assert len(found["variants"]) == 19
    assert all(row["n"] == 4 for row in found["variants"])
    assert {image["path"] for image in found["images"]} <= {
        path.relative_to(testset).as_posix() for path in testset.rglob("*.png")
    }
    page = Page(Path("p.html").read_text("utf-8"))
    assert "The same pictures changed" in page.text
    assert r"JPEG, quality 30 & " in Path("p.tex").read_text("utf-8")
    with Path("p.csv").open(encoding="utf-8-sig", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["kind"] == "change"]
    assert [(row["name"], row["accuracy"], row["flips"]) for row in rows] == [
        (row["name"], f"{row['accuracy']:.6f}", str(row["flips"])) for row in found["variants"]
    ]
    assert cli("eval", testset, "--robustness", "--report", "r.json").code == 2


def test_an_interrupt_among_changed_pictures_is_told_as_it_is(
    cli: Cli, testset: Path, engine: WeightlessEngine
) -> None:
    def stop(number: int) -> None:
        if number == 8:  # past the four pictures as they are
            raise KeyboardInterrupt

    command = ("--limit", "1", "--robustness")
    engine.before_batch = stop
    done = cli("eval", testset, *command)
    assert done.code == 130
    assert "these scans start anew next time; with --run-dir DIR, --resume can go on" in done.err

    engine.batches.clear()
    shutil.rmtree("cache")  # else answers come from there
    kept = ("--run-dir", "run")
    done = cli("eval", testset, *command, *kept)
    assert done.code == 130
    assert "--resume goes on from there" in done.err
    shutil.rmtree("cache")
    engine.before_batch = lambda number: None
    first = sum(len(digests) for digests, _ in engine.batches)
    found = run_json(cli, testset, *command, *kept, "--resume")
    assert all(row["n"] == 4 for row in found["robustness"]["variants"])
    assert first > 4
    assert sum(len(digests) for digests, _ in engine.batches) == 4 + 19 * 4, "what was done is done again"
    assert sorted(place.name for place in Path("run").iterdir() if place.is_dir()) == ["robustness"]


def test_presets_are_listed(cli: Cli) -> None:
    done = cli("eval", "--list-presets")
    assert done.code == 0
    for word in ("genimage", "chameleon", "https://zenodo.org", "DATA/GENERATOR/0_real"):
        assert word in done.out
