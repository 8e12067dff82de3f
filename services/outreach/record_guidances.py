"""POST /guidances: what members did, one or up to 500 at once, with a receipt for each. A phone may resend blindly."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from fastapi import Path, Response
from pydantic import BaseModel, Field, WrapValidator

from services.outreach import guidance, store
from services.outreach.campaign import Campaign
from services.outreach.guidance import Guidance, Refused, Sent
from services.outreach.guidance_body import GuidanceItem, Malformed, OneGuidance, leniently
from services.outreach.on_registry import RosterMember
from services.outreach.read import no_such_campaign
from shared import errors
from shared.auth import OFFICERS, Caller, Role
from shared.commands import Decision
from shared.db import Conn
from shared.deps import Fresh, Svc
from shared.errors import FieldError, Problem, Text
from shared.http import ID_PATTERN, Answer, Body, Id, allow, router, who
from shared.service import Service

routes = router("guidances")
ROLES = (Role.MEMBER, Role.TEAM_LEADER, *OFFICERS)
SCOPE = "a member: own guidances; a team leader: the own team's; officers: teams in the caller's units"
BATCH = 500


class RecordGuidances(Body):
    """A batch, of one campaign."""

    campaign_id: Id
    items: list[Annotated[GuidanceItem, WrapValidator(leniently)]] = Field(min_length=1, max_length=BATCH)


class Why(BaseModel):
    """Why an item was refused or clashes."""

    slug: str
    field: str
    message: dict[Literal["vi", "en"], str]


class ItemReceipt(BaseModel):
    """What became of one item."""

    guidance_id: str | None = Field(description="Null when the item's id could not be read.")
    result: Literal["accepted", "already_had", "conflict", "refused"] = Field(
        description="`accepted`: recorded now. `already_had`: recorded before, same content. `conflict`: this id has"
        " other content. `refused`: not recorded; correct it and send again."
    )
    why: Why | None = None


class Receipts(Answer):
    """Receipts in the order of the items."""

    receipts: list[ItemReceipt]
    accepted: int


@routes.post("/guidances", openapi_extra=who(ROLES, SCOPE), dependencies=[Fresh])
async def record_guidances(service: Svc, body: RecordGuidances, caller: Annotated[Caller, allow(*ROLES)]) -> Receipts:
    """Records guidances. Always answers a receipt for each item; sending the same batch again changes nothing."""
    campaign = await _campaign(service, body.campaign_id)
    if campaign is None:
        raise _unknown_campaign(body.campaign_id)
    key = service.settings.citizen_key.get_secret_value()
    items: list[GuidanceItem | Malformed] = list(body.items)  # the validator may have put a Malformed in its place
    read = [i if isinstance(i, Malformed) else i.sent(body.campaign_id, i.guidance_id, key) for i in items]
    receipts, pos = await _record(service, caller, campaign, read)
    accepted = sum(r.result == "accepted" for r in receipts)
    return Receipts(receipts=receipts, accepted=accepted, pos=pos)


class GuidanceAnswer(Answer):
    """A recorded guidance."""

    guidance_id: str


@routes.put(
    "/campaigns/{campaign_id}/guidances/{guidance_id}",
    status_code=201,
    openapi_extra=who(ROLES, SCOPE),
    dependencies=[Fresh],
    responses={200: {"model": GuidanceAnswer, "description": "Recorded before, with the same content."}},
)
async def record_guidance(
    service: Svc,
    campaign_id: Annotated[str, Path(pattern=ID_PATTERN)],
    guidance_id: Annotated[str, Path(pattern=ID_PATTERN)],
    body: OneGuidance,
    caller: Annotated[Caller, allow(*ROLES)],
    response: Response,
) -> GuidanceAnswer:
    """Records one guidance under an id of the client's. The same again: 200; other content under this id: 409."""
    campaign = await _campaign(service, campaign_id)
    if campaign is None:
        raise no_such_campaign(campaign_id)
    sent = body.sent(campaign_id, guidance_id, service.settings.citizen_key.get_secret_value())
    receipts, pos = await _record(service, caller, campaign, [sent])
    receipt = receipts[0]
    if receipt.why is not None:
        raise _problem(receipt.result, receipt.why)
    response.status_code = 201 if receipt.result == "accepted" else 200
    return GuidanceAnswer(guidance_id=guidance_id, pos=pos)


