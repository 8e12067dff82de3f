"""Rules of villages that were established after the day of a reform that is made, or taken back. Pure.

A village goes to the one unit that may have it on the other map, else to the one where it was before, else where
somebody says; one below another that was established since goes along with that one.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from services.registry.reform import Fault, Newer, Prepared, Question, state
from services.registry.reform_checks import not_a_candidate
from services.registry.unit import Unit, place
from services.registry.unit_levels import Levels
from shared.contracts.reform import Level, UnitState
from shared.errors import Text
from shared.vietnamese import search_key


class Home(NamedTuple):
    """A village of one map, and the units of the other one below which it may be."""

    village: Unit
    back_to: tuple[Unit | UnitState, ...]
    goes_along: bool = False
    """It lies below another village that was established since."""

    @property
    def candidates(self) -> tuple[str, ...]:
        """Their ids."""
        return tuple(u.unit_id for u in self.back_to)


class VillageMove(NamedTuple):
    """A village as it was established, and as it will have been."""

    before: Unit
    after: Unit


class VillageMoves(NamedTuple):
    """What becomes of all of them."""

    moves: tuple[VillageMove, ...] = ()
    questions: tuple[Question, ...] = ()
    stay: tuple[Unit, ...] = ()
    """Those that are below the same unit on both maps."""


def homes(
    villages: Iterable[Unit], origins: Mapping[str, Sequence[str]], takers: Mapping[str, Unit], levels: Levels
) -> list[Home]:
    """`villages`: parents before children; `origins`: predecessors by successor; `takers`: units of the old map that
    may have villages, by id."""
    found: dict[str, Home] = {}
    for village in villages:
        ids = origins.get(village.parent_id or "", [village.parent_id or ""])
        above = tuple(u for i in ids if (u := takers.get(i)) and levels.may_lie_below(village, u))
        found[village.unit_id] = Home(village, above, goes_along=village.parent_id in found)
    return list(found.values())


def homeless(some: Iterable[Home]) -> Iterator[Newer]:
    """Villages for which the old map has no unit: they stand in the way."""
    return (Newer(v.unit_id, v.name, v.valid_from) for v, back_to, goes_along in some if not back_to and not goes_along)


def homes_after(prepared: Prepared, villages: Iterable[Unit]) -> list[Home]:
    """The same of villages of the old map, where a reform is made: the successors of the unit above each."""
    levels, found = prepared.succession.levels, dict[str, Home]()
    parents = {u.parent_id for u in prepared.new.values() if u.level is Level.COMMUNE}
    for village in villages:
        along = village.parent_id in found
        ids = () if along else prepared.succession.parents_for(village)
        some = (prepared.new[i] for i in ids)
        takers = tuple(u for u in some if may_take(u, parents) and levels.may_lie_below(village, u))
        found[village.unit_id] = Home(village, takers, goes_along=along)
    return list(found.values())


def as_before(some: Iterable[Home], former: Mapping[str, Collection[str]]) -> dict[str, str]:
    """The unit to which each village goes by itself where there are several: the only one where it was before."""
    pairs = [(h.village.unit_id, [i for i in h.candidates if i in former.get(h.village.unit_id, ())]) for h in some]
    return {village_id: ids[0] for village_id, ids in pairs if len(ids) == 1}


def take_along(prepared: Prepared, some: Iterable[Home], villages: VillageMoves) -> Prepared:
    """The map with these villages, so that teams go with them; of an undecided one the parent is provisional."""
    after = {v.unit_id: v for v in (*villages.stay, *(m.after for m in villages.moves))}
    for home in some:
        village = home.village
        if village.unit_id not in after:
            above = after[village.parent_id or ""] if home.goes_along else home.back_to[0]
            after[village.unit_id] = _below(village, above)
    new = {**prepared.new, **{h.village.unit_id: state(after[h.village.unit_id]) for h in some}}
    return prepared._replace(new=new, questions=(*prepared.questions, *villages.questions))


def may_take(unit: Unit | UnitState, parents: Container[str | None]) -> bool:
    """Whether a unit may have villages right below it: not the province, nor a district that is a commune's parent."""
    return unit.level is not Level.PROVINCE and not (unit.level is Level.DISTRICT and unit.unit_id in parents)


def return_villages(some: Iterable[Home], choices: Mapping[str, str]) -> VillageMoves:
    """The moves, and the questions that nobody has answered yet."""
    moves: list[VillageMove] = []
    questions: list[Question] = []
    stay: list[Unit] = []
    parents: dict[str, Unit | None] = {}  # of the villages themselves, None while that is open
    for home in some:
        village, above = home.village, _above(home, choices, parents)
        if len(home.back_to) > 1 and above is None:
            asked = (f"choices.villages.{village.unit_id}", village.unit_id, village.name, village.parent_id or "")
            questions.append(Question(*asked, home.candidates, village.valid_from))
        parents[village.unit_id] = after = _below(village, above) if above else None
        if after == village:
            stay.append(village)
        elif after is not None:
            moves.append(VillageMove(village, after))
    return VillageMoves(tuple(moves), tuple(questions), tuple(stay))


def _above(home: Home, choices: Mapping[str, str], parents: Mapping[str, Unit | None]) -> Unit | UnitState | None:
    """Below which unit it will have been; None while that is open."""
    if home.goes_along:
        return parents[home.village.parent_id or ""]
    if len(home.back_to) == 1:
        return home.back_to[0]
    return next((u for u in home.back_to if u.unit_id == choices.get(home.village.unit_id)), None)


def _below(village: Unit, parent: Unit | UnitState) -> Unit:
    district, commune = place(village.unit_id, Level.VILLAGE, parent)
    return village._replace(parent_id=parent.unit_id, district_id=district, commune_id=commune)


def of_choices(some: Iterable[Home], choices: Mapping[str, str]) -> Iterator[Fault]:
    """What is wrong with the choices."""
    open_to = {h.village.unit_id: h.candidates for h in some if len(h.back_to) > 1}
    for village_id, chosen in choices.items():
        if chosen not in open_to.get(village_id, ()):
            yield not_a_candidate(f"choices.villages.{village_id}", chosen, open_to.get(village_id, ()))


def of_names(villages: VillageMoves, there: Iterable[Unit | UnitState]) -> Iterator[Fault]:
    """Two villages of a commune would be taken for one another. `there`: what the other map has below."""
    taken: dict[tuple[str | None, str], Unit | UnitState] = {
        (u.parent_id, search_key(u.name)): u for u in (*there, *villages.stay)
    }
    for _, after in villages.moves:
        twin = taken.setdefault((after.parent_id, search_key(after.name)), after)
        if twin is not after:
            text = Text(
                f"«{after.name}» ({after.unit_id}) sẽ trùng tên với «{twin.name}» ({twin.unit_id}) ở cùng một đơn vị;"
                " hãy đính chính tên trước",
                f"«{after.name}» ({after.unit_id}) would have the name of «{twin.name}» ({twin.unit_id}) beside it;"
                " correct its name first",
            )
            yield Fault("village_exists", f"choices.villages.{after.unit_id}", text)
