"""Notices: what a service says on the bus to those who look after it. Kept nowhere, so nothing may depend on one."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field

from shared.projection.store import ParkedEvent


class EventParked(BaseModel):
    """A read model could not fold some events and set them aside; a person has to look at them.

    It says which, not what was in them or what was wrong: the operator's command `phongtrao parked list` does. Kept
    nowhere; a lost notice costs nothing, as every answer of the read model says that it is degraded.
    """

    model_config = ConfigDict(frozen=True)

    projection: str = Field(description="The read model, as `phongtrao parked list` names it.", examples=["progress"])
    stream: str = Field(description="The service whose events these are.", examples=["outreach"])
    first: int = Field(ge=1, description="Position of the first of them in that service's log.", examples=[4711])
    last: int = Field(ge=1, description="Position of the last of them.", examples=[4713])
    count: int = Field(
        ge=1, description="How many they are; others between the first and the last were folded.", examples=[2]
    )


EVENT_PARKED = "event_parked"
"""The last token of its subject."""


def of_parked(events: Iterable[ParkedEvent]) -> list[EventParked]:
    """What to say of events that were set aside together: one notice for each projection and stream."""
    positions: dict[tuple[str, str], list[int]] = {}
    for event in events:
        positions.setdefault((event.projection, event.stream), []).append(event.pos)
    return [
        EventParked(projection=projection, stream=stream, first=min(at), last=max(at), count=len(at))
        for (projection, stream), at in positions.items()
    ]
