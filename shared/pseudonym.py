"""Keyed hashes that stand for people on the bus: the same person gives the same text, and without the key no way
back."""

from __future__ import annotations

import base64
import hmac


def pseudonym(key: str, kind: str, value: str) -> str:
    """22 characters of URL-safe base64: 128 bits of HMAC-SHA-256 over kind and value. Raises ValueError for a short
    key."""
    if len(key) < 32:
        raise ValueError("PHONGTRAO_CITIZEN_KEY must have at least 32 characters")
    digest = hmac.digest(key.encode(), f"{kind}\0{value}".encode(), "sha256")
    return base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()
