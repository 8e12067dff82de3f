"""A form of a page as somebody sees it who fills it in: its fields, what stands in them, what is said beside each."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import NamedTuple
from xml.etree.ElementTree import Element, SubElement

_VOID = {"meta", "link", "input", "br", "img", "hr", "use", "path", "source", "wbr"}


class Field(NamedTuple):
    """One field of a form, all the boxes of its name together."""

    kind: str
    """`hidden`, `text`, `file`, `radio` or `select`."""
    value: str
    options: tuple[str, ...]
    wrong: str
    """What is said beside it, within the same group of label and box, and named by its `aria-describedby`."""
    may_hold: int
    """Characters that its box takes; 0 where nothing limits it."""


class Shown(NamedTuple):
    """The form that a page sends, and the list of what is wrong on top of the page."""

    fields: dict[str, Field]
    buttons: dict[str, tuple[str, ...]]
    """Named buttons, with their values."""
    on_top: dict[str, str]
    """What the list says, by the field that each line leads to."""
    alert: str
    """The whole of what is said on top."""


class _Tree(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("root")
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        made = SubElement(self.open[-1], tag, {name: value or "" for name, value in attrs})
        if tag not in _VOID:
            self.open.append(made)

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID:
            return
        while self.open.pop().tag != tag:
            assert len(self.open) > 1, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        here = self.open[-1]
        if len(here):
            here[-1].tail = (here[-1].tail or "") + data
        else:
            here.text = (here.text or "") + data


def shown(html: str) -> Shown:
    """The one form of a page that sends something. Fails where there is another number of them."""
    tree = _Tree()
    tree.feed(html)
    main = next(tree.root.iter("main"))
    forms = [f for f in main.iter("form") if f.get("method") == "post"]
    assert len(forms) == 1, f"{len(forms)} forms"
    boxes: dict[str, list[Element]] = {}
    buttons: dict[str, tuple[str, ...]] = {}
    for box in forms[0].iter():
        if box.tag in {"input", "select", "textarea"}:
            boxes.setdefault(box.get("name", ""), []).append(box)
        elif box.tag == "button" and box.get("name"):
            buttons[box.get("name", "")] = (*buttons.get(box.get("name", ""), ()), box.get("value", ""))
    groups = list(_groups(forms[0]))
    alert = next((e for e in main.iter() if e.get("role") == "alert"), None)
    links = {a.get("href", "").removeprefix("#"): _words(a) for a in (alert.iter("a") if alert is not None else ())}
    ids = [e.get("id") for e in main.iter() if e.get("id")]
    astray = [name for name in links if name not in ids]
    assert astray == [], f"a line on top leads to no field: {links}"
    return Shown(
        {name: _field(name, some, groups) for name, some in boxes.items()},
        buttons,
        links,
        _words(alert) if alert is not None else "",
    )


def _groups(form: Element) -> Iterator[Element]:
    return (e for e in form.iter() if "field" in e.get("class", "").split())


def _field(name: str, boxes: list[Element], groups: list[Element]) -> Field:
    first, group = boxes[0], next((g for g in groups if boxes[0] in list(g.iter())), None)
    said = next((e for e in group.iter() if e.get("id") == f"{name}-wrong"), None) if group is not None else None
    if said is not None:
        assert group is not None
        marked = group if group.tag == "fieldset" else first
        assert marked.get("aria-invalid") == "true", name
        assert f"{name}-wrong" in marked.get("aria-describedby", "").split(), name
    wrong, most = _words(said) if said is not None else "", int(first.get("maxlength", 0))
    if first.tag == "select":
        options = [*first.iter("option")]
        chosen = [o for o in options if "selected" in o.attrib] or options[:1]
        values = tuple(o.get("value", "") for o in options)
        return Field("select", chosen[0].get("value", "") if chosen else "", values, wrong, most)
    if first.get("type") == "radio":
        on = next((b.get("value", "") for b in boxes if "checked" in b.attrib), "")
        return Field("radio", on, tuple(b.get("value", "") for b in boxes), wrong, most)
    assert len(boxes) == 1, f"{len(boxes)} boxes named {name}"
    kind = first.get("type", "text")
    return Field(kind if kind in {"hidden", "file"} else "text", first.get("value", ""), (), wrong, most)


def _words(element: Element) -> str:
    return " ".join("".join(element.itertext()).split())
