"""From the read model's answers to what a page shows. Pure: no clock, no database, no wording.

`page()` works out shares, places, orders and lengths; the templates under `pages/` put them into words;
`render_fragments()` renders the same partials for the first answer and for every live update.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from jinja2 import Environment

from services.reporting import picture
from services.reporting.learners import learners
from services.reporting.shapes import DayCount, Numbers, Overview, RestItem, Topic, UnitItem
from services.reporting.tiles import place, short_name
from services.reporting.views import (
    Chart,
    Column,
    Duration,
    EmptyView,
    Overlap,
    Page,
    Phase,
    Ratio,
    RestView,
    Subject,
    TopicView,
    UnitView,
)
from shared.web import Lang
from shared.web.formats import VIETNAM

PAGES = Path(__file__).parent / "pages"

PROVINCE_FRAGMENTS = (
    "status", "notices", "answer", "facts", "maps", "map", "daily", "topics", "league", "courses", "proof",
)  # fmt: skip
_PART = re.compile(r'<(?P<tag>tr|li)\b[^>]*\bid="(?P<id>(?:row|tile)-[^"]+)".*?</(?P=tag)>', re.DOTALL)
"""A row of the table or a tile of the map: neither holds another."""
_MARK = r"<\g<id>>"
UNIT_FRAGMENTS = ("status", "notices", "answer", "facts", "maps", "map", "league", "proof")


def page(
    numbers: Numbers,
    *,
    lang: Lang,
    scope_unit_id: str | None = None,
    unit: UnitItem | None = None,
    keeps_map: bool = False,
) -> Page:
    """The view of the province or, with `unit`, of one district whose communes are `numbers["units"]`.

    `scope_unit_id` is the signed-in person's own unit, which the map and the table point out. With `keeps_map` links go
    on to the same map.
    """
    overview = numbers["overview"]
    subject = _unit_subject(unit) if unit else _province_subject(overview)
    courses = overview["courses"]
    asked = numbers["map"] if keeps_map else None
    tiles = _units(numbers["units"]["items"], scope_unit_id, asked)
    groups, empty = ((), EmptyView((), None)) if unit else picture.grouped(numbers, tiles)
    rest = tuple(_rest(item) for item in numbers["rest"])
    league = tuple(sorted((tile for tile in tiles if tile not in empty.units), key=_rank))
    ranked = [unit for unit in league if unit.met.percent is not None]
    return Page(
        numbers=overview,
        phase=_phase(overview, subject),
        is_province=unit is None,
        subject=subject,
        campaign=overview["campaign"],
        left=_duration(overview["seconds_left"]),
        elapsed=_elapsed(overview),
        home=picture.href(asked),
        maps=picture.choice(numbers, lang, unit["unit_id"] if unit else None),
        tiles=tiles,
        groups=groups,
        empty=empty,
        league=league,
        rest=rest,
        overlap=_overlap(subject, tiles, rest),
        over_half=sum(2 * unit.met.part > unit.met.whole for unit in ranked),
        highest=tuple(unit for unit in ranked if unit.met.percent == ranked[0].met.percent),
        lowest=tuple(unit for unit in ranked if unit.met.percent == ranked[-1].met.percent),
        own_unit=next((tile for tile in tiles if tile.mine), None),
        chart=_chart(overview),
        courses=Ratio(courses["passed"], courses["enrolled"]),
        learners=learners(numbers["organisations"]),
        topics=_topics(numbers["topics"]["items"], overview["sessions"], lang),
    )


def render_fragments(env: Environment, context: Mapping[str, Any]) -> dict[str, str]:
    """Each live part of the page as HTML, by its element's id. `context` holds `lang` and `page`."""
    shown: Page = context["page"]
    names = PROVINCE_FRAGMENTS if shown.is_province else UNIT_FRAGMENTS
    return {name: env.get_template(f"fragments/{name}.html").render(context) for name in names}


