"""The slot engine's parts whose logic needs no device: sizes of graphs, memory, layers laid out anew, what was seen."""

from __future__ import annotations

import gc

import pytest
import torch
from torch import nn
from torch.nn import functional

from fakescan.core.records import LogitPair
from fakescan.engines.cache import CacheShape, StaticCache, runs
from fakescan.engines.device import Placement
from fakescan.engines.int8 import DynamicInt8Linear
from fakescan.engines.linears import PackedLinear, merged, packing_works, quickest
from fakescan.engines.memory import Need, free_bytes, prompts_at_once, rows_that_fit
from fakescan.engines.seen import Seen, SeenPictures
from fakescan.engines.steps import graph_size
from tests.support.engines import Picture

CPU = Placement(torch.device("cpu"), torch.float32)
SHAPE = CacheShape(40, 40, 128, torch.bfloat16, torch.device("cpu"))
LLAVA_13B = Need(SHAPE, 1000, 700, 4 * 5120 + 3 * 13824, 32064)


def test_a_graph_serves_a_few_sizes() -> None:
    assert graph_size(1, 5, 48, 1100) == (1, 256)
    assert graph_size(3, 256, 48, 1100) == (4, 256)
    assert graph_size(33, 700, 48, 1100) == (48, 768)
    assert graph_size(48, 1090, 48, 1100) == (48, 1100)
    sizes = {graph_size(rows, columns, 48, 1100) for rows in range(1, 49) for columns in range(1, 1101)}
    assert len(sizes) == 7 * 5
    for rows, columns in ((1, 1), (17, 257), (48, 1100)):
        wide, long = graph_size(rows, columns, 48, 1100)
        assert wide >= rows
        assert long >= columns


def test_memory_of_a_13b_model_is_that_of_its_arithmetic() -> None:
    assert SHAPE.bytes_per_token == 819_200  # 0.82 MB a token
    assert rows_that_fit(LLAVA_13B, 53 << 30, "cuda") == pytest.approx(48, abs=8)  # beside 26 GB of weights in 80 GB
    assert rows_that_fit(LLAVA_13B, 10**15, "cuda") == 64
    assert rows_that_fit(LLAVA_13B, 0, "cuda") == 1
    assert rows_that_fit(LLAVA_13B, 10**15, "cpu") == 8
    fits = [rows_that_fit(LLAVA_13B, free << 30, "cuda") for free in range(0, 80, 4)]
    assert fits == sorted(fits)


def test_a_first_pass_holds_at_least_one_prompt() -> None:
    assert prompts_at_once(700, "cpu") == 1
    assert prompts_at_once(100, "cpu") == 10
    assert prompts_at_once(100_000, "cuda") == 1


def test_this_machine_has_memory() -> None:
    assert free_bytes(torch.device("cpu")) > 1 << 20


def test_layers_laid_out_anew_compute_the_same() -> None:
    torch.manual_seed(0)
    linears = [nn.Linear(24, size, bias=bias) for size, bias in ((16, True), (8, True), (40, True))]
    inputs = torch.randn(2, 3, 24)
    one = merged(linears)
    expected = torch.cat([functional.linear(inputs, layer.weight, layer.bias) for layer in linears], -1)
    with torch.inference_mode():
        assert torch.allclose(one(inputs), expected, atol=1e-6)
        assert torch.allclose(quickest(one, CPU)(inputs), expected, atol=1e-5)
        coarse = quickest(one, Placement(CPU.device, CPU.dtype, "int8"))
        assert isinstance(coarse, DynamicInt8Linear)
        assert torch.allclose(coarse(inputs), expected, atol=0.1)
    assert merged([nn.Linear(4, 2, bias=False), nn.Linear(4, 3, bias=False)]).bias is None
    assert isinstance(quickest(one, CPU), PackedLinear) is packing_works()
    assert quickest(one, Placement(CPU.device, torch.float16)) is one


def test_without_the_operators_a_layer_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    from fakescan.engines import linears

    def missing(*arguments: object) -> torch.Tensor:
        raise AttributeError("no such operator")

    monkeypatch.setattr(linears, "_packed", missing)
    linears.packing_works.cache_clear()
    layer = nn.Linear(4, 2)
    assert quickest(layer, CPU) is layer
    linears.packing_works.cache_clear()


def test_a_cache_shares_moves_and_grows() -> None:
    shape = CacheShape(2, 1, 2, torch.float32, torch.device("cpu"))
    prefix, cache = StaticCache(shape, 1, 3), StaticCache(shape, 3, 8)
    prefix.keys[1][:] = 7.0
    cache.share(prefix)
    assert cache.keys[1][:, :, :3].eq(7.0).all()
    assert cache.keys[1][:, :, 3:].eq(0.0).all()
    cache.write(0, [2], 3, torch.ones(1, 1, 2, 2), torch.full((1, 1, 2, 2), 2.0))
    cache.move(2, 0, 3, 5)
    assert cache.keys[0][0, :, 3:5].eq(1.0).all()
    assert cache.values[0][0, :, 3:5].eq(2.0).all()
    cache.grow(20)
    assert cache.keys[0].shape == (3, 1, 20, 2)
    assert cache.values[0][0, :, 3:5].eq(2.0).all()
    cache.grow(4)
    assert cache.columns == 20


def test_rows_that_lie_together_are_a_slice() -> None:
    assert runs([2, 3, 4]) == slice(2, 5)
    assert runs([0]) == slice(0, 1)
    assert runs([2, 4]) is None
    assert runs([3, 2]) is None
    assert runs([]) is None


def seen(value: float = 0.0) -> Seen:
    return Seen(torch.full((4, 8), value), LogitPair(0.0, value, 1))


def test_what_was_seen_is_known_while_somebody_holds_it() -> None:
    known, one, two = SeenPictures(), Picture(1), Picture(1)
    known.keep(one, seen(1.0))
    found = known.find(one)
    assert found is not None
    assert found.before.fake == 1.0
    assert known.find(two) is None  # the same bytes, another object
    del one
    gc.collect()
    known.keep(two, seen(2.0))
    assert len(known._held) == 1


def test_what_was_seen_is_bounded() -> None:
    size = 4 * 8 * 4
    known, pictures = SeenPictures(max_bytes=2 * size), [Picture(number) for number in range(3)]
    for number, picture in enumerate(pictures):
        known.keep(picture, seen(float(number)))
        known.keep(picture, seen(float(number)))
    assert [known.find(picture) is not None for picture in pictures] == [False, True, True]
    known.clear()
    assert known.find(pictures[2]) is None
