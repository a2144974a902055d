"""``fakescan doctor``: what this machine has, what is missing, and what to do about it."""

from __future__ import annotations

import importlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import typer

from fakescan.cli.exits import FAILED, one_line
from fakescan.cli.scan_options import Debug
from fakescan.core.environment import environment
from fakescan.errors import FakescanError
from fakescan.store.places import runs_folder
from fakescan.version import __version__

_NEEDED = (
    "torch", "transformers", "tokenizers", "safetensors", "accelerate", "peft", "huggingface_hub", "PIL", "exifread",
    "numpy", "jinja2", "rich", "typer", "psutil", "pathspec", "httpx2",
)  # fmt: skip
_DISTRIBUTIONS = {"PIL": "pillow"}
_ROOM_BYTES = 500 * 1024**2
_OLDEST_PYTHON = (3, 11)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the examination."""

    state: str
    """``ok``, ``note`` or ``bad``; one that is bad makes the exit code 2."""
    text: str
    """What was found."""
    hint: str = ""
    """What to do about it."""


def doctor(debug: Debug = False) -> None:
    """Check environment, devices, model and places to write, with a hint for whatever is missing.

    The exit code is 2 when a scan could not run here.

    Example: [bold]fakescan doctor[/bold]
    """
    bad = 0
    for check in (_machine, _packages, _devices, _formats, _signatures, _model, _places):
        for finding in _careful(check):
            bad += finding.state == "bad"
            typer.echo(one_line(f"{finding.state.ljust(4)}  {finding.text}"))
            if finding.hint:
                typer.echo(one_line(f"      {finding.hint}"))
    if bad:
        typer.echo(f"{bad} {'thing keeps' if bad == 1 else 'things keep'} fakescan from working here")
        raise typer.Exit(FAILED)
    typer.echo("fakescan can scan on this machine")


def _careful(check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """A check that breaks is itself a finding."""
    try:
        yield from check()
    except FakescanError as fault:
        yield Finding("bad", fault.message, fault.hint)
    except Exception as fault:  # whatever a broken installation raises is what this command is there to show
        yield Finding("bad", f"{check.__name__.strip('_')}: {type(fault).__name__}: {fault}", "install fakescan again")


def _machine() -> Iterator[Finding]:
    found = environment()
    yield Finding("ok", f"fakescan {__version__} on {found['platform']}")
    if sys.version_info < _OLDEST_PYTHON:
        yield Finding("bad", f"Python {found['python']} is too old", "install Python 3.11 or newer")
    else:
        yield Finding("ok", f"Python {found['python']}, {os.cpu_count() or 1} processors")


def _packages() -> Iterator[Finding]:
    for module in _NEEDED:
        name = _DISTRIBUTIONS.get(module, module)
        try:
            found = version(name)
            importlib.import_module(module)
        except PackageNotFoundError:
            yield Finding("bad", f"{name} is not installed", "install fakescan again with pip")
        except Exception as fault:  # a broken binary package raises whatever it likes
            yield Finding("bad", f"{name} cannot be imported: {fault}", f"install {name} again")
        else:
            yield Finding("ok", f"{name} {found}")


def _devices() -> Iterator[Finding]:
    import torch

    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            free, total = torch.cuda.mem_get_info(number)
            name = torch.cuda.get_device_name(number)
            yield Finding("ok", f"cuda:{number} is {name}, {free / 2**30:.1f} of {total / 2**30:.1f} GiB free")
    elif torch.backends.mps.is_available():
        yield Finding("ok", "mps (Apple graphics) is available")
    else:
        hint = "a scan is slower; --reasoning flagged or none, and --dtype int8, make it quicker"
        yield Finding(
            "note", f"no graphics device: the model runs on the CPU with {torch.get_num_threads()} threads", hint
        )


def _formats() -> Iterator[Finding]:
    from PIL import features

    for name, feature in (("JPEG", "jpg"), ("PNG", "zlib"), ("WebP", "webp"), ("TIFF", "libtiff"), ("AVIF", "avif")):
        if features.check(feature):
            yield Finding("ok", f"{name} pictures can be read")
        else:
            yield Finding("note", f"{name} pictures cannot be read", "install pillow from its official wheels")


def _signatures() -> Iterator[Finding]:
    from importlib.util import find_spec

    from fakescan.evidence import trust

    if find_spec("c2pa") is None:
        yield Finding("note", "Content Credentials cannot be checked", "pip install 'fakescan-forensics[c2pa]'")
        return
    place = trust.chosen(None)
    try:
        listed = trust.load(place)
    except trust.TrustError as fault:
        yield Finding("bad", f"{place}: {fault}", "run: fakescan trust update")
        return
    if listed.certificates:
        yield Finding("ok", f"Content Credentials are checked; {listed.certificates} certificates are trusted")
    else:
        hint = "fakescan trust update downloads the official list"
        yield Finding("note", "Content Credentials are checked, but no signer is trusted: there is no trust list", hint)


def _model() -> Iterator[Finding]:
    from fakescan.engines import model_folder
    from fakescan.model.checkpoints.ours import read_info, verify_files

    folder = model_folder(None)
    about = read_info(folder)
    verify_files(folder, about)
    yield Finding("ok", f"the embedded model {about.name} is complete and as recorded")
    if not about.calibration:
        yield Finding("note", "the embedded model is not calibrated", "its numbers are scores, not probabilities")


def _places() -> Iterator[Finding]:
    folder = runs_folder()
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not os.access(there, os.W_OK):
        yield Finding("bad", f"runs cannot be kept in {folder}", "give --run-dir, or set XDG_CACHE_HOME")
        return
    free = shutil.disk_usage(there).free
    state, hint = ("ok", "") if free > _ROOM_BYTES else ("note", "free some space, or give --run-dir on another disk")
    yield Finding(state, f"runs are kept in {folder} ({_size(folder)}), {free / 2**30:.1f} GiB are free", hint)


def _size(folder: Path) -> str:
    if not folder.is_dir():
        return "none yet"
    size = sum(item.stat().st_size for item in folder.rglob("*") if item.is_file())
    return f"{size / 2**20:.0f} MiB so far"
