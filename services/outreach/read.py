"""What outreach answers to readers: campaigns, and a member's own guidances."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from fastapi import Path, Query
from pydantic import BaseModel, Field

from services.outreach import campaign, store
from services.outreach.guidance import Guidance
from shared import errors, problems
from shared.auth import ANYONE, Caller, Role
from shared.deps import Fresh, Svc
from shared.http import ID_PATTERN, Day, Limit, Page, allow, router, who

routes = router("read")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
END_OF_TIME = datetime(2200, 1, 1, tzinfo=UTC)
PLACE = problems.pattern(
    rf"^[0-9]{{1,16}}~{ID_PATTERN.removeprefix('^')}",
    "phải là «next» của trang trước, nguyên như nó là",
    "must be `next` of the page before, as it is",
)
ROLES = (Role.MEMBER, Role.TEAM_LEADER)


class CampaignView(BaseModel):
    """A campaign."""

    campaign_id: str
    name: str
    launched_on: date
    day_one_rule: str
    window_days: int
    first_day: date
    last_day: date
    quota: int
    topics: tuple[str, ...]
    report_due_on: date
    reporting_unit_ids: tuple[str, ...] = Field(description="As the plan names them.")


class OwedView(BaseModel):
    """A unit that owes a report, and on which days; the last is the day it is due, unless an heir took over."""

    unit_id: str
    of_unit_ids: tuple[str, ...] = Field(description="Whose report: its own, or those of units that were abolished.")
    first_day: date
    last_day: date


class CampaignDetail(CampaignView):
    """A campaign, and who owes a report to it."""

    reports_owed: list[OwedView]


class GuidanceView(BaseModel):
    """A guidance, without the citizen."""

    guidance_id: str
    campaign_id: str
    topics: tuple[str, ...]
    place: str
    occurred_at: datetime
    recorded_at: datetime
    withdrawn_at: datetime | None
    withdraw_reason: str | None


@routes.get("/campaigns", openapi_extra=who(ANYONE, "public"))
async def list_campaigns(service: Svc) -> Page[CampaignView]:
    """Campaigns, the latest first."""
    async with service.pool.acquire() as conn:
        rows = await store.campaigns(conn)
    return Page(items=[CampaignView(**r._asdict()) for r in rows], total=len(rows))


@routes.get("/campaigns/{campaign_id}", openapi_extra=who(ANYONE, "public"), dependencies=[Fresh])
async def show_campaign(
    service: Svc,
    campaign_id: Annotated[str, Path(pattern=ID_PATTERN)],
    on: Annotated[Day | None, Query(description="Only reports that are owed on this day.")] = None,
) -> CampaignDetail:
    """One campaign. What an abolished unit still owed, its heir owes from that day on."""
    async with service.pool.acquire() as conn:
        found = await store.campaign(conn, campaign_id)
        heirs = await store.heirs(conn)
    if found is None:
        raise no_such_campaign(campaign_id)
    owed = [o for o in campaign.owed(found, [h[:3] for h in heirs]) if on is None or o.first_day <= on <= o.last_day]
    return CampaignDetail(**found._asdict(), reports_owed=[OwedView(**o._asdict()) for o in owed])


@routes.get("/guidances/mine", openapi_extra=who(ROLES, "the caller's own"))
async def my_guidances(
    service: Svc,
    caller: Annotated[Caller, allow(*ROLES)],
    after: Annotated[str | None, Query(pattern=PLACE, description="`next` of the page before.")] = None,
    limit: Limit = 50,
) -> Page[GuidanceView]:
    """The caller's guidances, the latest first."""
    begin = _place(after) if after else (END_OF_TIME, "")
    async with service.pool.acquire() as conn:
        rows = await store.guidances_of(conn, caller.member_id or "", after=begin, limit=limit)
        total = await store.count_guidances_of(conn, caller.member_id or "")
    items = [GuidanceView(**{k: v for k, v in r._asdict().items() if k in GuidanceView.model_fields}) for r in rows]
    following = _next(rows[-1]) if len(rows) == limit else None
    return Page(items=items, total=total, next=following)


def _next(last: Guidance) -> str:
    return f"{(last.occurred_at - EPOCH) // timedelta(microseconds=1)}~{last.guidance_id}"


def _place(after: str) -> tuple[datetime, str]:
    """Moment and id of the last item of the page before."""
    microseconds, _, guidance_id = after.partition("~")
    return EPOCH + timedelta(microseconds=int(microseconds)), guidance_id


def no_such_campaign(campaign_id: str) -> errors.Problem:
    """404: no such campaign was launched."""
    return errors.not_found(
        "no_such_campaign",
        "campaign_id",
        f"Không có phong trào «{campaign_id}». Xem danh sách tại /outreach/campaigns.",
        f"There is no campaign «{campaign_id}». See /outreach/campaigns.",
    )
