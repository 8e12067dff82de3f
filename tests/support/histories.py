"""Random but valid histories of a small province: events as the services publish them, in the order of their logs.

Few citizens, so that they come again; several members for a citizen; teams of communes and of districts, one district
without communes; guidances around the window's midnights; withdrawals until nothing is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from hypothesis import strategies as st

from shared.contracts import Event, Recorded
from shared.contracts.courses import CoursePublished, LearnerEnrolled, QuizFailed, QuizPassed
from shared.contracts.outreach import (
    CampaignLaunched,
    CitizenGuided,
    DayOneRule,
    GuidanceWithdrawn,
    Place,
    Topic,
    WithdrawReason,
)
from shared.contracts.reform import Level
from shared.contracts.registry import (
    LeaveReason,
    MemberJoined,
    MemberLeft,
    OrganisationRegistered,
    Role,
    TeamFormed,
    UnitEstablished,
)

DISTRICT_OF = {"C1": "D1", "C2": "D1", "C3": "D2", "D1": "D1", "D2": "D2", "D3": "D3"}
"""The units below the province; D3 has no communes."""
LAUNCH = date(2023, 7, 28)
MIDNIGHT = datetime(2023, 7, 27, 17, tzinfo=UTC)
"""The midnight in Vietnam that begins the day of the launch."""
TOPICS = ("a", "b", "c")
ORGANISATIONS = ("youth", "dept", None)


class History(NamedTuple):
    """Three logs."""

    registry: list[Recorded]
    outreach: list[Recorded]
    courses: list[Recorded]

    def all(self) -> list[Recorded]:
        """One log after the other."""
        return [*self.registry, *self.outreach, *self.courses]


class _Log:
    """Gives out positions."""

    def __init__(self, stream: str) -> None:
        self.stream, self.records = stream, list[Recorded]()

    def add(self, event: Event, recorded_at: datetime | None = None) -> None:
        pos = len(self.records) + 1
        at = recorded_at or event.occurred_at
        self.records.append(Recorded(self.stream, pos, f"{self.stream}-{pos}", at, event))


@st.composite
def histories(draw: st.DrawFn, *, guidances: tuple[int, int] = (0, 40), attempts: tuple[int, int] = (0, 40)) -> History:
    """With so many steps, least and most, in outreach and in courses."""
    registry, outreach, courses = _Log("registry"), _Log("outreach"), _Log("courses")
    _units(registry)
    members = _teams(draw, registry)
    campaigns = [_campaign(draw, outreach, number) for number in range(draw(st.integers(1, 2)))]
    _guidances(draw, outreach, members, campaigns, guidances)
    _learning(draw, courses, attempts)
    return History(registry.records, outreach.records, courses.records)


@st.composite
def merged(draw: st.DrawFn, logs: Sequence[Sequence[Recorded]]) -> list[Recorded]:
    """Any order across logs that keeps the order within each."""
    owners = [number for number, log in enumerate(logs) for _ in log]
    draw(st.randoms(use_true_random=False)).shuffle(owners)
    rest = [iter(log) for log in logs]
    return [next(rest[owner]) for owner in owners]


@st.composite
def batches(draw: st.DrawFn, records: Sequence[Recorded]) -> list[list[Recorded]]:
    """Any cut into batches of one stream each."""
    chance, longest = draw(st.randoms(use_true_random=False)), draw(st.integers(1, 50))
    cut: list[list[Recorded]] = []
    for record in records:
        if cut and cut[-1][-1].stream == record.stream and chance.randrange(longest):
            cut[-1].append(record)
        else:
            cut.append([record])
    return cut


def _units(log: _Log) -> None:
    log.add(_unit("51", Level.PROVINCE, None))
    for unit_id in ("D1", "D2", "D3"):
        log.add(_unit(unit_id, Level.DISTRICT, "51"))
    for unit_id in ("C1", "C2", "C3"):
        log.add(_unit(unit_id, Level.COMMUNE, DISTRICT_OF[unit_id]))
    for name in ("youth", "dept"):
        log.add(
            OrganisationRegistered(
                occurred_at=MIDNIGHT, organisation_id=name, name=f"Tổ chức {name}", sector="department", headcount=9
            )
        )


def _unit(unit_id: str, level: Level, parent: str | None) -> UnitEstablished:
    return UnitEstablished(
        occurred_at=MIDNIGHT - timedelta(days=999), unit_id=unit_id, code=unit_id, name=f"Đơn vị {unit_id}",
        kind=level.value, level=level, parent_id=parent, district_id=DISTRICT_OF.get(unit_id),
        commune_id=_commune(unit_id), edition="2023", valid_from=date(2020, 2, 1),
    )  # fmt: skip


def _commune(unit_id: str) -> str | None:
    return unit_id if unit_id.startswith("C") else None


def _teams(draw: st.DrawFn, log: _Log) -> list[MemberJoined]:
    joined: list[MemberJoined] = []
    for number, unit_id in enumerate(draw(st.lists(st.sampled_from(sorted(DISTRICT_OF)), min_size=1, max_size=4))):
        team_id = f"T{number}"
        log.add(_team(team_id, unit_id))
        for _ in range(draw(st.integers(0 if joined else 1, 3))):
            day = LAUNCH + timedelta(days=draw(st.sampled_from([-20, -1, 0, 6, 7, 8])))
            joined.append(_member(f"M{len(joined)}", team_id, unit_id, day))
            log.add(joined[-1])
    for member in joined:
        if draw(st.booleans()):
            left = max(member.joined_on, LAUNCH + timedelta(days=draw(st.sampled_from([-2, -1, 0, 1, 6, 9]))))
            log.add(
                MemberLeft(
                    occurred_at=MIDNIGHT, member_id=member.member_id, team_id=member.team_id,
                    district_id=member.district_id, commune_id=member.commune_id, left_on=left,
                    reason=LeaveReason.MOVED,
                )
            )  # fmt: skip
    return joined


def _team(team_id: str, unit_id: str) -> TeamFormed:
    commune = _commune(unit_id)
    return TeamFormed(
        occurred_at=MIDNIGHT - timedelta(days=30), team_id=team_id, name=f"Tổ {team_id}",
        level=Level.COMMUNE if commune else Level.DISTRICT, unit_id=unit_id, district_id=DISTRICT_OF[unit_id],
        commune_id=commune, decision_number="1/QĐ", decision_date=date(2023, 6, 1), formed_on=date(2023, 6, 28),
    )  # fmt: skip


def _member(member_id: str, team_id: str, unit_id: str, day: date) -> MemberJoined:
    return MemberJoined(
        occurred_at=MIDNIGHT, member_id=member_id, team_id=team_id, role=Role.MEMBER, unit_id=unit_id,
        district_id=DISTRICT_OF[unit_id], commune_id=_commune(unit_id), joined_on=day,
    )  # fmt: skip


def _campaign(draw: st.DrawFn, log: _Log, number: int) -> CampaignLaunched:
    rule, days = draw(st.sampled_from(DayOneRule)), draw(st.sampled_from([1, 7]))
    first = LAUNCH + timedelta(days=rule is DayOneRule.DAY_AFTER)
    launched = CampaignLaunched(
        occurred_at=MIDNIGHT, campaign_id=f"K{number}", name=f"Phong trào {number}", launched_on=LAUNCH,
        day_one_rule=rule, window_days=days, first_day=first, last_day=first + timedelta(days=days - 1),
        quota=draw(st.integers(1, 3)), topics=tuple(Topic(code=c, name_vi=c, name_en=c) for c in TOPICS),
        report_due_on=date(2023, 8, 15), reporting_unit_ids=("D1", "D2"),
    )  # fmt: skip
    log.add(launched)
    return launched


def _guidances(
    draw: st.DrawFn, log: _Log, members: list[MemberJoined], campaigns: list[CampaignLaunched], steps: tuple[int, int]
) -> None:
    live: list[CitizenGuided] = []
    for number in range(draw(st.integers(*steps))):
        moment = MIDNIGHT + timedelta(days=9, hours=number)
        if live and draw(st.integers(0, 2)) == 0:
            log.add(_withdrawal(live.pop(draw(st.integers(0, len(live) - 1))), moment), moment)
        else:
            live.append(_guidance(draw, f"G{number}", draw(st.sampled_from(members)), draw(st.sampled_from(campaigns))))
            log.add(live[-1], live[-1].occurred_at + timedelta(hours=draw(st.integers(0, 50))))
    if draw(st.booleans()):  # as if nothing had ever been done
        for left in live:
            log.add(_withdrawal(left, MIDNIGHT + timedelta(days=20)))


def _guidance(draw: st.DrawFn, guidance_id: str, member: MemberJoined, campaign: CampaignLaunched) -> CitizenGuided:
    seconds = draw(st.sampled_from([0, 1, 3600, 12 * 3600, 24 * 3600 - 1]))
    at = MIDNIGHT + timedelta(days=draw(st.sampled_from([0, 1, 6, 7, 8])), seconds=seconds)
    return CitizenGuided(
        occurred_at=at, guidance_id=guidance_id, campaign_id=campaign.campaign_id, member_id=member.member_id,
        team_id=member.team_id, citizen_ref=f"citizen-{draw(st.integers(0, 3))}",
        topics=tuple(draw(st.lists(st.sampled_from(TOPICS), min_size=1, unique=True))), place=Place.HOME,
        unit_id=member.unit_id, district_id=member.district_id, commune_id=member.commune_id,
    )  # fmt: skip


def _withdrawal(of: CitizenGuided, moment: datetime) -> GuidanceWithdrawn:
    same = of.model_dump(exclude={"occurred_at", "place"})
    return GuidanceWithdrawn(**same, occurred_at=moment, guided_at=of.occurred_at, reason=WithdrawReason.DID_NOT_HAPPEN)


def _learning(draw: st.DrawFn, log: _Log, steps: tuple[int, int]) -> None:
    for course in ("Q1", "Q2"):
        log.add(
            CoursePublished(
                occurred_at=MIDNIGHT,
                course_id=course,
                title=f"Khóa {course}",
                questions=10,
                pass_mark=6,
                opens_on=LAUNCH,
            )
        )
    enrolled: dict[tuple[str, str], LearnerEnrolled] = {}
    for number in range(draw(st.integers(*steps))):
        at = MIDNIGHT + timedelta(hours=number)
        course_id, learner_id = draw(st.sampled_from(["Q1", "Q2"])), f"L{draw(st.integers(0, 4))}"
        place = enrolled.get((course_id, learner_id))
        if place is None:
            place = LearnerEnrolled(
                occurred_at=at, learner_id=learner_id, course_id=course_id,
                organisation_id=draw(st.sampled_from(ORGANISATIONS)), unit_id="C1", district_id="D1", commune_id="C1",
            )  # fmt: skip
            enrolled[course_id, learner_id] = place
            log.add(place)
            continue
        right = draw(st.integers(0, 10))
        kind = QuizPassed if right >= 6 else QuizFailed
        same = place.model_dump(exclude={"occurred_at"})
        log.add(kind(**same, occurred_at=at, attempt_id=f"A{number}", attempt=1, right=right, out_of=10))
