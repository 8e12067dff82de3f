"""POST /campaigns: a movement is launched with its window, quota, topics and report deadline."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from services.outreach import campaign, store
from shared import errors
from shared.auth import Caller, Role
from shared.commands import Decision
from shared.contracts.outreach import DayOneRule, Topic
from shared.db import Conn
from shared.deps import Fresh, Svc
from shared.http import Answer, Body, Day, Id, Name, allow, router, who

routes = router("campaigns")
ROLES = (Role.PROVINCE_OFFICER, Role.OPERATOR)


class TopicBody(Body):
    """What is taught."""

    code: Id = Field(examples=["online-services"])
    name_vi: Name
    name_en: Name


class LaunchCampaign(Body):
    """A campaign's plan."""

    campaign_id: Id
    name: Name = Field(examples=["Phong trào chuyển đổi số 2023"])
    launched_on: Day = Field(description="Day of the ceremony.")
    day_one_rule: DayOneRule = Field(DayOneRule.CEREMONY_DAY, description="Whether the ceremony's day is day one.")
    window_days: int = Field(7, ge=1, le=366)
    quota: int = Field(7, ge=1, le=10_000, description="Citizens that each member is to guide in the window.")
    topics: tuple[TopicBody, ...] = Field(min_length=1, max_length=50)
    report_due_on: Day
    reporting_unit_ids: tuple[Id, ...] = Field(min_length=1, max_length=1000, description="Units that must report.")


class CampaignAnswer(Answer):
    """A launched campaign."""

    campaign_id: str
    first_day: str = Field(description="First day that counts towards the quota.")
    last_day: str = Field(description="Last day that counts.")


@routes.post("/campaigns", status_code=201, openapi_extra=who(ROLES, "the whole province"), dependencies=[Fresh])
async def launch_campaign(
    service: Svc, body: LaunchCampaign, caller: Annotated[Caller, allow(*ROLES)]
) -> CampaignAnswer:
    """Launches a campaign. The same id and content again: the first answer again; other content: 409."""
    caller.must_cover([service.province], field="campaign_id")

    async def work(conn: Conn, now: datetime) -> Decision:
        topics = tuple(Topic(**t.model_dump()) for t in body.topics)
        plan = campaign.Plan(**body.model_dump(exclude={"topics"}), topics=topics)
        launched, event = campaign.launch(
            plan, await store.units_on(conn, body.reporting_unit_ids, body.launched_on), now
        )
        if not await store.save_campaign(conn, launched):
            raise errors.conflict("id_taken", "campaign_id", "Mã này đã được dùng.", "This id is taken.")
        days = {"first_day": launched.first_day.isoformat(), "last_day": launched.last_day.isoformat()}
        return Decision({"campaign_id": launched.campaign_id, **days}, [event])

    done = await service.commands.execute(
        "launch_campaign", work, by=caller, key=body.campaign_id, body=body, field="campaign_id"
    )
    return CampaignAnswer(**done.answer, pos=done.pos)
