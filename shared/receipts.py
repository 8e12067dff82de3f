"""What a command with a key was answered, and to whom: the same again is answered the same, to whoever may do it."""

from __future__ import annotations

import hashlib
import json
from typing import Any, NamedTuple

from shared import errors
from shared.auth import Caller
from shared.db import Conn


class Key(NamedTuple):
    """What makes a command happen once: its own id or the Idempotency-Key, with what was sent by whom."""

    command: str
    id: str
    field: str
    """Where the id came from; a refusal names it."""
    digest: str
    """Of the body."""
    sender: str
    """Digest of who sent it."""
    rights: str
    """Digest of what the sender may do."""


class Receipt(NamedTuple):
    """What the command was answered when it happened."""

    digest: str
    answer: dict[str, Any]
    stage_id: int | None
    """Of its last event."""
    sender: str
    rights: str


def key_of(command: str, id_: str, caller: Caller, *, body: object, field: str) -> Key:
    """The key of a command as this caller sends it."""
    subject, roles, units, *own = caller
    may = (",".join(sorted(roles)), sorted(units), own)
    return Key(command, id_, field, _digest(body), _sha(repr((command, id_, subject))), _sha(repr((command, id_, may))))


def is_sender(key: Key, receipt: Receipt) -> bool:
    """Whether this is who sent it first; of a receipt from before that was kept, anybody may be."""
    return receipt.sender in (key.sender, "")


def has_same_rights(key: Key, receipt: Receipt) -> bool:
    """Whether it comes with the rights with which it was taken, so that nothing needs to be looked at anew."""
    return receipt.rights == key.rights


def answer_to(key: Key, receipt: Receipt) -> tuple[dict[str, Any], int | None]:
    """The first answer, and the id of its last event. Raises 409 where another body was sent."""
    if receipt.digest != key.digest:
        raise _other_content(key.field)
    return receipt.answer, receipt.stage_id


def _other_content(field: str) -> errors.Problem:
    return errors.conflict(
        "same_id_other_content",
        field,
        "Mã này đã được dùng cho nội dung khác. Hãy dùng mã mới, hoặc gửi lại đúng nội dung cũ.",
        "This id was already used with another content. Use a new id, or send the first content again.",
    )


async def claim(conn: Conn, key: Key) -> Receipt | None:
    """None when the key is ours now; else its receipt. Waits for a twin that is under way."""
    mine = await conn.fetchval(
        "insert into receipt (command, id, digest, sender, rights) values ($1, $2, $3, $4, $5)"
        " on conflict do nothing returning 1",
        key.command,
        key.id,
        key.digest,
        key.sender,
        key.rights,
    )
    return None if mine else await _earlier(conn, key)


async def _earlier(conn: Conn, key: Key) -> Receipt:
    row = await conn.fetchrow(
        "select digest, answer, stage_id, sender, rights from receipt where command = $1 and id = $2",
        key.command,
        key.id,
    )
    if row is None:  # receipts are never deleted; somebody tidied up by hand in this moment
        raise _other_content(key.field)
    return Receipt(row["digest"], json.loads(row["answer"]), row["stage_id"], row["sender"], row["rights"])


async def settle(conn: Conn, key: Key, answer: dict[str, Any], stage_id: int | None) -> None:
    """Keeps what the command was answered."""
    await conn.execute(
        "update receipt set answer = $3, stage_id = $4 where command = $1 and id = $2",
        key.command,
        key.id,
        json.dumps(answer, default=str),
        stage_id,
    )


def _digest(body: object) -> str:
    text = body.model_dump_json() if hasattr(body, "model_dump_json") else json.dumps(body, sort_keys=True, default=str)
    return _sha(text)


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
