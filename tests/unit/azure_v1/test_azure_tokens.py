"""One access token for many callers: when it is renewed, and what an outage of the sign-in does."""

from __future__ import annotations

from typing import Any

import pytest

from azureml_workspace.azure_v1 import credentials
from azureml_workspace.azure_v1.advice import advised
from azureml_workspace.azure_v1.clouds import cloud_of
from azureml_workspace.azure_v1.credentials import AccessToken
from azureml_workspace.errors import ServiceUnavailable
from azureml_workspace.settings import AzureSettings

pytestmark = pytest.mark.unit

HOUR = 3600


class SignIn:
    """A credential whose tokens live an hour of the scripted clock; like MSAL's it gives the same while it is good."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.made = 0
        self.asked = 0
        self.down = False

    def credential(self, *_: Any) -> Any:
        self.made += 1
        return _Credential(self, self.made)


class _Credential:
    def __init__(self, sign_in: SignIn, number: int) -> None:
        self.sign_in, self.number, self.issued_at = sign_in, number, float("-inf")

    def get_token(self, *_scopes: str) -> Any:
        from azure.core.credentials import AccessToken as Issued
        from azure.core.exceptions import ServiceRequestError

        self.sign_in.asked += 1
        if self.sign_in.down:
            raise ServiceRequestError("no route")
        if self.sign_in.now - self.issued_at > HOUR - 300:
            self.issued_at = self.sign_in.now
        return Issued(f"token-{self.number}-{self.issued_at:.0f}", int(self.issued_at) + HOUR)


@pytest.fixture
def sign_in(monkeypatch: pytest.MonkeyPatch) -> SignIn:
    scripted = SignIn()
    monkeypatch.setattr(credentials, "_credential", scripted.credential)
    return scripted


def token_of(scripted: SignIn, secrets: list[str] | None = None, **settings: Any) -> AccessToken:
    given = AzureSettings(subscription_id="s", resource_group="g", workspace_name="w", **settings)
    told = [] if secrets is None else secrets
    return AccessToken(given, cloud_of(given), told.append, clock=lambda: scripted.now)


def test_a_token_is_used_until_five_minutes_before_its_end(sign_in: SignIn) -> None:
    told: list[str] = []
    token = token_of(sign_in, told, client_secret="hush-0123456789")
    first = token.get()
    sign_in.now += HOUR - 301
    assert token.get() == first
    sign_in.now += 2
    assert token.get() != first
    assert sign_in.asked == 2
    assert told == ["hush-0123456789", first, token.get()]


def test_a_refused_token_is_not_given_again_out_of_a_cache(sign_in: SignIn) -> None:
    token = token_of(sign_in)
    first = token.get()
    token.forget(first)
    second = token.get()
    assert second != first
    token.forget(first)  # by a request that was sent before: nobody refused the new one
    assert token.get() == second
    assert sign_in.made == 2


def test_a_person_is_not_asked_twice(sign_in: SignIn) -> None:
    token = token_of(sign_in, sign_in="interactive")
    token.forget(token.get())
    token.get()
    assert sign_in.made == 1


def test_an_outage_of_the_sign_in_is_borne_while_the_token_lasts(sign_in: SignIn) -> None:
    token = token_of(sign_in)
    first = token.get()
    sign_in.down = True
    sign_in.now += HOUR - 60
    assert token.get() == first
    sign_in.now += 45
    with pytest.raises(ServiceUnavailable):
        token.get()
    sign_in.down = False
    assert token.get() != first


@pytest.mark.parametrize(
    ("message", "advice"),
    [
        ("AADSTS7000222: The provided client secret keys are expired.", "make a new one"),
        ("AADSTS700016: Application not found", "check the connection's login and tenant_id"),
        ("Unable to get authority configuration. Also please double check your tenant name", "check tenant_id"),
        ("The subscription was not found. (SubscriptionNotFound)", "Check subscription_id"),
        ("Resource group 'g' could not be found. (ResourceGroupNotFound)", "Check resource_group"),
        ("was not found. (ResourceNotFound)", "Check workspace_name"),
        ("token is from the wrong issuer (InvalidAuthenticationTokenTenant)", "another tenant"),
    ],
)
def test_codes_of_azure_are_explained(message: str, advice: str) -> None:
    assert advised(message).startswith(message)
    assert advice in advised(message)


def test_what_is_not_known_stays_as_it_is() -> None:
    assert advised("AADSTS1: Whatever (SomethingElse)") == "AADSTS1: Whatever (SomethingElse)"
