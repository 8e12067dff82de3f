"""What is said when an organisation cannot be registered, changed or dissolved as wished."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from shared import errors
from shared.clock import local_day


def no_such_organisation(organisation_id: str) -> errors.Problem:
    """404: registry knows no such organisation."""
    return errors.not_found(
        "no_such_organisation",
        "organisation_id",
        f"Không có tổ chức «{organisation_id}». Xem danh sách tại /registry/organisations.",
        f"There is no organisation «{organisation_id}». See /registry/organisations.",
    )


def unknown(field: str, organisation_id: str) -> errors.Problem:
    """422: a field names an organisation that registry does not know."""
    return errors.invalid(
        "unknown_organisation",
        field,
        f"Không có tổ chức «{organisation_id}». Xem danh sách tại /registry/organisations.",
        f"There is no organisation «{organisation_id}». See /registry/organisations.",
    )


def newer_change(field: str, name: str, since: date) -> errors.Problem:
    """422: a change lies before one that stands already."""
    return errors.invalid(
        "newer_change",
        field,
        f"«{name}» đã có thay đổi từ ngày {since:%d/%m/%Y}; hãy chọn từ ngày đó trở đi.",
        f"«{name}» has a change from {since} on; choose that day or a later one.",
    )


def still_below(name: str, day: date) -> errors.Problem:
    """422: a dissolution lies before a change of something below."""
    return errors.invalid(
        "newer_change",
        "last_day",
        f"«{name}» trực thuộc và còn thay đổi sau ngày này; hãy chọn từ ngày {day:%d/%m/%Y} trở đi.",
        f"«{name}» stands below it and changes after that day; choose {day} or a later one.",
    )


def others_below(below: Sequence[str]) -> errors.Problem:
    """409: what stands below would be left without a parent."""
    names = ", ".join(f"«{name}»" for name in below[:5]) + (" …" if len(below) > 5 else "")
    return errors.conflict(
        "others_below",
        "successor_id",
        f"Còn {len(below)} tổ chức trực thuộc: {names}. Hãy nêu tổ chức kế thừa hoặc chuyển các tổ chức đó trước.",
        f"{len(below)} organisations stand below it: {names}. Name a successor, or move them first.",
    )


def not_in_future(field: str, day: date, now: datetime) -> None:
    """Raises 422 for a day after today."""
    today = local_day(now)
    if day > today:
        raise errors.invalid(
            "in_the_future",
            field,
            f"Ngày {day:%d/%m/%Y} ở tương lai; hôm nay là {today:%d/%m/%Y}.",
            f"{day} lies in the future; today is {today}.",
        )


def life(first: date | None, last: date | None) -> errors.Text:
    """From when to when an organisation is there; None for an end that is open."""
    vi, en = (f"{first:%d/%m/%Y}", str(first)) if first else ("trước phong trào", "before the movement")
    if last is None:
        return errors.Text(f"Hoạt động từ {vi}.", f"It is there from {en} on.")
    return errors.Text(f"Hoạt động từ {vi} đến {last:%d/%m/%Y}.", f"It was there from {en} to {last}.")
