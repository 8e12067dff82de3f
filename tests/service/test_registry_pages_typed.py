"""Every form of registry's pages keeps what was typed when it is refused, and says why beside the field and on top.

Each field of each form is made wrong once, all others hold something that somebody typed; in both languages. A new form
without a line in the tables fails, and so does a new field of a form that is there.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import NamedTuple

import httpx
import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute

from services.registry import web
from services.registry.web.visit import HOME
from shared.ids import new_id
from tests.service.reforms import OWN, TRA_BUI, V1, V2, found_team, world
from tests.support.forms import Field, Shown, shown
from tests.support.pages import PAGE
from tests.support.servers import Nats, Postgres
from tests.support.sheets import TEAM, filled, upload
from tests.support.stack import Stack
from tests.support.world import MO_DUC, TOWN, a_member, ok, team_of

NOW = datetime(2025, 8, 1, 1, tzinfo=UTC)
AN_PHU, NGHIA_AN, DUC_PHU = "21262-2501", "21262", "21430"
LONG, NO_DAY, LATER, NOWHERE = "ễ" * 201, "30/02/2024", "1/1/2030", "nowhere"
NOT_CHOSEN = ""
"""Of a choice: of buttons a browser then sends none, of a list its empty line."""
WORD = (NOT_CHOSEN, LONG)
DAY = ("", NO_DAY, LATER)
VIETNAMESE = re.compile("[ăâđêôơưà-ỹ]")
_NONE: Mapping[str, str] = MappingProxyType({})


class Form(NamedTuple):
    """A form, and how it is refused."""

    route: str
    at: str
    """Its address; names in braces are those of the ground."""
    typed: Mapping[str, str]
    """What somebody types; further boxes get a text of their own, further choices their last one."""
    bad: Mapping[str, tuple[str, ...]]
    """By field: what is refused there."""
    never: Mapping[str, str] = _NONE
    """By field: why nothing that can be sent there is refused."""
    first: Mapping[str, str] | None = None
    """What is sent from the same address before this form is there."""
    press: Mapping[str, str] = _NONE
    """The button."""


SOAN = f"/so/sap-xep/soan?within={MO_DUC}&level=commune"
UNIT = "plan.successors.{}.unit.{}"
PAPER = {"plan.legal_basis.issued_on": "15-5-24", "plan.effective_on": "1.6.2025"}
PAPER_BAD = {
    "plan.legal_basis.number": WORD, "plan.legal_basis.title": WORD, "plan.legal_basis.issuer": WORD,
    "plan.legal_basis.issued_on": ("", NO_DAY), "plan.effective_on": ("", NO_DAY, "1/1/1990", "0001-01-01"),
}  # fmt: skip
SPLIT = {**{UNIT.format(n, "kind"): "commune" for n in range(4)}, "is.0": "", "is.1": "", "is.2": "", "is.3": "",
         **{UNIT.format(n, "name"): f"Xã {n + 1}" for n in range(4)}}  # fmt: skip
FORMS = (
    Form(
        "/so/to/lap", "/so/to/lap",
        {"level": "village", "unit_id": DUC_PHU, "decision_date": "01-07-23", "formed_on": "3.7.2023"},
        {"level": (NOT_CHOSEN, NOWHERE), "unit_id": (NOT_CHOSEN, NOWHERE), "village": WORD, "name": WORD,
         "decision_number": WORD, "decision_date": ("", NO_DAY, "4/7/2023"), "formed_on": DAY},
    ),
    Form("/so/to/{team_id}/doi-ten", "/so/to/{team}/doi-ten", {"effective_on": "5/1/25"},
         {"name": (*WORD, "Tổ"), "effective_on": (*DAY, "1/1/2020")}),
    Form(
        "/so/to/{team_id}/chuyen", "/so/to/{team}/chuyen",
        {"level": "village", "unit_id": DUC_PHU, "effective_on": "5/1/24"},
        {"level": (NOWHERE,), "unit_id": (NOT_CHOSEN, NOWHERE), "village": WORD, "effective_on": DAY},
    ),
    Form("/so/to/{team_id}/giai-the", "/so/to/{team}/giai-the", {"last_day": "5/1/24"},
         {"last_day": DAY, "reason": (NOT_CHOSEN, NOWHERE)}),
    Form(
        "/so/to/{team_id}/gop", "/so/to/{team}/gop?within={town}",
        {"into_team_id": "{other}", "effective_on": "5/1/24"},
        {"into_team_id": (NOT_CHOSEN, "{team}", NOWHERE), "effective_on": DAY},
    ),
    Form(
        "/so/to/{team_id}/gop", "/so/to/{team}/gop?within={town}",
        {"leader_id": "{leader}", "into_team_id": "{other}", "effective_on": "5/1/24"},
        {"effective_on": DAY, "leader_id": (NOT_CHOSEN, NOWHERE), "other_leader_becomes": (NOWHERE,)},
        {"into_team_id": "as on the form before; with another team there are other leaders to choose from"},
        first={"into_team_id": "{other}", "effective_on": "5/1/24", "other_leader_becomes": "deputy"},
    ),
    Form("/so/to/{team_id}/them", "/so/to/{team}/them", {"phone": "0901 234 567", "joined_on": "5/1/24"},
         {"full_name": WORD, "phone": ("gọi sau",), "role": (NOWHERE, "leader"), "organisation_id": (NOWHERE,),
          "joined_on": (*DAY, "1/1/2020")}),
    Form("/so/to/{team_id}/them-nguoi-cu", "/so/to/{other}/them-nguoi-cu?q=bui+van", {"joined_on": "5/1/24"},
         {"member_id": (NOT_CHOSEN, NOWHERE), "role": (NOWHERE,), "organisation_id": (NOWHERE,), "joined_on": DAY}),
    Form("/so/to/{team_id}/{member_id}/nhiem-vu", "/so/to/{team}/{member}/nhiem-vu",
         {"role": "deputy", "effective_on": "5/1/24"}, {"role": (NOT_CHOSEN, "member", "leader"), "effective_on": DAY}),
    Form("/so/to/{team_id}/{member_id}/chuyen", "/so/to/{team}/{member}/chuyen?within={town}",
         {"to_team_id": "{other}", "role": "deputy", "moved_on": "5/1/24"},
         {"to_team_id": (NOT_CHOSEN, NOWHERE), "role": (NOWHERE, "leader"), "moved_on": DAY}),
    Form("/so/to/{team_id}/{member_id}/roi", "/so/to/{team}/{member}/roi", {"left_on": "5/1/24"},
         {"left_on": (*DAY, "1/1/2020"), "reason": (NOT_CHOSEN, NOWHERE)}),
    Form("/so/nguoi/{member_id}/sua", "/so/nguoi/{member}/sua", {"phone": "0901 234 567"},
         {"full_name": WORD, "phone": ("gọi sau",)}),
    Form("/so/nguoi/{member_id}/sua", "/so/nguoi/{contact}/sua", {"phone": "0901 234 567"},
         {"full_name": WORD, "phone": ("gọi sau",), "title": (LONG,)}),
    Form("/so/nguoi/{member_id}/sua", "/so/nguoi/{withdrawn}/sua", {"phone": "0901 234 567"},
         {"full_name": WORD, "phone": ("gọi sau",), "legal_basis": (NOT_CHOSEN, NOWHERE)}),
    Form("/so/yeu-cau/ghi", "/so/yeu-cau/ghi?q=bui+van", {"on": "1-8-25", "at": "7h05"},
         {"member_id": (NOT_CHOSEN, NOWHERE), "kind": (NOT_CHOSEN, NOWHERE), "on": (NO_DAY, LATER), "at": ("25:00",)}),
    Form("/so/yeu-cau/ghi", "/so/yeu-cau/ghi?member_id={member}", {"on": "1-8-25", "at": "7h05"},
         {"kind": (NOT_CHOSEN, NOWHERE), "on": (NO_DAY, LATER), "at": ("25:00",)}),
    Form("/so/yeu-cau/{request_id}", "/so/yeu-cau/{request}", {}, {"outcome": (NOT_CHOSEN, NOWHERE)}),
    Form("/so/dau-moi/them", "/so/dau-moi/them?unit_id={town}", {"phone": "0901 234 567", "since": "1-7-25"},
         {"full_name": WORD, "title": (LONG,), "phone": ("gọi sau",), "legal_basis": (NOWHERE,),
          "since": DAY}),
    Form("/so/dau-moi/{contact_id}/ket-thuc", "/so/dau-moi/{contact}/ket-thuc", {}, {"last_day": (*DAY, "1/1/2020")}),
    Form("/so/nhap", "/so/nhap", {"kind": "villages"}, {"kind": (NOT_CHOSEN, NOWHERE), "file": ("", "no workbook")}),
    Form("/so/nhap/{import_id}", "/so/nhap/{import}", {}, {},
         {"choice.0": "what is left open leaves its lines; the upload is refused for a line that nothing puts right"},
         press={"mode": "all_or_nothing"}),
    Form(
        "/so/sap-xep/soan", f"{SOAN}&what=change&unit={TOWN}",
        {**PAPER, UNIT.format(0, "name"): "Thị trấn Mộ Đức Mới", UNIT.format(0, "code"): "21400",
         UNIT.format(0, "parent_id"): "535"},
        {**PAPER_BAD, UNIT.format(0, "name"): (*WORD, "Xã Mộ Đức"), UNIT.format(0, "code"): ("mã",),
         UNIT.format(0, "parent_id"): (NOWHERE, "")},
    ),
    Form(
        "/so/sap-xep/soan", f"{SOAN}&what=promote&unit={TOWN}",
        {**PAPER, UNIT.format(0, "name"): "Phường Mộ Đức", UNIT.format(0, "kind"): "ward",
         UNIT.format(0, "code"): "21400", UNIT.format(0, "parent_id"): "535"},
        {**PAPER_BAD, UNIT.format(0, "name"): (LONG, "Xã Mộ Đức"),
         UNIT.format(0, "kind"): (NOT_CHOSEN, NOWHERE, "hamlet"), UNIT.format(0, "code"): ("mã",),
         UNIT.format(0, "parent_id"): (NOWHERE, "")},
    ),
    Form(
        "/so/sap-xep/soan", f"{SOAN}&what=merge&unit={TOWN}&unit={DUC_PHU}",
        {**PAPER, UNIT.format(0, "name"): "Xã Mộ Đức", UNIT.format(0, "kind"): "commune",
         UNIT.format(0, "code"): "21400", UNIT.format(0, "parent_id"): "535"},
        {**PAPER_BAD, UNIT.format(0, "name"): WORD, UNIT.format(0, "kind"): (NOWHERE, "hamlet"),
         UNIT.format(0, "code"): ("mã",), UNIT.format(0, "parent_id"): (NOWHERE, "")},
    ),
    Form(
        "/so/sap-xep/soan", f"{SOAN}&what=split&unit={TOWN}",
        {**PAPER, **SPLIT, **{UNIT.format(n, "code"): f"9999{n}" for n in range(4)},
         UNIT.format(0, "parent_id"): "535"},
        {**PAPER_BAD, UNIT.format(0, "parent_id"): (NOWHERE, ""),
         **{UNIT.format(n, "name"): (LONG,) for n in range(4)},
         **{UNIT.format(n, "kind"): (NOWHERE, "hamlet") for n in range(4)},
         **{UNIT.format(n, "code"): ("mã",) for n in range(4)}, **{f"is.{n}": (NOWHERE,) for n in range(4)},
         "heir": (NOT_CHOSEN, NOWHERE)},
    ),
    Form(
        "/so/sap-xep/soan", f"{SOAN}&what=split&unit={TOWN}", {"choices.villages.v-town": "{town}"},
        {"choices.villages.v-town": (NOT_CHOSEN, NOWHERE), "choices.teams.{team}": (NOT_CHOSEN, NOWHERE),
         "choices.teams.{other}": (NOT_CHOSEN,)},
        first={**PAPER, **{f"plan.legal_basis.{name}": "9/NQ-HĐND" for name in ("number", "title", "issuer")},
               "is.0": "{town}", UNIT.format(0, "name"): "Thị trấn Mộ Đức", UNIT.format(1, "name"): "Xã Tây",
               UNIT.format(1, "kind"): "commune", UNIT.format(0, "parent_id"): MO_DUC},
        press={"step": "choose"},
    ),
    Form(
        "/so/sap-xep/thu/{edition}", "/so/sap-xep/thu/2025-07", {},
        dict.fromkeys(
            (f"choices.villages.{V1}", f"choices.villages.{V2}", f"choices.teams.{OWN}"), (NOT_CHOSEN, NOWHERE)
        ),
        press={"step": "choose"},
    ),
    Form(
        "/so/sap-xep/{reform_id}/rut-lai", "/so/sap-xep/2025-01/rut-lai", {f"rest.{AN_PHU}": ""},
        {f"choices.teams.t-n{n}": (NOT_CHOSEN, NOWHERE) for n in range(5)},
        {f"rest.{AN_PHU}": "an answer for the rest that is none leaves the rest open, and that is said beside each"},
        press={"step": "choose"},
    ),
)  # fmt: skip
NOTHING_TYPED = {
    "/so/nguoi/{member_id}/rut": ("/so/nguoi/{member}/rut", "asks whether to withdraw; there is nothing to fill in"),
    "/so/nguoi/{member_id}/xoa": ("/so/nguoi/{member}/xoa", "asks whether to erase; there is nothing to fill in"),
    "/so/nhap/{import_id}/bo": ("/so/nhap/{import}/bo", "asks whether to discard; there is nothing to fill in"),
}
AT_LAST = [f._replace(press={"step": "execute"}) for f in FORMS if f.route.endswith(("/gop", "/soan", "/rut-lai"))]
"""Those that ask once more before anything is done, refused at that last step."""
NAMES = [f"{n} {f.route}" for n, f in enumerate([*FORMS, *AT_LAST])]


@pytest.fixture(scope="module")
async def here(postgres: Postgres, guarded_nats: Nats) -> AsyncIterator[tuple[httpx.AsyncClient, dict[str, str]]]:
    """An officer of the province, and by name what stands on the ground: the map of January, with something of each."""
    async with world(postgres, guarded_nats, NGHIA_AN, TRA_BUI, V1) as made:
        await made.execute(edition="2025-01")
        for n in range(5):
            await found_team(made.officer, AN_PHU, f"n{n}", name=f"Tổ {n}", formed_on="2025-02-01")
        yield made.officer, await _ground(made.running, made.officer)


async def _ground(running: Stack, officer: httpx.AsyncClient) -> dict[str, str]:
    village = {"village_id": "v-town", "name": "Thôn Chợ", "parent_id": TOWN, "valid_from": "2023-07-01"}
    await ok(officer.post("/registry/villages", json=village), 201)
    office = {"organisation_id": new_id(), "name": "Bưu điện", "sector": "enterprise"}
    await ok(officer.post("/registry/organisations", json=office), 201)
    team, [leader], _ = await team_of(officer, TOWN)
    other, _, _ = await team_of(officer, TOWN)
    found = {"team": team, "other": other, "leader": leader, "town": TOWN, "withdrawn": new_id(), "contact": new_id()}
    for n, name in enumerate(("Bùi Văn Một", "Bùi Văn Hai", "Bùi Văn Ba")):
        said = a_member(full_name=name, **({"member_id": found["withdrawn"]} if n == 2 else {}))
        await ok(officer.post(f"/registry/teams/{team}/members", json=said), 201)
        found.setdefault("member", said["member_id"])
    await ok(officer.post(f"/registry/members/{found['withdrawn']}/withdraw"))
    contact = {"contact_id": found["contact"], "unit_id": TOWN, "full_name": "Ngô Thị Mối", "title": "Văn phòng",
               "legal_basis": "public_task", "since": "2023-07-03"}  # fmt: skip
    await ok(officer.post("/registry/contacts", json=contact), 201)
    asked = {"request_id": new_id(), "member_id": found["member"], "kind": "access"}
    await ok(officer.post("/registry/subject-requests", json=asked), 201)
    lines = [{**TEAM, "unit": "Phường Nguyễn Nghiêm"}, {**TEAM, "formed_on": "31/02/2023", "unit": "Thị trấn Mộ Đức"}]
    taken = await upload(officer, filled(lines))
    return {**found, "request": asked["request_id"], "import": taken["import_id"]}


def placed(text: str, ground: Mapping[str, str]) -> str:
    """A text of the tables, with the names of the ground in it."""
    return re.sub(r"\{(\w+)\}", lambda found: ground[found[1]], text)


def all_placed(values: Mapping[str, str], ground: Mapping[str, str]) -> dict[str, str]:
    return {placed(name, ground): placed(value, ground) for name, value in values.items()}


def test_every_form_of_the_pages_is_in_the_tables() -> None:
    """A form that is new has to be added here."""
    sent = set()
    for module in pkgutil.iter_modules(web.__path__):
        found = getattr(importlib.import_module(f"{web.__name__}.{module.name}"), "routes", None)
        for route in found.routes if isinstance(found, APIRouter) else ():
            if isinstance(route, APIRoute) and "POST" in (route.methods or ()):
                sent.add(HOME + route.path)
    assert sent == {f.route for f in FORMS} | NOTHING_TYPED.keys()


async def opened(client: httpx.AsyncClient, form: Form, ground: Mapping[str, str]) -> tuple[str, Shown]:
    """The form as it comes, and its address."""
    address = placed(form.at, ground)
    answer = await client.get(address, params=None)
    assert answer.status_code == 200, answer.text
    if form.first is not None:
        there = {name: field.value for name, field in shown(answer.text).fields.items()}
        answer = await client.post(address, data={**there, **all_placed(form.first, ground)})
        assert answer.status_code == 200, answer.text
    return address, shown(answer.text)


def typed_into(name: str, field: Field, typed: Mapping[str, str]) -> str:
    """What somebody who fills in the form leaves in a field."""
    if name in typed:
        assert not field.options or typed[name] in field.options, (name, field.options)
        return typed[name]
    if field.kind == "text":
        return f"Gõ «{name[-12:]}» & <b>\"'"[: field.may_hold or None]
    return field.options[-1] if field.options else field.value


def refusals(form: Form, ground: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Each field with each bad value; where nothing can be refused in any field, the form as it is."""
    for name, values in form.bad.items():
        yield from ((placed(name, ground), placed(value, ground)) for value in values)
    if not form.bad:
        yield "", ""


