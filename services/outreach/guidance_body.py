"""What a phone sends about one guidance: who, whom, what, where, when."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from pydantic import Field, ValidationError, ValidatorFunctionWrapHandler, model_validator
from pydantic_core import PydanticCustomError

from services.outreach import guidance
from services.outreach.guidance import Sent
from shared import problems
from shared.contracts.outreach import Place
from shared.errors import FieldError
from shared.http import ID_PATTERN, Body, Id, Moment, Name

PHONE = problems.pattern(
    r"^\+?[0-9][0-9 .()-]{7,18}$",
    "phải là số điện thoại, ví dụ 090 123 4567 hoặc +84 90 123 4567",
    "must be a phone number, for example 090 123 4567 or +84 90 123 4567",
)
IDENTITY_NUMBER = problems.pattern(
    r"^([0-9]{9}|[0-9]{12})$", "số định danh có 9 hoặc 12 chữ số", "an identity number has 9 or 12 digits"
)


class Citizen(Body):
    """Who was guided, by one of three ways; none of it is kept, only a keyed hash of it."""

    phone: str | None = Field(None, pattern=PHONE, examples=["0100000001"])
    identity_number: str | None = Field(None, pattern=IDENTITY_NUMBER)
    name: Name | None = None
    birth_year: int | None = Field(None, ge=1900, le=2100)
    village: Name | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Citizen:
        by_name = self.name is not None and self.birth_year is not None and self.village is not None
        parts = self.name is not None or self.birth_year is not None or self.village is not None
        ways = [self.phone is not None, self.identity_number is not None, by_name]
        if sum(ways) != 1 or (parts and not by_name):
            raise PydanticCustomError(
                "one_way",
                "give a phone, or an identity number, or name with birth_year and village",
                {"vi": "cần số điện thoại, hoặc số định danh, hoặc họ tên kèm năm sinh và thôn"},
            )
        return self

    def ref(self, key: str) -> str:
        """The citizen's keyed hash."""
        if self.phone is not None:
            return guidance.ref_by_phone(key, self.phone)
        if self.identity_number is not None:
            return guidance.ref_by_identity(key, self.identity_number)
        return guidance.ref_by_name(key, self.name or "", self.birth_year or 0, self.village or "")


class OneGuidance(Body):
    """One member guided one citizen once."""

    member_id: Id
    occurred_at: Moment
    citizen: Citizen
    topics: tuple[Id, ...] = Field(min_length=1, max_length=20, description="Topic codes of the campaign.")
    place: Place = Place.OTHER
    team_id: Id | None = Field(None, description="For which team; needed when the member was on several that day.")

    def sent(self, campaign_id: str, guidance_id: str, key: str) -> Sent:
        """As the rules want it: the citizen is a keyed hash from here on."""
        topics = tuple(sorted(set(self.topics)))
        return Sent(
            guidance_id, campaign_id, self.member_id, self.citizen.ref(key), topics, self.place, self.occurred_at,
            self.team_id,
        )  # fmt: skip


class GuidanceItem(OneGuidance):
    """One item of a batch."""

    guidance_id: Id = Field(description="Made by the phone, so that sending again is harmless.")


class Malformed(NamedTuple):
    """An item that could not be read; the others of its batch are not held up by it."""

    guidance_id: str | None
    error: FieldError


def leniently(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """Validates an item of a list; what is not one becomes a Malformed that says why."""
    try:
        return handler(value)
    except ValidationError as error:
        found = value.get("guidance_id") if isinstance(value, dict) else None
        readable = isinstance(found, str) and re.fullmatch(ID_PATTERN, found)
        return Malformed(found if readable else None, problems.field_error(error.errors()[0], whole="item"))
