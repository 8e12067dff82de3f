"""Refusals as `application/problem+json` (RFC 9457), in the reader's language, with both languages inside."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from shared.db import INFRASTRUCTURE_ERRORS
from shared.errors import FieldError, Problem, Text
from shared.problem_body import body_of
from shared.telemetry import current_traceparent, logger

log = logger(__name__)

MEDIA_TYPE = "application/problem+json"


def wants_english(request: Request) -> bool:
    """Whether the reader prefers English; Vietnamese unless said otherwise."""
    accepted = request.headers.get("accept-language", "").lower()
    return accepted.startswith("en") or ("en" in accepted and "vi" not in accepted)


def respond(request: Request, problem: Problem) -> JSONResponse:
    """The response that says a refusal."""
    lang = "en" if wants_english(request) else "vi"
    headers = {"content-language": lang}
    if problem.retry_after is not None:
        headers["retry-after"] = str(problem.retry_after)
    if problem.status == 401:
        headers["www-authenticate"] = "Bearer"
    return JSONResponse(body_of(problem, lang), status_code=problem.status, media_type=MEDIA_TYPE, headers=headers)


Say = Callable[[Request, Problem], Response]
"""How a refusal is answered: as a problem document, or as a page for people."""


def no_such(begin: str, say: Say = respond) -> Callable[[Request, Exception], Awaitable[Response]]:
    """Answers what the framework refuses: no such address, no such method, a body that cannot be read.

    `begin` is an address that is there, where whoever went astray can begin again.
    """

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        is_form = "form" in request.headers.get("content-type", "")
        response = say(request, _from_http(error, begin, is_form=is_form))
        response.headers.update(error.headers or {})
        return response

    return refused


def install(app: FastAPI, say: Say = respond, *, begin: str) -> None:
    """Makes every refusal and every failure of this application an answer that says what is wrong.

    `begin`: where to begin again after an address that is not there.
    """

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return say(request, error)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return say(request, _from_validation(error))

    async def away(request: Request, error: Exception) -> Response:
        log.warning("answered_503", route=_route(request), reason=type(error).__name__)
        return say(request, UNAVAILABLE)

    async def failed(request: Request, error: Exception) -> Response:
        log.error("answered_500", route=_route(request), trace=current_traceparent(), exc_info=error)
        return say(request, FAILED)

    app.add_exception_handler(Problem, refused)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, no_such(begin, say))
    for kind in INFRASTRUCTURE_ERRORS:
        app.add_exception_handler(kind, away)
    app.add_exception_handler(Exception, failed)


def _route(request: Request) -> str:
    """The address without what was put into it: it may be somebody's name."""
    return f"{request.scope.get('root_path', '')}{getattr(request.scope.get('route'), 'path', '')}"


UNAVAILABLE = Problem(
    503,
    "temporarily_unavailable",
    Text(
        "Hệ thống đang khởi động lại hoặc bận. Dữ liệu bạn gửi chưa được ghi; hãy gửi lại sau vài giây.",
        "The system is restarting or busy. What you sent was not recorded; send it again in a few seconds.",
    ),
    retry_after=2,
)
FAILED = Problem(
    500,
    "internal_error",
    Text(
        "Có lỗi ngoài dự kiến. Dữ liệu bạn gửi chưa được ghi. Hãy báo mã «trace» cho bộ phận hỗ trợ.",
        "Something unexpected went wrong. What you sent was not recorded. Tell support the «trace».",
    ),
)


def _from_http(error: HTTPException, begin: str, *, is_form: bool) -> Problem:
    if error.status_code == 400:
        return _UNREADABLE_FORM if is_form else _UNREADABLE
    texts = {
        404: Text(f"Địa chỉ này không có. Hãy bắt đầu từ {begin}.", f"There is no such address. Begin at {begin}."),
        405: Text(
            f"Địa chỉ này không nhận phương thức đó. Xem {begin}.",
            f"This address does not take that method. See {begin}.",
        ),
    }
    slug = {404: "no_such_address", 405: "method_not_allowed"}.get(error.status_code, "bad_request")
    fallback = Text(f"Yêu cầu không đọc được. Xem {begin}.", f"The request could not be read. See {begin}.")
    return Problem(error.status_code, slug, texts.get(error.status_code, fallback))


_UNREADABLE = Problem(
    422,
    "unreadable_body",
    Text(
        "Nội dung gửi lên không phải JSON đọc được (UTF-8, lồng không quá sâu, số không quá dài).",
        "The body is no JSON that can be read (UTF-8, not nested too deep, no endless numbers).",
    ),
    fields=(FieldError("body", Text("không đọc được", "could not be read")),),
)
_UNREADABLE_FORM = Problem(
    422,
    "unreadable_form",
    Text(
        "Biểu mẫu gửi lên không đọc được: nhiều nhất một tệp, tên ô và nội dung phải trọn vẹn. Hãy gửi lại.",
        "The form could not be read: at most one file, and every field whole. Send it again.",
    ),
    fields=(FieldError("file", Text("nhiều nhất một tệp, gửi trọn vẹn", "at most one file, sent whole")),),
)
_NOT_JSON = Problem(
    415,
    "not_json",
    Text(
        "Hãy gửi nội dung dạng JSON với tiêu đề «Content-Type: application/json».",
        "Send the body as JSON with «Content-Type: application/json».",
    ),
    fields=(FieldError("Content-Type", Text("phải là application/json", "must be application/json")),),
)
_PLACES = {"body", "query", "path", "header", "cookie"}


