"""Villages become units, states are corrected: over HTTP, with rights, refusals and what was known before."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from shared.auth import Role
from shared.contracts.registry import UnitCorrected, UnitEstablished
from shared.ids import new_id
from tests.support.pages import page
from tests.support.stack import HandClock, Stack
from tests.support.world import DUC_NHUAN, LY_SON, MO_DUC, TOWN, a_team, ok, refused

NOW = datetime(2023, 7, 28, 1, tzinfo=UTC)


def a_village(parent_id: str = TOWN, **changed: Any) -> dict[str, Any]:
    """A hamlet with a name of its own, since 1/7/2023."""
    made = {"village_id": new_id(), "parent_id": parent_id, "valid_from": "2023-07-01", "kind": "hamlet"}
    return {**made, "name": f"Thôn {made['village_id'][-6:]}", **changed}


async def establish(client: httpx.AsyncClient, body: dict[str, Any]) -> httpx.Response:
    return await client.post("/registry/villages", json=body)


# -- the first edition ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("edition", ["2025-01", "2025-07"])
async def test_later_editions_come_as_reforms(officer: httpx.AsyncClient, edition: str) -> None:
    problem = refused(await officer.post(f"/registry/editions/{edition}"), 409, "comes_as_reform", "edition")
    assert "POST /registry/reforms" in problem["messages"]["en"]
    assert (await ok(officer.get("/registry/units?limit=1")))["total"] >= 187


# -- villages ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parent", "place"), [(TOWN, (MO_DUC, TOWN)), (LY_SON, (LY_SON, None))], ids=["of a commune", "on Lý Sơn"]
)
async def test_a_village_is_established_below_its_commune(
    running: Stack, officer: httpx.AsyncClient, parent: str, place: tuple[str, str | None]
) -> None:
    body = a_village(parent)
    first = await ok(establish(officer, body), 201)
    assert await ok(establish(officer, body), 201) == first
    [event] = [e for e in await running.log("registry", UnitEstablished) if e.key() == body["village_id"]]
    assert isinstance(event, UnitEstablished)
    assert (event.district_id, event.commune_id, event.parent_id) == (*place, parent)
    assert (event.level, event.code, event.edition, event.name) == ("village", "", "", body["name"])
    listed = await ok(officer.get("/registry/units", params={"within": parent, "level": "village", "limit": "500"}))
    assert body["village_id"] in {u["unit_id"] for u in listed["items"]}
    deep = await ok(officer.get("/registry/units", params={"within": "51", "level": "village", "limit": "500"}))
    assert body["village_id"] in {u["unit_id"] for u in deep["items"]}
    before = await ok(officer.get("/registry/units", params={"within": parent, "level": "village", "on": "2023-06-30"}))
    assert before["items"] == []


async def test_a_village_is_refused_where_it_cannot_be(officer: httpx.AsyncClient) -> None:
    for changed, status, slug, field in (
        ({"parent_id": "99999"}, 422, "unknown_unit", "parent_id"),
        ({"parent_id": TOWN, "valid_from": "2019-01-01"}, 422, "unknown_unit", "parent_id"),
        ({"parent_id": MO_DUC}, 422, "commune_needed", "parent_id"),
        ({"parent_id": "51"}, 422, "commune_needed", "parent_id"),
        ({"valid_from": "2023-07-29"}, 422, "in_the_future", "valid_from"),
        ({"village_id": DUC_NHUAN}, 409, "id_taken", "village_id"),
        ({"kind": "commune"}, 422, "kind_does_not_fit", "kind"),
        ({"kind": "nothing at all"}, 422, "invalid_data", "kind"),
        ({"name": " "}, 422, "invalid_data", "name"),
    ):
        refused(await establish(officer, a_village(**changed)), status, slug, field)


async def test_no_two_villages_of_a_commune_bear_one_name(officer: httpx.AsyncClient) -> None:
    body = a_village(name="Thôn Phước Hòa")
    await ok(establish(officer, body), 201)
    twin = refused(await establish(officer, a_village(name="thôn phước hoà")), 409, "village_exists", "name")
    assert body["village_id"] in twin["messages"]["en"]
    earlier = a_village(name="Thôn Phước Hòa", valid_from="2023-06-01")
    refused(await establish(officer, earlier), 409, "village_exists", "name")
    await ok(establish(officer, a_village(DUC_NHUAN, name="Thôn Phước Hòa")), 201)


async def test_of_ten_villages_of_one_name_at_once_one_is_taken(officer: httpx.AsyncClient) -> None:
    name = f"Thôn {new_id()[-6:]}"
    answers = await asyncio.gather(*(establish(officer, a_village(name=name)) for _ in range(10)))
    assert sorted(a.status_code for a in answers) == [201] + [409] * 9


async def test_officers_establish_villages_within_their_units(running: Stack) -> None:
    commune = running.client(Role.COMMUNE_OFFICER, units=[TOWN])
    await ok(establish(commune, a_village()), 201)
    await ok(establish(running.client(Role.DISTRICT_OFFICER, units=[MO_DUC]), a_village()), 201)
    refused(await establish(commune, a_village(DUC_NHUAN)), 403, "outside_your_unit", "parent_id")
    leader = running.client(Role.TEAM_LEADER, units=[TOWN], team_id="t")
    refused(await establish(leader, a_village()), 403, "role_not_allowed", "Authorization")
    refused(await establish(running.client(), a_village()), 401, "token_needed", "Authorization")


async def test_an_id_with_other_content_is_a_conflict(officer: httpx.AsyncClient) -> None:
    body = a_village()
    await ok(establish(officer, body), 201)
    other = {**body, "name": "Thôn khác"}
    refused(await establish(officer, other), 409, "same_id_other_content", "village_id")


# -- corrections ------------------------------------------------------------------------------------------------------

SINCE: dict[str, Any] = {"since": "2020-02-01", "reason": "Gõ nhầm"}


async def correct(client: httpx.AsyncClient, unit_id: str, body: dict[str, Any], **headers: str) -> httpx.Response:
    return await client.post(f"/registry/units/{unit_id}/corrections", json=body, headers=headers)


async def test_a_correction_is_known_from_now_on_and_what_was_known_before_stays(
    running: Stack, officer: httpx.AsyncClient
) -> None:
    before = (NOW + timedelta(minutes=1)).isoformat()
    clock = running.services["registry"].clock
    assert isinstance(clock, HandClock)
    clock.now = NOW + timedelta(minutes=2)
    body = {"since": "2020-02-01", "name": "Xã Đức Nhuận Mới", "reason": "  Gõ nhầm tên xã "}
    answer = await ok(correct(officer, DUC_NHUAN, body), 201)
    assert (answer["unit_id"], answer["since"]) == (DUC_NHUAN, "2020-02-01")
    now_known = await ok(officer.get(f"/registry/units/{DUC_NHUAN}", params={"on": "2022-01-01"}))
    then_known = await ok(officer.get(f"/registry/units/{DUC_NHUAN}", params={"on": "2022-01-01", "known": before}))
    assert (now_known["name"], then_known["name"]) == ("Xã Đức Nhuận Mới", "Xã Đức Lợi")
    told = (await ok(officer.get(f"/registry/units/{DUC_NHUAN}/history")))["said"]
    assert [(k["name"], k["known_to"] is None, k["reason"]) for k in told] == [
        ("Xã Đức Lợi", False, None), ("Xã Đức Nhuận Mới", True, "Gõ nhầm tên xã"),
    ]  # fmt: skip
    [event] = [e for e in await running.log("registry", UnitCorrected) if e.key() == DUC_NHUAN]
    assert isinstance(event, UnitCorrected)
    assert "Gõ nhầm" not in event.model_dump_json(), "what people write freely stays in registry"
    assert (event.name, event.code, str(event.since), event.district_id, event.commune_id) == (
        "Xã Đức Nhuận Mới", DUC_NHUAN, "2020-02-01", MO_DUC, DUC_NHUAN,
    )  # fmt: skip
    found = await ok(officer.get("/registry/units/resolve", params={"name": "duc nhuan moi"}))
    assert found["unit"]["unit_id"] == DUC_NHUAN
    await _only_officers_read_why(running, officer)


async def _only_officers_read_why(running: Stack, officer: httpx.AsyncClient) -> None:
    """The reason is somebody's own words: the history is public, these are not."""
    why, keeper = "Gõ nhầm tên xã", running.client(Role.OPERATOR, units=["51"])
    others = running.client(), running.client(Role.MEMBER, units=[DUC_NHUAN], member_id="m")
    for client, told in ((officer, True), (keeper, True), *((other, False) for other in others)):
        said = (await ok(client.get(f"/registry/units/{DUC_NHUAN}/history")))["said"]
        assert [k["reason"] for k in said] == [None, why if told else None]
        shown = await page(client, f"/so/don-vi/{DUC_NHUAN}")
        assert (f"Đính chính 28/07/2023Nội dung từ 01/02/2020: Xã Đức Nhuận Mới (21403). {why}" in shown) is told
        assert (why in shown) is told


