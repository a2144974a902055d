"""A model behind a server that speaks OpenAI's chat completions (vLLM, SGLang, llama.cpp), with logprobs.

Two requests an image: the first writes everything up to ``</REASONING>``, the second goes on with the paper's
conclusion and asks for one token. The difference of the logprobs of "fake" and "real" is that of their logits (both
lack the same normaliser), which is all that the mapper needs (Eq. 8). Triage is one request. In an evaluation a server
that gives no logprobs is asked once an image, and its text is all there is. Pictures leave the machine for the server
that ``--base-url`` names, and for no other.
"""

from __future__ import annotations

import base64
import io
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, cast

from PIL import Image

from fakescan.core.addresses import without_secrets
from fakescan.core.answer import LONG_CONCLUSION, SHORT_CONCLUSION, close_tag, open_tag, parse_answer, parse_free_answer
from fakescan.core.records import Calibration, Failure, Label, LogitPair, ModelIdentity, Prediction, ScoreKind, Stage
from fakescan.errors import ModelError
from fakescan.model.prompt import PROMPT_VERSION, QUESTION, ZERO_SHOT
from fakescan.protocols import RgbImage

API_KEY_VARIABLE = "OPENAI_API_KEY"
"""Where a key is taken from, where the server wants one; never an option, so that no report can hold it."""

_MAX_SIDE_PX = 1536
"""Larger pictures are scaled down before they are sent; the server scales them to what its model looks at anyway."""
_MAX_TOKENS = 512
_PAPER_TEMPERATURE = 0.2
_TOP_LOGPROBS = 20
_TRIES = 4
_FIRST_WAIT_S = 0.5
_MOST_WAIT_S = 20.0
_TIMEOUT_S = 300.0
_MAX_ANSWER_BYTES = 16_000_000
_TRY_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_REFUSED = "server-refused"
_PROBE = Image.new("RGB", (64, 64), (128, 128, 128))
_OF_ONE_IMAGE = frozenset({400, 413, 422})
_NO_LOGPROBS = "the server returns no logprobs, without which there is no score"
_LOGPROBS_HINT = "start it so that it does: vLLM and SGLang do by default, llama.cpp from version b4000 on"


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How a server is asked."""

    base_url: str
    """Where the API starts, e.g. ``http://localhost:8000/v1``; may hold a name and password."""
    model: str | None = None
    """The model's name there; None: the first that the server lists."""
    batch_size: int = 8
    """Requests at once."""
    free: bool = False
    """Whether text is drawn at temperature 0.2 instead of the likeliest."""
    seed: int = 0
    """Of drawn text."""
    first_wait_s: float = _FIRST_WAIT_S
    """Wait before the second try; it doubles with each."""
    text_will_do: bool = False
    """Whether a server without logprobs is asked for its text alone, as evaluations do; else it is refused."""


