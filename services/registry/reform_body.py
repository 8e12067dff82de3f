"""A reform as it comes in over HTTP: a bundled edition or a whole decision, and what people chose."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from services.registry import editions
from services.registry.reform import Choices, Predecessor, ReformPlan, Successor
from shared import problems
from shared.contracts.reform import LegalBasis, Level, Part, UnitState
from shared.http import Body, Day, Id, Name

EDITION = problems.pattern(r"^[0-9]{4}(-[0-9]{2})?$", "dạng 2023 hoặc 2025-07", "has the form 2023 or 2025-07")
CODE = problems.pattern(r"^[0-9]{0,10}$", "chỉ gồm chữ số, nhiều nhất 10", "digits only, at most 10")
_EITHER = PydanticCustomError(
    "edition_or_plan", "give either `edition` or `plan`", {"vi": "cần đúng một trong hai: «edition» hoặc «plan»"}
)


class LegalBasisBody(Body):
    """The decision, as it is cited."""

    number: Name = Field(examples=["1677/NQ-UBTVQH15"])
    title: Name
    issued_on: Day
    issuer: Name


class UnitBody(Body):
    """A unit as it is from the effective day on."""

    unit_id: Id = Field(description="Of a unit that it continues, or a new one.")
    code: Annotated[str, StringConstraints(pattern=CODE)] = Field("", description="Official code; villages have none.")
    name: Name = Field(examples=["Xã Cà Đam"])
    kind: Id = Field(description="A kind of that level; see GET /registry/levels.", examples=["commune"])
    level: Level = Field(description="What it counts as: below a commune always `village`; the kind says the level.")
    parent_id: Id | None = Field(None, description="The unit above it; null for a province.")


class PredecessorBody(Body):
    """A unit of the day before of which something is in the successor."""

    unit_id: Id
    part: Part = Part.WHOLE


class SuccessorBody(Body):
    """A unit and what it is made of; itself too, where it goes on."""

    unit: UnitBody
    predecessors: list[PredecessorBody] = Field(min_length=1, max_length=500)


class PlanBody(Body):
    """What a decision says. Units that it does not name go on as they are."""

    reform_id: Id = Field(description="Made by the client, so that sending again is harmless.")
    legal_basis: LegalBasisBody
    effective_on: Day
    successors: list[SuccessorBody] = Field(default=[], max_length=1000)
    heirs: dict[Id, Id] = Field(
        default={},
        max_length=1000,
        description="Who takes over what is open, by abolished unit; needed where it has not just one successor.",
    )

    def plan(self) -> ReformPlan:
        """The decision as the rules know it."""
        successors = (
            Successor(
                UnitState(**s.unit.model_dump()),
                tuple(Predecessor(p.unit_id, p.part) for p in s.predecessors),
            )
            for s in self.successors
        )
        basis = LegalBasis(**self.legal_basis.model_dump())
        return ReformPlan(self.reform_id, basis, self.effective_on, None, tuple(successors), self.heirs)


class ChoicesBody(Body):
    """What people decided where the decision leaves it open; the preview names the questions and the candidates."""

    teams: dict[Id, Id] = Field(default={}, max_length=10_000, description="Unit by team.")
    villages: dict[Id, Id] = Field(default={}, max_length=10_000, description="New parent by village.")


class ReformBody(Body):
    """A reform: a bundled edition, or a decision of one's own."""

    edition: Annotated[str, StringConstraints(pattern=EDITION)] | None = Field(None, examples=["2025-07"])
    plan: PlanBody | None = None
    reform_id: Id | None = Field(
        None, description="Of a bundled edition: another id than the edition's own, after a reversal."
    )
    choices: ChoicesBody = ChoicesBody()

    @model_validator(mode="after")
    def _either(self) -> ReformBody:
        if (self.edition is None) == (self.plan is None):
            raise _EITHER
        return self

    def asked(self) -> ReformPlan:
        """The decision that is meant. Raises 404 for an edition that is not bundled."""
        if self.plan is not None:
            return self.plan.plan()
        plan = editions.plan(self.edition or "")
        return plan._replace(reform_id=self.reform_id or plan.reform_id)

    def chosen(self) -> Choices:
        """What people decided."""
        return Choices(self.choices.teams, self.choices.villages)
