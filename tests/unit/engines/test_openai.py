"""The engine that asks a server, without a server: answers that no server should give."""

from __future__ import annotations

import io
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import SimpleNamespace
from typing import Any, cast

import pytest
from PIL import Image

from fakescan.core.records import Failure
from fakescan.engines.openai import API_KEY_VARIABLE, OpenAiEngine, ServerOptions
from fakescan.errors import ModelError
from fakescan.protocols import RgbImage
from tests.support.pictures import png


def test_a_key_does_not_follow_a_redirect(monkeypatch: pytest.MonkeyPatch, loopback: None) -> None:
    monkeypatch.setenv(API_KEY_VARIABLE, "secret")
    reached: list[str] = []

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            reached.append(self.path)
            if self.path == "/v1/models":
                self.send_response(302)
                self.send_header("Location", f"http://127.0.0.1:{server.server_port}/other")
            else:
                self.send_response(404)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        with pytest.raises(ModelError, match="status 302") as caught:
            OpenAiEngine(ServerOptions(f"http://127.0.0.1:{server.server_port}/v1"))
    finally:
        server.shutdown()
        server.server_close()
    assert reached == ["/v1/models"]
    assert "leads to another address" in caught.value.hint


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"choices": ["text"]},
        {"choices": [{"logprobs": {"content": [{"top_logprobs": ["fake"]}]}}]},
        {"choices": [{"logprobs": {"content": [{"top_logprobs": [{"token": "fake"}]}]}}]},
        {"choices": [{"logprobs": {"content": [{"top_logprobs": [{"token": "fake", "logprob": None}]}]}}]},
        {"choices": [{"logprobs": {"content": [{"top_logprobs": [{"token": "fake", "logprob": "much"}]}]}}]},
    ],
)
def test_an_answer_of_another_form_costs_its_picture_and_not_the_scan(
    monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any]
) -> None:
    listed = {"data": [{"id": "model"}]}
    monkeypatch.setattr(OpenAiEngine, "_once", lambda self, path, body: listed if body is None else answer)
    engine = OpenAiEngine(ServerOptions("http://127.0.0.1:9/v1"))
    picture = SimpleNamespace(image=Image.open(io.BytesIO(png(1))).convert("RGB"), views=None, sha256="1")
    [outcome] = engine.infer([cast(RgbImage, picture)], reasoning=False)
    assert isinstance(outcome, Failure)
    assert outcome.code == "server-failed"
