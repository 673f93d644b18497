"""Who may ask: every request is signed with the account's key, or has a SAS of ours."""

from __future__ import annotations

from starlette.requests import Request

from azureml_local.azure_api.storage.account import StorageAccount
from azureml_local.azure_api.storage.refusals import StorageRefusal
from azureml_local.azure_api.storage.sas import check_sas
from azureml_local.azure_api.storage.shared_key import check_shared_key


def check_access(request: Request, account: StorageAccount, container: str, name: str | None) -> None:
    """`name`: the blob, None when the request is for the container.

    :raises StorageRefusal: neither a key nor a signature lets this request in.
    """
    if "sig" in request.query_params:
        if name is None:
            raise StorageRefusal(403, "AuthorizationResourceTypeMismatch", "a signature of a blob opens no container.")
        check_sas(account, request.query_params, container, name, request.method)
    elif "authorization" in request.headers:
        check_shared_key(request, account)
    else:
        raise StorageRefusal(401, "NoAuthenticationInformation", "neither an Authorization header nor a signature.")
