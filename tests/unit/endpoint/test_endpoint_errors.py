import pickle

import pytest

from azureml_endpoint.errors import EndpointError, error_for_status
from azureml_endpoint.load import run_load
from azureml_endpoint.score import ScoringClient, new_traceparent
from azureml_endpoint.transport import check_key, check_uri
from azureml_workspace import errors

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (400, errors.InvalidRequest, False),
        (401, errors.Unauthorized, False),
        (403, errors.Unauthorized, False),
        (404, errors.NotFound, False),
        (413, errors.InvalidRequest, False),
        (429, errors.Throttled, True),
        (500, errors.ServiceUnavailable, True),
        (503, errors.ServiceUnavailable, True),
        (302, EndpointError, False),
    ],
)
def test_a_status_becomes_an_error_of_the_seam(status: int, kind: type[Exception], retryable: bool) -> None:
    error = error_for_status(status, "words of the service", request_id="r-1")
    assert isinstance(error, kind)
    assert isinstance(error, EndpointError)
    assert error.retryable is retryable
    assert "words of the service" in str(error)
    assert (error.status, error.request_id) == (status, "r-1")


def test_throttling_keeps_the_wait_and_survives_pickling() -> None:
    error = error_for_status(429, "slow down", retry_after=3.5)
    assert isinstance(error, errors.Throttled)
    copy = pickle.loads(pickle.dumps(error))
    assert copy.retry_after == error.retry_after == 3.5
    assert copy.status == 429


@pytest.mark.parametrize("key", ["", "a b", "key\n", "clé", "k\x00"])
def test_a_key_that_no_header_can_hold_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(errors.InvalidRequest) as caught:
        check_key(key)
    assert not key.strip() or key not in str(caught.value)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "score",
        "ftp://host/score",
        "http://",
        "http://host:99999/",
        "http://host/a b",
        "http://höst/",
        "http://h\n/",
    ],
)
def test_a_bad_address_is_refused(uri: str) -> None:
    with pytest.raises(errors.InvalidRequest, match="not an http"):
        check_uri(uri)


def test_credentials_in_the_address_are_refused_and_not_repeated() -> None:
    with pytest.raises(errors.InvalidRequest) as caught:
        check_uri("http://user:hunter2@host/score")
    assert "hunter2" not in str(caught.value)


def test_the_client_does_not_show_its_key() -> None:
    client = ScoringClient("http://127.0.0.1:1/score", "topsecret")
    assert "topsecret" not in repr(client)
    assert "topsecret" not in str(vars(client)["_transport"])


def test_a_trace_is_new_each_time() -> None:
    assert new_traceparent() != new_traceparent()


def test_a_malformed_trace_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(errors.InvalidRequest, match="traceparent"):
        ScoringClient("http://127.0.0.1:1/score").score([{}], traceparent="abc")


@pytest.mark.parametrize(
    "bad",
    [{"requests": 0}, {"concurrency": 0}, {"concurrency": 1001}, {"warmup": -1}, {"timeout": 0}, {"time_limit": -1}],
)
def test_load_arguments_are_checked(bad: dict[str, int]) -> None:
    with pytest.raises(errors.InvalidRequest, match=next(iter(bad))):
        run_load("http://127.0.0.1:1/score", None, b"{}", **bad)  # type: ignore[arg-type]
