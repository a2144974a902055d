"""An OpenAI-compatible chat endpoint: one question with an image, with limits, retries and patience.

The key is only ever put into the header of a request: it is in no message, no file and no record. Redirects are not
followed, because they could carry it elsewhere.
"""

from __future__ import annotations

import base64
import email.utils
import ipaddress
import json
import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from fakescan.errors import DataError
from fakescan_trainer.data.pace import Pace, Patience

_LONGEST_WAIT_S = 120.0
_FATAL = frozenset({401, 402, 403, 404, 405})
"""The next image would fare the same."""
_ENDED = {"length": "it was cut off at --max-tokens", "content_filter": "it was filtered"}
_MOST_TOLD_CHARS = 200
_MOST_ANSWER_BYTES = 4_000_000


@dataclass(frozen=True, slots=True)
class Reply:
    """What the endpoint answered."""

    content: str | None
    """The text; None when there is none (a refusal, a filter)."""
    why: str
    """Why there is no usable text, as far as the endpoint says."""
    input_tokens: int
    """Tokens of the question, 0 when it does not say."""
    output_tokens: int
    """Tokens of the answer, 0 when it does not say."""


class AskError(Exception):
    """One question could not be answered; others may be."""


class EndpointError(DataError):
    """No question can be answered: wrong key, wrong model, no credit, nobody there."""


class Endpoint:
    """A chat endpoint; safe to use from several threads."""

    def __init__(
        self, url: str, model: str, key: str, *, patience: Patience | None = None, per_minute: float | None = None
    ) -> None:
        """Nothing is sent yet.

        Args:
            url: base address, as ``https://api.openai.com/v1``.
            model: its name there.
            key: sent as bearer token; empty for servers that want none.
            patience: how hard is tried.
            per_minute: most requests a minute.

        Raises:
            DataError: the address is none, or the key would travel unencrypted.
        """
        address = checked_url(url, key)
        self.model = model
        self._key = key
        self._address = f"{address.rstrip('/')}/chat/completions"
        self._patience = patience or Patience()
        self._pace = Pace(per_minute)
        self._stopped = threading.Event()
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client = httpx2.Client(headers=headers, timeout=self._patience.timeout_s, follow_redirects=False)

    def ask(self, body: Mapping[str, Any]) -> Reply:
        """Send a request and wait for the answer, again and again if need be.

        Args:
            body: of the request, as ``request_body`` makes it.

        Raises:
            AskError: this question got no answer.
            EndpointError: no question will.
        """
        wait_s = self._patience.first_wait_s
        for tries_left in range(self._patience.retries, -1, -1):
            self._pace.wait(self._stopped)
            if self._stopped.is_set():
                raise AskError("ended before it was asked")
            try:
                return self._answer(self._client.post(self._address, json=dict(body)))
            except _Again as again:
                if not tries_left:
                    raise AskError(f"{again.why}; given up after {self._patience.retries + 1} tries") from None
                pause_s = min(_LONGEST_WAIT_S, again.wait_s if again.wait_s is not None else _shaken(wait_s))
                if again.everybody:
                    self._pace.pause(pause_s)
            except httpx2.TimeoutException:
                if not tries_left:
                    raise AskError(f"no answer in {self._patience.timeout_s:g} s") from None
                pause_s = _shaken(wait_s)
            except httpx2.ConnectError as fault:
                if not tries_left:
                    raise EndpointError(self._told(f"nobody answers at {self._address}: {fault}"), _CHECK) from None
                pause_s = _shaken(wait_s)
            except (httpx2.HTTPError, httpx2.InvalidURL) as fault:
                if not tries_left:
                    raise AskError(self._told(f"the connection broke: {fault}")) from None
                pause_s = _shaken(wait_s)
            wait_s = min(_LONGEST_WAIT_S, wait_s * 2)
            self._stopped.wait(pause_s)
        raise AssertionError("the loop returns or raises")

    def stop(self) -> None:
        """End all waiting, in every thread."""
        self._stopped.set()

    def close(self) -> None:
        """End all waiting and close the connections."""
        self.stop()
        self._client.close()

    def _answer(self, response: httpx2.Response) -> Reply:
        if response.status_code == 429 or response.status_code >= 500:
            code = _error_of(response).get("code")
            if code == "insufficient_quota":
                raise EndpointError(
                    "the account has no credit left", "what was annotated is kept; go on with the same command"
                )
            raise _Again(
                f"status {response.status_code}", _retry_after(response), everybody=response.status_code == 429
            )
        if response.status_code != 200:
            raise self._fault(response)
        try:
            if len(response.content) > _MOST_ANSWER_BYTES:
                raise ValueError("far too long an answer")
            return reply_of(response.json())
        except (ValueError, RecursionError) as fault:
            raise _Again(self._told(f"an answer that is none: {fault}"), None) from None

    def _fault(self, response: httpx2.Response) -> Exception:
        """What a refusal means: for this image only, or for all."""
        told = self._told(f"status {response.status_code}: {_error_of(response).get('message') or 'no reason given'}")
        if response.status_code in _FATAL:
            return EndpointError(f"{self._address} refuses: {told}", _CHECK)
        return AskError(told)

    def _told(self, text: str) -> str:
        """A text from outside, short, and without the key should the server repeat it."""
        return (text.replace(self._key, "[key]") if self._key else text)[:_MOST_TOLD_CHARS]


