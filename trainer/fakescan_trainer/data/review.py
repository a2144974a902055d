"""Expert review of annotations in a local page: a small server on this machine that only one browser can talk to.

The address holds a random token, without which every request is answered as if there were nothing. Requests for
another host name (DNS rebinding), from another page (CSRF), or in another form than the page's own are refused. The
page loads nothing from elsewhere, and what annotators and files say only ever becomes text in it.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol

from fakescan.core.attributes import attributes_of
from fakescan.core.records import Failure
from fakescan.errors import DataError
from fakescan_trainer.data.decisions import Decided, append, checked, digest_of, read
from fakescan_trainer.data.facts import Reencoder
from fakescan_trainer.data.samples import Sample, label_name

HOST = "127.0.0.1"
"""Never another: the page shows pictures and takes decisions without a password."""
PICTURE_PX = 1024
"""Longest side of a picture on the page."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_TYPES = {
    "": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_MOST_BODY_BYTES = 100_000
_TIMEOUT_S = 30.0


class Desk(Protocol):
    """What a page asks for, and what it hands in; ``ReviewDesk`` says it in full."""

    def shown(self, at: int) -> dict[str, Any]:
        """What the page shows of an item; IndexError where there is none."""

    def next_open(self, after: int) -> int | None:
        """Place of the next item that is open; None when all are done."""

    def decide(self, body: Mapping[str, Any]) -> int | None:
        """Take what the page hands in; ValueError where it does not fit, DataError where it cannot be kept."""

    def picture(self, at: int) -> bytes | None:
        """JPEG of an item's image, or None; IndexError where there is no such item."""


class ReviewDesk:
    """Annotations, and what was decided about them."""

    def __init__(self, samples: Sequence[Sample], decisions: Path, pictures: Reencoder) -> None:
        """Read what was decided before.

        Args:
            samples: those without a label or annotation are left out.
            decisions: the file that decisions are added to.
            pictures: makes the copies that are shown.

        Raises:
            DataError: nothing is left to review, or the file of decisions is damaged.
        """
        self.samples = [sample for sample in samples if sample.label and sample.attributes is not None]
        if not self.samples:
            raise DataError("there is no annotation to review", "give a list that fakescan data annotate has written")
        self._places = {sample.image: at for at, sample in enumerate(self.samples)}
        self._path, self._pictures = decisions, pictures
        self._lock = threading.Lock()
        self._decided: dict[int, Decided] = {}
        for decided in read(decisions):
            at = self._places.get(decided.image)
            if at is not None and decided.of == digest_of(self.samples[at]):
                self._decided[at] = decided

    def shown(self, at: int) -> dict[str, Any]:
        """What the page shows of an annotation.

        Args:
            at: its place.

        Raises:
            IndexError: there is no such place.
        """
        if not 0 <= at < len(self.samples):
            raise IndexError(at)
        sample, decided = self.samples[at], self._decided.get(at)
        attributes = dict(sample.attributes or {})
        caption = sample.caption
        if decided is not None and decided.attributes:
            caption, attributes = decided.caption, dict(decided.attributes)
        names = attributes_of(sample.label.value) if sample.label else ()
        return {
            "at": at,
            "total": len(self.samples),
            "done": len(self._decided),
            "image": sample.image,
            "source": sample.source,
            "label": label_name(sample.label),
            "caption": caption,
            "attributes": [{"name": name, "text": attributes.get(name, "")} for name in names],
            "of": digest_of(sample),
            "decision": decided.decision.value if decided else "",
            "reviewer": decided.reviewer if decided else "",
            "note": decided.note if decided else "",
        }

    def next_open(self, after: int) -> int | None:
        """Place of the next annotation that nobody has decided about, going around; None when all are done.

        Args:
            after: place to begin after.
        """
        total = len(self.samples)
        places = ((after + step) % total for step in range(1, total + 1))
        return next((at for at in places if at not in self._decided), None)

    def decide(self, body: Mapping[str, Any]) -> int | None:
        """Take a decision as the page sends it.

        Args:
            body: its JSON.

        Returns:
            Place of the next annotation to decide about.

        Raises:
            ValueError: it does not fit its image.
            DataError: it could not be written.
        """
        at = body.get("at")
        if not isinstance(at, int) or not 0 <= at < len(self.samples) or body.get("of") != digest_of(self.samples[at]):
            raise ValueError("this annotation is not what was looked at")
        texts = (body.get(name) for name in ("caption", "attributes", "reviewer", "note"))
        decided = checked(self.samples[at], str(body.get("decision")), *texts)
        with self._lock:
            append(self._path, asdict(decided))
            self._decided[at] = decided
        return self.next_open(at)

    def picture(self, at: int) -> bytes | None:
        """JPEG of an image, or None where it cannot be shown.

        Args:
            at: place of its annotation.

        Raises:
            IndexError: there is no such place.
        """
        if not 0 <= at < len(self.samples):
            raise IndexError(at)
        copy = self._pictures.jpeg(self.samples[at].image)
        return None if isinstance(copy, Failure) else copy

    def counts(self) -> dict[str, int]:
        """How many annotations were decided how, and how many are open."""
        found: dict[str, int] = {}
        for decided in list(self._decided.values()):
            found[decided.decision.value] = found.get(decided.decision.value, 0) + 1
        return found | {"open": len(self.samples) - len(self._decided)}


