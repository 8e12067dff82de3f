"""Each rule of compatibility, red and green; and the publisher that enforces them on files."""

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field, create_model

from shared.contracts import Event, publish
from shared.contracts.compatibility import OLD_EVENTS, OLD_READERS, Schema, breaking

PUBLISHED: Schema = {
    "x-type": "vn.cds.registry.visit_made.v1",
    "x-subject": "cds.{province}.registry.visit_made.{district}.{commune}",
    "x-key": "visit_id",
    "description": "Someone visited.",
    "type": "object",
    "$defs": {
        "Place": {"enum": ["home", "school"], "type": "string", "title": "Place"},
        "Topic": {"type": "object", "properties": {"code": {"type": "string"}}, "required": ["code"]},
        "Visitor": {"type": "object", "properties": {"member_id": {"type": "string"}}},
    },
    "properties": {
        "visit_id": {"type": "string", "pattern": "^[a-z]+$", "minLength": 2, "maxLength": 36},
        "people": {"type": "integer", "minimum": 1, "maximum": 10},
        "place": {"$ref": "#/$defs/Place", "description": "Where."},
        "topics": {"type": "array", "items": {"$ref": "#/$defs/Topic"}, "minItems": 1},
        "village": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        "happened_on": {"type": "string", "format": "date"},
        "visitor": {"anyOf": [{"$ref": "#/$defs/Visitor"}, {"type": "null"}], "default": None},
        "mark": {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]},
        "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
        "kind": {"type": "string", "const": "visit"},
    },
    "required": ["visit_id", "people", "place", "topics"],
}

Edit = Callable[[Schema], Any]


def prop(name: str, **changes: Any) -> Edit:
    """Sets keywords of a property; None takes one away."""

    def edit(schema: Schema) -> None:
        found = schema["properties"][name]
        found.update(changes)
        for key in [key for key, value in changes.items() if value is None]:
            del found[key]

    return edit


BREAKING: dict[str, tuple[Edit, str]] = {
    "field removed": (lambda s: s["properties"].pop("village"), f"`village` was removed: {OLD_READERS}"),
    "field retyped": (prop("people", type="string"), "`people` was retyped from integer to string"),
    "text became a number or text": (
        lambda s: s["properties"].update(happened_on={"anyOf": [{"type": "string"}, {"type": "integer"}]}),
        "`happened_on` was retyped",
    ),
    "one of two types lost": (lambda s: s["properties"]["mark"]["anyOf"].pop(1), "`mark` was retyped"),
    "nested field removed": (lambda s: s["$defs"]["Topic"]["properties"].clear(), "`topics[].code` was removed"),
    "nested field retyped": (
        lambda s: s["$defs"]["Topic"]["properties"].update(code={"type": "integer"}),
        "`topics[].code` was retyped",
    ),
    "field of an optional object removed": (
        lambda s: s["$defs"]["Visitor"]["properties"].clear(),
        "`visitor.member_id` was removed",
    ),
    "items retyped": (prop("topics", items={"type": "string"}), "`topics[]` was retyped from object to string"),
    "map retyped": (prop("counts", additionalProperties={"type": "string"}), "`counts[]` was retyped"),
    "map closed": (prop("counts", additionalProperties=False), "`counts` changed `additionalProperties`"),
    "new required field": (
        lambda s: (s["properties"].update(team_id={"type": "string"}), s["required"].append("team_id")),
        f"new field `team_id` is required: {OLD_EVENTS}",
    ),
    "optional became required": (lambda s: s["required"].append("village"), f"`village` became required: {OLD_EVENTS}"),
    "required became optional": (lambda s: s["required"].remove("people"), f"`people` became optional: {OLD_READERS}"),
    "null no longer": (
        lambda s: s["properties"].update(village={"type": "string", "default": None}),
        f"`village` may no longer be null: {OLD_EVENTS}",
    ),
    "null now": (
        lambda s: s["properties"].update(people={"anyOf": [s["properties"]["people"], {"type": "null"}]}),
        f"`people` may now be null: {OLD_READERS}",
    ),
    "value lost": (lambda s: s["$defs"]["Place"]["enum"].remove("home"), f"lost the values ['home']: {OLD_EVENTS}"),
    "value added": (lambda s: s["$defs"]["Place"]["enum"].append("ward"), f"got the values ['ward']: {OLD_READERS}"),
    "list of values dropped": (prop("place", **{"$ref": None, "type": "string"}), f"lost its list: {OLD_READERS}"),
    "list of values introduced": (prop("happened_on", enum=["2023-07-29"]), f"got a list: {OLD_EVENTS}"),
    "constant changed": (prop("kind", const="call"), "`kind` lost the values ['visit']"),
    "pattern changed": (prop("visit_id", pattern="^[a-f]+$"), "`visit_id` changed `pattern`"),
    "format changed": (prop("happened_on", format="date-time"), "`happened_on` changed `format`"),
    "minimum raised": (prop("people", minimum=2), f"`minimum` from 1 to 2: {OLD_EVENTS}"),
    "minimum lowered": (prop("people", minimum=0), f"`minimum` from 1 to 0: {OLD_READERS}"),
    "minimum dropped": (prop("people", minimum=None), f"`minimum` from 1 to None: {OLD_READERS}"),
    "maximum lowered": (prop("people", maximum=9), f"`maximum` from 10 to 9: {OLD_EVENTS}"),
    "maximum raised": (prop("people", maximum=11), f"`maximum` from 10 to 11: {OLD_READERS}"),
    "length bounded": (prop("happened_on", maxLength=10), f"`maxLength` from None to 10: {OLD_EVENTS}"),
    "more items needed": (prop("topics", minItems=2), f"`minItems` from 1 to 2: {OLD_EVENTS}"),
    "default changed": (prop("village", default="Thôn 1"), "`village` changed its default"),
    "subject changed": (lambda s: s.update({"x-subject": "cds.{province}.x"}), "`x-subject` changed"),
    "key changed": (lambda s: s.update({"x-key": "team_id"}), "`x-key` changed"),
    "event closed": (lambda s: s.update(additionalProperties=False), "the event changed `additionalProperties`"),
}

