"""Refusals: what is wrong, with which field, and what to do, in Vietnamese and English (RFC 9457 over HTTP)."""

from __future__ import annotations

from typing import NamedTuple


class Text(NamedTuple):
    """The same sentence for people in both languages."""

    vi: str
    en: str


class FieldError(NamedTuple):
    """What is wrong with one field; `field` is its path in the body, for example `items.3.topics`."""

    field: str
    message: Text
    about: str | None = None
    """Id of what stands in the way, where it has one: a reform's."""


class Problem(Exception):
    """A refusal. Nothing was changed. `slug` is stable and for programs, the texts are for people."""

    def __init__(
        self,
        status: int,
        slug: str,
        detail: Text,
        *,
        fields: tuple[FieldError, ...] = (),
        retry_after: int | None = None,
    ) -> None:
        super().__init__(detail.en)
        self.status, self.slug, self.detail, self.fields, self.retry_after = status, slug, detail, fields, retry_after


def invalid(slug: str, field: str, vi: str, en: str) -> Problem:
    """422: the field has a value that cannot be accepted; the texts say what would be."""
    return Problem(422, slug, Text(vi, en), fields=(FieldError(field, Text(vi, en)),))


def conflict(slug: str, field: str, vi: str, en: str) -> Problem:
    """409: the request contradicts what is already there."""
    return Problem(409, slug, Text(vi, en), fields=(FieldError(field, Text(vi, en)),))


def not_found(slug: str, field: str, vi: str, en: str) -> Problem:
    """404: the thing that the path names is not known here."""
    return Problem(404, slug, Text(vi, en), fields=(FieldError(field, Text(vi, en)),))


def unauthorized(vi: str, en: str) -> Problem:
    """401: no token, or one that is not valid."""
    return Problem(401, "token_needed", Text(vi, en), fields=(FieldError("Authorization", Text(vi, en)),))


def forbidden(slug: str, field: str, vi: str, en: str) -> Problem:
    """403: the caller may not do this, or not for this unit."""
    return Problem(403, slug, Text(vi, en), fields=(FieldError(field, Text(vi, en)),))


def behind(stream: str, wanted: int, reached: int) -> Problem:
    """503: the read model has not reached `min_pos` yet; the same request will succeed soon."""
    return Problem(
        503,
        "read_model_behind",
        Text(
            f"Số liệu chưa cập nhật đến vị trí {stream}:{wanted} (mới đến {reached}). Hãy thử lại sau một giây.",
            f"The read model has not reached {stream}:{wanted} yet (it is at {reached}). Try again in a second.",
        ),
        fields=(FieldError("min_pos", Text("chưa đến vị trí này", "not reached yet")),),
        retry_after=1,
    )


TITLES: dict[int, Text] = {
    400: Text("Yêu cầu không hợp lệ", "Bad request"),
    401: Text("Cần đăng nhập", "Sign-in needed"),
    403: Text("Không có quyền", "Not allowed"),
    404: Text("Không tìm thấy", "Not found"),
    405: Text("Phương thức không được hỗ trợ", "Method not allowed"),
    409: Text("Mâu thuẫn với dữ liệu đã có", "Conflict with what is there"),
    413: Text("Nội dung gửi lên quá lớn", "Request too large"),
    415: Text("Kiểu nội dung không được hỗ trợ", "Media type not supported"),
    422: Text("Dữ liệu chưa đúng", "Invalid data"),
    429: Text("Quá nhiều yêu cầu", "Too many requests"),
    500: Text("Lỗi hệ thống", "Internal error"),
    503: Text("Tạm thời chưa sẵn sàng", "Not ready yet"),
}
