"""Which tables a function that reads would go through from end to end, as Postgres plans its statements."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, NamedTuple

import asyncpg

from shared.db import Conn


class Read(NamedTuple):
    """A call of a function that reads; `scans` says which large tables it may read from end to end, and why."""

    name: str
    arguments: dict[str, Any]
    scans: Mapping[str, str] = {}


def read(name: str, scans: Mapping[str, str] | None = None, **arguments: Any) -> Read:
    """A call, shortly."""
    return Read(name, arguments, scans or {})


class Explaining:
    """A connection that explains each query before it runs it, and remembers what was read from end to end."""

    def __init__(self, conn: Conn) -> None:
        self._conn = conn
        self.queries = 0
        self.scanned: set[str] = set()

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def run(query: str, *args: object) -> Any:
            [plan] = json.loads(await self._conn.fetchval(f"explain (format json) {query}", *args))
            self.scanned |= set(_scans(plan["Plan"]))
            self.queries += 1
            return await getattr(self._conn, name)(query, *args)

        return run


def _scans(node: dict[str, Any]) -> Iterator[str]:
    if node["Node Type"] == "Seq Scan":
        yield node["Relation Name"]
    for child in node.get("Plans", []):
        yield from _scans(child)


async def scanned(
    conn: asyncpg.Connection[asyncpg.Record], call: Callable[..., Awaitable[Any]], **asked: Any
) -> set[str]:
    """The tables that a call reads from end to end."""
    explaining: Any = Explaining(conn)
    await call(explaining, **asked)
    assert explaining.queries, "no query was seen"
    found: set[str] = explaining.scanned
    return found
