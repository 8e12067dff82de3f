"""Whatever a decision says: nobody is left behind, nothing hangs in the air, and a reversal restores the map."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from services.registry.reform import Choices, Prepared, Question, ReformPlan, Successor, apply, state
from services.registry.reform_checks import must_hold, of_choices, of_map, of_plan
from services.registry.reform_events import reassigned, reorganised, reversal
from services.registry.reform_reversal import of_choices as of_team_choices
from services.registry.reform_reversal import take_back
from services.registry.reform_teams import move_teams
from services.registry.team import TeamHistory, TeamPlace
from services.registry.unit import Unit
from shared.contracts.reform import Change, Level, MoveReason, UnitState
from tests.unit.registry import reforms
from tests.unit.registry.reforms import DAY, ground, history, plan, successor, team, undoing, unit

P, D, C, V = Level.PROVINCE, Level.DISTRICT, Level.COMMUNE, Level.VILLAGE


@st.composite
def maps(draw: st.DrawFn) -> dict[str, Unit]:
    """A province of a few districts, communes and villages; districts may have no communes but villages."""
    province = unit("51", Level.PROVINCE)
    units = [province]
    for d in range(draw(st.integers(1, 4))):
        district = unit(f"d{d}", D, province, code=f"5{d}0")
        units.append(district)
        communes = [unit(f"c{d}{c}", C, district, code=f"2{d}{c}0") for c in range(draw(st.integers(0, 4)))]
        units += communes
        for n, above in enumerate(communes or [district]):
            units += [unit(f"v{d}{n}{v}", V, above) for v in range(draw(st.integers(0, 3)))]
    return {u.unit_id: u for u in units}


@st.composite
def decisions(draw: st.DrawFn, old: dict[str, Unit]) -> ReformPlan:
    """Merges, splits, renames, transfers and promotions of communes, with or without the districts."""
    communes = [u for u in old.values() if u.level is C]
    districts = [u for u in old.values() if u.level is D]
    no_districts = draw(st.booleans())
    above = ["51"] if no_districts else [d.unit_id for d in districts]
    fates = {c.unit_id: draw(st.sampled_from(["stays", "moves", "merges", "splits"])) for c in communes}
    merged = [i for i, fate in fates.items() if fate == "merges"]
    pairs = [merged[n : n + 2] for n in range(0, len(merged), 2)]
    found = [successor(state_of(f"m{n}", draw(st.sampled_from(above)), f"3{n}0"), *of) for n, of in enumerate(pairs)]
    for unit_id, fate in fates.items():
        parent = draw(st.sampled_from(above))
        if fate == "moves":
            code = draw(st.sampled_from([old[unit_id].code, f"4{unit_id[1:]}"]))
            found.append(successor(state_of(unit_id, parent, code), unit_id))
        if fate == "splits":
            halves = [state_of(f"{unit_id}{half}", parent, f"6{unit_id[1:]}{ord(half)}") for half in "ab"]
            found += [successor(half, parts=[unit_id]) for half in halves]
    heirs = {i: f"{i}{draw(st.sampled_from('ab'))}" for i, fate in fates.items() if fate == "splits"}
    if no_districts:
        found += promoted(old, districts)
        ids = [s.unit.unit_id for s in found if s.unit.level is C]
        heirs |= {d.unit_id: draw(st.sampled_from(ids)) for d in districts if has_communes(old, d)} if ids else {}
        no_heirs = [d for d in districts if has_communes(old, d) and d.unit_id not in heirs]
        heirs |= {d.unit_id: next(c.unit_id for c in communes) for d in no_heirs}
    return plan(*found, heirs=heirs)


def has_communes(old: dict[str, Unit], district: Unit) -> bool:
    return any(u.parent_id == district.unit_id and u.level is C for u in old.values())


def state_of(unit_id: str, parent_id: str, code: str) -> UnitState:
    return reforms.state(unit_id, C, parent_id, code=code)


def promoted(old: dict[str, Unit], districts: list[Unit]) -> list[Successor]:
    """Districts without communes go on as communes, as Lý Sơn does."""
    return [
        successor(state_of(d.unit_id, "51", f"9{d.code}"), d.unit_id) for d in districts if not has_communes(old, d)
    ]


@st.composite
def teams(draw: st.DrawFn, old: dict[str, Unit]) -> list[TeamPlace]:
    """Teams of every level, some of them founded after the effective day."""
    found = []
    for n, at in enumerate(draw(st.lists(st.sampled_from(list(old.values())), max_size=12))):
        if at.level is V:
            place = team(f"t{n}", old[at.parent_id or ""], village=at)
        elif at.level in {C, D}:
            place = team(f"t{n}", at)
        else:
            continue
        later = draw(st.booleans())
        found.append(place._replace(valid_from=date(2025, 8, 1)) if later else place)
    return found


class Case:
    """A reform with everything chosen that it asks for."""

    def __init__(self, data: st.DataObject) -> None:
        self.old = data.draw(maps())
        self.plan = data.draw(decisions(self.old))
        self.places = data.draw(teams(self.old))
        self.names = {p.team_id: p.team_id for p in self.places}
        if not self.plan.successors and not self.plan.heirs:
            self.plan = plan(successor(reforms.state("51", Level.PROVINCE, None, name="Tỉnh Khác"), "51"))
        must_hold(of_plan(ground(self.old), self.plan))
        villages = self._choose(data, apply(ground(self.old), self.plan, Choices()).questions)
        halfway = apply(ground(self.old), self.plan, Choices(villages=villages))
        asked = move_teams(halfway, self.places, self.names, Choices()).questions
        self.choices = Choices(self._choose(data, asked), villages)
        self.prepared: Prepared = apply(ground(self.old), self.plan, self.choices)
        must_hold([*of_map(self.prepared), *of_choices(self.prepared, self.choices)])
        self.result = move_teams(self.prepared, self.places, self.names, self.choices)

    @staticmethod
    def _choose(data: st.DataObject, questions: tuple[Question, ...]) -> dict[str, str]:
        return {q.subject_id: data.draw(st.sampled_from(q.candidates)) for q in questions}

    def histories(self) -> list[TeamHistory]:
        """The teams with their places before and after."""
        moved = {m.before.team_id: m.after for m in self.result.moves}
        both = [(p, moved.get(p.team_id, p)) for p in self.places]
        return [history(a) if a == b else history(*([b] if a.valid_from == b.valid_from else [a, b])) for a, b in both]

    def places_after(self) -> list[TeamPlace]:
        moved = {m.before.team_id: m.after for m in self.result.moves}
        return [moved.get(p.team_id, p) for p in self.places]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_nothing_is_left_open_once_everything_asked_for_is_chosen(data: st.DataObject) -> None:
    case = Case(data)
    assert case.prepared.questions == ()
    assert case.result.questions == ()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_team_is_at_one_unit_in_force_and_knows_what_it_lies_in(data: st.DataObject) -> None:
    case = Case(data)
    new = case.prepared.new
    after = case.places_after()
    assert len(case.result.moves) == len({m.after.team_id for m in case.result.moves})
    for place in after:
        at = new[place.unit_id]
        assert (place.district_id, place.commune_id) == (at.district_id, at.commune_id)
        if place.village_id:
            assert new[place.village_id].parent_id == place.unit_id
        assert at.level is not V


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_unit_in_force_hangs_on_one_that_is_not_and_no_code_stands_for_two(data: st.DataObject) -> None:
    new = Case(data).prepared.new
    assert [u for u in new.values() if u.parent_id not in new and u.level is not Level.PROVINCE] == []
    codes = [u.code for u in new.values() if u.code]
    assert len(codes) == len(set(codes))
    for unit_ in new.values():
        above = new.get(unit_.parent_id or "")
        assert unit_.district_id == (unit_.unit_id if unit_.level is D else above.district_id if above else None)
        assert unit_.commune_id == (unit_.unit_id if unit_.level is C else above.commune_id if above else None)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_events_alone_make_the_new_map_and_the_reversal_the_old_one(data: st.DataObject) -> None:
    case = Case(data)
    followed = {i: state(u) for i, u in case.old.items()}
    for event in reorganised(case.prepared):
        for change in event.changes:
            if change.change is Change.ABOLISHED:
                del followed[change.unit.unit_id]
            else:
                followed[change.unit.unit_id] = change.unit
    assert followed == case.prepared.new
    before = [case.old[i] for i in sorted(case.prepared.touched)]
    removed = [c.unit.unit_id for c in case.prepared.changes if c.change is Change.ESTABLISHED]
    for told in reversal("r1", DAY, "2023", before, removed):
        for unit_id in told.removed_unit_ids:
            del followed[unit_id]
        followed |= {c.unit.unit_id: c.unit for c in told.restored}
    assert followed == {i: state(u) for i, u in case.old.items()}


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_teams_follow_the_events_there_and_back(data: st.DataObject) -> None:
    case = Case(data)
    followed = {p.team_id: where(p) for p in case.places}
    for event in reassigned(case.result.moves, "r1", MoveReason.REFORM):
        assert followed[event.team_id][0] == event.from_unit_id
        followed[event.team_id] = (event.unit_id, event.level, event.village_id, event.district_id, event.commune_id)
    assert followed == {p.team_id: where(p) for p in case.places_after()}
    back = take_back(undoing(case.prepared, case.result.moves), case.histories(), {})
    assert back.questions == ()
    for event in reassigned(back.moves, "r1", MoveReason.REVERSAL):
        assert event.since == event.effective_on
        followed[event.team_id] = (event.unit_id, event.level, event.village_id, event.district_id, event.commune_id)
    assert followed == {p.team_id: where(p) for p in case.places}


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_whatever_is_on_the_new_map_goes_back_to_the_old_one_once_what_is_asked_is_chosen(data: st.DataObject) -> None:
    case = Case(data)
    since = [history(p) for p in data.draw(formed_since(case.prepared.new))]
    taken_back, teams_ = undoing(case.prepared, case.result.moves), [*case.histories(), *since]
    asked = take_back(taken_back, teams_, {}).questions
    assert {q.subject_id for q in asked} <= {h.team.team_id for h in since}
    choices = {q.field.removeprefix("choices.teams."): data.draw(st.sampled_from(q.candidates)) for q in asked}
    must_hold(of_team_choices(taken_back, teams_, choices))
    result = take_back(taken_back, teams_, choices)
    assert result.questions == ()
    after = {(m.before.team_id, m.before.valid_from): m.after for m in result.moves}
    assert len(after) == len(result.moves)
    for place in (p for h in teams_ for p in h.places if p.valid_from >= DAY):
        back = after.get((place.team_id, place.valid_from), place)
        at = case.old[back.unit_id]
        assert (back.district_id, back.commune_id) == (at.district_id, at.commune_id)
        assert (back.valid_from, back.valid_to) == (place.valid_from, place.valid_to)
        if back.village_id:
            assert case.old[back.village_id].parent_id == back.unit_id
    chosen = {m.after.team_id: m.after.village_id or m.after.unit_id for m in result.moves}
    assert {t: chosen.get(t, c) for t, c in choices.items()} == choices


@st.composite
def formed_since(draw: st.DrawFn, new: Mapping[str, UnitState]) -> list[TeamPlace]:
    """Teams that were formed on the new map."""
    found = []
    for n, at in enumerate(draw(st.lists(st.sampled_from([u for u in new.values() if u.level is not P]), max_size=8))):
        day = draw(st.sampled_from([DAY, date(2025, 7, 9)]))
        village = at if at.level is V else None
        unit_ = new[at.parent_id or ""] if village else at
        place = TeamPlace(
            f"n{n}", day, None, unit_.unit_id, at.level, village.name if village else None,
            village.unit_id if village else None,
            unit_.district_id, unit_.commune_id, "founding",
        )  # fmt: skip
        found.append(place)
    return found


def where(place: TeamPlace) -> tuple[str, Level, str | None, str | None, str | None]:
    return (place.unit_id, place.level, place.village_id, place.district_id, place.commune_id)
