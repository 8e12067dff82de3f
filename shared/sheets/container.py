"""What kind of file it is, and a copy of it that is safe to open: only the parts that are read, counted on the way."""

from __future__ import annotations

import io
import zipfile
from enum import StrEnum

from shared.sheets import refusals

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP = b"PK\x03\x04"
_MAX_PARTS = 2_000
_DTD = (b"<!DOCTYPE", "<!DOCTYPE".encode("utf-16-le"))
"""How a part says that it declares entities, wherever it stands; there is no such thing in a workbook. The second is
found in both orders of bytes, as what follows the word is a space."""
_LARGE = 2_000_000
"""Bytes from which on a part's ratio is looked at: small ones may pack as well as they like."""


class Kind(StrEnum):
    """File formats that are read."""

    XLSX = "xlsx"
    XLS = "xls"
    ODS = "ods"


def must_look_like_one(data: bytes) -> None:
    """Raises a refusal for what is empty, too large, or no workbook by its first bytes; opens nothing."""
    if not data:
        raise refusals.EMPTY
    if len(data) > refusals.MAX_FILE:
        raise refusals.TOO_LARGE
    if not data.startswith((_OLE, _ZIP)):
        raise refusals.NOT_A_WORKBOOK


def open_safely(data: bytes) -> tuple[Kind, bytes]:
    """The kind and the bytes to read. Raises a refusal for what is no workbook, encrypted, or unpacks too large."""
    must_look_like_one(data)
    if data.startswith(_OLE):
        if "EncryptedPackage".encode("utf-16-le") in data:
            raise refusals.ENCRYPTED
        return Kind.XLS, data
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        kind = _kind(set(archive.namelist()))
        return kind, _repacked(archive)


def _kind(names: set[str]) -> Kind:
    if "xl/workbook.xml" in names:
        return Kind.XLSX
    if "content.xml" in names and "mimetype" in names:
        return Kind.ODS
    raise refusals.NOT_A_WORKBOOK


def _repacked(archive: zipfile.ZipFile) -> bytes:
    """The parts that hold data, stored without packing: whoever reads this meets no size that we have not counted.

    The directory of a zip file may lie about sizes; unpacking stops at the size it states, and the checksum then fails.
    """
    parts = [i for i in archive.infolist() if i.filename.endswith((".xml", ".rels")) or i.filename == "mimetype"]
    if any(i.flag_bits & 1 for i in archive.infolist()):
        raise refusals.ENCRYPTED
    if len(archive.infolist()) > _MAX_PARTS or sum(i.file_size for i in parts) > refusals.MAX_UNPACKED:
        raise refusals.BOMB
    if any(i.file_size > _LARGE and i.file_size > refusals.MAX_RATIO * max(i.compress_size, 1) for i in parts):
        raise refusals.BOMB
    safe = io.BytesIO()
    with zipfile.ZipFile(safe, "w", zipfile.ZIP_STORED) as copy:
        for name in dict.fromkeys(i.filename for i in parts):
            content = archive.read(name)
            if any(mark in content for mark in _DTD):
                raise refusals.DAMAGED
            copy.writestr(name, content)
    return safe.getvalue()
