"""Random but valid histories of a small province: events as the services publish them, in the order of their logs.

Few citizens, so that they come again; several members for a citizen; teams of communes and of districts, one district
without communes; guidances around the window's midnights; withdrawals until nothing is left. People on two teams, who
leave and come back; teams that move and end; a reform that splits one commune and merges another, maybe taken back.
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
from shared.contracts.reform import (
    Change,
    EndReason,
    Heir,
    How,
    LegalBasis,
    Level,
    MoveReason,
    Part,
    Transition,
    UnitChange,
    UnitState,
)
from shared.contracts.registry import (
    LeaveReason,
    MemberJoined,
    MemberLeft,
    MemberRoleChanged,
    OrganisationRegistered,
    ReorganisationReversed,
    Role,
    TeamDisbanded,
    TeamFormed,
    TeamReassigned,
    UnitEstablished,
    UnitsReorganised,
)

DISTRICT_OF = {"C1": "D1", "C2": "D1", "C3": "D2", "D1": "D1", "D2": "D2", "D3": "D3"}
"""The units below the province before the reform; D3 has no communes."""
REFORM = {"C4": ("D1", "C2"), "C5": ("D2", "C2"), "C6": ("D1", "C1")}
"""District and predecessor of the units that the reform makes: C2 is split over two districts, C1 is renamed."""
ALL_DISTRICTS = DISTRICT_OF | {unit_id: district for unit_id, (district, _) in REFORM.items()}
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
    formed, members = _teams(draw, registry)
    places = _moves(draw, registry, formed)
    _reform(draw, registry, places)
    campaigns = [_campaign(draw, outreach, number) for number in range(draw(st.integers(1, 2)))]
    _guidances(draw, outreach, (members, places), campaigns, guidances)
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
    state = unit_state(unit_id, level, parent)
    return UnitEstablished(
        **state.model_dump(), occurred_at=MIDNIGHT - timedelta(days=999), edition="2023", valid_from=date(2020, 2, 1)
    )


def unit_state(unit_id: str, level: Level, parent: str | None) -> UnitState:
    """A unit as it is."""
    return UnitState(
        unit_id=unit_id, code=unit_id, name=f"Đơn vị {unit_id}", kind=level.value, level=level, parent_id=parent,
        district_id=ALL_DISTRICTS.get(unit_id), commune_id=_commune(unit_id),
    )  # fmt: skip


def _commune(unit_id: str) -> str | None:
    return unit_id if unit_id.startswith("C") else None


Places = dict[str, dict[date, str]]
"""By team: its unit from each day on."""


def place_on(places: Places, team_id: str, day: date) -> str:
    """A team's unit on a day; before its first day the one that comes."""
    days = sorted(places[team_id])
    return places[team_id][max((d for d in days if d <= day), default=days[0])]


def _teams(draw: st.DrawFn, log: _Log) -> tuple[list[TeamFormed], list[MemberJoined]]:
    formed: list[TeamFormed] = []
    joined: list[MemberJoined] = []
    for number, unit_id in enumerate(draw(st.lists(st.sampled_from(sorted(DISTRICT_OF)), min_size=1, max_size=4))):
        formed.append(_team(f"T{number}", unit_id))
        log.add(formed[-1])
        for _ in range(draw(st.integers(0 if joined else 1, 3))):
            joined.append(_member(f"M{len(joined)}", formed[-1], _day(draw)))
            log.add(joined[-1])
    for first in list(joined):
        for also in draw(st.lists(st.sampled_from(formed), max_size=1)):
            if also.team_id != first.team_id:
                joined.append(_member(first.member_id, also, _day(draw)))
                log.add(joined[-1])
    for member in joined:
        _leave_and_return(draw, log, member)
    return formed, joined


def _day(draw: st.DrawFn) -> date:
    return LAUNCH + timedelta(days=draw(st.sampled_from([-20, -1, 0, 6, 7, 8])))