def changed(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    """What a reader who has `before` needs to see `after`, by its element's id: rows and tiles that are different, and
    the whole fragment where anything else is."""
    found: dict[str, str] = {}
    for name, html in after.items():
        if before.get(name) != html:
            found |= _different(before.get(name, ""), html) or {name: html}
    return found


def together(missed: Mapping[str, str], changes: Mapping[str, str]) -> dict[str, str]:
    """Two changes as one; what came later is applied later."""
    return {**{name: html for name, html in missed.items() if name not in changes}, **changes}


def _different(before: str, after: str) -> dict[str, str]:
    """Those parts that are different, if nothing else is."""
    if _PART.sub(_MARK, before) != _PART.sub(_MARK, after):
        return {}
    old = {part["id"]: part[0] for part in _PART.finditer(before)}
    return {part["id"]: part[0] for part in _PART.finditer(after) if old[part["id"]] != part[0]}


def _province_subject(overview: Overview) -> Subject:
    members, teams = overview["members"], overview["teams"]
    return Subject(
        unit_id=overview["province"]["unit_id"],
        name=overview["province"]["name"],
        met=Ratio(members["met"], members["total"]),
        started=Ratio(members["started"], members["total"]),
        teams=Ratio(teams["met"], teams["total"]),
        citizens=overview["citizens"],
        sessions=overview["sessions"],
    )


def _unit_subject(unit: UnitItem) -> Subject:
    return Subject(
        unit_id=unit["unit_id"],
        name=unit["name"],
        met=Ratio(unit["members_met"], unit["members"]),
        started=Ratio(unit["members_started"], unit["members"]),
        teams=Ratio(unit["teams_met"], unit["teams"]),
        citizens=unit["citizens"],
        sessions=unit["sessions"],
    )


def _phase(overview: Overview, subject: Subject) -> Phase:
    if overview["campaign"] is None:
        return "no_campaign"
    if subject.met.whole == 0:
        return "no_members"
    return overview["window"]


def _duration(seconds: float | None) -> Duration | None:
    if seconds is None:
        return None
    minutes = max(int(seconds), 0) // 60
    return Duration(minutes // 1440, minutes // 60 % 24, minutes % 60)


def _elapsed(overview: Overview) -> float | None:
    """How much of the window is over, in percent: the mark that the members' bar is read against."""
    campaign, left = overview["campaign"], overview["seconds_left"]
    if campaign is None or left is None or overview["window"] != "open":
        return None
    return round(100 * (1 - left / (campaign["window_days"] * 86_400)), 1)


def _units(items: Iterable[UnitItem], scope_unit_id: str | None, on_map: str | None) -> tuple[UnitView, ...]:
    units = {item["unit_id"]: item for item in items}
    cells = place(units)
    return tuple(_unit(item, cells[unit_id], scope_unit_id, on_map) for unit_id, item in units.items())


def _unit(item: UnitItem, cell: tuple[int, int], scope_unit_id: str | None, on_map: str | None) -> UnitView:
    subject = _unit_subject(item)
    return UnitView(
        unit_id=item["unit_id"],
        name=item["name"],
        short=short_name(item["name"]),
        column=cell[0],
        row=cell[1],
        met=subject.met,
        started=subject.started,
        teams=subject.teams,
        citizens=item["citizens"],
        sessions=item["sessions"],
        mine=item["unit_id"] == scope_unit_id,
        href=picture.href(on_map, item["unit_id"]) if item["level"] == "district" else None,
    )


def _rest(item: RestItem) -> RestView:
    return RestView(
        name=item["name"],
        met=Ratio(item["members_met"], item["members"]),
        started=Ratio(item["members_started"], item["members"]),
        teams=Ratio(item["teams_met"], item["teams"]),
        citizens=item["citizens"],
        sessions=item["sessions"],
    )


def _overlap(subject: Subject, tiles: Sequence[UnitView], rest: Sequence[RestView]) -> Overlap | None:
    """None where nobody is with several units, or where there are none."""
    lines: list[UnitView | RestView] = [*tiles, *rest]
    citizens = [line.citizens for line in lines]
    known = [n for n in citizens if n is not None]
    found = Overlap(
        met=sum(line.met.part for line in lines) - subject.met.part,
        members=sum(line.met.whole for line in lines) - subject.met.whole,
        started=sum(line.started.part for line in lines) - subject.started.part,
        citizens=sum(known) - subject.citizens if len(known) == len(citizens) else None,
    )
    return found if tiles and found != Overlap(0, 0, 0, 0) else None


def _rank(unit: UnitView) -> tuple[float, int, str]:
    """Furthest first; then who guided more; then by id, so that the order is the same each time."""
    percent = unit.met.percent
    return (1.0 if percent is None else -percent, -unit.citizens, unit.unit_id)


def _chart(overview: Overview) -> Chart | None:
    campaign = overview["campaign"]
    if campaign is None:
        return None
    counts = {date.fromisoformat(count["day"]): count for count in overview["days"]}
    first, last = date.fromisoformat(campaign["first_day"]), date.fromisoformat(campaign["last_day"])
    today = datetime.fromisoformat(overview["now"]).astimezone(VIETNAM).date()
    columns = _columns([first + timedelta(days=n) for n in range((last - first).days + 1)], counts, today)
    return Chart(
        columns=columns,
        peak=max((c for c in columns if c.sessions), key=lambda c: c.sessions, default=None),
        today=next((c for c in columns if c.day == today), None),
        yesterday=next((c for c in columns if c.day == today - timedelta(days=1)), None),
    )


def _columns(days: list[date], counts: Mapping[date, DayCount], today: date) -> tuple[Column, ...]:
    highest = max((counts[day]["sessions"] for day in days if day in counts), default=0) or 1
    slot = 100 / len(days)
    return tuple(
        _column(day, counts.get(day), today, x=slot * n, slot=slot, highest=highest) for n, day in enumerate(days)
    )


def _column(day: date, count: DayCount | None, today: date, *, x: float, slot: float, highest: int) -> Column:
    sessions = count["sessions"] if count else 0
    height = 100 * sessions / highest
    return Column(
        day=day,
        sessions=sessions,
        withdrawn=count["withdrawn"] if count else 0,
        when="past" if day < today else "today" if day == today else "future",
        x=round(x + slot * 0.08, 2),
        width=round(slot * 0.84, 2),
        middle=round(x + slot / 2, 2),
        top=round(100 - height, 2),
        height=round(height, 2),
    )


def _topics(items: Iterable[Topic], sessions: int, lang: Lang) -> tuple[TopicView, ...]:
    views = [
        TopicView(
            topic["code"],
            topic["name_vi"] if lang == "vi" else topic["name_en"],
            Ratio(topic.get("sessions", 0), sessions),
        )
        for topic in items
    ]
    return tuple(sorted(views, key=lambda topic: (-topic.taught.part, topic.code)))
