"""The options of a scan: one frozen record, resolved once, stored in the scan.

``options_from`` builds it out of named values that may come from flags, the environment and files alike; it reads
every value before it complains, so that a user sees all faults at once.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from fakescan.core import option_values as read
from fakescan.core.addresses import without_secrets
from fakescan.core.policy import Policy
from fakescan.core.records import Label, ScoreKind
from fakescan.errors import ConfigError

MAX_ENCODINGS = 7
"""How many ways to encode a picture anew there are (``intake/encodings.py``)."""

SERVER = "openai"
"""The engine that asks a server."""

RAY = "ray"
"""Not an engine of its own: workers on a Ray cluster, each with the engine that suits the model."""


class Reasoning(StrEnum):
    """Which images get text."""

    ALL = "all"
    FLAGGED = "flagged"
    NONE = "none"


class ScoreChoice(StrEnum):
    """Which score decides; ``auto``: what the model's card says was measured better."""

    AUTO = "auto"
    BEFORE = "before"
    AFTER = "after"


class Decode(StrEnum):
    """How text is written: the likeliest token at each step, or drawn at temperature 0.2 as in the paper."""

    GREEDY = "greedy"
    FREE = "free"


class DType(StrEnum):
    """Number format of the model; ``auto``: float32 on a CPU, the fastest safe one elsewhere."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"
    INT8 = "int8"
    INT4 = "int4"
    FP8 = "fp8"


class Redact(StrEnum):
    """What can be left out of a report before it is shared."""

    GPS = "gps"
    SERIAL = "serial"
    PATHS = "paths"
    OWNER = "owner"
    HOST = "host"
    THUMBS = "thumbs"


class FailOn(StrEnum):
    """From which verdict on a scan exits with 1."""

    FAKE = "fake"
    INCONCLUSIVE = "inconclusive"
    NEVER = "never"

    def finds(self, label: Label) -> bool:
        """Whether a verdict is a finding.

        Args:
            label: the verdict.
        """
        if self is FailOn.NEVER:
            return False
        return label is Label.FAKE or (self is FailOn.INCONCLUSIVE and label is Label.INCONCLUSIVE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanOptions:
    """What a scan was asked to do."""

    paths: tuple[str, ...] = ()
    """Files and folders, as given."""
    include: tuple[str, ...] = ()
    """Only files that match one of these patterns; empty: all."""
    exclude: tuple[str, ...] = ()
    """No files that match one of these patterns."""
    changed_since: str | None = None
    """Only files that changed since this revision of git; None: all."""
    allow_empty: bool = False
    """Whether having nothing to scan is no fault."""
    follow_links: bool = False
    """Whether links may lead out of the folders that are scanned."""
    outputs: tuple[str, ...] = ()
    """Reports to write, each ``[FORMAT:]PATH``."""
    templates: str | None = None
    """Folder of page templates that go before the built-in ones."""
    single_file: bool = False
    """Write an HTML report as one file, however many images it has."""
    redact: tuple[Redact, ...] = ()
    """What to leave out of written reports (``desk/redact.py``); the record in the run directory keeps it."""
    case: str | None = None
    """Number or name of the case."""
    examiner: str | None = None
    """Who examines."""
    note: str | None = None
    """Anything that should stand on the report."""
    model: str | None = None
    """Name, folder or hub id of a model; None: the embedded one."""
    engine: str = "auto"
    """Name in the engines' table, ``openai``, ``ray``, or ``auto``."""
    base_url: str | None = None
    """Where a server's API starts (``http://localhost:8000/v1``); only for the engine ``openai``."""
    reasoning: Reasoning = Reasoning.ALL
    """Which images get text."""
    score: ScoreChoice = ScoreChoice.AUTO
    """Which score decides."""
    decode: Decode = Decode.GREEDY
    """How text is written."""
    device: str = "auto"
    """``auto``, ``cpu``, ``cuda``, ``cuda:N``, ``mps``, or several: ``cuda:all`` or a list, one process a device."""
    ray_workers: int | None = None
    """Workers on a Ray cluster; None: one a GPU, or one a machine where there are none."""
    dtype: DType = DType.AUTO
    """Number format of the model."""
    batch_size: int | None = None
    """Images at once; None: what fits."""
    fail_on: FailOn = FailOn.FAKE
    """From which verdict on a scan exits with 1."""
    gate: str | None = None
    """File with rules by path that say what fails; None: ``fail_on`` alone."""
    baseline: str | None = None
    """File with findings that were accepted; None: none."""
    relative_to: str | None = None
    """Folder that paths in reports for machines, and patterns of the gate file, start at; None: where it ran."""
    policy: Policy = Policy.BALANCED
    """How model and provenance are weighed."""
    trust_list: str | None = None
    """File or folder of certificates whose signatures are believed, ``none``, or None: the downloaded list."""
    threshold: float | None = None
    """At or above: fake; None: the calibrated threshold."""
    stability: int = 0
    """In how many other encodings each picture is scored again; 0: in none."""
    audit: bool = False
    """Whether the sentences of the model's text are checked."""
    calibration: str | None = None
    """File of ``fakescan calibrate`` whose threshold goes before the model's own; None: the model's."""
    run_dir: str | None = None
    """Folder of the journal and the JSON report; None: a new one in the user's cache."""
    cache: bool = True
    """Whether answers of the same model to the same bytes are taken from earlier runs, and kept for later ones."""
    shard: str | None = None
    """``i/n``: examine only the i-th of n parts of the files; None: all of them."""
    resume: bool = False
    """Go on with an interrupted run instead of starting anew."""
    limit: int | None = None
    """Examine at most this many files; None: all."""
    seed: int = 0
    """Seed of drawn text, together with each file's digest."""
    max_file_bytes: int = 200_000_000
    """Larger files become an error without being read."""
    max_pixels: int = 100_000_000
    """Pictures with more pixels become an error without being decoded."""
    draft: bool = False
    """Whether large JPEGs are decoded at a reduced size where the model needs no more."""
    file_timeout_s: float = 12.0
    """A file whose examination takes more processor time becomes an error, and one that takes 5/3 of it on the wall
    without being kept waiting by a busy machine."""
    workers: int | None = None
    """Files decoded at once; None: as many as there are processors, at most four."""

    @property
    def deciding_score(self) -> ScoreKind | None:
        """The score that was asked for, or None for the model's choice."""
        return None if self.score is ScoreChoice.AUTO else ScoreKind(self.score.value)

    @property
    def has_several_devices(self) -> bool:
        """Whether the model runs on more than one device of this machine, in a process each."""
        return "," in self.device or self.device == "cuda:all"

    def as_dict(self) -> dict[str, Any]:
        """Plain values for a report: lists instead of tuples, ``auto`` and null instead of None where each is said."""
        written: dict[str, Any] = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name == "paths":
                value = [without_secrets(path) for path in value]
            elif isinstance(value, tuple):
                value = list(value)
            elif item.name == "base_url" and value is not None:
                value = without_secrets(value)
            elif isinstance(value, StrEnum):
                value = value.value
            elif value is None and item.name in _NONE_IS_AUTO:
                value = "auto"
            written[item.name] = value
        return written


