"""The AsyncAPI 3 document of a service: FastStream makes it from the declared channels, this adds what it cannot know.

Added: the stream behind each subject, CloudEvents headers, committed examples, and the events that the service follows
(they are read by position, past FastStream's subscribers, so nothing declares them).
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from faststream.specification import AsyncAPI

from shared import bus, channels
from shared.contracts import Event, events_of
from shared.service import Service

GOLDEN = Path(__file__).parent / "contracts" / "golden"

DELIVERY = (
    "JetStream stream {stream}: kept for ever, sequence = position. Order is promised per stream, delivery at least"
    " once; drop what has a `ce-id` (or position) that you have seen, and resume after your last position."
)


def document(service: Service) -> dict[str, Any]:
    """The document as plain JSON."""
    broker = service.shell()
    followed = [e for s in service.spec.follows for e in events_of(s)]
    for event in followed:
        channels.declare_event(broker, event, service.province)
    spec = AsyncAPI(
        broker,
        title=f"Phong Trào · {service.spec.title}",
        version="0.1.0",
        description=service.spec.summary,
        schema_version="3.0.0",
    )
    found: dict[str, Any] = json.loads(json.dumps(spec.to_specification().to_jsonable()))
    found["servers"] = {"nats": {"host": service.settings.nats_url.split("://")[-1].split("@")[-1], "protocol": "nats"}}
    for part in (found["channels"], found["operations"], *found["components"].values()):
        ordered = dict(sorted(part.items()))  # FastStream keeps them in sets: each start would give another order
        part.clear()
        part.update(ordered)
    for channel in found["channels"].values():
        channel["servers"] = [{"$ref": "#/servers/nats"}]
    for event in (*service.spec.publishes, *followed):
        _enrich(found, event, service, receives=event in followed)
    return found


def _enrich(found: dict[str, Any], event: type[Event], service: Service, *, receives: bool) -> None:
    channel = found["channels"][event.NAME]
    stream = bus.stream_name(event.SERVICE, service.province)
    channel["description"] = f"{channel.get('description', '')} {DELIVERY.format(stream=stream)}".strip()
    channel["parameters"] = {
        "district": {"description": "Id of the district, `_` where none applies."},
        "commune": {"description": "Id of the commune, `_` where none applies."},
    }
    channel["bindings"] = {"nats": {"bindingVersion": "0.1.0"}}
    channel["x-stream"] = stream
    found["operations"][event.NAME]["action"] = "receive" if receives else "send"
    message = found["components"]["messages"][f"{event.NAME}:Message"]
    message.pop("correlationId", None)
    message["name"] = event.type_name()
    message["contentType"] = "application/json"
    message["headers"] = HEADERS
    message["examples"] = [{"name": "golden", "payload": golden(event.type_name())}]


@cache
def golden(type_name: str) -> dict[str, Any]:
    """The committed example of an event version."""
    name = type_name.removeprefix("vn.cds.")
    example: dict[str, Any] = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    return example


def _text(description: str, example: str) -> dict[str, Any]:
    return {"type": "string", "description": description, "examples": [example]}


HEADERS: dict[str, Any] = {
    "type": "object",
    "required": ["ce-specversion", "ce-id", "ce-source", "ce-type", "ce-time", "ce-subject", "ce-pos", "ce-recordedat"],
    "properties": {
        "ce-specversion": _text("CloudEvents version.", "1.0"),
        "ce-id": _text("Id of the event, unique within its source.", "0198c0de-0000-7000-8000-000000000001"),
        "ce-source": _text("Province and service.", "/cds/51/outreach"),
        "ce-type": _text("Event and version.", "vn.cds.outreach.citizen_guided.v1"),
        "ce-time": _text("When it happened in the world.", "2023-07-29T01:30:00Z"),
        "ce-subject": _text("Id of the aggregate.", "0198c0de-0000-7000-8000-000000000002"),
        "ce-dataschema": _text("Schema of the payload.", "urn:cds:schema:outreach.citizen_guided.v1"),
        "ce-datacontenttype": _text("Media type of the payload.", "application/json"),
        "ce-pos": _text("Position in the log of the service = sequence in its stream.", "42"),
        "ce-recordedat": _text("When it entered the log.", "2023-07-29T01:31:07Z"),
        "traceparent": _text(
            "W3C trace of the request that caused it.", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        ),
    },
}

__all__ = ["document", "golden"]
