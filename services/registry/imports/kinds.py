"""The three sheets: their columns, in the order and the words of the paper form."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from services.registry.imports.columns import Column
from shared.contracts.reform import Level
from shared.contracts.registry import LeaveReason, Role
from shared.errors import Text
from shared.sheets import cells
from shared.sheets.book import Value

_PHONE = re.compile(r"\+?[0-9][0-9 .()-]{6,18}")
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}")

LEVELS = {"Cấp huyện": Level.DISTRICT, "Cấp xã": Level.COMMUNE, "Cấp thôn": Level.VILLAGE}
ROLES = {"Tổ trưởng": Role.LEADER, "Tổ phó": Role.DEPUTY, "Thành viên": Role.MEMBER}
REASONS = {
    "Chuyển tổ": LeaveReason.MOVED, "Nhận nhiệm vụ khác": LeaveReason.NEW_DUTY, "Xin thôi": LeaveReason.RESIGNED,
    "Lý do khác": LeaveReason.OTHER,
}  # fmt: skip
SECTORS = {
    "Nhóm của kế hoạch": "group", "Sở, ban, ngành": "department", "Ủy ban nhân dân": "people_committee",
    "Giáo dục": "education", "Đoàn thanh niên": "youth_union", "Hội, đoàn thể": "mass_organisation",
    "Đại học, cao đẳng": "university", "Báo chí": "press", "Doanh nghiệp": "enterprise",
}  # fmt: skip


class Kind(StrEnum):
    """What a sheet lists."""

    TEAMS = "teams-and-members"
    VILLAGES = "villages"
    ORGANISATIONS = "organisations"


class Form(NamedTuple):
    """A sheet."""

    kind: Kind
    title: Text
    columns: Sequence[Column]


def phone(value: Value) -> str:
    """A phone as people write it. Raises Unreadable."""
    found = cells.phone(value)
    if not _PHONE.fullmatch(found):
        raise cells.Unreadable(
            f"«{found}» không phải số điện thoại, ví dụ 090 123 4567",
            f"«{found}» is no phone, for example 090 123 4567",
        )
    return found


def own_id(value: Value) -> str:
    """An id of ours. Raises Unreadable."""
    found = cells.text(value)
    if not _ID.fullmatch(found):
        raise cells.Unreadable(f"«{found}» không phải mã của hệ thống", f"«{found}» is no id of this site")
    return found


_OWN = Text(
    "Do hệ thống ghi khi xuất tệp; để trống khi thêm mới.",
    "Written by the site on export; leave it empty for new lines.",
)
_DISTRICT = Column(
    "district", Text("Huyện, thị xã, thành phố", "District"),
    Text("Cần khi nhiều đơn vị trùng tên.", "Needed where several units share a name."),
    width=24, also=("huyện", "thuộc huyện"),
)  # fmt: skip

TEAMS = Form(
    Kind.TEAMS,
    Text("Tổ và thành viên", "Teams and members"),
    (
        Column("team_name", Text("Tên tổ", "Team"), Text("Như trong quyết định.", "As in the decision."), needed=True,
               width=34, also=("tên tổ công nghệ số cộng đồng", "team name")),
        Column("level", Text("Cấp tổ", "Level"), Text("Chọn trong danh sách.", "Choose from the list."), needed=True,
               width=12, choices=LEVELS, also=("cấp",)),
        Column("unit", Text("Đơn vị", "Unit"),
               Text("Xã, phường, thị trấn, đặc khu (hoặc huyện, của tổ cấp huyện) có hiệu lực vào ngày thành lập tổ."
                    " Tên hoặc mã; có thể ghi huyện trong ngoặc.",
                    "The commune (or district, of a district team) in force on the founding day. Name or code; the"
                    " district may stand in brackets."),
               needed=True, width=30, also=("xã, phường, thị trấn", "tên đơn vị", "đơn vị hành chính", "xã")),
        _DISTRICT,
        Column("village", Text("Thôn, bản, tổ dân phố", "Village"),
               Text("Chỉ với tổ cấp thôn.", "Of village teams only."), width=22, also=("thôn", "tổ dân phố")),
        Column("decision_number", Text("Số quyết định", "Decision number"),
               Text("Ví dụ 12/QĐ-UBND.", "For example 12/QĐ-UBND."), needed=True, also=("số qđ", "quyết định số")),
        Column("decision_date", Text("Ngày quyết định", "Decision date"),
               Text("Ngày/tháng/năm.", "Day/month/year."), cells.day, needed=True, width=14, also=("ngày qđ",)),
        Column("formed_on", Text("Ngày thành lập", "Formed on"), Text("Ngày/tháng/năm.", "Day/month/year."),
               cells.day, needed=True, width=14, also=("ngày thành lập tổ",)),
        Column("full_name", Text("Họ và tên", "Full name"),
               Text("Mỗi người một dòng; trống: chỉ ghi tổ.", "A line for each member; empty: the team only."),
               width=26, also=("họ tên", "họ và tên thành viên", "họ tên thành viên", "name", "tên thành viên")),
        Column("phone", Text("Số điện thoại", "Phone"), Text("Giữ số 0 ở đầu.", "With the zero in front."), phone,
               width=16, also=("điện thoại", "sđt", "số đt")),
        Column("role", Text("Vai trò", "Role"), Text("Bỏ trống là «Thành viên».", "Empty: member."), width=13,
               choices=ROLES, said_as={"Tổ viên": Role.MEMBER}, also=("chức vụ trong tổ", "nhiệm vụ", "chức danh")),
        Column("role_since", Text("Giữ vai trò từ ngày", "Role since"),
               Text("Khi vai trò thay đổi sau ngày tham gia.", "Where the role changed after joining."), cells.day,
               width=14),
        Column("organisation", Text("Cơ quan, tổ chức", "Organisation"),
               Text("Tên hoặc mã đã có trong danh mục.", "A name or an id that is on record."), width=30,
               also=("đơn vị công tác", "cơ quan", "tổ chức")),
        Column("joined_on", Text("Ngày tham gia", "Joined on"),
               Text("Bỏ trống là ngày thành lập tổ.", "Empty: the day the team was formed."), cells.day, width=14,
               also=("ngày tham gia tổ", "ngày vào tổ")),
        Column("left_on", Text("Ngày rời tổ", "Left on"),
               Text("Ngày cuối ở tổ; bỏ trống nếu còn.", "The last day; empty: still there."), cells.day, width=14),
        Column("leave_reason", Text("Lý do rời tổ", "Reason for leaving"),
               Text("Chọn trong danh sách.", "Choose from the list."), width=18, choices=REASONS),
        Column("team_id", Text("Mã tổ", "Team id"), _OWN, own_id, width=38),
        Column("member_id", Text("Mã thành viên", "Member id"), _OWN, own_id, width=38),
    ),
)  # fmt: skip

VILLAGES = Form(
    Kind.VILLAGES,
    Text("Thôn, bản, tổ dân phố", "Villages"),
    (
        Column("village", Text("Tên thôn, bản, tổ dân phố", "Village"),
               Text("Tên đầy đủ, ví dụ Thôn 1.", "The full name, for example Thôn 1."), needed=True, width=30,
               also=("tên thôn", "thôn", "thôn, bản, tổ dân phố", "tên")),
        Column("village_kind", Text("Loại", "Kind"), Text("Bỏ trống nếu tên đã có loại.", "Empty if the name says it."),
               width=16, also=("loại hình",)),
        Column("unit", Text("Xã, phường, thị trấn", "Commune"),
               Text("Tên hoặc mã, có hiệu lực vào ngày «Từ ngày».", "Name or code, in force on the day «Since»."),
               needed=True, width=30, also=("đơn vị", "xã")),
        _DISTRICT,
        Column("above", Text("Nằm trong thôn, tổ", "Within village"),
               Text("Chỉ khi không trực thuộc xã, ví dụ tổ liên gia của một thôn: tên thôn đó.",
                    "Only of what does not lie right below the commune: the village that it is a part of."),
               width=24, also=("thuộc thôn", "thuộc thôn, bản, tổ dân phố")),
        Column("valid_from", Text("Từ ngày", "Since"), Text("Ngày đầu có hiệu lực.", "The first day in force."),
               cells.day, needed=True, width=14, also=("ngày thành lập", "có hiệu lực từ")),
        Column("village_id", Text("Mã thôn", "Village id"), _OWN, own_id, width=38),
    ),
)  # fmt: skip

ORGANISATIONS = Form(
    Kind.ORGANISATIONS,
    Text("Cơ quan, tổ chức", "Organisations"),
    (
        Column("name", Text("Tên cơ quan, tổ chức", "Organisation"), Text("Tên đầy đủ.", "The full name."), needed=True,
               width=40, also=("tên", "cơ quan", "tổ chức", "cơ quan, tổ chức")),
        Column("sector", Text("Nhóm", "Sector"), Text("Chọn trong danh sách.", "Choose from the list."), needed=True,
               width=20, choices=SECTORS, also=("khối",)),
        Column("parent", Text("Cấp trên", "Parent"),
               Text("Tên hoặc mã của cơ quan cấp trên hoặc nhóm.", "Name or id of the organisation or group above."),
               width=34, also=("cơ quan cấp trên", "trực thuộc")),
        Column("headcount", Text("Số người", "Headcount"),
               Text("Không tính các đơn vị trực thuộc.", "Without the organisations below it."), cells.whole, width=12,
               also=("tổng số người", "số lượng")),
        Column("headcount_since", Text("Số người tính từ ngày", "Headcount since"),
               Text("Cần khi số người thay đổi.", "Needed where the headcount changes."), cells.day, width=14),
        Column("valid_from", Text("Từ ngày", "Since"),
               Text("Ngày thành lập; bỏ trống nếu có từ trước phong trào.", "Empty: from before the movement."),
               cells.day, width=14, also=("ngày thành lập",)),
        Column("effective_on", Text("Thay đổi từ ngày", "Changed from"),
               Text("Cần khi đổi tên, nhóm hoặc cấp trên.", "Needed where name, sector or parent change."), cells.day,
               width=14),
        Column("organisation_id", Text("Mã", "Id"), _OWN, own_id, width=38),
    ),
)  # fmt: skip

FORMS = {form.kind: form for form in (TEAMS, VILLAGES, ORGANISATIONS)}
