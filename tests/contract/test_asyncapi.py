"""The AsyncAPI document of each service: what it sends, what it receives, where, in which form."""

import dataclasses
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import jsonschema_rs
import pytest

from shared import asyncapi
from shared.contracts import EVENTS, Event, events_of, publish
from shared.projection import Projection, Table
from tests.contract import documents


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def resolve(document: dict[str, Any], reference: str) -> Any:
    found: Any = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part.replace("~1", "/").replace("~0", "~")]
    return found


def messages(document: dict[str, Any], operation: str) -> list[dict[str, Any]]:
    """The messages of an operation, references followed to their end."""
    found = []
    for reference in document["operations"][operation]["messages"]:
        message = resolve(document, reference["$ref"])
        found.append(resolve(document, message["$ref"]) if "$ref" in message else message)
    return found


def payload(document: dict[str, Any], event: type[Event]) -> dict[str, Any]:
    [message] = messages(document, event.NAME)
    found: dict[str, Any] = resolve(document, message["payload"]["$ref"])
    return found


@pytest.mark.parametrize("name", documents.NAMES)
def test_it_is_asyncapi_3_and_hangs_together(name: str) -> None:
    document = documents.events(name)
    assert document["asyncapi"] == "3.0.0"
    assert {"title", "version", "description"} <= set(document["info"])
    assert document["servers"] == {"nats": {"host": "nats.example:4222", "protocol": "nats"}}
    for reference in references(document):
        assert resolve(document, reference) is not None
    for key in (*document["channels"], *document["operations"], *document["components"]["messages"]):
        assert re.fullmatch(r"[A-Za-z0-9_.:-]+", key)
    for part in (document["channels"], document["operations"], *document["components"].values()):
        assert list(part) == sorted(part), "the document must not change from start to start"
    for channel in document["channels"].values():
        assert set(re.findall(r"\{(\w+)\}", channel["address"])) == set(channel.get("parameters", {}))
        assert channel["description"]
        assert channel["messages"]
    for operation in document["operations"].values():
        assert operation["action"] in {"send", "receive"}
        assert operation["messages"]


@pytest.mark.parametrize("name", documents.NAMES)
def test_it_says_all_that_the_service_sends_and_receives_and_no_more(name: str) -> None:
    spec, document = documents.spec(name), documents.events(name)
    sends = {event.NAME for event in spec.publishes}
    receives = {event.NAME for service in spec.follows for event in events_of(service)}
    questions = {f"q.51.{name}.{question}" for question in spec.questions}
    actions = {key: operation["action"] for key, operation in document["operations"].items() if key in sends | receives}
    assert actions == dict.fromkeys(sends, "send") | dict.fromkeys(receives, "receive")
    assert {c["address"] for c in document["channels"].values() if c["address"].startswith("q.")} == questions
    ticks = {f"tick.51.{name}"} if spec.projections else set()
    assert {c["address"] for c in document["channels"].values() if c["address"].startswith("tick.")} == ticks
    assert not ticks or document["operations"]["tick"]["action"] == "send"
    notices = {f"notice.51.{name}.event_parked"} if spec.projections else set()
    assert {c["address"] for c in document["channels"].values() if c["address"].startswith("notice.")} == notices
    assert not notices or document["operations"]["event_parked"]["action"] == "send"
    assert len(document["channels"]) == len(sends | receives) + len(questions) + len(ticks) + len(notices)


def test_a_question_says_what_it_may_be_asked() -> None:
    document = documents.events("reporting")
    [message] = messages(document, "overview")
    assert set(resolve(document, message["payload"]["$ref"])["properties"]) == {"campaign", "map", "min_pos"}


def test_a_notice_says_which_events_and_nothing_of_what_was_in_them() -> None:
    document = documents.events("reporting")
    [message] = messages(document, "event_parked")
    schema = resolve(document, message["payload"]["$ref"])
    assert set(schema["properties"]) == {"projection", "stream", "first", "last", "count"}
    assert {field["type"] for field in schema["properties"].values()} == {"string", "integer"}


