"""What the services keep of registry is the same for any cut into batches, with no more loaded than needs name."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.courses.on_registry import PROJECTION as COURSES
from services.outreach.on_registry import roster
from services.reporting.projections.places import places
from shared.contracts import Event, Recorded
from shared.contracts.reform import Level
from shared.contracts.registry import (
    HeadcountDeclared,
    OrganisationChanged,
    OrganisationDissolved,
    OrganisationRegistered,
    UnitCorrected,
    UnitEstablished,
)
from shared.projection import Projection, fold_all
from tests.support.folding import in_batches
from tests.support.histories import batches, histories

AT = datetime(2025, 8, 1, tzinfo=UTC)
FOLLOWERS = (roster, COURSES, places)


@st.composite
def organisations(draw: st.DrawFn) -> list[Event]:
    """Two organisations, each registered first, then changed, counted and ended in any way."""
    told: list[Event] = []
    for number in ("1", "2"):
        told.append(
            OrganisationRegistered(occurred_at=AT, organisation_id=number, name="Sở", sector="department", headcount=9)
        )
        for step, day in draw(st.lists(st.tuples(st.sampled_from("cdh"), st.integers(1, 9)), max_size=4)):
            on = date(2025, 1, 1) + timedelta(days=day)
            told.append(_organisation(step, number, on))
    return told


def _organisation(step: str, number: str, on: date) -> Event:
    if step == "c":
        return OrganisationChanged(
            occurred_at=AT, organisation_id=number, name=f"Sở {on.day}", sector="union", effective_on=on
        )
    if step == "d":
        return OrganisationDissolved(occurred_at=AT, organisation_id=number, last_day=on, successor_id="x")
    return HeadcountDeclared(occurred_at=AT, organisation_id=number, valid_from=on, headcount=on.day)


@st.composite
def registries(draw: st.DrawFn) -> list[Recorded]:
    """A log of registry: units, teams, people and a reform, one unit corrected, some organisations."""
    log = [r.event for r in draw(histories(guidances=(0, 0), attempts=(0, 0))).registry]
    first = draw(st.sampled_from([e for e in log if isinstance(e, UnitEstablished) and e.level is Level.COMMUNE]))
    if draw(st.booleans()):
        log.append(
            UnitCorrected(
                occurred_at=AT, unit_id=first.unit_id, since=first.valid_from, code=first.code, name="Xã Khác",
                kind=first.kind, level=first.level, parent_id=first.parent_id, district_id=first.district_id,
                commune_id=first.commune_id,
            )
        )  # fmt: skip
    log += draw(organisations())
    return [Recorded("registry", pos, f"e{pos}", AT, event) for pos, event in enumerate(log, 1)]


@pytest.mark.parametrize("projection", FOLLOWERS, ids=lambda p: p.name)
@given(st.data())
@settings(max_examples=40, deadline=None)
def test_any_cut_gives_the_same_rows_with_no_more_loaded_than_needs_name(
    projection: Projection, data: st.DataObject
) -> None:
    log = data.draw(registries())
    whole = fold_all(projection, log)
    assert in_batches(projection, data.draw(batches(log))) == whole
    assert in_batches(projection, [[record] for record in log]) == whole


def test_these_histories_reach_every_fold() -> None:
    """Otherwise the test above would say little."""
    seen: set[type[Event]] = set()

    @given(registries())
    @settings(max_examples=60, deadline=None, database=None, derandomize=True)
    def look(log: list[Recorded]) -> None:
        seen.update(type(record.event) for record in log)

    look()
    assert {event for projection in FOLLOWERS for event in projection.reactions} <= seen
