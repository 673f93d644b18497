"""Pictures of parts of pages, small enough for a repository."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

WIDTH, HEIGHT = 1280, 800
MOST_BYTES = 200_000
_MARGIN = 12


class Camera:
    """Takes pictures of `page` into `folder`."""

    def __init__(self, page: Page, folder: Path) -> None:
        self.page, self.folder = page, folder
        self.taken: list[str] = []

    def window(self, name: str, *, height: int = HEIGHT) -> None:
        """What the window shows, from its top."""
        self._keep(name, self.page.screenshot(clip={"x": 0, "y": 0, "width": WIDTH, "height": height}))

    def parts(self, name: str, *parts: str, most: int = 1100) -> None:
        """From the top of the first to the bottom of the last part of a page, `most` pixels at most."""
        boxes = [self.page.locator(f"[data-part={part}]").first.bounding_box() for part in parts]
        found = [box for box in boxes if box is not None]
        assert len(found) == len(parts), f"{name}: {self.page.url} does not show all of {', '.join(parts)}"
        top = max(0.0, min(box["y"] for box in found) - _MARGIN)
        bottom = max(box["y"] + box["height"] for box in found) + _MARGIN
        clip = {"x": 0.0, "y": top, "width": float(WIDTH), "height": min(bottom - top, most)}
        self._keep(name, self.page.screenshot(full_page=True, clip=clip))  # type: ignore[arg-type]

    def _keep(self, name: str, picture: bytes) -> None:
        assert len(picture) <= MOST_BYTES, f"{name}.png has {len(picture):,} bytes; show less of the page"
        (self.folder / f"{name}.png").write_bytes(picture)
        self.taken.append(f"{name}.png")
