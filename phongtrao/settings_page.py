"""`docs/settings.md`, made from `Settings`: `python -m phongtrao.settings_page > docs/settings.md`."""

from __future__ import annotations

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from shared.settings import Settings

_HEAD = """# Settings

Every setting is an environment variable; a variable that is not set has the default. Secrets print as stars.
This page is made from `shared/settings.py`: `python -m phongtrao.settings_page > docs/settings.md`.

`phongtrao up` starts its own Postgres and NATS on free ports or sockets, makes its own keys and passwords in
`PHONGTRAO_DATA/secrets`, and therefore ignores `PHONGTRAO_DATABASE_URL`, `PHONGTRAO_NATS_URL`,
`PHONGTRAO_NATS_PASSWORD`, `PHONGTRAO_OIDC_JWKS`, `PHONGTRAO_CITIZEN_KEY` and `PHONGTRAO_EMBEDDED`.

| variable | default | what it is |
|---|---|---|
"""


def page() -> str:
    """The page."""
    return _HEAD + "".join(_row(name, field) for name, field in Settings.model_fields.items())


def _row(name: str, field: FieldInfo) -> str:
    text = (field.description or "").replace("|", "\\|")
    return f"| `PHONGTRAO_{name.upper()}` | {_default(field)} | {text} |\n"


def _default(field: FieldInfo) -> str:
    value = field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, bool):
        value = int(value)
    if isinstance(value, float) and value == int(value):
        value = int(value)
    return f"`{value}`" if str(value) else "(none)"


if __name__ == "__main__":
    print(page(), end="")