def _leave_and_return(draw: st.DrawFn, log: _Log, member: MemberJoined) -> None:
    if not draw(st.booleans()):
        return
    left = max(member.joined_on, LAUNCH + timedelta(days=draw(st.sampled_from([-2, -1, 0, 1, 6, 9]))))
    same = {"occurred_at": MIDNIGHT, "member_id": member.member_id, "team_id": member.team_id}
    log.add(MemberLeft.model_validate({**same, "left_on": left, "reason": LeaveReason.MOVED}))
    if draw(st.booleans()):
        log.add(member.model_copy(update={"joined_on": left + timedelta(days=draw(st.integers(1, 3)))}))
        if draw(st.booleans()):
            log.add(
                MemberRoleChanged.model_validate(
                    {**same, "role": Role.DEPUTY, "effective_on": left + timedelta(days=9)}
                )
            )


def _team(team_id: str, unit_id: str) -> TeamFormed:
    commune = _commune(unit_id)
    return TeamFormed(
        occurred_at=MIDNIGHT - timedelta(days=30), team_id=team_id, name=f"Tổ {team_id}",
        level=Level.COMMUNE if commune else Level.DISTRICT, unit_id=unit_id, district_id=DISTRICT_OF[unit_id],
        commune_id=commune, decision_number="1/QĐ", decision_date=date(2023, 6, 1), formed_on=date(2023, 6, 28),
    )  # fmt: skip


def _member(member_id: str, team: TeamFormed, day: date) -> MemberJoined:
    return MemberJoined(
        occurred_at=MIDNIGHT, member_id=member_id, team_id=team.team_id, role=Role.MEMBER, unit_id=team.unit_id,
        district_id=team.district_id, commune_id=team.commune_id, joined_on=day,
    )  # fmt: skip


def _moves(draw: st.DrawFn, log: _Log, formed: list[TeamFormed]) -> Places:
    places: Places = {team.team_id: {team.formed_on: team.unit_id} for team in formed}
    for team in formed:
        if draw(st.integers(0, 2)) == 0:
            day, to = LAUNCH + timedelta(days=draw(st.sampled_from([-3, 1, 40]))), draw(st.sampled_from(["C2", "C3"]))
            _move(log, places, team.team_id, (team.formed_on, day), to, MoveReason.TRANSFER)
    for team in formed:
        if draw(st.integers(0, 3)) == 0:
            last = LAUNCH + timedelta(days=draw(st.sampled_from([-2, 3, 20])))
            gone = {"occurred_at": MIDNIGHT, "team_id": team.team_id, "last_day": last, "reason": EndReason.OTHER}
            log.add(TeamDisbanded.model_validate(gone))
    return places


def _move(log: _Log, places: Places, team_id: str, days: tuple[date, date], to: str, reason: MoveReason) -> None:
    since, day = days
    log.add(
        TeamReassigned(
            occurred_at=MIDNIGHT, team_id=team_id, from_unit_id=places[team_id][since], since=since, unit_id=to,
            level=Level.COMMUNE, district_id=ALL_DISTRICTS[to], commune_id=_commune(to), effective_on=day,
            reason=reason,
        )
    )  # fmt: skip
    places[team_id][day] = to


def _reform(draw: st.DrawFn, log: _Log, places: Places) -> None:
    """Teams that have not ended by then follow; those that have stay where they were."""
    if draw(st.booleans()):
        return
    day = LAUNCH + timedelta(days=draw(st.sampled_from([-5, 2, 30])))
    log.add(reorganised(day))
    ended = {e.team_id: e.last_day for r in log.records if isinstance(e := r.event, TeamDisbanded)}
    moved: list[tuple[str, date, str]] = []
    for team_id in places:
        if ended.get(team_id, day) >= day:
            moved += _follow(draw, log, places, team_id, day)
    if draw(st.booleans()):
        log.add(
            ReorganisationReversed(
                occurred_at=MIDNIGHT, reform_id="R", effective_on=day, removed_unit_ids=tuple(REFORM),
                restored=tuple(UnitChange(change=Change.CHANGED, unit=_old(u), since=date(2020, 2, 1)) for u in OLD),
            )
        )  # fmt: skip
        for team_id, since, back_to in moved:
            _move(log, places, team_id, (since, since), back_to, MoveReason.REVERSAL)


