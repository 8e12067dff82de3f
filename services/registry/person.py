"""Rules of people's data: what is held, for which purpose it may be read, until when a request must be answered."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from shared import errors
from shared.auth import OFFICERS, Caller, Role
from shared.clock import local_day, start_of_day

WORKING_DAYS_TO_ANSWER = 2
"""A person's request about the own data is answered within this many working days (Decree 356/2025/NĐ-CP)."""


class LegalBasis(StrEnum):
    """Why registry may hold somebody's data."""

    PUBLIC_TASK = "public_task"
    CONSENT = "consent"
    LEGAL_DUTY = "legal_duty"


class Why(StrEnum):
    """What somebody's data was read or written for; a code, because free text could name people."""

    TEAM_LIST = "team_list"
    TEAM_PAGE = "team_page"
    MEMBER_FORM = "member_form"
    JOINING = "joining"
    IMPORT = "import"
    EXPORT = "export"
    SEARCH = "search"
    CALL = "call"
    CORRECTION = "correction"
    WITHDRAWAL = "withdrawal"
    ERASURE = "erasure"
    OWN_DATA = "own_data"
    SUBJECT_REQUEST = "subject_request"
    LEGAL_DUTY = "legal_duty"


class Action(StrEnum):
    """What was done with somebody's data."""

    READ = "read"
    WRITTEN = "written"
    CORRECTED = "corrected"
    WITHDRAWN = "withdrawn"
    ERASED = "erased"
    REFUSED = "refused"


class Person(NamedTuple):
    """What the vault holds of somebody; `member_id` is the pseudonym, of a member or of a contact."""

    member_id: str
    full_name: str
    phone: str | None = None
    title: str | None = None
    """Of a contact: the office held, for example «Chánh Văn phòng»."""
    legal_basis: LegalBasis = LegalBasis.PUBLIC_TASK


class Place(NamedTuple):
    """Where a person is, or was: on a team, or as a contact; `path` are the ids of the unit and of all above it."""

    team_id: str | None
    path: tuple[str | None, ...]
    last_day: date | None


class Held(NamedTuple):
    """A person and since when the basis is withdrawn, if it is."""

    person: Person
    withdrawn_at: datetime | None


def must_reach(caller: Caller, member_id: str, places: Sequence[Place], at: tuple[str, date]) -> None:
    """Raises 403 unless it is the caller's own data, a member of the team that the caller leads, or somebody who has a
    place in the units of the officer who calls (who has no place any more: had one). `at`: the province, today."""
    if caller.member_id == member_id:
        return
    province, today = at
    present = [p for p in places if p.last_day is None or p.last_day >= today]
    if caller.has(Role.TEAM_LEADER) and any(p.team_id and p.team_id == caller.team_id for p in present):
        return
    scope = caller if caller.has(*OFFICERS) else caller._replace(units=())
    scope.must_cover([province, *(unit for place in present or places for unit in place.path)], field="member_id")


def writable(held: Held | None, *, erased: bool, renewed: bool) -> None:
    """Raises 409 where a name may not be written: erased is final, withdrawn takes a new legal basis (`renewed`)."""
    if erased:
        raise erased_already()
    if held and held.withdrawn_at and not renewed:
        raise withdrawn_already()


def erased_already() -> errors.Problem:
    """409: the person is erased; that is final."""
    return errors.conflict(
        "person_erased",
        "member_id",
        "Dữ liệu cá nhân của mã này đã được xóa vĩnh viễn. Nếu người đó tham gia lại, hãy tạo mã mới.",
        "The personal data of this id is erased for good. If the person takes part again, make a new id.",
    )


def withdrawn_already() -> errors.Problem:
    """409: the legal basis is withdrawn; the data is kept but not read."""
    return errors.conflict(
        "basis_withdrawn",
        "member_id",
        "Người này đã rút đồng ý cho xử lý dữ liệu cá nhân; chỉ được đọc khi có nghĩa vụ theo luật. "
        "Nếu có căn cứ mới, hãy ghi lại thông tin kèm căn cứ pháp lý.",
        "The person's consent is withdrawn; the data may be read for a legal duty only. "
        "If there is a new basis, write the data again and name the legal basis.",
    )


def id_taken() -> errors.Problem:
    """409: there is another person behind the id."""
    return errors.conflict(
        "id_taken", "member_id", "Mã này đã được dùng cho người khác. Hãy tạo mã mới.",
        "This id is taken by another person. Make a new one.",
    )  # fmt: skip


def may_read_for(caller: Caller, why: Why) -> None:
    """Raises 403 when the caller has no such reason: a legal duty to read is the province's."""
    if why is Why.LEGAL_DUTY and not caller.has(Role.PROVINCE_OFFICER):
        raise errors.forbidden(
            "not_for_your_role",
            "why",
            "Chỉ cán bộ cấp tỉnh được đọc theo nghĩa vụ pháp luật. Hãy chọn lý do khác.",
            "Only an officer of the province reads for a legal duty. Choose another reason.",
        )


def reading_refused() -> errors.Problem:
    """403: the legal basis is withdrawn, and the reason for reading is no legal duty."""
    return errors.forbidden(
        "basis_withdrawn",
        "why",
        "Người này đã rút đồng ý cho xử lý dữ liệu cá nhân. Chỉ cán bộ cấp tỉnh được đọc, khi có nghĩa vụ theo luật.",
        "The person's consent is withdrawn. Only an officer of the province may read the data, for a legal duty.",
    )


def gone(member_id: str) -> errors.Problem:
    """404: there was a person by that id, who is erased."""
    return errors.not_found(
        "person_erased",
        "member_id",
        f"Dữ liệu cá nhân của mã «{member_id}» đã được xóa vĩnh viễn; số liệu vẫn được giữ.",
        f"The personal data of the id «{member_id}» is erased for good; all counts are kept.",
    )


def nothing_held(member_id: str) -> errors.Problem:
    """404: the vault holds nobody by that id."""
    return errors.not_found(
        "no_such_person",
        "member_id",
        f"Không có dữ liệu cá nhân cho mã «{member_id}».",
        f"There is no personal data for the id «{member_id}».",
    )


def due(received_at: datetime, holidays: Collection[date], workdays: Collection[date] = ()) -> datetime:
    """The moment by which a request must be answered: the end of the second working day after the day it came in.

    `holidays` are days off beyond weekends, `workdays` weekend days that are worked instead. A year that neither knows
    has its weekends only, so the clock is rather too early than too late.
    """
    day, left = local_day(received_at), WORKING_DAYS_TO_ANSWER
    while left:
        day += timedelta(days=1)
        left -= day in workdays or (day.weekday() < 5 and day not in holidays)
    return start_of_day(day + timedelta(days=1))
