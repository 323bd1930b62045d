"""IAM: its resources."""

from __future__ import annotations

from fogbank.core.service import Service
from fogbank.services.iam.account_records import RESOURCES, tags_of

iam = Service(
    "iam",
    resources={"user": "arn:aws:iam::{account}:user/{UserName}", **RESOURCES},
    tags=lambda call, _req, arn: tags_of(call, arn),
    modules=(
        "users",
        "groups",
        "access_keys",
        "login_profiles",
        "mfa",
        "providers_oidc",
        "providers_saml",
        "certificates",
        "ssh_keys",
        "service_credentials",
        "account",
        "report",
        "simulate",
        "last_accessed",
        "authorization_details",
    ),
)
