"""The dictionary of events: published completely, readable by anyone's JSON Schema validator, free of personal data."""

import json
import re
import types
from collections.abc import Iterator
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, Union, get_args, get_origin

import jsonschema_rs
import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AwareDatetime, BaseModel

from shared import asyncapi, cloudevents
from shared.contracts import EVENTS, PRODUCERS, Event, UnknownEvent, events_of, parse, publish
from shared.event_log import LogRow
from shared.relay import Source, header_block

ALL = sorted(EVENTS)
STORED = sorted(path.name for path in (publish.FOLDER / "schemas").iterdir())
ID = re.compile(r"^[0-9A-Za-z][0-9A-Za-z_-]{0,63}$")


def schema(type_name: str) -> dict[str, Any]:
    name = publish.file_name(EVENTS[type_name])
    found: dict[str, Any] = json.loads((publish.FOLDER / "schemas" / name).read_text(encoding="utf-8"))
    return found


def validator(type_name: str) -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(schema(type_name), validate_formats=True)


# -- published completely


def test_each_event_version_has_its_two_files_and_there_are_no_others() -> None:
    expected = sorted(publish.file_name(event) for event in EVENTS.values())
    assert expected == STORED
    assert sorted(path.name for path in (publish.FOLDER / "golden").iterdir()) == expected


def test_the_committed_files_are_the_dictionary() -> None:
    assert publish.check() == []


def test_every_producer_publishes_and_nobody_else() -> None:
    assert {event.SERVICE for event in EVENTS.values()} == set(PRODUCERS)
    assert sum(len(events_of(service)) for service in PRODUCERS) == len(EVENTS)


@pytest.mark.parametrize("type_name", ALL)
def test_an_event_is_named_in_the_past_tense_and_says_what_it_means(type_name: str) -> None:
    event = EVENTS[type_name]
    assert re.fullmatch(r"vn\.cds\.(registry|outreach|courses)\.[a-z]+(_[a-z]+)+\.v[1-9][0-9]*", type_name)
    assert event.NAME.endswith(("ed", "left", "formed", "withdrawn"))
    assert event.KEY in event.model_fields
    published = schema(type_name)
    assert published["$id"] == f"urn:cds:schema:{type_name.removeprefix('vn.cds.')}"
    assert published["x-type"] == type_name
    assert published["x-subject"] == f"cds.{{province}}.{event.SERVICE}.{event.NAME}.{{district}}.{{commune}}"
    assert published["description"] == event.__doc__


def test_a_type_of_a_newer_release_is_told_apart_from_bad_data() -> None:
    with pytest.raises(UnknownEvent):
        parse("vn.cds.registry.team_formed.v99", b"{}")


# -- examples of every published version


@pytest.mark.parametrize("name", STORED)
def test_the_example_of_a_published_version_still_parses_and_fits_its_schema(name: str) -> None:
    type_name = f"vn.cds.{name.removesuffix('.json')}"
    text = (publish.FOLDER / "golden" / name).read_text(encoding="utf-8")
    event = parse(type_name, text)
    assert event.model_dump(mode="json", exclude_unset=True) == json.loads(text) == asyncapi.golden(type_name)
    assert parse(type_name, event.model_dump_json()) == event
    validator(type_name).validate(json.loads(text))
    assert set(json.loads(text)) == set(type(event).model_fields), "an example shows every field"


@pytest.mark.parametrize("type_name", ALL)
def test_the_example_goes_to_the_subject_of_its_place(type_name: str) -> None:
    event = parse(type_name, json.dumps(asyncapi.golden(type_name)))
    place = "533.21400" if "commune_id" in type(event).model_fields else "_._"
    assert event.subject("51") == f"cds.51.{event.SERVICE}.{event.NAME}.{place}"
    assert ID.match(event.key())


