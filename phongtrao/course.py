"""The course of the plan: online public services, with the quiz that completes it."""

from __future__ import annotations

from typing import Any

COURSE_ID = "dvc-truc-tuyen"
PASS_MARK = 6

_LESSONS = (
    (
        "Dịch vụ công trực tuyến là gì",
        """
        Dịch vụ công trực tuyến giúp người dân nộp hồ sơ, theo dõi và nhận kết quả qua mạng. Tỉnh có Hệ thống thông tin
        giải quyết thủ tục hành chính, nối với Cổng Dịch vụ công Quốc gia. Có dịch vụ toàn trình, làm trọn trên mạng,
        và dịch vụ một phần, còn một bước phải đến trực tiếp.
        """,
    ),
    (
        "Nộp hồ sơ và thanh toán",
        """
        Đăng nhập bằng tài khoản định danh điện tử, chọn thủ tục, điền tờ khai, đính kèm giấy tờ rồi nộp. Phí, lệ phí
        được thanh toán trực tuyến ngay trên hệ thống. Mã hồ sơ dùng để tra cứu tiến độ.
        """,
    ),
    (
        "An toàn trên mạng",
        """
        Không đưa mật khẩu hay mã OTP cho bất kỳ ai, kể cả người xưng là cán bộ. Kiểm tra địa chỉ trang trước khi đăng
        nhập. Không chia sẻ tin chưa kiểm chứng; báo cho cơ quan công an khi bị lừa đảo.
        """,
    ),
)

_QUESTIONS: tuple[tuple[str, tuple[str, str, str], str], ...] = (
    (
        "Nộp hồ sơ trực tuyến của tỉnh ở đâu?",
        (
            "Hệ thống thông tin giải quyết thủ tục hành chính của tỉnh",
            "Một trang mạng xã hội",
            "Thư điện tử của cán bộ",
        ),
        "a",
    ),
    (
        "Dịch vụ công trực tuyến toàn trình nghĩa là gì?",
        ("Phải đến trực tiếp nộp hồ sơ", "Mọi bước được làm trên mạng", "Chỉ xem được hướng dẫn"),
        "b",
    ),
    (
        "Đăng nhập Cổng Dịch vụ công Quốc gia bằng gì?",
        ("Tài khoản định danh điện tử", "Tài khoản trò chơi", "Số tài khoản ngân hàng"),
        "a",
    ),
    ("Ai được biết mã OTP của bạn?", ("Cán bộ một cửa", "Nhân viên ngân hàng", "Chỉ mình bạn"), "c"),
    ("Có thể làm gì với mã hồ sơ?", ("Tra cứu tiến độ giải quyết", "Rút tiền", "Không làm gì được"), "a"),
    (
        "Những cách nào là thanh toán không dùng tiền mặt?",
        ("Quét mã QR", "Chuyển khoản", "Đưa tiền giấy"),
        "ab",
    ),
    (
        "Thấy một tin lạ, gây hoang mang trên mạng xã hội thì nên làm gì?",
        ("Chia sẻ ngay cho mọi người", "Kiểm chứng ở nguồn chính thống", "Thêm ý kiến rồi chia sẻ"),
        "b",
    ),
    (
        "Những dấu hiệu nào cho thấy có thể là lừa đảo?",
        ("Hối thúc chuyển tiền ngay", "Hỏi mã OTP", "Mời đến trụ sở để nhận kết quả"),
        "ab",
    ),
)
"""Text, the options a, b and c, and which of them are right."""


def publish_body() -> dict[str, Any]:
    """What `POST /courses/courses` takes."""
    return {
        "course_id": COURSE_ID,
        "title": "Sử dụng dịch vụ công trực tuyến",
        "lessons": [{"title": title, "text": " ".join(text.split())} for title, text in _LESSONS],
        "questions": [
            {
                "question_id": f"q{number}",
                "text": text,
                "options": [{"option_id": "abc"[i], "text": option} for i, option in enumerate(options)],
                "right": list(right),
            }
            for number, (text, options, right) in enumerate(_QUESTIONS, 1)
        ],
        "pass_mark": PASS_MARK,
        "max_attempts": None,
        "opens_on": "2023-07-28",
        "closes_on": None,
    }


def sheet(wrong: frozenset[int]) -> dict[str, list[str]]:
    """A filled-in quiz in which exactly the questions with these numbers, from 0 on, are answered wrongly."""
    return {
        f"q{number + 1}": ["c" if "c" not in right else "a"] if number in wrong else list(right)
        for number, (_, _, right) in enumerate(_QUESTIONS)
    }


QUESTIONS = len(_QUESTIONS)
