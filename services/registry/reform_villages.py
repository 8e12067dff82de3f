"""Rules of taking a reform back: where the villages go that were established on its map since. Pure.

A village goes to the one predecessor of the unit that it was established below, else where somebody says; one below
another that was established since goes along with that one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from services.registry.reform import Fault, Newer, Question
from services.registry.reform_checks import not_a_candidate
from services.registry.unit import Unit, place
from services.registry.unit_levels import Levels
from shared.contracts.reform import Level
from shared.errors import Text
from shared.vietnamese import search_key


class Home(NamedTuple):
    """A village of the new map, and the units of the old one below which it may be."""

    village: Unit
    back_to: tuple[Unit, ...]
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


def may_take(unit: Unit, parents: Collection[str]) -> bool:
    """Whether a unit may have villages right below it: not the province, nor a district that is a commune's parent."""
    return unit.level is not Level.PROVINCE and not (unit.level is Level.DISTRICT and unit.unit_id in parents)


def return_villages(some: Iterable[Home], choices: Mapping[str, str]) -> VillageMoves:
    """The moves, and the questions that nobody has answered yet."""
    moves: list[VillageMove] = []
    questions: list[Question] = []
    parents: dict[str, Unit | None] = {}  # of the villages themselves, None while that is open
    for home in some:
        village, above = home.village, _above(home, choices, parents)
        if len(home.back_to) > 1 and above is None:
            asked = (f"choices.villages.{village.unit_id}", village.unit_id, village.name, village.parent_id or "")
            questions.append(Question(*asked, home.candidates, village.valid_from))
        parents[village.unit_id] = after = _below(village, above) if above else None
        if after is not None and after != village:
            moves.append(VillageMove(village, after))
    return VillageMoves(tuple(moves), tuple(questions))


def _above(home: Home, choices: Mapping[str, str], parents: Mapping[str, Unit | None]) -> Unit | None:
    """Below which unit it will have been; None while that is open."""
    if home.goes_along:
        return parents[home.village.parent_id or ""]
    if len(home.back_to) == 1:
        return home.back_to[0]
    return next((u for u in home.back_to if u.unit_id == choices.get(home.village.unit_id)), None)


def _below(village: Unit, parent: Unit) -> Unit:
    district, commune = place(village.unit_id, Level.VILLAGE, parent)
    return village._replace(parent_id=parent.unit_id, district_id=district, commune_id=commune)


def of_choices(some: Iterable[Home], choices: Mapping[str, str]) -> Iterator[Fault]:
    """What is wrong with the choices."""
    open_to = {h.village.unit_id: h.candidates for h in some if len(h.back_to) > 1}
    for village_id, chosen in choices.items():
        if chosen not in open_to.get(village_id, ()):
            yield not_a_candidate(f"choices.villages.{village_id}", chosen, open_to.get(village_id, ()))


def of_names(moves: Iterable[VillageMove], there: Iterable[Unit]) -> Iterator[Fault]:
    """Two villages of a commune would be taken for one another. `there`: villages that the old map has below."""
    taken = {(u.parent_id, search_key(u.name)): u for u in there}
    for _, after in moves:
        twin = taken.setdefault((after.parent_id, search_key(after.name)), after)
        if twin is not after:
            text = Text(
                f"«{after.name}» ({after.unit_id}) sẽ trùng tên với «{twin.name}» ({twin.unit_id}) ở cùng đơn vị cũ;"
                " hãy đính chính tên trước",
                f"«{after.name}» ({after.unit_id}) would have the name of «{twin.name}» ({twin.unit_id}) beside it;"
                " correct its name first",
            )
            yield Fault("village_exists", f"choices.villages.{after.unit_id}", text)
