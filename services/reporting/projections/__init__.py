"""The questions that reporting can answer, one file each."""

from __future__ import annotations

from services.reporting.projections.places import places
from services.reporting.projections.progress import progress
from services.reporting.projections.results import results

PROJECTIONS = (places, progress, results)