async def _record(
    service: Service, caller: Caller, campaign: Campaign, items: Sequence[Sent | Malformed]
) -> tuple[list[ItemReceipt], str | None]:
    receipts: list[ItemReceipt] = []

    async def work(conn: Conn, now: datetime) -> Decision:
        sent = [i for i in items if isinstance(i, Sent)]
        members = await store.members(conn, list({s.member_id for s in sent}))
        allowed = {s.member_id for s in sent if _may_record(caller, members.get(s.member_id), s, service.province)}
        decided = [_decide(campaign, members, i, allowed, now) for i in items]
        taken = {d.guidance_id: d for d in reversed(decided) if isinstance(d, Guidance)}
        saved = await _save(conn, taken)
        doubtful = {s.guidance_id for s in sent if s.member_id in allowed} - set(saved)
        had = await store.digests(conn, sorted(doubtful)) if doubtful else {}
        receipts[:] = _receipts(items, decided, set(saved), had)
        return Decision({}, [guidance.guided(taken[i]) for i in saved])

    done = await service.commands.execute("record_guidances", work)
    return receipts, done.pos


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


def _may_record(caller: Caller, member: RosterMember | None, sent: Sent, province: str) -> bool:
    if caller.has(Role.MEMBER, Role.TEAM_LEADER) and caller.member_id == sent.member_id:
        return True
    if member is None:
        return caller.has(*OFFICERS)  # an officer is told that the member is unknown, others only that it is not theirs
    if caller.has(Role.TEAM_LEADER) and caller.team_id == member.team_id:
        return True
    return caller.has(*OFFICERS) and caller.covers((province, member.unit_id, member.district_id, member.commune_id))


_OUTSIDE = Text(
    "Thành viên này không thuộc phạm vi của bạn.", "This member is outside your scope."
)  # fmt: skip


def _decide(
    campaign: Campaign, members: dict[str, RosterMember], item: Sent | Malformed, allowed: set[str], now: datetime
) -> Guidance | Refused:
    if isinstance(item, Malformed):
        return Refused("malformed", *item.error)
    if item.member_id not in allowed:
        return Refused("outside_your_unit", "member_id", _OUTSIDE)
    return guidance.record(campaign, members, item, now)


async def _save(conn: Conn, taken: dict[str, Guidance]) -> list[str]:
    """Saves what is new; answers with its ids in the order sent."""
    if not taken:
        return []
    new = await store.save_guidances(conn, [taken[i] for i in sorted(taken)])
    return [i for i in reversed(taken) if i in new]


def _receipts(
    items: Sequence[Sent | Malformed], decided: Sequence[Guidance | Refused], saved: set[str], had: dict[str, str]
) -> list[ItemReceipt]:
    digests = dict(had)
    receipts = []
    for item, found in zip(items, decided, strict=True):
        if isinstance(item, Sent) and digests.get(item.guidance_id) == item.digest:
            # also when it would be refused now, for the member has left since: it is recorded, and that was asked
            receipts.append(ItemReceipt(guidance_id=item.guidance_id, result="already_had"))
        elif isinstance(found, Refused):
            why = Why(slug=found.slug, field=found.field, message={"vi": found.text.vi, "en": found.text.en})
            receipts.append(ItemReceipt(guidance_id=item.guidance_id, result="refused", why=why))
        elif found.guidance_id in saved and found.guidance_id not in digests:
            digests[found.guidance_id] = found.digest
            receipts.append(ItemReceipt(guidance_id=found.guidance_id, result="accepted"))
        else:
            receipts.append(ItemReceipt(guidance_id=found.guidance_id, result="conflict", why=_CLASH))
    return receipts


_CLASH = Why(
    slug="same_id_other_content",
    field="guidance_id",
    message={
        "vi": "Mã này đã được dùng cho nội dung khác. Nội dung trước được giữ; hãy gửi bản này với mã mới.",
        "en": "This id was used with another content, which stays. Send this one under a new id.",
    },
)


def _problem(result: str, why: Why) -> Problem:
    status = 409 if result == "conflict" else 403 if why.slug == "outside_your_unit" else 422
    text = Text(why.message["vi"], why.message["en"])
    return Problem(status, why.slug, text, fields=(FieldError(why.field, text),))
