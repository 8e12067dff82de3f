"""Rules for what officers say of single units: a village is established, a state is corrected. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from services.registry.unit import Unit, place
from services.registry.unit_levels import Levels, exact, kind_of_level, own_id
from shared import errors
from shared.clock import local_day, start_of_day
from shared.contracts.reform import Level
from shared.contracts.registry import UnitCorrected, UnitEstablished
from shared.vietnamese import search_key


class Village(NamedTuple):
    """A village, or whatever else lies below a commune, as officers name it."""

    village_id: str
    name: str
    kind: str
    valid_from: date


class Correction(NamedTuple):
    """What should have been said of a unit from `since` on; None where it was right."""

    since: date
    code: str | None = None
    name: str | None = None
    kind: str | None = None
    parent_id: str | None = None


class Above(NamedTuple):
    """What there is to know of the parent that a correction names."""

    states: Sequence[Unit]
    """All states of that unit."""
    has_communes: bool
    """On the day since which the correction holds."""
    dependents: Sequence[str]
    """What lies below the unit that is corrected, or is placed there, by name: it would not come along."""


class Around(NamedTuple):
    """What there is to know of the place where a village is established."""

    levels: Levels
    parent: Unit
    """Its state on the first day."""
    beside: Iterable[Unit]
    """What is right below it already."""
    has_communes: bool = False


def establish(village: Village, around: Around, now: datetime) -> tuple[Unit, UnitEstablished]:
    """A village below a unit: a commune, a district without any, or a village of a higher level."""
    parent = around.parent
    own = own_id(kind_of_level(around.levels, village.kind, Level.VILLAGE))
    _may_have_villages(parent, around.has_communes)
    _check_first_day(village, parent, local_day(now))
    _check_name(village, parent, around.beside)
    district, commune = place(village.village_id, Level.VILLAGE, parent)
    state = Unit(
        village.village_id, "", village.name, village.kind, Level.VILLAGE, parent.unit_id, district, commune, "",
        village.valid_from, level_id=own,
    )  # fmt: skip
    _must_lie_below(state, parent, around.levels)
    return state, UnitEstablished(occurred_at=start_of_day(village.valid_from), **_told(state, UnitEstablished))


def _may_have_villages(parent: Unit, has_communes: bool) -> None:
    if parent.level is Level.PROVINCE or has_communes:
        raise errors.invalid(
            "commune_needed",
            "parent_id",
            f"«{parent.name}» không trực tiếp có thôn, bản, tổ dân phố. Hãy chọn xã, phường, thị trấn, đặc khu.",
            f"«{parent.name}» has no villages right below it. Choose a commune.",
        )


def _check_first_day(village: Village, parent: Unit, today: date) -> None:
    if village.valid_from > today:
        raise errors.invalid(
            "in_the_future",
            "valid_from",
            f"Ngày {village.valid_from:%d/%m/%Y} ở tương lai; hôm nay là {today:%d/%m/%Y}.",
            f"{village.valid_from} lies in the future; today is {today}.",
        )
    if parent.valid_to is not None:
        raise errors.invalid(
            "parent_changed_since",
            "valid_from",
            f"«{parent.name}» đã thay đổi từ ngày {parent.valid_to:%d/%m/%Y}. Hãy lập thôn từ ngày đó,"
            " tại đơn vị kế thừa."
            f" Xem /registry/units/{parent.unit_id}/lineage.",
            f"«{parent.name}» changed on {parent.valid_to}. Establish the village from that day on, at what follows."
            f" See /registry/units/{parent.unit_id}/lineage.",
        )


def _check_name(village: Village, parent: Unit, beside: Iterable[Unit]) -> None:
    """Two villages of a commune would be taken for one another."""
    twin = next((u for u in beside if search_key(u.name) == search_key(village.name)), None)
    if twin is not None:
        raise errors.conflict(
            "village_exists",
            "name",
            f"«{parent.name}» đã có «{twin.name}» (mã {twin.unit_id}). Hãy đặt tên khác hoặc dùng đơn vị đó.",
            f"«{parent.name}» has «{twin.name}» already ({twin.unit_id}). Use that one, or another name.",
        )


class Facts(NamedTuple):
    """What there is to know of a unit that is corrected."""

    levels: Levels
    states: Sequence[Unit]
    """All of the unit."""
    bearers: Sequence[Unit] = ()
    """All that bear the new code."""
    above: Above | None = None
    """Needed where the correction names a parent."""


def correct(facts: Facts, correction: Correction, now: datetime) -> tuple[Unit, UnitCorrected]:
    """The state that should have been said."""
    levels, states, bearers, above = facts
    wrong = next((s for s in states if s.valid_from == correction.since), None)
    if wrong is None:
        days = ", ".join(f"{s.valid_from:%d/%m/%Y}" for s in states)
        raise errors.invalid(
            "no_state_since",
            "since",
            f"Không có nội dung nào bắt đầu từ ngày đó. Các ngày bắt đầu: {days}.",
            f"No state begins on that day. They begin on: {', '.join(str(s.valid_from) for s in states)}.",
        )
    said = {k: v for k, v in correction._asdict().items() if k != "since" and v is not None}
    right = wrong._replace(**said)
    if above is not None and right.parent_id != wrong.parent_id:
        right = _below(wrong, right, above, levels)
    _must_differ(wrong, right)
    _check_kind(right, levels)
    _check_code(wrong, right, bearers)
    told = _told(right, UnitCorrected)
    return right, UnitCorrected(occurred_at=now, since=right.valid_from, **told)


def _must_lie_below(unit: Unit, parent: Unit, levels: Levels) -> None:
    if not levels.may_lie_below(unit, parent):
        raise errors.invalid(
            "level_does_not_fit",
            "parent_id",
            f"«{unit.name}» không thể thuộc «{parent.name}»: đơn vị cấp trên phải ở cấp cao hơn.",
            f"«{unit.name}» cannot lie below «{parent.name}»: the unit above has to be of a higher level.",
        )


def _below(wrong: Unit, right: Unit, above: Above, levels: Levels) -> Unit:
    """The state at another parent. A parent of a smaller rank only, so no unit can come to lie below itself."""
    parent = _parent_throughout(right, above.states)
    _must_lie_below(right, parent, levels)
    if right.level is Level.VILLAGE:
        _may_have_villages(parent, above.has_communes)
    district, commune = place(right.unit_id, right.level, parent)
    if above.dependents and (district, commune) != (wrong.district_id, wrong.commune_id):
        some = ", ".join(f"«{name}»" for name in above.dependents[:5])
        raise errors.conflict(
            "has_dependents",
            "parent_id",
            f"«{right.name}» đang có {len(above.dependents)} đơn vị hoặc tổ bên dưới ({some}). Đính chính không chuyển"
            " chúng theo: hãy chuyển từng tổ, hoặc lập một quyết định sắp xếp.",
            f"«{right.name}» has {len(above.dependents)} units or teams below it ({some}). A correction does not take"
            " them along: move each team, or make a reform of it.",
        )
    return right._replace(district_id=district, commune_id=commune)


def _parent_throughout(right: Unit, states: Sequence[Unit]) -> Unit:
    """The new parent, in force and the same in the tree as long as the state below it holds."""
    parent = next((s for s in states if s.holds_on(right.valid_from)), None)
    here = parent
    while here is not None and here.valid_to is not None and (right.valid_to is None or here.valid_to < right.valid_to):
        here = next((s for s in states if s.valid_from == here.valid_to), None)
        if here is not None and parent is not None and _placed(here) != _placed(parent):
            here = None
    if parent is None or here is None:
        raise errors.invalid(
            "parent_not_in_force",
            "parent_id",
            "Đơn vị cấp trên phải có hiệu lực, và ở cùng một chỗ, trong suốt thời gian của nội dung đính chính.",
            "The unit above has to be in force, and at one place, all the time that the corrected state holds.",
        )
    return parent


def _placed(unit: Unit) -> tuple[str, str | None, str | None]:
    return exact(unit), unit.district_id, unit.commune_id


def _must_differ(wrong: Unit, right: Unit) -> None:
    if right == wrong:
        raise errors.conflict(
            "nothing_to_correct",
            "since",
            "Nội dung đính chính giống hệt nội dung đang có.",
            "The correction says what is on record already.",
        )


def _check_kind(right: Unit, levels: Levels) -> None:
    fitting = levels.kinds_at(exact(right))
    kind = levels.kind(right.kind)
    if kind is None or right.kind not in fitting:
        raise errors.invalid(
            "kind_does_not_fit",
            "kind",
            f"Loại «{right.kind}» không thuộc cấp này. Các loại: {', '.join(fitting)}.",
            f"The kind «{right.kind}» does not fit the level. Kinds: {', '.join(fitting)}.",
        )
    word = kind.word_vi
    if right.level is not Level.VILLAGE and not right.name.startswith(f"{word} "):
        raise errors.invalid(
            "name_without_kind",
            "name",
            f"Tên đầy đủ phải bắt đầu bằng «{word} ».",
            f"The full name has to begin with «{word} ».",
        )


def _check_code(wrong: Unit, right: Unit, bearers: Iterable[Unit]) -> None:
    if right.code == wrong.code:
        return
    if not right.code or right.level is Level.VILLAGE:
        raise errors.invalid(
            "code_does_not_fit",
            "code",
            "Thôn, bản, tổ dân phố không có mã; đơn vị khác phải có mã.",
            "Villages have no code; every other unit has one.",
        )
    holder = next((u for u in bearers if u.unit_id != right.unit_id and _overlap(u, right)), None)
    if holder is not None:
        raise errors.conflict(
            "code_in_use",
            "code",
            f"Mã {right.code} trong thời gian đó là của «{holder.name}».",
            f"The code {right.code} is «{holder.name}»'s in that time.",
        )


def _overlap(one: Unit, other: Unit) -> bool:
    begins_in_time = other.valid_to is None or one.valid_from < other.valid_to
    return begins_in_time and (one.valid_to is None or other.valid_from < one.valid_to)


def _told(state: Unit, event: type[UnitEstablished] | type[UnitCorrected]) -> dict[str, Any]:
    return {k: v for k, v in state._asdict().items() if k in event.model_fields}
