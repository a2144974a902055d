"""A question to a time-stamping authority over HTTP (RFC 3161, 3.4): one try, small answers only, a limit of time."""

from __future__ import annotations

import asyncio

import httpx2

from fakescan.core.addresses import without_secrets
from fakescan.desk.timestamp import MAX_BYTES
from fakescan.errors import InputError

LIMIT_S = 30.0
"""For everything together, from the look-up of the name to the last byte."""
_HINT = "check the address and the connection, or leave out --timestamp-url; no bundle was written"


def checked_address(url: str) -> str:
    """The address without its secrets, once it is one.

    Args:
        url: as typed.

    Raises:
        InputError: when it is no http or https address.
    """
    try:
        address = httpx2.URL(url)
        fits = address.scheme in ("http", "https") and bool(address.host)
    except (httpx2.InvalidURL, ValueError, TypeError):
        fits = False
    if not fits:
        raise InputError(
            f"{ascii(without_secrets(url))[1:-1]} is no address of a time-stamping authority",
            "give one that begins with https:// or http://",
        )
    return without_secrets(url)


def ask(url: str, request: bytes) -> bytes:
    """Send a request for a timestamp.

    Args:
        url: of the authority, http or https. Unencrypted is common there: the answer is signed, the question a hash.
        request: DER of a TimeStampReq.

    Returns:
        What the authority answered, unchecked, at most ``MAX_BYTES``.

    Raises:
        InputError: when there is no answer, or none that could be a timestamp.
    """
    name = checked_address(url)
    try:
        return asyncio.run(_asked(url, request))
    except _AnswerError as refused:
        raise InputError(f"{name} {refused}", _HINT) from None
    except TimeoutError:
        raise InputError(f"{name} did not answer in {LIMIT_S:g} s", _HINT) from None
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as fault:
        raise InputError(f"{name} cannot be reached: {without_secrets(str(fault)) or 'no answer'}", _HINT) from None


class _AnswerError(Exception):
    """An answer that is no timestamp; the message goes on after the address."""


async def _asked(url: str, request: bytes) -> bytes:
    # Raw bytes: a packed answer could unpack to any size.
    headers = {"Content-Type": "application/timestamp-query", "Accept-Encoding": "identity"}
    got = bytearray()
    async with (
        asyncio.timeout(LIMIT_S),
        httpx2.AsyncClient(timeout=LIMIT_S, follow_redirects=False) as client,
        client.stream("POST", url, content=request, headers=headers) as answer,
    ):
        if answer.status_code != httpx2.codes.OK:
            raise _AnswerError(f"answered with status {answer.status_code}")
        async for piece in answer.aiter_raw():
            got += piece
            if len(got) > MAX_BYTES:
                raise _AnswerError(f"answered with more than {MAX_BYTES // 1024} kB")
    return bytes(got)
