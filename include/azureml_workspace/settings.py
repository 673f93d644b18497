"""Where a workspace is and how to sign in to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args
from urllib.parse import urlsplit

from azureml_workspace.errors import InvalidRequest
from azureml_workspace.texts import shown

AzureSignIn = Literal[
    "service_principal_secret",
    "service_principal_certificate",
    "managed_identity",
    "workload_identity",
    "azure_cli",
    "interactive",
]
AZURE_SIGN_INS: tuple[str, ...] = get_args(AzureSignIn)


@dataclass(frozen=True, kw_only=True)
class AzureSettings:
    """A workspace on Azure, and who signs in to it.

    `cloud` is Azure's name for it: AzureCloud, AzureChinaCloud, AzureUSGovernment, or one that `cloud_metadata_url`
    describes (`ARM_CLOUD_METADATA_URL` of the SDK). `ca_file` holds the authorities that such a cloud's certificate is
    checked with (None: the usual ones). What a sign-in needs:

    * `service_principal_secret`: tenant_id, client_id, client_secret
    * `service_principal_certificate`: tenant_id, client_id, certificate_path, perhaps certificate_password
    * `managed_identity`: client_id for a user-assigned one, nothing for the system's
    * `workload_identity`: what Azure's webhook puts into the environment, or tenant_id and client_id
    * `azure_cli`: an `az login` of this user; tenant_id when there are several
    * `interactive`: a browser here, for notebooks

    The SDK keeps its caches in `state_dir`, never in the home folder.
    """

    subscription_id: str
    resource_group: str
    workspace_name: str
    sign_in: AzureSignIn = "service_principal_secret"
    tenant_id: str | None = None
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    certificate_path: str | None = None
    certificate_password: str | None = field(default=None, repr=False)
    cloud: str = "AzureCloud"
    cloud_metadata_url: str | None = None
    ca_file: str | None = None
    state_dir: str = ".local/azure_sdk"

    def validate(self) -> None:
        """:raises InvalidRequest: names what is missing, and for what."""
        for name in ("subscription_id", "resource_group", "workspace_name"):
            if not str(getattr(self, name) or "").strip():
                raise InvalidRequest(
                    f"{name} of the Azure ML workspace is empty; it stands in the workspace's `config.json` "
                    "(Azure portal, Overview, Download config.json)."
                )
        if self.sign_in not in AZURE_SIGN_INS:
            raise InvalidRequest(f"sign_in is {shown(str(self.sign_in))}; choose one of {', '.join(AZURE_SIGN_INS)}.")
        wanted = {
            "service_principal_secret": ("tenant_id", "client_id", "client_secret"),
            "service_principal_certificate": ("tenant_id", "client_id", "certificate_path"),
        }.get(self.sign_in, ())
        missing = [name for name in wanted if not getattr(self, name)]
        if missing:
            raise InvalidRequest(f"sign_in {self.sign_in} needs {', '.join(missing)} too.")


@dataclass(frozen=True, kw_only=True)
class WorkspaceSettings:
    """What `open_workspace` needs.

    `backend` names the adapter. `url` is the control plane's address. The bearer token is `token`, or the content of
    `token_file`, which is read again when the token was refused. Times are in seconds: `connect_timeout` and
    `read_timeout` bound one call, `retry_seconds` bounds the repeats of one whose connection was refused or lost.
    `azure` says which workspace on Azure, for a backend that is there; `url` and the token are of no use then.
    """

    backend: str = "local"
    url: str = "http://127.0.0.1:8790"
    token: str | None = field(default=None, repr=False)
    token_file: str | None = None
    connect_timeout: float = 3.0
    read_timeout: float = 60.0
    retry_seconds: float = 10.0
    azure: AzureSettings | None = None

    def validate(self) -> None:
        """:raises InvalidRequest: the address is not one of http(s), or a token and a token file are both given."""
        if self.azure is not None:
            self.azure.validate()
            return
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise InvalidRequest(
                f"workspace URL {self.url!r} is not valid; give one like http://127.0.0.1:8790 (scheme, host and port)."
            )
        if self.token and self.token_file:
            raise InvalidRequest("token and token_file are both set; give one of them.")
