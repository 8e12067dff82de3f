"""Imports and exports of a deep tree: villages below villages in any order of lines, teams by name at any depth."""

from __future__ import annotations

import io
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from services.registry.imports.kinds import Kind
from shared.sheets import child
from tests.service.deep import GROUP, GROUP_2, HAMLET, HAMLET_2, LANE, NAMES, QUARTER, deep_world
from tests.service.reforms import JULY, TRA_BUI, World
from tests.support.servers import Nats, Postgres
from tests.support.sheets import XLSX, commit, filled, lines, upload
from tests.support.stack import nats_config

VILLAGES = Kind.VILLAGES.value


@pytest.fixture
async def here(postgres: Postgres, fresh_nats: Callable[..., Awaitable[Nats]]) -> AsyncIterator[World]:
    async with deep_world(postgres, await fresh_nats(nats_config())) as made:
        yield made


def a_village(name: str, above: str | None = None, **changed: Any) -> dict[str, Any]:
    since = {"unit": "Xã Trà Bùi", "district": "Huyện Trà Bồng", "valid_from": "3/7/2023"}
    return {"village": name, "above": above, **since, **changed}


async def tree(here: World) -> dict[str, tuple[str | None, str, str | None]]:
    """What each unit below Trà Bùi lies in, of which kind it is, and its commune."""
    found = {u.unit_id: u for u in await here.map(JULY) if u.level == "village"}
    names = {u.unit_id: u.name for u in await here.map(JULY)}
    return {u.name: (names[u.parent_id or ""], u.kind, u.commune_id) for u in found.values()}


async def test_a_file_brings_a_tree_of_any_depth_whatever_the_order_of_its_lines(here: World) -> None:
    file = filled(
        [
            a_village("Ngõ 7", "Tổ liên gia 7"),
            a_village("Tổ liên gia 7", "Thôn Bảy"),
            a_village("Thôn Bảy", "Khu phố Tây"),
            a_village("Tây", village_kind="Khu phố"),
            a_village("Tổ liên gia 9", NAMES[HAMLET]),
            a_village("Tổ liên gia 8", "Thôn Tám"),
            a_village("Thôn Chín", NAMES[LANE]),
            a_village("Ngõ 9", NAMES[GROUP]),
        ],
        Kind.VILLAGES,
    )
    checked = await upload(here.officer, file, VILLAGES)
    shown = await lines(here.officer, checked["import_id"])
    assert [i["outcome"] for i in shown] == ["new"] * 5 + ["refused"] * 3
    said = [str(i["remarks"]) for i in shown[5:]]
    assert "không có đơn vị «Thôn Tám»" in said[0]
    assert "phải ở cấp cao hơn" in said[1]
    assert "Tổ liên gia 1 (Thôn Thượng)" in said[2]
    assert "Tổ liên gia 1 (Thôn Hạ)" in said[2]
    await commit(here.officer, checked["import_id"], "good_rows")
    made = await tree(here)
    assert {n: made[n] for n in ("Khu phố Tây", "Thôn Bảy", "Tổ liên gia 7", "Ngõ 7", "Tổ liên gia 9")} == {
        "Khu phố Tây": ("Xã Trà Bùi", "quarter", TRA_BUI),
        "Thôn Bảy": ("Khu phố Tây", "hamlet", TRA_BUI),
        "Tổ liên gia 7": ("Thôn Bảy", "household_group", TRA_BUI),
        "Ngõ 7": ("Tổ liên gia 7", "lane", TRA_BUI),
        "Tổ liên gia 9": (NAMES[HAMLET], "household_group", TRA_BUI),
    }
    again = await upload(here.officer, file, VILLAGES)
    assert [i["outcome"] for i in await lines(here.officer, again["import_id"])] == ["unchanged"] * 5 + ["refused"] * 3


