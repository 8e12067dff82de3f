"""The command line without servers: help, exit codes, tokens, the data folder, the sign-in page."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from joserfc.jwk import KeySet
from typer.testing import CliRunner

from phongtrao import sign_in
from phongtrao.cli import app
from phongtrao.instance import AlreadyRunning, Folder, Running, new_key, read_key
from phongtrao.personas import personas
from phongtrao.serving import PortInUse, address, bind
from phongtrao.settings_page import page
from services.reporting.app import SPEC
from shared import problems
from shared.auth import COOKIE, Authenticator, Role, load_keys
from shared.service import Service
from shared.settings import Settings

ROOT = Path(__file__).parents[2]
COMMANDS = ("up", "serve", "migrate", "simulate", "token", "keys", "rights", "status", "verify", "rebuild", "parked")
cli = CliRunner()


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder that the commands look into."""
    monkeypatch.setenv("PHONGTRAO_DATA", str(tmp_path / "var"))
    return tmp_path / "var"


def reader(keys: KeySet) -> Authenticator:
    settings = Settings()
    return Authenticator(issuer=settings.oidc_issuer, audience=settings.oidc_audience, keys=keys)


@pytest.mark.parametrize("command", [*COMMANDS, "parked list", "parked show", "parked retry"])
def test_every_command_has_help_with_an_example(command: str) -> None:
    shown = cli.invoke(app, [*command.split(), "--help"], terminal_width=120)

    assert shown.exit_code == 0
    usage, _, explained = shown.output.partition("\n\n")
    assert "Usage:" in usage
    assert f"  phongtrao {command}" in explained


def test_help_lists_the_commands_and_the_exit_codes() -> None:
    shown = cli.invoke(app, ["--help"], terminal_width=120).output

    assert all(f"  {command} " in shown for command in COMMANDS)
    assert "3 servers cannot be reached" in " ".join(shown.split())


@pytest.mark.parametrize(
    "wrong",
    [
        ["nonsense"], ["serve"], ["serve", "nonsense"], ["token", "--persona", "nobody"], ["token", "--role", "king"],
        ["parked", "retry"], ["parked", "retry", "a", "b", "1", "--all"], ["simulate", "--scale", "2"],
    ],
)  # fmt: skip
def test_wrong_usage_ends_with_2(data: Path, wrong: list[str]) -> None:
    Folder(data).secrets()

    assert cli.invoke(app, wrong).exit_code == 2


@pytest.mark.parametrize("command", [["status"], ["verify"], ["rebuild", "progress"], ["parked", "list"], ["migrate"]])
def test_servers_that_do_not_answer_end_with_3_and_a_line_that_says_which(tmp_path: Path, command: list[str]) -> None:
    env = {
        **os.environ,
        "PHONGTRAO_DATA": str(tmp_path),
        "PHONGTRAO_NATS_URL": "nats://127.0.0.1:1",
        "PHONGTRAO_DATABASE_URL": f"postgresql:///x?host={tmp_path}",
    }
    ended = subprocess.run(
        [sys.executable, "-m", "phongtrao", *command], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 3, ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1
    assert "127.0.0.1:1" in ended.stderr or "Postgres of" in ended.stderr
    assert f"runs on {tmp_path}, the folder of PHONGTRAO_DATA" in ended.stderr


@pytest.mark.parametrize(
    ("settings", "code", "said"),
    [
        ({"PHONGTRAO_PORT": "many"}, 2, "PHONGTRAO_PORT"),
        ({"PHONGTRAO_PORT": "0", "PHONGTRAO_OIDC_JWKS": ""}, 3, "PHONGTRAO_OIDC_JWKS"),
        ({"PHONGTRAO_PORT": "0", "PHONGTRAO_OIDC_JWKS": "/nowhere/jwks.json"}, 3, "/nowhere/jwks.json"),
    ],
)
def test_a_setting_that_cannot_work_is_named(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], code: int, said: str
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)

    ended = cli.invoke(app, ["serve", "registry"])

    assert ended.exit_code == code
    assert said in ended.stderr


def test_a_token_is_for_the_persona_or_for_the_role_and_unit_that_were_named(data: Path) -> None:
    secrets = Folder(data).secrets()
    check = reader(secrets.keys)

    officer = check.caller("Bearer " + cli.invoke(app, ["token"]).stdout.strip())
    leader = check.caller("Bearer " + cli.invoke(app, ["token", "--persona", "leader"]).stdout.strip())
    own = check.caller(
        "Bearer " + cli.invoke(app, ["token", "--role", "commune_officer", "--unit", "21400"]).stdout.strip()
    )

    assert officer.has(Role.PROVINCE_OFFICER)
    assert officer.units == ("51",)
    assert leader.roles == {Role.TEAM_LEADER}
    assert leader.team_id
    assert (own.roles, own.units) == (frozenset([Role.COMMUNE_OFFICER]), ("21400",))


def test_without_a_key_there_is_no_token(data: Path) -> None:
    refused = cli.invoke(app, ["token"])

    assert refused.exit_code == 2
    assert "--key" in refused.output


