"""The stamp, and pip's registry made known to uv."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.bootstrap import Layout, fingerprint, is_fresh, parse_pip_settings, tool_environment, was_moved

pytestmark = pytest.mark.unit


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    for name in ("requirements.txt", "requirements.in", "requirements-dev.txt", "pyproject.toml"):
        (tmp_path / name).write_text(name)
    made = Layout(root=tmp_path)
    made.python.parent.mkdir(parents=True)
    made.python.touch()
    for dev in (False, True):
        made.stamp(dev=dev).write_text(fingerprint(made, dev=dev))
    return made


def test_fresh_when_the_stamp_says_so(layout: Layout) -> None:
    assert is_fresh(layout, dev=False)
    assert is_fresh(layout, dev=True)


@pytest.mark.parametrize("name", ["requirements.txt", "requirements.in", "pyproject.toml"])
def test_a_changed_input_is_noticed(layout: Layout, name: str) -> None:
    (layout.root / name).write_text("changed")
    assert not is_fresh(layout, dev=False)
    assert not is_fresh(layout, dev=True)


def test_a_new_package_is_noticed(layout: Layout) -> None:
    """An editable install leads to those that there were."""
    package = layout.root / "include" / "azureml_new"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    assert not is_fresh(layout, dev=False)
    layout.stamp(dev=False).write_text(fingerprint(layout, dev=False))
    (package / "other.py").touch()
    assert is_fresh(layout, dev=False)


def test_development_tools_matter_to_development_alone(layout: Layout) -> None:
    (layout.root / "requirements-dev.txt").write_text("changed")
    assert is_fresh(layout, dev=False)
    assert not is_fresh(layout, dev=True)


def test_not_fresh_when_an_install_did_not_finish(layout: Layout) -> None:
    layout.unfinished.touch()
    assert not is_fresh(layout, dev=False)


def test_not_fresh_without_its_python(layout: Layout) -> None:
    layout.python.unlink()
    layout.python.symlink_to("/gone/python3.11")
    assert not is_fresh(layout, dev=False)


def test_a_moved_checkout_is_noticed(layout: Layout, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert not was_moved(layout)
    elsewhere = tmp_path_factory.mktemp("moved") / "project"
    layout.root.rename(elsewhere)
    moved = Layout(root=elsewhere)
    assert was_moved(moved)
    assert not is_fresh(moved, dev=False)


def test_caches_stay_in_the_checkout_unless_the_user_has_some(layout: Layout) -> None:
    env = tool_environment(layout, {}, {})
    assert env["UV_CACHE_DIR"] == str(layout.local / "cache" / "uv")
    assert env["PIP_CACHE_DIR"] == str(layout.local / "cache" / "pip")
    assert tool_environment(layout, {"UV_CACHE_DIR": "/mine"}, {})["UV_CACHE_DIR"] == "/mine"


def test_pips_registry_is_made_known_to_uv(layout: Layout) -> None:
    settings = {"index-url": "https://mirror/simple", "extra-index-url": "https://b/simple file:///c https://d/simple"}
    env = tool_environment(layout, {}, settings)
    assert env["UV_DEFAULT_INDEX"] == "https://mirror/simple"
    assert env["UV_INDEX"] == "https://b/simple https://d/simple"


def test_uvs_own_registry_wins(layout: Layout) -> None:
    env = tool_environment(layout, {"UV_DEFAULT_INDEX": "https://uv/simple"}, {"index-url": "https://pip/simple"})
    assert env["UV_DEFAULT_INDEX"] == "https://uv/simple"


def test_another_projects_python_does_not_leak_in(layout: Layout) -> None:
    env = tool_environment(layout, {"PYTHONPATH": "/x", "VIRTUAL_ENV": "/y", "PIP_USER": "1", "PATH": "/bin"}, {})
    assert not {"PYTHONPATH", "VIRTUAL_ENV"} & set(env)
    assert (env["PIP_USER"], env["PATH"]) == ("0", "/bin")


def test_pip_config_list() -> None:
    listing = (
        ":env:.index-url='https://env/simple'\n"
        "global.index-url='https://file/simple'\n"
        "global.extra-index-url='https://a/simple\\nhttps://b/simple'\n"
        "global.timeout='60'\n"
        "a line without a value\n"
    )
    assert parse_pip_settings(listing) == {
        "index-url": "https://env/simple",
        "extra-index-url": "https://a/simple https://b/simple",
        "timeout": "60",
    }
