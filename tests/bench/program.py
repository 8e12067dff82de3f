"""Runs a program of `tests.bench.programs` as a process, so that each has an interpreter and a memory of its own."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import psutil

from shared import telemetry

Answer = dict[str, Any]


def main(work: Callable[..., Awaitable[Answer]]) -> None:
    """The whole of a program: arguments are one JSON object, the answer is one line of JSON."""
    telemetry.setup_logging("warning")
    arguments = json.loads(sys.argv[1])
    begun = time.process_time()
    answer = asyncio.run(_until_told(work(**arguments)))
    print(json.dumps({**answer, "cpu": time.process_time() - begun}), flush=True)


async def _until_told(work: Awaitable[Answer]) -> Answer:
    task = asyncio.ensure_future(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return {}


LIMIT = 600.0
"""Seconds that a program may take."""


async def run(program: str, **arguments: Any) -> Answer:
    """Runs a program to its end. Raises RuntimeError with what it wrote, or TimeoutError past LIMIT."""
    process = await _start(program, arguments)
    try:
        out, err = await asyncio.wait_for(process.communicate(), LIMIT)
    except TimeoutError:
        process.kill()
        _, err = await process.communicate()
        raise TimeoutError(f"{program} did not end within {LIMIT:.0f} s\n{err.decode()[-2000:]}") from None
    if process.returncode != 0:
        raise RuntimeError(f"{program} failed\n{err.decode()[-4000:]}")
    answer: Answer = json.loads(out.splitlines()[-1])
    return answer


@asynccontextmanager
async def running(program: str, **arguments: Any) -> AsyncIterator[int]:
    """Runs a program that serves; gives its process id, and ends it by SIGTERM."""
    process = await _start(program, arguments)
    output = asyncio.ensure_future(process.communicate())
    try:
        yield process.pid
    finally:
        if process.returncode is None:
            process.terminate()
        _, err = await output
        if process.returncode != 0:
            print(f"{program} ended with {process.returncode}\n{err.decode()[-2000:]}", file=sys.stderr)


async def _start(program: str, arguments: dict[str, Any]) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"tests.bench.programs.{program}", json.dumps(arguments), stdout=pipe, stderr=pipe
    )


class Memory:
    """Resident memory of this process, looked at twenty times a second by a thread: `(seconds, MB)`."""

    def __init__(self) -> None:
        self.samples: list[tuple[float, float]] = []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        me = psutil.Process()
        while not self._end.wait(0.05):
            self.samples.append((time.perf_counter(), me.memory_info().rss / 1e6))
