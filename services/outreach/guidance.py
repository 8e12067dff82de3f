"""Rules of guidances: what a phone sends, what is refused and why. Repeats and late entries are legal, and counted
apart."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from services.outreach.campaign import Campaign
from shared import errors
from shared.clock import local_day
from shared.contracts.outreach import CitizenGuided, GuidanceWithdrawn, Place, WithdrawReason
from shared.errors import Text
from shared.pseudonym import pseudonym
from shared.vietnamese import fold

CLOCK_TOLERANCE = timedelta(minutes=10)
"""Phones whose clock is ahead by less than this are believed."""


class Placed(NamedTuple):
    """Days that a member was on a team which belonged to one unit, the first and the last included."""

    member_id: str
    team_id: str
    unit_id: str
    district_id: str | None
    commune_id: str | None
    first_day: date
    last_day: date | None

    def holds_on(self, day: date) -> bool:
        """Whether the day is one of these."""
        return self.first_day <= day and (self.last_day is None or day <= self.last_day)


class Sent(NamedTuple):
    """One guidance as it was sent, with the citizen already a keyed hash."""

    guidance_id: str
    campaign_id: str
    member_id: str
    citizen_ref: str
    topics: tuple[str, ...]
    place: Place
    occurred_at: datetime
    team_id: str | None = None
    """For which of the member's teams; needed on a day on which there are several."""

    @property
    def digest(self) -> str:
        """Equal for equal content, whatever the offset of the time."""
        at = self.occurred_at.astimezone(UTC).isoformat()
        facts = (self.campaign_id, self.member_id, self.citizen_ref, ",".join(self.topics), self.place, at)
        text = "|".join((*facts, self.team_id) if self.team_id else facts)
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


def record(
    campaign: Campaign, members: Mapping[str, Sequence[Placed]], sent: Sent, now: datetime
) -> Guidance | Refused:
    """Whether one item can be taken. The unit is the team's on that day."""
    known, day = members.get(sent.member_id), local_day(sent.occurred_at)
    if not known:
        return Refused(
            "unknown_member", "member_id",
            Text("Chưa có thành viên này. Hãy kiểm tra mã, hoặc thử lại sau ít giây nếu vừa được thêm.",
                 "No such member yet. Check the id, or try again in seconds if just added."),
        )  # fmt: skip
    refused = _time_refusal(campaign, sent, day, now)
    if refused:
        return refused
    at = _where(known, sent, day)
    if isinstance(at, Refused):
        return at
    return _topic_refusal(campaign, sent) or Guidance(
        sent.guidance_id, sent.digest, sent.campaign_id, sent.member_id, at.team_id, sent.citizen_ref, sent.topics,
        sent.place, at.unit_id, at.district_id, at.commune_id, sent.occurred_at, now,
    )  # fmt: skip


def places_of(known: Sequence[Placed], sent: Sent, day: date) -> list[Placed]:
    """Where the member was on the day of the guidance, on the team that was named if one was."""
    return [p for p in known if p.holds_on(day) and sent.team_id in (None, p.team_id)]


def _where(known: Sequence[Placed], sent: Sent, day: date) -> Placed | Refused:
    found = places_of(known, sent, day)
    teams = list(dict.fromkeys(p.team_id for p in found))
    if len(teams) == 1:
        return found[0]
    if teams:
        return Refused(
            "which_team", "team_id",
            Text(f"Ngày {day:%d/%m/%Y} thành viên thuộc nhiều tổ; hãy ghi một tổ: {', '.join(teams)}.",
                 f"On several teams on {day}; name one of them: {', '.join(teams)}."),
        )  # fmt: skip
    if sent.team_id:
        return Refused(
            "not_on_that_team", "team_id",
            Text(f"Ngày {day:%d/%m/%Y} thành viên không thuộc tổ «{sent.team_id}».",
                 f"Not on the team «{sent.team_id}» on {day}."),
        )  # fmt: skip
    return Refused(
        "not_a_member_that_day", "occurred_at",
        Text(f"Ngày {day:%d/%m/%Y} thành viên không thuộc tổ.", f"Not on the team on {day}."),
    )  # fmt: skip


def _time_refusal(campaign: Campaign, sent: Sent, day: date, now: datetime) -> Refused | None:
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
    return CitizenGuided(
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
