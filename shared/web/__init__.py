"""What every page of Phong Trào is made with: one Jinja environment, one layout, one set of assets.

`environment()` gives the templates their filters and both languages, `shell()` the variables that the layout needs,
and `STATIC` is the folder that the application mounts at `/static`.
"""

from hashlib import sha256
from pathlib import Path
from typing import Literal, TypedDict, get_args

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from shared.web import formats, text
from shared.web.viewer import Viewer

Lang = Literal["vi", "en"]
LANGS: tuple[Lang, ...] = get_args(Lang)

STATIC = Path(__file__).parent / "static"
TEMPLATES = Path(__file__).parent / "templates"

# All assets are files of our own. A page may not run or load anything else, not even a style attribute.
CONTENT_SECURITY_POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"


class Shell(TypedDict):
    """The variables of `layout.html`."""

    lang: Lang
    path: str
    other_lang_href: str
    viewer: Viewer | None
    sign_in_href: str | None
    sign_out_href: str | None


def environment(*extra_template_dirs: Path) -> Environment:
    """Templates of these folders, then the shared ones. Each folder may hold an `en.po` beside its templates."""
    folders = [*extra_template_dirs, TEMPLATES]
    env = Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    text.install(env, folders)
    env.filters.update(formats.FILTERS)
    env.globals["static"] = static
    return env


def choose_lang(query: str | None, cookie: str | None) -> Lang:
    """The language of a page: what the address asks for, else what was chosen before, else Vietnamese."""
    return next((lang for wish in (query, cookie) for lang in LANGS if wish == lang), "vi")


def shell(
    lang: Lang,
    path: str,
    *,
    viewer: Viewer | None = None,
    sign_in_href: str | None = None,
    sign_out_href: str | None = None,
) -> Shell:
    """The layout's variables for the page at `path` (its query included, without `lang`)."""
    other = "en" if lang == "vi" else "vi"
    return Shell(
        lang=lang,
        path=path,
        other_lang_href=f"{path}{'&' if '?' in path else '?'}lang={other}",
        viewer=viewer,
        sign_in_href=sign_in_href,
        sign_out_href=sign_out_href,
    )


def static(name: str) -> str:
    """The address of an asset, with a digest of its content so that it may be cached for ever."""
    if name not in _DIGESTS:
        _DIGESTS[name] = sha256((STATIC / name).read_bytes()).hexdigest()[:10]
    return f"/static/{name}?v={_DIGESTS[name]}"


_DIGESTS: dict[str, str] = {}

__all__ = [
    "CONTENT_SECURITY_POLICY",
    "LANGS",
    "STATIC",
    "Lang",
    "Shell",
    "Viewer",
    "choose_lang",
    "environment",
    "shell",
    "static",
]
