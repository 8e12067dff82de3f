"""The service tests and the spine, once more, against containers of the official images of NATS and Postgres."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[2]
THE_SAME = ["tests/service", "tests/system/test_spine.py"]


@pytest.mark.testcontainers
@pytest.mark.slow
@pytest.mark.timeout(480)
def test_what_passes_on_embedded_servers_passes_on_containers(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junit-xml={report}", *THE_SAME]

    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PHONGTRAO_TEST_SERVERS": "containers"},
        capture_output=True,
        text=True,
        timeout=420,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    suites = list(ElementTree.parse(report).getroot())
    ran = sum(int(suite.get("tests", 0)) - int(suite.get("skipped", 0)) for suite in suites)
    assert ran >= 10
    assert sum(int(suite.get(bad, 0)) for suite in suites for bad in ("failures", "errors")) == 0
