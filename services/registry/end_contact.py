"""POST /contacts/{contact_id}/end: somebody answers no longer for a unit, an organisation or a team."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Path

from services.registry import contact
from services.registry.organisation_refusals import not_in_future
from services.registry.register_contact import ContactAnswer
from services.registry.store import contacts as store
from shared import errors
from shared.auth import Caller
from shared.commands import Decision
from shared.db import Conn
from shared.deps import Svc
from shared.http import ID_PATTERN, Body, Day, allow, router, who

routes = router("contacts")


class EndContact(Body):
    """When it ends."""

    last_day: Day


@routes.post("/contacts/{contact_id}/end", openapi_extra=who(contact.ROLES, contact.SCOPE))
async def end_contact(
    service: Svc,
    contact_id: Annotated[str, Path(pattern=ID_PATTERN)],
    body: EndContact,
    caller: Annotated[Caller, allow(*contact.ROLES)],
) -> ContactAnswer:
    """Ends a contact; another last day may be said later. The data stays in the vault until it is erased."""

    async def work(conn: Conn, now: datetime) -> Decision:
        row = await store.contact(conn, contact_id)
        if row is None:
            raise no_such_contact(contact_id)
        for_whom = contact.whose_of(row)
        await contact.must_reach(conn, caller, for_whom, service.province, row.since)
        not_in_future("last_day", body.last_day, now)
        if body.last_day < row.since:
            raise errors.invalid(
                "end_before_start",
                "last_day",
                f"Ngày cuối phải từ ngày bắt đầu {row.since:%d/%m/%Y} trở đi.",
                f"The last day must be on or after the first day {row.since}.",
            )
        await store.save_last_day(conn, contact_id, body.last_day)
        return Decision({"contact_id": contact_id})

    done = await service.commands.execute("end_contact", work, by=caller)
    return ContactAnswer(**done.answer, pos=done.pos)


def no_such_contact(contact_id: str) -> errors.Problem:
    """404: nobody registered such a contact."""
    return errors.not_found(
        "no_such_contact",
        "contact_id",
        f"Không có đầu mối liên hệ «{contact_id}».",
        f"There is no contact «{contact_id}».",
    )