HARMLESS: dict[str, Edit] = {
    "new optional field": lambda s: s["properties"].update(
        note_code={"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}
    ),
    "new optional nested field": lambda s: s["$defs"]["Topic"]["properties"].update(order={"type": "integer"}),
    "described": prop("people", description="How many."),
    "described otherwise": lambda s: s.update(description="A visit."),
    "titled": prop("visit_id", title="Visit", examples=["ab"]),
    "marked as outdated": prop("village", deprecated=True),
    "definition put in place": lambda s: s["properties"].update(place=copy.deepcopy(s["$defs"]["Place"])),
    "other order of null": lambda s: s["properties"]["village"]["anyOf"].reverse(),
    "other order of options": lambda s: s["properties"]["mark"]["anyOf"].reverse(),
    "other order of required": lambda s: s["required"].reverse(),
    "other order of values": lambda s: s["$defs"]["Place"]["enum"].reverse(),
    "constant as a list of one": lambda s: s["properties"].update(kind={"type": "string", "enum": ["visit"]}),
    "a note of our own": lambda s: s.update({"x-owner": "registry"}),
}


def edited(*edits: Edit) -> Schema:
    schema = copy.deepcopy(PUBLISHED)
    for edit in edits:
        edit(schema)
    return schema


@pytest.mark.parametrize("case", BREAKING)
def test_a_breaking_change_is_refused_once_and_with_its_reason(case: str) -> None:
    edit, reason = BREAKING[case]
    found = breaking(PUBLISHED, edited(edit))
    assert any(reason in line for line in found), found
    assert len(found) == 1 + (case == "constant changed"), found


@pytest.mark.parametrize("case", HARMLESS)
def test_a_harmless_change_passes(case: str) -> None:
    proposed = edited(HARMLESS[case])
    assert proposed != PUBLISHED or "order" in case
    assert breaking(PUBLISHED, proposed) == []


@settings(deadline=None)  # a busy machine is no reason to fail
@given(st.sampled_from(sorted(BREAKING)), st.lists(st.sampled_from(sorted(HARMLESS)), unique=True))
def test_harmless_changes_hide_no_breaking_one(case: str, others: list[str]) -> None:
    edit, _ = BREAKING[case]
    harmless = [HARMLESS[name] for name in others if name != "definition put in place"]
    assert breaking(PUBLISHED, edited(*harmless, edit))
    assert breaking(PUBLISHED, edited(*harmless)) == []


class VisitMade(Event):
    """Someone visited."""

    SERVICE: ClassVar[str] = "registry"
    NAME: ClassVar[str] = "visit_made"
    KEY: ClassVar[str] = "visit_id"

    visit_id: str
    people: int = Field(ge=1)


EVENT = VisitMade.type_name()
NAME = "registry.visit_made.v1.json"
GOLDEN = {"occurred_at": "2023-07-29T01:30:00Z", "visit_id": "ab", "people": 3}
DOC = VisitMade.__doc__
Longer: type[Event] = create_model("Longer", __base__=VisitMade, __doc__=DOC, village=(str | None, None))
Retyped: type[Event] = create_model("Retyped", __base__=VisitMade, __doc__=DOC, people=(str, ...))


class VisitMade2(VisitMade):
    """Someone visited."""

    VERSION: ClassVar[int] = 2

    people: str  # type: ignore[assignment]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder where VisitMade is published, with its example."""
    (tmp_path / "golden").mkdir()
    (tmp_path / "golden" / NAME).write_text(json.dumps(GOLDEN))
    assert publish.check({EVENT: VisitMade}, tmp_path) == [f"{NAME}: not published yet; run --write"]
    assert publish.write({EVENT: VisitMade}, tmp_path) == []
    assert publish.check({EVENT: VisitMade}, tmp_path) == []
    return tmp_path


def test_a_compatible_change_is_written_over_the_published_schema(folder: Path) -> None:
    assert publish.check({EVENT: Longer}, folder) == [f"{NAME}: changed compatibly; run --write"]
    assert publish.write({EVENT: Longer}, folder) == []
    assert publish.check({EVENT: Longer}, folder) == []
    assert "village" in json.loads((folder / "schemas" / NAME).read_text())["properties"]


def test_a_breaking_change_is_never_written(folder: Path) -> None:
    before = (folder / "schemas" / NAME).read_text()
    later: dict[str, type[Event]] = {EVENT: Retyped, VisitMade2.type_name(): VisitMade2}
    [refused] = publish.write(later, folder)
    assert refused.startswith(f"{NAME}: field `people` was retyped from integer to string")
    assert refused in publish.check(later, folder)
    assert (folder / "schemas" / NAME).read_text() == before
    assert [path.name for path in (folder / "schemas").iterdir()] == [NAME], "a refused run wrote something else"


def test_a_new_version_stands_beside_the_old_one(folder: Path) -> None:
    both: dict[str, type[Event]] = {EVENT: VisitMade, VisitMade2.type_name(): VisitMade2}
    assert publish.write(both, folder) == []
    [missing] = publish.check(both, folder)
    assert "no golden example" in missing
    (folder / "golden" / "registry.visit_made.v2.json").write_text(json.dumps({**GOLDEN, "people": "three"}))
    assert publish.check(both, folder) == []


def test_a_removed_event_is_refused(folder: Path) -> None:
    removed = [f"{NAME}: the event was removed: the log holds such events for ever"]
    assert publish.write({}, folder) == removed
    assert publish.check({}, folder) == [*removed, f"{NAME}: a golden example without an event"]


@pytest.mark.parametrize(
    ("example", "fault"),
    [
        ({**GOLDEN, "people": 0}, "no such event any more"),
        ({"visit_id": "ab", "people": 1}, "no such event any more"),
        ({**GOLDEN, "typo": 1}, "changes on a round trip"),
        ({**GOLDEN, "occurred_at": "2023-07-29T08:30:00.000000+07:00"}, "changes on a round trip"),
    ],
)
def test_an_example_must_parse_and_survive_a_round_trip(folder: Path, example: dict[str, Any], fault: str) -> None:
    (folder / "golden" / NAME).write_text(json.dumps(example))
    [found] = publish.check({EVENT: VisitMade}, folder)
    assert fault in found


def test_the_command_line_passes_on_what_is_committed() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "shared.contracts.publish", "--check"], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout
    assert ran.stdout.endswith(" 0 problems\n")


@pytest.mark.parametrize("mode", ["--check", "--write"])
def test_the_command_line_fails_on_a_breaking_change_and_says_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path, mode: str
) -> None:
    monkeypatch.setattr(publish.check, "__defaults__", ({EVENT: Retyped}, folder))
    monkeypatch.setattr(publish.write, "__defaults__", ({EVENT: Retyped}, folder))
    assert publish.main([mode]) == 1
    assert "field `people` was retyped" in capsys.readouterr().out