def test_producers_publish_their_whole_dictionary_and_reporting_hears_everyone() -> None:
    assert {name: set(documents.spec(name).publishes) for name in documents.NAMES} == {
        name: set(events_of(name)) for name in documents.NAMES
    }
    follows = {name: documents.spec(name).follows for name in documents.NAMES}
    assert follows == {
        "registry": (),
        "outreach": ("registry",),
        "courses": ("registry",),
        "reporting": ("courses", "outreach", "registry"),
    }
    assert "overview" in documents.spec("reporting").questions


@pytest.mark.parametrize("name", documents.NAMES)
def test_each_event_stands_at_its_subject_and_stream_in_its_published_form(name: str) -> None:
    document, spec = documents.events(name), documents.spec(name)
    for event in (*spec.publishes, *(e for s in spec.follows for e in events_of(s))):
        channel = document["channels"][event.NAME]
        assert channel["address"] == event.subject_template().replace("{province}", "51")
        assert channel["x-stream"] == f"{event.SERVICE.upper()}_51"
        assert channel["x-stream"] in channel["description"]
        assert (event.__doc__ or "").strip() in channel["description"]
        committed = json.loads((publish.FOLDER / "schemas" / publish.file_name(event)).read_text(encoding="utf-8"))
        shown = payload(document, event)
        assert set(shown["properties"]) == set(committed["properties"])
        assert sorted(shown["required"]) == sorted(committed["required"])


@pytest.mark.parametrize("name", documents.NAMES)
def test_the_examples_are_the_committed_ones_and_fit_the_payload(name: str) -> None:
    document, spec = documents.events(name), documents.spec(name)
    for event in (*spec.publishes, *(e for s in spec.follows for e in events_of(s))):
        [message] = messages(document, event.NAME)
        assert message["name"] == event.type_name()
        assert message["contentType"] == "application/json"
        [example] = message["examples"]
        assert example["payload"] == asyncapi.golden(event.type_name())
        schema = {**message["payload"], "components": document["components"]}
        jsonschema_rs.validator_for(schema, validate_formats=True).validate(example["payload"])
        with pytest.raises(jsonschema_rs.ValidationError):
            jsonschema_rs.validate(schema, {**example["payload"], event.KEY: None})


@pytest.mark.parametrize("name", documents.NAMES)
def test_the_headers_are_described_with_an_example_that_fits(name: str) -> None:
    for message in documents.events(name)["components"]["messages"].values():
        if "headers" not in message:
            continue  # a question: plain request and reply
        shown = {key: found["examples"][0] for key, found in message["headers"]["properties"].items()}
        jsonschema_rs.validate(message["headers"], shown)
        assert shown["ce-type"] in EVENTS


@pytest.mark.parametrize("name", documents.NAMES)
def test_it_names_no_outside_address_and_no_secret(name: str) -> None:
    document = documents.events(name)
    assert documents.addresses(document) == set()
    assert "secret" not in json.dumps(document)


class Row(NamedTuple):
    """A row that no fold of this test writes."""

    key: str


def test_a_follower_receives_what_it_follows() -> None:
    """Independent of the four: a registry that also followed courses would say so."""
    heard = Projection("heard", version=1, tables=(Table("row", Row, key=1),))

    @heard.on(EVENTS["vn.cds.courses.quiz_passed.v1"], needs=lambda *_: [])
    def fold(*_: Any) -> None: ...

    spec = dataclasses.replace(documents.spec("registry"), projections=(heard,))
    document = asyncapi.document(documents.service(spec))
    actions = {key: operation["action"] for key, operation in document["operations"].items()}
    assert actions == {e.NAME: "send" for e in events_of("registry")} | {"tick": "send", "event_parked": "send"} | {
        e.NAME: "receive" for e in events_of("courses")
    }
