"""THE dictionary of events: every fact that crosses a service boundary, by CloudEvents type."""

from __future__ import annotations

from collections.abc import Callable

from shared.contracts import courses, outreach, registry
from shared.contracts.base import Event, Recorded, subclasses_of

__all__ = [
    "EVENTS",
    "PRODUCERS",
    "Event",
    "Recorded",
    "UnknownEvent",
    "courses",
    "events_of",
    "outreach",
    "parse",
    "registry",
]

EVENTS: dict[str, type[Event]] = {cls.type_name(): cls for cls in subclasses_of(Event) if hasattr(cls, "NAME")}
"""Every version of every event that was ever published, by `vn.cds.<service>.<event>.v<n>`."""

_READ: dict[str, Callable[[bytes | str], Event]] = {
    name: cls.__pydantic_validator__.validate_json for name, cls in EVENTS.items()
}
"""All that `model_validate_json` comes to, looked up once."""

PRODUCERS: tuple[str, ...] = ("registry", "outreach", "courses")


class UnknownEvent(LookupError):
    """The event's type is in no dictionary of this release: a newer producer wrote it."""


def events_of(service: str) -> tuple[type[Event], ...]:
    """The events that a service publishes, in the order of the dictionary."""
    return tuple(cls for cls in EVENTS.values() if service == cls.SERVICE)


def parse(type_name: str, payload: bytes | str) -> Event:
    """The event in a JSON payload. Raises UnknownEvent, or pydantic's ValidationError for a payload that is not one."""
    read = _READ.get(type_name)
    if read is None:
        raise UnknownEvent(type_name)
    return read(payload)
