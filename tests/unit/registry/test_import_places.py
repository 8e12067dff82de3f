"""Units, villages and organisations that lines of a sheet name: found on the day, asked about, established."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from services.registry.imports.columns import Reader
from services.registry.imports.kinds import ORGANISATIONS, VILLAGES, Kind
from services.registry.imports.line import Choice, Line, Verdict
from services.registry.imports.organisations import Lines
from services.registry.imports.places import Places
from services.registry.imports.villages import Villages
from services.registry.unit import Unit
from tests.support.import_world import MAP, ORGANISATION_TREE, World, a_line, a_scope, outcomes, said

# -- places -----------------------------------------------------------------------------------------------------------


def test_names_shared_by_units_are_asked_about_and_a_choice_or_the_district_settles_it() -> None:
    by_name: dict[str, list[Unit]] = {}
    for unit in MAP:
        by_name.setdefault(unit.name, []).append(unit)
    name, twins = next((n, us) for n, us in by_name.items() if len(us) > 1)
    districts = {u.unit_id: u.name for u in MAP}
    [asked] = World().upload(a_line("A", unit=name))
    [remark] = [r for r in asked.remarks if r.refuses]
    assert {c.id for c in remark.candidates} == {u.unit_id for u in twins}
    settled = (
        (a_line("A", unit=name), a_scope(choices=[Choice("unit", twins[1].unit_id, text=name.upper())])),
        (a_line("A", unit=name), a_scope(choices=[Choice("unit", twins[1].unit_id, row=2)])),
        (a_line("A", unit=name, district=districts[twins[1].parent_id or ""]), a_scope()),
        (a_line("A", unit=f"{name} ({districts[twins[1].parent_id or '']})"), a_scope()),
        (a_line("A", unit=twins[1].code), a_scope()),
        (a_line("A", unit=int(twins[1].code)), a_scope()),
        (a_line("A", unit=name), a_scope(twins[1].parent_id or "")),
    )
    for line, scope in settled:
        world = World()
        assert outcomes(world.upload(line, scope=scope)) == ["new"]
        assert {h.team.unit_id for h in world.teams.values()} == {twins[1].unit_id}
        assert outcomes(world.upload(a_line("A", unit=name))) == ["unchanged"], "the record settles it the next time"


def test_a_unit_is_looked_for_on_the_founding_day() -> None:
    old, new = ("Xã Nghĩa An", "Xã An Phú")
    unit = next(u for u in MAP if u.name == old)
    day = date(2023, 7, 10)
    units = [u for u in MAP if u is not unit]
    units += [unit._replace(valid_to=day), unit._replace(name=new, valid_from=day)]
    for name, formed_on, outcome in (
        (old, "9/7/2023", "new"),
        (new, "10/7/2023", "new"),
        (old, "10/7/2023", "refused"),
    ):
        [found] = World(units).upload(a_line("A", unit=name, formed_on=formed_on))
        assert found.outcome.value == outcome, said(found)
        assert ("đến trước 10/07/2023" in said(found).get("unit", "")) == (outcome == "refused")


def test_ly_son_is_a_district_that_takes_teams_of_every_level() -> None:
    for level, village in (("Cấp huyện", None), ("Cấp xã", None), ("Cấp thôn", "Thôn Tây")):
        assert outcomes(World().upload(a_line("A", unit="Lý Sơn", level=level, village=village))) == ["new"]


# -- villages, organisations ------------------------------------------------------------------------------------------


def test_villages_are_established_once_and_found_again_by_teams() -> None:
    places = Places(MAP)
    reads = [
        Reader(VILLAGES.columns).read(Line(n, {"unit": "Thị trấn Mộ Đức", "valid_from": "1/7/2023", **cells}))
        for n, cells in enumerate([
            {"village": "Tổ dân phố 1"}, {"village": "2", "village_kind": "Thôn"}, {"village": "tổ dân phố 1"},
            {"village": "Ba"}, {"village": "Thôn 3", "unit": "Huyện Mộ Đức"},
            {"village": "Thôn 4", "valid_from": "1/8/2023"},
        ], 2)
    ]  # fmt: skip
    lines = Villages(places, a_scope("533"))
    verdicts = lines.check(reads)
    assert outcomes(verdicts) == ["new", "new", "refused", "refused", "refused", "refused"]
    assert [next(iter(said(v))) for v in verdicts[2:]] == ["village", "village_kind", "unit", "valid_from"]
    assert [(s.name, s.kind) for s in lines.changes.states] == [
        ("Tổ dân phố 1", "residential_group"), ("Thôn 2", "hamlet"),
    ]  # fmt: skip
    known = Villages(Places([*MAP, *lines.changes.states]), a_scope())
    assert outcomes(known.check(reads[:2])) == ["unchanged"] * 2
    world = World([*MAP, *lines.changes.states])
    world.upload(a_line("A", level="Cấp thôn", village="thôn 2"))
    assert {h.team.village_id for h in world.teams.values()} == {lines.changes.states[1].unit_id}


def organisations(
    *cells: Mapping[str, Any], headcounts: Mapping[str, Any] | None = None
) -> tuple[list[Verdict], Lines]:
    reader = Reader(ORGANISATIONS.columns)
    lines = Lines(ORGANISATION_TREE, headcounts or {}, a_scope())
    return lines.check([reader.read(Line(n, c)) for n, c in enumerate(cells, 2)]), lines


def test_organisations_are_registered_below_others_whatever_the_order_of_the_lines() -> None:
    verdicts, lines = organisations(
        {"name": "Phòng A", "sector": "Sở, ban, ngành", "parent": "Sở B"},
        {"name": "Sở B", "sector": "department", "parent": "Đoàn thể", "headcount": "1.200"},
        {"name": "Tỉnh đoàn Quảng Ngãi", "sector": "Đoàn thanh niên"},
        {"name": "Phòng C", "sector": "Sở, ban, ngành", "parent": "Sở D"},
    )
    assert outcomes(verdicts) == ["new", "new", "unchanged", "refused"]
    assert said(verdicts[3])["parent"]
    assert [(s.name, h) for s, h in lines.changes.registered] == [("Sở B", 1200), ("Phòng A", None)]


def test_a_change_of_an_organisation_needs_its_day() -> None:
    line = {"name": "Tỉnh đoàn Quảng Ngãi", "sector": "Hội, đoàn thể", "headcount": 90}
    verdicts, _ = organisations(line)
    assert "effective_on" in said(verdicts[0])
    verdicts, _ = organisations({**line, "effective_on": "1/7/2023"})
    assert "headcount_since" in said(verdicts[0])
    verdicts, lines = organisations({**line, "effective_on": "1/7/2023", "headcount_since": "1/7/2023"})
    assert outcomes(verdicts) == ["changed"]
    assert len(lines.changes.events) == 2
    told = {"tinh-doan": [(date(2023, 7, 1), 90)]}
    verdicts, _ = organisations(
        {"name": "tinh-doan", "sector": "youth_union", "headcount": 90, "organisation_id": "tinh-doan"}, headcounts=told
    )
    assert "effective_on" in said(verdicts[0]), "another name is a change"


def test_the_kinds_are_those_of_the_addresses() -> None:
    assert {k.value for k in Kind} == {"teams-and-members", "villages", "organisations"}
