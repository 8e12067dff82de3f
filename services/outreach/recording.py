"""What becomes of guidances that were sent: those of many phones at once share one transaction, and its price."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Literal, NamedTuple

from pydantic import BaseModel, Field

from services.outreach import guidance, store
from services.outreach.campaign import Campaign
from services.outreach.guidance import Guidance, Placed, Refused, Sent
from services.outreach.guidance_body import Malformed
from shared import telemetry
from shared.auth import OFFICERS, Caller, Role
from shared.clock import local_day
from shared.commands import Decision
from shared.db import Conn
from shared.errors import Text
from shared.lots import Lots
from shared.service import Service

LOT = 500
"""Most items of a transaction; also of a request."""


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


class Done(NamedTuple):
    """A request's receipts in the order of its items, and the position of the last that was recorded now."""

    receipts: list[ItemReceipt]
    pos: str | None


class _Saved(NamedTuple):
    """A request's receipts; `stage_id` of its last event, 0 for none."""

    receipts: list[ItemReceipt]
    stage_id: int


class _Asked(NamedTuple):
    """An item, and the request that it came with."""

    caller: Caller
    campaign: Campaign
    trace: str
    item: Sent | Malformed


async def record(service: Service, caller: Caller, campaign: Campaign, items: Sequence[Sent | Malformed]) -> Done:
    """Records what can be recorded, together with what other requests bring in the same moment."""
    lots: Lots[list[_Asked], _Saved] | None = service.extras.get("lots")
    if lots is None:
        lots = service.extras["lots"] = Lots(partial(_record_lot, service), most=LOT)
    trace = telemetry.current_traceparent()
    saved = await lots.add([_Asked(caller, campaign, trace, item) for item in items], weight=len(items))
    return Done(saved.receipts, await service.commands.position(saved.stage_id) if saved.stage_id else None)


async def _record_lot(service: Service, requests: Sequence[list[_Asked]]) -> list[_Saved]:
    asked = [one for request in requests for one in request]
    receipts: list[ItemReceipt] = []
    ids: list[str] = []

    async def work(conn: Conn, now: datetime) -> Decision:
        members = await store.members(conn, list({a.item.member_id for a in asked if isinstance(a.item, Sent)}))
        decided = [_decide(a, members, service.province, now) for a in asked]
        both = list(zip(asked, decided, strict=True))
        taken = {found.guidance_id: (found, a.trace) for a, found in reversed(both) if isinstance(found, Guidance)}
        saved = await _save(conn, {i: found for i, (found, _) in taken.items()})
        new = set(saved)
        doubtful = {i for a, found in both if (i := _known_to_sender(a, found))} - new
        digests = await store.digests(conn, sorted(doubtful)) if doubtful else {}
        receipts[:], ids[:] = [_receipt(a, found, new, digests) for a, found in both], saved
        return Decision({}, [guidance.guided(taken[i][0]) for i in saved], [taken[i][1] for i in saved])

    done = await service.commands.commit(work)
    staged, left = dict(zip(ids, done.stage_ids, strict=True)), iter(receipts)
    parts = [list(islice(left, len(request))) for request in requests]
    return [_Saved(part, max((_stage_id(r, staged) for r in part), default=0)) for part in parts]


def _stage_id(receipt: ItemReceipt, staged: dict[str, int]) -> int:
    return staged[receipt.guidance_id or ""] if receipt.result == "accepted" else 0


def _decide(asked: _Asked, members: dict[str, list[Placed]], province: str, now: datetime) -> Guidance | Refused:
    item = asked.item
    if isinstance(item, Malformed):
        return Refused("malformed", item.error.field, item.error.message)
    if not _may_record(asked.caller, members.get(item.member_id), item, province):
        return _OUTSIDE
    return guidance.record(asked.campaign, members, item, now)


def _may_record(caller: Caller, known: Sequence[Placed] | None, sent: Sent, province: str) -> bool:
    """Whether the member is the caller, or of the caller's team or units: on that day, or on the last day known of."""
    if caller.has(Role.MEMBER, Role.TEAM_LEADER) and caller.member_id == sent.member_id:
        return True
    if not known:
        return caller.has(*OFFICERS)  # an officer is told that the member is unknown, others only that it is not theirs
    there = guidance.places_of(known, sent, local_day(sent.occurred_at)) or known
    if caller.has(Role.TEAM_LEADER) and any(caller.team_id == p.team_id for p in there):
        return True
    last = {p.team_id: p for p in known}
    also = [last[p.team_id] for p in there]  # what an abolished unit's teams did is entered by whoever has them now
    return caller.has(*OFFICERS) and any(_covers(caller, p, province) for p in (*there, *also))


def _covers(caller: Caller, at: Placed, province: str) -> bool:
    return caller.covers((province, at.unit_id, at.district_id, at.commune_id))


_OUTSIDE = Refused(
    "outside_your_unit",
    "member_id",
    Text("Thành viên này không thuộc phạm vi của bạn.", "This member is outside your scope."),
)


async def _save(conn: Conn, taken: dict[str, Guidance]) -> list[str]:
    """Saves what is new; answers with its ids in the order sent."""
    if not taken:
        return []
    new = await store.save_guidances(conn, [taken[i] for i in sorted(taken)])
    return [i for i in reversed(taken) if i in new]


def _known_to_sender(asked: _Asked, found: Guidance | Refused) -> str | None:
    """The item's id, where its sender may know what is recorded under it."""
    return asked.item.guidance_id if isinstance(asked.item, Sent) and found is not _OUTSIDE else None


def _receipt(asked: _Asked, found: Guidance | Refused, saved: set[str], digests: dict[str, str]) -> ItemReceipt:
    """The receipt of the next item; notes in `digests` what is recorded with it."""
    item = asked.item
    known = digests.get(item.guidance_id) if isinstance(item, Sent) else None
    if known and isinstance(item, Sent) and found is not _OUTSIDE and known == item.digest:
        # also when it would be refused now, for the member has left since: it is recorded, and that was asked
        return ItemReceipt(guidance_id=item.guidance_id, result="already_had")
    if isinstance(found, Refused):
        why = Why(slug=found.slug, field=found.field, message={"vi": found.text.vi, "en": found.text.en})
        return ItemReceipt(guidance_id=item.guidance_id, result="refused", why=why)
    if found.guidance_id in saved and found.guidance_id not in digests:
        digests[found.guidance_id] = found.digest
        return ItemReceipt(guidance_id=found.guidance_id, result="accepted")
    return ItemReceipt(guidance_id=found.guidance_id, result="conflict", why=_CLASH)


_CLASH = Why(
    slug="same_id_other_content",
    field="guidance_id",
    message={
        "vi": "Mã này đã được dùng cho nội dung khác. Nội dung trước được giữ; hãy gửi bản này với mã mới.",
        "en": "This id was used with another content, which stays. Send this one under a new id.",
    },
)
