"""Numbers and days as people here read them: 255.545 and 71,5 % in Vietnamese, 255,545 and 71.5% in English."""

from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from typing import Any

from babel.dates import get_day_names
from jinja2 import pass_context
from jinja2.runtime import Context

NBSP = "\N{NO-BREAK SPACE}"
DASH = "\N{EN DASH}"
VIETNAM = timezone(timedelta(hours=7))  # no daylight saving since 1975; days are cut here
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def number(value: int | None, lang: str) -> str:
    """A whole number with its thousands grouped; a dash where nothing is known."""
    if value is None:
        return DASH
    grouped = f"{value:,}"
    return grouped.replace(",", ".") if lang == "vi" else grouped


def share(part: int, whole: int) -> float | None:
    """A percentage with one decimal that says 100 only when all are in, and 0 only when none is."""
    if whole <= 0:
        return None
    rounded = round(part * 100 / whole, 1)
    if 0 < part < whole:
        return min(max(rounded, 0.1), 99.9)
    return rounded


def percent(value: float | None, lang: str) -> str:
    """A percentage with one decimal; 0 and 100 stand bare, because `share` keeps them for none and for all."""
    if value is None:
        return DASH
    shown = f"{value:.0f}" if value in {0, 100} else f"{value:.1f}"
    return shown.replace(".", ",") + f"{NBSP}%" if lang == "vi" else f"{shown}%"


def full_day(value: str | date, lang: str) -> str:
    """28/07/2023, or 28 July 2023 shortened, which no reader takes for another day."""
    day = _day(value)
    return f"{day:%d/%m/%Y}" if lang == "vi" else f"{day.day}{NBSP}{_MONTHS[day.month - 1]}{NBSP}{day.year}"


def short_day(value: str | date, lang: str) -> str:
    """28/7 or 28 Jul."""
    day = _day(value)
    return f"{day.day}/{day.month}" if lang == "vi" else f"{day.day}{NBSP}{_MONTHS[day.month - 1]}"


def weekday(value: str | date, lang: str) -> str:
    """The day of the week in full, as it stands inside a sentence."""
    name: str = get_day_names("wide", locale=lang)[_day(value).weekday()]
    return name.lower() if lang == "vi" else name


def short_weekday(value: str | date, lang: str) -> str:
    """T6, CN; Fri, Sun."""
    day = _day(value).weekday()
    if lang == "vi":
        return "CN" if day == 6 else f"T{day + 2}"
    name: str = get_day_names("abbreviated", locale=lang)[day]
    return name


def clock(value: str, _lang: str) -> str:
    """The time of day in Vietnam, 14:05:09."""
    return f"{datetime.fromisoformat(value).astimezone(VIETNAM):%H:%M:%S}"


def moment(value: datetime, _lang: str) -> str:
    """The hour and minute in Vietnam, 14:05."""
    return f"{value.astimezone(VIETNAM):%H:%M}"


def phone(value: str, _lang: str) -> str:
    """A number of this country as it is read aloud, 0949 901 259; any other one as it was written."""
    digits = "".join(c for c in value if c not in " .-()")
    is_ours = len(digits) == 10 and digits.isdigit() and digits[0] == "0"
    return f"{digits[:4]}{NBSP}{digits[4:7]}{NBSP}{digits[7:]}" if is_ours else value


def _day(value: str | date) -> date:
    if isinstance(value, datetime):
        return value.astimezone(VIETNAM).date()
    if isinstance(value, date):
        return value
    return date.fromisoformat(value) if len(value) == 10 else _day(datetime.fromisoformat(value))


def _in_the_page_language(function: Callable[[Any, str], str]) -> Callable[[Context, Any], str]:
    @pass_context
    def apply(context: Context, value: Any) -> str:
        return function(value, context["lang"])

    return apply


FILTERS: dict[str, Callable[[Context, Any], str]] = {
    "n": _in_the_page_language(number),
    "pct": _in_the_page_language(percent),
    "date": _in_the_page_language(full_day),
    "vi_date": _in_the_page_language(lambda day, _lang: full_day(day, "vi")),
    "day": _in_the_page_language(short_day),
    "weekday": _in_the_page_language(weekday),
    "short_weekday": _in_the_page_language(short_weekday),
    "clock": _in_the_page_language(clock),
    "phone": _in_the_page_language(phone),
    "moment": _in_the_page_language(moment),
}
