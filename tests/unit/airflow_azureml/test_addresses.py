"""What is shown of an address, and what a log masker learns of it."""

from __future__ import annotations

import pytest

from airflow_azureml.addresses import secrets_of, shown

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("uri", "text"),
    [
        ("data/bank?.csv", "data/bank?.csv"),
        ("https://example.org/a/b.csv", "https://example.org/a/b.csv"),
        ("https://me:pw@example.org:8443/a.csv?sig=s3cret#part", "https://example.org:8443/a.csv"),
        ("https://example.org?sig=s3cret/x@y", "https://example.org"),
        ("abfs://container@account.dfs.core.windows.net/a.csv", "abfs://container@account.dfs.core.windows.net/a.csv"),
        ("s3://key:s3cret@bucket/a.csv", "s3://bucket/a.csv"),
        ("http://[::1/a.csv?sig=s3cret", "http://[::1/a.csv"),
    ],
)
def test_shown(uri: str, text: str) -> None:
    assert shown(uri) == text


def test_secrets_as_written_and_decoded() -> None:
    uri = "https://me:p%40ss@example.org/a.csv?sv=2024-11-04&sig=abcdefgh%2Bijklmnop%3D"
    assert set(secrets_of(uri)) == {
        "me:p%40ss",
        "me:p@ss",
        "p%40ss",
        "p@ss",
        "sv=2024-11-04&sig=abcdefgh%2Bijklmnop%3D",
        "sv=2024-11-04&sig=abcdefgh+ijklmnop=",
        "abcdefgh%2Bijklmnop%3D",
        "abcdefgh+ijklmnop=",
    }


@pytest.mark.parametrize("uri", ["data/bank.csv", "https://example.org/a.csv", "abfs://container@account/a.csv"])
def test_nothing_to_hide(uri: str) -> None:
    assert secrets_of(uri) == ()
