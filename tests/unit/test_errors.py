"""Errors on their way from one process to another."""

from __future__ import annotations

import pickle

from fakescan.errors import ConfigError, ModelError


def test_errors_arrive_as_they_were_sent() -> None:
    several = pickle.loads(pickle.dumps(ConfigError(["device: none", "dtype: none"], "look again")))
    assert str(several) == "device: none; dtype: none"
    assert (several.faults, several.hint) == (("device: none", "dtype: none"), "look again")
    one = pickle.loads(pickle.dumps(ModelError("no weights", "download them")))
    assert (str(one), one.message, one.hint) == ("no weights", "no weights", "download them")
