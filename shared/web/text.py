"""Two languages: Vietnamese stands in the templates, English in the `en.po` beside them."""

from collections.abc import Callable, Iterable
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from jinja2 import Environment, pass_context
from jinja2.runtime import Context


def install(env: Environment, folders: Iterable[Path]) -> None:
    """Let `{% trans %}` and `_()` answer in the language that the template's variable `lang` names."""
    catalogues: dict[str, NullTranslations] = {"vi": NullTranslations(), "en": english(folders)}

    @pass_context
    def gettext(context: Context, message: str) -> str:
        return catalogues[context["lang"]].gettext(message)

    @pass_context
    def ngettext(context: Context, one: str, many: str, count: int) -> str:
        return catalogues[context["lang"]].ngettext(one, many, count)

    env.policies["ext.i18n.trimmed"] = True
    install_callables: Callable[..., None] = env.install_gettext_callables  # type: ignore[attr-defined]
    install_callables(gettext, ngettext, newstyle=True)


def english(folders: Iterable[Path]) -> NullTranslations:
    """All `en.po` files of the folders as one catalogue, compiled in memory: no build step, nothing to forget."""
    merged = NullTranslations()
    for po in (folder / "en.po" for folder in folders):
        if po.exists():
            merged.add_fallback(_compiled(po))
    return merged


def _compiled(po: Path) -> GNUTranslations:
    compiled = BytesIO()
    with po.open("rb") as file:
        write_mo(compiled, read_po(file, locale="en"))
    compiled.seek(0)
    return GNUTranslations(compiled)
