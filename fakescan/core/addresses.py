"""Addresses of files that lie on other machines: how they are told from paths, and written without secrets."""

from __future__ import annotations

import re

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_ADDRESS = re.compile(r"\b([A-Za-z][A-Za-z0-9+.-]+)://(?:[^\s/?#]*@)?([^\s?#]*)(\?[^\s#]*)?(#\S*)?")
_WITH_QUERY = frozenset({"http", "https"})
"""Elsewhere a question mark is a character of the name like any other."""
_REMOVED_QUERY = "?[removed]"


def is_address(text: str) -> bool:
    """Whether this is an address (``s3://...``) and no path. A drive letter is no scheme.

    Args:
        text: as typed or read from a list.
    """
    return _SCHEME.match(text) is not None


def without_secrets(text: str) -> str:
    """The text with names, passwords and queries taken out of the addresses in it: signed links hold keys.

    Args:
        text: a path, an address, or a command line.
    """

    def clean(match: re.Match[str]) -> str:
        scheme, rest, query, fragment = match.groups()
        if scheme.lower() in _WITH_QUERY:
            return f"{scheme}://{rest}{_REMOVED_QUERY if query or fragment else ''}"
        return f"{scheme}://{rest}{query or ''}{fragment or ''}"

    return _ADDRESS.sub(clean, text)
