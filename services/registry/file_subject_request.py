"""POST /subject-requests: a person asks for something about the own data; the clock of two working days starts."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from services.registry import person
from services.registry.holidays import public_holidays
from services.registry.person_access import READERS, READERS_SCOPE, may_reach
from services.registry.store import requests as store
from services.registry.store.requests import Request
from shared import errors
from shared.auth import Caller
from shared.commands import Decision
from shared.db import Conn
from shared.deps import Svc
from shared.http import Answer, Body, Id, Moment, allow, router, who

routes = router("people")


class Kind(StrEnum):
    """What a person may ask for."""

    ACCESS = "access"
    CORRECTION = "correction"
    WITHDRAWAL = "withdrawal"
    ERASURE = "erasure"
    OBJECTION = "objection"


class FileRequest(Body):
    """A request, as it came in on paper, by phone or in person."""

    request_id: Id = Field(description="Made by the client, so that sending again is harmless.")
    member_id: Id = Field(description="Whose data; of a member or of a contact.")
    kind: Kind
    received_at: Moment | None = Field(None, description="When it came in; now without it.")


class RequestFiled(Answer):
    """A request and its clock."""

    request_id: str
    due_at: datetime = Field(description="To be answered before this moment.")


@routes.post("/subject-requests", status_code=201, openapi_extra=who(READERS, READERS_SCOPE))
async def file_subject_request(
    service: Svc, body: FileRequest, caller: Annotated[Caller, allow(*READERS)]
) -> RequestFiled:
    """Files a request. The same id and content again: the first answer again; other content: 409."""

    async def work(conn: Conn, now: datetime) -> Decision:
        await may_reach(conn, service, caller, body.member_id, now)
        received_at = body.received_at or now
        if received_at > now:
            raise _not_yet()
        due_at = person.due(received_at, *public_holidays())
        filed = Request(body.request_id, body.member_id, body.kind, received_at, due_at, None, None)
        if not await store.save_request(conn, filed):
            raise errors.conflict("id_taken", "request_id", "Mã yêu cầu đã được dùng.", "This request id is taken.")
        return Decision({"request_id": body.request_id, "due_at": due_at.isoformat()})

    done = await service.commands.execute(
        "file_subject_request", work, by=caller, key=body.request_id, body=body, field="request_id"
    )
    return RequestFiled(**done.answer, pos=done.pos)


def _not_yet() -> errors.Problem:
    return errors.invalid(
        "in_the_future",
        "received_at",
        "Thời điểm nhận yêu cầu ở tương lai. Hãy sửa lại, hoặc bỏ trống nếu vừa nhận.",
        "The moment at which the request came in lies in the future. Put it right, or leave it out for now.",
    )
