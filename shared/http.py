"""What every HTTP endpoint shares: bodies, ids, who may call, paging, and the edge that each request passes."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import partial
from typing import Annotated, Any, Generic, NamedTuple, TypeVar

from fastapi import APIRouter, Depends, Header, Query, Request
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import errors, telemetry
from shared.auth import Caller, Role, authorize
from shared.errors import Problem, Text
from shared.problem_body import ProblemBody
from shared.problems import pattern
from shared.sheets import refusals

T = TypeVar("T")

ID_PATTERN = pattern(
    r"^[0-9A-Za-z][0-9A-Za-z_-]{0,63}$",
    "chỉ gồm chữ cái không dấu, chữ số, «-» và «_», nhiều nhất 64 ký tự",
    "letters without marks, digits, «-» and «_» only, at most 64",
)
Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
"""An id: letters, digits, `-` and `_`, at most 64; make a UUIDv7 (or any UUID) on the client."""
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
"""A name for people, 1 to 200 characters after trimming."""
Limit = Annotated[int, Query(ge=1, le=500, description="Most items in the answer.")]
After = Annotated[str | None, Query(pattern=ID_PATTERN, description="`next` of the page before.")]
IdempotencyKey = Annotated[
    str | None,
    Header(alias="Idempotency-Key", pattern=ID_PATTERN, description="Same key and body again: the first answer again."),
]
MinPos = Annotated[
    str | None,
    Query(
        pattern=pattern(
            r"^(registry|outreach|courses):[0-9]{1,15}(,(registry|outreach|courses):[0-9]{1,15}){0,2}$",
            "phải là «pos» của một câu trả lời trước, ví dụ outreach:42",
            "must be the `pos` of an earlier answer, for example outreach:42",
        ),
        description="`pos` of an earlier answer: the read waits briefly until it shows at least that.",
        examples=["outreach:42"],
    ),
]


def _sane_date(value: date) -> date:
    if not 1990 <= value.year <= 2100:
        raise PydanticCustomError(
            "date_out_of_range", "must lie between 1990 and 2100", {"vi": "phải nằm trong khoảng từ năm 1990 đến 2100"}
        )
    return value


Day = Annotated[date, AfterValidator(_sane_date)]
"""A calendar day in Vietnam, ISO 8601, 1990 to 2100."""


def _sane_moment(value: datetime) -> datetime:
    _sane_date(value.date())
    return value.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_sane_moment)]
"""A moment with its offset, ISO 8601; from here on in UTC, so that the same moment is the same text everywhere."""


class Body(BaseModel):
    """Base of request bodies: unknown fields are refused, text is trimmed and composed (NFC), control characters
    refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    @model_validator(mode="before")
    @classmethod
    def _compose(cls, data: Any) -> Any:
        return _clean(data)


class Answer(BaseModel):
    """Base of answers to commands."""

    pos: str | None = Field(
        None,
        description="`stream:position` of what was recorded; give it as `min_pos` to a read."
        " Null: recorded, position not yet known.",
        examples=["registry:42"],
    )


def _clean(data: Any) -> Any:
    """NFC for the texts of one body; bodies within it clean their own, so that one bad item does not spoil a batch."""
    if not isinstance(data, dict) or _is_plain(data):
        return data
    return {name: _clean_value(name, value) for name, value in data.items()}


def _is_plain(data: dict[Any, Any]) -> bool:
    """Whether no text of a body needs a look, as is the rule for what programs send."""
    for value in data.values():
        for text in value if value.__class__ is list else (value,):
            if text.__class__ is str and not (text.isascii() and text.isprintable()):
                return False
    return True


def _clean_value(name: str, value: Any) -> Any:
    if isinstance(value, str):
        return _clean_text((name,), value)
    if isinstance(value, list) and value and isinstance(value[0], str):
        return [_clean_text((name, n), v) if isinstance(v, str) else v for n, v in enumerate(value)]
    return value


def _clean_text(loc: tuple[int | str, ...], text: str) -> str:
    """Refuses what no field of ours can hold: control characters and lone surrogates."""
    if text.isascii() and text.isprintable():
        return text
    composed = unicodedata.normalize("NFC", text)
    if any(unicodedata.category(c) in {"Cc", "Cs"} and c not in "\n\t\r" for c in composed):
        raise ValidationError.from_exception_data("Body", [{"type": _CONTROL_CHARACTERS, "loc": loc, "input": None}])
    return composed


