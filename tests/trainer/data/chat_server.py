"""A server that speaks the protocol of chat completions, on this machine, and misbehaves as it is told."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any

from PIL import Image

KEY = "sk-secret-0123456789"


@dataclass(frozen=True)
class Asked:
    """A request."""

    headers: dict[str, str]
    body: dict[str, Any]
    raw: bytes

    @property
    def prompt(self) -> str:
        text: str = self.body["messages"][0]["content"][0]["text"]
        return text

    @property
    def picture(self) -> bytes:
        address: str = self.body["messages"][0]["content"][1]["image_url"]["url"]
        return base64.b64decode(address.removeprefix("data:image/jpeg;base64,"), validate=True)

    @property
    def size(self) -> tuple[int, int]:
        with Image.open(BytesIO(self.picture)) as image:
            return image.size

    @property
    def is_caption(self) -> bool:
        return "JSON" not in self.prompt

    @property
    def label(self) -> str:
        return "fake" if "image is fake" in self.prompt else "real"


@dataclass(frozen=True)
class Answer:
    """What the server sends."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    raw: bytes | None = None


def says(content: str | None, **about: Any) -> dict[str, Any]:
    """A chat completion."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}, **about}
    return {"choices": [choice], "usage": {"prompt_tokens": 100, "completion_tokens": 20}}


def good(asked: Asked) -> Answer:
    """What a good annotator answers."""
    if asked.is_caption:
        return Answer(body=says("Soft spots of colour."))
    key, name = (
        ("Forgery Attributes", "Low Image Quality") if asked.label == "fake" else ("Attributes", "High Image Quality")
    )
    return Answer(body=says(json.dumps({"Answer": f"The image is {asked.label}.", key: {name: "Spots."}})))


@dataclass
class Server:
    """What was asked, and how it is answered."""

    answer: Callable[[Asked], Answer] = good
    asked: list[Asked] = field(default_factory=list)
    most_at_once: int = 0
    at_once: int = 0
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def serving() -> Iterator[Server]:
    """A server in a thread of its own, on a free port."""
    about = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            asked = Asked({name.lower(): value for name, value in self.headers.items()}, json.loads(raw), raw)
            with about.lock:
                about.asked.append(asked)
                about.at_once += 1
                about.most_at_once = max(about.most_at_once, about.at_once)
            try:
                answer = about.answer(asked) if self.path == "/v1/chat/completions" else Answer(404)
                time.sleep(answer.delay_s)
                body = answer.raw if answer.raw is not None else json.dumps(answer.body).encode()
                self.send_response(answer.status)
                for name, value in {"Content-Length": str(len(body)), **answer.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
            except OSError:
                pass  # whoever asked has gone
            finally:
                with about.lock:
                    about.at_once -= 1

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        about.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield about
        server.shutdown()
        thread.join()
