"""Odd input that is a table all the same is registered, typed, and told apart from what was there."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.integration


def _columns(answer: Any) -> list[tuple[str, str, bool]]:
    assert answer.status_code == 200, answer.text
    return [(column["name"], column["kind"], column["nullable"]) for column in answer.json()["columns"]]


def test_all_null_column_and_mixed_types(local_server: Any) -> None:
    answer = local_server.register("odd", b"nothing,mixed,label\n,1,yes\n,two,\n,3.5,no\n")
    assert _columns(answer) == [("nothing", "string", True), ("mixed", "string", False), ("label", "string", True)]
    rows = local_server.send("GET", "/v1/datasets/odd/versions/1/rows").json()
    assert rows[1] == {"nothing": None, "mixed": "two", "label": None}
    profile = local_server.send("GET", "/v1/datasets/odd/versions/1/profile").json()
    assert profile["columns"][0]["nulls"] == 3
    assert (profile["columns"][1]["mixed"]["numbers"], profile["columns"][1]["mixed"]["text"]) == (2, 1)


def test_three_thousand_columns(local_server: Any) -> None:
    header = ",".join(f"column_{number}" for number in range(3_000))
    content = f"{header}\n" + f"{','.join(['1'] * 3_000)}\n" * 60
    answer = local_server.register("wide", content.encode())
    assert len(_columns(answer)) == 3_000


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("\ufeffname,n\r\ncaf\u00e9,1\r\n", {}),
        ("name;n\ncaf\u00e9;1\n", {"separator": ";"}),
        ("name\tn\ncaf\u00e9\t1\n", {"separator": "\t"}),
        ("name,n\ncaf\u00e9,1\n", {"encoding": "cp1252"}),
        ("name,n\ncaf\u00e9,1\n", {"encoding": "utf-16"}),
    ],
)
def test_encodings_and_separators(text: str, query: dict[str, str], local_server: Any) -> None:
    name = f"reading-{len(text)}-{'-'.join(query.values()).encode().hex()}"
    answer = local_server.register(name, text.encode(query.get("encoding", "utf-8")), **query)
    assert _columns(answer) == [("name", "string", False), ("n", "integer", False)]
    assert local_server.send("GET", f"/v1/datasets/{name}/versions/1/rows").json() == [{"name": "caf\u00e9", "n": 1}]


def test_same_content_is_the_same_version(local_server: Any) -> None:
    content = b"a,b\n1,2\n"
    first, again = (local_server.register("same", content).json() for _ in range(2))
    assert (first["version"], first["created"], again["version"], again["created"]) == (1, True, 1, False)
    other = local_server.register("same", b"a,b\n1,3\n").json()
    assert (other["version"], other["created"]) == (2, True)


def test_after_a_refusal_the_mended_file_is_version_one(local_server: Any) -> None:
    assert local_server.register("mended", b"a,a\n1,2\n").status_code == 400
    assert local_server.register("mended", b"a,b\n1,2\n").json()["version"] == 1
