"""What a refusal says, as JSON (RFC 9457): the same over HTTP and over the bus."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from shared.errors import TITLES, Problem
from shared.telemetry import current_traceparent


class Messages(BaseModel):
    """One sentence in both languages."""

    vi: str
    en: str


class ProblemField(BaseModel):
    """What is wrong with one field."""

    field: str = Field(description="Path in the body, or the name of a parameter or header.")
    message: Messages
    about: str | None = Field(None, description="Id of what stands in the way, a reform's for example; else left out.")


class ProblemBody(BaseModel):
    """A refusal (RFC 9457)."""

    type: str = Field(description="`urn:cds:problem:<slug>`; stable, for programs.")
    title: str
    status: int
    detail: str = Field(
        description="What is wrong and what to do, in the language of Accept-Language (Vietnamese first)."
    )
    messages: Messages
    errors: list[ProblemField] = []
    trace: str = Field(description="Give this to support; it names the request, not you.")


def body_of(problem: Problem, lang: str) -> dict[str, Any]:
    """The refusal; `title` and `detail` are in this language, `vi` or `en`."""
    body = ProblemBody(
        type=f"urn:cds:problem:{problem.slug}",
        title=getattr(TITLES.get(problem.status, TITLES[400]), lang),
        status=problem.status,
        detail=getattr(problem.detail, lang),
        messages=Messages(**problem.detail._asdict()),
        errors=[
            ProblemField(field=f.field, message=Messages(**f.message._asdict()), about=f.about) for f in problem.fields
        ],
        trace=current_traceparent(),
    )
    return body.model_dump(exclude_none=True)
