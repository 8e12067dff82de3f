"""`python -m tests.bench [--quick] [--only ROW …] [--runs N]`: measures and prints the table of docs/performance.md."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path

from shared.clock import VIETNAM
from tests.bench import row_http, row_search, row_streams, table
from tests.bench.ground import Ground, ground, machine
from tests.bench.row_streams import QUICK, Sizes, Streams
from tests.bench.table import Line

Measure = Callable[[], Awaitable[list[Line]]]


def rows(made: Ground, sizes: Sizes, runs: int) -> dict[str, tuple[tuple[str, ...], Measure]]:
    """What can be measured together, with the rows that come of it."""
    streams = Streams(made, sizes)
    return {
        "projection": (("projection", "ceiling"), lambda: row_streams.projection(made, streams, sizes, runs)),
        "fetch": (("fetch",), lambda: row_streams.fetch(made, streams, sizes, runs)),
        "relay": (("relay", "relay-async"), lambda: row_streams.relay(made, streams, sizes, runs)),
        "command": (("command", "batch"), lambda: row_http.command(made, streams, sizes, runs)),
        "latency": (("latency",), lambda: row_http.latency(made, streams, sizes, runs)),
        "search": (("search",), lambda: row_search.search(made, streams, sizes, runs)),
        "rebuild": (
            ("rebuild", "rebuild-flat", "memory", "memory-flat"),
            lambda: row_streams.rebuild(made, streams, sizes, runs),
        ),
    }


NAMES = ("projection", "ceiling", "fetch", "relay", "relay-async", "command", "batch", "latency", "search",
         "rebuild", "rebuild-flat", "memory", "memory-flat")  # fmt: skip


async def measure(folder: Path, sizes: Sizes, runs: int, only: Sequence[str]) -> tuple[str, list[Line]]:
    """The machine in a line, and the rows asked for (all, if none is)."""
    async with ground(folder) as made:
        lines: list[Line] = []
        for group, (names, work) in rows(made, sizes, runs).items():
            if only and not set(only) & set(names):
                continue
            begun = time.monotonic()
            print(f"{group} …", file=sys.stderr, flush=True)
            lines += await work()
            print(f"{group}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
        return machine(folder), lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 when everything could be measured, whatever came out."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, one run: shows that it works")
    parser.add_argument("--only", action="append", default=[], choices=NAMES, metavar="ROW", help=", ".join(NAMES))
    parser.add_argument("--runs", type=int, default=3, help="runs of each row (3)")
    parser.add_argument("--folder", type=Path, default=Path("var"), help="of the servers' data; on a disk")
    chosen = parser.parse_args(arguments)
    sizes, runs = (QUICK, 1) if chosen.quick else (Sizes(), chosen.runs)
    where, lines = asyncio.run(measure(chosen.folder, sizes, runs, chosen.only))
    print(f"\n{datetime.now(VIETNAM):%Y-%m-%d %H:%M}; {where}\n\n{table.render(lines)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
