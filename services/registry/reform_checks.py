"""Rules of reforms: what a decision cannot say, each with the field that says it. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from itertools import chain

from services.registry.reform import (
    Choices,
    Fault,
    Ground,
    Newer,
    Prepared,
    Question,
    ReformPlan,
    Succession,
    Successor,
)
from services.registry.unit import home_id
from services.registry.unit_levels import Levels, exact
from shared.contracts.reform import Level, Part, UnitState
from shared.errors import FieldError, Problem, Text


def must_hold(faults: Iterable[Fault], then: Text | None = None) -> None:
    """Raises 422 with everything that is wrong, at most 100 fields; `then` says what to do about it."""
    found = list(faults)
    if not found:
        return
    first, more = found[0], len(found) - 1
    detail = first.message if not more else Text(
        f"{first.message.vi} (và {more} lỗi khác)", f"{first.message.en} (and {more} more)"
    )  # fmt: skip
    if then:
        detail = Text(f"{detail.vi}. {then.vi}", f"{detail.en}. {then.en}")
    raise Problem(422, first.slug, detail, fields=tuple(FieldError(f.field, f.message, f.about) for f in found[:100]))


def of_plan(ground: Ground, plan: ReformPlan) -> Iterator[Fault]:
    """What is wrong with a decision before the new map can be drawn."""
    yield from _successors_once(plan.successors)
    for n, successor in enumerate(plan.successors):
        yield from _of_successor(ground, f"plan.successors.{n}", successor)
        yield from _called(ground.levels, f"plan.successors.{n}.unit", successor.unit)
    yield from _parts(ground, plan)
    yield from _heirs(ground, plan)
    if plan.legal_basis.issued_on > plan.effective_on:
        text = Text("ngày ban hành phải trước ngày hiệu lực", "it must be issued before the effective day")
        yield Fault("issued_after_effective_day", "plan.legal_basis.issued_on", text)
    if not plan.successors and not plan.heirs:
        yield Fault("nothing_to_do", "plan.successors", Text("không có đơn vị nào", "there is no unit in it"))


def _successors_once(successors: Sequence[Successor]) -> Iterator[Fault]:
    seen: set[str] = set()
    for n, successor in enumerate(successors):
        unit = successor.unit
        if unit.unit_id in seen:
            yield Fault(
                "successor_twice",
                f"plan.successors.{n}.unit.unit_id",
                Text(f"«{unit.unit_id}» ({unit.name}) được nêu hai lần", f"«{unit.unit_id}» is given twice"),
            )
        seen.add(unit.unit_id)


def _of_successor(ground: Ground, field: str, successor: Successor) -> Iterator[Fault]:
    unit, ids = successor.unit, [p.unit_id for p in successor.predecessors]
    for n, unit_id in enumerate(ids):
        if unit_id not in ground.old or unit_id in ids[:n]:
            yield _predecessor(f"{field}.predecessors.{n}.unit_id", unit_id, known=unit_id in ground.old)
    if not ids:
        yield Fault(
            "predecessors_missing",
            f"{field}.predecessors",
            Text(f"«{unit.name}» chưa có đơn vị cũ nào", f"«{unit.name}» has no predecessor"),
        )
    elif unit.unit_id in ground.old and unit.unit_id not in ids:
        yield Fault(
            "id_of_another_unit",
            f"{field}.unit.unit_id",
            Text(
                f"mã «{unit.unit_id}» đang là của «{ground.old[unit.unit_id].name}», không nằm trong các đơn vị cũ",
                f"«{unit.unit_id}» is the id of «{ground.old[unit.unit_id].name}», which is not a predecessor",
            ),
        )
    elif unit.unit_id in ground.known and unit.unit_id not in ground.old:
        yield Fault(
            "id_taken",
            f"{field}.unit.unit_id",
            Text(f"mã «{unit.unit_id}» đã được dùng vào thời gian khác", f"«{unit.unit_id}» is taken on other days"),
        )


def _called(levels: Levels, field: str, unit: UnitState) -> Iterator[Fault]:
    """The kind fits the level, and the name begins with it. Villages are called as people call them."""
    kind, level = levels.kind(unit.kind), levels.level_of(unit.kind)
    if kind is None or level is None or level.counts_as is not unit.level:
        fitting = ", ".join(k.kind_id for k in levels.kinds_counting_as(unit.level))
        text = Text(
            f"loại «{kind.word_vi if kind else unit.kind}» không thuộc cấp của «{unit.name}»; các loại: {fitting}",
            f"the kind «{unit.kind}» is not one of the level of «{unit.name}»: {fitting}",
        )
        yield Fault("kind_does_not_fit", f"{field}.kind", text)
    elif unit.level is not Level.VILLAGE and not unit.name.startswith(f"{kind.word_vi} "):
        word = f"«{kind.word_vi} »"
        text = Text(f"tên đầy đủ phải bắt đầu bằng {word}", f"the full name has to begin with {word}")
        yield Fault("name_without_kind", f"{field}.name", text)


def _predecessor(field: str, unit_id: str, *, known: bool) -> Fault:
    if known:
        return Fault("predecessor_twice", field, Text(f"«{unit_id}» được nêu hai lần", f"«{unit_id}» is given twice"))
    return Fault(
        "predecessor_not_in_force",
        field,
        Text(
            f"không có đơn vị «{unit_id}» có hiệu lực vào ngày liền trước ngày sắp xếp",
            f"there is no unit «{unit_id}» in force on the day before the reform",
        ),
    )


def _parts(ground: Ground, plan: ReformPlan) -> Iterator[Fault]:
    """The whole of a unit goes to one successor; its parts to two at least, itself included if it goes on."""
    given: dict[str, list[tuple[str, Part]]] = {}
    for n, successor in enumerate(plan.successors):
        for m, (unit_id, part) in enumerate(successor.predecessors):
            given.setdefault(unit_id, []).append((f"plan.successors.{n}.predecessors.{m}.part", part))
    for unit_id, parts in given.items():
        name = ground.old[unit_id].name if unit_id in ground.old else unit_id
        if len(parts) > 1 and any(part is Part.WHOLE for _, part in parts):
            text = Text(
                f"toàn bộ «{name}» không thể thuộc về hai đơn vị", f"the whole of «{name}» cannot go to two units"
            )
            yield Fault("whole_given_twice", parts[-1][0], text)
        if len(parts) == 1 and parts[0][1] is Part.PART:
            text = Text(
                f"phần còn lại của «{name}» chưa thuộc đơn vị nào; nếu «{name}» vẫn tồn tại thì nêu cả đơn vị đó",
                f"the rest of «{name}» goes nowhere; if «{name}» goes on, name it as a successor too",
            )
            yield Fault("rest_goes_nowhere", parts[0][0], text)


def _heirs(ground: Ground, plan: ReformPlan) -> Iterator[Fault]:
    succession = Succession(ground, plan)
    for unit_id in sorted(succession.abolished & ground.old.keys()):
        if unit_id not in succession.heirs:
            name = ground.old[unit_id].name
            text = Text(
                f"«{name}» kết thúc nhưng chưa có đơn vị kế thừa việc còn dở",
                f"«{name}» is abolished but has no heir of what is open",
            )
            yield Fault("heir_missing", f"plan.heirs.{unit_id}", text)
    going_on = ground.old.keys() - succession.abolished | succession.states.keys()
    for unit_id, heir in plan.heirs.items():
        if unit_id not in ground.old:
            yield _predecessor(f"plan.heirs.{unit_id}", unit_id, known=False)
        elif unit_id in succession.states:
            text = Text(f"«{unit_id}» vẫn tồn tại, không có kế thừa", f"«{unit_id}» goes on and has no heir")
            yield Fault("heir_of_a_living_unit", f"plan.heirs.{unit_id}", text)
        if heir not in going_on:
            text = Text(
                f"đơn vị kế thừa «{heir}» không có hiệu lực sau sắp xếp",
                f"the heir «{heir}» is not in force after the reform",
            )
            yield Fault("heir_not_in_force", f"plan.heirs.{unit_id}", text)


def of_map(prepared: Prepared) -> Iterator[Fault]:
    """What is wrong with the new map."""
    fields = {s.unit.unit_id: f"plan.successors.{n}.unit" for n, s in enumerate(prepared.plan.successors)}
    for unit in prepared.new.values():
        yield from _parent(unit, prepared, fields.get(unit.unit_id))
    yield from _codes(prepared, fields)
    yield from of_newer(_ending(prepared), "plan.effective_on")


def _parent(unit: UnitState, prepared: Prepared, field: str | None) -> Iterator[Fault]:
    above = prepared.new.get(unit.parent_id or "")
    place = f"{field}.parent_id" if field else "plan.successors"
    if above is None and not (unit.level is Level.PROVINCE and unit.parent_id is None):
        text = Text(
            f"«{unit.name}» chưa thuộc đơn vị nào có hiệu lực sau sắp xếp",
            f"«{unit.name}» has no parent that is in force after the reform",
        )
        yield Fault("parent_missing", place, text)
    if above is not None and not prepared.succession.levels.may_lie_below(unit, above):
        text = Text(
            f"«{unit.name}» ({exact(unit)}) không thể thuộc «{above.name}» ({exact(above)})",
            f"«{unit.name}» ({exact(unit)}) cannot lie below «{above.name}» ({exact(above)})",
        )
        yield Fault("level_does_not_fit", place, text)
    elif above is not None and field and unit.level is Level.VILLAGE and not _may_have_villages(above, prepared.new):
        text = Text(
            f"«{above.name}» không trực tiếp có thôn, bản, tổ dân phố; hãy chọn xã, phường, thị trấn, đặc khu",
            f"«{above.name}» has no villages right below it; choose a commune",
        )
        yield Fault("commune_needed", place, text)
    elif above is not None and unit.level is Level.VILLAGE and not home_id(unit):
        text = Text(f"«{unit.name}» phải thuộc một xã hoặc huyện", f"«{unit.name}» has to lie in a commune or district")
        yield Fault("commune_needed", place, text)


def _may_have_villages(unit: UnitState, new: Mapping[str, UnitState]) -> bool:
    """A commune, a district that has none, or another village."""
    if unit.level is not Level.DISTRICT:
        return unit.level is not Level.PROVINCE
    return not any(u.level is Level.COMMUNE and u.parent_id == unit.unit_id for u in new.values())


def _codes(prepared: Prepared, fields: Mapping[str, str]) -> Iterator[Fault]:
    """A code stands for one unit on a day, within its province. Villages have none."""
    holders: dict[tuple[str, str], UnitState] = {}
    levels = prepared.succession.levels
    for unit in sorted(prepared.new.values(), key=lambda u: u.unit_id in fields):
        first = holders.setdefault((_root(unit, prepared.new, levels), unit.code), unit)
        if first is not unit and unit.code and unit.unit_id in fields:
            text = Text(
                f"mã số {unit.code} của «{unit.name}» đang là của «{first.name}» vào ngày này",
                f"the code {unit.code} of «{unit.name}» is that of «{first.name}» on that day",
            )
            yield Fault("code_taken", f"{fields[unit.unit_id]}.code", text)


def _root(unit: UnitState, new: Mapping[str, UnitState], levels: Levels) -> str:
    above = new.get(unit.parent_id or "")
    while above and levels.may_lie_below(unit, above):
        unit, above = above, new.get(above.parent_id or "")
    return unit.unit_id


def _ending(prepared: Prepared) -> Iterator[Newer]:
    """Units of which it is known already that they end on the effective day or after it, as others are or take over:
    another decision of that very day has abolished them."""
    above = {c.unit.parent_id for c in prepared.changes} | {h.successor_id for h in prepared.heirs}
    for unit in (prepared.old[i] for i in sorted(prepared.old.keys() & (prepared.touched | above))):
        if unit.valid_to is not None and unit.valid_to >= prepared.plan.effective_on:
            yield Newer(unit.unit_id, unit.name, unit.valid_to)


def of_newer(found: Iterable[Newer], field: str) -> Iterator[Fault]:
    """A reform is made, or taken back, only where nothing that is newer rests on its units."""
    for newer in found:
        text = Text(
            f"«{newer.name}» ({newer.subject_id}) có thay đổi từ {newer.since:%d/%m/%Y}, không sớm hơn ngày sắp xếp",
            f"«{newer.name}» ({newer.subject_id}) has changed on {newer.since}, not before the day of the reform",
        )
        yield Fault("newer_state", field, text, newer)


def of_reversal(found: Iterable[Newer]) -> Iterator[Fault]:
    """A reform is taken back as if it had not been only where no unit that is newer rests on it."""
    for newer in found:
        text = Text(
            f"«{newer.name}» ({newer.subject_id}) có thay đổi từ {newer.since:%d/%m/%Y}, sau khi sắp xếp",
            f"«{newer.name}» ({newer.subject_id}) has changed on {newer.since}, after the reform",
        )
        yield Fault("newer_state", "reform_id", text, newer)


MAKE_ANOTHER = Text(
    "Chưa rút lại được. Hãy lập một quyết định sắp xếp mới trả các đơn vị về như cũ và xem thử.",
    "It can't be taken back. Make a new decision that gives the units back, and preview it.",
)


def of_choices(prepared: Prepared, choices: Choices, but: Container[str] = ()) -> Iterator[Fault]:
    """What is wrong with the choices for villages, but for some."""
    for unit_id, chosen in choices.villages.items():
        if unit_id in but:
            continue
        ids = _open_to(prepared, unit_id)
        if len(ids) < 2 or chosen not in ids:
            yield not_a_candidate(f"choices.villages.{unit_id}", chosen, ids if len(ids) > 1 else ())


def _open_to(prepared: Prepared, unit_id: str) -> tuple[str, ...]:
    unit, succession = prepared.old.get(unit_id), prepared.succession
    if unit is None or unit_id in succession.states or unit_id in succession.abolished:
        return ()
    return succession.parents_for(unit)


def not_a_candidate(field: str, chosen: str, candidates: Sequence[str]) -> Fault:
    """A choice that is not open, or that is none of those that are."""
    if not candidates:
        return Fault("choice_not_open", field, Text("ở đây không có gì để chọn", "there is nothing to choose here"))
    names = ", ".join(candidates)
    text = Text(f"«{chosen}» không được; hãy chọn: {names}", f"«{chosen}» is not one of: {names}")
    return Fault("not_a_candidate", field, text)


def of_questions(*questions: Sequence[Question]) -> Iterator[Fault]:
    """What has to be chosen before the reform can be executed, each village and team by name."""
    for question in chain(*questions):
        names = ", ".join(question.candidates)
        text = Text(f"chọn nơi đến của «{question.name}»: {names}", f"choose where «{question.name}» goes: {names}")
        yield Fault("choice_missing", question.field, text)
