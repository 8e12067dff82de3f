"""Reforms that stand in each other's way, or that are the same decision once more: each names the other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date

import pytest

from services.registry.store import units
from services.registry.unit import Unit
from shared.contracts.reform import Level
from tests.service.reforms import AFTER, V1, VILLAGES, World, villages_merge, world
from tests.support.pages import page, text_of
from tests.support.servers import Nats, Postgres
from tests.support.stack import nats_config
from tests.support.world import ok, refused

PREVIEW = "/so/sap-xep/thu/2025-07"
AFTER_JULY = villages_merge(effective_on="2025-07-15")


@pytest.fixture
async def here(postgres: Postgres, fresh_nats: Callable[..., Awaitable[Nats]]) -> AsyncIterator[World]:
    """The map of January, with a team of a village of Trà Bùi."""
    async with world(postgres, await fresh_nats(nats_config()), V1) as made:
        await made.execute(edition="2025-01")
        yield made


async def test_a_later_merge_of_villages_in_the_way_of_a_preview_is_named_and_linked(here: World) -> None:
    await here.execute(plan=AFTER_JULY)
    answer = await here.officer.post("/registry/reforms/preview", json={"edition": "2025-07"})
    problem = refused(answer, 422, "newer_state", "plan.effective_on")
    assert {e["about"] for e in problem["errors"]} == {"r-villages"}
    for opened in (await here.officer.get(PREVIEW), await here.officer.post(PREVIEW)):
        said = text_of(opened, 422)
        assert said.count("Vướng quyết định có hiệu lực từ 15/07/2025: 1/NQ-HĐND.") == 1
        assert '<a href="/so/sap-xep/r-villages" lang="vi">1/NQ-HĐND</a>' in opened.text
    assert "A decision in force from 15 Jul 2025 is in the way" in await page(here.officer, PREVIEW, 422, lang="en")


async def test_what_no_decision_brought_is_named_without_a_link(here: World) -> None:
    first = Unit("v-new", "", "Thôn Mới", "hamlet", Level.VILLAGE, "21142", "525", "21142", "", date(2025, 7, 2))
    then = first._replace(name="Thôn Mới Hơn", valid_from=date(2025, 7, 9))
    async with here.running.services["registry"].pool.acquire() as conn:
        await units.save_states(conn, [first._replace(valid_to=then.valid_from), then], known_from=AFTER)
    answer = await here.officer.post("/registry/reforms/preview", json={"edition": "2025-07"})
    problem = refused(answer, 422, "newer_state", "plan.effective_on")
    assert ["about" in e for e in problem["errors"]] == [False, False]
    assert "Vướng quyết định" not in await page(here.officer, PREVIEW, 422)


async def test_a_decision_of_one_s_own_leads_to_what_is_in_its_way_too(here: World) -> None:
    await here.execute(plan=AFTER_JULY)
    form = {
        "step": "preview", "plan.reform_id": "r-name", "plan.effective_on": "10/07/2025",
        "plan.successors.0.unit.unit_id": "21142", "plan.successors.0.unit.name": "Xã Trà Bùi Mới",
        "plan.successors.0.unit.kind": "commune", "plan.successors.0.unit.code": "21142",
        "plan.successors.0.unit.parent_id": "525", "plan.legal_basis.number": "2/NQ-HĐND",
        "plan.legal_basis.title": "Đổi tên xã", "plan.legal_basis.issuer": "HĐND",
        "plan.legal_basis.issued_on": "01/07/2025",
    }  # fmt: skip
    path = "/so/sap-xep/soan?what=change&within=51&level=commune&unit=21142&lang=vi"
    sent = await here.officer.post(path, data=form)
    assert "Vướng quyết định có hiệu lực từ 15/07/2025: 1/NQ-HĐND." in text_of(sent, 422)


async def test_the_later_ones_to_be_taken_back_first_are_those_that_touch_it_the_last_one_first(here: World) -> None:
    await here.execute(edition="2025-07", choices={"villages": VILLAGES})
    away = villages_merge("r-away", "2025-07-20")
    away["legal_basis"] = {**away["legal_basis"], "number": "3/NQ-HĐND"}
    away["successors"][0]["unit"] = {**away["successors"][0]["unit"], "unit_id": "v-away", "parent_id": "536"}
    for n in (1, 2):  # of Lý Sơn, which January left alone
        village = {"village_id": f"v-ls{n}", "name": f"Thôn {n}", "parent_id": "536", "valid_from": "2025-07-02"}
        await ok(here.officer.post("/registry/villages", json=village), 201)
    away["successors"][0]["predecessors"] = [{"unit_id": "v-ls1"}, {"unit_id": "v-ls2"}]
    await here.execute(plan=away)
    said = await page(here.officer, "/so/sap-xep/2025-01/rut-lai")
    assert "Rút lại 1677/NQ-UBTVQH15" in said
    assert "3/NQ-HĐND" not in said
    assert "Rút lại 3/NQ-HĐND" in await page(here.officer, "/so/sap-xep/2025-07/rut-lai")


async def test_what_was_taken_back_and_carried_out_again_leads_there_and_back(here: World) -> None:
    await here.execute(edition="2025-07", choices={"villages": VILLAGES})
    await here.reverse("2025-07")
    old, new = "/so/sap-xep/2025-07", "/so/sap-xep/july-2"
    assert "thực hiện lại" not in await page(here.officer, old)
    await here.execute(edition="2025-07", reform_id="july-2", choices={"villages": VILLAGES})
    opened = await here.officer.get(old, params={"lang": "vi"})
    assert (
        "đã được rút lại ngày 01/08/2025, sau đó thực hiện lại: 1677/NQ-UBTVQH15, có hiệu lực từ 01/07/2025."
        in text_of(opened)
    )
    assert "như trước đó" not in text_of(opened)
    assert f'href="{new}"' in opened.text
    opened = await here.officer.get(new)
    assert "Lần trước đã rút lại ngày 01/08/2025: 1677/NQ-UBTVQH15." in text_of(opened)
    assert f'href="{old}"' in opened.text
    assert "and carried out again since" in await page(here.officer, old, lang="en")
    await here.reverse("july-2")
    assert "thực hiện lại" not in await page(here.officer, old, lang="vi")


async def test_two_decisions_of_one_number_about_other_units_are_not_taken_for_one(here: World) -> None:
    await here.execute(plan=villages_merge())
    await here.reverse("r-villages")
    other = villages_merge("r-other")
    other["successors"][0]["unit"] = {**other["successors"][0]["unit"], "unit_id": "v-other", "parent_id": "536"}
    for n in (1, 2):
        village = {"village_id": f"v-ls{n}", "name": f"Thôn {n}", "parent_id": "536", "valid_from": "2025-02-02"}
        await ok(here.officer.post("/registry/villages", json=village), 201)
    other["successors"][0]["predecessors"] = [{"unit_id": "v-ls1"}, {"unit_id": "v-ls2"}]
    await here.execute(plan=other)
    assert "thực hiện lại" not in await page(here.officer, "/so/sap-xep/r-villages")
    await here.execute(plan=villages_merge("r-villages-2", "2025-03-02"))
    assert "sau đó thực hiện lại: 1/NQ-HĐND, có hiệu lực từ 02/03/2025" in await page(
        here.officer, "/so/sap-xep/r-villages"
    )
