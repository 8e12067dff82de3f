"""What is committed for a deployment fits the code and holds no secret. Needs no engine."""

from __future__ import annotations

import re
import stat
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from phongtrao.cli import app
from phongtrao.specs import SERVICES, spec
from shared import bus
from shared.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")


def test_the_committed_rights_on_nats_are_those_of_the_code() -> None:
    generated = CliRunner().invoke(app, ["rights", "--province", "51"]).stdout
    committed = (ROOT / "deploy" / "nats" / "authorization.conf").read_text(encoding="utf-8")
    assert committed == generated, "phongtrao rights > deploy/nats/authorization.conf"
    assert re.findall(r"password: (\S+?)[, ]", committed) == [
        f"$NATS_PASSWORD_{user}" for user in ("REGISTRY", "OUTREACH", "COURSES", "REPORTING", "OPS")
    ]


def test_the_servers_message_limit_is_the_one_that_the_code_counts_on() -> None:
    limit = re.search(r"^max_payload: (\d+)MB", (ROOT / "deploy" / "nats" / "nats.conf").read_text(), re.MULTILINE)
    assert limit
    assert int(limit[1]) * 1024 * 1024 == bus.MAX_PAYLOAD


def test_every_address_of_a_service_is_sent_to_it() -> None:
    """Caddy's `/so/*` is not `/so`. What no other service has is reporting's."""
    caddyfile = (ROOT / "deploy" / "Caddyfile").read_text(encoding="utf-8")
    sent: dict[str, set[str]] = {}
    for name, paths in re.findall(r"@(\w+) path (.*)", caddyfile):
        assert f"handle @{name} {{\n\t\timport service {name}\n" in caddyfile
        sent[name] = set(paths.split())
    for path, name in re.findall(r"handle (/\S+) \{\n\t\timport service (\w+)\n", caddyfile):
        sent.setdefault(name, set()).add(path)
    assert "handle {\n\t\timport service reporting\n" in caddyfile
    for name in SERVICES:
        home = spec(name).pages_at if spec(name).pages else "/"
        own = {f"/{name}/*"} | ({home, f"{home}/*"} if home != "/" else set())
        assert sent.get(name, set()) == (own if name != "reporting" else set())


def test_an_environment_file_gets_a_secret_of_its_own_for_every_gap(tmp_path: Path) -> None:
    made = tmp_path / "compose.env"
    subprocess.run([ROOT / "deploy" / "new-env.sh", made], check=True, capture_output=True)

    values = dict(line.split("=", 1) for line in made.read_text().splitlines() if re.match(r"[A-Z_]+=", line))
    secrets = [value for value in values.values() if re.fullmatch(r"[0-9a-f]{64}", value)]
    assert len(secrets) == len(set(secrets)) == 12
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    asked = set(re.findall(r"\$\{(\w+):\?", COMPOSE))
    assert asked <= {name for name, value in values.items() if value}


def test_an_environment_file_that_exists_is_left_alone(tmp_path: Path) -> None:
    made = tmp_path / "compose.env"
    made.write_text("mine")
    refused = subprocess.run([ROOT / "deploy" / "new-env.sh", made], check=False, capture_output=True, text=True)
    assert (refused.returncode, made.read_text()) == (1, "mine")
    assert "exists" in refused.stderr


def test_the_example_holds_no_secret_and_every_setting_of_it_is_used() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    settings = dict(re.findall(r"^(\w+)=(.*)$", example, re.MULTILINE))
    assert not [value for value in settings.values() if len(value) > 40]
    assert set(settings) <= set(re.findall(r"\$\{(\w+)", COMPOSE))


@pytest.mark.parametrize("service", ["registry", "outreach", "courses", "reporting"])
def test_a_service_gets_settings_that_exist_and_its_own_passwords_only(service: str) -> None:
    block = re.search(rf"^  {service}:\n(.*?)^$", COMPOSE, re.MULTILINE | re.DOTALL)
    assert block
    names = re.findall(r"^      (PHONGTRAO_\w+):", block[1], re.MULTILINE)
    fields = {f"PHONGTRAO_{name.upper()}" for name in Settings.model_fields}
    assert names
    assert set(names) <= fields
    others = [s for s in ("REGISTRY", "OUTREACH", "COURSES", "REPORTING") if s != service.upper()]
    assert not [s for s in others if f"PHONGTRAO_DB_{s}" in block[1] or f"PHONGTRAO_NATS_{s}" in block[1]]