class ReviewServer(ThreadingHTTPServer):
    """Serves one desk, on this machine only."""

    daemon_threads = True
    allow_reuse_address = False

    def __init__(self, desk: Desk, assets: Mapping[str, str], port: int = 0) -> None:
        """Listen.

        Args:
            desk: what is reviewed.
            assets: texts of the page's files by name; the page itself has an empty one.
            port: 0 takes a free one.

        Raises:
            DataError: the port is taken.
        """
        self.desk, self.assets = desk, {name: text.encode() for name, text in assets.items()}
        self.token = secrets.token_urlsafe(32)
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as fault:
            raise DataError(
                f"cannot listen on port {port}: {fault.strerror or fault}", "give another --port"
            ) from fault

    @property
    def origin(self) -> str:
        """Where the page comes from, as browsers write it."""
        return f"http://{HOST}:{self.server_address[1]}"

    @property
    def url(self) -> str:
        """The page's address; whoever knows it can decide."""
        return f"{self.origin}/{self.token}/"

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that broke is no matter; its trace could hold the token."""


class _Handler(BaseHTTPRequestHandler):
    """Answers requests."""

    server: ReviewServer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "fakescan", ""
    timeout = _TIMEOUT_S

    def do_GET(self) -> None:
        parts = self._allowed()
        if parts is None:
            return self._nothing()
        desk = self.server.desk
        try:
            match parts:
                case [name] if name in self.server.assets:
                    return self._send(self.server.assets[name], _TYPES[name.rpartition(".")[2]])
                case ["next"]:
                    return self._json({"next": desk.next_open(-1)})
                case ["annotation", number]:
                    return self._json(desk.shown(int(number)))
                case ["picture", number]:
                    picture = desk.picture(int(number))
                    return self._nothing() if picture is None else self._send(picture, "image/jpeg")
        except (ValueError, IndexError):
            pass
        return self._nothing()

    def do_POST(self) -> None:
        parts = self._allowed()
        own = self.headers.get("Origin") == self.server.origin
        form = self.headers.get("Content-Type", "").partition(";")[0].strip() == "application/json"
        length = self.headers.get("Content-Length", "")
        if parts != ["decide"] or not own or not form or not length.isdecimal() or int(length) > _MOST_BODY_BYTES:
            # The body was not read: what follows on this connection would be taken for a request.
            self.close_connection = True
            return self._nothing()
        try:
            body = json.loads(self.rfile.read(int(length)))
            if not isinstance(body, dict):
                raise ValueError("no object")
            return self._json({"next": self.server.desk.decide(body)})
        except (ValueError, RecursionError) as fault:
            return self._json({"error": str(fault)}, HTTPStatus.BAD_REQUEST)
        except DataError as fault:
            return self._json({"error": fault.message}, HTTPStatus.INTERNAL_SERVER_ERROR)

    def _allowed(self) -> list[str] | None:
        """What is asked for, below the token; None for whoever does not know it or comes from elsewhere."""
        host = self.headers.get("Host") == self.server.origin.removeprefix("http://")
        site = self.headers.get("Sec-Fetch-Site", "same-origin") in ("same-origin", "none")
        _, _, rest = self.path.partition("/")
        token, slash, below = rest.partition("/")
        known = secrets.compare_digest(token.encode("utf-8", "replace"), self.server.token.encode())
        return below.split("/") if host and site and known and slash else None

    def _json(self, value: Mapping[str, Any], status: HTTPStatus = HTTPStatus.OK) -> None:
        self._send(json.dumps(value).encode("ascii"), "application/json", status)

    def _nothing(self) -> None:
        self._send(b"not found\n", "text/plain; charset=utf-8", HTTPStatus.NOT_FOUND)

    def _send(self, body: bytes, media_type: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Requests hold the token, so they are not logged."""
