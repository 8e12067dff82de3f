"""How Postgres would find what a function reads: by which index, or through which tables from end to end."""

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
    """A connection that explains each query before it runs it, and remembers the plans."""

    def __init__(self, conn: Conn) -> None:
        self._conn = conn
        self.nodes: list[dict[str, Any]] = []

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def run(query: str, *args: object) -> Any:
            [plan] = json.loads(await self._conn.fetchval(f"explain (format json) {query}", *args))
            self.nodes += _nodes(plan["Plan"])
            return await getattr(self._conn, name)(query, *args)

        return run

    @property
    def scanned(self) -> set[str]:
        """The tables that were read from end to end."""
        return {n["Relation Name"] for n in self.nodes if n["Node Type"] == "Seq Scan"}

    @property
    def indexes(self) -> set[str]:
        """The indexes by which rows were found."""
        return {n["Index Name"] for n in self.nodes if "Index Name" in n}

    @property
    def sorts(self) -> bool:
        """Whether rows were sorted."""
        return any("Sort" in n["Node Type"] for n in self.nodes)


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", []):
        yield from _nodes(child)


async def scanned(
    conn: asyncpg.Connection[asyncpg.Record], call: Callable[..., Awaitable[Any]], **asked: Any
) -> set[str]:
    """The tables that a call reads from end to end."""
    return (await explained(conn, call, **asked)).scanned


async def explained(
    conn: asyncpg.Connection[asyncpg.Record], call: Callable[..., Awaitable[Any]], **asked: Any
) -> Explaining:
    """The plans of a call."""
    explaining: Any = Explaining(conn)
    await call(explaining, **asked)
    assert explaining.nodes, "no query was seen"
    found: Explaining = explaining
    return found
