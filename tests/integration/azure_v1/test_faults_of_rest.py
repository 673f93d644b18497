"""What goes wrong between the adapter's short requests and Azure, and which error it ends in."""

from __future__ import annotations

from typing import Any

import pytest
from tests.azure_wire.faults import Act, answers, is_cut, is_slow, is_truncated, says, sends
from tests.azure_wire.server import TOKEN, WireServer

from azureml_workspace.azure_v1.published import PublishedPipelines
from azureml_workspace.azure_v1.workspace import AzureWorkspace
from azureml_workspace.errors import (
    Conflict,
    InvalidRequest,
    NotFound,
    ServiceUnavailable,
    Throttled,
    Unauthorized,
    WorkspaceError,
)
from azureml_workspace.records import ComputeTarget
from azureml_workspace.statuses import PipelineStatus, RunStatus

pytestmark = [pytest.mark.integration, pytest.mark.timeout(60)]

COMPUTE = r"/computes/steady$"
ACTION = r"^POST .*/scripted$"
ENTITY = r"^GET .*/workspaces/local$"
PERMISSIONS = r"Microsoft\.Authorization/permissions"
TOKENS = r"^POST /signin/"


@pytest.fixture
def workspace(wire: WireServer) -> AzureWorkspace:
    """Signed in, with its services found; a target `steady` is there."""
    wire.engine.computes.ensure(ComputeTarget(name="steady"))
    opened = wire.workspace()
    find(opened)
    wire.script.clear()
    return opened


def find(workspace: AzureWorkspace) -> ComputeTarget:
    """A call that may be repeated: one GET."""
    return workspace.ensure_compute(ComputeTarget(name="steady"))


def act(workspace: AzureWorkspace) -> Any:
    """A call that may not be: one POST."""
    return workspace._azure.json("POST", "api", "/scripted", body={"a": 1})


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidRequest),
        (403, Unauthorized),
        (409, Conflict),
        (412, Conflict),
        (418, InvalidRequest),
        (302, InvalidRequest),
    ],
)
def test_a_refusal_is_final(
    wire: WireServer, workspace: AzureWorkspace, status: int, kind: type[WorkspaceError]
) -> None:
    wire.script.add(COMPUTE, answers(status, code="SomeCode", message="some words", Location="https://evil.example/"))
    with pytest.raises(kind, match=rf"answered {status}: some words \(SomeCode\)"):
        find(workspace)
    assert wire.script.count(COMPUTE) == 1


def test_a_missing_role_is_named(wire: WireServer, workspace: AzureWorkspace) -> None:
    wire.script.add(COMPUTE, answers(403, code="AuthorizationFailed"))
    with pytest.raises(Unauthorized, match=r"AzureML Data Scientist.*take some minutes to count"):
        find(workspace)


@pytest.mark.parametrize("fault", [answers(500), answers(502), answers(503), answers(504), is_cut(), is_truncated()])
def test_a_passing_trouble_is_borne_where_a_repeat_is_safe(
    wire: WireServer, workspace: AzureWorkspace, fault: Act
) -> None:
    wire.script.add(COMPUTE, fault, times=2)
    assert find(workspace).name == "steady"
    assert wire.script.count(COMPUTE) == 3


@pytest.mark.parametrize("fault", [answers(500), answers(503), is_cut(after_work=True), is_truncated()])
def test_what_may_have_been_done_is_not_done_again(wire: WireServer, workspace: AzureWorkspace, fault: Act) -> None:
    wire.script.add(ACTION, fault)
    with pytest.raises(ServiceUnavailable):
        act(workspace)
    assert wire.script.count(ACTION) == 1


@pytest.mark.parametrize("fault", [answers(503), is_cut(), is_truncated()])
def test_a_lasting_trouble_ends_in_the_retryable_error(wire: WireServer, workspace: AzureWorkspace, fault: Act) -> None:
    wire.script.add(COMPUTE, fault)
    with pytest.raises(ServiceUnavailable):
        find(workspace)
    assert wire.script.count(COMPUTE) >= 2


def test_an_answer_cut_where_nobody_can_tell(wire: WireServer, workspace: AzureWorkspace) -> None:
    wire.script.add(COMPUTE, is_truncated(honest_length=True))
    with pytest.raises(ServiceUnavailable, match="no JSON, or half of it"):
        find(workspace)


