"""Why a file is not read. Nothing was kept of it."""

from __future__ import annotations

from shared.errors import FieldError, Problem, Text

MAX_FILE = 20_000_000
"""Bytes of an uploaded file."""
MAX_UNPACKED = 150_000_000
"""Bytes of everything that is packed in a file."""
MAX_RATIO = 200
"""How many times its packed size a large part may have; spreadsheets pack 5 to 30 times."""
MAX_ROWS = 50_000
MAX_COLUMNS = 60


def _refusal(status: int, slug: str, vi: str, en: str) -> Problem:
    return Problem(status, slug, Text(vi, en), fields=(FieldError("file", Text(vi, en)),))


TOO_LARGE = _refusal(
    413,
    "file_too_large",
    f"Tệp lớn hơn {MAX_FILE // 1_000_000} MB. Hãy xóa hình ảnh, các trang không dùng, hoặc chia thành nhiều tệp.",
    f"The file is larger than {MAX_FILE // 1_000_000} MB. Remove pictures and unused sheets, or send it in parts.",
)
EMPTY = _refusal(422, "file_empty", "Tệp rỗng. Hãy chọn lại tệp.", "The file is empty. Choose it again.")
NOT_A_WORKBOOK = _refusal(
    422,
    "not_a_workbook",
    "Đây không phải bảng tính .xlsx, .xls hay .ods, dù tên tệp có thể ghi như vậy (ví dụ tệp .csv đổi tên)."
    " Hãy mở bằng Excel hoặc LibreOffice rồi «Lưu thành» .xlsx.",
    "This is no .xlsx, .xls or .ods workbook, whatever its name says (a renamed .csv, for example)."
    " Open it in Excel or LibreOffice and save it as .xlsx.",
)
DAMAGED = _refusal(
    422,
    "workbook_damaged",
    "Bảng tính bị hỏng hoặc chưa tải lên hết, nên không đọc được. Hãy mở, lưu lại rồi tải lên lần nữa.",
    "The workbook is damaged or incomplete and cannot be read. Open it, save it and send it again.",
)
ENCRYPTED = _refusal(
    422,
    "workbook_encrypted",
    "Bảng tính có đặt mật khẩu. Hãy bỏ mật khẩu mở tệp rồi tải lên lại.",
    "The workbook is protected by a password. Remove the password to open it and send it again.",
)
BOMB = _refusal(
    422,
    "workbook_unpacks_too_large",
    f"Bên trong tệp nén có quá nhiều dữ liệu (tối đa {MAX_UNPACKED // 1_000_000} MB sau khi giải nén),"
    " nên tệp không được mở. Hãy chép các dòng cần dùng sang biểu mẫu mới.",
    f"The file unpacks to far too much (at most {MAX_UNPACKED // 1_000_000} MB), so it was not opened."
    " Copy the rows that you need into a new form.",
)
TOO_HEAVY = _refusal(
    422,
    "workbook_too_heavy",
    "Đọc bảng tính này tốn quá nhiều bộ nhớ hoặc thời gian (thường do có ô ở rất xa vùng dữ liệu)."
    " Hãy chép các dòng cần dùng sang biểu mẫu mới.",
    "Reading this workbook takes too much memory or time (often because of a cell far away from the data)."
    " Copy the rows that you need into a new form.",
)
TOO_MANY_ROWS = _refusal(
    422,
    "too_many_rows",
    f"Một trang có quá {MAX_ROWS:,} dòng. Hãy chia thành nhiều tệp.".replace(",", "."),
    f"A sheet has more than {MAX_ROWS:,} rows. Send it in parts.",
)
