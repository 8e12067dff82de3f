"""A decision of one's own as JSON that cannot be: preview and execution refuse each wrong plan, with its field."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.auth import Role
from tests.service.reforms import World, made_of, plan, unit, world
from tests.support.servers import Nats, Postgres
from tests.support.world import MO_DUC, TOWN, ok, refused

A, B, C, LY_SON, V = "21403", "21406", "21409", "536", "v1"
PATHS = ("/registry/reforms/preview", "/registry/reforms")
Body = dict[str, Any]


@pytest.fixture(scope="module")
async def here(postgres: Postgres, guarded_nats: Nats) -> AsyncIterator[World]:
    """The map of 2023 with one village more, in August 2025; no decision of these is ever carried out."""
    async with world(postgres, guarded_nats) as at:
        village = {"village_id": V, "name": "Thôn Một", "parent_id": TOWN, "valid_from": "2023-07-01"}
        await ok(at.officer.post("/registry/villages", json=village), 201)
        yield at


def merger(**changed: Any) -> Body:
    """Two communes become one, with something else about it."""
    return plan("r", made_of({**unit("n", "Xã Mới"), **changed}, A, B))


def a_village(parent_id: str, kind: str = "hamlet") -> Body:
    """The village goes on elsewhere, or as another kind."""
    return made_of(unit(V, "Thôn Một", kind, parent_id, level="village", code=""), V)


def halves(*parts: str) -> list[Body]:
    """One commune in these parts."""
    return [made_of(unit(i, f"Xã {i}"), parts=(A,)) for i in parts]


WHAT = "plan.successors.0."
WRONG: list[tuple[str, str, Body]] = [
    ("predecessor_not_in_force", f"{WHAT}predecessors.0.unit_id", plan("r", made_of(unit("n", "Xã Mới"), "nobody"))),
    ("predecessor_twice", f"{WHAT}predecessors.1.unit_id", plan("r", made_of(unit("n", "Xã Mới"), A, A))),
    ("successor_twice", "plan.successors.1.unit.unit_id",
     plan("r", made_of(unit("n", "Xã Mới"), A), made_of(unit("n", "Xã Mới"), B))),
    ("id_of_another_unit", f"{WHAT}unit.unit_id", plan("r", made_of(unit(C, "Xã Mới"), A, B))),
    ("whole_given_twice", "plan.successors.1.predecessors.0.part",
     plan("r", made_of(unit("n", "Xã Mới"), A), made_of(unit("m", "Xã Kia"), A), heirs={A: "n"})),
    ("rest_goes_nowhere", f"{WHAT}predecessors.0.part", plan("r", *halves("n"))),
    ("heir_missing", f"plan.heirs.{A}", plan("r", *halves("n", "m"))),
    ("heir_not_in_force", f"plan.heirs.{A}", plan("r", *halves("n", "m"), heirs={A: "nobody"})),
    ("heir_of_a_living_unit", f"plan.heirs.{A}", plan("r", made_of(unit(A, "Xã Mới"), A), heirs={A: B})),
    ("predecessor_not_in_force", "plan.heirs.nobody", plan("r", heirs={"nobody": A})),
    ("nothing_to_do", "plan.successors", plan("r")),
    ("parent_missing", f"{WHAT}unit.parent_id", merger(parent_id="nobody")),
    ("parent_missing", f"{WHAT}unit.parent_id", merger(parent_id=None)),
    ("level_does_not_fit", f"{WHAT}unit.parent_id", merger(parent_id=C)),
    ("level_does_not_fit", "plan.successors",
     plan("r", made_of(unit(MO_DUC, "Đặc khu Mộ Đức", "special_zone", "51"), MO_DUC))),
    ("code_taken", f"{WHAT}unit.code", merger(code=C)),
    ("kind_does_not_fit", f"{WHAT}unit.kind", merger(kind="hamlet")),
    ("kind_does_not_fit", f"{WHAT}unit.kind", merger(kind="city")),
    ("kind_does_not_fit", f"{WHAT}unit.kind", plan("r", a_village(TOWN, "ward"))),
    ("kind_does_not_fit", f"{WHAT}unit.kind",
     plan("r", made_of(unit(LY_SON, "Huyện Lý Sơn", "district", "51"), LY_SON))),
    ("name_without_kind", f"{WHAT}unit.name", plan("r", made_of(unit(A, "Xã Đức Lợi", "ward"), A))),
    ("commune_needed", f"{WHAT}unit.parent_id", plan("r", a_village("51"))),
    ("commune_needed", f"{WHAT}unit.parent_id", plan("r", a_village(MO_DUC))),
    ("issued_after_effective_day", "plan.legal_basis.issued_on", plan("r", *halves(A, "n"), effective_on="2024-05-09")),
    ("predecessor_not_in_force", f"{WHAT}predecessors.0.unit_id",
     {**merger(), "effective_on": "2020-02-01", "legal_basis": {**merger()["legal_basis"], "issued_on": "2020-01-01"}}),
]  # fmt: skip
UNREADABLE: list[tuple[str, Body]] = [
    (f"{WHAT}unit.kind", merger(kind="")),
    (f"{WHAT}unit.level", merger(level="hamlet")),
    (f"{WHAT}unit.code", merger(code="21a")),
    (f"{WHAT}unit.name", merger(name="")),
    (f"{WHAT}unit.unit_id", merger(unit_id="a b")),
    (f"{WHAT}unit.population", merger(population="9000")),
    (f"{WHAT}predecessors", plan("r", made_of(unit("n", "Xã Mới")))),
    (
        f"{WHAT}predecessors.0.part",
        plan("r", {"unit": unit("n", "Xã Mới"), "predecessors": [{"unit_id": A, "part": 0.5}]}),
    ),
    ("plan.legal_basis", {k: v for k, v in merger().items() if k != "legal_basis"}),
    ("plan.legal_basis.number", {**merger(), "legal_basis": {**merger()["legal_basis"], "number": " "}}),
    ("plan.effective_on", {**merger(), "effective_on": "2024-06-31"}),
    ("plan.successors", {**merger(), "successors": {"unit": "n"}}),
    ("plan.reform_id", {**merger(), "reform_id": ""}),
    ("plan", []),  # type: ignore[list-item]
]


async def traces(here: World) -> list[Any]:
    """How much there is of everything that a reform writes."""
    tables = ("unit_version", "lineage", "team_place", "reform", "log")
    return [await here.ask(f"select count(*) from {table}") for table in tables]


@pytest.mark.parametrize(("slug", "field", "body"), WRONG, ids=[f"{n}-{w[0]}" for n, w in enumerate(WRONG)])
async def test_a_wrong_plan_is_refused_with_its_field_and_leaves_nothing(
    here: World, slug: str, field: str, body: Body
) -> None:
    before = await traces(here)
    for path in PATHS:
        refused(await here.officer.post(path, json={"plan": body}), 422, slug, field)
    assert await traces(here) == before


@pytest.mark.parametrize(("field", "body"), UNREADABLE, ids=[f"{n}-{u[0]}" for n, u in enumerate(UNREADABLE)])
async def test_a_plan_that_cannot_be_read_is_refused_with_its_field(here: World, field: str, body: Body) -> None:
    before = await traces(here)
    for path in PATHS:
        refused(await here.officer.post(path, json={"plan": body}), 422, "invalid_data", field)
    assert await traces(here) == before


async def test_everything_that_is_wrong_is_said_at_once(here: World) -> None:
    body = plan("r", made_of(unit("n", "Mới", "ward"), "nobody", A), *halves("m"), heirs={"none": "m"})
    answer = await here.officer.post("/registry/reforms/preview", json={"plan": body})
    said = {
        e["field"] for e in refused(answer, 422, "predecessor_not_in_force", f"{WHAT}predecessors.0.unit_id")["errors"]
    }
    assert said >= {f"{WHAT}unit.name", "plan.successors.1.predecessors.0.part", "plan.heirs.none"}


async def test_a_decision_of_the_province_may_be_previewed_before_its_day_and_not_carried_out(here: World) -> None:
    body = {"plan": {**merger(), "effective_on": "2026-01-01"}}
    assert (await here.preview(**body))["effective_on"] == "2026-01-01"
    refused(await here.officer.post("/registry/reforms", json=body), 422, "in_the_future", "plan.effective_on")


async def test_only_the_province_and_operators_reorganise_communes(here: World) -> None:
    before, body = await traces(here), {"plan": plan("r", made_of(unit(A, "Thị trấn Đức Lợi", "township"), A))}
    for path in PATHS:
        for role, units in ((Role.DISTRICT_OFFICER, MO_DUC), (Role.COMMUNE_OFFICER, A)):
            own = here.running.client(role, units=[units])
            refused(await own.post(path, json=body), 403, "villages_only", "plan")
        member = here.running.client(Role.MEMBER, team_id="t", member_id="m")
        refused(await member.post(path, json=body), 403, "role_not_allowed", "Authorization")
        assert (await here.running.client().post(path, json=body)).status_code == 401
    assert await traces(here) == before


async def test_an_id_that_was_in_use_before_is_not_given_again(here: World) -> None:
    early = plan("r-early", made_of(unit("once", "Xã Một Thời"), "21421", "21424"))
    again = plan("r-again", made_of(unit("twice", "Xã Sau Này"), "once", "21427"), effective_on="2024-08-01")
    for body in (early, again):
        await here.execute(plan=body)
    third = plan("r-third", made_of(unit("once", "Xã Trở Lại"), "21430", "21433"), effective_on="2024-10-01")
    for path in PATHS:
        refused(await here.officer.post(path, json={"plan": third}), 422, "id_taken", f"{WHAT}unit.unit_id")
    same_id = {"plan": {**merger(), "reform_id": "r-early"}}
    refused(await here.officer.post("/registry/reforms", json=same_id), 409, "same_id_other_content", "plan.reform_id")
