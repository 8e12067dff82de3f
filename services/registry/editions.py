"""The editions that this release carries: whole maps of a day, and how each came from the one before.

Each folder of `data/` has a README with the decisions behind it.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Collection, Mapping
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from services.registry import unit
from services.registry.reform import Predecessor, ReformPlan, Successor, state
from services.registry.unit import Unit
from shared import errors
from shared.contracts.reform import LegalBasis, Part

DATA = Path(__file__).parent / "data"
EARLIER_FIRST = "earlier_edition_first"
"""Slug of the refusal of an edition while the one that it is made out of has not been carried out."""


class Line(NamedTuple):
    """One line of a lineage: the successor has the predecessor, or a part of it."""

    predecessor_id: str
    successor_id: str
    part: Part


class Decision(NamedTuple):
    """What a decision says beside the map."""

    reform_id: str
    legal_basis: LegalBasis
    effective_on: date
    heirs: Mapping[str, str]
    """Who takes over what is open at an abolished unit that has no successor or several; successor by unit."""


def bundled() -> list[str]:
    """Editions that this release carries, oldest first. All but the first come as reforms."""
    return sorted(f.parent.name for f in DATA.glob("*/units.csv"))


def waits_for(edition: str, loaded: Collection[str]) -> list[str]:
    """The editions before this one that nobody has brought yet, oldest first: each is made out of the one before."""
    return [e for e in bundled() if e < edition and e not in loaded]


def must_not_wait(edition: str, loaded: Collection[str]) -> None:
    """Raises 409 with the decision that has to be carried out before that of this edition."""
    if not (waiting := waits_for(edition, loaded)):
        return
    first = waiting[0]
    if first == bundled()[0]:
        vi = f"Hãy nạp bản đồ hành chính «{first}» trước: «{edition}» được lập từ đó."
        en = f"Load the edition «{first}» first: «{edition}» is made out of it."
    else:
        decided = decision(first)
        number, since = decided.legal_basis.number, decided.effective_on
        vi = (
            f"Hãy thực hiện {number} (bản «{first}», có hiệu lực từ {since:%d/%m/%Y}) trước:"
            f" «{edition}» được lập từ đó."
        )
        en = f"Carry out {number} (edition «{first}», in force from {since}) first: «{edition}» is made out of it."
    raise errors.conflict(EARLIER_FIRST, "edition", vi, en)


def units(edition: str) -> list[Unit]:
    """The whole map of an edition, parents before children. Raises 404 for one that is not bundled."""
    return unit.read_edition(_rows(edition, "units.csv"), edition)


def joining(edition: str) -> list[Unit]:
    """Units of another province that an edition takes in, as they are before; parents before children."""
    if not (DATA / edition / "joining.csv").is_file():
        return []
    return unit.read_edition(_rows(edition, "joining.csv"), "")


def lineage(edition: str) -> list[Line]:
    """What became of the units that an edition changes. Units that are not named go on as they are."""
    rows = _rows(edition, "lineage.csv")
    return [Line(r["predecessor_id"], r["successor_id"], Part(r["part"])) for r in rows]


def decision(edition: str) -> Decision:
    """The decision that made an edition."""
    said: dict[str, Any] = json.loads(_file(edition, "decision.json").read_text(encoding="utf-8"))
    basis = LegalBasis.model_validate(said["legal_basis"])
    return Decision(said["reform_id"], basis, date.fromisoformat(said["effective_on"]), said["heirs"])


def plan(edition: str) -> ReformPlan:
    """The reform that makes an edition out of the one before. Raises 404 for one that does not come as a reform."""
    decided, states = decision(edition), {u.unit_id: state(u) for u in units(edition)}
    predecessors: dict[str, list[Predecessor]] = {}
    for line in lineage(edition):
        predecessors.setdefault(line.successor_id, []).append(Predecessor(line.predecessor_id, line.part))
    return ReformPlan(
        decided.reform_id,
        decided.legal_basis,
        decided.effective_on,
        edition,
        tuple(Successor(states[i], tuple(of)) for i, of in predecessors.items()),
        decided.heirs,
    )


def _rows(edition: str, name: str) -> list[dict[str, str]]:
    with _file(edition, name).open(encoding="utf-8", newline="") as rows:
        return list(csv.DictReader(rows, strict=True))


def _file(edition: str, name: str) -> Path:
    file = DATA / edition / name
    if edition not in bundled() or not file.is_file():
        there = ", ".join(e for e in bundled() if (DATA / e / name).is_file())
        raise errors.not_found(
            "no_such_edition",
            "edition",
            f"Không có bản đồ hành chính «{edition}» cho việc này. Các bản có sẵn: {there}.",
            f"There is no edition «{edition}» for this. Bundled: {there}.",
        )
    return file
