"""The worked example's data, whatever the network does: cached, downloaded, or generated and called so."""

from __future__ import annotations

import csv
import io
import queue
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mlops_config.bank_marketing import BANK_MARKETING, BankMarketing

DOWNLOADED_FILE = "bankmarketing_train.csv"
GENERATED_FILE = "bankmarketing_GENERATED.csv"

_LARGEST_DOWNLOAD = 64 << 20
_CHUNK_BYTES = 64 << 10


@dataclass(frozen=True, kw_only=True)
class ObtainedData:
    """A CSV file, where it comes from, and a sentence or two for the person who waits for it."""

    path: Path
    origin: Literal["cached", "downloaded", "generated"]
    message: str


class DownloadFailed(Exception):
    """The public file could not be had; the message says why."""


def obtain_bank_marketing(
    cache_dir: Path, *, timeout_seconds: float = 10.0, example: BankMarketing = BANK_MARKETING
) -> ObtainedData:
    """The Bank Marketing data as a file in `cache_dir` (made when missing).

    A file downloaded before is used again. Otherwise the public file is downloaded, in at most `timeout_seconds` from
    name resolution to last byte, checked, and kept. When that fails, rows of the same schema are generated (once), and
    `message` says so plainly; the next call tries the download again. Never raises for lack of a network.

    :raises OSError: `cache_dir` cannot be written.
    """
    cache_dir.mkdir(parents=True, exist_ok=True)
    downloaded, generated = cache_dir / DOWNLOADED_FILE, cache_dir / GENERATED_FILE
    if downloaded.is_file():
        return ObtainedData(
            path=downloaded, origin="cached", message=f"Bank Marketing data, downloaded before: {downloaded}"
        )
    try:
        content = _download(example.url, timeout_seconds)
        _check(content, example)
    except DownloadFailed as failure:
        if not generated.is_file():
            from mlops_config.bank_marketing_generator import generate_bank_marketing  # NumPy, only when it is needed

            _write_in_one_step(generated, lambda path: generate_bank_marketing(path, rows=example.rows))
        return ObtainedData(path=generated, origin="generated", message=_warning(generated, failure))
    _write_in_one_step(downloaded, lambda path: path.write_bytes(content))
    return ObtainedData(
        path=downloaded,
        origin="downloaded",
        message=f"Bank Marketing data, {example.rows:,} rows, downloaded from {example.url}",
    )


def _warning(path: Path, failure: DownloadFailed) -> str:
    return (
        f"GENERATED DATA, NOT THE REAL DATA SET. The public Bank Marketing file could not be downloaded ({failure}), "
        f"so rows of the same schema were generated: {path}. Every figure of this run (AUC, accuracy, ...) describes "
        "invented clients and means NOTHING about real ones. With a network, the next run downloads the real data; "
        "or give your own file with DATA=path.csv."
    )


def _download(url: str, timeout_seconds: float) -> bytes:
    """The bytes at `url`. :raises DownloadFailed: after `timeout_seconds` at the latest.

    In a thread that is left behind when time is up: neither name resolution nor a server that sends a byte a second
    heeds the timeouts of an HTTP library, which count from one byte to the next.
    """
    answers: queue.SimpleQueue[bytes | DownloadFailed] = queue.SimpleQueue()
    given_up = threading.Event()
    threading.Thread(
        target=lambda: answers.put(_fetch(url, timeout_seconds, given_up)), name="download", daemon=True
    ).start()
    try:
        answer = answers.get(timeout=timeout_seconds)
    except queue.Empty:
        given_up.set()
        raise DownloadFailed(f"not complete after {timeout_seconds:g} s") from None
    if isinstance(answer, DownloadFailed):
        raise answer
    return answer


def _fetch(url: str, timeout_seconds: float, given_up: threading.Event) -> bytes | DownloadFailed:
    import requests  # a quarter of a second, and only this thread needs it

    content = bytearray()
    try:
        with requests.get(url, timeout=timeout_seconds, stream=True) as response:
            if response.status_code != requests.codes.ok:
                return DownloadFailed(f"the server answered {response.status_code} {response.reason}")
            for chunk in response.iter_content(_CHUNK_BYTES):
                content += chunk
                if given_up.is_set():
                    return DownloadFailed("given up")
                if len(content) > _LARGEST_DOWNLOAD:
                    return DownloadFailed(f"the answer is larger than {_LARGEST_DOWNLOAD >> 20} MB")
    except requests.ConnectionError:
        return DownloadFailed("no connection")
    except requests.RequestException as error:
        return DownloadFailed(f"{type(error).__name__}: {error}")
    return bytes(content)


def _check(content: bytes, example: BankMarketing) -> None:
    """:raises DownloadFailed: this is not the public file."""
    try:
        rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DownloadFailed(f"what came is no CSV: {error}") from error
    rows = [row for row in rows if row]
    if not rows or tuple(rows[0]) != example.columns:
        start = ",".join(rows[0])[:60] if rows else ""
        raise DownloadFailed(f"what came is not the Bank Marketing file: it starts {start!r}")
    bad = next((number for number, row in enumerate(rows, 1) if len(row) != len(example.columns)), None)
    if bad is not None or len(rows) - 1 != example.rows:
        raise DownloadFailed(
            f"what came is cut off or changed: {len(rows) - 1:,} rows of {example.rows:,}"
            + (f", row {bad} with {len(rows[bad - 1])} fields of {len(example.columns)}" if bad else "")
        )
    label = example.columns.index(example.label)
    classes = {row[label] for row in rows[1:]}
    if classes != set(example.classes):
        raise DownloadFailed(f"what came has other labels: {', '.join(sorted(classes)[:5])}")


def _write_in_one_step(path: Path, write: Callable[[Path], object]) -> None:
    temporary = path.parent / f".tmp-{uuid.uuid4().hex}"
    try:
        write(temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
