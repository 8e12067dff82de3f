"""A province of realistic size, from a seed: the real communes, 1,000 teams, 7,000 members, 2 million citizens."""

from __future__ import annotations

import base64
import hashlib
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from services.registry import load_edition, unit
from shared.clock import VIETNAM
from shared.contracts import Event
from shared.contracts.outreach import CampaignLaunched, CitizenGuided, DayOneRule, Place, Topic
from shared.contracts.reform import Level
from shared.contracts.registry import MemberJoined, Role, TeamFormed

TEAMS, MEMBERS, CITIZENS = 1_000, 7_000, 2_000_000
CAMPAIGN = "phat-dong-2023"
TOPICS = ("online-services", "online-payment", "cashless", "platforms", "safe-networks")
BEGIN = datetime(2023, 7, 28, 7, 0, tzinfo=VIETNAM).astimezone(UTC)  # as services say it
FORMED = date(2023, 7, 3)


class Member(NamedTuple):
    """A member's place."""

    member_id: str
    team_id: str
    commune_id: str
    district_id: str


class Fact(NamedTuple):
    """An event and the moment at which the service took it."""

    event: Event
    recorded_at: datetime


class World:
    """Who and where. The same seed, the same world."""

    def __init__(self, seed: int = 2023) -> None:
        self.random = random.Random(seed)
        self.units = load_edition.read("2023")
        communes = [u for u in self.units if u.level is Level.COMMUNE]
        self.teams = [(self.id(), self.random.choice(communes)) for _ in range(TEAMS)]
        self.members = [
            Member(self.id(), team_id, commune.unit_id, commune.district_id or "")
            for team_id, commune in (self.teams[n % TEAMS] for n in range(MEMBERS))
        ]

    def id(self) -> str:
        """An id as long as a UUIDv7, made faster than the library does."""
        text = f"{self.random.getrandbits(128):032x}"
        return f"0189a6b2-{text[:4]}-7{text[5:8]}-9{text[9:12]}-{text[12:24]}"

    def registry(self) -> Iterator[Fact]:
        """Units, teams and members."""
        for established in unit.load(self.units, set(), "2023", first="2023"):
            yield Fact(established, BEGIN)
        for number, (team_id, commune) in enumerate(self.teams, 1):
            formed = TeamFormed(
                occurred_at=BEGIN, team_id=team_id, name=f"Tổ công nghệ số cộng đồng {number}", level=Level.COMMUNE,
                unit_id=commune.unit_id, district_id=commune.district_id, commune_id=commune.unit_id,
                decision_number=f"{number}/QĐ-UBND", decision_date=FORMED, formed_on=FORMED,
            )  # fmt: skip
            yield Fact(formed, BEGIN)
        for member in self.members:
            joined = MemberJoined(
                occurred_at=BEGIN, member_id=member.member_id, team_id=member.team_id, role=Role.MEMBER,
                unit_id=member.commune_id, district_id=member.district_id, commune_id=member.commune_id,
                joined_on=FORMED,
            )  # fmt: skip
            yield Fact(joined, BEGIN)

    def outreach(self, guidances: int) -> Iterator[Fact]:
        """A campaign, then so many guidances over its seven days, each received within two days."""
        yield Fact(launched(), BEGIN)
        step = timedelta(days=7) / max(guidances, 1)
        for number in range(guidances):
            at = BEGIN + step * number
            yield Fact(self.guided(at), at + timedelta(seconds=self.random.choice((5, 40, 3_600, 90_000))))

    def guided(self, at: datetime) -> CitizenGuided:
        """Some member guided some citizen."""
        chance = self.random
        member = chance.choice(self.members)
        return CitizenGuided.model_construct(
            occurred_at=at,
            guidance_id=self.id(),
            campaign_id=CAMPAIGN,
            member_id=member.member_id,
            team_id=member.team_id,
            citizen_ref=citizen_ref(chance.randrange(CITIZENS)),
            topics=tuple(chance.sample(TOPICS, chance.choice((1, 1, 2)))),
            place=chance.choice(tuple(Place)),
            unit_id=member.commune_id,
            district_id=member.district_id,
            commune_id=member.commune_id,
        )


def citizen_ref(number: int) -> str:
    """22 characters, as the keyed hash of a citizen has."""
    return base64.urlsafe_b64encode(hashlib.sha256(b"%d" % number).digest()[:16])[:22].decode()


def launched() -> CampaignLaunched:
    """The campaign that all guidances belong to."""
    return CampaignLaunched(
        occurred_at=BEGIN, campaign_id=CAMPAIGN, name="Phong trào chuyển đổi số 2023", launched_on=BEGIN.date(),
        day_one_rule=DayOneRule.CEREMONY_DAY, window_days=7, first_day=BEGIN.date(), last_day=date(2023, 8, 3), quota=7,
        topics=tuple(Topic(code=code, name_vi=code, name_en=code) for code in TOPICS),
        report_due_on=date(2023, 8, 15), reporting_unit_ids=("533",),
    )  # fmt: skip
