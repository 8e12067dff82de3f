"""Commands for operators: token, keys, rights, status, verify, rebuild, parked; here or on servers elsewhere."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from phongtrao import exits
from phongtrao.specs import SERVICES

if TYPE_CHECKING:
    from shared.service import Service
    from shared.standing import Standing

T = TypeVar("T")

_PARKED = """Events that could not be folded and wait for a person.

\b
phongtrao parked list
phongtrao parked show progress outreach 4711
phongtrao parked retry --all
"""
parked = typer.Typer(
    no_args_is_help=True, help=_PARKED, short_help="Events that could not be folded: list, show, retry."
)

Only = Annotated[
    list[str] | None,
    typer.Option("--service", help=f"Only this service ({', '.join(SERVICES)}); NATS is called as its user."),
]


def add_to(app: typer.Typer) -> None:
    """Adds the commands of this module to the program."""
    for command in (token, keys, rights, status, verify, rebuild):
        app.command()(command)
    app.add_typer(parked, name="parked")


def token(
    persona: Annotated[str, typer.Option(help="province, district, commune, leader, member or learner.")] = "province",
    role: Annotated[list[str] | None, typer.Option(help="Instead of a persona: a role; may be repeated.")] = None,
    unit: Annotated[list[str] | None, typer.Option(help="With --role: id of a unit; may be repeated.")] = None,
    member: Annotated[str | None, typer.Option(help="With --role: own member id.")] = None,
    team: Annotated[str | None, typer.Option(help="With --role: own team id.")] = None,
    key: Annotated[Path | None, typer.Option(help="Private key (JWK); else that of PHONGTRAO_DATA.")] = None,
) -> None:
    """Print a bearer token, signed with the instance's own key, valid for twelve hours.

    \b
    phongtrao token --persona district
    phongtrao token --role commune_officer --unit 21400
    curl -H "Authorization: Bearer $(phongtrao token)" http://127.0.0.1:8000/registry/teams
    """
    from phongtrao import tokens

    try:
        print(tokens.token(exits.settings(), tokens.Wanted(persona, role or [], unit or [], member, team), key))
    except tokens.Unknown as error:
        raise exits.usage(str(error)) from None


def keys(folder: Annotated[Path, typer.Argument(help="Where to write signing.jwk and jwks.json.")]) -> None:
    """Make a key pair to try the services without an identity provider: signing.jwk (secret) and jwks.json (public).

    \b
    phongtrao keys deploy/keys
    PHONGTRAO_OIDC_JWKS=deploy/keys/jwks.json phongtrao serve registry
    """
    from phongtrao import tokens

    try:
        print("\n".join(str(file) for file in tokens.make_keys(folder)))
    except FileExistsError as error:
        raise exits.usage(f"{error} exists; tokens signed with it would end. Remove it first.") from None


def rights(province: Annotated[str, typer.Option(help="Id of the province.")] = "51") -> None:
    """Print who may do what on NATS, for the server's configuration; passwords stay variables of its environment.

    \b
    phongtrao rights --province 51 > deploy/nats/authorization.conf
    """
    from phongtrao.rights import configuration

    print(configuration(province), end="")


def status(only: Only = None, as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False) -> None:
    """Show where each service stands: positions, lags, parked events. Exit code 1 when one is not ready.

    \b
    phongtrao status
    phongtrao status --json | jq '.[] | select(.ready | not)'
    """
    from phongtrao import operate
    from shared import standing

    async def work() -> list[Standing]:
        async with _services(only) as services:
            return [await standing.of(service) for service in services]

    found = _run(work())
    print(json.dumps([s.as_dict() for s in found], indent=2) if as_json else "\n".join(operate.table(found)))
    raise typer.Exit(exits.DONE if all(s.ready for s in found) else exits.NO)


def verify(
    projection: Annotated[str | None, typer.Argument(help="Only this read model.")] = None, only: Only = None
) -> None:
    """Prove the numbers: recompute every read model from position 1, compare every stream with its log, row for row.

    Prints each difference and ends with «N differences»; exit code 0 only at 0. Safe while everything runs.

    \b
    phongtrao verify
    phongtrao verify progress
    """
    from phongtrao import operate

    async def work() -> int:
        async with _services(only) as services:
            return await operate.verify(services, projection, print)

    total = _run(work())
    print(operate.differences(total))
    raise typer.Exit(exits.NO if total else exits.DONE)


def rebuild(projection: Annotated[str, typer.Argument(help="Which read model.")], only: Only = None) -> None:
    """Recompute a read model beside the one in service, and put it into service in one transaction. No reader waits.

    \b
    phongtrao rebuild progress
    """
    from phongtrao import operate

    async def work() -> int:
        async with _services(only) as services:
            total = 0
            for service, which in operate.chosen(services, projection):
                compared = await operate.rebuild(service, which, print)
                print(
                    f"{service.name}: {which.name} in service; {operate.differences(compared.total)} to the one before"
                )
                total += compared.total
            return total

    _run(work())


@parked.command("list")
def parked_list(only: Only = None) -> None:
    """List what was set aside, with the reason.

    \b
    phongtrao parked list
    """
    from phongtrao import operate

    async def work() -> list[str]:
        async with _services(only) as services:
            return [operate.line_of(aside) for aside in await operate.parked(services)]

    lines = _run(work())
    print("\n".join(lines) or "nothing is parked")


@parked.command("show")
def parked_show(projection: str, stream: str, pos: int, only: Only = None) -> None:
    """Show one event that was set aside: reason, headers, payload.

    \b
    phongtrao parked show progress outreach 4711
    """
    from phongtrao import operate

    async def work() -> str:
        async with _services(only) as services:
            return operate.whole(operate.one(await operate.parked(services), projection, stream, pos))

    print(_run(work()))


@parked.command("retry")
def parked_retry(
    projection: Annotated[str | None, typer.Argument()] = None,
    stream: Annotated[str | None, typer.Argument()] = None,
    pos: Annotated[int | None, typer.Argument()] = None,
    all_of_them: Annotated[bool, typer.Option("--all", help="Everything that is parked.")] = False,
    only: Only = None,
) -> None:
    """Fold events that were set aside, after their cause was removed; later events of the same key go with them.

    \b
    phongtrao parked retry progress outreach 4711
    phongtrao parked retry --all
    """
    from phongtrao import operate

    if all_of_them == (pos is not None):
        raise exits.usage("say PROJECTION STREAM POS, or --all")

    async def work() -> int:
        async with _services(only) as services:
            asides = await operate.parked(services)
            if pos is not None:
                asides = [operate.one(asides, projection or "", stream or "", pos)]
            if not asides:
                print("nothing is parked")
            return await operate.retry_all(asides, print)

    failed = _run(work())
    raise typer.Exit(exits.NO if failed else exits.DONE)


@asynccontextmanager
async def _services(only: Sequence[str] | None) -> AsyncIterator[list[Service]]:
    from phongtrao import reach
    from shared import telemetry

    names = only or []
    if unknown := [name for name in names if name not in SERVICES]:
        raise LookupError(f"There is no service «{unknown[0]}». Choose of: {', '.join(SERVICES)}")
    telemetry.setup_logging("warning", json_lines=False)
    async with reach.opened(reach.find(exits.settings(), names), names) as services:
        yield services


def _run(work: Coroutine[Any, Any, T]) -> T:
    try:
        return exits.run(work)
    except LookupError as error:  # a name that does not exist
        raise exits.usage(str(error.args[0])) from None
