"""IAM: its resources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fogbank.core.service import Service
from fogbank.services.iam import account_records, arns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fogbank.core.call import Call
    from fogbank.core.service import Input


def tags(call: Call, _req: Input, arn: str) -> Mapping[str, str]:
    """The tags of what an ARN names."""
    found = arns.tags_of(call, arn)
    return account_records.tags_of(call, arn) if found is None else found


iam = Service(
    "iam",
    resources={**arns.RESOURCES, **account_records.RESOURCES},
    tags=tags,
    keys=arns.policy_keys,
    modules=(
        "users",
        "groups",
        "roles",
        "service_linked_roles",
        "instance_profiles",
        "policies",
        "policy_versions",
        "attachments",
        "inline_policies",
        "tags",
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
