"""Pages as a test reads them."""

from __future__ import annotations

import re
from html import unescape

import httpx

PAGE = "text/html; charset=utf-8"


async def page(client: httpx.AsyncClient, path: str, status: int = 200, **params: str) -> str:
    """The text of a page, marks and spaces taken out."""
    return text_of(await client.get(path, params=params), status)


def text_of(answer: httpx.Response, status: int = 200) -> str:
    assert (answer.status_code, answer.headers["content-type"]) == (status, PAGE), answer.text[:2000]
    main = answer.text[answer.text.index("<main") :]
    apart = re.sub(r"(?=</(?:dt|dd|div|li|p|td|th|h1|h2|label|summary)>)", " ", main)
    return " ".join(unescape(re.sub(r"<[^>]+>", "", apart)).replace("\u00a0", " ").split())


def field(html: str, name: str) -> str:
    """What stands in a field of a form."""
    tag = re.search(rf'<input[^>]*name="{name}"[^>]*>', html)
    assert tag, f"no field {name}"
    value = re.search(r'value="([^"]*)"', tag[0])
    return unescape(value[1]) if value else ""


def goes(answer: httpx.Response, *, to: str) -> None:
    """A form was taken, and the browser goes on."""
    assert answer.status_code == 303, text_of(answer, answer.status_code)
    assert answer.headers["location"] == to
