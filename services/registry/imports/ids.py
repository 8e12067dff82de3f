"""Ids made from what identifies a thing on paper: the same line has the same ids, whoever uploads it, however often."""

from __future__ import annotations

import hashlib
import hmac

from services.registry.imports.names import number, spelling


def id_of(*parts: str) -> str:
    """An id of something public, such as a team: UUID text of version 8 (RFC 9562)."""
    return _text(hashlib.sha256("\0".join(parts).encode()).digest())


class People:
    """Ids of people. Made with a secret of the vault's, so that nobody can try names against ids on the bus."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def id_of(self, full_name: str, phone: str | None, team_id: str) -> str:
        """By name and phone; of somebody without a phone, by name and team."""
        told_apart = f"phone:{number(phone)}" if number(phone) else f"team:{team_id}"
        said = f"{spelling(full_name)}\0{told_apart}"
        return _text(hmac.digest(self._key, said.encode(), "sha256"))


def _text(digest: bytes) -> str:
    bits = int.from_bytes(digest[:16], "big")
    bits = bits & ~(0xF << 76) | (8 << 76)
    bits = bits & ~(0x3 << 62) | (2 << 62)
    text = f"{bits:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
