"""The service tests and the spine, once more, against containers of the official images of NATS and Postgres."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[2]
THE_SAME = [
    "tests/service/test_registry.py",
    "tests/service/test_outreach.py",
    "tests/service/test_courses.py",
    "tests/service/test_reporting.py",
    "tests/service/test_wire.py",
    "tests/system/test_spine.py",
]
"""A file of each service, the client below everything, and the path through all four services. The whole of the
service tests runs with `make test-containers`."""
AT_LEAST = 85
"""Tests that these files hold at the very least: a run that found none of them would pass, too."""
# While a container is down the engine's proxy still takes connections and drops them at once; the NATS client leaves
# such a connection to the garbage collector, which says so.
DROPPED = "default::pytest.PytestUnraisableExceptionWarning"


@pytest.mark.testcontainers
@pytest.mark.slow
@pytest.mark.timeout(480)
def test_what_passes_on_embedded_servers_passes_on_containers(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    options = ["-q", "-p", "no:cacheprovider", "-W", DROPPED, f"--junit-xml={report}"]
    command = [sys.executable, "-m", "pytest", *options, *THE_SAME]

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
    assert ran >= AT_LEAST
    assert sum(int(suite.get(bad, 0)) for suite in suites for bad in ("failures", "errors")) == 0
