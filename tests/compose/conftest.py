"""One deployment for all tests of this folder, and a small campaign in it."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.compose.campaign import Campaign, begin
from tests.compose.deployment import Deployment


@pytest.fixture(scope="session")
def deployment(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Built, up and healthy; taken down with its volumes whatever happens. After a failure its logs are printed."""
    failed_before = request.session.testsfailed
    made = Deployment(tmp_path_factory.mktemp("compose"))
    try:
        made.up()
        yield made
    finally:
        if request.session.testsfailed > failed_before or sys.exc_info()[0]:
            print(made.logs())
        made.down()


@pytest.fixture(scope="session")
def campaign(deployment: Deployment) -> Campaign:
    """A campaign of one team of two that was launched five days ago."""
    return begin(deployment)
