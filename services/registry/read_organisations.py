"""GET /organisations: the tree of a day; GET /organisations/{organisation_id}: one of them with its history."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import BaseModel, Field

from services.registry.organisation import BEGINNING, State
from services.registry.organisation_refusals import no_such_organisation
from services.registry.store import organisations
from services.registry.store.organisations import OnDay
from shared.auth import ANYONE
from shared.clock import local_day
from shared.deps import Svc
from shared.http import ID_PATTERN, After, Day, Limit, Page, router, who

routes = router("organisations")
On = Annotated[Day | None, Query(description="The day; today without it.")]
Within = Annotated[
    str | None, Query(pattern=ID_PATTERN, description="An organisation: it and all that stand below it on that day.")
]


class StateView(BaseModel):
    """What an organisation is called and where it stands."""

    name: str
    sector: str
    parent_id: str | None
    valid_from: date | None = Field(description="First day; null: from before the movement.")
    last_day: date | None = Field(description="Last day, included; null: it has no end.")


class OrganisationView(StateView):
    """An organisation on a day."""

    organisation_id: str
    headcount: int | None = Field(description="Its own people on that day; null: nobody has declared it.")


class HeadcountView(BaseModel):
    """A headcount, which holds until the next one."""

    headcount: int
    valid_from: date | None


class SumView(BaseModel):
    """An organisation and all below it on a day."""

    organisations: int
    headcount: int = Field(description="Sum of the headcounts that are declared.")
    undeclared: int = Field(description="Organisations that have declared none: the sum leaves their people out.")


class OrganisationDetail(BaseModel):
    """An organisation on a day, and its history."""

    organisation_id: str
    on: date
    current: OrganisationView | None = Field(description="Null: it is not there on that day.")
    within: SumView
    states: list[StateView]
    headcounts: list[HeadcountView]
    successor_id: str | None = Field(description="Who follows it after its last day.")
    predecessor_ids: list[str] = Field(description="Whom it follows.")


@routes.get("/organisations", openapi_extra=who(ANYONE, "public"))
async def list_organisations(
    service: Svc, on: On = None, within: Within = None, after: After = None, limit: Limit = 200
) -> Page[OrganisationView]:
    """Organisations that are there on a day, by id."""
    day = on or local_day(service.clock())
    async with service.pool.acquire() as conn:
        rows = await organisations.list_on_day(conn, day, within=within, after=after or "", limit=limit)
        total = (await organisations.sum_on_day(conn, day, within=within)).organisations
    items = [_view(row) for row in rows]
    return Page(items=items, total=total, next=items[-1].organisation_id if len(items) == limit else None)


@routes.get("/organisations/{organisation_id}", openapi_extra=who(ANYONE, "public"))
async def show_organisation(
    service: Svc, organisation_id: Annotated[str, Path(pattern=ID_PATTERN)], on: On = None
) -> OrganisationDetail:
    """One organisation on a day with everything that it was called, where it stood, and its headcounts."""
    day = on or local_day(service.clock())
    async with service.pool.acquire() as conn:
        identity = await organisations.organisation(conn, organisation_id)
        if identity is None:
            raise no_such_organisation(organisation_id)
        current = await organisations.on_day(conn, organisation_id, day)
        return OrganisationDetail(
            organisation_id=organisation_id,
            on=day,
            current=_view(current) if current else None,
            within=SumView(**(await organisations.sum_on_day(conn, day, within=organisation_id))._asdict()),
            states=[StateView(**_state(s)) for s in await organisations.states(conn, organisation_id)],
            headcounts=[
                HeadcountView(headcount=count, valid_from=None if since == BEGINNING else since)
                for since, count in await organisations.headcounts(conn, organisation_id)
            ],
            successor_id=identity.successor_id,
            predecessor_ids=await organisations.predecessors(conn, organisation_id),
        )


def _view(row: OnDay) -> OrganisationView:
    return OrganisationView(
        organisation_id=row.state.organisation_id, headcount=row.headcount, **_state(row.state)
    )  # fmt: skip


def _state(state: State) -> dict[str, Any]:
    """The fields of a StateView."""
    return {
        "name": state.name,
        "sector": state.sector,
        "parent_id": state.parent_id,
        "valid_from": state.first,
        "last_day": state.last_day,
    }
