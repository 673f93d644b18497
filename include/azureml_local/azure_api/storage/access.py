"""Who may ask: every request is signed with the account's key, has a SAS of ours, or an access token for storage."""

from __future__ import annotations

from starlette.requests import Request

from azureml_local.azure_api.storage.account import StorageAccount
from azureml_local.azure_api.storage.refusals import StorageRefusal
from azureml_local.azure_api.storage.sas import check_sas
from azureml_local.azure_api.storage.shared_key import check_shared_key
from azureml_local.azure_api.tokens import TokenIssuer
from azureml_workspace.errors import Unauthorized

_AUDIENCE = "https://storage.azure.com"
_BEARER = "Bearer "


def check_access(
    request: Request, account: StorageAccount, issuer: TokenIssuer, container: str, name: str | None
) -> None:
    """`name`: the blob, None when the request is for the container.

    :raises StorageRefusal: neither a key, a signature nor a token lets this request in.
    """
    authorization = request.headers.get("authorization", "")
    if "sig" in request.query_params:
        check_sas(account, request.query_params, container, name, request.method)
    elif authorization.startswith(_BEARER):
        try:
            issuer.check(authorization.removeprefix(_BEARER), audience=_AUDIENCE)
        except Unauthorized as error:
            raise StorageRefusal(401, "InvalidAuthenticationInfo", str(error)) from error
    elif authorization:
        check_shared_key(request, account)
    else:
        raise StorageRefusal(401, "NoAuthenticationInformation", "neither an Authorization header nor a signature.")
