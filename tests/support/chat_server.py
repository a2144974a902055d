"""A server of its own process that speaks OpenAI's chat completions with logprobs over the tests' tiny model.

    python -m tests.support.chat_server MODEL_FOLDER [--no-logprobs] [--fail-first N] [--key KEY] [--say R,G,B=TEXT ...]

It prints its port, and ends when its stdin does. The model runs as in ``fakescan.engines.plain``: same chat template,
same picture preparation, greedy. ``--fail-first`` answers the first N completions with status 503. ``--say`` puts a
text in the place of the model's for pictures that start with this colour; ``--no-begun`` refuses to go on with a
begun answer.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from fakescan.engines.decoding import Sequences
from fakescan.engines.device import choose_placement
from fakescan.engines.plain import EngineOptions, PlainEngine
from fakescan.model.build import image_embeddings, tower_features
from fakescan.model.checkpoints import load_any
from fakescan.model.images import stacked, views_of


class Chat:
    """Answers one request after the other."""

    def __init__(self, folder: Path, said: dict[Any, str] | None = None) -> None:
        self.engine = PlainEngine(load_any(folder), choose_placement("cpu", "float32"), EngineOptions())
        self.lock = threading.Lock()
        self.said = said or {}

    @torch.inference_mode()
    def answer(self, asked: dict[str, Any], *, logprobs: bool) -> dict[str, Any]:
        with self.lock:
            return self._answer(asked, logprobs=logprobs)

    def _answer(self, asked: dict[str, Any], *, logprobs: bool) -> dict[str, Any]:
        question, *begun = asked["messages"]
        address = question["content"][0]["image_url"]["url"].removeprefix("data:image/png;base64,")
        image = Image.open(io.BytesIO(base64.b64decode(address))).convert("RGB")
        start = begun[0]["content"] if begun else ""
        if not begun and (said := self.said.get(image.getpixel((0, 0)))) is not None:
            return {"choices": [{"index": 0, "message": {"role": "assistant", "content": said}}]}
        assert bool(begun) == bool(asked.get("continue_final_message"))
        engine, tokenizer = self.engine, self.engine.tokenizer
        sequences = Sequences(engine.llava, 1)
        prep = engine.info.preprocessing
        features = tower_features(engine.llava, stacked(views_of(image, None, prep), prep))
        sequences.append([engine.prompt.head], image_embeddings(engine.llava, features, len(prep.views)))
        sequences.append([(*engine.prompt.free_opening, *tokenizer.encode(start, add_special_tokens=False))])
        scores = sequences.next_logits()[0].log_softmax(-1)
        tokens: list[int] = []
        text = ""
        for _ in range(min(asked["max_tokens"], 24)):
            chosen = int(sequences.next_logits().argmax())
            tokens.append(chosen)
            text = tokenizer.decode(tokens)
            if any(stop in text for stop in asked.get("stop", [])):
                text = text.partition(asked["stop"][0])[0]
                break
            sequences.append([[chosen]])
        listed = None
        if logprobs and asked.get("logprobs"):
            values, ids = scores.topk(asked["top_logprobs"])
            # The two words last, so that a tiny random model always lists them.
            pairs = dict(zip(ids.tolist(), values.tolist(), strict=True))
            for word in (engine.anchors.real_id, engine.anchors.fake_id):
                pairs[word] = float(scores[word])
            listed = {"content": [{"top_logprobs": [
                {"token": tokenizer.decode([token]), "logprob": value} for token, value in pairs.items()
            ]}]}  # fmt: skip
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "logprobs": listed}
        return {"choices": [choice], "usage": {"completion_tokens": len(tokens)}}


def main() -> None:
    """Serve until stdin ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--no-logprobs", action="store_true")
    parser.add_argument("--fail-first", type=int, default=0)
    parser.add_argument("--key", default="")
    parser.add_argument("--say", action="append", default=[])
    parser.add_argument("--no-begun", action="store_true")
    asked = parser.parse_args()
    said = [text.partition("=") for text in asked.say]
    chat = Chat(asked.folder, {tuple(map(int, colour.split(","))): text for colour, _, text in said})
    failing = [503] * asked.fail_first

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.tell(200, {"data": [{"id": "tiny"}]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if asked.key and self.headers["Authorization"] != f"Bearer {asked.key}":
                self.tell(401, {})
            elif failing:
                self.tell(failing.pop(), {})
            elif asked.no_begun and "continue_final_message" in body:
                self.tell(400, {"error": {"message": "Unrecognized request argument"}})
            else:
                self.tell(200, chat.answer(body, logprobs=not asked.no_logprobs))

        def tell(self, status: int, content: dict[str, Any]) -> None:
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()

    def end_with_stdin() -> None:
        sys.stdin.read()
        server.shutdown()

    threading.Thread(target=end_with_stdin, daemon=True).start()
    server.serve_forever()


if __name__ == "__main__":
    main()