@dataclass(frozen=True, slots=True)
class Setting:
    """A value for an option, and where it was said."""

    value: object
    """As found: text, number, boolean or list."""
    origin: str
    """In words, e.g. ``FAKESCAN_DTYPE`` or ``fakescan.toml``."""


_NONE_IS_AUTO = frozenset({"batch_size", "ray_workers", "workers"})
_READERS: Mapping[str, read.Reader] = {
    "paths": read.texts,
    "include": read.texts,
    "exclude": read.texts,
    "changed_since": read.optional_text,
    "allow_empty": read.flag,
    "follow_links": read.flag,
    "outputs": read.texts,
    "templates": read.optional_text,
    "single_file": read.flag,
    "redact": read.several(Redact),
    "case": read.optional_text,
    "examiner": read.optional_text,
    "note": read.optional_text,
    "model": read.optional_text,
    "engine": read.text,
    "base_url": read.optional_text,
    "reasoning": read.choice(Reasoning),
    "score": read.choice(ScoreChoice),
    "decode": read.choice(Decode),
    "device": read.device,
    "ray_workers": read.auto_or_count,
    "dtype": read.choice(DType),
    "batch_size": read.auto_or_count,
    "fail_on": read.choice(FailOn),
    "gate": read.optional_text,
    "baseline": read.optional_text,
    "relative_to": read.optional_text,
    "policy": read.choice(Policy),
    "trust_list": read.optional_text,
    "threshold": read.optional_share,
    "stability": read.count_up_to(MAX_ENCODINGS),
    "audit": read.flag,
    "calibration": read.optional_text,
    "run_dir": read.optional_text,
    "cache": read.flag,
    "shard": read.shard,
    "resume": read.flag,
    "limit": read.optional_count,
    "seed": read.whole_number,
    "max_file_bytes": read.count,
    "max_pixels": read.count,
    "draft": read.flag,
    "file_timeout_s": read.seconds,
    "workers": read.auto_or_count,
}
OPTION_NAMES = tuple(_READERS)
"""Every option, in the order of ``ScanOptions``."""


