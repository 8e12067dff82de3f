"""From the course results of organisations and groups to what a page shows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from services.reporting.shapes import OrganisationItem, Organisations
from services.reporting.views import LearnersView, OrganisationView, Ratio


def learners(found: Organisations) -> LearnersView:
    """The organisations that are listed, and the groups of the plan with what belongs to none of them."""
    outside = [item for item in found["rest"] if item["organisation_id"]]
    return LearnersView(
        organisations=_views(found["items"]),
        total=found["total"],
        groups=_views(found["groups"]),
        outside=_together(outside) if outside else None,
        unnamed=next((_view(item) for item in found["rest"] if not item["organisation_id"]), None),
    )


def _views(items: Iterable[OrganisationItem]) -> tuple[OrganisationView, ...]:
    return tuple(sorted(map(_view, items), key=lambda o: (-(o.passed.percent or 0), -o.passed.whole, o.key)))


def _view(item: OrganisationItem) -> OrganisationView:
    return OrganisationView(
        key=item["organisation_id"] or "",
        name=item["name"],
        passed=Ratio(item["passed"], item["enrolled"]),
        attempts=item["attempts"],
        organisations=item["organisations"],
        headcount=item["headcount"],
        undeclared=item["undeclared"],
    )


def _together(items: Sequence[OrganisationItem]) -> OrganisationView:
    """Several as one, without a name."""
    declared = [item["headcount"] for item in items if item["headcount"] is not None]
    return OrganisationView(
        key="",
        name=None,
        passed=Ratio(sum(item["passed"] for item in items), sum(item["enrolled"] for item in items)),
        attempts=sum(item["attempts"] for item in items),
        organisations=sum(item["organisations"] for item in items),
        headcount=sum(declared) if declared else None,
        undeclared=sum(item["undeclared"] for item in items),
    )