def _follow(draw: st.DrawFn, log: _Log, places: Places, team_id: str, day: date) -> list[tuple[str, date, str]]:
    days = sorted(places[team_id])
    moved = []
    for since, until in zip(days, [*days[1:], date.max], strict=True):
        unit_id = places[team_id][since]
        if unit_id in OLD and until > day:
            to = draw(st.sampled_from([u for u, (_, before) in REFORM.items() if before == unit_id]))
            _move(log, places, team_id, (since, max(since, day)), to, MoveReason.REFORM)
            moved.append((team_id, max(since, day), unit_id))
    return moved


OLD = ("C1", "C2")
"""Units that the reform abolishes."""


def _old(unit_id: str) -> UnitState:
    return unit_state(unit_id, Level.COMMUNE, DISTRICT_OF[unit_id])


def reorganised(day: date) -> UnitsReorganised:
    """The reform, with effect from a day on."""
    changes = [
        *(UnitChange(change=Change.ESTABLISHED, unit=unit_state(u, Level.COMMUNE, d)) for u, (d, _) in REFORM.items()),
        *(UnitChange(change=Change.ABOLISHED, unit=_old(u), since=date(2020, 2, 1)) for u in OLD),
    ]
    lines = [
        Transition(predecessor_id=before, successor_id=u, part=Part.PART if before == "C2" else Part.WHOLE,
                   how=How.SPLIT if before == "C2" else How.RENAMED)
        for u, (_, before) in REFORM.items()
    ]  # fmt: skip
    return UnitsReorganised(
        occurred_at=MIDNIGHT, reform_id="R", effective_on=day, changes=tuple(changes), transitions=tuple(lines),
        legal_basis=LegalBasis(number="1/NQ", title="Sắp xếp", issued_on=date(2023, 6, 1), issuer="UBTVQH"),
        heirs=(Heir(unit_id="C1", successor_id="C6"), Heir(unit_id="C2", successor_id="C4")),
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
    draw: st.DrawFn,
    log: _Log,
    people: tuple[list[MemberJoined], Places],
    campaigns: list[CampaignLaunched],
    steps: tuple[int, int],
) -> None:
    live: list[CitizenGuided] = []
    members, places = people
    for number in range(draw(st.integers(*steps))):
        moment = MIDNIGHT + timedelta(days=9, hours=number)
        if live and draw(st.integers(0, 2)) == 0:
            log.add(_withdrawal(live.pop(draw(st.integers(0, len(live) - 1))), moment), moment)
        else:
            member, campaign = draw(st.sampled_from(members)), draw(st.sampled_from(campaigns))
            live.append(_guidance(draw, f"G{number}", member, places, campaign.campaign_id))
            log.add(live[-1], live[-1].occurred_at + timedelta(hours=draw(st.integers(0, 50))))
    if draw(st.booleans()):  # as if nothing had ever been done
        for left in live:
            log.add(_withdrawal(left, MIDNIGHT + timedelta(days=20)))


def _guidance(
    draw: st.DrawFn, guidance_id: str, member: MemberJoined, places: Places, campaign_id: str
) -> CitizenGuided:
    days, seconds = (draw(st.sampled_from(s)) for s in ([0, 1, 6, 7, 8], [0, 1, 3600, 12 * 3600, 24 * 3600 - 1]))
    unit_id = place_on(places, member.team_id, LAUNCH + timedelta(days=days))
    return CitizenGuided(
        occurred_at=MIDNIGHT + timedelta(days=days, seconds=seconds), guidance_id=guidance_id, campaign_id=campaign_id,
        member_id=member.member_id, team_id=member.team_id, citizen_ref=f"citizen-{draw(st.integers(0, 3))}",
        topics=tuple(draw(st.lists(st.sampled_from(TOPICS), min_size=1, unique=True))), place=Place.HOME,
        unit_id=unit_id, district_id=ALL_DISTRICTS[unit_id], commune_id=_commune(unit_id),
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