def options_from(settings: Mapping[str, Setting]) -> ScanOptions:
    """Resolve named values into options.

    Args:
        settings: value and origin by option name; hyphens count as underscores.

    Raises:
        ConfigError: with every unknown name, wrong value and contradiction.
    """
    values, faults = read_settings(settings)
    options = ScanOptions(**{name: value for name, (value, _) in values.items()})
    faults += contradictions(options)
    if faults:
        raise ConfigError(faults, "see ScanOptions for what there is")
    return options


def read_settings(settings: Mapping[str, Setting]) -> tuple[dict[str, tuple[Any, str]], list[str]]:
    """Read named values without giving up at the first that is wrong.

    Args:
        settings: value and origin by option name; hyphens count as underscores.

    Returns:
        Value and origin by option name, and a fault for each unknown name and wrong value.
    """
    values: dict[str, tuple[Any, str]] = {}
    faults: list[str] = []
    for given, setting in settings.items():
        name = given.replace("-", "_")
        reader = _READERS.get(name)
        if reader is None:
            faults.append(unknown(given, OPTION_NAMES, setting.origin))
            continue
        try:
            values[name] = reader(setting.value), setting.origin
        except ValueError as fault:
            faults.append(f"{name} from {setting.origin}: {fault}")
    return values, faults


def contradictions(options: ScanOptions) -> list[str]:
    """What cannot be meant together, one sentence each.

    Args:
        options: values that are each right for themselves.
    """
    faults = []
    if options.reasoning is Reasoning.NONE and options.decode is Decode.FREE:
        faults.append("decode free and reasoning none contradict each other: without text there is nothing to draw")
    if options.audit and options.reasoning is Reasoning.NONE:
        faults.append("audit and reasoning none contradict each other: without text there is nothing to check")
    if options.calibration is not None and options.threshold is not None:
        faults.append("threshold and calibration contradict each other: a calibration promises for its own threshold")
    if (options.engine == SERVER) != (options.base_url is not None):
        faults.append(f"engine {SERVER} and base_url belong together: the one needs the other")
    elif options.base_url and not options.base_url.lower().startswith(("http://", "https://")):
        faults.append("base_url is no address that starts with http:// or https://")
    if options.engine == SERVER and options.calibration is not None:
        faults.append(
            f"engine {SERVER} and calibration contradict each other: a calibration holds for the weights it was fitted"
            " with, and nobody knows those of a server"
        )
    if options.has_several_devices and options.engine in (SERVER, RAY):
        faults.append(f"engine {options.engine} and several devices contradict each other: it has machines of its own")
    elif options.engine == RAY and options.device not in ("auto", "cpu", "cuda"):
        faults.append(f"engine {RAY} and device {options.device} contradict each other: Ray chooses the device")
    if options.ray_workers is not None and options.engine != RAY:
        faults.append(f"ray_workers needs engine {RAY}: there are no such workers without it")
    if options.dtype in (DType.INT8, DType.INT4, DType.FP8) and options.device == "mps":
        faults.append(f"dtype {options.dtype} and device mps contradict each other: no library has such layers for it")
    if options.draft and (options.stability or options.audit):
        faults.append("draft and stability or audit contradict each other: checks need the whole picture")
    if options.draft and options.engine == SERVER:
        faults.append(f"draft and engine {SERVER} contradict each other: a server is sent whole pictures")
    return faults


def unknown(name: str, known: Iterable[str], origin: str) -> str:
    """The fault of a name that nobody knows, with near misses.

    Args:
        name: what was given.
        known: what there is.
        origin: where it was given.
    """
    near = difflib.get_close_matches(name.replace("-", "_"), list(known), n=2)
    shown = name if name.isprintable() and len(name) <= 40 else ascii(name[:40])
    meant = f" (did you mean {' or '.join(near)}?)" if near else ""
    return f"unknown setting {shown} from {origin}{meant}"
