"""The command line: start, serve, migrate, simulate. What an operator asks of a running system is in `cli_operate`."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from phongtrao import cli_operate, exits
from phongtrao.specs import SERVICES

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)

CODES = (
    "Exit codes: 0 done; 1 differences, not ready or refused; 2 wrong usage; 3 servers cannot be reached or started."
)


class ServiceName(StrEnum):
    """A service, as the command line names it."""

    REGISTRY = "registry"
    OUTREACH = "outreach"
    COURSES = "courses"
    REPORTING = "reporting"


class RoleName(StrEnum):
    """A part of a service that can run by itself."""

    API = "api"
    RELAY = "relay"
    PROJECTOR = "projector"
    ALL = "all"


@app.callback(epilog=CODES)
def main() -> None:
    """Phong Trào runs a province's digital-transformation movement: who is on the teams, whom they guided, who passed
    the course, what the province reports.

    Settings are environment variables PHONGTRAO_*; docs/settings.md lists them.
    """


@app.command()
def up() -> None:
    """Start everything on this machine: Postgres, NATS, the four services, the demonstration. Ctrl-C stops it all.

    \b
    phongtrao up
    PHONGTRAO_PORT=8001 PHONGTRAO_DATA=./second phongtrao up    a second instance beside the first
    PHONGTRAO_DEMO=0 phongtrao up                               only the units of 2023, the clock of the wall
    """
    begun = time.monotonic()
    with exits.failures():
        import asyncio

        from phongtrao import up as embedded

        say = embedded.sayer(begun, lambda line: print(line, flush=True))
        asyncio.run(embedded.run(exits.settings(), say))


@app.command()
def serve(
    service: Annotated[ServiceName, typer.Argument(help="Which service.")],
    role: Annotated[list[RoleName] | None, typer.Option(help="Only this part of it; may be repeated.")] = None,
) -> None:
    """Serve one service, with its paths under /SERVICE, on Postgres and NATS that run elsewhere.

    \b
    phongtrao serve registry
    phongtrao serve reporting --role projector      fold only; /reporting/readyz and /reporting/metrics still answer
    """
    from phongtrao import serve as alone
    from shared.service import ROLES

    roles = ROLES if not role or RoleName.ALL in role else tuple(r.value for r in role)
    exits.run(alone.run(service.value, exits.settings(), roles))


@app.command()
def migrate(service: Annotated[ServiceName | None, typer.Argument(help="Only this service.")] = None) -> None:
    """Bring the databases up to date, and make the streams that are missing. Running it again changes nothing.

    \b
    phongtrao migrate
    phongtrao migrate registry
    """
    from phongtrao import serve as alone

    names = [service.value] if service else list(SERVICES)
    exits.run(alone.migrate(names, exits.settings(), print))


@app.command()
def simulate(  # noqa: PLR0913, PLR0917 - the options of a command
    url: Annotated[str, typer.Option(help="Where the system answers; else the instance of PHONGTRAO_DATA.")] = "",
    token: Annotated[str, typer.Option(envvar="PHONGTRAO_TOKEN", help="One token for all calls.")] = "",
    key: Annotated[Path | None, typer.Option(help="Private key (JWK) that signs a token for each person.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed sends the same people and guidances.")] = 2023,
    speed: Annotated[float, typer.Option(min=0.001, help="Simulated seconds in a second.")] = 1000.0,
    scale: Annotated[float, typer.Option(min=0.001, max=1.0, help="Share of the teams that take part.")] = 1.0,
    instant: Annotated[bool, typer.Option("--instant", help="As fast as the system answers, not by a clock.")] = False,
) -> None:
    """Live through the campaign of 2023 over the public HTTP API. Sending it all again changes nothing.

    With --token all calls carry that token (a province officer's), and learners, who can only speak for themselves, are
    left out. With --key, or on an instance of this machine, everyone has a token of their own.

    \b
    phongtrao simulate --url https://example.vn --key signing.jwk --instant --scale 0.05
    phongtrao simulate --url http://127.0.0.1:8080 --token "$(phongtrao token --key signing.jwk)" --instant
    """
    from phongtrao import simulate_alone

    settings = exits.settings()
    caller = exits.run(simulate_alone.caller_of(settings, url=url, token=token, key=key))
    wish = simulate_alone.Wish(seed, speed, scale, instant)
    exits.run(simulate_alone.run(caller, wish, print))


cli_operate.add_to(app)
