"""What a service says and hears on the bus, declared to FastStream: events, questions it answers, ticks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from faststream import ExceptionMiddleware
from faststream.nats import NatsBroker
from pydantic import BaseModel, ValidationError

from shared import bus, notices, problems
from shared.contracts import Event
from shared.db import INFRASTRUCTURE_ERRORS
from shared.errors import Problem
from shared.problem_body import body_of
from shared.telemetry import logger

if TYPE_CHECKING:
    from shared.service import Service

log = logger(__name__)


class Question(NamedTuple):
    """A question that other systems may ask: what it may say, and who answers. A refusal is answered, too."""

    asked: type[BaseModel]
    answer: Callable[[Service, Any], Awaitable[dict[str, Any]]]


def declare(broker: NatsBroker, service: Service) -> None:
    """Declares the published events (for the AsyncAPI document; the relay publishes them), answers questions, and
    declares the ticks and notices of the read models (the projector's commits send them)."""
    for event in service.spec.publishes:
        declare_event(broker, event, service.province)
    for name, question in service.spec.questions.items():
        _answer(broker, service, name, question)
    if service.spec.projections:
        _declare_tick(broker, service)
        _declare_notice(broker, service)
    broker.add_middleware(ExceptionMiddleware(publish_handlers={Exception: _refusal}))


def declare_event(broker: NatsBroker, event: type[Event], province: str) -> None:
    """A channel for an event, under its subject with the place left open."""
    broker.publisher(
        event.subject_template().replace("{province}", province),
        schema=event,
        title=event.NAME,
        description=(event.__doc__ or "").strip(),
    )


def _declare_tick(broker: NatsBroker, service: Service) -> None:
    broker.publisher(
        bus.tick_subject(service.province, service.name),
        schema=dict[str, int],
        title="tick",
        description=f"The read models of {service.name} have moved: which stream, and to which position. Kept nowhere;"
        " a lost tick costs a refresh, never a number.",
    )


def _declare_notice(broker: NatsBroker, service: Service) -> None:
    broker.publisher(
        bus.notice_subject(service.province, service.name, notices.EVENT_PARKED),
        schema=notices.EventParked,
        title=notices.EVENT_PARKED,
        description=" ".join((notices.EventParked.__doc__ or "").split()),
    )


def _answer(broker: NatsBroker, service: Service, name: str, question: Question) -> None:
    async def answer(body: Any) -> dict[str, Any]:
        return await question.answer(service, body)

    answer.__annotations__["body"] = question.asked  # FastStream reads it, to check what comes and to document it
    broker.subscriber(
        bus.query_subject(service.province, service.name, name),
        queue=f"{service.name}-{name}",
        title=name,
        description=f"Request and reply: asks {service.name} for «{name}». A lost question is asked again; one that"
        " cannot be answered gets a problem (RFC 9457), as over HTTP.",
    )(answer)


def _refusal(error: Exception) -> dict[str, Any]:
    """What whoever asked is told instead of an answer; without it they would wait in vain."""
    return body_of(_problem_of(error), "vi")


def _problem_of(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, ValidationError) and all(e["loc"][:1] == ("body",) for e in error.errors()):
        return problems.invalid_data(error.errors())
    if isinstance(error, INFRASTRUCTURE_ERRORS):
        log.warning("question_waits", reason=type(error).__name__)
        return problems.UNAVAILABLE
    log.error("question_failed", exc_info=error)
    return problems.FAILED
