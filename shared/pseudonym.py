"""Keyed hashes that stand for people on the bus: the same person gives the same text, and without the key no way
back."""

from __future__ import annotations

import base64
import hmac
from functools import cache


def pseudonym(key: str, kind: str, value: str) -> str:
    """22 characters of URL-safe base64: 128 bits of HMAC-SHA-256 over kind and value. Raises ValueError for a short
    key."""
    keyed = _keyed(key).copy()
    keyed.update(f"{kind}\0{value}".encode())
    return base64.urlsafe_b64encode(keyed.digest()[:16]).rstrip(b"=").decode()


@cache
def _keyed(key: str) -> hmac.HMAC:
    """The key worked in once: that costs as much as the value does."""
    if len(key) < 32:
        raise ValueError("PHONGTRAO_CITIZEN_KEY must have at least 32 characters")
    return hmac.new(key.encode(), digestmod="sha256")
