"""`phongtrao up` as a newcomer runs it: a process with children, ended by Ctrl-C, started again, beside another."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import psutil
import pytest

from phongtrao.embedded import PostgresServer
from phongtrao.province import village_ids

ROOT = Path(__file__).parents[2]
PATIENCE = 90.0
"""Seconds; a busy machine may take long, an idle one needs a tenth of it."""


class Instance:
    """One `phongtrao up` on a folder, with a small and fast demonstration."""

    def __init__(self, data: Path, **settings: object) -> None:
        self.data = data
        wanted = {"DATA": data, "PORT": 0, "DEMO_SPEED": 20_000, "DEMO_SHARE": 0.04, **settings}
        self.env = {**os.environ, **{f"PHONGTRAO_{name}": str(value) for name, value in wanted.items()}}
        self.output = data.with_name(f"{data.name}.out")

    def start(self) -> None:
        with self.output.open("a") as output:
            command = [sys.executable, "-m", "phongtrao", "up"]
            self.process = subprocess.Popen(command, cwd=ROOT, env=self.env, stdout=output, stderr=output)
        wait_until(lambda: (self.data / "run.json").exists() or self.process.poll() is not None, self.said)
        assert self.process.poll() is None, self.said()
        self.url = json.loads((self.data / "run.json").read_text())["url"]

    def stop(self, sent: signal.Signals = signal.SIGINT) -> tuple[int, float]:
        """Sends the signal; answers with the exit code and the seconds that it took."""
        family = psutil.Process(self.process.pid).children(recursive=True)
        assert family, "the servers are children"
        begun = time.monotonic()
        self.process.send_signal(sent)
        code = self.process.wait(60)
        assert [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] == []
        return code, time.monotonic() - begun

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Another command of ours on the same folder."""
        whole = [sys.executable, "-m", "phongtrao", *command]
        return subprocess.run(whole, cwd=ROOT, env=self.env, capture_output=True, text=True, check=False, timeout=120)

    def by_hand(self, service: str, statements: str) -> None:
        """What nobody may do: changes a database behind the service's back."""

        async def change() -> None:
            address = json.loads((self.data / "run.json").read_text())["database_url"]
            connection = await asyncpg.connect(address.replace("{service}", service))
            try:
                await connection.execute(statements)
            finally:
                await connection.close()

        asyncio.run(change())

    def remove(self) -> None:
        """Removes the cluster, which lies outside of the folder when root has started it."""
        wait_until(lambda: not (self.data / "postgres" / "cluster" / "postmaster.pid").exists(), self.said)
        PostgresServer(self.data).remove()

    def get(self, path: str) -> Any:
        return httpx.get(self.url + path, timeout=30).raise_for_status().json()

    def sessions(self) -> int:
        return int(self.get("/reporting/overview")["sessions"])

    def positions(self) -> dict[str, int]:
        return {s["service"]: s["log_pos"] for s in json.loads(self.run("status", "--json").stdout) if s["log_pos"]}

    def said(self) -> str:
        return self.output.read_text()


@contextmanager
def instance(data: Path, **settings: object) -> Iterator[Instance]:
    """An instance that does not outlive the test."""
    made = Instance(data, **settings)
    try:
        made.start()
        yield made
    finally:
        if made.process.poll() is None:
            made.process.kill()
            made.process.wait(30)
        made.remove()