class OpenAiEngine:
    """Asks one server."""

    def __init__(self, options: ServerOptions) -> None:
        """Find out what the server runs, and where text alone will do, whether it gives more than that.

        Raises:
            ModelError: when it cannot be reached, refuses every request or does not know the model.
        """
        self._options = options
        self._base_url = options.base_url.rstrip("/")
        listed = _names(self._asked("/models"))
        if options.model is not None and listed and options.model not in listed:
            raise ModelError(
                f"the server does not know the model {ascii(options.model)[1:-1]}", f"it lists {', '.join(listed[:5])}"
            )
        name = options.model or (listed[0] if listed else None)
        if name is None:
            raise ModelError("the server lists no model", "name one with --model")
        self._model = name
        self.text_alone = options.text_will_do and not self._gives_logprobs()
        """Whether there are no probabilities, only words."""

    @property
    def identity(self) -> ModelIdentity:
        """What the server says of its model; nobody can tell which weights those are."""
        prompt = ZERO_SHOT if self.text_alone else PROMPT_VERSION
        return ModelIdentity(
            name=self._model, base_model="unknown (behind a server)", adapter=None, weights_sha256="",
            prompt_version=prompt, dtype="unknown", device=f"server {without_secrets(self._base_url)}",
            engine="openai", decides=ScoreKind.AFTER,
        )  # fmt: skip

    @property
    def calibration(self) -> Mapping[ScoreKind, Calibration]:
        """None: whatever the server runs was not measured."""
        return {}

    @property
    def batch_size(self) -> int:
        """Requests at once."""
        return self._options.batch_size

    def infer(self, images: Sequence[RgbImage], *, reasoning: bool = True) -> list[Prediction | Failure]:
        """Assess pictures, all at once.

        Raises:
            ModelError: when the server refuses what every picture needs.
        """
        with ThreadPoolExecutor(max(1, len(images)), thread_name_prefix="fakescan-server") as pool:
            return list(pool.map(lambda image: self._one(image, reasoning=reasoning), images))

    def _one(self, image: RgbImage, *, reasoning: bool) -> Prediction | Failure:
        started = time.perf_counter()
        question = _question(cast(Image.Image, image.image))
        try:
            if self.text_alone:
                text, tokens = self._written(question)
                spent = time.perf_counter() - started
                return Prediction(None, None, stages=parse_free_answer(text), tokens=tokens, elapsed_s=spent)
            if not reasoning:
                pair = self._scored(question, f"{open_tag(Stage.CONCLUSION)} {SHORT_CONCLUSION}", 0)
                return Prediction(before=pair, after=None, elapsed_s=time.perf_counter() - started)
            end = close_tag(Stage.REASONING)
            text, tokens = self._written(question, end)
            start = f"{text.removesuffix(end).rstrip()} {end}\n{open_tag(Stage.CONCLUSION)} {LONG_CONCLUSION}"
            pair = self._scored(question, start, tokens)
        except _OneImageError as fault:
            return Failure("infer", fault.code, fault.message, "look at the server's log, and scan it again")
        side = Label.FAKE if pair is not None and pair.fake > pair.real else Label.REAL
        whole = f"{start} {side.value}. {close_tag(Stage.CONCLUSION)}"
        spent = time.perf_counter() - started
        return Prediction(before=None, after=pair, stages=parse_answer(whole), tokens=tokens, elapsed_s=spent)

    def _gives_logprobs(self) -> bool:
        """Ask once about a grey picture: one answer for the whole run, so that no two images are judged differently.

        A server that refuses to go on with a begun answer gives no logprobs of the two words either.

        Raises:
            ModelError: it refuses every request, or goes on failing.
        """
        try:
            self._scored(_question(_PROBE), f"{open_tag(Stage.CONCLUSION)} {SHORT_CONCLUSION}", 0)
        except _NoLogprobsError:
            return False
        except _OneImageError as fault:
            if fault.code == _REFUSED:
                return False
            where = without_secrets(self._base_url)
            raise ModelError(f"{where}: {fault.message}", "check the server, and try again") from None
        return True

    def _written(self, question: Mapping[str, Any], end: str | None = None) -> tuple[str, int]:
        """What the model writes, up to the end if one is given, and how many tokens that took."""
        stop = {} if end is None else {"stop": [end]}
        answer = self._asked("/chat/completions", self._request([question], max_tokens=_MAX_TOKENS, **stop))
        message = _choice(answer).get("message")
        text = str(message.get("content") or "") if isinstance(message, dict) else ""
        usage = answer.get("usage")
        counted = usage.get("completion_tokens") if isinstance(usage, dict) else None
        return text, counted if isinstance(counted, int) else 0

    def _scored(self, question: Mapping[str, Any], start: str, index: int) -> LogitPair | None:
        """The logprobs of the two words that may follow the start of an answer."""
        begun = {"role": "assistant", "content": start}
        asked = self._request([question, begun], max_tokens=1, logprobs=True, top_logprobs=_TOP_LOGPROBS)
        # vLLM and SGLang go on with the last message only when told so; llama.cpp does it by itself.
        asked |= {"continue_final_message": True, "add_generation_prompt": False}
        return _pair(_choice(self._asked("/chat/completions", asked)), index)

    def _request(self, messages: Sequence[Mapping[str, Any]], **more: Any) -> dict[str, Any]:
        temperature = _PAPER_TEMPERATURE if self._options.free else 0.0
        asked = {"model": self._model, "messages": messages, "temperature": temperature, "seed": self._options.seed}
        return {**asked, **more}

    def _asked(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """An answer of the server, after as many tries as it is worth.

        Raises:
            _OneImageError: when this request comes to nothing, though others may not.
            ModelError: when no request will.
        """
        fault = _OneImageError("server-failed", "the server did not answer")
        for attempt in range(_TRIES):
            try:
                return self._once(path, body)
            except urllib.error.HTTPError as refused:
                with refused:
                    wait = _wait_asked_for(refused)
                if refused.code not in _TRY_AGAIN:
                    raise _refusal(refused.code, about_image=body is not None) from None
                fault = _OneImageError("server-failed", f"the server answered with status {refused.code}")
            except TimeoutError:
                wait, fault = 0.0, _OneImageError("server-timeout", "the server did not answer in time")
            except (OSError, ValueError):
                wait, fault = 0.0, _OneImageError("server-failed", "the server cannot be reached or broke off")
            if attempt + 1 < _TRIES:
                time.sleep(min(max(wait, self._options.first_wait_s * 2**attempt), _MOST_WAIT_S))
        if body is None:
            raise ModelError(f"{without_secrets(self._base_url)}: {fault.message}", "check --base-url and the server")
        raise fault

    def _once(self, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        address, headers = _plain_address(self._base_url + path)
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(address, data, {"Content-Type": "application/json", **headers})  # noqa: S310
        with _STAYING.open(asked, timeout=_TIMEOUT_S) as answer:
            content = json.loads(answer.read(_MAX_ANSWER_BYTES))
        if not isinstance(content, dict):
            raise ValueError("no JSON object")
        return content


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The key and the pictures are for the server that was named, not for one that it names."""

    def redirect_request(self, *_: object) -> None:
        """Follow nothing: the redirect is then a refusal."""


_STAYING = urllib.request.build_opener(_NoRedirects)


class _NoLogprobsError(ModelError):
    """An answer without logprobs."""


class _OneImageError(Exception):
    """A request that came to nothing."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def _plain_address(address: str) -> tuple[str, dict[str, str]]:
    """The address without name and password, which go into a header like a key does."""
    scheme, _, rest = address.partition("://")
    host, slash, path = rest.partition("/")
    login, at, bare = host.rpartition("@")
    key = os.environ.get(API_KEY_VARIABLE)
    if at:
        return f"{scheme}://{bare}{slash}{path}", {
            "Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"
        }
    return address, {"Authorization": f"Bearer {key}"} if key else {}


def _question(image: Image.Image) -> dict[str, Any]:
    """The question's message with the picture, losslessly as far as its size allows."""
    if max(image.size) > _MAX_SIDE_PX:
        image = image.copy()
        image.thumbnail((_MAX_SIDE_PX, _MAX_SIDE_PX), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=1)
    address = f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode('ascii')}"
    content = [{"type": "image_url", "image_url": {"url": address}}, {"type": "text", "text": QUESTION}]
    return {"role": "user", "content": content}


def _choice(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise _OneImageError("server-failed", "the server's answer is no chat completion")
    return choices[0]


def _pair(choice: Mapping[str, Any], index: int) -> LogitPair | None:
    """The two words' logprobs; None where neither is among the likeliest tokens.

    Raises:
        _NoLogprobsError: when there are none at all.
        _OneImageError: when they have another form.
    """
    logprobs = choice.get("logprobs")
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    likely = content[0].get("top_logprobs") if isinstance(content, list) and content else None
    if not isinstance(likely, list) or not likely:
        raise _NoLogprobsError(_NO_LOGPROBS, _LOGPROBS_HINT)
    found: dict[str, float] = {}
    values = []
    for item in likely:
        try:
            value, token = float(item["logprob"]), str(item["token"])
        except (KeyError, TypeError, ValueError):
            raise _OneImageError("server-failed", "the server's logprobs have another form than OpenAI's") from None
        values.append(value)
        # With the blank before it or without: how a tokenizer cuts differs, and the likelier form counts.
        word = token.lstrip(" \u2581\u0120")
        found[word] = max(value, found.get(word, value))
    if "real" not in found and "fake" not in found:
        return None
    # A word that is not listed is less likely than the least likely that is.
    least = min(values)
    return LogitPair(found.get("real", least), found.get("fake", least), index)


def _names(answer: Mapping[str, Any]) -> list[str]:
    data = answer.get("data")
    return (
        [str(item["id"]) for item in data if isinstance(item, dict) and "id" in item] if isinstance(data, list) else []
    )


def _refusal(status: int, *, about_image: bool) -> Exception:
    if about_image and status in _OF_ONE_IMAGE:
        return _OneImageError(_REFUSED, f"the server refused the picture (status {status})")
    hints = {
        401: f"set {API_KEY_VARIABLE}",
        403: f"set {API_KEY_VARIABLE}",
        404: "check --base-url; it often ends in /v1",
        **dict.fromkeys((301, 302, 303, 307, 308), "it leads to another address: give that with --base-url"),
    }
    return ModelError(
        f"the server refused the request (status {status})", hints.get(status, "look at the server's log")
    )


def _wait_asked_for(refused: urllib.error.HTTPError) -> float:
    asked = refused.headers.get("Retry-After", "") if refused.headers else ""
    return float(asked) if asked.isdecimal() else 0.0
