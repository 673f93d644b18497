"""Answers with a file that its process may go on writing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from fastapi.responses import StreamingResponse

_CHUNK_BYTES = 256 * 1024


def file_as_it_is_now(path: Path, media_type: str) -> StreamingResponse:
    """The bytes that `path` holds now, however large it is and however it grows while they are sent.

    Starlette's `FileResponse` announces the size and then sends up to the end, which a growing file has moved.

    :raises FileNotFoundError:
    """
    stream = path.open("rb")
    size = os.fstat(stream.fileno()).st_size

    def chunks() -> Iterator[bytes]:
        left = size
        with stream:
            while left and (chunk := stream.read(min(left, _CHUNK_BYTES))):
                left -= len(chunk)
                yield chunk

    return StreamingResponse(chunks(), media_type=media_type, headers={"Content-Length": str(size)})
