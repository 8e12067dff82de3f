"""Runs inside a service's container and tries, with the service's own passwords, what it must not be able to do.

Prints JSON: what was tried, and how it ended.
"""

import asyncio
import json
import os

import asyncpg
import nats
import nats.errors

DATABASE, _, NAME = os.environ["PHONGTRAO_DATABASE_URL"].rpartition("/")
NATS, PASSWORD = os.environ["PHONGTRAO_NATS_URL"], os.environ["PHONGTRAO_NATS_PASSWORD"]
STREAMS = [f"{service.upper()}_51" for service in ("registry", "outreach", "courses")]
PUBLISH = [
    "cds.51.registry.unit_established._._",
    "cds.51.courses.quiz_passed._._",
    "tick.51.reporting",
    *(f"$JS.API.STREAM.{verb}.{stream}" for verb in ("DELETE", "PURGE", "UPDATE") for stream in STREAMS),
    "$JS.API.STREAM.CREATE.REGISTRY_51",
]
SUBSCRIBE = ["cds.>", "_INBOX_registry.>", "q.51.registry.>"]


async def enter(database: str) -> str:
    """Connects to a database as this service."""
    try:
        await (await asyncpg.connect(f"{DATABASE}/{database}")).close()
    except asyncpg.PostgresError as error:
        return type(error).__name__
    return "entered"


async def log_in(user: str) -> str:
    """Connects to NATS with this service's password."""
    try:
        client = await nats.connect(NATS, user=user, password=PASSWORD, allow_reconnect=False, error_cb=_quiet)
    except nats.errors.Error as error:
        return str(error)
    await client.close()
    return "entered"


async def refusals() -> list[str]:
    """What NATS says to publishing and subscribing where others belong."""
    said: list[str] = []

    async def note(error: Exception) -> None:
        said.append(str(error))

    client = await nats.connect(NATS, user=NAME, password=PASSWORD, error_cb=note, inbox_prefix=f"_INBOX_{NAME}")
    for subject in PUBLISH:
        await client.publish(subject, b"{}")
    for subject in SUBSCRIBE:
        await client.subscribe(subject)
    await client.flush()
    await asyncio.sleep(0.5)
    await client.close()
    return said


async def _quiet(_: Exception) -> None:
    pass


async def main() -> None:
    """Tries everything."""
    names = ("registry", "outreach", "courses", "reporting")
    found = {
        "databases": {name: await enter(name) for name in (*names, "postgres", "template1")},
        "users": {name: await log_in(name) for name in (*names, "ops")},
        "tried": [*PUBLISH, *SUBSCRIBE],
        "refused": await refusals(),
    }
    print(json.dumps(found))


asyncio.run(main())
