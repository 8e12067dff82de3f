"""GET /members: who is on the teams of a unit on a day, with names for those who look after them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.registry import vault
from services.registry.person import Person, Why
from services.registry.ranking import stale_page
from services.registry.search import FINDERS, team_scope
from services.registry.store import members as store
from services.registry.store import teams
from services.registry.store.members import Choice, Listed
from services.registry.team import TeamHistory
from shared import problems
from shared.auth import Caller
from shared.clock import local_day
from shared.contracts import registry
from shared.db import Conn
from shared.deps import Svc
from shared.http import Day, Id, Page, allow, router, who
from shared.service import Service

routes = router("members")
CURSOR = problems.pattern(
    r"^[0-9]{1,10}\.[0-9]{8}(\.[0-9A-Za-z][0-9A-Za-z_-]{0,63}){2}$",
    "phải là «next» của trang trước",
    "must be `next` of the page before",
)
LEFT = {"active": False, "left": True, "all": None}


class MembersAsked(BaseModel):
    """Which people, on which day, in which order."""

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)

    on: Day | None = Field(None, description="As it was on this day; today unless said.", examples=["2023-07-28"])
    within: Id | None = Field(None, description="Only of teams at this unit or below it, on that day.")
    team_id: Id | None = Field(None, description="Only of this team.")
    role: registry.Role | None = Field(None, description="Held on that day.")
    organisation_id: Id | None = None
    status: Literal["active", "left", "all"] = Field("active", description="What they were on that day.")
    sort: Literal["name", "team", "joined"] = Field(
        "name", description="By given name, middle names and surname; by the team's name; by the day they joined."
    )
    after: Annotated[str, StringConstraints(pattern=CURSOR)] | None = Field(
        None, description="`next` of the page before."
    )
    limit: int = Field(100, ge=1, le=500, description="Most items in the answer.")


class MemberItem(BaseModel):
    """A person's place on a team."""

    member_id: str
    full_name: str | None = Field(description="Null where it is erased, or may not be read any more.")
    role: str = Field(description="On the day; of one who had left, the last one.")
    team_id: str
    team_name: str = Field(description="On the day.")
    unit_id: str = Field(description="Where the team is on the day.")
    village: str | None
    organisation_id: str | None
    joined_on: date
    left_on: date | None


@routes.get(
    "/members",
    openapi_extra=who(
        FINDERS, "officers: teams in the caller's units, on that day or now; a team leader: the own team"
    ),
)
async def list_members(
    service: Svc, caller: Annotated[Caller, allow(*FINDERS)], asked: Annotated[MembersAsked, Query()]
) -> Page[MemberItem]:
    """People on teams as it was on a day, each place once. The names that are shown are on record as read."""
    return await members_page(service, caller, asked)


async def members_page(service: Service, caller: Caller, asked: MembersAsked) -> Page[MemberItem]:
    """A page of the list for a caller."""
    now = service.clock()
    day = asked.on or local_day(now)
    async with service.pool.acquire() as conn, conn.transaction():
        await store.prepare(conn)
        team_ids = await team_scope(conn, service.province, caller, asked.within, day)
        if asked.team_id:
            team_ids = [asked.team_id] if team_ids is None or asked.team_id in team_ids else []
        choice = Choice(day, team_ids, asked.role, asked.organisation_id, LEFT[asked.status])
        last = await _last(conn, choice, asked.after)
        rows = await _rows(conn, choice, asked.sort, last, asked.limit + 1)
        total = await store.count(conn, choice)
        shown = rows[: asked.limit]
        people = await vault.read_people(conn, caller, list({r.member_id for r in shown}), Why.TEAM_LIST, now)
        histories = await teams.histories(conn, list({r.team_id for r in shown}))
    items = [_item(r, people, histories[r.team_id], day) for r in shown]
    return Page(items=items, total=total, next=_cursor(shown[-1]) if len(rows) > asked.limit else None)


async def _rows(conn: Conn, choice: Choice, sort: str, last: Listed | None, limit: int) -> list[Listed]:
    by = {"name": store.by_name, "team": store.by_team, "joined": store.by_day}[sort]
    return await by(conn, choice, last, limit)


def _cursor(last: Listed) -> str:
    """Where the next page goes on; no name is in it, as addresses end up in histories and logs."""
    return f"{last.stamp}.{last.joined_on:%Y%m%d}.{last.team_id}.{last.member_id}"


async def _last(conn: Conn, choice: Choice, cursor: str | None) -> Listed | None:
    """Where the page before ended. Raises 409 where that has changed."""
    if cursor is None:
        return None
    stamp, day, team_id, member_id = cursor.split(".")
    try:
        joined_on = date(int(day[:4]), int(day[4:6]), int(day[6:]))
    except ValueError:
        raise stale_page() from None
    found = await store.one(conn, choice, member_id, team_id, joined_on)
    if found is None or found.stamp != stamp:
        raise stale_page()
    return found


def _item(listed: Listed, people: dict[str, Person], history: TeamHistory, day: date) -> MemberItem:
    place = history.place_on(day)
    return MemberItem(
        member_id=listed.member_id,
        full_name=people[listed.member_id].full_name if listed.member_id in people else None,
        role=listed.role,
        team_id=listed.team_id,
        team_name=history.name_on(day),
        unit_id=place.unit_id,
        village=place.village,
        organisation_id=listed.organisation_id,
        joined_on=listed.joined_on,
        left_on=listed.left_on,
    )
