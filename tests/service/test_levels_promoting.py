"""A unit becomes another kind of the province's own, on pages and over HTTP: the kind says the level."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from shared.contracts.registry import UnitsReorganised
from tests.service.deep import GROUP, HAMLET, HAMLET_2, LANE, NAMES, QUARTER, deep_world
from tests.service.reforms import TRA_BUI, V1, World, made_of, plan, unit
from tests.service.test_levels import tree
from tests.service.test_registry_pages_promoting import opened
from tests.service.test_registry_pages_reforms import DRAFT, KIND, NAME, hidden
from tests.support.pages import goes, text_of
from tests.support.servers import Nats, Postgres
from tests.support.stack import nats_config
from tests.support.world import ok, refused

PARENT = "plan.successors.0.unit.parent_id"
DISTRICT = "525"


@pytest.fixture
async def here(postgres: Postgres, fresh_nats: Callable[..., Awaitable[Nats]]) -> AsyncIterator[World]:
    async with deep_world(postgres, await fresh_nats(nats_config())) as made:
        yield made


async def told(here: World, reform_id: str) -> UnitsReorganised:
    [event] = [e for e in await here.running.log("registry", UnitsReorganised) if e.key() == reform_id]
    assert isinstance(event, UnitsReorganised)
    return event


async def test_a_group_becomes_a_hamlet_on_a_page_and_what_lies_in_it_stays(here: World) -> None:
    path = f"{DRAFT}?what=promote&within={TRA_BUI}&level=village&unit={GROUP}"
    html = (await here.officer.get(path)).text
    kinds = html[html.index(f'id="{KIND}"') : html.index("</select>", html.index(f'id="{KIND}"'))]
    assert all(f'value="{k}"' in kinds for k in ("quarter", "hamlet", "residential_group", "lane"))
    assert not any(f'value="{k}"' in kinds for k in ("household_group", "commune", "district"))
    assert "Khu phố" in kinds, "the province's own words"
    parents = html[html.index(f'id="{PARENT}"') : html.index("</select>", html.index(f'id="{PARENT}"'))]
    assert [f'value="{i}"' in parents for i in (TRA_BUI, QUARTER, HAMLET_2, GROUP, "51")] == [True] * 3 + [False] * 2
    sent = await opened(here.officer, path) | {KIND: "hamlet", "plan.effective_on": "01/03/2025"}
    below = await here.officer.post(path, data=sent | {PARENT: HAMLET})
    assert "Thuộc: «Thôn 1» (village) không thể thuộc «Thôn Thượng» (village)" in text_of(below, 422)
    preview = await here.officer.post(path, data=sent | {PARENT: QUARTER})
    assert "Thôn 1 từ Tổ liên gia 1" in text_of(preview), "the own name stays, the word in front changes"
    done = await here.officer.post(path, data=hidden(preview.text) | {"step": "execute"})
    goes(done, to=f"/so/sap-xep/{sent['plan.reform_id']}?done=1")
    assert {i: p for i, p in (await tree(here)).items() if i in (GROUP, LANE)} == {
        GROUP: (QUARTER, TRA_BUI), LANE: (GROUP, TRA_BUI),
    }  # fmt: skip
    found = await ok(here.officer.get(f"/registry/units/{GROUP}"))
    assert (found["name"], found["kind"], found["level_id"]) == ("Thôn 1", "hamlet", "village")
    [line] = (await told(here, sent["plan.reform_id"])).transitions
    assert (line.successor_id, line.how) == (GROUP, "promoted")


@pytest.mark.parametrize(
    ("kind", "name", "how"),
    [("quarter", "Khu phố 1", "promoted"), ("village", "Làng 1", "promoted"), ("hamlet", "Thôn Một", "renamed")],
)
async def test_another_level_or_kind_is_a_promotion_and_another_name_alone_is_none(
    here: World, kind: str, name: str, how: str
) -> None:
    await here.execute(plan=plan("r-1", made_of(unit(V1, name, kind, TRA_BUI, level="village"), V1)))
    event = await told(here, "r-1")
    assert [(t.successor_id, t.how) for t in event.transitions] == [(V1, how)]
    [changed] = [c.unit for c in event.changes]
    assert (changed.level, changed.level_id) == ("village", "quarter" if kind == "quarter" else None)


async def test_a_kind_of_commune_of_the_provinces_own_is_offered_and_named_by_its_word(here: World) -> None:
    kind = {"kind_id": "special_ward", "level_id": "commune", "word_vi": "Phường đặc biệt", "word_en": "special ward"}
    await ok(here.officer.post("/registry/kinds", json=kind), 201)
    as_ward = plan("r-1", made_of(unit(TRA_BUI, "Phường Trà Bùi", "special_ward", DISTRICT), TRA_BUI))
    answer = await here.officer.post("/registry/reforms/preview", json={"plan": as_ward})
    problem = refused(answer, 422, "name_without_kind", "plan.successors.0.unit.name")
    assert "«Phường đặc biệt »" in problem["detail"]
    path = f"{DRAFT}?what=promote&within={DISTRICT}&level=commune&unit={TRA_BUI}"
    sent = await opened(here.officer, path) | {KIND: "special_ward", PARENT: DISTRICT}
    assert sent[NAME] == ""
    preview = await here.officer.post(path, data=sent)
    assert "Phường đặc biệt Trà Bùi từ Xã Trà Bùi" in text_of(preview)
    goes(await here.officer.post(path, data=hidden(preview.text) | {"step": "execute"}),
         to=f"/so/sap-xep/{sent['plan.reform_id']}?done=1")  # fmt: skip
    found = await ok(here.officer.get(f"/registry/units/{TRA_BUI}"))
    assert (found["name"], found["kind"], found["level"]) == ("Phường đặc biệt Trà Bùi", "special_ward", "commune")
    assert NAMES[QUARTER] in text_of(await here.officer.get(f"/so/don-vi/{TRA_BUI}"))
