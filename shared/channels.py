"""What a service says and hears on the bus, declared to FastStream: events it publishes, questions it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from faststream.nats import NatsBroker

from shared import bus
from shared.contracts import Event
from shared.telemetry import logger

if TYPE_CHECKING:
    from shared.service import Service

log = logger(__name__)


def declare(broker: NatsBroker, service: Service) -> None:
    """Declares the published events (for the AsyncAPI document; the relay publishes them) and answers questions."""
    for event in service.spec.publishes:
        declare_event(broker, event, service.province)
    for question in service.spec.questions:
        _answer(broker, service, question)


def declare_event(broker: NatsBroker, event: type[Event], province: str) -> None:
    """A channel for an event, under its subject with the place left open."""
    broker.publisher(
        event.subject_template().replace("{province}", province),
        schema=event,
        title=event.NAME,
        description=(event.__doc__ or "").strip(),
    )


def _answer(broker: NatsBroker, service: Service, question: str) -> None:
    ask = service.spec.questions[question]

    async def answer(body: dict[str, Any]) -> dict[str, Any]:
        return await ask(service, body)

    broker.subscriber(
        bus.query_subject(service.province, service.name, question),
        queue=f"{service.name}-{question}",
        title=question,
        description=f"Request and reply: asks {service.name} for «{question}». A lost question is asked again.",
    )(answer)
