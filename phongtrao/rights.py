"""`phongtrao rights`: who may do what on NATS, as a configuration file without a secret."""

from __future__ import annotations

from shared import bus
from shared.contracts import PRODUCERS

_HEAD = """\
# Who may do what on NATS: each service writes its own stream and reads the others'. Generated, do not edit:
#   phongtrao rights --province {province} > deploy/nats/authorization.conf
# The passwords are environment variables of the server.
"""


def configuration(province: str) -> str:
    """The `authorization` block for a server that gets each user's password as `$NATS_PASSWORD_<USER>`."""
    users = (*PRODUCERS, "reporting", bus.OPS)
    variables = {user: f"$NATS_PASSWORD_{user.upper()}" for user in users}
    return _HEAD.format(province=province) + bus.authorization(variables, province)