async def answered(
    client: httpx.AsyncClient, address: str, lang: str, page: Shown, sent: Mapping[str, str]
) -> httpx.Response:
    """The form as a browser sends it: no line for a choice that was not made."""
    data = {n: v for n, v in sent.items() if v or page.fields.get(n, Field("text", "", (), "", 0)).kind != "radio"}
    where = f"{address}{'&' if '?' in address else '?'}lang={lang}"
    if any(f.kind == "file" for f in page.fields.values()):
        content = data.pop("file").encode()
        return await client.post(where, data=data, files={"file": ("a.xlsx", content)} if content else {})
    return await client.post(where, data=data)


def lost(sent: Mapping[str, str], again: Shown, wrong: str) -> list[str]:
    """What was typed and does not stand there again; of the refused field, what no box can hold does not count."""
    found = []
    for name, value in sent.items():
        field = again.fields.get(name)
        if (
            name in again.buttons
            or name == "step"
            or (field and (field.kind == "file" or (name == wrong and field.options)))
        ):
            continue  # no page may fill in a file, and no list holds a choice that it does not offer
        if field is None or field.value != value:
            found.append(f"{name}: {value!r} became {field and field.value!r}")
    return found


def unsaid(answer: httpx.Response, wrong: str) -> tuple[str, list[str]]:
    """What is said of a field, and where it is not said that should say it."""
    again = shown(answer.text)
    if not wrong:
        return again.alert, [] if again.alert else ["nothing is said on top"]
    said = again.fields[wrong].wrong if wrong in again.fields else ""
    bare = said.removeprefix("Cần sửa: ").removeprefix("To correct: ")
    found = [] if said else [f"nothing beside it; on top: {again.alert}"]
    return bare, [*found, *([] if bare in again.on_top.get(wrong, "") else [f"not on top: {again.alert}"])]


