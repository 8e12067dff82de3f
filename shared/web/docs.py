"""Reference pages of our own for OpenAPI and AsyncAPI documents: server-rendered, no script, no outside address."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment
from markupsafe import Markup, escape

from shared.web import Lang, environment, shell
from shared.web.schema import Field, Schema, field, fields, resolve, sample, type_name

METHODS = ("get", "post", "put", "patch", "delete")
ANYONE = ["anyone"]


@dataclass(frozen=True, slots=True)
class Body:
    """A request's or an answer's content, or an event's payload."""

    name: str
    description: str
    fields: tuple[Field, ...]
    example: str


@dataclass(frozen=True, slots=True)
class Response:
    """One status that an operation answers with."""

    status: str
    description: str
    body: Body | None


@dataclass(frozen=True, slots=True)
class Operation:
    """One endpoint. `roles` is empty where anyone may call, and None where the document does not say."""

    anchor: str
    method: str
    path: str
    tag: str
    description: str
    roles: tuple[str, ...] | None
    scope: str
    parameters: tuple[tuple[str, Field], ...]
    body: Body | None
    answers: tuple[Response, ...]
    problems: tuple[Response, ...]


@dataclass(frozen=True, slots=True)
class Channel:
    """One event or question on the bus."""

    anchor: str
    name: str
    action: str
    subject: str
    description: str
    stream: str | None
    type: str
    parameters: tuple[Field, ...]
    headers: tuple[Field, ...]
    payload: Body | None


_ACTIONS = ("send", "receive", "reply", "tick", "notice")


def render_openapi(spec: Mapping[str, Any], *, lang: Lang, title: str) -> str:
    """The HTTP reference of a service. Links are relative to `/<service>/docs`."""
    operations = tuple(_operations(spec))
    problem = next((answer.body for op in operations for answer in op.problems if answer.body), None)
    context = {
        "title": title,
        **_info(spec),
        "prefix": next((server["url"] for server in spec.get("servers", ())), "").rstrip("/"),
        "groups": _grouped(operations),
        "problem": problem,
    }
    return _environment().get_template("docs_openapi.html").render({**context, **shell(lang, "")})


def render_asyncapi(spec: Mapping[str, Any], *, lang: Lang, title: str) -> str:
    """The reference of what a service says, reads and answers on the bus. Links are relative to `…/docs/events`."""
    channels = tuple(_channels(spec))
    common = {channel.headers for channel in channels if channel.headers}
    context = {
        "title": title,
        **_info(spec),
        "groups": [(action, [c for c in channels if c.action == action]) for action in _ACTIONS],
        "headers": common.pop() if len(common) == 1 else None,
    }
    return _environment().get_template("docs_asyncapi.html").render({**context, **shell(lang, "")})


@cache
def _environment() -> Environment:
    env = environment()
    env.filters["prose"] = _prose
    return env


def _prose(text: str) -> Markup:
    """A description with its `code` marked; everything else stays the text that it is."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped just here


def _info(spec: Schema) -> dict[str, str]:
    info = spec["info"]
    return {"summary": info.get("summary") or info.get("description", ""), "version": info["version"]}


def _operations(spec: Schema) -> Iterable[Operation]:
    for path, item in spec["paths"].items():
        for method in METHODS:
            if method in item:
                yield _operation(spec, path, method, item[method], item.get("parameters", []))


def _operation(spec: Schema, path: str, method: str, op: Schema, shared: list[Schema]) -> Operation:
    responses = [_response(status, resolve(found, spec), spec) for status, found in op.get("responses", {}).items()]
    return Operation(
        anchor=f"{method}-{path.strip('/').replace('/', '-').translate(_NO_BRACES) or 'root'}",
        method=method.upper(),
        path=path,
        tag=next(iter(op.get("tags", ())), ""),
        description=op.get("description") or op.get("summary", ""),
        roles=_roles(op),
        scope=op.get("x-scope", ""),
        parameters=tuple(_parameter(resolve(found, spec), spec) for found in [*shared, *op.get("parameters", ())]),
        body=_body(resolve(op["requestBody"], spec), spec) if "requestBody" in op else None,
        answers=tuple(r for r in responses if not _is_problem(r.status)),
        problems=tuple(r for r in responses if _is_problem(r.status)),
    )


_NO_BRACES = str.maketrans("", "", "{}")


def _is_problem(status: str) -> bool:
    return status[:1] in {"4", "5"}


def _roles(op: Schema) -> tuple[str, ...] | None:
    roles = op.get("x-roles")
    if roles is None:
        return None
    return () if roles == ANYONE else tuple(roles)


def _parameter(parameter: Schema, spec: Schema) -> tuple[str, Field]:
    schema = {**resolve(parameter.get("schema", {}), spec)}
    for key in ("description", "example"):
        if key in parameter:
            schema[key] = parameter[key]
    return parameter["in"], field(parameter["name"], schema, spec, required=parameter.get("required", False))


def _response(status: str, response: Schema, spec: Schema) -> Response:
    return Response(status, response.get("description", ""), _body(response, spec))


def _body(holder: Schema, spec: Schema) -> Body | None:
    """The first media type's schema; an example given beside the schema goes before one made from it."""
    for media in holder.get("content", {}).values():
        if schema := media.get("schema"):
            given = (
                [media["example"]] if "example" in media else [e["value"] for e in media.get("examples", {}).values()]
            )
            return _described(schema, spec, given)
    return None


def _described(schema: Schema, spec: Schema, given: list[Any]) -> Body:
    example = given[0] if given else sample(schema, spec)
    return Body(
        name=type_name(schema, spec),
        description=resolve(schema, spec).get("description", ""),
        fields=tuple(fields(schema, spec)),
        example=json.dumps(example, ensure_ascii=False, indent=2),
    )


def _grouped(operations: Iterable[Operation]) -> list[tuple[str, list[Operation]]]:
    groups: dict[str, list[Operation]] = {}
    for operation in operations:
        groups.setdefault(operation.tag, []).append(operation)
    return list(groups.items())


def _channels(spec: Schema) -> Iterable[Channel]:
    for name, operation in spec.get("operations", {}).items():
        channel = resolve(operation["channel"], spec)
        messages = operation.get("messages") or list(channel.get("messages", {}).values())
        message = resolve(messages[0], spec) if messages else {}
        yield _channel(name, operation, channel, message, spec)


def _channel(name: str, operation: Schema, channel: Schema, message: Schema, spec: Schema) -> Channel:
    payload = message.get("payload")
    given = [example["payload"] for example in message.get("examples", ()) if "payload" in example]
    return Channel(
        anchor=name.replace("/", "-"),
        name=name,
        action=_action(operation, channel),
        subject=channel.get("address") or name,
        description=channel.get("description", ""),
        stream=channel.get("x-stream"),
        type=message.get("name", ""),
        parameters=tuple(
            field(key, {"type": "string", **resolve(found, spec)}, spec, required=True)
            for key, found in channel.get("parameters", {}).items()
        ),
        headers=tuple(fields(message.get("headers", {}), spec)),
        payload=_described(payload, spec, given) if payload else None,
    )


def _action(operation: Schema, channel: Schema) -> str:
    """`send` and `receive` for events, which live on a stream; without one, what is received is a question to answer,
    and what is sent a tick or a notice."""
    action: str = operation["action"]
    if "x-stream" in channel:
        return action
    return "reply" if action == "receive" else str(channel["address"]).partition(".")[0]
