"""Is it text at all, in the encoding the caller named? Everything else refuses to start before this is known."""

from __future__ import annotations

import codecs
import os
from dataclasses import dataclass
from pathlib import Path

from azureml_workspace.errors import InvalidRequest

_CHUNK_BYTES = 1 << 20

_SIGNATURES = (
    (b"\x1f\x8b", "a gzip archive", "unpack it first (gunzip)"),
    (b"PK\x03\x04", "a zip archive or an Excel workbook (.xlsx)", "unpack it, or save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)", "save the sheet as CSV"),
    (b"PAR1", "a parquet file", "write it out as CSV"),
    (b"BZh", "a bzip2 archive", "unpack it first (bunzip2)"),
    (b"\xfd7zXZ", "an xz archive", "unpack it first (unxz)"),
    (b"\x28\xb5\x2f\xfd", "a zstandard archive", "unpack it first (unzstd)"),
    (b"7z\xbc\xaf", "a 7-Zip archive", "unpack it first"),
    (b"%PDF", "a PDF document", "export the table as CSV"),
    (b"SQLite format 3\x00", "a SQLite database", "export the table as CSV"),
)
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark is a prefix of this one
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, kw_only=True)
class TextFile:
    """A file known to be text: its size in bytes, the codec that decodes it, and how many `"` characters it holds."""

    path: Path
    size: int
    encoding: str
    quotes: int


def check_text(path: Path, encoding: str) -> TextFile:
    """Read the whole file once and make sure that it is text.

    :raises InvalidRequest: no such file, a folder, empty, a known binary format, an unknown encoding, bytes that
        are not valid in it (with offset and line), or a NUL character.
    """
    codec = _codec_name(encoding)
    size = _size(path)
    with path.open("rb") as file:
        _refuse_known_formats(path, file.read(512), codec)
    quotes, characters = _decode_all(path, codec)
    if not characters:
        raise InvalidRequest(f"{path.name} holds nothing but white space; give a header line and at least one row.")
    return TextFile(path=path, size=size, encoding=codec, quotes=quotes)


def _codec_name(encoding: str) -> str:
    try:
        codec = codecs.lookup(encoding)
        # A codec such as base64 or rot13 is no text encoding; CPython marks those, and str.encode refuses them.
        "".encode(encoding)
    except (LookupError, ValueError) as error:
        raise InvalidRequest(
            f"encoding is {encoding!r}, which is no text encoding known here; "
            'give for example "utf-8", "cp1252", "latin-1" or "utf-16".'
        ) from error
    # Excel's UTF-8 starts with a byte order mark, and nobody who gives "utf-8" wants it in the first column's name.
    return "utf-8-sig" if codec.name == "utf-8" else codec.name


def _size(path: Path) -> int:
    if path.is_dir():
        raise InvalidRequest(f"{path} is a folder; give the path of one delimited text file.")
    try:
        size = path.stat().st_size
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:  # ValueError: a NUL in the path
        raise InvalidRequest(f"{str(path)!r} does not exist; give the path of a delimited text file.") from error
    if not path.is_file():
        raise InvalidRequest(f"{path} is no regular file; give the path of a delimited text file.")
    if not os.access(path, os.R_OK):
        raise InvalidRequest(f"{path} may not be read by this user; change its permissions or give another file.")
    if size == 0:
        raise InvalidRequest(f"{path.name} is empty (0 bytes); give a header line and at least one row.")
    return size


def _refuse_known_formats(path: Path, head: bytes, codec: str) -> None:
    for signature, what, remedy in _SIGNATURES:
        if head.startswith(signature):
            raise InvalidRequest(f"{path.name} is {what}, not delimited text; {remedy}.")
    if codec in {"utf-8", "utf-8-sig"}:
        for mark, name in _BYTE_ORDER_MARKS:
            if head.startswith(mark):
                raise InvalidRequest(f'{path.name} starts with the byte order mark of {name}; give encoding="{name}".')
    start = head.lstrip(codecs.BOM_UTF8 + b" \t\r\n")
    if start[:9].lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise InvalidRequest(f"{path.name} is a web page or XML, not delimited text; was an error page downloaded?")
    if start.startswith((b'{"', b"[{", b"[[")):
        raise InvalidRequest(f"{path.name} looks like JSON, not delimited text; write it out as CSV.")


def _decode_all(path: Path, codec: str) -> tuple[int, bool]:
    """How many quotation marks the text holds, and whether it holds anything but white space."""
    decoder = codecs.getincrementaldecoder(codec)()
    quotes, lines, offset, characters = 0, 0, 0, False
    with path.open("rb") as file:
        while True:
            chunk = file.read(_CHUNK_BYTES)
            pending = len(decoder.getstate()[0])
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                raise _undecodable(path, codec, error, offset - pending, lines) from error
            except UnicodeError as error:  # "undefined" and its like say no more than this
                raise InvalidRequest(f"{path.name} cannot be read as {codec}: {error}.") from error
            if "\0" in text:
                line = lines + text.count("\n", 0, text.index("\0")) + 1
                raise InvalidRequest(
                    f"{path.name} holds a NUL character in line {line}: it is binary, or text in another encoding "
                    f'(for example encoding="utf-16"); it was read as {_plain(codec)}.'
                )
            quotes += text.count('"')
            lines += text.count("\n")
            characters = characters or not (text == "" or text.isspace())
            if not chunk:
                return quotes, characters
            offset += len(chunk)


def _undecodable(path: Path, codec: str, error: UnicodeDecodeError, base: int, lines: int) -> InvalidRequest:
    # `error.object` is what the decoder had kept from the chunk before, then this chunk; `base` is where that begins.
    bad = error.object[error.start]
    line = lines + error.object[: error.start].count(b"\n") + 1
    remedy = (
        'If it was saved by Excel or another Windows program, give encoding="cp1252", else try encoding="latin-1"'
        if codec.startswith("utf-8")
        else "Give the encoding it was saved with"
    )
    return InvalidRequest(
        f"{path.name} is not {_plain(codec)}: byte 0x{bad:02x} at offset {base + error.start}, line {line}. "
        f"{remedy}, or save it as UTF-8."
    )


def _plain(codec: str) -> str:
    return "utf-8" if codec == "utf-8-sig" else codec
