"""Reads a workbook that nobody has reason to trust, in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from shared.errors import Problem
from shared.sheets import refusals
from shared.sheets.book import Sheet, load

SECONDS = 60.0
"""How long the reading of one workbook may take."""
_ROOT = Path(__file__).parents[2]
_REFUSALS = {p.slug: p for p in vars(refusals).values() if isinstance(p, Problem)}


async def read(data: bytes) -> list[Sheet]:
    """The visible sheets. Raises a refusal that says what is wrong with the file; nothing stays behind."""
    if len(data) > refusals.MAX_FILE:
        raise refusals.TOO_LARGE
    said = await _ask(data)
    if said.startswith(b'"'):
        raise _REFUSALS[json.loads(said)]
    return await asyncio.to_thread(load, said)


async def _ask(data: bytes) -> bytes:
    """Runs the reading process. It gets no settings and no secrets."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "shared.sheets.child",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd="/" if os.name == "posix" else None,
        env={"PYTHONPATH": str(_ROOT), "PATH": os.environ.get("PATH", ""), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    try:
        async with asyncio.timeout(SECONDS):
            said, _ = await child.communicate(data)
    except TimeoutError as error:
        raise refusals.TOO_HEAVY from error
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode != 0 or not said:
        raise refusals.TOO_HEAVY
    return said
