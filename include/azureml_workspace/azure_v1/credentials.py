"""Signing in to Azure: one of `azure-identity`'s credentials, and its errors as the seam's."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from azureml_workspace.azure_v1.advice import advised
from azureml_workspace.azure_v1.clouds import Cloud
from azureml_workspace.errors import InvalidRequest, ServiceUnavailable, Unauthorized, WorkspaceError
from azureml_workspace.settings import AzureSettings

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

_RENEW_BEFORE_SECONDS = 300.0
_LAST_SECONDS = 30.0
"""So long before its end a token is not used any more."""

# azure-core's own limits are five minutes for one answer and ten repeats.
_HTTP: dict[str, Any] = {
    "connection_timeout": 5,
    "read_timeout": 20,
    "retry_total": 3,
    "retry_connect": 1,
    "retry_read": 1,
    "retry_backoff_max": 4,
}
STORAGE_SCOPE = "https://storage.azure.com/.default"
"""Of tokens for Blob storage, in every cloud."""
_CLI_SECONDS = 30
_BROWSER_SECONDS = 120
_QUIET = {
    "azure.core.pipeline.policies.http_logging_policy": logging.WARNING,
    "azure.identity": logging.ERROR,  # what fails is raised, with Azure's words
    "msal": logging.WARNING,
}
_OWN_IDS = re.compile(r"\s*(?:Trace ID|Correlation ID|Timestamp):.*", re.DOTALL)
_HTTP_ERROR = re.compile(r"HTTP Error: (\d{3})")
_LONGEST_WORDS = 600


class AccessToken:
    """An access token, renewed five minutes before it expires: for `scope`, or for Resource Manager and Azure ML."""

    def __init__(
        self,
        settings: AzureSettings,
        cloud: Cloud,
        on_secret: Callable[[str], None],
        *,
        scope: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._cloud = cloud
        self._on_secret = on_secret
        self._scope = scope or cloud.scope
        self._clock = clock
        self._lock = threading.Lock()
        self._credential: TokenCredential | None = None
        self._value = ""
        self._expires_at = 0.0
        for secret in (settings.client_secret, settings.certificate_password):
            if secret:
                on_secret(secret)

    def get(self) -> str:
        """The token.

        :raises Unauthorized: Azure refused the sign-in; the message has Azure's own code and words, and what to do.
        :raises InvalidRequest: what the sign-in needs is not there. :raises ServiceUnavailable: nobody answered.
        """
        with self._lock:
            if self._clock() > self._expires_at - _RENEW_BEFORE_SECONDS:
                try:
                    self._renew()
                except ServiceUnavailable:
                    # The one there is serves on while the sign-in has an outage.
                    if self._clock() > self._expires_at - _LAST_SECONDS:
                        raise
            return self._value

    def forget(self, refused: str) -> None:
        """This token was refused: get another the next time, unless somebody else did meanwhile."""
        with self._lock:
            if self._value == refused:
                self._expires_at = 0.0
                if self._settings.sign_in != "interactive":  # which would ask the person again
                    self._credential = None  # its cache would give the same token

    def _renew(self) -> None:
        from azure.core.exceptions import AzureError, ClientAuthenticationError
        from azure.identity import CredentialUnavailableError

        _quieten()
        sign_in = self._settings.sign_in
        try:
            if self._credential is None:
                self._credential = _credential(self._settings, self._cloud)
            token = self._credential.get_token(self._scope)
        except CredentialUnavailableError as error:
            raise Unauthorized(advised(f"sign-in {sign_in} cannot be had here: {self._words(error)}")) from error
        except ClientAuthenticationError as error:
            raise self._refusal(error) from error
        except AzureError as error:
            raise ServiceUnavailable(
                f"{self._cloud.login} does not answer the sign-in ({type(error).__name__})."
            ) from error
        except (ValueError, OSError) as error:
            raise InvalidRequest(f"sign-in {sign_in} cannot work: {self._words(error)}") from error
        self._on_secret(token.token)
        self._value = token.token
        self._expires_at = float(token.expires_on)

    def _refusal(self, error: Exception) -> WorkspaceError:
        """What a ClientAuthenticationError is about: it stands for every failure, also when nobody refused anything."""
        from azure.core.exceptions import AzureError

        login, cause, status = self._cloud.login, error.__cause__, _status_of(error)
        if status is not None and (status >= 500 or status == 429):
            return ServiceUnavailable(f"{login} answered the sign-in with {status}.")
        if status is None and isinstance(cause, AzureError):
            return ServiceUnavailable(f"{login} does not answer the sign-in ({type(cause).__name__}).")
        settings = self._settings
        return Unauthorized(
            advised(
                f"{login} refused the sign-in ({settings.sign_in}, tenant "
                f"{settings.tenant_id or 'of the machine'}, client {settings.client_id or 'none'}): "
                f"{self._words(error)}"
            )
        )

    def _words(self, error: Exception) -> str:
        """Azure's message without the ids of its own requests, nor a secret that it might repeat."""
        text = _OWN_IDS.sub("", str(error)).strip() or type(error).__name__
        for secret in (self._settings.client_secret, self._settings.certificate_password):
            if secret:
                text = text.replace(secret, "***")
        return " ".join(text.split())[:_LONGEST_WORDS]


def _status_of(error: Exception) -> int | None:
    """The status of the answer, when there was one that `azure-identity` or MSAL tells."""
    for seen in (error, error.__cause__):
        status = getattr(seen, "status_code", None)
        if isinstance(status, int):
            return status
    found = _HTTP_ERROR.search(str(error))
    return int(found[1]) if found else None


def _credential(settings: AzureSettings, cloud: Cloud) -> TokenCredential:
    """:raises ValueError, OSError: the certificate cannot be used, ..."""
    from azure import identity

    options: dict[str, Any] = {"authority": cloud.login, **_HTTP}
    if settings.cloud_metadata_url is not None:
        # A cloud of one's own is not among those that Microsoft's instance discovery knows.
        options["disable_instance_discovery"] = True
        if settings.ca_file is not None:
            options["connection_verify"] = settings.ca_file
    tenant, client = settings.tenant_id or "", settings.client_id or ""
    named = {
        key: value for key, value in (("tenant_id", settings.tenant_id), ("client_id", settings.client_id)) if value
    }
    match settings.sign_in:
        case "service_principal_secret":
            return identity.ClientSecretCredential(tenant, client, settings.client_secret or "", **options)
        case "service_principal_certificate":
            return identity.CertificateCredential(
                tenant, client, settings.certificate_path, password=settings.certificate_password, **options
            )
        case "managed_identity":
            # The endpoint is of this machine. Where there is none, its address leads nowhere.
            return identity.ManagedIdentityCredential(client_id=settings.client_id, **_HTTP | {"connection_timeout": 2})
        case "workload_identity":
            return identity.WorkloadIdentityCredential(**named, **options)
        case "azure_cli":
            return identity.AzureCliCredential(tenant_id=tenant, process_timeout=_CLI_SECONDS)
        case "interactive":
            return identity.InteractiveBrowserCredential(**named, timeout=_BROWSER_SECONDS, **options)
    raise InvalidRequest(f"sign_in is {settings.sign_in!r}, which is not known here.")


def _quieten() -> None:
    """Every request of a sign-in is some twenty lines at INFO; a level that somebody set is left alone."""
    for name, level in _QUIET.items():
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(level)
