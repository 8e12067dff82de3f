"""A command sent again by somebody else: who may not do it is refused like the first time, and told nothing."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from shared.auth import Role
from tests.http.commands import COMMANDS, Command, as_fields
from tests.http.site import Site
from tests.support.world import a_team, refused

KEYED = [c for c in COMMANDS if c.sample.id_field and c.sample.outside]


def sent(command: Command, officer: httpx.Client) -> tuple[Any, dict[str, str], dict[str, str], httpx.Response]:
    """A command that was taken: its body, the ids of its path, its key, and what it was answered."""
    ids = command.sample.anew(officer)
    if "{guidance_id}" in command.name:
        ids = {"guidance_id": "g9" if "withdraw" in command.name else str(a_team()["team_id"])}
    body, key = command.sample.body(), {"Idempotency-Key": str(a_team()["team_id"])}
    answer = command.send(officer, body, ids=ids, headers=key)
    assert answer.is_success, answer.text
    return body, ids, key, answer


@pytest.mark.parametrize("subject", ["someone", "somebody-else"])
@pytest.mark.parametrize("command", KEYED, ids=str)
def test_who_may_not_do_it_is_refused_when_it_is_sent_again(
    site: Site, officer: httpx.Client, command: Command, subject: str
) -> None:
    """Also the sender, whose rights are others by now; and also with another body under the same key."""
    outside = command.sample.outside
    assert outside
    body, ids, key, _ = sent(command, officer)
    for role in command.roles:
        headers = {**key, **site.headers(Role(role), units=["48"], subject=subject, member_id="m0", team_id="t0")}
        for again in (body, {**as_fields(body), **command.sample.change}):
            answer = command.send(officer, again, ids=ids, headers=headers)
            refused(answer, 403, "outside_your_unit", outside)


@pytest.mark.parametrize("command", KEYED, ids=str)
def test_the_sender_is_answered_the_same_also_with_other_rights_that_reach(
    site: Site, officer: httpx.Client, command: Command
) -> None:
    """A phone sends again blindly, and its owner's rights may name another unit since, or one more role."""
    body, ids, key, first = sent(command, officer)
    headers = {**key, **site.headers(*Role, units=["51", "21400"], member_id="m1", team_id="t1")}
    again = command.send(officer, body, ids=ids, headers=headers)
    assert again.is_success, again.text
    assert {**first.json(), "pos": None} == {**again.json(), "pos": None}


@pytest.mark.parametrize("command", KEYED, ids=str)
def test_somebody_else_who_may_do_it_is_answered_and_nothing_breaks(
    site: Site, officer: httpx.Client, command: Command
) -> None:
    """The same answer, or that it is done already: nothing happens twice."""
    body, ids, key, first = sent(command, officer)
    headers = {**key, **site.headers(*Role, units=["51"], subject="somebody-else", member_id="m1", team_id="t1")}
    again = command.send(officer, body, ids=ids, headers=headers)
    if again.is_success:
        assert {**first.json(), "pos": None} == {**again.json(), "pos": None}
    else:
        assert again.status_code in (409, 422), again.text
