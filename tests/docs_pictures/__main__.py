"""Take the pictures anew: start everything, run the DAGs, open the pages, keep what they show."""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
import tempfile
from pathlib import Path

from tests.browser import open_page
from tests.docs_pictures import shots
from tests.docs_pictures.camera import HEIGHT, WIDTH, Camera
from tests.docs_pictures.scene import Scene, scene_of

from mlops_config.sample_data import obtain_bank_marketing

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures"
CAPTION = "SOURCE.md"


def main(arguments: list[str]) -> int:
    """Take all pictures; the old ones are replaced when the last is taken."""
    parser = argparse.ArgumentParser(prog="python -m tests.docs_pictures", description=__doc__)
    parser.add_argument("--data", type=Path, help="Bank Marketing CSV (default: the public one, else generated rows)")
    parser.add_argument("--into", type=Path, default=PICTURES, help="folder of the pictures (default docs/pictures)")
    options = parser.parse_args(arguments)
    data, source = _data(options.data)
    print(source, flush=True)
    with tempfile.TemporaryDirectory(prefix="azureml-pictures-") as name:
        folder = Path(name)
        (folder / "pictures").mkdir()
        with scene_of(data, folder / "scene") as scene, open_page(WIDTH, HEIGHT) as page:
            camera = Camera(page, folder / "pictures")
            take(scene, camera)
        replace_pictures(folder / "pictures", options.into, source)
    print(f"{len(camera.taken)} pictures in {options.into}")
    return 0


def take(scene: Scene, camera: Camera) -> None:
    """All of them, in the order in which there is something to see."""
    shots.log_in(scene, camera)
    run_id = shots.trigger_form(scene, camera)
    shots.at_work(scene, camera, run_id)
    scene.await_run(shots.TRAIN_DAG, run_id)
    shots.run_details(scene, camera, run_id)
    scene.publish()
    dropped = scene.run_drops()
    shots.decision(scene, camera, dropped)
    shots.of_the_workspace(scene, camera)


def replace_pictures(taken: Path, into: Path, source: str) -> None:
    """Put the new pictures, and a line that says what was trained on, in the place of the old ones."""
    into.mkdir(parents=True, exist_ok=True)
    for old in into.glob("*.png"):
        old.unlink()
    for new in taken.glob("*.png"):
        shutil.copy(new, into)
    (into / CAPTION).write_text(f"Taken by `make docs-pictures` from a real run. {source}\n", encoding="utf-8")


def _data(given: Path | None) -> tuple[Path, str]:
    """The CSV, and a sentence that is true of it."""
    if given is not None:
        content = given.read_bytes()
        rows = len(content.splitlines()) - 1
        return given, f"Data: {given.name}, {rows:,} rows, sha256 {hashlib.sha256(content).hexdigest()}."
    found = obtain_bank_marketing(ROOT / ".local" / "data")
    if found.origin == "generated":
        return found.path, "Data: GENERATED rows of the schema of the Bank Marketing data; no figure means anything."
    return found.path, "Data: the public UCI Bank Marketing file (Moro, Rita, Cortez 2014, CC BY 4.0)."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
