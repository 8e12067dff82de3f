"""Who takes part in the simulation: teams and their members, the same for the same seed and the same units. Pure."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from functools import cache
from typing import Any, NamedTuple

from phongtrao import demo_names
from shared.auth import Caller, Role

LAUNCH = date(2023, 7, 28)
DEMO_UNIT = "21400"
"""Thị trấn Mộ Đức: the home of the personas."""

VILLAGES_SINCE = date(2022, 1, 1)
"""Before the first team was founded."""
VILLAGES: Mapping[str, tuple[str, ...]] = {
    DEMO_UNIT: ("Tổ dân phố 1", "Tổ dân phố 2", "Tổ dân phố 3", "Tổ dân phố 4"),
    "21424": ("Thôn An Phú 1", "Thôn An Phú 2", "Thôn Phước Hòa"),
    "21430": ("Thôn An Bình", "Thôn Phước Lộc"),
}
"""Made-up villages that are units themselves, by commune: thị trấn Mộ Đức, xã Đức Hòa, xã Đức Phú. No reform splits
these communes, so none asks where a village goes."""

_FROM_WHERE = ("tinh-doan", "hoi-lhpn", "hoi-nong-dan", "mttq", "hoi-cuu-chien-binh", "vnpt", "viettel", None)
_HOW_OFTEN = (30, 16, 12, 8, 5, 6, 6, 17)


class Unit(NamedTuple):
    """A unit as registry's public list gives it."""

    unit_id: str
    name: str
    kind: str
    level: str
    parent_id: str | None


class Member(NamedTuple):
    """A person on a team. `joined_on` and `left_on` are None for those who were there before and stay."""

    member_id: str
    full_name: str
    phone: str
    role: str
    organisation_id: str | None
    joined_on: date
    left_on: date | None


class Team(NamedTuple):
    """A team. `serial` numbers all teams of the plan; `drive` is how eager its people are, about 0.3 to 1."""

    team_id: str
    serial: int
    name: str
    level: str
    unit: Unit
    village: str | None
    district_id: str
    decision_number: str
    decision_date: date
    formed_on: date
    drive: float
    members: tuple[Member, ...]

    @property
    def leader(self) -> Member:
        """Its first member."""
        return self.members[0]

    @property
    def village_id(self) -> str | None:
        """Its village, where that is a unit."""
        return village_ids().get((self.unit.unit_id, self.village or ""))

    def body(self) -> dict[str, Any]:
        """What `POST /registry/teams` takes."""
        return {
            "team_id": self.team_id,
            "name": self.name,
            "level": self.level,
            "unit_id": self.unit.unit_id,
            "village": self.village,
            "village_id": self.village_id,
            "decision_number": self.decision_number,
            "decision_date": self.decision_date.isoformat(),
            "formed_on": self.formed_on.isoformat(),
        }


@cache
def village_ids() -> dict[tuple[str, str], str]:
    """Ids of the villages that are units, by commune and name."""
    return {(unit, name): f"{unit}-v{n}" for unit, names in VILLAGES.items() for n, name in enumerate(names, start=1)}


def village_bodies() -> list[dict[str, str]]:
    """What `POST /registry/villages` takes, for each of them."""
    return [
        {
            "village_id": village_id,
            "name": name,
            "kind": "residential_group" if name.startswith("Tổ dân phố") else "hamlet",
            "parent_id": unit_id,
            "valid_from": VILLAGES_SINCE.isoformat(),
        }
        for (unit_id, name), village_id in village_ids().items()
    ]


def made_id(seed: int, *parts: object) -> str:
    """A UUID that depends on nothing but its arguments: the same plan sends the same ids again."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"phongtrao:{seed}:" + ":".join(map(str, parts))))


def rng_of(seed: int, *parts: object) -> random.Random:
    """Chance of its own for each part of the plan, so that leaving one out does not change the others."""
    return random.Random(f"{seed}:" + ":".join(map(str, parts)))


def leader_of(team: Team) -> Caller:
    """The team's leader as a caller."""
    return Caller(f"leader-{team.team_id}", frozenset([Role.TEAM_LEADER]), (), team.leader.member_id, team.team_id)


def member_of(team: Team, member: Member) -> Caller:
    """A member as a caller."""
    return Caller(f"member-{member.member_id}", frozenset([Role.MEMBER]), (), member.member_id, team.team_id)


