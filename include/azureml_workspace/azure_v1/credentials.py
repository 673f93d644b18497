"""Signing in to Azure: one of `azure-identity`'s credentials, and its errors as the seam's."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from azureml_workspace.azure_v1.clouds import Cloud
from azureml_workspace.errors import InvalidRequest, ServiceUnavailable, Unauthorized
from azureml_workspace.settings import AzureSettings

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

_RENEW_BEFORE_SECONDS = 300.0


class AccessToken:
    """The access token for Resource Manager and Azure ML, renewed five minutes before it expires."""

    def __init__(self, settings: AzureSettings, cloud: Cloud, on_secret: Callable[[str], None]) -> None:
        self._settings = settings
        self._cloud = cloud
        self._on_secret = on_secret
        self._lock = threading.Lock()
        self._credential: TokenCredential | None = None
        self._value = ""
        self._good_until = 0.0
        for secret in (settings.client_secret, settings.certificate_password):
            if secret:
                on_secret(secret)

    def get(self) -> str:
        """The token.

        :raises Unauthorized: Azure refused the sign-in; the message has Azure's own code and words.
        :raises InvalidRequest: what the sign-in needs is not there. :raises ServiceUnavailable: nobody answered.
        """
        with self._lock:
            if time.time() > self._good_until:
                self._renew()
            return self._value

    def forget(self) -> None:
        """The token was refused: get another the next time."""
        with self._lock:
            self._good_until = 0.0

    def _renew(self) -> None:
        from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError, ServiceResponseError
        from azure.identity import CredentialUnavailableError

        try:
            if self._credential is None:
                self._credential = _credential(self._settings, self._cloud)
            token = self._credential.get_token(self._cloud.scope)
        except CredentialUnavailableError as error:
            raise Unauthorized(f"sign-in {self._settings.sign_in} cannot be had here: {_words(error)}") from error
        except ClientAuthenticationError as error:
            raise Unauthorized(
                f"{self._cloud.login} refused the sign-in ({self._settings.sign_in}, tenant "
                f"{self._settings.tenant_id or 'of the machine'}, client {self._settings.client_id or 'none'}): "
                f"{_words(error)}"
            ) from error
        except (ServiceRequestError, ServiceResponseError) as error:
            raise ServiceUnavailable(f"{self._cloud.login} does not answer ({type(error).__name__}).") from error
        except (ValueError, OSError) as error:
            raise InvalidRequest(f"sign-in {self._settings.sign_in} cannot work: {error}") from error
        self._on_secret(token.token)
        self._value = token.token
        self._good_until = token.expires_on - _RENEW_BEFORE_SECONDS


def _credential(settings: AzureSettings, cloud: Cloud) -> TokenCredential:
    """:raises ValueError, OSError: the certificate cannot be used, ..."""
    from azure import identity

    # A cloud of one's own is not among those that Microsoft's instance discovery knows.
    options: dict[str, Any] = {"authority": cloud.login}
    if settings.cloud_metadata_url is not None:
        options["disable_instance_discovery"] = True
        if settings.ca_file is not None:
            options["connection_verify"] = settings.ca_file
    tenant, client = settings.tenant_id or "", settings.client_id or ""
    match settings.sign_in:
        case "service_principal_secret":
            return identity.ClientSecretCredential(tenant, client, settings.client_secret or "", **options)
        case "service_principal_certificate":
            return identity.CertificateCredential(
                tenant, client, settings.certificate_path, password=settings.certificate_password, **options
            )
        case "managed_identity":
            return identity.ManagedIdentityCredential(client_id=settings.client_id)
        case "workload_identity":
            given = {"tenant_id": settings.tenant_id, "client_id": settings.client_id}
            return identity.WorkloadIdentityCredential(**{k: v for k, v in given.items() if v}, **options)
        case "azure_cli":
            return identity.AzureCliCredential(tenant_id=tenant)
        case "interactive":
            given = {"tenant_id": settings.tenant_id, "client_id": settings.client_id}
            return identity.InteractiveBrowserCredential(**{k: v for k, v in given.items() if v}, **options)
    raise InvalidRequest(f"sign_in is {settings.sign_in!r}, which is not known here.")


def _words(error: Exception) -> str:
    """The first line of Azure's message: the rest are ids of its own requests."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
