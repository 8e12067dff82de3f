"""What every event is: a frozen fact in the past tense, addressed by service, place and aggregate (decision 0003).

An event carries ids and pseudonyms only, never a name, a phone or an identity number of a person.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import ClassVar, NamedTuple

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

TYPE_PREFIX = "vn.cds"
NOWHERE = "_"


class Event(BaseModel):
    """Base of all events. Subclasses name their service, event name, version and the field that is the aggregate's id.

    Unknown fields are ignored on reading, so that a field may be added to a published version.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    SERVICE: ClassVar[str]
    NAME: ClassVar[str]
    VERSION: ClassVar[int] = 1
    KEY: ClassVar[str]

    occurred_at: AwareDatetime = Field(description="When it happened in the world.")

    @classmethod
    def type_name(cls) -> str:
        """CloudEvents `type`, for example `vn.cds.outreach.citizen_guided.v1`."""
        return f"{TYPE_PREFIX}.{cls.SERVICE}.{cls.NAME}.v{cls.VERSION}"

    @classmethod
    def subject_template(cls) -> str:
        """The NATS subject with its parameters in braces, as AsyncAPI wants it."""
        return f"cds.{{province}}.{cls.SERVICE}.{cls.NAME}.{{district}}.{{commune}}"

    def key(self) -> str:
        """Id of the aggregate that the event belongs to (CloudEvents `subject`); order within a key is promised."""
        return str(getattr(self, self.KEY))

    def subject(self, province: str) -> str:
        """The NATS subject: fixed number of tokens, `_` where a level does not apply."""
        district = getattr(self, "district_id", None) or NOWHERE
        commune = getattr(self, "commune_id", None) or NOWHERE
        return f"cds.{province}.{self.SERVICE}.{self.NAME}.{district}.{commune}"


class Recorded(NamedTuple):
    """An event as a reader gets it: with its place in the log and the moment it entered."""

    stream: str
    """The producing service: `registry`, `outreach`, `courses`."""
    pos: int
    """Position in that service's log, 1, 2, 3 …; the same number as the stream's sequence."""
    id: str
    recorded_at: datetime
    event: Event


def subclasses_of(base: type[Event]) -> Iterator[type[Event]]:
    """Every concrete event class below `base`."""
    for sub in base.__subclasses__():
        yield sub
        yield from subclasses_of(sub)