# -- whatever a class can hold fits its published schema


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a field's type."""
    if get_origin(kind) in (Union, types.UnionType):
        return st.one_of(*(values(option) for option in get_args(kind)))
    if get_origin(kind) is tuple:
        return st.lists(values(get_args(kind)[0]), max_size=4).map(tuple)
    if kind is AwareDatetime:
        return st.datetimes(min_value=datetime(1990, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds it
    if issubclass(kind, StrEnum):
        return st.sampled_from(list(kind))
    if issubclass(kind, BaseModel):
        return instances(kind)
    simple: dict[type, st.SearchStrategy[Any]] = {
        str: st.text(max_size=30),
        int: st.integers(-(2**31), 2**31),
        date: st.dates(min_value=date(1990, 1, 1)),
        types.NoneType: st.none(),
    }
    return simple[kind]


def instances(model: type[BaseModel]) -> st.SearchStrategy[Any]:
    """Instances of a model; fields with a default are left out now and then."""
    required = {n: values(f.annotation) for n, f in model.model_fields.items() if f.is_required()}
    optional = {n: values(f.annotation) for n, f in model.model_fields.items() if not f.is_required()}
    return st.fixed_dictionaries(required, optional=optional).map(lambda fields: model(**fields))


@pytest.mark.parametrize("type_name", ALL)
def test_any_instance_fits_the_published_schema_and_comes_back_the_same(type_name: str) -> None:
    check = validator(type_name)

    @settings(deadline=None)  # a busy machine is no reason to fail
    @given(instances(EVENTS[type_name]))
    def holds(event: Event) -> None:
        wire = event.model_dump_json()
        check.validate(json.loads(wire))
        assert parse(type_name, wire) == event
        assert parse(type_name, json.dumps({**json.loads(wire), "added_later": 1})) == event

    holds()


# -- no personal data (invariant 6)

TEXT = {
    # Names of places, bodies and things, never of people.
    "registry.unit_established": {"name", "code", "kind", "edition", "level_id"},
    "registry.unit_corrected": {"name", "code", "kind", "level_id"},
    "registry.units_reorganised": {
        "legal_basis.number",
        "legal_basis.title",
        "legal_basis.issuer",
        "edition",
        "changes.unit.name",
        "changes.unit.code",
        "changes.unit.kind",
        "changes.unit.level_id",
    },
    "registry.reorganisation_reversed": {
        "edition",
        "restored.unit.name",
        "restored.unit.code",
        "restored.unit.kind",
        "restored.unit.level_id",
    },
    "registry.organisation_registered": {"name", "sector"},
    "registry.organisation_changed": {"name", "sector"},
    "registry.team_formed": {"name", "village", "decision_number"},
    "registry.team_renamed": {"name"},
    "registry.team_reassigned": {"village"},
    "outreach.campaign_launched": {"name", "topics.code", "topics.name_vi", "topics.name_en"},
    "courses.course_published": {"title"},
    # Codes of a list, and the keyed hash of a citizen.
    "outreach.citizen_guided": {"citizen_ref", "topics"},
    "outreach.guidance_withdrawn": {"citizen_ref", "topics"},
}
"""Every text that is no id, by event. Any other field holds ids, numbers, days, moments or values of a fixed list."""

PERSONAL = re.compile(
    r"person|people|citizen(?!_ref)|full_?name|first_?name|last_?name|phone|mobile|mail|address|birth|gender|sex|cccd|cmnd"
    r"|identity|passport|tax|account|photo|note|comment|remark|text|message|free"
)
ID_FIELD = re.compile(
    r"^((changes|restored|transitions|heirs)\.(unit\.)?)?"
    r"(unit|from_unit|removed_unit|parent|predecessor|successor|village|district|commune|reporting_unit|reform"
    r"|organisation|team|into_team|member|campaign|guidance|course|learner|attempt)_ids?$"
)
PLAIN = (int, bool, date, AwareDatetime, types.NoneType)


def leaves(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, Any]]:
    """Each field of an event, nested ones with their path, with each type that it may have."""
    for name, field in model.model_fields.items():
        yield from kinds(f"{path}{name}", field.annotation)


def kinds(path: str, kind: Any) -> Iterator[tuple[str, Any]]:
    inner = [option for option in get_args(kind) if option is not Ellipsis]
    if inner:
        for option in inner:
            yield from kinds(path, option)
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        yield from leaves(kind, f"{path}.")
    else:
        yield path, kind


def personal(event: type[Event]) -> list[str]:
    """What in an event could carry personal data."""
    allowed = TEXT.get(f"{event.SERVICE}.{event.NAME}", set())
    found = []
    for path, kind in leaves(event):
        fixed = kind in PLAIN or (isinstance(kind, type) and issubclass(kind, StrEnum))
        text = kind is str and (bool(ID_FIELD.match(path)) or path in allowed)
        if PERSONAL.search(path) or not (fixed or text):
            found.append(f"{event.__name__}.{path}: {kind}")
    return found


@pytest.mark.parametrize("type_name", ALL)
def test_no_event_can_carry_personal_data(type_name: str) -> None:
    assert personal(EVENTS[type_name]) == []


def test_the_list_of_allowed_texts_has_no_entry_too_many() -> None:
    texts: dict[str, set[str]] = {}
    for event in EVENTS.values():
        found = {path for path, kind in leaves(event) if kind is str and not ID_FIELD.match(path)}
        texts.setdefault(f"{event.SERVICE}.{event.NAME}", set()).update(found)
    assert {name: fields for name, fields in texts.items() if fields} == TEXT


@pytest.mark.parametrize(
    ("field", "kind"),
    [
        ("full_name", str),
        ("nickname", str),
        ("phone", str),
        ("phone_id", str),
        ("citizen_id", str),
        ("identity_number", int),
        ("note", str | None),
        ("persons", tuple[str, ...]),
        ("extra", dict[str, str]),
        ("anything", Any),
    ],
)
def test_the_guard_sees_what_it_must(field: str, kind: Any) -> None:
    joined = EVENTS["vn.cds.registry.member_joined.v1"]
    sneaky: type[Event] = type("Sneaky", (joined,), {"__annotations__": {field: kind}, "__module__": __name__})
    assert {line.split(":")[0] for line in personal(sneaky)} == {f"Sneaky.{field}"}


# -- CloudEvents 1.0


@pytest.mark.parametrize("trace", ["", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"])
def test_the_headers_are_cloudevents_in_binary_mode(trace: str) -> None:
    type_name = "vn.cds.outreach.citizen_guided.v1"
    event = parse(type_name, json.dumps(asyncapi.golden(type_name)))
    recorded = datetime(2023, 7, 29, 1, 31, 7, 250000, tzinfo=UTC)
    event_id = "0189a0b2-02c1-7e44-8d5f-7b2f6ad1ea10"
    row = LogRow(
        42,
        event_id,
        type_name,
        event.subject("51"),
        event.key(),
        event.occurred_at,
        recorded,
        trace,
        event.model_dump_json(),
    )
    first, *lines = header_block(row, Source("outreach", "51")).decode("ascii").removesuffix("\r\n\r\n").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)

    read = from_binary(HTTPMessage(headers, row.payload.encode()), JSONFormat(), CloudEvent)

    assert first == "NATS/1.0"
    assert read.get_specversion() == "1.0"
    assert (read.get_id(), read.get_source(), read.get_type()) == (event_id, "/cds/51/outreach", type_name)
    assert (read.get_time(), headers["ce-time"]) == (event.occurred_at, "2023-07-29T01:30:00Z")
    assert read.get_subject() == event.key()
    assert read.get_dataschema() == schema(type_name)["$id"]
    assert read.get_datacontenttype() == "application/json"
    assert (read.get_extension("pos"), read.get_extension("recordedat")) == ("42", "2023-07-29T01:31:07.250000Z")
    assert read.get_data() == asyncapi.golden(type_name)
    assert headers.get("traceparent", "") == trace
    assert set(headers) - {"traceparent"} == set(asyncapi.HEADERS["properties"]) - {"traceparent"}


@pytest.mark.parametrize("trace", ["", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"])
def test_what_the_relay_writes_is_read_in_one_look(trace: str) -> None:
    """Header by header would be right too, only slower: nothing else would notice."""
    row = LogRow(7, "e7", "vn.cds.outreach.citizen_guided.v1", "s", "k", BEGIN, BEGIN, trace, "{}")
    found = cloudevents.IN_ORDER.search(header_block(row, Source("51", "outreach"), "Nats-Batch-Id: x\r\n"))
    assert found is not None
    assert found.groups() == (b"e7", row.type.encode(), b"7", b"2023-07-28T00:00:00Z")


BEGIN = datetime(2023, 7, 28, tzinfo=UTC)
