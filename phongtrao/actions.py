"""What a simulated life is made of: actions, each a request at a moment. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from shared.auth import Caller


class Action(NamedTuple):
    """A request that is sent at a moment of the simulated time. Actions of one lane are sent in order."""

    at: datetime
    lane: str
    path: str
    body: dict[str, Any]
    caller: Caller
    key: str | None = None
    """Idempotency-Key, for commands without a client-made id."""
