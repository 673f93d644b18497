from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azureml_drops.keys import KEY, validate_drop_key
from azureml_drops.pattern import DropPattern
from azureml_workspace.errors import InvalidRequest

pytestmark = pytest.mark.unit

DATED = [
    "/data/drops/{date}.csv",
    "{date}.csv",
    "/data/{date:%Y}/{date:%m}/{date:%d}/calls.csv",
    "/data/{date:%Y/%m/%d}/",
    "/data/year={date:%Y}/month={date:%m}/{date}.csv",
    "/data/calls-{date:%Y%m%d}.csv",
    "/data/calls-{date:%Y%j}.csv",
    "/data/100%/{date:%d%m%Y%%}.csv",
    "/data/20{date:%Y%m%d}01.csv",
    "wasbs://raw@account.blob.core.windows.net/calls/{date}.csv",
    "abfs://raw/{date}/",
]
KEYED = [
    "/data/drops/{key}.csv",
    "/data/{key}/calls.csv",
    "/data/{key}/{key}.csv",
    "/data/{key}-{key}.csv",
    "/data/v{key}-1.csv",
    "/data/{key}",
    "/data/{key}/",
    "abfs://raw/{key}/calls-{key}.csv",
]


def inside(pattern: DropPattern, path: str) -> str:
    return f"{path}part-0.csv" if pattern.is_folder else path


@given(st.sampled_from(DATED), st.dates())
def test_a_day_comes_back_from_its_path(text: str, day: date) -> None:
    pattern = DropPattern.parse(text)
    path = pattern.path_of(day.isoformat())
    assert pattern.key_of(inside(pattern, path)) == pattern.key_of(path) == day.isoformat()
    assert path.startswith(pattern.root)


@given(st.sampled_from(KEYED), st.from_regex(KEY, fullmatch=True))
def test_a_key_comes_back_from_its_path(text: str, key: str) -> None:
    pattern = DropPattern.parse(text)
    path = pattern.path_of(key)
    assert pattern.key_of(inside(pattern, path)) == pattern.key_of(path) == key
    assert path.startswith(pattern.root)


@given(st.sampled_from(DATED + KEYED), st.text("0123456789-/aQ._", max_size=40))
def test_a_path_with_a_key_is_the_path_of_that_key(text: str, tail: str) -> None:
    pattern = DropPattern.parse(text)
    path = pattern.root + tail
    key = pattern.key_of(path)
    if key is not None:
        validate_drop_key(key)
        assert pattern.path_of(key) == (path[: path.rfind("/") + 1] if pattern.is_folder else path)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/data/{date}.csv", "/data/2026-02-30.csv"),
        ("/data/{date}.csv", "/data/2026-2-3.csv"),
        ("/data/{date}.csv", "/data/2026-02-03.csv.tmp"),
        ("/data/{date}.csv", "/other/2026-02-03.csv"),
        ("/data/{date}.csv", "/data/\u0662026-02-03.csv"),
        ("/data/{date:%Y}/{date}.csv", "/data/2025/2026-02-03.csv"),
        ("/data/{date:%Y%j}.csv", "/data/2025366.csv"),
        ("/data/{date:%Y%j}.csv", "/data/2025000.csv"),
        ("/data/{date:%Y%j}.csv", "/data/9999999.csv"),
        ("/data/{key}/{key}.csv", "/data/a/b.csv"),
        ("/data/{key}.csv", "/data/.hidden.csv"),
        ("/data/{key}.csv", "/data/a/b.csv"),
        ("/data/{key}/", "/data/a/b/c.csv"),
        ("/data/{key}/", "/data/a.csv"),
        ("/data/a.b{key}.csv", "/data/axbc.csv"),
    ],
)
def test_a_path_that_the_pattern_would_not_write_has_no_key(text: str, path: str) -> None:
    assert DropPattern.parse(text).key_of(path) is None


