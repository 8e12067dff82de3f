"""The two formats that no library of ours writes: .ods by its XML, .xls by its records (BIFF8 in a compound file)."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Sequence

_ODS = "urn:oasis:names:tc:opendocument:xmlns"
_FREE, _END, _FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD


def ods(table: str) -> bytes:
    """A workbook of one sheet with these rows, as they stand in `content.xml`."""
    names = " ".join(f'xmlns:{n}="{_ODS}:{n}:1.0"' for n in ("office", "table", "text"))
    calc = 'xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"'
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {names} {calc}><office:body>'
        f'<office:spreadsheet><table:table table:name="Bảng">{table}</table:table></office:spreadsheet>'
        "</office:body></office:document-content>"
    )
    manifest = f'<?xml version="1.0"?><manifest:manifest xmlns:manifest="{_ODS}:manifest:1.0"/>'
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", manifest)
        archive.writestr("content.xml", content)
    return buffer.getvalue()


def ods_rows(rows: Sequence[Sequence[str]]) -> bytes:
    """A workbook of texts."""
    cell = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    lines = ("".join(cell.format(value) for value in row) for row in rows)
    return ods("".join(f"<table:table-row>{line}</table:table-row>" for line in lines))


def xls(rows: Sequence[Sequence[str | float | None]], merged: Sequence[tuple[int, int, int, int]] = ()) -> bytes:
    """A workbook of one sheet; `merged`: first and last row, first and last column."""
    cells = b"".join(_cell(r, c, v) for r, row in enumerate(rows) for c, v in enumerate(row) if v is not None)
    if merged:
        cells += _record(0x00E5, struct.pack("<H", len(merged)) + b"".join(struct.pack("<HHHH", *m) for m in merged))
    sheet = _begin(0x10) + cells + _record(0x0A)
    stream = _globals(len(_globals(0))) + sheet
    stream = stream.ljust(4096, b"\0")
    return _compound(stream + b"\0" * (-len(stream) % 512))


def _record(kind: int, body: bytes = b"") -> bytes:
    return struct.pack("<HH", kind, len(body)) + body


def _begin(kind: int) -> bytes:
    return _record(0x0809, struct.pack("<HHHHII", 0x0600, kind, 0, 0, 0, 0x600))


def _globals(sheet_at: int) -> bytes:
    name = "Bảng"
    named = struct.pack("<IHBB", sheet_at, 0, len(name), 1) + name.encode("utf-16-le")
    return _begin(0x05) + _record(0x0042, struct.pack("<H", 1200)) + _record(0x0085, named) + _record(0x0A)


def _cell(row: int, column: int, value: str | float) -> bytes:
    at = struct.pack("<HHH", row, column, 0)
    if isinstance(value, str):
        return _record(0x0204, at + struct.pack("<HB", len(value), 1) + value.encode("utf-16-le"))
    return _record(0x0203, at + struct.pack("<d", value))


def _compound(stream: bytes) -> bytes:
    """A compound file that holds the stream as its workbook: header, allocation table, directory, stream."""
    sectors = len(stream) // 512
    tables = 1
    while 128 * tables < sectors + 1 + tables:
        tables += 1
    following = [tables + 2 + n for n in range(sectors - 1)]
    allocation = [*[_FAT] * tables, _END, *following, _END]
    allocation += [_FREE] * (128 * tables - len(allocation))
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 16 + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + b"\0" * 6
    header += struct.pack("<IIIIIIIII", 0, tables, tables, 0, 4096, _END, 0, _END, 0)
    header += struct.pack("<109I", *range(tables), *[_FREE] * (109 - tables))
    directory = _entry("Root Entry", 5, _END, 0, child=1) + _entry("Workbook", 2, tables + 1, len(stream))
    return header + struct.pack(f"<{128 * tables}I", *allocation) + directory.ljust(512, b"\0") + stream


def _entry(name: str, kind: int, start: int, size: int, *, child: int = _FREE) -> bytes:
    named = name.encode("utf-16-le") + b"\0\0"
    links = struct.pack("<HBBIII", len(named), kind, 1, _FREE, _FREE, child)
    return named.ljust(64, b"\0") + links + b"\0" * 36 + struct.pack("<IQ", start, size)