def _from_validation(error: RequestValidationError) -> Problem:
    return _NOT_JSON if isinstance(error.body, bytes) else invalid_data(error.errors())


def invalid_data(errors: Sequence[Mapping[str, Any]]) -> Problem:
    """422: what pydantic says of what was sent."""
    fields = tuple(field_error(e) for e in errors[:50])
    first = fields[0] if fields else FieldError("body", Text("không đọc được", "could not be read"))
    return Problem(
        422,
        "invalid_data",
        Text(
            f"Dữ liệu chưa đúng ở trường «{first.field}»: {first.message.vi}. Hãy sửa rồi gửi lại.",
            f"Invalid data in «{first.field}»: {first.message.en}. Correct it and send again.",
        ),
        fields=fields or (first,),
    )


def field_error(error: Mapping[str, Any], *, whole: str = "body") -> FieldError:
    """An error of pydantic's in both languages; `whole` names the field when all of it is wrong."""
    parts = [] if error["type"] == "json_invalid" else [str(p) for p in error["loc"]]
    path = ".".join(parts[1:] if len(parts) > 1 and parts[0] in _PLACES else parts)
    return FieldError(printable(path) or whole, _words(error))


_PATTERNS: dict[str, Text] = {}


def pattern(regex: str, vi: str, en: str) -> str:
    """The regular expression itself; whoever sends a text that does not fit is told these words instead of it."""
    _PATTERNS[regex] = Text(vi, en)
    return regex


def printable(name: str) -> str:
    """A name that a client made up, short and without what no answer can carry: control characters, lone surrogates."""
    return "".join(c if c.isprintable() else "\ufffd" for c in name[:100])


_VIETNAMESE = {
    "missing": "thiếu trường này",
    "extra_forbidden": "không có trường tên này",
    "string_type": "phải là chữ",
    "string_too_short": "quá ngắn (ít nhất {min_length} ký tự)",
    "string_too_long": "quá dài (nhiều nhất {max_length} ký tự)",
    "string_pattern_mismatch": "không đúng dạng {pattern}",
    "int_type": "phải là số nguyên",
    "int_parsing": "phải là số nguyên",
    "int_from_float": "phải là số nguyên",
    "greater_than_equal": "phải từ {ge} trở lên",
    "greater_than": "phải lớn hơn {gt}",
    "less_than_equal": "phải từ {le} trở xuống",
    "less_than": "phải nhỏ hơn {lt}",
    "enum": "phải là một trong: {expected}",
    "literal_error": "phải là một trong: {expected}",
    "too_long": "quá nhiều mục (nhiều nhất {max_length})",
    "too_short": "quá ít mục (ít nhất {min_length})",
    "json_invalid": "không phải JSON đọc được",
    "model_attributes_type": "phải là một đối tượng JSON",
    "model_type": "phải là một đối tượng JSON",
    "dict_type": "phải là một đối tượng JSON",
    "list_type": "phải là một danh sách",
    "tuple_type": "phải là một danh sách",
    "string_unicode": "có ký tự không đọc được",
    "bool_type": "phải là true hoặc false",
    "bool_parsing": "phải là true hoặc false",
    "int_parsing_size": "số quá lớn",
    "finite_number": "phải là số hữu hạn",
}
_DAY = Text("phải là ngày có thật dạng năm-tháng-ngày, ví dụ 2023-07-28", "must be a real day, for example 2023-07-28")
_MOMENT = Text(
    "phải là thời điểm có múi giờ, ví dụ 2023-07-28T08:00:00+07:00",
    "must be a moment with its offset, for example 2023-07-28T08:00:00+07:00",
)
_TIMES = {
    "date_type": _DAY,
    "date_parsing": _DAY,
    "date_from_datetime_inexact": _DAY,
    "date_from_datetime_parsing": _DAY,
    "datetime_type": _MOMENT,
    "datetime_parsing": _MOMENT,
    "datetime_object_invalid": _MOMENT,
    "datetime_from_date_parsing": _MOMENT,
    "timezone_aware": _MOMENT,
}
"""What pydantic says of days and moments helps nobody to write one."""


def _words(error: Mapping[str, Any]) -> Text:
    kind = str(error["type"])
    known = _PATTERNS.get(str(error.get("ctx", {}).get("pattern"))) or _TIMES.get(kind)
    return known or Text(_vietnamese(error), str(error["msg"]))


def _vietnamese(error: Mapping[str, Any]) -> str:
    context = error.get("ctx", {})
    if "vi" in context:
        return str(context["vi"])
    template = _VIETNAMESE.get(str(error["type"]))
    if template is None:
        return "giá trị không hợp lệ"
    try:
        return template.format(**context).replace("' or '", "' hoặc '")  # pydantic joins what it expects in English
    except KeyError:
        return template
