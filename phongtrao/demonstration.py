"""The demonstration of `phongtrao up`: the simulation on the instance's own clock, noted for the next start."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime
from pathlib import Path

from phongtrao import simulate
from phongtrao.client import Api
from phongtrao.demo_clock import DemoClock, Moment, load, save
from phongtrao.player import Player
from phongtrao.simulate import Say
from shared.clock import local_day

NOTE_EVERY = 2.0
"""Seconds between two notes of where the demonstration stands."""


async def live(api: Api, clock: DemoClock, file: Path, beginning: Moment, say: Say) -> None:
    """Sets the province up unless that was done, and lives through the campaign until the plan is over."""
    stored = load(file, beginning)
    if (stored.seed, stored.share) != (beginning.seed, beginning.share):
        say(f"this folder goes on as it began: seed {stored.seed}, share {stored.share:g}")
    plan = await simulate.make_plan(api, stored.seed, share=stored.share)
    fresh = None
    if not stored.ready:
        fresh = await simulate.set_up(api, plan, say)
        stored = stored._replace(ready=True)
        save(file, stored)
    player = Player(api, clock, fresh=fresh)
    clock.go()
    left = simulate.remaining(plan, stored.played)
    say(f"the campaign runs from {stored.now:%d/%m/%Y %H:%M}, {clock.speed:g} times as fast; {len(left)} actions ahead")
    notes = asyncio.create_task(_note(api.counts, clock, player, file, stored, say))
    try:
        await player.play(left)
    finally:
        notes.cancel()
        save(file, _moment(clock, player, stored))
    say("the simulated people have done all they planned; the system stays up")


async def _note(counts: Counter[str], clock: DemoClock, player: Player, file: Path, stored: Moment, say: Say) -> None:
    told = stored.now
    while True:
        await asyncio.sleep(NOTE_EVERY)
        save(file, _moment(clock, player, stored))
        if local_day(clock()) > local_day(told):
            told = clock()
            say(_news(told, counts))


def _moment(clock: DemoClock, player: Player, stored: Moment) -> Moment:
    return stored._replace(now=clock(), played=player.played(stored.played))


def _news(now: datetime, counts: Counter[str]) -> str:
    sent = f"{counts['accepted']} guidances recorded, {counts['already_had']} sent again"
    trouble = f", {counts['refused']} refused" if counts["refused"] else ""
    return f"{local_day(now):%d/%m/%Y}: {sent}, {counts['requests']} requests{trouble}"
