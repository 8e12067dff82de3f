"""What a campaign's numbers are on the map of any day, worked out plainly: day by day, team by team, set by set."""

from __future__ import annotations

from datetime import date, timedelta

from services.reporting.projections.progress_rows import CampaignRow
from shared.contracts.outreach import CitizenGuided
from shared.contracts.registry import (
    ReorganisationReversed,
    TeamDisbanded,
    TeamFormed,
    TeamReassigned,
    UnitsReorganised,
)
from tests.support.histories import ALL_DISTRICTS, DISTRICT_OF, LAUNCH, OLD, REFORM, Places, place_on
from tests.unit.reporting.model import Facts, spells

Numbers = tuple[int, ...]


class MapModel:
    """A campaign's numbers."""

    def __init__(self, facts: Facts, campaign: CampaignRow) -> None:
        self._facts, self._campaign = facts, campaign
        self.places: Places = {}
        for event in (r.event for r in facts.records):
            if isinstance(event, TeamFormed | TeamReassigned):
                day = event.formed_on if isinstance(event, TeamFormed) else event.effective_on
                self.places.setdefault(event.team_id, {})[day] = event.unit_id
        reforms = [] if facts.of(ReorganisationReversed) else facts.of(UnitsReorganised)
        self.reform_day: date | None = reforms[0].effective_on if reforms else None
        ended = {e.team_id: e.last_day for e in facts.of(TeamDisbanded)}
        self.teams = [
            t.team_id for t in facts.of(TeamFormed)
            if t.formed_on <= campaign.last_day and ended.get(t.team_id, date.max) >= campaign.first_day
        ]  # fmt: skip
        self.people: dict[str, set[str]] = {}
        for (member_id, team_id), times in spells(facts).items():
            for joined_on, left_on, _ in times:
                if joined_on <= campaign.last_day and (left_on or date.max) >= campaign.first_day:
                    self.people.setdefault(member_id, set()).add(team_id)
        self._live = facts.some(facts.live, campaign.campaign_id)

    def days(self) -> list[date]:
        """Days with different maps: before everything, at the launch, around a reform, long after."""
        around = [LAUNCH - timedelta(days=n) for n in (99, 5, 4)] + [LAUNCH + timedelta(days=n) for n in (0, 1, 2, 30)]
        return [*around, LAUNCH + timedelta(days=999)]

    def districts_on(self, day: date) -> dict[str, str]:
        """The units of a day, each with its district; the province with itself."""
        if self.reform_day is None or day < self.reform_day:
            return {**DISTRICT_OF, "51": "51"}
        return {**{u: d for u, d in ALL_DISTRICTS.items() if u not in OLD}, "51": "51"}

    def unit_of(self, team_id: str, day: date) -> str | None:
        """The unit for which a team counts on a map, None where there is none."""
        unit_id = place_on(self.places, team_id, day)
        if unit_id in self.districts_on(day):
            return unit_id
        followers = [u for u, (_, before) in REFORM.items() if before == unit_id]
        return followers[0] if len(followers) == 1 and followers[0] in self.districts_on(day) else None

    def reached(self, member_id: str) -> int:
        """Distinct citizens of a person in the window."""
        return self._facts.citizens(self._facts.counting, self._campaign.campaign_id, member_id=member_id)

    def _people(self, members: set[str]) -> Numbers:
        reached = [self.reached(m) for m in members]
        return len(reached), sum(n > 0 for n in reached), sum(n >= self._campaign.quota for n in reached)

    def _of_team(self, team_id: str) -> set[str]:
        return {m for m, teams in self.people.items() if team_id in teams}

    def _teams(self, teams: list[str]) -> Numbers:
        met = [t for t in teams if (people := self._people(self._of_team(t)))[0] and people[0] == people[2]]
        return len(teams), len(met)

    def team(self, team_id: str) -> Numbers:
        """Members, those who started, who met, and the team's sessions."""
        return *self._people(self._of_team(team_id)), sum(g.team_id == team_id for g in self._live)

    def province(self) -> Numbers:
        """People and teams of the window."""
        return *self._people(set(self.people)), *self._teams(self.teams)

    def lines(self, day: date, level: str, within: str | None) -> tuple[dict[str, Numbers], dict[str, Numbers]]:
        """The units of a level, and the others that have something, each with its numbers; "" is nowhere."""
        districts = self.districts_on(day)
        key_of = {t: self._key(self.unit_of(t, day), districts, level) for t in self.places}
        listed = [u for u in districts if u[0] == level[0].upper() and within in (None, "51", u, districts[u])]
        used = {
            key_of[g.team_id] for g in self._facts.guidances.values() if g.campaign_id == self._campaign.campaign_id
        }
        used |= {key_of[t] for t in (*self.teams, *(t for teams in self.people.values() for t in teams))}
        rest = [
            k for k in used
            if (k == "" or k[0] != level[0].upper()) and (within in (None, "51") or (k and districts[k] == within))
        ]  # fmt: skip
        return {u: self._line(u, key_of) for u in listed}, {k: self._line(k, key_of) for k in rest}

    @staticmethod
    def _key(unit_id: str | None, districts: dict[str, str], level: str) -> str:
        if unit_id is None:
            return ""
        return districts[unit_id] if level == "district" else unit_id

    def _line(self, key: str, key_of: dict[str, str]) -> Numbers:
        here: list[CitizenGuided] = [g for g in self._live if key_of[g.team_id] == key]
        people = {m for m, teams in self.people.items() if key in {key_of[t] for t in teams}}
        met = self._teams([t for t in self.teams if key_of[t] == key])
        return *met, *self._people(people), len({g.citizen_ref for g in here}), len(here)
