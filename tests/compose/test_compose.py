"""docker-compose.yml, run for real: a campaign through Caddy, servers killed under it, walls between the services."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from functools import partial
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from shared.auth import Role
from shared.ids import new_id
from tests.compose.campaign import DISTRICT, LAUNCH, TOWN, Campaign, must
from tests.compose.deployment import ROOT, Deployment, eventually

pytestmark = [pytest.mark.compose, pytest.mark.slow, pytest.mark.timeout(480)]

SERVICES = ("registry", "outreach", "courses", "reporting")
FOLLOWERS = {"outreach": ["registry"], "courses": ["registry"], "reporting": ["courses", "outreach", "registry"]}


def test_a_campaign_through_caddy_becomes_the_provinces_numbers(campaign: Campaign) -> None:
    items = campaign.items(7)

    answer = campaign.send([*items, {**items[0], "guidance_id": new_id()}])
    campaign.sessions += 1
    seen = campaign.overview(min_pos=answer["pos"])

    assert answer["accepted"] == 8
    assert (seen["citizens"], seen["sessions"]) == (7, 8)
    assert seen["members"] == {"total": 2, "started": 1, "met": 1}
    units = must(campaign.anyone.get("/reporting/units"))["items"]
    assert {u["unit_id"]: u["citizens"] for u in units}[DISTRICT] == 7
    withdrawal = {"reason": "did_not_happen"}
    last = must(campaign.phone.post(f"/outreach/guidances/{items[0]['guidance_id']}/withdraw", json=withdrawal))
    campaign.overview(min_pos=last["pos"])
    campaign.sessions -= 1
    assert campaign.counted() == (7, 7)


def test_a_course_through_caddy_becomes_an_organisations_result(deployment: Deployment, campaign: Campaign) -> None:
    course = {
        "course_id": "dvc",
        "title": "Dịch vụ công trực tuyến",
        "questions": [
            {
                "question_id": "q1",
                "text": "Nộp hồ sơ ở đâu?",
                "options": [{"option_id": "a", "text": "Cổng dịch vụ công"}, {"option_id": "b", "text": "Không rõ"}],
                "right": ["a"],
            }
        ],
        "pass_mark": 1,
        "opens_on": LAUNCH.isoformat(),
    }
    must(campaign.officer.post("/courses/courses", json=course))
    learner = deployment.client(Role.LEARNER, subject="an", units=[TOWN], organisation_id="tinh-doan")

    must(learner.post("/courses/courses/dvc/enrolments", json={}))
    tries = [_submit(learner, answer) for answer in ("b", "a")]

    assert [t["passed"] for t in tries] == [False, True]
    pos = {"min_pos": tries[-1]["pos"]}
    found = must(campaign.anyone.get("/reporting/organisations", params=pos))["items"]
    mine = next(o for o in found if o["organisation_id"] == "tinh-doan")
    assert (mine["enrolled"], mine["passed"], mine["attempts"]) == (1, 1, 2)


def _submit(learner: httpx.Client, option: str) -> dict[str, Any]:
    body = {"attempt_id": new_id(), "answers": {"q1": [option]}}
    return must(learner.post("/courses/courses/dvc/attempts", json=body))


def test_page_assets_and_live_feed_come_through_caddy(campaign: Campaign) -> None:
    page = campaign.anyone.get("/", params={"lang": "vi"})
    style = campaign.anyone.get("/static/base.css", headers={"accept-encoding": "gzip"})
    unit = campaign.anyone.get("/", params={"unit": DISTRICT, "lang": "en"})

    assert page.status_code == style.status_code == unit.status_code == 200
    assert "Quảng Ngãi" in page.text
    assert 'lang="en"' in unit.text
    assert style.headers["content-encoding"] == "gzip"
    assert "server" not in page.headers
    for path in ("/so", "/so/don-vi"):  # registry's pages
        assert "/static/registry" in campaign.anyone.get(path, params={"lang": "vi"}).text, path
    with campaign.anyone.stream("GET", "/reporting/live", headers={"accept-encoding": "gzip, zstd"}) as feed:
        assert feed.headers["content-type"].startswith("text/event-stream")
        assert "content-encoding" not in feed.headers
        lines = (line for line in feed.iter_lines() if line.startswith("data:"))
        assert json.loads(next(lines)[5:])  # all of the page, at once
        campaign.send(campaign.items(1))
        assert json.loads(next(lines)[5:])  # what changed, while the connection stays open


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_serves_what_is_common_under_its_path(campaign: Campaign, service: str) -> None:
    get = campaign.anyone.get
    assert get(f"/{service}/openapi.json").json()["servers"] == [{"url": f"/{service}"}]
    assert get(f"/{service}/asyncapi.json").json()["asyncapi"].startswith("3.")
    assert f"/{service}/" in get(f"/{service}/docs").text
    assert get(f"/{service}/docs/events").status_code == 200
    assert get(f"/{service}/healthz").json() == {"service": service, "status": "alive"}
    assert get(f"/{service}/readyz").json()["ready"] is True
    assert "phongtrao_http_seconds" in get(f"/{service}/metrics").text
    refused = get(f"/{service}/no-such-thing")
    assert (refused.status_code, refused.headers["content-type"]) == (404, "application/problem+json")


class Phone(threading.Thread):
    """Sends one guidance after the other and, as phones do, sends each again until it is answered with a 2xx."""

    def __init__(self, campaign: Campaign) -> None:
        super().__init__(daemon=True)
        self.done, self.again, self.wrong, self._campaign = 0, 0, "", campaign
        self._stop_now = threading.Event()

    def run(self) -> None:
        while not self._stop_now.is_set():
            body = {"campaign_id": self._campaign.id, "items": self._campaign.items(1)}
            while not self._answered(body):
                self._stop_now.wait(0.1)
            self.done += 1

    def _answered(self, body: dict[str, Any]) -> bool:
        try:
            answer = self._campaign.phone.post("/outreach/guidances", json=body)
        except httpx.TransportError:
            self.again += 1
            return False
        if answer.status_code == 503:
            self.again += 1
            return False
        if not answer.is_success or answer.json()["receipts"][0]["result"] not in {"accepted", "already_had"}:
            self.wrong = answer.text
        return True

    def goes_on(self) -> None:
        """Waits until three more were answered."""
        before = self.done
        eventually(lambda: self.done - before >= 3, wanted=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop_now.set()
        self.join(60)
        assert not self.is_alive(), "a guidance was never answered"
        assert not self.wrong


def test_what_is_sent_while_nats_is_dead_is_taken_and_arrives_when_it_is_back(
    deployment: Deployment, campaign: Campaign
) -> None:
    with Phone(campaign) as phone:
        deployment.compose("kill", "nats")
        phone.goes_on()
        deployment.compose("up", "-d", "--no-recreate", "--wait", "nats")
        phone.goes_on()

    campaign.all_counted()


@pytest.mark.parametrize("killed", [["outreach"], ["reporting", "postgres"]], ids=" and ".join)
def test_nothing_is_lost_or_counted_twice_over_a_kill_of(
    deployment: Deployment, campaign: Campaign, killed: list[str]
) -> None:
    with Phone(campaign) as phone:
        phone.goes_on()
        deployment.compose("kill", *killed)
        deployment.compose("up", "-d", "--no-recreate", "--wait", *killed)
        phone.goes_on()

    campaign.all_counted()


def _stream_end(deployment: Deployment, service: str) -> Any:
    return deployment.standing(service)["stream_seq"]


def test_a_nats_that_lost_everything_is_filled_again_from_the_logs(deployment: Deployment, campaign: Campaign) -> None:
    before = {service: deployment.standing(service)["log_pos"] for service in ("registry", "outreach", "courses")}

    deployment.compose("rm", "--stop", "--force", "--volumes", "nats")
    volume = deployment.compose("config", "--format", "json").stdout
    subprocess.run(["docker", "volume", "rm", json.loads(volume)["volumes"]["nats"]["name"]], check=True)
    deployment.compose("up", "-d", "--no-recreate", "--wait", "nats")

    for service, position in before.items():
        eventually(partial(_stream_end, deployment, service), position)
    campaign.send(campaign.items(3))
    campaign.all_counted()
    for service, streams in FOLLOWERS.items():
        assert [f["stream"] for f in deployment.standing(service)["follows"]] == streams


def test_a_service_that_is_down_is_said_in_words_while_the_others_answer(
    deployment: Deployment, campaign: Campaign
) -> None:
    deployment.compose("stop", "--timeout", "5", "courses")
    try:
        refused = campaign.anyone.get("/courses/healthz")
        other = campaign.anyone.get("/registry/healthz")
    finally:
        deployment.compose("up", "-d", "--no-recreate", "--wait", "courses")

    assert refused.status_code == 503
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["messages"]["en"].startswith("The service is restarting")
    assert other.status_code == 200


def test_a_service_reaches_nothing_that_belongs_to_another(deployment: Deployment) -> None:
    found = json.loads(deployment.python("outreach", Path(__file__).with_name("intruder.py")))

    entered = {name for name, end in found["databases"].items() if end == "entered"}
    assert entered == {"outreach"}
    assert set(found["databases"].values()) == {"entered", "InsufficientPrivilegeError"}
    assert {name for name, end in found["users"].items() if end == "entered"} == {"outreach"}
    assert len(found["tried"]) > 10
    refused = " ".join(found["refused"]).lower()
    assert [subject for subject in found["tried"] if f'"{subject.lower()}"' not in refused] == []


def test_operators_see_where_everything_stands(deployment: Deployment, campaign: Campaign) -> None:
    campaign.all_counted()
    done = deployment.ops("status", "--json")
    assert {s["service"]: s["ready"] for s in json.loads(done.stdout)} == dict.fromkeys(SERVICES, True)
    assert deployment.ops("rebuild", "progress").stdout.rstrip().endswith("0 differences to the one before")
    assert campaign.counted() == (campaign.sessions, campaign.sessions)  # reporting reads what ops rebuilt


def test_a_token_of_the_trial_key_opens_and_another_does_not(deployment: Deployment) -> None:
    token = deployment.token("--role", "operator", "--unit", "51")
    anyone = deployment.client()

    def ask(token: str) -> httpx.Response:
        return anyone.post("/registry/editions/2023", headers={"authorization": f"Bearer {token}"})

    assert must(ask(token))["established"] == 0
    assert ask(f"{token[:-8]}AAAAAAAA").status_code == 401
    assert anyone.post("/registry/editions/2023").status_code == 401


def test_containers_run_without_rights_and_hold_no_test_servers(deployment: Deployment) -> None:
    look = "import os, importlib.util as u; print(os.getuid(), [m for m in ('psutil', 'pytest') if u.find_spec(m)])"
    assert deployment.compose("exec", "-T", "registry", "python", "-c", look).stdout.split() == ["10001", "[]"]
    written = deployment.compose("exec", "-T", "registry", "touch", "/app/x", may_fail=True)
    assert "Read-only file system" in written.stderr
    sort = "select string_agg(n, '' order by n) from unnest('{â,z,Đ,a,B}'::text[]) n"
    sorted_ = deployment.compose("exec", "-T", "postgres", "psql", "-U", "postgres", "-d", "reporting", "-Atc", sort)
    assert sorted_.stdout.strip() == "Bazâ\u0110"  # by code point, as in the embedded servers


def test_no_secret_is_in_a_log_line_and_no_phone_number(deployment: Deployment, campaign: Campaign) -> None:
    logs = deployment.logs(lines=100_000)
    assert "serving" in logs
    assert "0100000" not in logs
    assert not [value for value in deployment.secrets() if value in logs]


def test_the_variants_in_the_operations_page_are_valid(deployment: Deployment, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    variants = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    monitoring = (ROOT / "deploy" / "monitoring" / "compose.yml").read_text(encoding="utf-8")
    assert len(variants) == 2
    for number, variant in enumerate([*variants, monitoring]):
        file = tmp_path / f"variant-{number}.yml"
        file.write_text(variant, encoding="utf-8")
        deployment.compose("-f", "docker-compose.yml", "-f", str(file), "config", "--quiet")


def test_a_backup_restores_everything_and_what_phones_send_again_completes_it(
    deployment: Deployment, campaign: Campaign, tmp_path: Path
) -> None:
    backup = str(tmp_path / "backup.tar.gz")
    deployment.script("deploy/backup.sh", backup)
    kept = campaign.sessions
    after = campaign.items(5)
    campaign.send(after)
    assert deployment.script("deploy/restore.sh", backup, may_fail=True).returncode == 1  # there is data

    deployment.compose("down", "--volumes", "--timeout", "5")
    deployment.script("deploy/restore.sh", backup)

    eventually(campaign.counted, (kept, kept))
    assert {r["result"] for r in campaign.send(after)["receipts"]} == {"accepted"}
    campaign.all_counted()
    assert deployment.ops("verify").stdout.rstrip().endswith("\n0 differences")