async def test_sent_again_with_a_key_it_is_answered_the_same(officer: httpx.AsyncClient) -> None:
    body, key = {**SINCE, "name": "Xã Đức Hiệp Một"}, {"Idempotency-Key": new_id()}
    first = await ok(correct(officer, "21415", body, **key), 201)
    assert await ok(correct(officer, "21415", body, **key), 201) == first
    refused(await correct(officer, "21415", body), 409, "nothing_to_correct", "since")


async def test_a_correction_is_refused_where_it_makes_no_sense(officer: httpx.AsyncClient) -> None:
    since = SINCE
    for unit_id, body, status, slug, field in (
        ("nowhere", {**since, "name": "Xã X"}, 404, "no_such_unit", "unit_id"),
        (TOWN, {**since, "reason": None, "name": "Thị trấn X"}, 422, "invalid_data", "reason"),
        (TOWN, {**since, "reason": "  ", "name": "Thị trấn X"}, 422, "invalid_data", "reason"),
        (TOWN, {"since": "2020-02-01", "name": "Thị trấn X"}, 422, "invalid_data", "reason"),
        (TOWN, {**since, "since": "2023-07-28", "name": "Thị trấn X"}, 422, "no_state_since", "since"),
        (TOWN, since, 422, "invalid_data", "body"),
        (TOWN, {**since, "name": "Mộ Đức"}, 422, "name_without_kind", "name"),
        (TOWN, {**since, "kind": "district"}, 422, "kind_does_not_fit", "kind"),
        (TOWN, {**since, "code": ""}, 422, "code_does_not_fit", "code"),
        (TOWN, {**since, "code": "21412"}, 409, "code_in_use", "code"),
        (TOWN, {**since, "parent_id": "nowhere"}, 404, "no_such_unit", "parent_id"),
        (TOWN, {**since, "parent_id": TOWN}, 422, "level_does_not_fit", "parent_id"),
        (MO_DUC, {**since, "parent_id": TOWN}, 422, "level_does_not_fit", "parent_id"),
    ):
        refused(await correct(officer, unit_id, body), status, slug, field)
    shown = await ok(officer.get(f"/registry/units/{TOWN}"))
    assert (shown["name"], shown["code"], len(shown["states"])) == ("Thị trấn Mộ Đức", TOWN, 1)


