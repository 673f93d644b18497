"""What to do about the codes that Azure's sign-in and Resource Manager refuse with.

Codes: https://learn.microsoft.com/entra/identity-platform/reference-error-codes and
https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors.
"""

from __future__ import annotations

import re

STORAGE_REFUSED = "StreamAccess.Authentication"
"""In the words of the SDK's data library, when storage refused it."""
_ADVICE = {
    "AADSTS90002": "No directory of this cloud has that tenant ID: check tenant_id, and the cloud.",
    "AADSTS900023": "tenant_id must be the directory's ID (a GUID) or one of its domains.",
    "AADSTS700016": "No application with that client ID is in this tenant: check the connection's login and tenant_id.",
    "AADSTS7000215": "The client secret is wrong: the password has to be the secret's value, not its ID.",
    "AADSTS7000222": "The client secret has expired: make a new one (Microsoft Entra ID, App registrations, the "
    "application, Certificates & secrets) and put it into the connection's password.",
    "AADSTS7000112": "The application is disabled: enable it (Microsoft Entra ID, Enterprise applications).",
    "AADSTS700027": "The certificate is not one of the application's, or has expired: upload it (Microsoft Entra ID, "
    "App registrations, the application, Certificates & secrets).",
    "AADSTS700024": "The clock of this machine is wrong, or the certificate is not valid yet.",
    "AADSTS70021": "The application has no federated credential for this pod: check its issuer, subject and audience.",
    "AADSTS700213": "The application has no federated credential for this pod: check its issuer, subject and audience.",
    "AADSTS700211": "The application has no federated credential for this pod: check its issuer, subject and audience.",
    "AADSTS500011": "This tenant does not know Azure's Resource Manager by that address: check the cloud.",
    "AADSTS50076": "The account needs a second factor: sign in with a service principal or a managed identity instead.",
    "AADSTS53003": "A Conditional Access policy forbids it: ask who administers the directory.",
    "CLI_LOGIN": "Run `az login` as the user that runs Airflow, or choose another sign_in.",
    "CLI_MISSING": "Install the Azure CLI on the machine that runs the task, or choose another sign_in.",
    "NO_MANAGED_IDENTITY": "This machine has no managed identity, or it is not Azure's: assign one, or choose another "
    "sign_in; a user-assigned one is named by its client ID in the connection's login.",
    "SubscriptionNotFound": "Check subscription_id, and whether it belongs to this tenant and cloud.",
    "InvalidSubscriptionId": "subscription_id must be the subscription's ID (a GUID).",
    "ResourceGroupNotFound": "Check resource_group.",
    "ResourceNotFound": "Check workspace_name.",
    "AuthorizationFailed": "Roles are given in the Azure portal (the resource, Access control (IAM), Add role "
    "assignment) and take some minutes to count.",
    "STORAGE_ACCESS": "The storage account of the datastore lets nobody in from here with the key or SAS that the "
    "datastore keeps: see whether the account's firewall allows this machine, whether it allows shared keys (Settings, "
    "Configuration), and whether the key was changed (`az ml workspace sync-keys`).",
    "InvalidAuthenticationTokenTenant": "The subscription belongs to another tenant: check tenant_id.",
}
_SIGNS = {
    STORAGE_REFUSED: "STORAGE_ACCESS",
    "double check your tenant name": "AADSTS90002",
    "az login": "CLI_LOGIN",
    "Azure CLI not found": "CLI_MISSING",
    "ManagedIdentityCredential authentication unavailable": "NO_MANAGED_IDENTITY",
    "No managed identity endpoint": "NO_MANAGED_IDENTITY",
}
_CODE = re.compile(r"\b(?:AADSTS\d+|[A-Z][A-Za-z]+)\b")


def advised(message: str) -> str:
    """`message`, and behind it what to do about the first code in it that is known."""
    codes = [code for sign, code in _SIGNS.items() if sign in message] + _CODE.findall(message)
    advice = next((_ADVICE[code] for code in codes if code in _ADVICE), None)
    return message if advice is None else f"{message.rstrip()} {advice}"
