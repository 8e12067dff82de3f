"""The seven days as a schedule: whom each member guides when, and when the phone gets to send it. Pure.

Evenings are busy, some districts lag, some teams write on paper and type at night, phones without signal come late,
a few batches are sent twice, a few entries are withdrawn.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from phongtrao import demo_names
from phongtrao.actions import Action
from phongtrao.campaign import CAMPAIGN_ID, TOPIC_WEIGHTS, TOPICS
from phongtrao.province import LAUNCH, Member, Team, leader_of, made_id, member_of, rng_of
from shared.clock import start_of_day

DAYS = 7
_DAY_WEIGHTS = (10, 15, 17, 12, 12, 14, 20)
_HOURS = range(7, 22)
_HOUR_WEIGHTS = (4, 6, 8, 8, 5, 2, 3, 5, 7, 8, 7, 9, 16, 18, 10)
_FEWER = (0, 1, 2, 3, 4, 5, 6)
_FEWER_WEIGHTS = (6, 6, 8, 12, 16, 22, 30)
_MORE = (7, 8, 9, 10, 11, 12, 14)
_MORE_WEIGHTS = (44, 22, 13, 9, 6, 4, 2)
_PLACES = ("home", "village_house", "one_stop", "market", "school", "other")
_PLACE_WEIGHTS = (46, 22, 16, 9, 4, 3)
_REASONS = ("duplicate", "wrong_citizen", "did_not_happen", "entered_by_mistake")
_REASON_WEIGHTS = (45, 20, 8, 27)


class Session(NamedTuple):
    """One guidance: what the phone holds, and when it reaches the server."""

    member: Member
    happened: datetime
    sent: datetime
    item: dict[str, Any]


def actions(team: Team, seed: int) -> list[Action]:
    """Everything that a team does in the campaign, by time."""
    rng = rng_of(seed, "guiding", team.team_id)
    sessions = sorted(_sessions(team, seed, rng), key=lambda s: (s.sent, s.item["guidance_id"]))
    done = [*_changes(team, seed), *_batches(team, sessions, rng), *_withdrawals(team, sessions, rng)]
    return sorted(done, key=lambda a: a.at)


def join_body(member: Member) -> dict[str, Any]:
    """What `POST /registry/teams/{team_id}/members` takes."""
    return {
        "member_id": member.member_id,
        "full_name": member.full_name,
        "phone": member.phone,
        "role": member.role,
        "organisation_id": member.organisation_id,
        "joined_on": member.joined_on.isoformat(),
    }


def _changes(team: Team, seed: int) -> Iterable[Action]:
    """Members who join or leave while the campaign runs."""
    leader = leader_of(team)
    for member in team.members:
        if member.joined_on > LAUNCH:
            at = start_of_day(member.joined_on) + timedelta(hours=7, minutes=30)
            yield Action(at, team.team_id, f"/registry/teams/{team.team_id}/members", join_body(member), leader)
        if member.left_on is not None:
            at = start_of_day(member.left_on) + timedelta(hours=17, minutes=30)
            body = {"left_on": member.left_on.isoformat(), "reason": "new_duty"}
            path = f"/registry/members/{member.member_id}/leave"
            yield Action(at, team.team_id, path, body, leader, made_id(seed, "leave", member.member_id))


def _sessions(team: Team, seed: int, rng: random.Random) -> Iterable[Session]:
    citizens: list[dict[str, Any]] = []
    evenings = team.level == "village" or rng.random() < 0.2  # written on paper, typed by the leader at night
    far = team.district_id in demo_names.MOUNTAIN_DISTRICTS
    for member in team.members:
        for number, happened in enumerate(_moments(rng, team, member)):
            citizen = _citizen(rng, team, len(citizens))
            if citizens and rng.random() < 0.03:
                citizen = rng.choice(citizens)
            citizens.append(citizen)
            item = {
                "guidance_id": made_id(seed, "guidance", member.member_id, number),
                "member_id": member.member_id,
                "occurred_at": happened.isoformat(),
                "citizen": citizen,
                "topics": _topics(rng),
                "place": rng.choices(_PLACES, _PLACE_WEIGHTS)[0],
            }
            yield Session(member, happened, _when_sent(rng, happened, evenings=evenings, far=far), item)


def _moments(rng: random.Random, team: Team, member: Member) -> list[datetime]:
    """When a member guides someone: in the window, and for a few also in the days after it."""
    first, last = max(LAUNCH, member.joined_on), member.left_on or date.max
    days = [d for d in (LAUNCH + timedelta(days=n) for n in range(DAYS)) if first <= d <= last]
    if not days:
        return []
    weights = [_DAY_WEIGHTS[(d - LAUNCH).days] for d in days]
    eager = rng.random() < team.drive and member.left_on is None
    count = rng.choices(_MORE, _MORE_WEIGHTS)[0] if eager else rng.choices(_FEWER, _FEWER_WEIGHTS)[0]
    chosen = rng.choices(days, weights, k=count)
    if member.left_on is None and rng.random() < 0.06:
        chosen += [LAUNCH + timedelta(days=DAYS + rng.randrange(6)) for _ in range(rng.randint(1, 3))]
    return sorted(_moment(rng, day) for day in chosen)


def _moment(rng: random.Random, day: date) -> datetime:
    hour = rng.choices(_HOURS, _HOUR_WEIGHTS)[0]
    if day == LAUNCH:
        hour = max(hour, 8)  # the ceremony is over
    return start_of_day(day) + timedelta(hours=hour, minutes=rng.randrange(60), seconds=rng.randrange(60))


def _when_sent(rng: random.Random, happened: datetime, *, evenings: bool, far: bool) -> datetime:
    """At once, at night, at the next place with a signal, or days later."""
    midnight = happened.replace(hour=0, minute=0, second=0)
    at_once = happened + timedelta(minutes=rng.uniform(1, 12))
    tonight = midnight + timedelta(hours=20, minutes=rng.choice((0, 30, 60, 75, 90, 120)))
    tomorrow = midnight + timedelta(days=1, hours=rng.uniform(6.5, 9))
    in_days = midnight + timedelta(days=rng.randrange(2, 10), hours=rng.uniform(8, 20))
    weights = (10, 50, 26, 14) if far else (8, 84, 6, 2) if evenings else (62, 29, 7, 2)
    return max(rng.choices((at_once, tonight, tomorrow, in_days), weights)[0], at_once)


def _citizen(rng: random.Random, team: Team, number: int) -> dict[str, Any]:
    if rng.random() < 0.82:
        return {"phone": demo_names.phone_number(team.serial * 1000 + number)}
    village = team.village or demo_names.village_name(rng, team.unit.kind)
    return {"name": demo_names.person_name(rng), "birth_year": rng.randrange(1938, 2008), "village": village}


def _topics(rng: random.Random) -> list[str]:
    codes = [code for code, _, _ in TOPICS]
    count = rng.choices((1, 2, 3), (55, 33, 12))[0]
    return sorted(set(rng.choices(codes, TOPIC_WEIGHTS, k=count)))


def _batches(team: Team, sessions: list[Session], rng: random.Random) -> Iterable[Action]:
    """What one person sends at one moment is one batch; one in thirty is sent again, as a phone in doubt does."""
    typed_by_leader = team.level == "village"
    groups: dict[tuple[str, datetime], list[Session]] = defaultdict(list)
    for session in sessions:
        sender = team.leader.member_id if typed_by_leader else session.member.member_id
        groups[sender, session.sent].append(session)
    for (_, sent), group in groups.items():
        caller = leader_of(team) if typed_by_leader else member_of(team, group[0].member)
        body = {"campaign_id": CAMPAIGN_ID, "items": [s.item for s in group]}
        batch = Action(sent, team.team_id, "/outreach/guidances", body, caller)
        yield batch
        if rng.random() < 0.033:
            yield batch._replace(at=sent + timedelta(minutes=rng.uniform(1, 40)))


def _withdrawals(team: Team, sessions: list[Session], rng: random.Random) -> Iterable[Action]:
    for session in sessions:
        if rng.random() < 0.011:
            at = session.sent + timedelta(hours=rng.uniform(0.2, 20))
            body = {"reason": rng.choices(_REASONS, _REASON_WEIGHTS)[0], "note": None}
            path = f"/outreach/guidances/{session.item['guidance_id']}/withdraw"
            yield Action(at, team.team_id, path, body, leader_of(team))