async def test_a_village_is_corrected_by_its_commune_other_units_by_the_province(running: Stack) -> None:
    commune = running.client(Role.COMMUNE_OFFICER, units=[TOWN])
    body = a_village()
    await ok(establish(commune, body), 201)
    fixed = {
        "since": body["valid_from"],
        "reason": "Gõ nhầm",
        "name": f"Tổ dân phố {new_id()[-6:]}",
        "kind": "residential_group",
    }
    await ok(correct(commune, body["village_id"], fixed), 201)
    elsewhere = running.client(Role.COMMUNE_OFFICER, units=[DUC_NHUAN])
    refused(await correct(elsewhere, body["village_id"], fixed), 403, "outside_your_unit", "unit_id")
    renamed = {**SINCE, "name": "Thị trấn Mới"}
    refused(await correct(commune, TOWN, renamed), 403, "outside_your_unit", "unit_id")
    district = running.client(Role.DISTRICT_OFFICER, units=[MO_DUC])
    refused(await correct(district, TOWN, renamed), 403, "outside_your_unit", "unit_id")


async def test_a_unit_that_was_put_below_the_wrong_one_is_corrected(running: Stack, officer: httpx.AsyncClient) -> None:
    body = a_village()
    await ok(establish(officer, body), 201)
    village, since = body["village_id"], {**SINCE, "since": body["valid_from"]}
    commune = running.client(Role.COMMUNE_OFFICER, units=[TOWN])
    wish = {**since, "parent_id": "21415"}
    refused(await correct(commune, village, wish), 403, "outside_your_unit", "parent_id")
    await ok(correct(officer, village, wish), 201)
    shown = await ok(officer.get(f"/registry/units/{village}"))
    assert shown["parent_id"] == "21415"
    event = [e for e in await running.log("registry", UnitCorrected) if e.key() == village][-1]
    assert isinstance(event, UnitCorrected)
    assert (event.parent_id, event.district_id, event.commune_id) == ("21415", MO_DUC, "21415")
    refused(await correct(officer, village, wish), 409, "nothing_to_correct", "since")
    for parent, slug in ((MO_DUC, "commune_needed"), ("51", "commune_needed"), (village, "level_does_not_fit")):
        refused(await correct(officer, village, {**since, "parent_id": parent}), 422, slug, "parent_id")


async def test_what_lies_below_does_not_come_along_so_the_correction_is_refused(
    running: Stack, officer: httpx.AsyncClient
) -> None:
    body = a_village(parent_id="21418")
    await ok(establish(officer, body), 201)
    wish = {**SINCE, "parent_id": "524"}
    problem = refused(await correct(officer, "21418", wish), 409, "has_dependents", "parent_id")
    assert body["name"] in problem["messages"]["vi"]
    await ok(officer.post("/registry/teams", json=a_team("21421", name="Tổ Đức Hoà")), 201)
    problem = refused(await correct(officer, "21421", wish), 409, "has_dependents", "parent_id")
    assert "Tổ Đức Hoà" in problem["messages"]["en"]
    await ok(correct(officer, "21424", wish), 201)
    shown = await ok(officer.get("/registry/units/21424"))
    assert shown["parent_id"] == "524"
