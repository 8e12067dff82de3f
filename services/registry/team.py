"""Rules of teams: what a founding needs, what a team is called and where it is on any day. Pure: state and wishes in,
events out."""

from __future__ import annotations

from datetime import date, datetime
from itertools import pairwise
from typing import NamedTuple

from services.registry.site import Site, level_at, must_take
from shared import errors
from shared.clock import local_day, start_of_day
from shared.contracts.reform import EndReason, Level, MoveReason
from shared.contracts.registry import TeamFormed, TeamReassigned, TeamRenamed

FOUNDING = "founding"
"""Why a team is at its first place."""


class Team(NamedTuple):
    """A team as it is, or was at last. `TeamHistory` knows it on any day."""

    team_id: str
    name: str
    level: Level
    unit_id: str
    village: str | None
    district_id: str | None
    commune_id: str | None
    decision_number: str
    decision_date: date
    formed_on: date
    village_id: str | None = None
    disbanded_on: date | None = None
    """The last day; None while there is the team."""
    end_reason: EndReason | None = None
    into_team_id: str | None = None
    """The team that it was merged into."""

    @property
    def path(self) -> tuple[str | None, ...]:
        """Ids of its unit and of everything above it that is known here."""
        return (self.unit_id, self.commune_id, self.district_id)

    def there_on(self, day: date) -> bool:
        """Whether there is the team on that day."""
        return self.formed_on <= day and (self.disbanded_on is None or day <= self.disbanded_on)


class TeamPlace(NamedTuple):
    """Where a team is from a day on, as it is known now."""

    team_id: str
    valid_from: date
    valid_to: date | None
    """The first day at another place; None while it is there."""
    unit_id: str
    level: Level
    village: str | None
    village_id: str | None
    district_id: str | None
    commune_id: str | None
    reason: str
    """`founding`, or a MoveReason."""
    reform_id: str | None = None

    @property
    def path(self) -> tuple[str | None, ...]:
        """Ids of the unit and of everything above it that is known here."""
        return (self.unit_id, self.commune_id, self.district_id)

    @property
    def where(self) -> tuple[str | None, ...]:
        """What makes one place another than the next."""
        return (self.unit_id, self.level, self.village, self.village_id, self.district_id, self.commune_id)

    def holds_on(self, day: date) -> bool:
        """Whether the team is there on that day."""
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)


class NameSince(NamedTuple):
    """A team's name, and the first day on which it has it."""

    valid_from: date
    name: str


class TeamHistory(NamedTuple):
    """A team with all its places and names, by day."""

    team: Team
    places: tuple[TeamPlace, ...]
    names: tuple[NameSince, ...]

    def place_on(self, day: date) -> TeamPlace:
        """Where it is on a day; of a day before the founding, its first place."""
        return next((p for p in reversed(self.places) if p.valid_from <= day), self.places[0])

    @property
    def moves(self) -> list[tuple[TeamPlace, TeamPlace]]:
        """Each place with the next one, where that is another: not where a reform was taken back that had moved it."""
        return [(before, after) for before, after in pairwise(self.places) if before.where != after.where]

    def name_on(self, day: date) -> str:
        """What it is called on a day; before the founding, its first name."""
        return next((n.name for n in reversed(self.names) if n.valid_from <= day), self.names[0].name)


class Founding(NamedTuple):
    """What a founding decision says."""

    team_id: str
    name: str
    level: Level
    village: str | None
    decision_number: str
    decision_date: date
    formed_on: date


class Transfer(NamedTuple):
    """What a decision says that puts a team somewhere else."""

    level: Level
    village: str | None
    effective_on: date


def form(site: Site, founding: Founding, now: datetime) -> tuple[Team, TeamFormed]:
    """A new team at a site as it is on the founding day."""
    village = must_take(site, founding.level, founding.village)
    if founding.decision_date > founding.formed_on:
        raise errors.invalid(
            "decision_after_founding",
            "decision_date",
            "Ngày quyết định phải trước hoặc đúng ngày lập tổ.",
            "The decision must not be dated after the founding day.",
        )
    not_in_future("formed_on", founding.formed_on, now)
    team = Team(
        founding.team_id, founding.name, founding.level, site.unit.unit_id, village, site.unit.district_id,
        site.unit.commune_id, founding.decision_number, founding.decision_date, founding.formed_on, site.village_id,
    )  # fmt: skip
    return team, TeamFormed(occurred_at=start_of_day(team.formed_on), **team._asdict())


def first_place(team: Team) -> TeamPlace:
    """Where a team is that was just formed."""
    return TeamPlace(
        team.team_id, team.formed_on, None, team.unit_id, team.level, team.village, team.village_id, team.district_id,
        team.commune_id, FOUNDING,
    )  # fmt: skip


