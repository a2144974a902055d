"""Calibration records in the manifest of a checkpoint."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from fakescan.core.records import Calibration


def text_in(data: Mapping[str, Any], name: str) -> str:
    """A field that must be a text.

    Raises:
        KeyError: it is missing.
        TypeError: it is something else.
    """
    if not isinstance(data[name], str):
        raise TypeError(f"{name} must be a text")
    return str(data[name])


def calibration_from_dict(data: Mapping[str, Any]) -> Calibration:
    """A calibration record from its JSON form.

    Raises:
        ValueError: numbers out of range.
        KeyError: a field is missing.
        TypeError: a field is of the wrong kind.
    """
    low, high = (float(edge) for edge in data["inconclusive_band"])
    by_kind = {str(kind): _figures(rates) for kind, rates in data.get("by_kind", {}).items()}
    record = Calibration(
        float(data["temperature"]), float(data["bias"]), float(data["threshold"]), (low, high),
        text_in(data, "fitted_on"), _figures(data.get("metrics", {})), by_kind,
    )  # fmt: skip
    if not 0 < record.temperature < math.inf or not math.isfinite(record.bias):
        raise ValueError("a calibration whose temperature or bias is out of range")
    if not 0 <= low <= record.threshold <= high <= 1:
        raise ValueError("a calibration whose threshold does not lie within its band")
    return record


def _figures(data: Mapping[str, Any]) -> dict[str, float | int | str]:
    figures = dict(data.items())
    for name, value in figures.items():
        if not isinstance(value, str | int | float) or (isinstance(value, float) and not math.isfinite(value)):
            raise ValueError(f"the measured {name} is neither a number nor a text")
    return figures


def calibration_to_dict(record: Calibration) -> dict[str, Any]:
    """JSON form of a calibration record."""
    return {
        "temperature": record.temperature, "bias": record.bias, "threshold": record.threshold,
        "inconclusive_band": list(record.inconclusive_band), "fitted_on": record.fitted_on,
        "metrics": dict(record.metrics), "by_kind": {kind: dict(rates) for kind, rates in record.by_kind.items()},
    }  # fmt: skip