def teams(units: Iterable[Unit], seed: int) -> list[Team]:
    """A team for each district and each commune, and some of villages; the demo unit's commune team comes first."""
    by_id = {u.unit_id: u for u in units}
    drives = {u.unit_id: _drive(seed, u) for u in by_id.values() if u.level == "district"}
    places = sorted(_places(by_id, seed), key=lambda p: (p[0].unit_id != DEMO_UNIT, p[2] is not None, p[0].unit_id))
    return [
        _team(seed, serial, unit, level, village, drives[_district(unit)])
        for serial, (unit, level, village) in enumerate(places)
    ]


def some(plan: Sequence[Team], share: float, seed: int) -> list[Team]:
    """A share of the teams, at least one; the first of the plan is always among them."""
    count = max(1, round(len(plan) * share))
    rest = list(plan[1:])
    rng_of(seed, "share").shuffle(rest)
    return sorted([plan[0], *rest[: count - 1]], key=lambda t: t.serial)


def _district(unit: Unit) -> str:
    return unit.unit_id if unit.level == "district" else (unit.parent_id or "")


def _drive(seed: int, district: Unit) -> float:
    rng = rng_of(seed, "drive", district.unit_id)
    if district.unit_id in demo_names.MOUNTAIN_DISTRICTS:
        return rng.uniform(0.34, 0.62)
    return rng.uniform(0.58, 0.93)


def _places(units: Mapping[str, Unit], seed: int) -> Iterable[tuple[Unit, str, str | None]]:
    for unit in units.values():
        if unit.level == "district":
            yield unit, "district", None
        elif unit.level == "commune":
            yield unit, "commune", None
        if unit.level == "commune" or not any(u.parent_id == unit.unit_id for u in units.values()):
            yield from _villages(unit, seed)


def _villages(unit: Unit, seed: int) -> Iterable[tuple[Unit, str, str | None]]:
    rng = rng_of(seed, "villages", unit.unit_id)
    count = 2 if unit.unit_id == DEMO_UNIT else rng.choices((0, 1, 2), (80, 15, 5))[0]
    if unit.level == "district":
        count = 2  # a district without communes: its teams work in its villages
    for village in demo_names.village_names(unit.kind, count):
        yield unit, "village", village


def _team(seed: int, serial: int, unit: Unit, level: str, village: str | None, drive: float) -> Team:
    rng = rng_of(seed, "team", unit.unit_id, level, village)
    decided = date(2022, 6, 1) + timedelta(days=rng.randrange(390))
    formed = decided + timedelta(days=rng.randrange(1, 15))
    where = f"{village}, {unit.name}" if village else unit.name[:1].lower() + unit.name[1:]
    size = {"district": (6, 9), "commune": (4, 7), "village": (3, 5)}[level]
    team = Team(
        team_id=made_id(seed, "team", unit.unit_id, level, village),
        serial=serial,
        name=f"Tổ công nghệ số cộng đồng {where}",
        level=level,
        unit=unit,
        village=village,
        district_id=_district(unit),
        decision_number=f"{rng.randrange(40, 3200)}/QĐ-UBND",
        decision_date=decided,
        formed_on=formed,
        drive=min(max(drive + rng.gauss(0, 0.12), 0.12), 0.99),
        members=(),
    )
    mountain = _district(unit) in demo_names.MOUNTAIN_DISTRICTS
    return team._replace(members=tuple(_members(rng, seed, team, rng.randint(*size), mountain=mountain)))


def _members(rng: random.Random, seed: int, team: Team, count: int, *, mountain: bool) -> Iterable[Member]:
    newcomers = 1 if rng.random() < 0.12 else 0
    for number in range(count + newcomers):
        role = "leader" if number == 0 else "deputy" if number == 1 else "member"
        joined = min(team.formed_on + timedelta(days=rng.choice((0, 0, 0, 20, 90))), date(2023, 7, 20))
        left = LAUNCH + timedelta(days=rng.randrange(2, 6)) if number > 1 and rng.random() < 0.025 else None
        if number >= count:
            joined, left = LAUNCH + timedelta(days=rng.randrange(1, 4)), None
        yield Member(
            made_id(seed, "member", team.team_id, number),
            demo_names.person_name(rng, mountain=mountain),
            demo_names.phone_number(9_000_000 + team.serial * 20 + number),
            role,
            rng.choices(_FROM_WHERE, _HOW_OFTEN)[0],
            joined,
            left,
        )