def test_made_keys_sign_what_the_services_verify_and_are_never_overwritten(tmp_path: Path) -> None:
    assert cli.invoke(app, ["keys", str(tmp_path)]).exit_code == 0
    signed = cli.invoke(app, ["token", "--key", str(tmp_path / "signing.jwk")]).stdout.strip()

    assert reader(load_keys(str(tmp_path / "jwks.json"))).caller(f"Bearer {signed}").has(Role.PROVINCE_OFFICER)
    assert '"d"' not in (tmp_path / "jwks.json").read_text()
    assert (tmp_path / "signing.jwk").stat().st_mode & 0o777 == 0o600
    assert cli.invoke(app, ["keys", str(tmp_path)]).exit_code == 2


def test_secrets_are_made_once_and_for_this_user_only(data: Path) -> None:
    first, second = Folder(data).secrets(), Folder(data).secrets()

    assert first.nats == second.nats
    assert first.signing.thumbprint() == second.signing.thumbprint()
    assert len(first.citizen_key) >= 32
    assert len(set(first.nats.values())) == 5
    for file in (data / "secrets").iterdir():
        assert file.stat().st_mode & 0o077 == 0, file


def test_an_instance_is_found_while_it_holds_its_folder_and_not_after(data: Path) -> None:
    running = Running(1, "http://127.0.0.1:1", "nats://127.0.0.1:2", "postgresql:///{service}")
    folder = Folder(data)
    assert folder.running() is None
    with folder.held():
        folder.announce(running)
        assert Folder(data).running() == running
        assert (data / "run.json").stat().st_mode & 0o777 == 0o600
        with pytest.raises(AlreadyRunning, match=rf"runs on {data}\. .*PHONGTRAO_DATA"), Folder(data).held():
            pass
    assert folder.running() is None


def test_the_addresses_of_a_killed_instance_are_not_believed(data: Path) -> None:
    data.mkdir()
    (data / "run.json").write_text(json.dumps(Running(1, "http://x", "nats://x", "postgresql:///x")._asdict()))
    (data / "up.lock").touch()

    assert Folder(data).running() is None


def test_a_port_in_use_is_refused_with_what_to_do() -> None:
    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        assert address(taken) == f"http://127.0.0.1:{port}"
        with pytest.raises(PortInUse, match="PHONGTRAO_PORT"):
            bind("127.0.0.1", port)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_the_settings_page_is_up_to_date() -> None:
    written = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")

    assert written == page(), "python -m phongtrao.settings_page > docs/settings.md"
    for name in Settings.model_fields:
        assert f"`PHONGTRAO_{name.upper()}`" in written


@pytest.fixture
def door() -> tuple[httpx.AsyncClient, Service]:
    """The sign-in page of an instance that does not run."""
    key = new_key()
    service = Service(SPEC, Settings(), keys=KeySet([key]))
    page_app = FastAPI()
    problems.install(page_app, begin="/")
    page_app.include_router(sign_in.routes(service, personas(2023, demo=True), key))
    return httpx.AsyncClient(transport=httpx.ASGITransport(page_app), base_url="http://door"), service


async def test_the_sign_in_page_offers_every_persona_in_both_languages(door: tuple[httpx.AsyncClient, Service]) -> None:
    client, _ = door
    vi, en = await client.get("/sign-in"), await client.get("/sign-in?lang=en")

    for persona in personas(2023, demo=True):
        assert f'value="{persona.key}"' in vi.text
        assert persona.title_vi in vi.text
        assert persona.title_en in en.text
    await client.aclose()


@pytest.mark.parametrize("persona", ["province", "district", "commune", "leader", "member", "learner"])
async def test_signing_in_gives_a_cookie_that_scripts_and_other_sites_cannot_use(
    door: tuple[httpx.AsyncClient, Service], persona: str
) -> None:
    client, service = door
    answer = await client.post("/sign-in", data={"persona": persona})
    cookie = answer.headers["set-cookie"]

    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    caller = service.auth.caller(f"Bearer {client.cookies[COOKIE]}")
    assert caller == next(p.caller for p in personas(2023, demo=True) if p.key == persona)
    await client.post("/sign-out")
    assert COOKIE not in client.cookies
    await client.aclose()


async def test_an_unknown_persona_is_refused(door: tuple[httpx.AsyncClient, Service]) -> None:
    client, _ = door
    answer = await client.post("/sign-in", data={"persona": "king"})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "persona"
    await client.aclose()


def test_without_the_demonstration_nobody_is_on_a_team_that_there_is_not() -> None:
    assert [p.key for p in personas(2023, demo=False)] == ["province", "district", "commune"]


def test_a_key_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "none.jwk").write_text("{}")
    (tmp_path / "public.jwk").write_text(json.dumps(new_key().as_dict(private=False)))
    for name in ("none.jwk", "public.jwk"):
        with pytest.raises(ValueError, match=name):
            read_key(tmp_path / name)
        assert cli.invoke(app, ["token", "--key", str(tmp_path / name)]).exit_code == 2
