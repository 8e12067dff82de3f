"""Logs, metrics and the trace of a request. No personal data may enter a log line; a test reads a whole run's
output."""

from __future__ import annotations

import contextvars
import logging
import re
import secrets
import sys
import traceback
from collections.abc import Iterator

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.responses import Response
from structlog.typing import EventDict

REGISTRY = CollectorRegistry()

HTTP_SECONDS = Histogram(
    "phongtrao_http_seconds", "Time to answer a request, by service, route and status.", ["service", "route", "status"],
    registry=REGISTRY,
)  # fmt: skip
EVENTS_SEQUENCED = Counter(
    "phongtrao_events_sequenced_total", "Events that got a position.", ["service"], registry=REGISTRY
)
EVENTS_RELAYED = Counter("phongtrao_events_relayed_total", "Events put on the stream.", ["service"], registry=REGISTRY)
RELAY_LAG = Gauge(
    "phongtrao_relay_lag_events", "Events in the log that are not on the stream.", ["service"], registry=REGISTRY
)
RELAY_DOUBTS = Counter(
    "phongtrao_relay_doubts_total", "Times the relay read its position from the stream again, by reason.",
    ["service", "reason"], registry=REGISTRY,
)  # fmt: skip
EVENTS_APPLIED = Counter(
    "phongtrao_events_applied_total", "Events folded into read models.", ["service", "stream"], registry=REGISTRY
)
EVENTS_UNKNOWN = Counter(
    "phongtrao_events_unknown_total", "Events of a type that this release does not know.", ["service", "stream"],
    registry=REGISTRY,
)  # fmt: skip
FOLLOW_RESETS = Counter(
    "phongtrao_follow_resets_total", "Times a follower made a new consumer, by reason.", ["stream", "reason"],
    registry=REGISTRY,
)  # fmt: skip
PROJECTION_LAG = Gauge(
    "phongtrao_projection_lag_events", "Events on a stream that a service has not folded.", ["service", "stream"],
    registry=REGISTRY,
)  # fmt: skip
PARKED = Gauge(
    "phongtrao_parked_events", "Events that could not be folded and wait for a person.", ["service"], registry=REGISTRY
)

_TRACEPARENT = re.compile(r"^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")
_trace: contextvars.ContextVar[str] = contextvars.ContextVar("traceparent", default="")


def begin_trace(incoming: str | None) -> str:
    """Continues the caller's W3C trace, or begins one; answers with the `traceparent` in force from here on."""
    if incoming and _TRACEPARENT.match(incoming):
        value = incoming
    else:
        value = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
    _trace.set(value)
    return value


def current_traceparent() -> str:
    """The `traceparent` of the request that is being served, empty outside one."""
    return _trace.get()


def setup_logging(level: str = "info", *, json_lines: bool = True) -> None:
    """One line of JSON an event on stderr (or readable lines for a terminal), for our logs and the libraries'."""
    shared = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    render = structlog.processors.JSONRenderer() if json_lines else structlog.dev.ConsoleRenderer()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,  # type: ignore[arg-type]
            processors=[
                _keep_to_frames,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                render,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("uvicorn.access", "httpx", "httpcore", "asyncio"):
        logging.getLogger(noisy).setLevel("WARNING")
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],  # type: ignore[list-item]
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        cache_logger_on_first_use=False,
    )


_ABOUT_EVENTS = ("shared.relay", "shared.projection", "shared.wire", "phongtrao")
"""Loggers whose errors are about events and servers. What any other error says may quote what somebody sent."""


def _keep_to_frames(_: object, __: str, line: EventDict) -> EventDict:
    """Leaves of an error where it happened and its type; its words only where no person's data can be in them."""
    record, told = line["_record"], line.get("exc_info")
    if not told or record.name.startswith(_ABOUT_EVENTS):
        return line
    del line["exc_info"]
    error = told if isinstance(told, BaseException) else (sys.exc_info() if told is True else told)[1]
    line["exception"] = "\n".join(_frames(error)) if error else ""
    return line


def _frames(error: BaseException) -> Iterator[str]:
    earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if earlier:
        yield from _frames(earlier)
        yield ""
    yield "".join(traceback.format_tb(error.__traceback__)).rstrip()
    yield f"{type(error).__module__}.{type(error).__qualname__}"
    for one in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
        yield from _frames(one)


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger whose lines are an action (snake_case) and its facts."""
    log: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return log


def metrics_response() -> Response:
    """All metrics of this process in Prometheus' text format."""
    return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)
