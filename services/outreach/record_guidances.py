"""POST /guidances: what members did, one or up to 500 at once, with a receipt for each. A phone may resend blindly."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Response
from pydantic import Field, WrapValidator

from services.outreach import store
from services.outreach.campaign import Campaign
from services.outreach.guidance_body import GuidanceItem, Malformed, OneGuidance, leniently
from services.outreach.read import no_such_campaign
from services.outreach.recording import LOT, ItemReceipt, Why, record
from shared import errors
from shared.auth import OFFICERS, Role
from shared.deps import Asked, ask
from shared.errors import FieldError, Problem, Text
from shared.http import ID_PATTERN, Answer, Body, Id, router, who
from shared.service import Service

routes = router("guidances")
ROLES = (Role.MEMBER, Role.TEAM_LEADER, *OFFICERS)
SCOPE = "a member: own guidances; a team leader: the own team's; officers: teams in the caller's units"


class RecordGuidances(Body):
    """A batch, of one campaign."""

    campaign_id: Id
    items: list[Annotated[GuidanceItem, WrapValidator(leniently)]] = Field(min_length=1, max_length=LOT)


class Receipts(Answer):
    """Receipts in the order of the items."""

    receipts: list[ItemReceipt]
    accepted: int


@routes.post("/guidances", openapi_extra=who(ROLES, SCOPE))
async def record_guidances(body: RecordGuidances, asked: Annotated[Asked, ask(*ROLES)]) -> Receipts:
    """Records guidances. Always answers a receipt for each item; sending the same batch again changes nothing."""
    service, caller = asked
    campaign = await _campaign(service, body.campaign_id)
    if campaign is None:
        raise _unknown_campaign(body.campaign_id)
    key = service.settings.citizen_key.get_secret_value()
    items: list[GuidanceItem | Malformed] = list(body.items)  # the validator may have put a Malformed in its place
    read = [i if isinstance(i, Malformed) else i.sent(body.campaign_id, i.guidance_id, key) for i in items]
    receipts, pos = await record(service, caller, campaign, read)
    accepted = sum(r.result == "accepted" for r in receipts)
    return Receipts(receipts=receipts, accepted=accepted, pos=pos)


class GuidanceAnswer(Answer):
    """A recorded guidance."""

    guidance_id: str


@routes.put(
    "/campaigns/{campaign_id}/guidances/{guidance_id}",
    status_code=201,
    openapi_extra=who(ROLES, SCOPE),
    responses={200: {"model": GuidanceAnswer, "description": "Recorded before, with the same content."}},
)
async def record_guidance(
    campaign_id: Annotated[str, Path(pattern=ID_PATTERN)],
    guidance_id: Annotated[str, Path(pattern=ID_PATTERN)],
    body: OneGuidance,
    asked: Annotated[Asked, ask(*ROLES)],
    response: Response,
) -> GuidanceAnswer:
    """Records one guidance under an id of the client's. The same again: 200; other content under this id: 409."""
    service, caller = asked
    campaign = await _campaign(service, campaign_id)
    if campaign is None:
        raise no_such_campaign(campaign_id)
    sent = body.sent(campaign_id, guidance_id, service.settings.citizen_key.get_secret_value())
    receipts, pos = await record(service, caller, campaign, [sent])
    receipt = receipts[0]
    if receipt.why is not None:
        raise _problem(receipt.result, receipt.why)
    response.status_code = 201 if receipt.result == "accepted" else 200
    return GuidanceAnswer(guidance_id=guidance_id, pos=pos)


async def _campaign(service: Service, campaign_id: str) -> Campaign | None:
    """A campaign; kept in memory, because what was launched never changes."""
    known: dict[str, Campaign] = service.extras.setdefault("campaigns", {})
    if campaign_id not in known:
        async with service.pool.acquire() as conn:
            found = await store.campaign(conn, campaign_id)
        if found is None:
            return None
        known[campaign_id] = found
    return known[campaign_id]


def _unknown_campaign(campaign_id: str) -> Problem:
    return errors.invalid(
        "unknown_campaign",
        "campaign_id",
        f"Không có phong trào «{campaign_id}». Xem danh sách tại /outreach/campaigns.",
        f"There is no campaign «{campaign_id}». See /outreach/campaigns.",
    )


def _problem(result: str, why: Why) -> Problem:
    status = 409 if result == "conflict" else 403 if why.slug == "outside_your_unit" else 422
    text = Text(why.message["vi"], why.message["en"])
    return Problem(status, why.slug, text, fields=(FieldError(why.field, text),))
