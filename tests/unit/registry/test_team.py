"""Where and when a team can be formed; what it is called and where it is after that."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from services.registry import team
from services.registry.site import Site, unit_on
from services.registry.team import Founding, NameSince, Team, TeamHistory, TeamPlace, Transfer
from services.registry.unit import Unit
from shared.clock import VIETNAM
from shared.contracts.reform import Level, MoveReason
from shared.contracts.registry import TeamFormed, TeamReassigned, TeamRenamed
from shared.errors import Problem

NOW = datetime(2023, 7, 28, 1, 0, tzinfo=UTC)
TODAY = date(2023, 7, 28)
FORMED = date(2023, 7, 3)
PROVINCE = Unit("51", "51", "Tỉnh Quảng Ngãi", "province", Level.PROVINCE, None, None, None, "2023", date(2020, 2, 1))
MO_DUC = Unit("533", "533", "Huyện Mộ Đức", "district", Level.DISTRICT, "51", "533", None, "2023", date(2020, 2, 1))
LY_SON = MO_DUC._replace(unit_id="536", code="536", name="Huyện Lý Sơn", district_id="536")
TOWN = Unit(
    "21400", "21400", "Thị trấn Mộ Đức", "township", Level.COMMUNE, "533", "533", "21400", "2023", date(2020, 2, 1)
)
THON = Unit(
    "thon-1", "", "Thôn 1", "hamlet", Level.VILLAGE, "21400", "533", "21400", "", date(2020, 2, 1)
)  # fmt: skip
TEAM = Team("t1", "Tổ", Level.COMMUNE, "21400", None, "533", "21400", "12/QĐ-UBND", date(2023, 7, 1), FORMED)


def founding(
    level: Level = Level.COMMUNE, village: str | None = None, decision: date = date(2023, 7, 1), formed: date = FORMED
) -> Founding:
    return Founding("t1", "Tổ", level, village, "12/QĐ-UBND", decision, formed)


def refusal(problem: Problem) -> tuple[int, str, list[str]]:
    return problem.status, problem.slug, [f.field for f in problem.fields]


# -- forming ----------------------------------------------------------------------------------------------------------


def test_forming_a_team_says_where_it_is_and_what_the_paper_says() -> None:
    formed, event = team.form(Site(TOWN, False), founding(), NOW)
    assert formed == TEAM
    assert event == TeamFormed(
        occurred_at=datetime(2023, 7, 3, tzinfo=VIETNAM), team_id="t1", name="Tổ", level=Level.COMMUNE, unit_id="21400",
        district_id="533", commune_id="21400", decision_number="12/QĐ-UBND", decision_date=date(2023, 7, 1),
        formed_on=FORMED,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("unit", "has_communes", "level", "village"),
    [
        (MO_DUC, True, Level.DISTRICT, None),
        (TOWN, False, Level.COMMUNE, None),
        (TOWN, False, Level.VILLAGE, "Thôn 1"),
        (LY_SON, False, Level.DISTRICT, None),
        (LY_SON, False, Level.COMMUNE, None),
        (LY_SON, False, Level.VILLAGE, "Thôn Đông An Hải"),
    ],
)
def test_teams_are_formed_at_district_commune_and_village(
    unit: Unit, has_communes: bool, level: Level, village: str | None
) -> None:
    formed, _ = team.form(Site(unit, has_communes), founding(level, village), NOW)
    assert (formed.unit_id, formed.level, formed.village) == (unit.unit_id, level, village)
    assert unit.district_id in formed.path


@pytest.mark.parametrize("level", Level)
def test_nobody_forms_a_team_at_the_province(level: Level) -> None:
    with pytest.raises(Problem) as refused:
        team.form(Site(PROVINCE, False), founding(level), NOW)
    assert refusal(refused.value) == (422, "level_does_not_fit_unit", ["level"])


def test_a_district_team_is_not_formed_at_a_commune() -> None:
    with pytest.raises(Problem) as refused:
        team.form(Site(TOWN, False), founding(Level.DISTRICT), NOW)
    assert refusal(refused.value) == (422, "level_does_not_fit_unit", ["level"])


@pytest.mark.parametrize(("level", "village"), [(Level.COMMUNE, None), (Level.VILLAGE, "Thôn 1")])
def test_where_there_are_communes_their_teams_are_formed_there(level: Level, village: str | None) -> None:
    with pytest.raises(Problem) as refused:
        team.form(Site(MO_DUC, True), founding(level, village), NOW)
    assert refusal(refused.value) == (422, "commune_needed", ["unit_id"])


@pytest.mark.parametrize(("level", "village"), [(Level.VILLAGE, None), (Level.COMMUNE, "Thôn 1")])
def test_a_village_is_named_for_village_teams_only(level: Level, village: str | None) -> None:
    with pytest.raises(Problem) as refused:
        team.form(Site(TOWN, False), founding(level, village), NOW)
    assert refusal(refused.value) == (422, "village_missing", ["village"])


@pytest.mark.parametrize(
    ("decision", "formed", "slug", "field"),
    [
        (date(2023, 7, 4), FORMED, "decision_after_founding", "decision_date"),
        (date(2023, 7, 1), date(2023, 7, 29), "in_the_future", "formed_on"),
    ],
)
def test_the_days_of_a_founding_must_fit(decision: date, formed: date, slug: str, field: str) -> None:
    with pytest.raises(Problem) as refused:
        team.form(Site(TOWN, False), founding(decision=decision, formed=formed), NOW)
    assert refusal(refused.value) == (422, slug, [field])


def test_today_is_not_too_late() -> None:
    team.form(Site(TOWN, False), founding(decision=TODAY, formed=TODAY), NOW)


def test_today_begins_at_midnight_in_vietnam() -> None:
    tomorrow = founding(decision=TODAY, formed=date(2023, 7, 29))
    team.form(Site(TOWN, False), tomorrow, datetime(2023, 7, 28, 17, 0, 0, tzinfo=UTC))
    with pytest.raises(Problem):
        team.form(Site(TOWN, False), tomorrow, datetime(2023, 7, 28, 16, 59, 59, tzinfo=UTC))


def test_a_village_that_is_a_unit_gives_its_name_and_stays_known_by_its_id() -> None:
    formed, event = team.form(Site(TOWN, False, THON), founding(Level.VILLAGE), NOW)
    assert (formed.village, formed.village_id) == ("Thôn 1", "thon-1")
    assert (event.village, event.village_id) == ("Thôn 1", "thon-1")
    team.form(Site(TOWN, False, THON), founding(Level.VILLAGE, "Thôn 1"), NOW)


@pytest.mark.parametrize(
    ("site", "level", "village", "slug", "field"),
    [
        (
            Site(TOWN, False, THON._replace(parent_id="21403", commune_id="21403")),
            Level.VILLAGE,
            None,
            "village_elsewhere",
            "village_id",
        ),
        (Site(TOWN, False, TOWN._replace(parent_id="21400")), Level.VILLAGE, None, "village_elsewhere", "village_id"),
        (Site(TOWN, False, THON), Level.VILLAGE, "Thôn 2", "village_name_differs", "village"),
        (Site(TOWN, False, THON), Level.COMMUNE, None, "village_missing", "village"),
    ],
)
def test_a_village_lies_below_the_unit_and_has_its_name(
    site: Site, level: Level, village: str | None, slug: str, field: str
) -> None:
    with pytest.raises(Problem) as refused:
        team.form(site, founding(level, village), NOW)
    assert refusal(refused.value) == (422, slug, [field])


# -- units in force ---------------------------------------------------------------------------------------------------


STATES = [
    TOWN._replace(valid_to=date(2025, 1, 1)),
    TOWN._replace(name="Phường Mộ Đức", valid_from=date(2025, 1, 1), valid_to=date(2025, 7, 1)),
]


def on(day: date, states: list[Unit] = STATES) -> Unit:
    return unit_on(states, "21400", day, field="unit_id", day_field="formed_on")


def test_a_unit_is_taken_as_it_is_on_the_day() -> None:
    assert [on(d).name for d in (date(2020, 2, 1), date(2024, 12, 31), date(2025, 1, 1), date(2025, 6, 30))] == [
        "Thị trấn Mộ Đức", "Thị trấn Mộ Đức", "Phường Mộ Đức", "Phường Mộ Đức",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("day", "states", "slug", "field"),
    [
        (date(2020, 1, 31), STATES, "before_unit", "formed_on"),
        (date(2025, 7, 1), STATES, "unit_ended", "unit_id"),
        (TODAY, [], "unknown_unit", "unit_id"),
    ],
)
def test_a_unit_that_is_not_in_force_is_refused(day: date, states: list[Unit], slug: str, field: str) -> None:
    with pytest.raises(Problem) as refused:
        on(day, states)
    assert refusal(refused.value) == (422, slug, [field])


# -- a team over time -------------------------------------------------------------------------------------------------


MOVED = date(2023, 7, 10)
PLACES = (
    TeamPlace("t1", FORMED, MOVED, "21403", Level.COMMUNE, None, None, "533", "21403", "founding"),
    TeamPlace("t1", MOVED, None, "21400", Level.COMMUNE, None, None, "533", "21400", "transfer"),
)
HISTORY = TeamHistory(TEAM, PLACES, (NameSince(FORMED, "Tổ 1"), NameSince(MOVED, "Tổ 2")))
ENDED = HISTORY._replace(team=TEAM._replace(disbanded_on=date(2023, 7, 20)))


def test_a_team_has_a_name_and_a_place_on_every_day() -> None:
    days = [date(2023, 7, 1), FORMED, date(2023, 7, 9), MOVED, TODAY]
    assert [(HISTORY.place_on(d).unit_id, HISTORY.name_on(d)) for d in days] == [
        ("21403", "Tổ 1"), ("21403", "Tổ 1"), ("21403", "Tổ 1"), ("21400", "Tổ 2"), ("21400", "Tổ 2"),
    ]  # fmt: skip
    assert [ENDED.team.there_on(d) for d in (date(2023, 7, 2), FORMED, date(2023, 7, 20), date(2023, 7, 21))] == [
        False, True, True, False,
    ]  # fmt: skip


def test_renaming_says_the_first_day_and_where_the_team_is_then() -> None:
    name, event = team.rename(HISTORY, "Tổ 3", TODAY, NOW)
    assert name == NameSince(TODAY, "Tổ 3")
    assert event == TeamRenamed(
        occurred_at=datetime(2023, 7, 28, tzinfo=VIETNAM), team_id="t1", name="Tổ 3", district_id="533",
        commune_id="21400", effective_on=TODAY,
    )  # fmt: skip
    team.rename(HISTORY, "Tổ 3", MOVED, NOW)


@pytest.mark.parametrize(
    ("history", "name", "day", "status", "slug", "field"),
    [
        (HISTORY, "Tổ 2", TODAY, 409, "same_name", "name"),
        (HISTORY, "Tổ 3", date(2023, 7, 9), 409, "newer_on_record", "effective_on"),
        (HISTORY, "Tổ 3", date(2023, 7, 2), 422, "before_team", "effective_on"),
        (HISTORY, "Tổ 3", date(2023, 7, 29), 422, "in_the_future", "effective_on"),
        (ENDED, "Tổ 3", date(2023, 7, 15), 409, "team_disbanded", "effective_on"),
    ],
)
def test_a_name_is_refused_that_contradicts_what_is_on_record(
    history: TeamHistory, name: str, day: date, status: int, slug: str, field: str
) -> None:
    with pytest.raises(Problem) as refused:
        team.rename(history, name, day, NOW)
    assert refusal(refused.value) == (status, slug, [field])


ELSEWHERE = Site(TOWN._replace(unit_id="21406", commune_id="21406", name="Xã Đức Lợi"), False)


def test_moving_a_team_says_where_it_was_and_is() -> None:
    place, event = team.move(HISTORY, ELSEWHERE, Transfer(Level.VILLAGE, "Thôn 5", TODAY), NOW)
    assert place == TeamPlace("t1", TODAY, None, "21406", Level.VILLAGE, "Thôn 5", None, "533", "21406", "transfer")
    assert event == TeamReassigned(
        occurred_at=datetime(2023, 7, 28, tzinfo=VIETNAM), team_id="t1", from_unit_id="21400", since=MOVED,
        unit_id="21406", level=Level.VILLAGE, village="Thôn 5", district_id="533", commune_id="21406",
        effective_on=TODAY, reason=MoveReason.TRANSFER,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("history", "site", "transfer", "status", "slug", "field"),
    [
        (HISTORY, Site(TOWN, False), Transfer(Level.COMMUNE, None, TODAY), 409, "same_place", "unit_id"),
        (HISTORY, ELSEWHERE, Transfer(Level.COMMUNE, None, date(2023, 7, 9)), 409, "newer_on_record", "effective_on"),
        (HISTORY, ELSEWHERE, Transfer(Level.COMMUNE, None, date(2023, 7, 29)), 422, "in_the_future", "effective_on"),
        (HISTORY, ELSEWHERE, Transfer(Level.VILLAGE, None, TODAY), 422, "village_missing", "village"),
        (HISTORY, ELSEWHERE, Transfer(Level.DISTRICT, None, TODAY), 422, "level_does_not_fit_unit", "level"),
        (ENDED, ELSEWHERE, Transfer(Level.COMMUNE, None, TODAY), 409, "team_disbanded", "effective_on"),
    ],
)
def test_a_move_is_refused_that_contradicts_what_is_on_record(
    history: TeamHistory, site: Site, transfer: Transfer, status: int, slug: str, field: str
) -> None:
    with pytest.raises(Problem) as refused:
        team.move(history, site, transfer, NOW)
    assert refusal(refused.value) == (status, slug, [field])
