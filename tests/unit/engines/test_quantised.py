"""Quantised weights: what is refused, and, on the CPU, that the layers compute and both engines run them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from fakescan.engines.device import QUANTISED, Placement, choose_placement
from fakescan.engines.linears import quickest
from fakescan.engines.plain import PlainEngine
from fakescan.errors import ConfigError
from tests.support.engines import PICTURES, engine, predictions, slot_engine
from tests.tiny import make_base

CPU = torch.device("cpu")
CUDA = torch.device("cuda:0")
ERRORS = {"int8": 0.01, "fp8": 0.05, "int4": 0.12}
"""Largest relative error of a layer's output."""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("base"), width=64)  # NF4 goes by blocks of 64


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda: True)
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda device: (8, 9))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())


@pytest.mark.usefixtures("card")
@pytest.mark.parametrize("name", QUANTISED)
def test_a_card_takes_all_of_them(name: str) -> None:
    found = choose_placement("cuda", name)
    assert (found.dtype, found.dtype_name, found.dynamic_int8) == (torch.bfloat16, f"{name}+bfloat16", False)


@pytest.mark.usefixtures("card")
def test_an_old_card_is_refused_fp8_before_anything_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda device: (8, 0))
    assert choose_placement("cuda", "int4").quantised == "int4"
    with pytest.raises(ConfigError, match=r"below 8\.9"):
        choose_placement("cuda", "fp8")


def test_a_mac_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: True)
    for name in QUANTISED:
        with pytest.raises(ConfigError, match=f"{name} does not run on mps"):
            choose_placement("mps", name)


@pytest.mark.parametrize("name", ["int4", "fp8"])
def test_a_missing_library_is_named_with_its_extra(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda library: None)
    with pytest.raises(ConfigError, match=QUANTISED[name]) as fault:
        choose_placement("cpu", name)
    assert "fakescan-forensics[quantised]" in str(fault.value.hint)


def test_int8_of_a_cpu_needs_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda library: None)
    assert choose_placement("cpu", "int8").dynamic_int8


@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("name", QUANTISED)
def test_a_layer_is_close_and_its_rows_do_not_see_each_other(
    name: str, biased: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(QUANTISED[name])
    monkeypatch.setattr(Placement, "dynamic_int8", False)  # the layers of a card, on the CPU
    torch.manual_seed(0)
    linear = nn.Linear(128, 192, bias=biased)
    inputs = torch.randn(2, 3, 128)
    inputs[0, 0, 5] = 40.0  # what LLM.int8 calls an outlier, in one row
    with torch.inference_mode():
        expected = linear(inputs)
        layer = quickest(linear, Placement(CPU, torch.float32, name))
        found = layer(inputs)
        alone = torch.stack([torch.cat([layer(row[None]) for row in block]) for block in inputs])
    stored: Any = getattr(layer.weight, "qdata", layer.weight)  # torchao's tensors say the format that they compute in
    assert stored.numel() * stored.element_size() == 128 * 192 // (2 if name == "int4" else 1)
    assert (found[1] - expected[1]).norm() / expected[1].norm() < ERRORS[name]
    assert (found - expected).norm() / expected.norm() < 3 * ERRORS[name]
    assert torch.allclose(found, alone, atol=1e-5)
    assert quickest(nn.Linear(4, 4), Placement(CPU, torch.float16, name), quantised=False).weight.dtype is torch.float32


@pytest.mark.parametrize("name", ["int4", "fp8"])
def test_both_engines_run_it_alike_near_the_float_scores(base: Path, name: str) -> None:
    pytest.importorskip(QUANTISED[name])
    whole = predictions(engine(base, batch_size=1).infer(PICTURES))
    plain = engine(base, dtype=name, batch_size=1)
    slots = slot_engine(base, dtype=name, batch_size=3)
    assert isinstance(plain, PlainEngine)
    assert plain.identity.dtype == slots.identity.dtype == f"{name}+float32"
    answers = predictions(plain.infer(PICTURES))
    for one, two, three in zip(whole, answers, predictions(slots.infer(PICTURES)), strict=True):
        assert one.before
        assert two.before
        assert three.before
        margins = [pair.fake - pair.real for pair in (one.before, two.before, three.before)]
        assert abs(margins[0] - margins[1]) < 1.0
        assert abs(margins[1] - margins[2]) < 0.05
        assert three.after is not None
    assert [one.before for one in whole] != [one.before for one in answers]
