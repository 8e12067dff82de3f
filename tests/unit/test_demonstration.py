"""The demonstration's clock and what is remembered of it; no server is asked here."""

import asyncio
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from phongtrao import province
from phongtrao.client import Api
from phongtrao.demo_clock import AFTER_REFORMS, END, MORNING, DemoClock, Moment, load, save
from phongtrao.demonstration import Demonstration
from services.registry import editions
from shared.contracts.reform import Part
from shared.errors import Problem

SECOND = timedelta(seconds=1)


def nobody() -> Api:
    """An address at which nobody answers: asking it would never end."""
    return Api("http://127.0.0.1:9", lambda _: "")


def test_a_jump_goes_forward_only_and_on_at_the_pace_of_the_wall() -> None:
    clock = DemoClock(MORNING, 100_000)
    clock.go()
    clock.jump(AFTER_REFORMS)
    time.sleep(0.01)

    assert AFTER_REFORMS <= clock() < AFTER_REFORMS + SECOND
    for moment in (MORNING, AFTER_REFORMS):
        with pytest.raises(ValueError, match="is not after"):
            clock.jump(moment)


def test_a_clock_that_starts_after_the_campaign_does_not_race() -> None:
    clock = DemoClock(AFTER_REFORMS, 100_000)
    clock.go()
    time.sleep(0.01)

    assert AFTER_REFORMS <= clock() < AFTER_REFORMS + SECOND


def test_both_reforms_are_in_force_where_the_clock_goes() -> None:
    assert all(editions.decision(e).effective_on <= AFTER_REFORMS.date() for e in editions.bundled()[1:])
    assert END < AFTER_REFORMS


async def test_before_the_province_is_set_up_the_clock_stays(tmp_path: Path) -> None:
    demo = Demonstration(tmp_path / "clock.json", Moment(), 1000)

    with pytest.raises(Problem) as refused:
        await demo.jump()

    assert (refused.value.status, refused.value.slug) == (409, "being_set_up")
    assert (demo.clock(), demo.ready, demo.jumped) == (MORNING, False, False)
    assert not (tmp_path / "clock.json").exists()


async def test_a_folder_that_is_past_the_jump_has_nothing_left_to_play(tmp_path: Path) -> None:
    file, said = tmp_path / "clock.json", list[str]()
    save(file, Moment(AFTER_REFORMS, AFTER_REFORMS, ready=True))
    demo = Demonstration(file, Moment(), 100_000)

    async with nobody() as api, demo.noted(Counter(), said.append), asyncio.timeout(5):
        await demo.play(api, said.append)
        await demo.jump()

    assert "02/07/2025" in said[0]
    stands = load(file, Moment())
    assert AFTER_REFORMS < stands.now < AFTER_REFORMS + SECOND, "time went on, and is noted"
    assert stands.played == AFTER_REFORMS


def test_the_villages_lie_in_communes_that_no_reform_splits() -> None:
    communes = {u.unit_id for u in editions.units("2023") if u.level == "commune"}
    parts = {line.predecessor_id: line.part for e in editions.bundled()[1:] for line in editions.lineage(e)}
    bodies = province.village_bodies()

    assert {b["parent_id"] for b in bodies} <= communes
    assert bodies[0]["parent_id"] == province.DEMO_UNIT
    assert {parts[b["parent_id"]] for b in bodies} == {Part.WHOLE}
    assert len({b["village_id"] for b in bodies}) == len({b["name"] for b in bodies}) == len(bodies)


def test_a_team_of_such_a_village_is_formed_there() -> None:
    units = [province.Unit(u.unit_id, u.name, u.kind, u.level.value, u.parent_id) for u in editions.units("2023")]
    at = {t.body()["village_id"] for t in province.teams(units, 2023)} - {None}

    assert at == {"21400-v1", "21400-v2"}
