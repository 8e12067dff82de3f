"""What the README shows works: its example runs, its commands and files exist."""

from __future__ import annotations

import re
import subprocess
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from phongtrao.cli import app
from shared.clock import VIETNAM
from shared.contracts import Recorded
from shared.contracts.registry import MemberJoined, Role
from shared.projection import fold_all

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "deploy").rglob("*.md"))]


def _joined(pos: int, team: str) -> Recorded:
    at = datetime(2023, 7, 3, tzinfo=VIETNAM)
    event = MemberJoined(
        occurred_at=at, member_id=f"m{pos}", team_id=team, role=Role.MEMBER, unit_id="21400", joined_on=date(2023, 7, 3)
    )
    return Recorded("registry", pos, f"e{pos}", at, event)


def test_the_fold_in_the_readme_folds() -> None:
    [example] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names: dict[str, Any] = {"__name__": "readme"}
    exec(compile(example, "README.md", "exec"), names)

    found = fold_all(names["teams"], [_joined(1, "a"), _joined(2, "b"), _joined(3, "a")])

    assert found == {"team_size": {("a",): ("a", 2), ("b",): ("b", 1)}}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_make_targets_and_commands_of_the_readme_exist() -> None:
    targets = set(re.findall(r"(?:^|`)make ([a-z]+)", README, re.MULTILINE))
    known = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert targets <= known
    commands = set(re.findall(r"^phongtrao ([a-z]+)", README, re.MULTILINE))
    assert commands
    assert commands <= {c.name or c.callback.__name__ for c in app.registered_commands if c.callback}


def test_ci_runs_what_the_readme_says() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "make test" in script
    assert subprocess.run(["bash", "-n", ROOT / ".ci" / "run"], check=False).returncode == 0
