"""Somebody's own entry script in a service's process."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from azureml_local.scoring.script import ScriptModel
from azureml_local.services.scripts import ScriptSource, install_script, source_of
from azureml_workspace.errors import InvalidRequest

pytestmark = pytest.mark.unit

Load = Callable[..., ScriptModel]


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """A script changes its process, which is a test's here."""
    path, variables, modules = list(sys.path), dict(os.environ), set(sys.modules)
    yield
    sys.path[:] = path
    os.environ.clear()
    os.environ.update(variables)
    for name in set(sys.modules) - modules:
        del sys.modules[name]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Installs a script with the files beside it, and loads it."""

    def loaded(script: str, **beside: str) -> ScriptModel:
        given = tmp_path / f"given-{len(list(tmp_path.iterdir()))}"
        given.mkdir()
        (given / "score.py").write_text(script)
        for name, text in beside.items():
            (given / f"{name}.py").write_text(text)
        source = ScriptSource(folder=given, entry="score.py", variables={"COLOUR": "red"})
        return ScriptModel(tmp_path / "model", "bank", 1, install_script(tmp_path / "service", source))

    return loaded


def test_init_comes_first_and_finds_what_azure_gives(load: Load, tmp_path: Path) -> None:
    script = load(
        "import os\n"
        "def init():\n    global seen\n    seen = [os.environ['AZUREML_MODEL_DIR'], os.environ['COLOUR']]\n"
        "def run(data):\n    return seen + [data]\n"
    )
    assert json.loads(script.answer(b"body")) == [str(tmp_path / "model"), "red", "body"]


def test_text_becomes_a_json_string(load: Load) -> None:
    script = load("def init(): pass\ndef run(data): return '{\"result\": [1]}'\n")
    assert script.answer(bytearray(b"{}")) == b'"{\\"result\\": [1]}"'


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("def init(): pass", "no function run()"),
        ("def run(data): pass", "no function init()"),
        ("def init(): pass\ndef run(data, more): pass", "takes 2 arguments"),
        ("def init(: pass", "SyntaxError"),
        ("import no_such_module", "No module named 'no_such_module'"),
        ("def init(): open('no such file')\ndef run(data): pass", "init() failed: FileNotFoundError"),
        ("import sys\nsys.exit(3)", "SystemExit: 3"),
    ],
)
def test_what_cannot_serve_says_why(load: Load, script: str, words: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        load(script)
    assert words in str(refused.value)


def test_a_body_that_is_no_text_is_refused(load: Load) -> None:
    with pytest.raises(InvalidRequest, match="byte 0"):
        load("def init(): pass\ndef run(data): return data").answer(b"\xff")


def test_each_script_has_its_own_helpers(load: Load) -> None:
    """Modules of one name in the old and in the new source."""
    text = "import helper\ndef init(): pass\ndef run(data): return helper.NAME\n"
    old = load(text, helper="NAME = 'old'")
    new = load(text, helper="NAME = 'new'")
    assert (old.answer(b""), new.answer(b"")) == (b'"old"', b'"new"')


def test_it_runs_for_one_request_at_a_time(load: Load) -> None:
    script = load(
        "import threading\ninside = threading.Semaphore(1)\ndef init(): pass\n"
        "def run(data):\n    assert inside.acquire(blocking=False)\n    sum(range(100000))\n    inside.release()\n"
    )
    failures: list[AssertionError] = []

    def ask() -> None:
        try:
            for _ in range(20):
                script.answer(b"")
        except AssertionError as error:
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_the_same_content_is_the_same_deployment(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder / "src").mkdir(parents=True)
        (tmp_path / folder / "src" / "score.py").write_text("def init(): pass")
    one, two = (ScriptSource(folder=tmp_path / folder, entry="src/score.py") for folder in ("one", "two"))
    installed = install_script(tmp_path / "service", one)
    assert install_script(tmp_path / "service", two) == installed
    assert install_script(tmp_path / "service", source_of(installed)) == installed
    (tmp_path / "two" / "src" / "more.py").write_text("")
    assert install_script(tmp_path / "service", two) != installed


@pytest.mark.parametrize("entry", ["missing.py", "../outside.py", ""])
def test_a_script_has_to_be_among_its_files(tmp_path: Path, entry: str) -> None:
    (tmp_path / "outside.py").write_text("")
    (tmp_path / "given").mkdir()
    with pytest.raises(InvalidRequest, match="not among the files"):
        install_script(tmp_path / "service", ScriptSource(folder=tmp_path / "given", entry=entry))
