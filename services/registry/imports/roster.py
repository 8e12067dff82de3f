"""What the lines of teams and members would do: found teams, let people join, change roles and leave. Pure.

The rules are those of the commands (`team`, `membership`); here they are applied line by line to what is on record and
what earlier lines did. A line does all that it says or nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

from services.registry import membership, team
from services.registry.imports.line import Outcome, Read, Remark, Verdict, from_problem, note, wrong
from services.registry.imports.organisation_names import Organisations
from services.registry.imports.persons import Identified, Persons
from services.registry.imports.scope import Scope
from services.registry.imports.team_lines import TeamLine
from services.registry.membership import Membership, RoleSince
from services.registry.person import Person
from services.registry.site import Site
from services.registry.team import Founding, NameSince, TeamHistory, TeamPlace
from shared.contracts import Event
from shared.contracts.registry import LeaveReason, Role
from shared.errors import Problem

FIELDS = {
    "name": "team_name", "unit_id": "unit", "village_id": "village", "organisation_id": "organisation",
    "effective_on": "role_since", "member_id": "full_name", "team_id": "team_name",
}  # fmt: skip
"""Which column a field of the rules is."""


class Changes(NamedTuple):
    """What is to be written, all of it or what a line adds."""

    teams: list[team.Team]
    places: list[TeamPlace]
    """Where new teams went by reforms since they were formed."""
    joined: list[Membership]
    roles: list[tuple[Membership, RoleSince]]
    left: list[Membership]
    people: list[Person]
    events: list[Event]

    def add(self, more: Changes) -> None:
        """Takes over what a line does."""
        for mine, theirs in zip(self, more, strict=True):
            mine.extend(theirs)  # type: ignore[attr-defined]


def nothing() -> Changes:
    """No change."""
    return Changes([], [], [], [], [], [], [])


class _Refused(Exception):
    """The line is not written; why."""

    def __init__(self, remarks: Iterable[Remark]) -> None:
        super().__init__()
        self.remarks = tuple(remarks)


class Roster:
    """One team with its people, line by line."""

    def __init__(
        self, team_id: str, history: TeamHistory | None, there: Iterable[Membership], persons: Persons, scope: Scope
    ) -> None:
        self._team_id, self._history, self._persons, self._scope = team_id, history, persons, scope
        self._places = {m[:3]: m for m in there}
        self._lines: dict[tuple[str, date], int] = {}
        self._founded_by = 0

    def apply(self, lines: Sequence[TeamLine], organisations: Organisations, changes: Changes) -> list[Verdict]:
        """What each line of the team does, in an order in which they fit: who leaves before who leads."""
        verdicts = []
        for line in sorted(lines, key=self._order):
            before = dict(self._places), self._history, self._founded_by
            try:
                done, remarks = self._line(line, organisations)
            except _Refused as refused:
                self._places, self._history, self._founded_by = before
                found = (*line.read.remarks, *line.remarks, *refused.remarks)
                verdicts.append(Verdict(line.read.line.number, Outcome.REFUSED, found))
                continue
            changes.add(done)
            said = (*line.read.remarks, *line.remarks, *remarks)
            verdicts.append(Verdict(line.read.line.number, _outcome(done), said))
        return verdicts

    def _order(self, line: TeamLine) -> tuple[bool, date, int]:
        read = line.read
        ends = read.get("left_on") or read.get("role") is not Role.LEADER
        since = read.get("role_since") or read.get("joined_on") or read.get("formed_on")
        return (not (read.get("full_name") and ends), since, read.line.number)

    def _line(self, line: TeamLine, organisations: Organisations) -> tuple[Changes, list[Remark]]:
        done, remarks = nothing(), list[Remark]()
        if self._history is None:
            done.add(self._form(line))
        elif self._founded_by:
            self._must_agree(line.read)
        if line.read.get("full_name") is None:
            _nothing_without_name(line.read)
        else:
            day = line.read.get("joined_on") or line.read.get("formed_on")
            found = organisations.resolve(line.read, "organisation", day, self._scope)
            if isinstance(found, Remark):
                raise _Refused([found])
            remarks += self._member(line.read, found, done)
        return done, remarks

    # -- the team -----------------------------------------------------------------------------------------------------

    def _form(self, line: TeamLine) -> Changes:
        read, site = line.read, line.site
        assert site is not None, "a team that is not on record has a site"
        founding = Founding(
            self._team_id, read.get("team_name"), read.get("level"), _village_name(read, site),
            read.get("decision_number"), read.get("decision_date"), read.get("formed_on"),
        )  # fmt: skip
        try:
            formed, event = team.form(site, founding, self._scope.now)
        except Problem as problem:
            raise _Refused(from_problem(problem, FIELDS)) from problem
        first = team.first_place(formed)
        further = team.follow(site, first)
        places = [place for place, _ in further]
        ended = first._replace(valid_to=places[0].valid_from) if places else first
        self._history = TeamHistory(formed, (ended, *places), (NameSince(formed.formed_on, formed.name),))
        self._founded_by = read.line.number
        return nothing()._replace(teams=[formed], places=places, events=[event, *(moved for _, moved in further)])

    def _must_agree(self, read: Read) -> None:
        """A team is founded by its first good line; the others say the same of it."""
        assert self._history is not None
        formed = self._history.team
        differing = [
            wrong(
                column, f"khác dòng {self._founded_by}, cùng một tổ", f"not as in row {self._founded_by}, the same team"
            )
            for column, value in (("decision_number", formed.decision_number), ("decision_date", formed.decision_date))
            if read.get(column) != value
        ]
        if differing:
            raise _Refused(differing)

    # -- the member ---------------------------------------------------------------------------------------------------

    def _member(self, read: Read, organisation_id: str | None, done: Changes) -> list[Remark]:
        found = self._persons.identify(self._team_id, read)
        if not isinstance(found, Identified):
            raise _Refused(found)
        place = self._place(read, found.member_id)
        day = place.joined_on if place else self._joined_on(read)
        if earlier := self._lines.get((found.member_id, day)):
            raise _Refused([wrong("full_name", f"trùng với dòng {earlier}", f"the same as row {earlier}")])
        remarks: list[Remark] = []
        try:
            if place is None:
                self._join(read, found.member_id, organisation_id, done)
            else:
                remarks = self._update(read, place, organisation_id, done)
        except Problem as problem:
            raise _Refused(from_problem(problem, FIELDS)) from problem
        self._lines[found.member_id, day] = read.line.number
        if found.write:
            done.people.append(found.write)
        return remarks

    def _joined_on(self, read: Read) -> date:
        """An empty joining day means the founding day, as founding decisions list the first members."""
        assert self._history is not None
        day: date = read.get("joined_on") or self._history.team.formed_on
        return day

    def _place(self, read: Read, member_id: str) -> Membership | None:
        """The place on record that a line is about; None where the line says that the person comes (again)."""
        own = [m for m in self._places.values() if m.member_id == member_id]
        joined_on = read.get("joined_on")
        same = [m for m in own if m.joined_on == (joined_on or self._joined_on(read))]
        if same or not own:
            return same[0] if same else None
        last = max(own, key=lambda m: m.joined_on)
        if joined_on is None:
            return last
        if last.left_on is not None and joined_on > last.left_on:
            return None
        raise _Refused([wrong("joined_on", f"trong sổ là {last.joined_on:%d/%m/%Y}", f"on record is {last.joined_on}")])

    def _join(self, read: Read, member_id: str, organisation_id: str | None, done: Changes) -> None:
        assert self._history is not None
        role, since, day = read.get("role") or Role.MEMBER, read.get("role_since"), self._joined_on(read)
        later = since is not None and since != day and role is not Role.MEMBER
        place = membership.new(member_id, self._team_id, Role.MEMBER if later else role, organisation_id, day)
        done.events.append(membership.join(self._history, self._places.values(), place, self._scope.now))
        self._places[place[:3]] = place
        if later:
            place = self._change_role(place, RoleSince(since, role), done)
        if read.get("left_on"):
            place = self._leave(read, place, done)
        done.joined.append(place)

    def _update(self, read: Read, place: Membership, organisation_id: str | None, done: Changes) -> list[Remark]:
        """What a line says of a place on record. An empty cell says nothing."""
        if organisation_id and organisation_id != place.organisation_id:
            raise _Refused([_recorded("organisation", place.organisation_id or "–")])
        role = read.get("role")
        if role and role is not place.role:
            place = self._change_role(place, RoleSince(_role_since(read), role), done)
            done.roles.append((place, place.roles[-1]))
        left_on = read.get("left_on")
        if left_on and place.left_on is None:
            done.left.append(self._leave(read, place, done))
        elif left_on and left_on != place.left_on:
            raise _Refused([_recorded("left_on", f"{place.left_on:%d/%m/%Y}")])
        elif place.left_on and not left_on:
            return [
                note(
                    "left_on",
                    f"trong sổ đã rời tổ ngày {place.left_on:%d/%m/%Y}",
                    f"on record as left on {place.left_on}",
                )
            ]
        return []

    def _change_role(self, place: Membership, role: RoleSince, done: Changes) -> Membership:
        assert self._history is not None
        changed, event = membership.change_role(self._history, self._places.values(), place, role, self._scope.now)
        done.events.append(event)
        self._places[changed[:3]] = changed
        return changed

    def _leave(self, read: Read, place: Membership, done: Changes) -> Membership:
        assert self._history is not None
        reason = read.get("leave_reason") or LeaveReason.OTHER
        left, event = membership.leave(self._history, place, read.get("left_on"), reason, self._scope.now)
        done.events.append(event)
        self._places[left[:3]] = left
        return left


def _outcome(done: Changes) -> Outcome:
    if done.teams or done.joined:
        return Outcome.NEW
    return Outcome.CHANGED if any(done) else Outcome.UNCHANGED


def _village_name(read: Read, site: Site) -> str | None:
    name: str | None = site.village.name if site.village else read.get("village")
    return name


def _role_since(read: Read) -> date:
    day: date | None = read.get("role_since")
    if day is None:
        vi, en = "vai trò khác với trong sổ: hãy ghi «Giữ vai trò từ ngày»", "the role is not the one on record: give"
        raise _Refused([wrong("role_since", vi, f"{en} «Role since»")])
    return day


def _recorded(column: str, value: str) -> Remark:
    return wrong(
        column,
        f"trong sổ là «{value}»; hãy sửa ở trang của tổ, tệp tải lên không sửa",
        f"on record is «{value}»; correct it on the team's page, a file does not",
    )


def _nothing_without_name(read: Read) -> None:
    given = [c for c in ("phone", "role", "joined_on", "left_on", "organisation", "member_id") if read.get(c)]
    if given:
        raise _Refused([wrong("full_name", "thiếu «Họ và tên»", "«Full name» is missing")])