@pytest.mark.parametrize("path", [COMPUTE, ACTION])
def test_throttled_for_longer_than_may_be_waited(wire: WireServer, workspace: AzureWorkspace, path: str) -> None:
    wire.script.add(path, answers(429, Retry_After="120"))
    with pytest.raises(Throttled) as caught:
        find(workspace) if path is COMPUTE else act(workspace)
    assert caught.value.retry_after == 120
    assert wire.script.count(path) == 1


def test_throttled_for_a_moment(wire: WireServer, workspace: AzureWorkspace) -> None:
    """Azure did not take the request, so even one that may not be repeated is sent again."""
    wire.script.add(ACTION, sends({"done": True}))
    wire.script.add(ACTION, answers(429, Retry_After="1"), times=1)
    assert act(workspace) == {"done": True}
    assert wire.script.count(ACTION) == 2


def test_throttled_until_a_moment_that_is_given_as_a_date(wire: WireServer, workspace: AzureWorkspace) -> None:
    wire.script.add(COMPUTE, answers(429, Retry_After="Wed, 21 Oct 2099 07:28:00 GMT"))
    with pytest.raises(Throttled) as caught:
        find(workspace)
    assert caught.value.retry_after is not None
    assert caught.value.retry_after > 1e6


def test_no_answer_within_the_limit(wire: WireServer) -> None:
    wire.engine.computes.ensure(ComputeTarget(name="steady"))
    workspace = wire.workspace(read=5.0, retry=0.5)
    find(workspace)
    slow = wire.script.add(COMPUTE, is_slow(30))
    with pytest.raises(ServiceUnavailable, match=r"gave no answer to GET .*computes/steady within 5 s"):
        find(workspace)
    assert slow.met == 1


def test_an_expired_token_is_renewed_once(wire: WireServer, workspace: AzureWorkspace) -> None:
    wire.script.add(COMPUTE, answers(401, code="ExpiredAuthenticationToken"), times=1)
    assert find(workspace).name == "steady"
    assert (wire.script.count(COMPUTE), wire.script.count(TOKENS)) == (2, 1)
    wire.script.clear()
    wire.script.add(ACTION, sends({"done": True}))
    wire.script.add(ACTION, answers(401), times=1)
    assert act(workspace) == {"done": True}


def test_a_token_that_is_always_refused(wire: WireServer, workspace: AzureWorkspace) -> None:
    wire.script.add(COMPUTE, answers(401, code="InvalidAuthenticationTokenTenant"))
    with pytest.raises(Unauthorized, match="check tenant_id"):
        find(workspace)
    assert wire.script.count(COMPUTE) == 2


def test_no_token_for_another_host(wire: WireServer) -> None:
    """A workspace entity or a discovery that leads elsewhere: the token stays here."""
    workspace = wire.workspace()
    wire.script.add(
        r"^GET /discovery", sends({"api": "https://evil.example", "history": "http://127.0.0.1.evil.example"})
    )
    for service in ("api", "history"):
        with pytest.raises(InvalidRequest, match="no access token is sent there"):
            workspace._azure.json("GET", service, "/x")


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (answers(503), ServiceUnavailable, "answered the sign-in with 503"),
        (answers(500), ServiceUnavailable, "sign-in"),
        (is_cut(), ServiceUnavailable, "does not answer the sign-in"),
        (
            sends({"error": "invalid_client", "error_description": "AADSTS7000222: expired. Trace ID: x"}, status=401),
            Unauthorized,
            "expired. The client secret has expired: make a new one",
        ),
        (
            sends({"error": "unauthorized_client", "error_description": "AADSTS700016: no app"}, status=400),
            Unauthorized,
            "check the connection's login and tenant_id",
        ),
    ],
)
def test_faults_of_the_sign_in(wire: WireServer, fault: Act, kind: type[WorkspaceError], words: str) -> None:
    wire.script.add(TOKENS, fault)
    with pytest.raises(kind) as caught:
        wire.workspace().ping()
    assert words in str(caught.value)
    assert TOKEN not in str(caught.value)


def test_a_tenant_that_is_not_there(wire: WireServer) -> None:
    wire.script.add(r"openid-configuration", sends({"error": "invalid_tenant"}, status=400))
    with pytest.raises(Unauthorized, match="No directory of this cloud has that tenant ID"):
        wire.workspace().ping()


