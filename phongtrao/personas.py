"""Ready roles to try the system with, in the embedded mode only: no password, real tokens of the instance's own key."""

from __future__ import annotations

from typing import NamedTuple

from phongtrao.province import DEMO_UNIT, made_id
from shared.auth import Caller, Role


class Persona(NamedTuple):
    """A role to sign in as; the texts are for the sign-in page."""

    key: str
    title_vi: str
    title_en: str
    hint_vi: str
    hint_en: str
    caller: Caller


def personas(seed: int, *, demo: bool, province: str = "51") -> list[Persona]:
    """The personas of an instance. Those on a team exist only where the demonstration formed it."""
    team_id = made_id(seed, "team", DEMO_UNIT, "commune", None)
    leader, member = (made_id(seed, "member", team_id, number) for number in (0, 1))
    found = [
        Persona(
            "province", "Cán bộ Sở Thông tin và Truyền thông", "Province officer",
            "Phụ trách phong trào của cả tỉnh", "Responsible for the whole province",
            Caller("persona-province", frozenset([Role.PROVINCE_OFFICER, Role.OPERATOR]), (province,)),
        ),
        Persona(
            "district", "Cán bộ huyện Mộ Đức", "District officer, Mộ Đức",
            "Chỉ phụ trách các tổ trong huyện", "Responsible for the teams of one district",
            Caller("persona-district", frozenset([Role.DISTRICT_OFFICER]), ("533",)),
        ),
        Persona(
            "commune", "Cán bộ thị trấn Mộ Đức", "Commune officer, Mộ Đức township",
            "Chỉ phụ trách các tổ trong thị trấn", "Responsible for the teams of one township",
            Caller("persona-commune", frozenset([Role.COMMUNE_OFFICER]), (DEMO_UNIT,)),
        ),
        Persona(
            "leader", "Tổ trưởng tổ thị trấn Mộ Đức", "Team leader, Mộ Đức township",
            "Xem tổ của mình, thêm bớt thành viên", "Sees their own team, adds and removes members",
            Caller("persona-leader", frozenset([Role.TEAM_LEADER]), (), leader, team_id),
        ),
        Persona(
            "member", "Thành viên tổ thị trấn Mộ Đức", "Team member, Mộ Đức township",
            "Xem số liệu; ghi người dân qua API", "Sees the numbers; records citizens over the API",
            Caller("persona-member", frozenset([Role.MEMBER]), (), member, team_id),
        ),
        Persona(
            "learner", "Học viên, đoàn viên thanh niên", "Learner, youth union",
            "Xem số liệu; học và thi qua API", "Sees the numbers; takes the course over the API",
            Caller("persona-learner", frozenset([Role.LEARNER]), (DEMO_UNIT,), organisation_id="tinh-doan"),
        ),
    ]  # fmt: skip
    return found if demo else [p for p in found if p.caller.team_id is None and p.key != "learner"]
