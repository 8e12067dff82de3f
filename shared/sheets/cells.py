"""What people type into cells, read leniently where it is clear and refused in words where it is not."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime, time

from shared.errors import Text
from shared.sheets.book import Value

_DAY_FIRST = re.compile(
    r"(?:ngày\s*)?(\d{1,2})(?:\s*[/.-]\s*|\s*tháng\s*)(\d{1,2})(?:\s*[/.-]\s*|\s*năm\s*)(\d{4}|\d{2})"
)
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ]00:00(?::00)?)?")
_WHOLE = re.compile(r"\d{1,3}(?:[. ]\d{3})+|\d{1,15}")
FIRST_YEAR, LAST_YEAR = 1990, 2100


class Unreadable(Exception):
    """A cell that says nothing that we can be sure of; `said` is what to do."""

    def __init__(self, vi: str, en: str) -> None:
        super().__init__(en)
        self.said = Text(vi, en)


def text(value: Value) -> str:
    """Composed (NFC), trimmed, single spaces. A number is as it shows without a format: 12, not 12.0."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, date | time):
        raise Unreadable(
            "Excel đã đổi ô này thành ngày giờ; hãy định dạng ô là «Văn bản» (Text) rồi gõ lại",
            "Excel made this cell a date; set the cell's format to Text and type it again",
        )
    if isinstance(value, float):
        return repr(value)
    typed = str(value)
    if typed.isascii() and typed.isprintable():
        return " ".join(typed.split())
    composed = unicodedata.normalize("NFC", typed)
    if any(unicodedata.category(c) in {"Cc", "Cs"} and not c.isspace() for c in composed):
        raise Unreadable("có ký tự điều khiển, hãy gõ lại", "holds control characters, type it again")
    return " ".join(composed.replace("\u200b", "").split())


def phone(value: Value) -> str:
    """A phone as text. Of a number Excel drops the zero in front: nine digits get it back."""
    found = text(value)
    return f"0{found}" if isinstance(value, int) and len(found) == 9 else found


def day(value: Value) -> date:
    """A day: a real date, `5/7/2023` with zeros as they come, or ISO. The day stands first, never the month."""
    if isinstance(value, datetime):
        return _sane(value.date())
    if isinstance(value, date):
        return _sane(value)
    if isinstance(value, bool | int | float | time):
        raise _no_day(str(value))
    typed = text(value)
    if match := _ISO.fullmatch(typed):
        year, month, number = (int(part) for part in match.groups())
    elif match := _DAY_FIRST.fullmatch(typed.casefold()):
        number, month, year = (int(part) for part in match.groups())
        year += 2000 if year < 100 else 0
    else:
        raise _no_day(typed)
    return _sane(_calendar(typed, year, month, number))


def _calendar(typed: str, year: int, month: int, number: int) -> date:
    if month > 12 >= number:
        raise Unreadable(
            f"«{typed}»: không có tháng {month}; hãy ghi ngày trước tháng, ví dụ {month}/{number}/{year}",
            f"«{typed}»: there is no month {month}; the day comes first, for example {month}/{number}/{year}",
        )
    try:
        return date(year, month, number)
    except ValueError:
        raise Unreadable(f"«{typed}»: không có ngày này trong lịch", f"«{typed}»: there is no such day") from None


def _sane(found: date) -> date:
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise Unreadable(
            f"năm {found.year} ngoài khoảng {FIRST_YEAR} đến {LAST_YEAR}",
            f"the year {found.year} is not between {FIRST_YEAR} and {LAST_YEAR}",
        )
    return found


def _no_day(typed: str) -> Unreadable:
    return Unreadable(
        f"«{typed}» không phải ngày; hãy ghi dạng ngày/tháng/năm, ví dụ 5/7/2023",
        f"«{typed}» is no day; write day/month/year, for example 5/7/2023",
    )


def whole(value: Value) -> int:
    """A whole number from 0 on; `1.200` is one thousand two hundred."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str) and _WHOLE.fullmatch(typed := text(value)):
        return int(typed.replace(".", "").replace(" ", ""))
    raise Unreadable(
        f"«{value}» không phải số nguyên từ 0 trở lên, ví dụ 1.200",
        f"«{value}» is no whole number from 0 on, for example 1200",
    )