def follow(site: Site, first: TeamPlace) -> list[tuple[TeamPlace, TeamReassigned]]:
    """Where a team goes from a place at a site, by reforms that took effect before it was recorded."""
    found: list[tuple[TeamPlace, TeamReassigned]] = []
    place = first
    for later in site.later:
        village = later.village.name if later.village else place.village
        after = TeamPlace(
            place.team_id, later.anchor.valid_from, None, later.unit.unit_id, level_at(place.level, later.unit),
            village, later.village_id, later.unit.district_id, later.unit.commune_id, MoveReason.REFORM,
        )  # fmt: skip
        if after.where != place.where:
            found.append((after, reassigned(place, after)))
            place = after
    ends = [*(after.valid_from for after, _ in found[1:]), None]
    return [(after._replace(valid_to=end), event) for (after, event), end in zip(found, ends, strict=False)]


def rename(history: TeamHistory, name: str, effective_on: date, now: datetime) -> tuple[NameSince, TeamRenamed]:
    """Another name from a day on; from the day of the last one on, it stands in its place."""
    must_be_there(history.team, effective_on, "effective_on", now)
    last = history.names[-1]
    _not_before_newer(last.valid_from, effective_on, f"«{last.name}»")
    if name == last.name:
        raise errors.conflict(
            "same_name", "name", f"Tổ đang mang tên «{name}».", f"The team is called «{name}» already."
        )
    where = history.place_on(effective_on)
    return NameSince(effective_on, name), TeamRenamed(
        occurred_at=start_of_day(effective_on),
        team_id=history.team.team_id,
        name=name,
        district_id=where.district_id,
        commune_id=where.commune_id,
        effective_on=effective_on,
    )


def move(history: TeamHistory, site: Site, transfer: Transfer, now: datetime) -> tuple[TeamPlace, TeamReassigned]:
    """A team, with its members, is at another site from a day on; from the day of its last place on, instead of it."""
    must_be_there(history.team, transfer.effective_on, "effective_on", now)
    last = history.places[-1]
    _not_before_newer(last.valid_from, transfer.effective_on, f"{last.unit_id}")
    village = must_take(site, transfer.level, transfer.village)
    place = TeamPlace(
        last.team_id, transfer.effective_on, None, site.unit.unit_id, transfer.level, village, site.village_id,
        site.unit.district_id, site.unit.commune_id, MoveReason.TRANSFER,
    )  # fmt: skip
    if place.where == last.where:
        raise errors.conflict(
            "same_place", "unit_id", f"Tổ đang ở «{site.unit.name}».", f"The team is at «{site.unit.name}» already."
        )
    return place, reassigned(last, place)


def reassigned(before: TeamPlace, after: TeamPlace) -> TeamReassigned:
    """That a team is at another place from its first day there on."""
    return TeamReassigned(
        occurred_at=start_of_day(after.valid_from),
        from_unit_id=before.unit_id,
        since=before.valid_from,
        effective_on=after.valid_from,
        **{k: v for k, v in after._asdict().items() if k not in ("valid_from", "valid_to")},
    )


def must_be_there(team: Team, day: date, field: str, now: datetime) -> None:
    """Refuses a day in the future, before a team's founding, or anything of a team that has ended."""
    not_in_future(field, day, now)
    if day < team.formed_on:
        raise errors.invalid(
            "before_team",
            field,
            f"Tổ được lập ngày {team.formed_on:%d/%m/%Y}; ngày này phải từ ngày đó.",
            f"The team was formed on {team.formed_on}; this must be on or after that day.",
        )
    if team.disbanded_on is not None:
        raise errors.conflict(
            "team_disbanded",
            field,
            f"Tổ đã giải thể; ngày hoạt động cuối là {team.disbanded_on:%d/%m/%Y}.",
            f"The team was disbanded; its last day was {team.disbanded_on}.",
        )


def not_in_future(field: str, day: date, now: datetime) -> None:
    """Refuses a day after today."""
    today = local_day(now)
    if day > today:
        raise errors.invalid(
            "in_the_future",
            field,
            f"Ngày {day:%d/%m/%Y} ở tương lai; hôm nay là {today:%d/%m/%Y}.",
            f"{day} lies in the future; today is {today}.",
        )


def _not_before_newer(since: date, day: date, what: str) -> None:
    if day < since:
        raise errors.conflict(
            "newer_on_record",
            "effective_on",
            f"Đã ghi {what} từ ngày {since:%d/%m/%Y}; thay đổi mới phải từ ngày đó trở đi.",
            f"{what} is on record from {since} on; a further change must be on or after that day.",
        )
