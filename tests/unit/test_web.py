"""What every page shares: two complete languages, legible colours, assets that are what they say."""

import json
import re
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from httpx import ASGITransport, AsyncClient
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.routing import Mount

from services.registry.web import visit
from services.reporting import present
from shared import web
from shared.web import formats
from shared.web.assets import Assets

FOLDERS = [web.TEMPLATES, present.PAGES, visit.PAGES]
PLACEHOLDER = re.compile(r"%\(\w+\)s")
TOKENS = (web.STATIC / "tokens.css").read_text(encoding="utf-8")


def catalogue(folder: Path) -> dict[Any, Any]:
    with (folder / "en.po").open("rb") as file:
        return {message.id: message.string for message in read_po(file, locale="en") if message.id}


def texts(message: str | tuple[str, ...]) -> tuple[str, ...]:
    return (message,) if isinstance(message, str) else tuple(message)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_every_text_of_the_templates_has_its_english_and_no_english_is_left_over(folder: Path) -> None:
    options = {"trimmed": "true", "silent": "false", "newstyle_gettext": "true"}
    found = extract_from_dir(folder, method_map=[("**.html", "jinja2")], options_map={"**.html": options})
    assert {message for _, _, message, _, _ in found} == set(catalogue(folder))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_both_languages_say_the_same_numbers(folder: Path) -> None:
    for vietnamese, english in catalogue(folder).items():
        for text in texts(english):
            assert text.strip(), vietnamese
            assert set(PLACEHOLDER.findall(text)) == set(PLACEHOLDER.findall(texts(vietnamese)[0])), vietnamese


ALWAYS_ONE_FORM = {"với %(n)s", "%(n)s dòng, đầu tiên là dòng %(first)s", "Phần thứ %(n)s"}
"""The number comes with its noun, is never one there, or counts nothing."""


def test_a_number_of_things_is_said_in_the_singular_too_where_it_may_be_one() -> None:
    """In registry, `n`, `old` and `total` say how many; `total` of pages and days are not things that are told."""
    one_form = {m for m in catalogue(visit.PAGES) if isinstance(m, str)}
    counted = {m for m in one_form if re.search(r"%\((n|old)\)s|trong %\(total\)s (dòng|yêu cầu)", m)}
    assert counted - ALWAYS_ONE_FORM == set()


@pytest.mark.parametrize("template", [t for f in FOLDERS for t in sorted(f.rglob("*.html"))], ids=lambda t: t.name)
def test_no_template_has_what_the_content_policy_forbids(template: Path) -> None:
    source = template.read_text(encoding="utf-8")
    assert re.findall(r"\sstyle=|\son\w+=|<style|<script(?![^>]*\ssrc=)|https?://", source) == []


def test_no_asset_asks_another_host() -> None:
    for asset in [*web.STATIC.glob("*.css"), *web.STATIC.glob("*.js")]:
        assert re.findall(r"https?://|@import", asset.read_text(encoding="utf-8")) == []


def test_vendored_fonts_are_the_files_of_the_manifest() -> None:
    fonts = web.STATIC / "fonts"
    manifest = json.loads((fonts / "manifest.json").read_text())
    assert {item["file"] for item in manifest} == {file.name for file in fonts.glob("*.woff2")}
    for item in manifest:
        assert sha256((fonts / item["file"]).read_bytes()).hexdigest() == item["sha256"]
        assert (fonts / item["licence_file"]).exists()


def test_the_address_of_an_asset_changes_with_its_content() -> None:
    digest = sha256((web.STATIC / "tokens.css").read_bytes()).hexdigest()
    assert web.static("tokens.css") == f"/static/tokens.css?v={digest[:10]}"


@pytest.mark.parametrize(
    ("query", "cookie", "chosen"),
    [
        (None, None, "vi"),
        ("en", None, "en"),
        (None, "en", "en"),
        ("vi", "en", "vi"),
        ("fr", "en", "en"),
        ("", "", "vi"),
    ],
)
def test_the_address_chooses_the_language_then_the_cookie_then_vietnamese(
    query: str | None, cookie: str | None, chosen: str
) -> None:
    assert web.choose_lang(query, cookie) == chosen