_CONTROL_CHARACTERS = PydanticCustomError(
    "control_characters", "must not contain control characters", {"vi": "có ký tự điều khiển, hãy gõ lại"}
)


class Page(BaseModel, Generic[T]):
    """A page of a list."""

    items: list[T]
    total: int = Field(description="Items in all pages.")
    next: str | None = Field(None, description="Give it as `after` for the next page; null on the last.")


def allow(*roles: Role) -> Any:
    """The dependency of an endpoint that these roles may call; the OpenAPI document says so."""

    async def caller(request: Request) -> Caller:
        return authorize(request, roles)

    return Depends(caller)


def who(roles: Sequence[Role], scope: str) -> dict[str, Any]:
    """OpenAPI extras: who may call and for which unit. `scope` is a sentence, for example «teams in the caller's
    units»."""
    if not roles:
        return {"x-roles": ["anyone"], "x-scope": scope}
    return {"x-roles": [str(r) for r in roles], "x-scope": scope, "security": [{"bearer": []}]}


PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {
        "model": ProblemBody,
        "description": errors.TITLES[status].en,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemBody"}}},
    }
    for status in (401, 403, 404, 409, 413, 415, 422, 503)
}


def router(tag: str) -> APIRouter:
    """A router whose endpoints document every refusal."""
    return APIRouter(tags=[tag], responses=PROBLEMS)


def too_large(most: int) -> Problem:
    """413: the body has more than `most` bytes."""
    limit = f"{most / 1_000_000:g} MB"
    vi, en = f"quá lớn, nhiều nhất {limit.replace('.', ',')}", f"too large, at most {limit}"
    return Problem(
        413,
        "body_too_large",
        Text(
            f"Nội dung gửi lên {vi}. Hãy chia thành nhiều lần, mỗi lần tối đa 500 mục.",
            f"The request is {en}. Send it in parts, at most 500 items each.",
        ),
        fields=(errors.FieldError("body", Text(vi, en)),),
    )


_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (
        b"content-security-policy",
        b"default-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
]


class Sizes(NamedTuple):
    """How large bodies may be."""

    most: int
    uploads: Mapping[str, int] = {}
    """Addresses (how they begin, within the application) that take files, and how large these may be."""

    def of(self, scope: Scope) -> tuple[int, Callable[[], Problem]]:
        """The largest body that this request may have, and how a larger one is refused."""
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        for beginning, most in self.uploads.items():
            if path.startswith(beginning):
                return max(most, self.most), lambda: refusals.TOO_LARGE
        return self.most, partial(too_large, self.most)


class Edge:
    """The first and last thing that a request passes: trace, size limit, security headers, metrics."""

    def __init__(
        self, app: ASGIApp, *, service: str, sizes: Sizes, refuse: Callable[[Scope, Problem], ASGIApp]
    ) -> None:
        self._app, self._service, self._sizes, self._refuse = app, service, sizes, refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        trace = telemetry.begin_trace(headers.get(b"traceparent", b"").decode("latin-1"))
        begun, status = time.perf_counter(), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *_HEADERS, (b"traceparent", trace.encode())]
            await send(message)

        try:
            await self._within_limit(scope, headers, receive, sending)
        finally:
            route = getattr(scope.get("route"), "path", "-")
            elapsed = time.perf_counter() - begun
            telemetry.HTTP_SECONDS.labels(self._service, route, str(status)).observe(elapsed)

    async def _within_limit(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive, send: Send) -> None:
        length = headers.get(b"content-length", b"0")
        most, refusal = self._sizes.of(scope)
        if not length.isdigit() or int(length) > most:
            await self._refuse(scope, refusal())(scope, receive, send)
            return
        if b"transfer-encoding" not in headers:
            await self._app(scope, receive, send)
            return
        body = await _read_up_to(receive, most)
        if body is None:
            await self._refuse(scope, refusal())(scope, receive, send)
            return
        await self._app(scope, _replay(body, receive), send)


async def _read_up_to(receive: Receive, limit: int) -> bytes | None:
    """The whole body, None when it is longer than the limit: a chunked request does not say its length before."""
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            return None
        parts.append(part)
        more = message.get("more_body", False)
    return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
