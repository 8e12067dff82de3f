"""The command line. Exit codes: 0 done; 1 differences, not ready or refused; 2 wrong usage; 3 servers cannot be reached."""

from __future__ import annotations

import asyncio
import sys
import time

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)

NOT_REACHED = 3


@app.callback()
def main() -> None:
    """Phong Trào: runs a province's digital-transformation movement."""


@app.command()
def up() -> None:
    """Start everything on this machine."""
    from phongtrao import up as embedded
    from phongtrao.instance import AlreadyRunning
    from phongtrao.serving import PortInUse
    from shared.settings import Settings

    begun = time.monotonic()
    say = embedded.sayer(begun, lambda line: print(line, flush=True))
    try:
        asyncio.run(embedded.run(Settings(), say))
    except (AlreadyRunning, PortInUse) as error:
        print(error, file=sys.stderr)
        raise typer.Exit(NOT_REACHED) from None