def test_the_other_language_keeps_the_page() -> None:
    assert web.shell("vi", "/")["other_lang_href"] == "/?lang=en"
    assert web.shell("en", "/?unit=533")["other_lang_href"] == "/?unit=533&lang=vi"


def test_numbers_and_days_are_written_as_people_here_write_them() -> None:
    assert formats.number(255545, "vi") == "255.545"
    assert formats.number(255545, "en") == "255,545"
    assert formats.percent(71.5, "vi") == "71,5\u00a0%"
    assert formats.percent(71.5, "en") == "71.5%"
    assert formats.full_day("2023-07-28", "vi") == "28/07/2023"
    assert formats.short_weekday("2023-07-30", "vi") == "CN"
    assert formats.weekday("2023-07-29", "vi") == "thứ bảy"


def test_days_and_clocks_are_those_of_vietnam() -> None:
    assert formats.full_day("2023-07-29T18:30:00+00:00", "vi") == "30/07/2023"
    assert formats.clock("2023-07-29T18:30:05+00:00", "vi") == "01:30:05"


@given(part=st.integers(0, 10**7), rest=st.integers(0, 10**7))
def test_a_share_says_all_only_of_all_and_none_only_of_none(part: int, rest: int) -> None:
    whole = part + rest
    percent = formats.share(part, whole)
    if whole == 0:
        assert percent is None
    else:
        assert percent is not None
        assert (percent == 100) == (rest == 0)
        assert (percent == 0) == (part == 0)
        assert abs(percent - 100 * part / whole) <= 0.1


def luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def palette(scheme: str) -> dict[str, str]:
    light, _, rest = TOKENS.partition("@media (prefers-color-scheme: dark)")
    blocks = [light] if scheme == "light" else [light, rest.partition("@media print")[0]]
    colours = {
        name: value for block in blocks for name, value in re.findall(r"--([\w-]+): (#\w{6}|var\(--ink\));", block)
    }
    return {name: colours["ink"] if value == "var(--ink)" else value for name, value in colours.items()}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_colour_is_legible_on_its_ground(scheme: str) -> None:
    colours = palette(scheme)
    pairs = [(text, "page") for text in ("ink", "ink-soft", "accent", "mark")] + [
        ("warn", "warn-back"),
        ("ink", "quiet"),
    ]
    pairs += [("ink-soft", "quiet"), ("accent", "quiet")] + [(f"on-step-{n}", f"step-{n}") for n in range(5)]
    assert {pair: round(contrast(*(colours[name] for name in pair)), 2) for pair in pairs if
            contrast(*(colours[name] for name in pair)) < 4.5} == {}  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_scale_is_one_way_in_lightness_so_that_it_survives_grey_print(scheme: str) -> None:
    steps = [luminance(palette(scheme)[f"step-{n}"]) for n in range(5)]
    if scheme == "light":
        steps.reverse()
    assert all(after > before * 1.25 for before, after in pairwise(steps))


async def test_an_asset_is_kept_for_ever_only_where_its_address_names_its_content() -> None:
    app = Starlette(routes=[Mount("/static", Assets())])
    async with AsyncClient(transport=ASGITransport(app=app), base_url="http://pages") as client:
        named = await client.get(web.static("tokens.css"))
        font = await client.get("/static/fonts/be-vietnam-pro-400.woff2")
    assert named.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert font.headers["cache-control"] == "public, max-age=604800"
    assert (named.status_code, font.headers["content-type"]) == (200, "font/woff2")


SHARED = {"tokens.css", "base.css"}
OWN = ({"province.css", "live.js"}, {"registry.css", "registry.js"}, {"docs.css"})
"""What the pages of a service load beside the shared files."""


@pytest.mark.parametrize("own", OWN, ids=min)
def test_the_first_load_stays_within_its_budget(own: set[str]) -> None:
    """100 KB in all, uncompressed; the page itself (about 40 KB) is the rest."""
    files = [web.STATIC / name for name in SHARED | own] + [*web.STATIC.glob("fonts/*.woff2")]
    assert sum(file.stat().st_size for file in files) < 50_000


def test_every_style_and_script_belongs_to_the_pages_of_a_service() -> None:
    assert {f.name for kind in ("css", "js") for f in web.STATIC.glob(f"*.{kind}")} == SHARED.union(*OWN)
