"""What the read models must hold, worked out plainly from sets of whole events, with nothing of the folds in it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from shared.contracts import Recorded
from shared.contracts.courses import CoursePublished, LearnerEnrolled, QuizPassed, QuizResult
from shared.contracts.outreach import CampaignLaunched, CitizenGuided, DayOneRule, GuidanceWithdrawn
from shared.contracts.registry import (
    MemberJoined,
    MemberLeft,
    MemberRoleChanged,
    TeamDisbanded,
    TeamFormed,
    TeamReassigned,
)
from tests.support.histories import ALL_DISTRICTS

Model = dict[str, dict[tuple[Any, ...], tuple[Any, ...]]]


def day(at: datetime) -> date:
    """The calendar day in Vietnam."""
    return at.astimezone(ZoneInfo("Asia/Ho_Chi_Minh")).date()


def in_window(guidance: CitizenGuided, campaign: CampaignLaunched) -> bool:
    """Whether it counts towards the quota."""
    first = campaign.launched_on + timedelta(days=campaign.day_one_rule is DayOneRule.DAY_AFTER)
    return 0 <= (day(guidance.occurred_at) - first).days < campaign.window_days


def counted_at(guidance: CitizenGuided) -> set[tuple[str, str]]:
    """The unit, its district, the province."""
    return {("unit", guidance.unit_id), ("district", ALL_DISTRICTS[guidance.unit_id]), ("province", "")}


class Facts:
    """A history, taken apart."""

    def __init__(self, records: Iterable[Recorded]) -> None:
        self.records = list(records)
        self.campaigns = {e.campaign_id: e for e in self.of(CampaignLaunched)}
        self.guidances = {e.guidance_id: e for e in self.of(CitizenGuided)}
        self.withdrawals = {e.guidance_id: e for e in self.of(GuidanceWithdrawn)}
        self.live = [g for g in self.guidances.values() if g.guidance_id not in self.withdrawals]
        self.counting = [g for g in self.live if in_window(g, self.campaigns[g.campaign_id])]

    def of(self, kind: type[Any]) -> list[Any]:
        """The events of a kind."""
        return [r.event for r in self.records if isinstance(r.event, kind)]

    def received(self, kind: type[Any]) -> dict[str, date]:
        """The day on which each guidance, or its withdrawal, was received."""
        return {r.event.guidance_id: day(r.recorded_at) for r in self.records if isinstance(r.event, kind)}

    def citizens(self, guidances: Iterable[CitizenGuided], campaign_id: str, **where: str) -> int:
        """Distinct citizens of a campaign, of a member if one is named."""
        return len({g.citizen_ref for g in self.some(guidances, campaign_id, **where)})

    def some(self, guidances: Iterable[CitizenGuided], campaign_id: str, **where: str) -> list[CitizenGuided]:
        """Those of a campaign where all named fields are so."""
        wanted = {"campaign_id": campaign_id, **where}
        return [g for g in guidances if all(getattr(g, name) == value for name, value in wanted.items())]


def progress(records: Iterable[Recorded]) -> Model:
    """The tables of the projection `progress`; visits of a citizen as a set."""
    facts = Facts(records)
    return {
        "campaign": {
            (c.campaign_id,): (c.campaign_id, c.name, c.launched_on, c.day_one_rule, c.window_days, c.first_day,
                               c.last_day, c.quota, c.report_due_on, 2)
            for c in facts.campaigns.values()
        },
        "campaign_topic": {
            (c.campaign_id, t.code): (c.campaign_id, t.code, position, t.name_vi, t.name_en)
            for c in facts.campaigns.values() for position, t in enumerate(c.topics)
        },
        "topic_total": {
            (c.campaign_id, t.code): (c.campaign_id, t.code,
                                      sum(t.code in g.topics for g in facts.some(facts.live, c.campaign_id)))
            for c in facts.campaigns.values() for t in c.topics
        },
        "team": {(t.team_id,): _team(facts, t) for t in facts.of(TeamFormed)},
        "team_place": _team_places(facts),
        **_members(facts),
        "member_progress": dict(_member_progress(facts)),
        "team_total": _team_totals(facts),
        "citizen": dict(_citizens(facts)),
        "distinct": dict(_distinct(facts)),
        "unit_day": _unit_days(facts),
    }  # fmt: skip


def _team(facts: Facts, team: TeamFormed) -> tuple[Any, ...]:
    last = [e.last_day for e in facts.of(TeamDisbanded) if e.team_id == team.team_id]
    return team.team_id, team.name, team.formed_on, last[-1] if last else None, None


def _team_places(facts: Facts) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """The last that was said of a day holds, up to the next day of which something was said."""
    said: dict[str, dict[date, tuple[str, str]]] = {}
    for event in (r.event for r in facts.records):
        if isinstance(event, TeamFormed | TeamReassigned):
            day = event.formed_on if isinstance(event, TeamFormed) else event.effective_on
            said.setdefault(event.team_id, {})[day] = (event.unit_id, event.level.value)
    return {
        (team_id, day): (team_id, day, min((d for d in days if d > day), default=None), *place, None, None)
        for team_id, days in said.items() for day, place in days.items()
    }  # fmt: skip


def spells(facts: Facts) -> dict[tuple[str, str], list[list[Any]]]:
    """By person and team: the days of each time on it, with the role."""
    found: dict[tuple[str, str], list[list[Any]]] = {}
    for event in (r.event for r in facts.records):
        if isinstance(event, MemberJoined):
            found.setdefault((event.member_id, event.team_id), []).append([event.joined_on, None, event.role])
        elif isinstance(event, MemberLeft):
            found[event.member_id, event.team_id][-1][1] = event.left_on
        elif isinstance(event, MemberRoleChanged):
            found[event.member_id, event.team_id][-1][2] = event.role
    return found


def _members(facts: Facts) -> Model:
    every = {(*who, days[0]): (*who, *days, None) for who, times in spells(facts).items() for days in times}
    last = {who: (*who, *times[-1], None) for who, times in spells(facts).items()}
    return {"membership": every, "member": last}


def _team_totals(facts: Facts) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """All but the citizens, of whom only sums say something."""
    live, outside = Counter(map(_place, facts.live)), Counter(_place(g) for g in facts.live if g not in facts.counting)
    gone = Counter(_place(facts.guidances[i]) for i in facts.withdrawals)
    return {key: (*key, live[key], outside[key], gone[key]) for key in map(_place, facts.guidances.values())}


def _place(guidance: CitizenGuided) -> tuple[Any, ...]:
    return guidance.campaign_id, guidance.team_id, guidance.unit_id, guidance.district_id


def _member_progress(facts: Facts) -> Iterable[tuple[tuple[Any, ...], tuple[Any, ...]]]:
    for campaign_id, member_id in {(g.campaign_id, g.member_id) for g in facts.guidances.values()}:
        ever = facts.some(facts.guidances.values(), campaign_id, member_id=member_id)
        yield (
            (campaign_id, member_id),
            (
                campaign_id,
                member_id,
                facts.citizens(facts.counting, campaign_id, member_id=member_id),
                len(facts.some(facts.counting, campaign_id, member_id=member_id)),
                facts.citizens(facts.live, campaign_id, member_id=member_id),
                len(facts.some(facts.live, campaign_id, member_id=member_id)),
                sum(g.guidance_id in facts.withdrawals for g in ever),
                max(g.occurred_at for g in ever),
            ),
        )


def _citizens(facts: Facts) -> Iterable[tuple[tuple[Any, ...], tuple[Any, ...]]]:
    for campaign_id, citizen in {(g.campaign_id, g.citizen_ref) for g in facts.guidances.values()}:
        live = facts.some(facts.live, campaign_id, citizen_ref=citizen)
        counting = Counter(_visit(g) for g in facts.some(facts.counting, campaign_id, citizen_ref=citizen))
        visits = frozenset((*who, sessions, counting[who]) for who, sessions in Counter(map(_visit, live)).items())
        yield (campaign_id, citizen), (campaign_id, citizen, visits)


def _visit(guidance: CitizenGuided) -> tuple[Any, ...]:
    return guidance.member_id, guidance.team_id, guidance.unit_id, guidance.district_id


def _distinct(facts: Facts) -> Iterable[tuple[tuple[Any, ...], tuple[Any, ...]]]:
    for campaign_id, place in {(g.campaign_id, p) for g in facts.guidances.values() for p in counted_at(g)}:
        here = {g.citizen_ref for g in facts.some(facts.live, campaign_id) if place in counted_at(g)}
        yield (campaign_id, *place), (len(here),)


def _unit_days(facts: Facts) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    came, went = facts.received(CitizenGuided), facts.received(GuidanceWithdrawn)
    sessions = Counter((g.campaign_id, g.unit_id, day(g.occurred_at), came[i]) for i, g in facts.guidances.items())
    withdrawn = Counter((w.campaign_id, w.unit_id, day(w.guided_at), went[i]) for i, w in facts.withdrawals.items())
    return {
        key: (*key, ALL_DISTRICTS[key[1]], sessions[key], withdrawn[key]) for key in sessions.keys() | withdrawn.keys()
    }


def results(records: Iterable[Recorded]) -> Model:
    """The tables of the projection `results`."""
    facts = Facts(records)
    enrolled: list[LearnerEnrolled] = facts.of(LearnerEnrolled)
    taken: list[QuizResult] = facts.of(QuizResult)
    return {
        "course": {
            (c.course_id,): (c.course_id, c.title, c.questions, c.pass_mark) for c in facts.of(CoursePublished)
        },
        "learner": {(e.course_id, e.learner_id): _learner(e, _of(taken, e)) for e in enrolled},
        "organisation_result": {
            (course, organisation): (course, organisation, len(these), sum(_passed(taken, e) for e in these),
                                     sum(len(_of(taken, e)) for e in these))
            for (course, organisation), these in _groups(enrolled).items()
        },
    }  # fmt: skip


def _of(taken: list[QuizResult], who: LearnerEnrolled) -> list[QuizResult]:
    return [t for t in taken if (t.course_id, t.learner_id) == (who.course_id, who.learner_id)]


def _passed(taken: list[QuizResult], who: LearnerEnrolled) -> bool:
    return any(isinstance(t, QuizPassed) for t in _of(taken, who))


def _learner(who: LearnerEnrolled, tries: list[QuizResult]) -> tuple[Any, ...]:
    best = max((t.right for t in tries), default=0)
    first = min((t.occurred_at for t in tries if isinstance(t, QuizPassed)), default=None)
    return (who.course_id, who.learner_id, who.organisation_id, who.unit_id, len(tries), best, first)


def _groups(enrolled: list[LearnerEnrolled]) -> Mapping[tuple[str, str], list[LearnerEnrolled]]:
    groups: dict[tuple[str, str], list[LearnerEnrolled]] = {}
    for e in enrolled:
        for organisation in (e.organisation_id or "-", "_"):
            groups.setdefault((e.course_id, organisation), []).append(e)
    return groups


def plain(found: Mapping[str, Mapping[tuple[Any, ...], Any]]) -> Model:
    """A read model's rows as `progress` and `results` give them: a citizen's visits as a set, citizens as sums."""
    tables: Model = {name: {key: tuple(row) for key, row in rows.items()} for name, rows in found.items()}
    for key, row in tables.get("citizen", {}).items():
        tables["citizen"][key] = (*row[:2], frozenset(tuple(v) for v in json.loads(row[2])))
    if "team_total" in tables:
        tables["distinct"] = {key: (n,) for key, n in _sums(tables["team_total"].values()).items()}
        tables["team_total"] = {key: (*key, *row[7:]) for key, row in tables["team_total"].items()}
    return tables


def _sums(rows: Iterable[tuple[Any, ...]]) -> Counter[tuple[Any, ...]]:
    sums: Counter[tuple[Any, ...]] = Counter()
    for campaign_id, _, unit_id, district_id, *citizens in rows:
        places = (("unit", unit_id), ("district", district_id), ("province", ""))
        for place, number in zip(places, citizens, strict=False):
            sums[campaign_id, *place] += number
    return sums
