"""Errors on their way from one process to another."""

from __future__ import annotations

import pickle
from typing import TypeVar

from fakescan.errors import ConfigError, FakescanError, ModelError

Error = TypeVar("Error", bound=FakescanError)


def sent(error: Error) -> Error:
    arrived: Error = pickle.loads(pickle.dumps(error))  # noqa: S301 -- our own
    return arrived


def test_errors_arrive_as_they_were_sent() -> None:
    several = sent(ConfigError(["device: none", "dtype: none"], "look again"))
    assert str(several) == "device: none; dtype: none"
    assert (several.faults, several.hint) == (("device: none", "dtype: none"), "look again")
    one = sent(ModelError("no weights", "download them"))
    assert (str(one), one.message, one.hint) == ("no weights", "no weights", "download them")
