"""`phongtrao simulate`: the simulation against any address, by a clock of its own or as fast as the system answers."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from phongtrao import simulate
from phongtrao.client import Api, Tokens, Unreachable, signing
from phongtrao.demo_clock import MORNING, DemoClock
from phongtrao.instance import Folder, read_key
from phongtrao.simulate import Say
from shared.clock import Clock
from shared.settings import Settings

PATIENCE = 60.0
"""Seconds without any answer after which the simulation gives up."""


class Callers(NamedTuple):
    """Where to call, and as whom."""

    url: str
    tokens: Tokens
    everyone: bool
    """Each person has a token of their own; otherwise learners cannot be simulated."""


class Wish(NamedTuple):
    """How to play."""

    seed: int
    speed: float
    scale: float
    instant: bool


async def caller_of(settings: Settings, *, url: str, token: str, key: Path | None) -> Callers:
    """The address and the tokens, from the options or from the instance that runs on the data folder.

    Raises Unreachable when neither gives both.
    """
    folder = Folder(settings.data)
    running = folder.running()
    if not url and running is None:
        raise Unreachable(f"no instance runs on {folder.path}; say --url")
    where = url or (running.url if running else "")
    if token:
        return Callers(where, lambda _: token, everyone=False)
    if key is None and running is None:
        raise Unreachable("say --token or --key: no instance runs here whose key could sign")
    return Callers(where, signing(read_key(key or folder.signing), settings), everyone=True)


async def run(callers: Callers, wish: Wish, say: Say) -> None:
    """Sets up, plays to the end and says what became of it all."""
    async with Api(callers.url, callers.tokens, patience=PATIENCE) as api:
        say(f"{await simulate.load_units(api)} units of 2023 at {callers.url}")
        plan = await simulate.make_plan(api, wish.seed, share=wish.scale, learners=callers.everyone)
        fresh = await simulate.set_up(api, plan, say)
        say(f"{len(plan.actions)} actions ahead" + ("" if callers.everyone else "; no learners, as there is one token"))
        await simulate.play(api, plan, _clock(wish), fresh=fresh)
        counts = api.counts
        names = ("requests", "accepted", "already_had", "conflict", "refused", "again")
        say(", ".join(f"{name.replace('_', ' ')} {counts[name]}" for name in names))


def _clock(wish: Wish) -> Clock:
    if wish.instant:
        return lambda: datetime.max.replace(tzinfo=UTC)
    clock = DemoClock(MORNING, wish.speed)
    clock.go()
    return clock
