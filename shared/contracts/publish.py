"""Publishes the dictionary of events: a committed JSON Schema and a golden example for each version of each event.

`python -m shared.contracts.publish --check` exits 1 and says why when a published version would break, or when a file
is missing or left over. `--write` writes the schemas of new versions and of compatible changes, and refuses the others.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import CoreSchema

from shared.contracts import EVENTS, Event
from shared.contracts.base import TYPE_PREFIX
from shared.contracts.compatibility import Schema, breaking

FOLDER = Path(__file__).parent
Events = Mapping[str, type[Event]]


class _Untitled(GenerateJsonSchema):
    """Without pydantic's titles, which only repeat the names of the fields."""

    def field_title_should_be_set(self, schema: CoreSchema | FieldInfo | Any) -> bool:  # noqa: ARG002 - pydantic asks
        return False


def file_name(event: type[Event]) -> str:
    """`outreach.citizen_guided.v1.json`, in `schemas/` and in `golden/`."""
    return f"{event.type_name().removeprefix(TYPE_PREFIX + '.')}.json"


def schema_of(event: type[Event]) -> Schema:
    """The JSON Schema of an event version, with its address on the bus. It describes every such event ever recorded."""
    body = event.model_json_schema(mode="validation", schema_generator=_Untitled)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:cds:schema:{file_name(event).removesuffix('.json')}",
        "title": event.type_name(),
        "x-type": event.type_name(),
        "x-subject": event.subject_template(),
        "x-key": event.KEY,
        **{k: v for k, v in body.items() if k != "title"},
    }


def check(events: Events = EVENTS, folder: Path = FOLDER) -> list[str]:
    """Everything that keeps the committed files from being the contract of these events."""
    found = [f"{name}: {reason}" for name, reasons in _broken(events, folder).items() for reason in reasons]
    for event in events.values():
        name = file_name(event)
        committed = folder / "schemas" / name
        if not committed.is_file():
            found.append(f"{name}: not published yet; run --write")
        elif committed.read_text(encoding="utf-8") != _text(schema_of(event)) and not _reasons(event, folder):
            found.append(f"{name}: changed compatibly; run --write")
        found += [f"{name}: {reason}" for reason in _golden_faults(event, folder / "golden" / name)]
    known = {file_name(event) for event in events.values()}
    stale = sorted(p.name for p in (folder / "golden").glob("*") if p.name not in known)
    return found + [f"{name}: a golden example without an event" for name in stale]


def write(events: Events = EVENTS, folder: Path = FOLDER) -> list[str]:
    """Writes schemas that are new or changed compatibly; answers with the refusals, and with one it writes nothing."""
    refused = [f"{name}: {reason}" for name, reasons in _broken(events, folder).items() for reason in reasons]
    if not refused:
        (folder / "schemas").mkdir(exist_ok=True)
        for event in events.values():
            (folder / "schemas" / file_name(event)).write_text(_text(schema_of(event)), encoding="utf-8")
    return refused


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; 0 when the contract stands."""
    parser = argparse.ArgumentParser(prog="python -m shared.contracts.publish", description=__doc__)
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--check", action="store_true", help="compare the dictionary with what is published")
    mode.add_argument("--write", action="store_true", help="publish new versions and compatible changes")
    chosen = parser.parse_args(argv)
    problems = (write() if chosen.write else []) or check()
    sys.stdout.writelines(f"{problem}\n" for problem in problems)
    sys.stdout.write(f"{len(EVENTS)} event versions, {len(problems)} problems\n")
    return 1 if problems else 0


def _broken(events: Events, folder: Path) -> dict[str, list[str]]:
    """Breaking changes by file name."""
    by_name = {file_name(event): event for event in events.values()}
    broken: dict[str, list[str]] = {}
    for path in sorted((folder / "schemas").glob("*")):
        event = by_name.get(path.name)
        reasons = _reasons(event, folder) if event else ["the event was removed: the log holds such events for ever"]
        if reasons:
            broken[path.name] = reasons
    return broken


def _reasons(event: type[Event], folder: Path) -> list[str]:
    committed = folder / "schemas" / file_name(event)
    return breaking(json.loads(committed.read_text(encoding="utf-8")), schema_of(event))


def _golden_faults(event: type[Event], path: Path) -> list[str]:
    """An example must parse, and say after a round trip what it said before."""
    if not path.is_file():
        return [f"no golden example; write golden/{path.name} by hand, once"]
    text = path.read_text(encoding="utf-8")
    try:
        again = event.model_validate_json(text).model_dump(mode="json", exclude_unset=True)
    except ValidationError as error:
        return [f"the golden example is no such event any more: {e['loc']} {e['msg']}" for e in error.errors()]
    return [] if again == json.loads(text) else ["the golden example changes on a round trip"]


def _text(schema: Schema) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    raise SystemExit(main())