async def faults(
    client: httpx.AsyncClient, address: str, page: Shown, sent: Mapping[str, str], wrong: str
) -> list[str]:
    """What is not as it should be once the server has refused a field."""
    said, found = {}, []
    for lang in ("vi", "en"):
        answer = await answered(client, address, lang, page, sent)
        if answer.status_code not in {400, 403, 404, 409, 422} or answer.headers["content-type"] != PAGE:
            return [f"not refused: {answer.status_code}"]
        said[lang], missing = unsaid(answer, wrong)
        found += [*missing, *lost(sent, shown(answer.text), wrong)]
    if not VIETNAMESE.search(said["vi"]) or VIETNAMESE.search(re.sub("«[^»]*»", "", said["en"])):
        found.append(f"not in two languages: {said}")
    return found


@pytest.mark.parametrize("form", [*FORMS, *AT_LAST], ids=NAMES)
async def test_a_refused_form_holds_what_was_typed_and_says_why_beside_the_field(
    here: tuple[httpx.AsyncClient, dict[str, str]], form: Form
) -> None:
    client, ground = here
    address, page = await opened(client, form, ground)
    visible = {name for name, field in page.fields.items() if field.kind != "hidden"}
    assert visible == {placed(name, ground) for name in (*form.bad, *form.never)}, "every field is in the table"
    typed = all_placed(form.typed, ground)
    filled_in = {name: typed_into(name, field, typed) for name, field in page.fields.items()} | dict(form.press)
    found = {}
    for wrong, value in refusals(form, ground):
        sent = {**filled_in, **({wrong: value} if wrong else {})}
        found[wrong, value[:20]] = await faults(client, address, page, sent, wrong)
    assert {about: some for about, some in found.items() if some} == {}


@pytest.mark.parametrize("route", NOTHING_TYPED)
async def test_a_form_that_only_asks_has_nothing_to_fill_in(
    here: tuple[httpx.AsyncClient, dict[str, str]], route: str
) -> None:
    client, ground = here
    answer = await client.get(placed(NOTHING_TYPED[route][0], ground))
    assert (answer.status_code, shown(answer.text).fields) == (200, {})