_CHECK = "check --endpoint, --model and the key's variable; what was annotated is kept"


class _Again(Exception):
    """Worth another try."""

    def __init__(self, why: str, wait_s: float | None, *, everybody: bool = False) -> None:
        super().__init__(why)
        self.why, self.wait_s, self.everybody = why, wait_s, everybody


def checked_url(url: str, key: str) -> str:
    """The address, made sure to be one that a key may be sent to.

    Args:
        url: as it was given.
        key: empty when none is sent.

    Raises:
        DataError: it is no address, or neither encrypted nor on this machine.
    """
    hint = "give something like https://api.openai.com/v1 or http://127.0.0.1:8000/v1"
    try:
        address = httpx2.URL(url)
    except (httpx2.InvalidURL, ValueError, TypeError):
        raise DataError(f"{url!r} is no address", hint) from None
    if address.scheme not in ("http", "https") or not address.host or address.userinfo:
        raise DataError(f"{url!r} is no address of an endpoint", hint)
    if key and address.scheme == "http" and not on_this_machine(url):
        raise DataError("the key would travel unencrypted", "give an address that begins with https://")
    return str(address)


def on_this_machine(url: str) -> bool:
    """Whether an address leads to this machine itself.

    Args:
        url: an address.
    """
    host = httpx2.URL(url).host.strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def reply_of(document: Any) -> Reply:
    """The answer in the body of a chat completion.

    Args:
        document: the body, as JSON.

    Raises:
        ValueError: it is none.
    """
    try:
        choice = document["choices"][0]
        message = choice["message"]
        usage = document.get("usage") or {}
        tokens = [usage.get(name) or 0 for name in ("prompt_tokens", "completion_tokens")]
        content, refusal = message.get("content"), message.get("refusal")
        ended = choice.get("finish_reason")
    except (KeyError, IndexError, TypeError, AttributeError):
        raise ValueError("no chat completion") from None
    if not all(isinstance(count, int) and count >= 0 for count in tokens) or not isinstance(content, str | None):
        raise ValueError("no chat completion")
    why = "it was refused" if refusal else _ENDED.get(str(ended), "")
    return Reply(content, why, *tokens)


def request_body(model: str, prompt: str, jpeg: bytes, max_tokens: int) -> dict[str, Any]:
    """Body of a request: a prompt and an image.

    Args:
        model: its name at the endpoint.
        prompt: the question.
        jpeg: the image.
        max_tokens: most tokens of the answer.
    """
    address = f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode('ascii')}"
    content = [{"type": "text", "text": prompt}, {"type": "image_url", "image_url": {"url": address}}]
    return {"model": model, "messages": [{"role": "user", "content": content}], "max_tokens": max_tokens}


def _shaken(seconds: float) -> float:
    return seconds * (0.5 + random.random())  # noqa: S311 -- nothing secret about it


def _retry_after(response: httpx2.Response) -> float | None:
    """Seconds that the endpoint asks to wait, as a number or a date (RFC 9110, 10.2.3)."""
    text = response.headers.get("retry-after", "")
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError):
        return None


def _error_of(response: httpx2.Response) -> dict[str, Any]:
    try:
        error = response.json()["error"]
    except (ValueError, KeyError, TypeError, RecursionError, json.JSONDecodeError):
        return {}
    return error if isinstance(error, dict) else {"message": str(error)}