async def test_a_village_of_an_ambiguous_name_goes_by_the_bracket_or_by_choice(here: World) -> None:
    bracket = [a_village("Ngõ 9", f"{NAMES[GROUP]} ({NAMES[HAMLET_2]})"), a_village("Ngõ 10", NAMES[GROUP])]
    checked = await upload(here.officer, filled(bracket, Kind.VILLAGES), VILLAGES)
    assert [i["outcome"] for i in await lines(here.officer, checked["import_id"])] == ["new", "refused"]
    choices = [{"column": "above", "text": NAMES[GROUP], "id": GROUP}]
    await commit(here.officer, checked["import_id"], choices=choices)
    found = {u.name: u.parent_id for u in await here.map(JULY)}
    assert (found["Ngõ 9"], found["Ngõ 10"]) == (GROUP_2, GROUP)


async def test_teams_are_matched_to_villages_of_any_depth(here: World) -> None:
    paper = {"level": "Cấp thôn", "unit": "Xã Trà Bùi", "district": "Huyện Trà Bồng", "decision_number": "3/QĐ"}
    days = {"decision_date": "1/7/2023", "formed_on": "3/7/2023"}
    named = {"Tổ Ngõ": NAMES[LANE], "Tổ Hạ": f"{NAMES[GROUP]} ({NAMES[HAMLET_2]})", "Tổ Hai": NAMES[GROUP]}
    file = filled([{**paper, **days, "team_name": name, "village": v} for name, v in named.items()])
    checked = await upload(here.officer, file)
    shown = await lines(here.officer, checked["import_id"])
    assert [i["outcome"] for i in shown] == ["new", "new", "refused"]
    assert [c["id"] for c in shown[2]["remarks"][0]["choices"]] == [GROUP, GROUP_2]
    await commit(here.officer, checked["import_id"], choices=[{"column": "village", "row": 4, "id": GROUP}])
    async with here.running.services["registry"].pool.acquire() as conn:
        rows = await conn.fetch("select name, village_id, village, unit_id from team where name = any($1)", list(named))
    assert {tuple(r) for r in rows} == {
        ("Tổ Ngõ", LANE, NAMES[LANE], TRA_BUI), ("Tổ Hạ", GROUP_2, NAMES[GROUP_2], TRA_BUI),
        ("Tổ Hai", GROUP, NAMES[GROUP], TRA_BUI),
    }  # fmt: skip


@pytest.mark.parametrize("kind", [Kind.VILLAGES, Kind.TEAMS])
async def test_what_goes_out_changes_nothing_when_it_comes_back(here: World, kind: Kind) -> None:
    answer = await here.officer.get(f"/registry/exports/{kind.value}.xlsx")
    assert (answer.status_code, answer.headers["content-type"]) == (200, XLSX)
    back = await upload(here.officer, answer.content, kind.value)
    shown = await lines(here.officer, back["import_id"])
    assert [i["outcome"] for i in shown] == ["unchanged"] * len(shown), [i["remarks"] for i in shown]
    assert len(shown) == (8 if kind is Kind.VILLAGES else 6)
    table = child.read(answer.content)[0].rows
    head = {str(name): n for n, name in enumerate(table[0])}
    if kind is Kind.VILLAGES:
        inside = {row[head["Tên thôn, bản, tổ dân phố"]]: row[head["Nằm trong thôn, tổ"]] for row in table[1:]}
        assert (inside[NAMES[QUARTER]], inside[NAMES[LANE]]) == (None, f"{NAMES[GROUP]} ({NAMES[HAMLET]})")


async def test_the_form_offers_the_provinces_own_kinds(here: World) -> None:
    answer = await here.officer.get(f"/registry/imports/{VILLAGES}/template.xlsx")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as book:
        written = "".join(book.read(name).decode("utf-8", "replace") for name in book.namelist())
    for word in ("Khu phố", "Tổ dân phố", "Tổ liên gia", "Ngõ", NAMES[HAMLET]):
        assert word in written, word
