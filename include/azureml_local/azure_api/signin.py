"""The sign-in: OAuth 2.0 client credentials, as `azure-identity`, MSAL and the SDK's ADAL ask for them.

RFC 6749, section 4.4; the routes are those of Microsoft's identity platform. A client with a secret may have any id,
its secret is the server's token. One with a certificate has it registered (`assertions`). A process of this machine
gets a token as App Service gives it to a managed identity.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from azureml_local.azure_api.addresses import MANAGED_IDENTITY_PATH
from azureml_local.azure_api.assertions import ASSERTION_TYPE, FOLDER, ServicePrincipals
from azureml_local.azure_api.surface import Surface
from azureml_local.azure_api.tokens import LIFETIME_SECONDS, TokenIssuer
from azureml_workspace.errors import Unauthorized

_MANAGED_IDENTITY = "managed-identity"
_SECRET_HEADERS = ("x-identity-header", "secret")  # of App Service's API 2019-08-01 and of 2017-09-01


def routes(surface: Surface) -> list[Route]:
    """The routes below `/signin`."""
    addresses, issuer = surface.addresses, surface.issuer
    principals = ServicePrincipals(surface.folder / FOLDER)

    async def configuration(request: Request) -> Response:
        base = f"{addresses.secure}/signin/{request.path_params['tenant']}"
        return JSONResponse(
            {
                "issuer": base,
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
                "jwks_uri": f"{base}/discovery/v2.0/keys",
                "response_types_supported": ["token"],
                "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
            }
        )

    async def token(request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode(errors="replace")))
        if form.get("grant_type") != "client_credentials":
            return _refused("unsupported_grant_type", "AADSTS70003: only client_credentials are known here.")
        client_id = form.get("client_id", "")
        try:
            _check_client(form, client_id, f"{addresses.secure}{request.scope['path']}")
        except Unauthorized as error:
            return _refused("invalid_client", str(error))
        audience = (form.get("resource") or form.get("scope", "")).removesuffix("/.default")
        return JSONResponse(_token(issuer, client_id, audience))

    def _check_client(form: Mapping[str, str], client_id: str, endpoint: str) -> None:
        if form.get("client_assertion_type") == ASSERTION_TYPE:
            principals.check(client_id, form.get("client_assertion", ""), endpoint)
        elif not client_id or not issuer.is_secret(form.get("client_secret", "")):
            raise Unauthorized(
                "AADSTS7000215: Invalid client secret provided. It has to be the content of the server's token file."
            )

    async def managed_identity(request: Request) -> Response:
        given = next((request.headers[name] for name in _SECRET_HEADERS if name in request.headers), "")
        if not issuer.is_identity_secret(given):
            return _refused("unauthorized_client", "the secret of the managed identity's endpoint is another one.")
        client_id = request.query_params.get("client_id") or request.query_params.get("clientid") or _MANAGED_IDENTITY
        return JSONResponse(_token(issuer, client_id, request.query_params.get("resource", "")))

    return [
        Route(MANAGED_IDENTITY_PATH, managed_identity),
        Route(f"{MANAGED_IDENTITY_PATH}/", managed_identity),
        Route("/signin/{tenant}/v2.0/.well-known/openid-configuration", configuration),
        Route("/signin/{tenant}/.well-known/openid-configuration", configuration),
        Route("/signin/{tenant}/oauth2/v2.0/token", token, methods=["POST"]),
        Route("/signin/{tenant}/oauth2/token", token, methods=["POST"]),
    ]


def _token(issuer: TokenIssuer, client_id: str, audience: str) -> dict[str, object]:
    return {
        "token_type": "Bearer",
        "expires_in": LIFETIME_SECONDS,
        "ext_expires_in": LIFETIME_SECONDS,
        "expires_on": str(int(time.time()) + LIFETIME_SECONDS),
        "resource": audience,
        "access_token": issuer.issue(client_id, audience),
    }


def _refused(code: str, description: str) -> Response:
    return JSONResponse({"error": code, "error_description": description}, status_code=401)
