"""The files of a run that others may read."""

from __future__ import annotations

from pathlib import Path

from azureml_local.files import TEMPORARY_PREFIX

PUBLIC_FOLDERS = ("outputs", "logs")


def list_public_files(folder: Path) -> list[str]:
    """Paths relative to the run's folder, sorted."""
    found = [file for name in PUBLIC_FOLDERS for file in (folder / name).rglob("*") if file.is_file()]
    files = [file.relative_to(folder) for file in found]
    return sorted(file.as_posix() for file in files if not _is_half_written(file))


def find_public_file(folder: Path, path: str) -> Path | None:
    """The file, None when there is none of that name or it is nobody's business."""
    folder = folder.resolve()
    try:
        file = (folder / path).resolve()
        inside = any(file.is_relative_to(folder / name) for name in PUBLIC_FOLDERS)
        return file if inside and file.is_file() and not _is_half_written(file.relative_to(folder)) else None
    except (ValueError, OSError):  # no file can have this name: a zero byte, or longer than names may be
        return None


def _is_half_written(file: Path) -> bool:
    return any(part.startswith(TEMPORARY_PREFIX) for part in file.parts)
