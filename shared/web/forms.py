"""Forms of our pages: what was typed, what is wrong with it, and the body of the API that it makes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile
from starlette.requests import Request

from shared.errors import FieldError, Problem, Text
from shared.http import Day
from shared.problems import field_error

B = TypeVar("B", bound=BaseModel)

_DAY = re.compile(r"\s*(\d{1,2})\s*[/.\- ]\s*(\d{1,2})\s*[/.\- ]\s*(\d{4}|\d{2})\s*")
_CLOCK = re.compile(r"\s*(\d{1,2})\s*(?:[:hg.]\s*(\d{2})?)?\s*", re.IGNORECASE)
_CENTURY = 2000
NOT_A_DAY = Text("phải là ngày có thật, ví dụ 28/07/2023", "must be a real day, for example 28/07/2023")


def typed_day(text: str) -> date | None:
    """The day that somebody typed: 28/7/2023, 28-07-23, 28.7.2023, 2023-07-28. None when it is no real day."""
    try:
        if found := _DAY.fullmatch(text):
            day, month, year = map(int, found.groups())
            return date(year + _CENTURY if year < 100 else year, month, day)
        return date.fromisoformat(text.strip())
    except ValueError:
        return None


def typed_clock(text: str) -> time | None:
    """The time of day that somebody typed: 14:30, 14h30, 8.05, 14h, 14. None when it is none."""
    found = _CLOCK.fullmatch(text)
    try:
        return time(int(found[1]), int(found[2] or 0)) if found else None
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Form:
    """A form as it is shown: what stands in its fields, and the refusal if there was one."""

    values: Mapping[str, str]
    problem: Problem | None = None
    labels: dict[str, str] = field(default_factory=dict)
    """What the fields are called; filled while they are written, for the list of what is wrong."""
    unseen: set[str] = field(default_factory=set)
    """Fields that nobody sees, so that no link leads to them; filled while they are written."""

    def called(self, name: str, label: str) -> str:
        """Notes what a field is called. Writes nothing."""
        self.labels[name] = label
        return ""

    def hides(self, name: str) -> str:
        """Notes that nobody sees a field. Writes nothing."""
        self.unseen.add(name)
        return ""

    def value(self, name: str) -> str:
        """What stands in a field."""
        return self.values.get(name, "")

    def wrong(self, name: str, lang: str) -> str | None:
        """What is wrong with a field."""
        if self.problem is None:
            return None
        return next((getattr(e.message, lang) for e in self.problem.fields if e.field == name), None)

    def summary(self, lang: str) -> list[tuple[str | None, str]]:
        """All that is wrong, with the field where it is one of this form: for the top of the page."""
        if self.problem is None:
            return []
        if not self.problem.fields:
            return [(None, getattr(self.problem.detail, lang))]
        found = [(e.field, getattr(e.message, lang)) for e in self.problem.fields[:20]]
        return [(name if self._has(name) else None, self._said(name, words)) for name, words in found]

    def _has(self, name: str) -> bool:
        """Whether a link can lead to a field: it came with the form, or nothing was chosen there, so nothing came."""
        return name not in self.unseen and (name in self.values or name in self.labels)

    def _said(self, name: str, words: str) -> str:
        return f"{self.labels[name].rstrip('?')}: {words}" if name in self.labels else words


async def posted(request: Request) -> dict[str, str]:
    """The texts of a posted form, trimmed; of files nothing."""
    data = await request.form(max_files=1, max_fields=2000)
    return {name: value.strip() for name, value in data.items() if not isinstance(value, UploadFile)}


def body(model: type[B], values: Mapping[str, str]) -> B:
    """The body of the API that these fields make: days as they are typed, an empty field as none at all.

    Raises 422 with all fields that are wrong.
    """
    wanted = {name: value for name, value in values.items() if name in model.model_fields and value != ""}
    days = {name for name, info in model.model_fields.items() if _is_day(info.annotation) and name in wanted}
    read = {name: typed_day(wanted[name]) for name in days}
    try:
        made = model.model_validate({**wanted, **{name: day or wanted[name] for name, day in read.items()}})
    except ValidationError as error:
        raise refused(error, dict.fromkeys((name for name, day in read.items() if day is None), NOT_A_DAY)) from error
    return made


def _is_day(annotation: object) -> bool:
    return annotation in {date, Day, date | None, Day | None}


def refused(error: ValidationError, better: Mapping[str, Text]) -> Problem:
    """The refusal that says what pydantic found; `better` has other words for some fields."""
    found = [field_error({**e, "loc": ("body", *e["loc"])}) for e in error.errors()[:50]]
    fields = tuple(FieldError(f.field, better.get(f.field, _MISSING if _is_missing(f) else f.message)) for f in found)
    return Problem(
        422,
        "invalid_data",
        Text("Chưa lưu: có mục cần sửa.", "Not saved: something has to be corrected."),
        fields=fields,
    )


_MISSING = Text("cần điền mục này", "this has to be filled in")


def _is_missing(found: FieldError) -> bool:
    return found.message.en == "Field required"
