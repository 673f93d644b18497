"""The SDK's `Workspace` object of this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from azureml_workspace.errors import InvalidRequest

if TYPE_CHECKING:
    from azureml.core import Workspace


class SdkSession:
    """Signs in with tokens that the adapter gives."""

    def __init__(self, configuration: Mapping[str, Any], token: Callable[[], str]) -> None:
        self._configuration = configuration
        self._token = token

    @property
    def is_own_cloud(self) -> bool:
        """Whether the cloud is none of Microsoft's."""
        return bool(self._configuration["is_own_cloud"])

    @cached_property
    def workspace(self) -> Workspace:
        """The workspace.

        :raises InvalidRequest: the SDK means another cloud by that name. Without this check it would take the public
            one for any name that it does not know, and send it the token.
        """
        from azureml.core import Workspace
        from azureml.core.authentication import TokenAuthentication

        names = self._configuration
        sign_in = TokenAuthentication(lambda _audience: self._token(), cloud=names["cloud"])
        resolved = sign_in._cloud_type
        manager = str(resolved.endpoints.resource_manager).rstrip("/")
        if resolved.name != names["cloud"] or manager != names["resource_manager"]:
            raise InvalidRequest(
                f"the Azure ML SDK takes cloud {names['cloud']!r} for {resolved.name!r} at {manager}, and "
                f"{names['resource_manager']} was meant; no token was sent."
            )
        return Workspace(names["subscription_id"], names["resource_group"], names["workspace_name"], auth=sign_in)
