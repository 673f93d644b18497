"""The sign-in: OAuth 2.0 client credentials, as `azure-identity`, MSAL and the SDK's ADAL ask for them.

RFC 6749, section 4.4; the routes are those of Microsoft's identity platform. The client id may be any, the client
secret is the server's token.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from azureml_local.azure_api.surface import Surface
from azureml_local.azure_api.tokens import LIFETIME_SECONDS


def routes(surface: Surface) -> list[Route]:
    """The routes below `/signin`."""
    addresses, issuer = surface.addresses, surface.issuer

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
                "token_endpoint_auth_methods_supported": ["client_secret_post"],
            }
        )

    async def token(request: Request) -> Response:
        form = await request.form()
        client_id, secret = str(form.get("client_id", "")), str(form.get("client_secret", ""))
        audience = str(form.get("resource") or form.get("scope", "")).removesuffix("/.default")
        if form.get("grant_type") != "client_credentials":
            return _refused("unsupported_grant_type", "AADSTS70003: only client_credentials are known here.")
        if not client_id or not issuer.is_secret(secret):
            return _refused(
                "invalid_client",
                "AADSTS7000215: Invalid client secret provided. It has to be the content of the server's token file.",
            )
        return JSONResponse(
            {
                "token_type": "Bearer",
                "expires_in": LIFETIME_SECONDS,
                "ext_expires_in": LIFETIME_SECONDS,
                "resource": audience,
                "access_token": issuer.issue(client_id, audience),
            }
        )

    return [
        Route("/signin/{tenant}/v2.0/.well-known/openid-configuration", configuration),
        Route("/signin/{tenant}/.well-known/openid-configuration", configuration),
        Route("/signin/{tenant}/oauth2/v2.0/token", token, methods=["POST"]),
        Route("/signin/{tenant}/oauth2/token", token, methods=["POST"]),
    ]


def _refused(code: str, description: str) -> Response:
    return JSONResponse({"error": code, "error_description": description}, status_code=401)