@pytest.mark.parametrize(
    ("text", "root", "levels"),
    [
        ("/data/drops/{date}.csv", "/data/drops/", 1),
        ("/data/drops/{date:%Y/%m}/{date:%d}.csv", "/data/drops/", 3),
        ("/data/drops/calls-{key}/x/y.csv", "/data/drops/", 3),
        ("/data/drops/{key}/", "/data/drops/", 2),
        ("{key}.csv", "", 1),
        ("./drops/{key}.csv", "drops/", 1),
        ("file:///data/my%20drops/{key}.csv", "/data/my drops/", 1),
        ("abfs://raw/{key}.csv", "abfs://raw/", 1),
        ("wasbs://raw@a.blob.core.windows.net/x/{key}/y.csv", "wasbs://raw@a.blob.core.windows.net/x/", 2),
    ],
)
def test_drops_are_looked_for_from_the_fixed_part_on(text: str, root: str, levels: int) -> None:
    pattern = DropPattern.parse(text)
    assert (pattern.root, pattern.levels) == (root, levels)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no placeholder"),
        ("/data/drops.csv", "no placeholder"),
        ("/data/{date}/{key}.csv", "both"),
        ("/data/{day}.csv", "{day}, which is not known"),
        ("/data/{date:}.csv", "not known"),
        ("/data/{key:%Y}.csv", "not known"),
        ("/data/{date:%Y%m}.csv", "which day it is"),
        ("/data/{date:daily}.csv", "not known"),
        ("/data/{date:%y%m%d}.csv", "%y in a date"),
        ("/data/{date:%Y%m%d%H}.csv", "%H in a date"),
        ("/data/{date:%Y%m%d%}.csv", "% in a date"),
        ("/data/{key}}.csv", "brace"),
        ("/data/{key.csv", "brace"),
        ("/data//{key}.csv", "empty segment"),
        ("/data/../{key}.csv", "`..`"),
        ("/data/{key}/.", "`.`"),
        ("/data/_{key}.csv", "never read"),
        ("/data/{key}.csv.part", "never read"),
        ("https://example.org/{key}.csv", "nothing lists"),
        ("abfs://{key}/a.csv", "name the container"),
        ("wasbs:///a/{key}.csv", "name the container"),
        ("wasbs://user:secret@raw/{key}.csv", "name the container"),
        ("abfs://raw/{key}.csv?sig=secret", "query"),
        ("file://elsewhere/{key}.csv", "three slashes"),
        ("abfs://[raw/{key}.csv", "not a valid address"),
    ],
)
def test_a_pattern_that_cannot_work_is_refused_in_words(text: str, says: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        DropPattern.parse(text)
    assert says in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_refused_address_is_not_repeated_with_its_secrets() -> None:
    for text in ("https://a.org/{key}.csv?sig=HUSH", "http://me:HUSH@a.org/{key}.csv", "ftp://me:HUSH@a.org/{key}"):
        with pytest.raises(InvalidRequest) as raised:
            DropPattern.parse(text)
        assert "HUSH" not in str(raised.value)


@pytest.mark.parametrize("key", ["", "..", "../up", "a/b", ".hidden", "a b", "x" * 101, "a\n"])
def test_an_unsafe_key_has_no_path(key: str) -> None:
    with pytest.raises(InvalidRequest, match="key of a drop"):
        DropPattern.parse("/data/{key}.csv").path_of(key)


@pytest.mark.parametrize("key", ["20261127", "2026-W48-5", "2026-11-31", "latest", "2026-11-27T00:00:00"])
def test_only_a_day_is_the_key_of_a_dated_drop(key: str) -> None:
    with pytest.raises(InvalidRequest, match="2026-11-27"):
        DropPattern.parse("/data/{date}.csv").path_of(key)


def test_the_home_folder_may_be_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert DropPattern.parse("~/drops/{date}.csv").root == "/home/me/drops/"
