"""JSON Schemas as people read them: one row a field, and an example of the whole. Used by the reference pages."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]

MAX_DEPTH = 4

_LIMITS = {
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minimum": "≥ {}",
    "maximum": "≤ {}",
    "exclusiveMinimum": "> {}",
    "exclusiveMaximum": "< {}",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "multipleOf": "a multiple of {}",
}
_SAMPLES: Mapping[str, Any] = {
    "string": "text",
    "integer": 1,
    "number": 1.5,
    "boolean": True,
    "null": None,
    "date": "2023-07-29",
    "date-time": "2023-07-29T08:30:00+07:00",
    "uuid": "0198c0de-0000-7000-8000-000000000001",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a body, an answer or an event; `depth` says how deep it is nested."""

    name: str
    depth: int
    type: str
    required: bool
    limits: tuple[str, ...]
    pattern: str | None
    description: str
    example: Any
    has_example: bool


def resolve(schema: Schema, root: Schema) -> Schema:
    """Follows local references; what stands beside a reference wins, as in JSON Schema 2020-12."""
    while "$ref" in schema:
        target: Any = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part.replace("~1", "/").replace("~0", "~")]
        schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
    return schema


def fields(schema: Schema, root: Schema, depth: int = 0) -> Iterator[Field]:
    """The fields of an object (or of the objects in a list), nested ones after the one that holds them."""
    holder = _object_in(schema, root)
    required = holder.get("required", ())
    for name, part in holder.get("properties", {}).items():
        yield field(name, part, root, required=name in required, depth=depth)
        if depth < MAX_DEPTH:
            yield from fields(part, root, depth + 1)


def field(name: str, schema: Schema, root: Schema, *, required: bool, depth: int = 0) -> Field:
    """One field's row. What applies to the value applies whether or not it may be null."""
    own = resolve(schema, root)
    value = _without_null(own, root)
    example = _own_example({**value, **own})
    return Field(
        name=name,
        depth=depth,
        type=type_name(own, root),
        required=required,
        limits=tuple(_limits({**value, **own})),
        pattern=value.get("pattern"),
        description=own.get("description") or (value.get("description", "") if value is not own else ""),
        example=example[0] if example else None,
        has_example=bool(example),
    )


def type_name(schema: Schema, root: Schema) -> str:
    """A type in words: "list of FormTeam", "one of open, closed", "date or null"."""
    schema = resolve(schema, root)
    if "const" in schema:
        return f"always {schema['const']}"
    if "enum" in schema:
        return "one of " + ", ".join(str(value) for value in schema["enum"])
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        return " or ".join(dict.fromkeys(type_name(option, root) for option in options))
    kind = schema.get("type", "any value")
    if kind == "array":
        return f"list of {type_name(schema.get('items', {}), root)}"
    if kind == "object":
        return str(schema.get("title", "object")) if "properties" in schema else "object"
    return str(schema.get("format", kind))


def sample(schema: Schema, root: Schema, depth: int = 0) -> Any:
    """A value that shows the shape: the schema's own example where it has one."""
    schema = _without_null(resolve(schema, root), root)
    if found := _own_example(schema):
        return found[0]
    if schema.get("type") == "array":
        return [] if depth > MAX_DEPTH else [sample(schema.get("items", {}), root, depth + 1)]
    if "properties" in schema:
        properties = schema["properties"].items() if depth <= MAX_DEPTH else ()
        return {name: sample(part, root, depth + 1) for name, part in properties}
    return {} if schema.get("type") == "object" else _plain_sample(schema)


def _plain_sample(schema: Schema) -> Any:
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if "enum" in schema:
        return schema["enum"][0]
    known = _SAMPLES.get(str(schema.get("format"))) or _SAMPLES.get(str(schema.get("type")))
    return max(known, schema.get("minimum", known)) if schema.get("type") == "integer" else known


def _own_example(schema: Schema) -> list[Any]:
    """An empty list, or one example: an example may itself be null."""
    if schema.get("examples"):
        return [schema["examples"][0]]
    return [schema["example"]] if "example" in schema else []


def _limits(schema: Schema) -> Iterator[str]:
    for key, words in _LIMITS.items():
        if key in schema:
            yield words.format(schema[key])
    if schema.get("default") is not None:
        yield f"default {schema['default']}"


def _without_null(schema: Schema, root: Schema) -> Schema:
    options = [resolve(option, root) for option in schema.get("anyOf") or schema.get("oneOf") or ()]
    real = [option for option in options if option.get("type") != "null"]
    return {**real[0], **{k: v for k, v in schema.items() if k not in {"anyOf", "oneOf", "title"}}} if real else schema


def _object_in(schema: Schema, root: Schema) -> Schema:
    schema = _without_null(resolve(schema, root), root)
    return _object_in(schema.get("items", {}), root) if schema.get("type") == "array" else schema
