"""``fakescan eval --rounds``, and the models that only an evaluation can judge, by their text alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import fakescan
from fakescan.cli.exits import say
from fakescan.core.options import SERVER, Decode, ScanOptions
from fakescan.core.records import Scan
from fakescan.engines import model_folder
from fakescan.errors import ConfigError
from fakescan.protocols import Draws, Engine

if TYPE_CHECKING:
    from fakescan_trainer.evaluate.samples import TestSet

GENERAL = "transformers"
"""The engine of general vision-language models."""
_LOWEST, _HIGHEST = 0.01, 10.0
_OPEN_ENDED = "there is nothing to draw"


def engine_for(options: ScanOptions) -> tuple[Engine, bool]:
    """Load what is to be measured.

    Args:
        options: engine, model, device and so on.

    Returns:
        The engine, and whether it gives text alone, no probabilities.

    Raises:
        ConfigError: the engine needs a model and none is named.
        ModelError: it is no such model, or damaged, or its server cannot be asked.
    """
    if options.engine == GENERAL:
        return _general(options), True
    if options.engine == SERVER:
        from fakescan.engines.openai import OpenAiEngine, ServerOptions

        drawn = options.decode is Decode.FREE
        server = ServerOptions(options.base_url or "", options.model, free=drawn, seed=options.seed, text_will_do=True)
        if options.batch_size:
            server = replace(server, batch_size=options.batch_size)
        asked = OpenAiEngine(server)
        if asked.text_alone:
            say("the server gives no logprobs: its answers are judged by their text alone")
        return asked, asked.text_alone
    model_folder(options.model)
    return fakescan.engine_of(options), False


def _general(options: ScanOptions) -> Engine:
    if options.model is None:
        raise ConfigError(
            [f"--engine {GENERAL} needs --model: the folder of a general vision-language model"],
            "fakescan model download fetches one, for example llava-hf/llava-1.5-7b-hf",
        )
    from fakescan.engines.device import choose_placement
    from fakescan.engines.general import GeneralEngine
    from fakescan.engines.quiet import quietly

    placement = choose_placement(options.device, options.dtype.value)
    with quietly():
        return GeneralEngine(model_folder(options.model), placement, options.seed, batch_size=options.batch_size or 1)


def checked_temperatures(rounds: int | None, temperatures: Sequence[float] | None) -> tuple[float, ...]:
    """The temperatures of the rounds; the paper's where none is given.

    Raises:
        ConfigError: one is out of bounds, or there are no rounds for them.
    """
    if temperatures and not rounds:
        raise ConfigError(["--temperature without --rounds"], "say with --rounds how often to ask")
    if wrong := [value for value in temperatures or () if not _LOWEST <= value <= _HIGHEST]:
        raise ConfigError([f"--temperature {wrong[0]:g} is not from {_LOWEST:g} to {_HIGHEST:g}"], "the paper's is 0.2")
    return tuple(dict.fromkeys(temperatures or (0.2,)))


def rounds_of(
    engine: Engine, scan: Callable[..., Scan], found: TestSet, rounds: int, temperatures: Sequence[float], seed: int
) -> tuple[dict[str, Any], Scan]:
    """Scan the same images several times at each temperature.

    Args:
        engine: what is asked.
        scan: scans files with it, into a folder of this name.
        found: the test set.
        rounds: how often at each temperature, two or more.
        temperatures: above 0.
        seed: of the first round; the next one's is one more.

    Returns:
        The figures, and the first round's scan at the first temperature.

    Raises:
        ConfigError: the engine draws no text.
    """
    from fakescan_trainer.evaluate.answers import from_scan
    from fakescan_trainer.evaluate.consistency import measure

    if not isinstance(engine, Draws):
        raise ConfigError([f"--rounds: with the engine {engine.identity.engine} {_OPEN_ENDED}"], "leave --rounds out")
    files = [sample.file for sample in found.samples]
    joined: dict[float, list[Any]] = {}
    first: Scan | None = None
    for temperature in temperatures:
        for number in range(rounds):
            say(f"temperature {temperature:g}, round {number} of {rounds - 1}")
            engine.draw(seed + number, temperature)
            # Folders of their own: answers of another round are not this one's.
            done = scan(files, f"rounds/temperature-{temperature:g}-seed-{seed + number}", cache=False)
            first = first or done
            joined.setdefault(temperature, []).append(from_scan(found.samples, done))
    assert first is not None  # noqa: S101 -- one temperature at least; for the type checker
    return measure(joined), first
