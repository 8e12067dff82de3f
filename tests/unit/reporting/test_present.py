"""The page's view is worked out from the read model's answers alone, and every state of it is designed."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reporting import present
from services.reporting.shapes import Campaign, DayCount, Numbers, Overview, UnitItem
from services.reporting.views import Page, Ratio
from shared import web
from shared.web import Lang

ENV = web.environment(present.PAGES)


def a_campaign(**changes: Any) -> Campaign:
    campaign: dict[str, Any] = {
        "campaign_id": "c1", "name": "Toàn dân học kỹ năng số", "launched_on": "2023-07-28", "first_day": "2023-07-28",
        "last_day": "2023-08-03", "day_one_rule": "ceremony_day", "window_days": 7, "quota": 7,
        "report_due_on": "2023-08-15", "topics": [],
    }  # fmt: skip
    return Campaign(**{**campaign, **changes})  # type: ignore[typeddict-item]


def an_overview(**changes: Any) -> Overview:
    overview: dict[str, Any] = {
        "province": {"unit_id": "51", "name": "Tỉnh Quảng Ngãi"}, "campaign": a_campaign(),
        "now": "2023-07-30T14:05:00+07:00", "window": "open", "seconds_left": 4.41 * 86_400,
        "read_model": {"state": "live", "stale_seconds": 0.4, "lag": 0, "parked": 0, "positions": {"outreach": 4000}},
        "members": {"total": 930, "started": 800, "met": 540}, "teams": {"total": 186, "met": 90},
        "citizens": 4812, "sessions": 5123, "sessions_outside_window": 4, "withdrawn": 3,
        "courses": {"enrolled": 410, "passed": 300, "attempts": 520}, "units": {"districts": 13, "communes": 173},
        "days": [day("2023-07-28", 700), day("2023-07-29", 1204), day("2023-07-30", 590)],
    }  # fmt: skip
    return Overview(**{**overview, **changes})  # type: ignore[typeddict-item]


def day(name: str, sessions: int, withdrawn: int = 0) -> DayCount:
    return DayCount(day=name, sessions=sessions, withdrawn=withdrawn)


def a_unit(unit_id: str, name: str, met: int = 0, members: int = 70, **changes: Any) -> UnitItem:
    unit: dict[str, Any] = {
        "unit_id": unit_id, "code": unit_id, "name": name, "kind": "district", "level": "district", "parent_id": "51",
        "teams": 14, "teams_met": 5, "members": members, "members_started": members, "members_met": met,
        "citizens": 350, "sessions": 371,
    }  # fmt: skip
    return UnitItem(**{**unit, **changes})  # type: ignore[typeddict-item]


MO_DUC = a_unit("533", "Huyện Mộ Đức", met=40)
DUC_PHO = a_unit("534", "Thị xã Đức Phổ", met=63)
LY_SON = a_unit("536", "Huyện Lý Sơn", met=10)


def numbers(overview: Overview | None = None, units: list[UnitItem] | None = None) -> Numbers:
    topics = [
        {"code": "vneid", "name_vi": "Định danh điện tử", "name_en": "Electronic identity", "sessions": 1200},
        {"code": "dvc", "name_vi": "Dịch vụ công trực tuyến", "name_en": "Public services online", "sessions": 3402},
    ]
    organisations = [
        {"organisation_id": "a", "name": "Sở Nội vụ", "sector": "department", "headcount": None,
         "organisations": 1, "undeclared": 1, "enrolled": 0, "passed": 0, "attempts": 0},
        {"organisation_id": "b", "name": "Tỉnh đoàn", "sector": "youth_union", "headcount": 200,
         "organisations": 1, "undeclared": 0, "enrolled": 80, "passed": 60, "attempts": 90},
    ]  # fmt: skip
    sums = {"headcount": None, "enrolled": 10, "passed": 4, "attempts": 12}
    groups = [
        {"organisation_id": "g1", "name": "Nhóm Một", "sector": "group", "organisations": 3, "undeclared": 2,
         **sums, "headcount": 1200},
        {"organisation_id": "g2", "name": "Nhóm Hai", "sector": "group", "organisations": 1, "undeclared": 0,
         "headcount": 200, "enrolled": 80, "passed": 60, "attempts": 90},
    ]  # fmt: skip
    rest = [{"organisation_id": i, "name": i, "sector": "x", "organisations": 1 if i else 0,
             "undeclared": 0, **sums, "headcount": 50 if i else None} for i in ("f1", "f2", None)]  # fmt: skip
    chosen = [MO_DUC, DUC_PHO, LY_SON] if units is None else units
    return {
        "overview": overview or an_overview(),
        "maps": [],
        "map": None,
        "maps_with_unit": [],
        "groups": [],
        "rest": [],
        "units": {"items": chosen, "total": len(chosen)},
        "organisations": {"items": organisations, "total": 46, "groups": groups, "rest": rest},  # type: ignore[typeddict-item]
        "topics": {"items": topics},  # type: ignore[typeddict-item]
    }


def a_page(overview: Overview | None = None, units: list[UnitItem] | None = None, **how: Any) -> Page:
    return present.page(numbers(overview, units), **{"lang": "vi", **how})


def rendered(page: Page, lang: Lang = "vi") -> dict[str, str]:
    return present.render_fragments(ENV, {"lang": lang, "page": page})


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split()).replace("\u00a0", " ")


def test_the_answer_comes_first_with_its_number_its_whole_and_the_time_left() -> None:
    answer = words(rendered(a_page())["answer"])
    assert "58,1 % thành viên đã hướng dẫn đủ 7 người dân; còn 4 ngày 9 giờ." in answer
    assert "540 trong 930 thành viên" in answer


def test_the_same_answer_in_english() -> None:
    answer = words(rendered(a_page(lang="en"), "en")["answer"])
    assert "58.1% of members have guided 7 citizens; 4 days 9 hours left." in answer
    assert "540 of 930 members" in answer


@pytest.mark.parametrize(
    ("seconds", "vi", "en"),
    [
        (86_400 + 3_600, "1 ngày 1 giờ", "1 day 1 hour"),
        (2 * 86_400, "2 ngày", "2 days"),
        (7_260, "2 giờ 1 phút", "2 hours 1 minute"),
        (59, "chưa đến một phút", "less than a minute"),
        (0, "chưa đến một phút", "less than a minute"),
    ],
)
def test_the_time_left_is_said_in_its_two_largest_parts(seconds: float, vi: str, en: str) -> None:
    page = a_page(an_overview(seconds_left=seconds))
    assert f"còn {vi}." in words(rendered(page)["answer"])
    assert f"; {en} left." in words(rendered(page, "en")["answer"])


@pytest.mark.parametrize(
    ("changes", "phase", "said"),
    [
        ({"campaign": None, "window": "before", "seconds_left": None, "days": []}, "no_campaign",
         "Chưa có đợt phong trào nào"),
        ({"members": {"total": 0, "started": 0, "met": 0}}, "no_members", "chưa có thành viên nào"),
        ({"window": "before", "seconds_left": 3.0}, "before",
         "930 thành viên đã sẵn sàng; ngày đầu tiên là thứ sáu, 28/07/2023"),
        ({"window": "closed", "seconds_left": None}, "closed",
         "đủ 7 người dân khi hết hạn ngày 03/08/2023. 540 trong 930 thành viên Hạn báo cáo: 15/08/2023"),
    ],
)  # fmt: skip
def test_every_phase_of_a_campaign_has_its_own_answer(changes: dict[str, Any], phase: str, said: str) -> None:
    page = a_page(an_overview(**changes))
    assert page.phase == phase
    assert said in words(rendered(page)["answer"])


@pytest.mark.parametrize("phase", ["no_campaign", "no_members"])
def test_nothing_is_drawn_while_there_is_nothing_to_count(phase: str) -> None:
    nobody = {"total": 0, "started": 0, "met": 0}
    fragments = rendered(a_page(an_overview(**({"campaign": None} if phase == "no_campaign" else {"members": nobody}))))
    for name in ("facts", "map", "daily", "league", "topics"):
        assert words(fragments[name]) == ""
        assert f'id="{name}"' in fragments[name], "the element stays, for a live update to fill"


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("live", ""),
        ("catching_up", "còn 1.204 sự kiện"),
        ("waiting_for_refill", "nạp lại từ nhật ký"),
        ("degraded", "2 sự kiện không đọc được đang để riêng"),
        ("degraded, nothing parked", "Số liệu đã ngừng cập nhật"),
    ],
)
def test_every_state_of_the_read_model_says_what_it_means(state: str, said: str) -> None:
    parked = 2 if state == "degraded" else 0
    model = {"state": state.partition(",")[0], "stale_seconds": 2.0, "lag": 1204, "parked": parked, "positions": {}}
    notice = words(rendered(a_page(an_overview(read_model=model)))["notices"])
    assert said in notice
    assert bool(said) == bool(notice)


def test_units_are_ranked_by_the_share_of_members_who_met_their_quota() -> None:
    nobody = a_unit("531", "Huyện Minh Long", members=0)
    page = a_page(units=[nobody, LY_SON, MO_DUC, DUC_PHO])
    assert [unit.unit_id for unit in page.league] == ["534", "533", "536", "531"]
    assert "Cao nhất 90,0 %: Đức Phổ ; thấp nhất 14,3 %: Lý Sơn" in words(rendered(page)["map"])
    assert "2 trong 4 đơn vị có quá nửa" in words(rendered(page)["league"])


def test_a_title_that_counts_nobody_says_so() -> None:
    assert "Chưa đơn vị nào có quá nửa" in words(rendered(a_page(units=[LY_SON]))["league"])


def test_before_the_first_day_the_map_shows_who_stands_ready_and_no_share() -> None:
    fragments = rendered(a_page(an_overview(window="before", seconds_left=None)))
    assert "Mộ Đức 70 thành viên 14 tổ" in words(fragments["map"])
    assert "6.510 người dân: 7 cho mỗi người trong 930 thành viên" in words(fragments["facts"])
    assert "%" not in words(fragments["map"] + fragments["facts"] + fragments["league"] + fragments["daily"])


def test_a_district_without_communes_says_where_its_teams_belong() -> None:
    fragments = rendered(a_page(units=[], unit=LY_SON))
    assert words(fragments["map"]) == ("Huyện Lý Sơn không có đơn vị cấp dưới Các tổ ở đây thuộc thẳng đơn vị này.")
    assert words(fragments["league"]) == ""


def test_units_that_share_a_place_share_the_title() -> None:
    two = a_page(units=[MO_DUC, LY_SON, a_unit("532", "Huyện Nghĩa Hành", met=10)])
    assert "thấp nhất 14,3 %: Nghĩa Hành, Lý Sơn" in words(rendered(two)["map"])
    three = a_page(units=[MO_DUC, *(a_unit(str(n), f"Huyện {n}", met=10) for n in range(3))])
    assert "thấp nhất 14,3 %: 3 đơn vị" in words(rendered(three)["map"])
    assert "Cao nhất" not in words(rendered(a_page(units=[MO_DUC]))["map"])


def test_the_own_unit_is_pointed_out_on_the_map_in_the_table_and_below_the_answer() -> None:
    fragments = rendered(a_page(scope_unit_id="533"))
    assert "Huyện Mộ Đức (đơn vị của bạn): 57,1 % , 40 trong 70 thành viên" in words(fragments["answer"])
    assert fragments["map"].count("is-mine") == fragments["league"].count("is-mine") == 1
    assert "is-mine" not in "".join(rendered(a_page()).values())


def test_a_district_opens_to_its_communes() -> None:
    commune = a_unit("21400", "Thị trấn Mộ Đức", met=3, members=5, level="commune", parent_id="533")
    page = a_page(units=[commune], unit=MO_DUC)
    assert page.subject.met == Ratio(40, 70)
    assert page.tiles[0].href is None
    assert set(rendered(page)) == set(present.UNIT_FRAGMENTS)
    assert {tile.href for tile in a_page().tiles} == {"/?unit=533", "/?unit=534", "/?unit=536"}


def test_the_chart_has_a_column_for_each_day_of_the_window_and_none_for_other_days() -> None:
    chart = a_page(an_overview(days=[day("2023-07-29", 1204), day("2023-08-09", 9000)])).chart
    assert chart is not None
    assert [(c.sessions, c.when) for c in chart.columns] == [
        (0, "past"), (1204, "past"), (0, "today"), (0, "future"), (0, "future"), (0, "future"), (0, "future"),
    ]  # fmt: skip
    assert chart.peak is chart.columns[1]
    assert (chart.peak.top, chart.peak.height) == (0, 100)


def test_the_day_changes_at_midnight_in_vietnam() -> None:
    chart = a_page(an_overview(now="2023-07-29T17:00:00+00:00")).chart
    assert chart is not None
    assert chart.today is not None
    assert chart.today.day.isoformat() == "2023-07-30"


@given(st.lists(st.integers(0, 10**6), min_size=7, max_size=7))
def test_columns_stay_inside_the_drawing(sessions: list[int]) -> None:
    dates = ["2023-07-28", "2023-07-29", "2023-07-30", "2023-07-31", "2023-08-01", "2023-08-02", "2023-08-03"]
    chart = a_page(an_overview(days=[day(d, n) for d, n in zip(dates, sessions, strict=True)])).chart
    assert chart is not None
    for column in chart.columns:
        assert 0 <= column.x <= column.x + column.width <= 100
        assert 0 <= column.top <= 100
        assert abs(column.top + column.height - 100) < 0.02


def test_the_mark_of_the_time_stands_where_the_window_is() -> None:
    assert a_page(an_overview(seconds_left=3.5 * 86_400)).elapsed == 50
    assert a_page(an_overview(window="closed", seconds_left=None)).elapsed is None


@pytest.mark.parametrize(
    ("part", "whole", "step"), [(0, 10, 0), (19, 100, 0), (20, 100, 1), (999, 1000, 4), (7, 7, 4), (0, 0, None)]
)
def test_the_scale_has_five_equal_steps(part: int, whole: int, step: int | None) -> None:
    assert Ratio(part, whole).step == step


def test_organisations_and_topics_are_ordered_and_named_in_the_reader_s_language() -> None:
    page = a_page(lang="en")
    listed = page.learners.organisations
    assert [(o.key, o.reach) for o in listed] == [("b", Ratio(60, 200)), ("a", None)]
    assert [t.name for t in page.topics] == ["Public services online", "Electronic identity"]
    assert "2 of 46 organisations" in words(rendered(page, "en")["courses"])


def test_groups_of_the_plan_stand_with_their_denominators_and_with_what_is_in_none() -> None:
    page = a_page()
    found = page.learners
    assert [(g.key, g.reach, g.undeclared) for g in found.groups] == [("g2", Ratio(60, 200), 0), ("g1", None, 2)]
    assert found.outside
    assert (found.outside.passed, found.outside.attempts, found.outside.reach) == (Ratio(8, 20), 24, Ratio(8, 100))
    assert found.unnamed
    assert found.unnamed.passed == Ratio(4, 10)
    shown = words(rendered(page)["courses"])
    assert "Nhóm Hai 1 cơ quan, đơn vị, tổ chức; 30,0 % của 200 người đã đạt" in shown
    assert "Nhóm Một 3 cơ quan, đơn vị, tổ chức; đã khai 1.200 người, 2 nơi chưa khai" in shown
    assert "Không thuộc nhóm nào 2 cơ quan, đơn vị, tổ chức; 8,0 % của 100 người đã đạt" in shown
    assert "Học viên không ghi tổ chức" in shown
    english = words(rendered(a_page(lang="en"), "en")["courses"])
    assert "1,200 people declared, 2 organisations declared none" in english


def test_only_what_changed_is_sent() -> None:
    before = rendered(a_page())
    after = rendered(a_page(an_overview(citizens=4813)))
    assert set(present.changed(before, after)) == {"facts", "row-several", "row-total"}
    assert present.changed(after, after) == {}
    assert present.changed({}, after) == after


def test_of_many_rows_and_tiles_only_those_are_sent_that_are_different() -> None:
    before = rendered(a_page())
    more = {**MO_DUC, "members_met": 41, "sessions": 372}
    sent = present.changed(before, rendered(a_page(units=[more, DUC_PHO, LY_SON])))  # type: ignore[list-item]
    assert set(sent) == {"row-533", "tile-533", "row-several"}
    assert [Roots(html).ids for html in sent.values()] == [[name] for name in sent]
    assert "41/70" in words(sent["tile-533"])
    overtaken = {**MO_DUC, "members_met": 70}
    order = present.changed(before, rendered(a_page(units=[overtaken, DUC_PHO, LY_SON])))  # type: ignore[list-item]
    assert {"league", "map"} <= set(order), "the order and the title changed"
    fewer = present.changed(before, rendered(a_page(units=[MO_DUC, DUC_PHO])))
    assert {"league", "map"} <= set(fewer)


def test_what_was_missed_is_applied_before_what_came_later() -> None:
    first = present.together({"row-1": "old", "facts": "1"}, {"league": "row-1 is new"})
    assert list(first) == ["row-1", "facts", "league"]
    later = present.together(first, {"row-1": "newest"})
    assert list(later.items()) == [("facts", "1"), ("league", "row-1 is new"), ("row-1", "newest")]


class Roots(HTMLParser):
    """Collects the ids of the outermost elements."""

    VOID = frozenset({"br", "hr", "img", "input", "link", "meta"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.depth, self.ids = 0, list[str | None]()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self.depth == 0:
            self.ids.append(dict(attrs).get("id"))
        self.depth += tag not in self.VOID

    def handle_endtag(self, tag: str) -> None:
        self.depth -= 1


@pytest.mark.parametrize("lang", ["vi", "en"])
def test_every_fragment_is_one_element_with_its_own_id(lang: Lang) -> None:
    for name, html in rendered(a_page(lang=lang), lang).items():
        assert Roots(html).ids == [name]


@pytest.mark.parametrize("lang", ["vi", "en"])
def test_the_page_holds_exactly_the_fragments_that_are_sent_live(lang: Lang) -> None:
    page = a_page(lang=lang)
    html = ENV.get_template("index.html").render(page=page, live_href="/reporting/live", **web.shell(lang, "/"))
    for fragment in rendered(page, lang).values():
        assert fragment.strip() in html
    assert f'<html lang="{lang}">' in html


def test_a_name_with_markup_is_shown_and_never_run() -> None:
    fragments = rendered(a_page(units=[a_unit("533", "<script>alert(1)</script>", met=1), LY_SON]))
    assert "<script>" not in "".join(fragments.values())
    assert "&lt;script&gt;" in fragments["league"]


def test_a_persona_is_a_button_of_its_own() -> None:
    persona = {"key": "leader", "title_vi": "Tổ trưởng", "title_en": "Team leader", "hint_vi": "a", "hint_en": "b"}
    html = ENV.get_template("sign_in.html").render(personas=[persona], demo=None, **web.shell("en", "/sign-in"))
    assert '<button type="submit" name="persona" value="leader">' in html
    assert "Team leader" in html
    assert "Tổ trưởng" not in html
