"""Identifiers: UUIDv7 text, so that ids sort roughly by birth and may be made by a client that is offline."""

from __future__ import annotations

from collections.abc import Callable

import uuid_utils

NewId = Callable[[], str]


def new_id() -> str:
    """A fresh UUIDv7 as 36 characters of lower-case text (RFC 9562)."""
    return str(uuid_utils.uuid7())