@pytest.mark.parametrize(
    ("status", "code", "kind", "words"),
    [
        (404, "SubscriptionNotFound", NotFound, "Check subscription_id"),
        (404, "ResourceGroupNotFound", NotFound, "Check resource_group"),
        (404, "ResourceNotFound", NotFound, "Check workspace_name"),
        (400, "InvalidSubscriptionId", InvalidRequest, "must be the subscription's ID"),
        (401, "InvalidAuthenticationTokenTenant", Unauthorized, "check tenant_id"),
        (403, "AuthorizationFailed", Unauthorized, "AzureML Data Scientist"),
    ],
)
def test_what_the_test_button_says(
    wire: WireServer, status: int, code: str, kind: type[WorkspaceError], words: str
) -> None:
    wire.script.add(ENTITY, answers(status, code=code))
    with pytest.raises(kind) as caught:
        wire.workspace().ping()
    assert words in str(caught.value)


@pytest.mark.parametrize("name", ["subscription_id", "resource_group", "workspace_name"])
def test_another_workspace_than_the_one_there(wire: WireServer, name: str) -> None:
    with pytest.raises(NotFound, match=r"there is no workspace .*or this identity may not see it"):
        wire.workspace(**{name: "elsewhere"}).ping()


def test_who_may_only_read_is_told_which_role_is_missing(wire: WireServer) -> None:
    provider = "Microsoft.MachineLearningServices/workspaces"
    reader = {"actions": ["*/read"], "notActions": []}
    scientist = {
        "actions": [f"{provider}/*/{what}" for what in ("read", "action", "delete", "write")],
        "notActions": [f"{provider}/delete", f"{provider}/write", f"{provider}/computes/*/write"],
    }
    wire.script.add(PERMISSIONS, sends({"value": [reader]}), times=1)
    with pytest.raises(Unauthorized, match=r"may see workspace local but not register datasets, submit runs.*role"):
        wire.workspace().ping()
    wire.script.add(PERMISSIONS, sends({"value": [reader, scientist]}), times=1)
    assert wire.workspace().ping().startswith("Azure ML workspace local")
    wire.script.add(PERMISSIONS, answers(403), times=1)
    assert wire.workspace().ping().startswith("Azure ML workspace local")


def described_run(run_id: str, kind: str) -> dict[str, Any]:
    """Run history's words for a run that is under way."""
    return {
        "runId": run_id,
        "experimentId": "e",
        "runType": kind,
        "status": "Running",
        "createdUtc": "2026-01-01T00:00:00+00:00",
    }


@pytest.mark.parametrize("kind", ["automl", "azureml.PipelineRun"])
def test_a_task_that_was_told_to_stop_needs_two_requests(
    wire: WireServer, workspace: AzureWorkspace, kind: str
) -> None:
    """It has five seconds: no sign-in, no discovery. What Azure says to a cancellation nobody reads."""
    wire.script.add(r"^GET .*/runs/hurried$", sends(described_run("hurried", kind)))
    wire.script.add(r"/cancelrun/|^DELETE .*/PipelineRuns/", says("Accepted."))
    wire.script.add(r"^GET .*/experimentids/e$", sends({"name": "hurried"}))
    hurried = workspace.reopened(connect_timeout=1.0, read_timeout=3.0, retry_seconds=0.5)
    assert hurried.cancel_run("hurried").status is RunStatus.CANCEL_REQUESTED
    look, cancellation, *after = wire.script.seen
    assert look.endswith("/runs/hurried")
    assert cancellation.endswith(("/cancelrun/hurried", "/PipelineRuns/hurried/Execution"))
    assert [request.rpartition("/")[2] for request in after] == ["e"]


def test_what_azure_says_to_a_change_of_status_nobody_reads(wire: WireServer, workspace: AzureWorkspace) -> None:
    wire.script.add(r"^PUT .*/Pipelines/p/status$", says("Disabled"), times=1)
    PublishedPipelines(workspace._azure).set_status("p", PipelineStatus.DISABLED)
    assert wire.script.count("/status$") == 1


def test_a_cloud_may_be_described_over_tls(wire: WireServer) -> None:
    """By a server whose certificate only `ca_file` vouches for."""
    plain = str(wire.azure_settings().cloud_metadata_url)
    secure = plain.replace(wire.addresses.plain, wire.addresses.secure)
    assert secure.startswith("https://")
    assert wire.workspace(cloud_metadata_url=secure).ping().startswith("Azure ML workspace local")
