"""`python -m phongtrao` is the command line."""

from phongtrao.cli import app

app()
