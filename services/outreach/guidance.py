"""Rules of guidances: what a phone sends, what is refused and why. Repeats and late entries are legal, and counted
apart."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from services.outreach.campaign import Campaign
from services.outreach.on_registry import RosterMember
from shared import errors
from shared.clock import local_day
from shared.contracts.outreach import CitizenGuided, GuidanceWithdrawn, Place, WithdrawReason
from shared.errors import Text
from shared.pseudonym import pseudonym
from shared.vietnamese import fold

CLOCK_TOLERANCE = timedelta(minutes=10)
"""Phones whose clock is ahead by less than this are believed."""


class Sent(NamedTuple):
    """One guidance as it was sent, with the citizen already a keyed hash."""

    guidance_id: str
    campaign_id: str
    member_id: str
    citizen_ref: str
    topics: tuple[str, ...]
    place: Place
    occurred_at: datetime

    @property
    def digest(self) -> str:
        """Equal for equal content, whatever the offset of the time."""
        at = self.occurred_at.astimezone(UTC).isoformat()
        text = "|".join((self.campaign_id, self.member_id, self.citizen_ref, ",".join(self.topics), self.place, at))
        return hashlib.sha256(text.encode()).hexdigest()[:32]


class Guidance(NamedTuple):
    """A recorded guidance."""

    guidance_id: str
    digest: str
    campaign_id: str
    member_id: str
    team_id: str
    citizen_ref: str
    topics: tuple[str, ...]
    place: Place
    unit_id: str
    district_id: str | None
    commune_id: str | None
    occurred_at: datetime
    recorded_at: datetime
    withdrawn_at: datetime | None = None
    withdraw_reason: str | None = None


class Refused(NamedTuple):
    """Why an item was not taken. Nothing of it was kept; it may be corrected and sent again under the same id."""

    slug: str
    field: str
    text: Text


def record(campaign: Campaign, members: Mapping[str, RosterMember], sent: Sent, now: datetime) -> Guidance | Refused:
    """Whether one item can be taken. The unit is the team's on that day."""
    member = members.get(sent.member_id)
    if member is None:
        return Refused(
            "unknown_member", "member_id",
            Text("Chưa có thành viên này. Hãy kiểm tra mã, hoặc thử lại sau ít giây nếu vừa được thêm.",
                 "No such member yet. Check the id, or try again in seconds if just added."),
        )  # fmt: skip
    refused = _time_refusal(campaign, member, sent, now) or _topic_refusal(campaign, sent)
    if refused:
        return refused
    return Guidance(
        sent.guidance_id, sent.digest, sent.campaign_id, sent.member_id, member.team_id, sent.citizen_ref, sent.topics,
        sent.place, member.unit_id, member.district_id, member.commune_id, sent.occurred_at, now,
    )  # fmt: skip


def _time_refusal(campaign: Campaign, member: RosterMember, sent: Sent, now: datetime) -> Refused | None:
    day = local_day(sent.occurred_at)
    if sent.occurred_at > now + CLOCK_TOLERANCE:
        return Refused(
            "in_the_future", "occurred_at",
            Text("Thời điểm hướng dẫn ở tương lai. Hãy kiểm tra ngày giờ của điện thoại.",
                 "The guidance lies in the future. Check the phone's clock."),
        )  # fmt: skip
    if day < campaign.launched_on:
        return Refused(
            "before_campaign", "occurred_at",
            Text(f"Trước ngày phát động {campaign.launched_on:%d/%m/%Y}; không thuộc phong trào này.",
                 f"Before the launch on {campaign.launched_on}; not part of this campaign."),
        )  # fmt: skip
    if day < member.joined_on or (member.left_on is not None and day > member.left_on):
        return Refused(
            "not_a_member_that_day", "occurred_at",
            Text(f"Ngày {day:%d/%m/%Y} thành viên không thuộc tổ.", f"Not on the team on {day}."),
        )  # fmt: skip
    return None


def _topic_refusal(campaign: Campaign, sent: Sent) -> Refused | None:
    unknown = [t for t in sent.topics if t not in campaign.topics]
    if not unknown:
        return None
    known = ", ".join(campaign.topics)
    return Refused(
        "unknown_topic", "topics",
        Text(f"Không có nội dung: {', '.join(unknown)}. Các mã: {known}.",
             f"No such topic: {', '.join(unknown)}. Codes: {known}."),
    )  # fmt: skip


def guided(row: Guidance) -> CitizenGuided:
    """The event of a guidance that was taken."""
    return CitizenGuided.model_construct(
        occurred_at=row.occurred_at,
        guidance_id=row.guidance_id,
        campaign_id=row.campaign_id,
        member_id=row.member_id,
        team_id=row.team_id,
        citizen_ref=row.citizen_ref,
        topics=row.topics,
        place=row.place,
        unit_id=row.unit_id,
        district_id=row.district_id,
        commune_id=row.commune_id,
    )


def withdraw(row: Guidance, reason: WithdrawReason, now: datetime) -> GuidanceWithdrawn | None:
    """The event; None when it was withdrawn for this reason before (sending again is harmless)."""
    if row.withdrawn_at is not None:
        if row.withdraw_reason == reason:
            return None
        raise errors.conflict(
            "withdrawn_already",
            "reason",
            f"Lượt này đã được rút trước đó với lý do «{row.withdraw_reason}».",
            f"This guidance was withdrawn before, for the reason «{row.withdraw_reason}».",
        )
    return GuidanceWithdrawn(
        occurred_at=now,
        guidance_id=row.guidance_id,
        campaign_id=row.campaign_id,
        member_id=row.member_id,
        team_id=row.team_id,
        citizen_ref=row.citizen_ref,
        topics=row.topics,
        unit_id=row.unit_id,
        district_id=row.district_id,
        commune_id=row.commune_id,
        guided_at=row.occurred_at,
        reason=reason,
    )


_NOT_DIGITS = re.compile(r"[^0-9]")


def phone_digits(phone: str) -> str:
    """A Vietnamese number in its national form: `+84 90…`, `0084 90…`, `84 90…` and `090…` are the same."""
    digits = _NOT_DIGITS.sub("", phone)
    if digits.startswith("0084"):
        digits = digits[2:]
    if phone.strip().startswith("+84") or (digits.startswith("84") and len(digits) > 10):
        return "0" + digits[2:].lstrip("0")  # also «+84 (0)90…»
    return digits


def ref_by_phone(key: str, phone: str) -> str:
    """`citizen_ref` of someone known by a phone number."""
    return pseudonym(key, "phone", phone_digits(phone))


def ref_by_identity(key: str, number: str) -> str:
    """`citizen_ref` of someone known by an identity number, which is not kept."""
    return pseudonym(key, "identity", _NOT_DIGITS.sub("", number))


def ref_by_name(key: str, name: str, birth_year: int, village: str) -> str:
    """`citizen_ref` of someone without phone and papers: name, year of birth and village, compared without marks."""
    return pseudonym(key, "name", f"{fold(name)}|{birth_year}|{fold(village)}")