def wait_until(ready: Callable[[], object], said: Callable[[], str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not ready():
        assert time.monotonic() < deadline, said()
        time.sleep(0.2)


@pytest.mark.slow
def test_numbers_move_ctrl_c_stops_everything_and_a_second_start_goes_on(tmp_path: Path) -> None:
    with instance(tmp_path / "var") as up:
        wait_until(lambda: up.sessions() > 30, up.said)
        moving = up.sessions()
        wait_until(lambda: up.sessions() > moving, up.said)
        with httpx.stream("GET", up.url + "/reporting/live", timeout=30) as live:  # an open page
            assert live.headers["content-type"].startswith("text/event-stream")
            verified = up.run("verify")
            assert (verified.returncode, verified.stdout.splitlines()[-1]) == (0, "0 differences"), verified.stdout
            assert up.run("status").returncode == 0
            _is_the_campaign_of_the_plan(up)
            before, first = up.sessions(), up.positions()
            assert up.stop() < (0, 10.0), up.said()
        assert up.process.returncode == 0
        assert "stopped; the data stays" in up.said()
        assert up.run("status").returncode == 3
        stood = json.loads((up.data / "clock.json").read_text())["now"]

        up.start()
        wait_until(lambda: "the campaign runs from" in up.said().rpartition("stopped")[2], up.said)
        again = up.positions()
        assert up.get("/reporting/overview")["now"] >= stood
        assert up.get("/registry/units?limit=1")["total"] == 187 + len(village_ids())
        wait_until(lambda: up.sessions() > before, up.said)
        verified = up.run("verify")
        assert (verified.returncode, verified.stdout.splitlines()[-1]) == (0, "0 differences"), verified.stdout
        assert up.stop(signal.SIGTERM)[0] == 0
    assert all(again[service] >= first[service] for service in first)
    assert again["registry"] <= first["registry"] + 20, "units, organisations, teams and members are not made again"
    assert "Traceback" not in up.said()
    assert '"level": "error"' not in (up.data / "phongtrao.log").read_text()


def _is_the_campaign_of_the_plan(up: Instance) -> None:
    [campaign] = up.get("/outreach/campaigns")["items"]
    assert [campaign[f] for f in ("launched_on", "window_days", "quota", "report_due_on", "day_one_rule")] == [
        "2023-07-28", 7, 7, "2023-08-15", "ceremony_day",
    ]  # fmt: skip
    assert len(campaign["topics"]) == 5
    districts = [u["unit_id"] for u in up.get("/registry/units?level=district&on=2023-07-28")["items"]]
    assert (len(districts), sorted(campaign["reporting_unit_ids"])) == (13, sorted(districts))


def _is_back(up: Instance, name: str) -> bool:
    return f"{name} is back" in up.said()


@pytest.mark.slow
def test_a_server_that_was_killed_is_started_again_and_nothing_is_lost(tmp_path: Path) -> None:
    with instance(tmp_path / "var") as up:
        wait_until(lambda: up.sessions() > 10, up.said)
        for server, name in (("nats-server", "NATS"), ("postgres", "Postgres")):
            children = psutil.Process(up.process.pid).children()
            next(child for child in children if server in child.cmdline()[0]).kill()
            wait_until(partial(_is_back, up, name), up.said)
        stood = up.positions().get("outreach", 0)
        wait_until(lambda: up.positions().get("outreach", 0) > stood, up.said)
        verified = up.run("verify")
        assert (verified.returncode, verified.stdout.splitlines()[-1]) == (0, "0 differences"), verified.stdout
        _killed_after_a_jump_it_goes_on_from_there(up)
        assert up.stop()[0] == 0, up.said()


def _killed_after_a_jump_it_goes_on_from_there(up: Instance) -> None:
    jumped = httpx.post(up.url + "/sign-in/clock", headers={"origin": up.url}, timeout=30)
    assert (jumped.status_code, jumped.headers["location"]) == (303, "/sign-in"), jumped.text
    up.process.kill()
    up.process.wait(30)
    (up.data / "run.json").unlink()
    up.start()
    wait_until(lambda: "have stopped for good" in up.said(), up.said)
    assert "2025-07-02" <= up.get("/reporting/overview")["now"] < "2025-07-03"


@pytest.mark.slow
def test_two_instances_live_side_by_side_and_one_folder_or_port_has_one(tmp_path: Path) -> None:
    with instance(tmp_path / "a", DEMO=0) as one, instance(tmp_path / "b", DEMO=0) as two:
        for up in (one, two):
            wait_until(lambda up=up: up.get("/registry/units?limit=1")["total"] == 187, up.said)  # type: ignore[misc]
            assert up.get("/reporting/overview")["campaign"] is None
        assert one.url != two.url

        first, second = (one.run("simulate", "--instant", "--scale", "0.01") for _ in range(2))
        wait_until(lambda: one.sessions() > 0, one.said)
        assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
        assert "conflict 0, refused 0" in first.stdout
        assert "accepted 0," in second.stdout, "sent again, counted once"
        assert two.get("/reporting/overview")["campaign"] is None

        same_folder = one.run("up")
        other = Instance(tmp_path / "c", PORT=one.url.rpartition(":")[2])
        same_port = other.run("up")

        assert (same_folder.returncode, same_port.returncode) == (3, 3)
        assert str(tmp_path / "a") in same_folder.stderr
        assert "PHONGTRAO_PORT" in same_port.stderr
        assert one.stop()[0] == 0
        assert two.get("/registry/units?limit=1")["total"] == 187
        assert two.stop()[0] == 0


@pytest.mark.slow
def test_verify_names_what_was_changed_by_hand_and_a_rebuild_heals_it(tmp_path: Path) -> None:
    with instance(tmp_path / "var", DEMO=0) as up:
        wait_until(lambda: up.positions().get("registry") == 187, up.said)
        up.by_hand("reporting", "update places_1.unit_version set name = 'nowhere' where unit_id = '21400'")
        up.by_hand("registry", "alter table log disable trigger all; update log set payload = '{}' where pos = 7")

        found = up.run("verify")
        rebuilt = up.run("rebuild", "places")
        after = up.run("verify", "places")

        assert (found.returncode, found.stdout.splitlines()[-1]) == (1, "2 differences"), found.stdout
        assert "nowhere" in found.stdout
        assert "position 7: another payload" in found.stdout
        assert (rebuilt.returncode, "1 difference to the one before" in rebuilt.stdout) == (0, True), rebuilt.stdout
        assert (after.returncode, after.stdout.splitlines()[-1]) == (0, "0 differences"), after.stdout
        assert up.stop()[0] == 0


@pytest.mark.slow
def test_a_signal_while_everything_starts_leaves_nothing_behind(tmp_path: Path) -> None:
    up = Instance(tmp_path / "var")
    with up.output.open("a") as output:
        command = [sys.executable, "-m", "phongtrao", "up"]
        up.process = subprocess.Popen(command, cwd=ROOT, env=up.env, stdout=output, stderr=output)
    wait_until(lambda: psutil.Process(up.process.pid).children(), up.said)

    code, _ = up.stop()

    up.remove()
    assert code == 0
    assert not (up.data / "run.json").exists()
    assert "Traceback" not in up.said()


def test_a_port_that_is_taken_is_noticed_before_any_server_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ended = Instance(tmp_path / "var", PORT=taken.getsockname()[1]).run("up")

    assert ended.returncode == 3
    assert len(ended.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "var" / "postgres").exists()
