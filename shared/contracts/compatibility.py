"""Says what a change to a published event schema would break. Pure: two schemas in, reasons out (decision 0003).

The log is kept for ever, so new code reads old events: nothing may become narrower. Partners do not upgrade when we do,
so old code reads new events: nothing may become wider either. What remains is to add an optional field, and to explain
better. Everything else is a new version of the event, beside the old one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]

OLD_EVENTS = "events already in the log would no longer fit"
OLD_READERS = "readers of the published version would meet what they were promised not to meet"

_NOTES = frozenset({"$schema", "$id", "$defs", "$comment", "title", "description", "examples", "deprecated"})
_ADDRESS = ("x-type", "x-subject", "x-key")
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_NESTED = ("properties", "required", "items", "additionalProperties", "anyOf", "enum", "type", "default")


def breaking(published: Schema, proposed: Schema) -> list[str]:
    """Why `proposed` may not replace `published` under the same version; empty when it may."""
    address = [
        f"`{name}` changed from {published.get(name)!r} to {proposed.get(name)!r}: subscriptions and rights rest on it"
        for name in _ADDRESS
        if published.get(name) != proposed.get(name)
    ]
    return [*address, *_object("", _plain(published), _plain(proposed))]


def _plain(schema: Schema) -> Schema:
    """The schema with references put in place and everything that only explains left out."""
    return _strip(schema, schema.get("$defs", {}))


def _strip(node: Schema, defs: Schema) -> Schema:
    if "$ref" in node:
        rest = {k: v for k, v in node.items() if k != "$ref"}
        return _strip({**defs[node["$ref"].removeprefix("#/$defs/")], **rest}, defs)
    found = {k: v for k, v in node.items() if k not in _NOTES and not k.startswith("x-")}
    if "const" in found:
        found["enum"] = [found.pop("const")]
    if "properties" in found:
        found["properties"] = {k: _strip(v, defs) for k, v in found["properties"].items()}
    for name in ("items", "additionalProperties"):
        if isinstance(found.get(name), dict):
            found[name] = _strip(found[name], defs)
    if "anyOf" in found:
        found["anyOf"] = [_strip(option, defs) for option in found["anyOf"]]
    return found


def _object(path: str, old: Schema, new: Schema) -> Iterator[str]:
    """Compares two schemas of the same place; `path` is empty at the top."""
    where = f"field `{path}`" if path else "the event"
    old_null, old = _nullable(old)
    new_null, new = _nullable(new)
    if old_null != new_null:
        yield f"{where} may {'now' if new_null else 'no longer'} be null: {OLD_READERS if new_null else OLD_EVENTS}"
    if _kind(old) != _kind(new):
        yield f"{where} was retyped from {_kind(old)} to {_kind(new)}: {OLD_EVENTS}"
        return
    yield from _fields(path, old, new)
    yield from _enum(where, old.get("enum"), new.get("enum"))
    yield from _keywords(where, old, new)
    for inner in ("items", "additionalProperties"):
        yield from _inner(f"{path}[]", where, inner, (old.get(inner), new.get(inner)))


def _fields(path: str, old: Schema, new: Schema) -> Iterator[str]:
    before, after = old.get("properties", {}), new.get("properties", {})
    needed_before, needed_after = set(old.get("required", ())), set(new.get("required", ()))
    for name in before:
        field = f"{path}.{name}".lstrip(".")
        if name not in after:
            yield f"field `{field}` was removed: {OLD_READERS}"
            continue
        if name in needed_before - needed_after:
            yield f"field `{field}` became optional: {OLD_READERS}"
        if name in needed_after - needed_before:
            yield f"field `{field}` became required: {OLD_EVENTS}"
        yield from _object(field, before[name], after[name])
    for name in needed_after - set(before):
        yield f"new field `{f'{path}.{name}'.lstrip('.')}` is required: {OLD_EVENTS}"


def _nullable(schema: Schema) -> tuple[bool, Schema]:
    """Whether null is allowed, and the schema of what else is."""
    options = schema.get("anyOf")
    if not options:
        return False, schema
    others = [o for o in options if o.get("type") != "null"]
    rest = {k: v for k, v in schema.items() if k != "anyOf"}
    merged = {**rest, **others[0]} if len(others) == 1 else {**rest, "anyOf": sorted(others, key=_text)}
    return len(others) < len(options), merged


def _kind(schema: Schema) -> str:
    if "anyOf" in schema:
        return " or ".join(_text(option) for option in schema["anyOf"])
    return str(schema.get("type", "anything"))


def _enum(where: str, old: list[Any] | None, new: list[Any] | None) -> Iterator[str]:
    if old is None and new is None:
        return
    if old is None or new is None:
        yield f"{where} lost its list: {OLD_READERS}" if new is None else f"{where} got a list: {OLD_EVENTS}"
        return
    if gone := [v for v in old if v not in new]:
        yield f"{where} lost the values {gone}: {OLD_EVENTS}"
    if added := [v for v in new if v not in old]:
        yield f"{where} got the values {added}: {OLD_READERS}"


def _keywords(where: str, old: Schema, new: Schema) -> Iterator[str]:
    """Bounds, patterns, formats, defaults, and any keyword that a later pydantic may bring."""
    for name in sorted((old.keys() | new.keys()) - set(_NESTED)):
        if old.get(name) != new.get(name):
            yield f"{where} changed `{name}` from {old.get(name)!r} to {new.get(name)!r}: {_harm(name, old, new)}"
    if ("default" in old, old.get("default")) != ("default" in new, new.get("default")):
        yield f"{where} changed its default: its absence would mean something else in events already in the log"


def _harm(name: str, old: Schema, new: Schema) -> str:
    """Whom a changed bound hurts; of a pattern or a format that cannot be told, so both."""
    if name not in (*_LOWER, *_UPPER):
        return f"{OLD_EVENTS}, or {OLD_READERS}"
    before, after = old.get(name), new.get(name)
    narrower = before is None or (after is not None and (after > before if name in _LOWER else after < before))
    return OLD_EVENTS if narrower else OLD_READERS


def _inner(path: str, where: str, name: str, pair: tuple[Any, Any]) -> Iterator[str]:
    old, new = pair
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _object(path, old, new)
    elif old != new:
        yield f"{where} changed `{name}`: {OLD_EVENTS}, or {OLD_READERS}"


def _text(schema: Schema) -> str:
    return json.dumps(schema, sort_keys=True, ensure_ascii=False)
