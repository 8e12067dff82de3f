"""Events as messages carry them: CloudEvents 1.0 in binary mode, attributes in NATS headers, the payload as JSON."""

from __future__ import annotations

import re
from datetime import datetime
from typing import NamedTuple
from urllib.parse import unquote

from shared.contracts import Recorded, UnknownEvent, parse


class Message(NamedTuple):
    """A message as it came: nothing decoded but its place."""

    pos: int
    data: bytes
    headers: bytes


class Undecodable(ValueError):
    """A message that is no event: a header is missing or its payload does not fit its type. It is parked."""


def header(block: bytes, name: bytes) -> bytes:
    """Its value, empty when there is none. Found in the block: to split all headers costs as much as the payload."""
    return _value(block, b"\r\n" + name + b": ")


def _value(block: bytes, label: bytes) -> bytes:
    begin = block.find(label)
    if begin < 0:
        return b""
    begin += len(label)
    return block[begin : block.find(b"\r\n", begin)]


def _must(block: bytes, label: bytes) -> bytes:
    value = _value(block, label)
    if not value:
        raise KeyError(label.decode().strip("\r\n: "))
    return value


_LABELS = (b"\r\nce-id: ", b"\r\nce-type: ", b"\r\nce-pos: ", b"\r\nce-recordedat: ")


IN_ORDER = re.compile(
    rb"\r\nce-id: ([^\r]+)\r\n[^\r]*\r\nce-type: ([^\r]+)\r\n"
    rb"(?:[^\r]*\r\n){4}ce-pos: ([^\r]+)\r\nce-recordedat: ([^\r]+)\r\n"
)
"""The headers that a reader needs, in the order in which the relay writes them: one look instead of four."""


def decode(service: str, message: Message) -> Recorded:
    """The event in a message. Raises UnknownEvent for a type of a newer release, Undecodable for what is no event."""
    pos, data, block = message
    try:
        found = IN_ORDER.search(block)
        event_id, kind, said, moment = found.groups() if found else [_must(block, label) for label in _LABELS]
        if int(said) != pos:
            raise Undecodable(f"says position {int(said)} at sequence {pos}")
        recorded_at = datetime.fromisoformat(moment.decode())
        return Recorded(service, pos, event_id.decode(), recorded_at, parse(kind.decode(), data))
    except UnknownEvent:
        raise
    except (KeyError, ValueError) as error:
        raise Undecodable(f"{type(error).__name__}: {error}") from error


def key_of(message: Message) -> str:
    """The aggregate that a message says it belongs to (`ce-subject`); its position when it does not say."""
    return unquote(header(message.headers, b"ce-subject").decode(errors="replace")) or f"pos-{message.pos}"


def type_of(message: Message) -> str:
    """The type that a message says it has."""
    return header(message.headers, b"ce-type").decode(errors="replace")
