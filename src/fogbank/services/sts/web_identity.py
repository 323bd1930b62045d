"""AssumeRoleWithWebIdentity: the session of a role that trusts an OpenID Connect provider, for a token of that provider.

Source: STS API Reference, AssumeRoleWithWebIdentity; IAM User Guide, "Available keys for AWS OIDC federation".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fogbank.core.errors import AwsError
from fogbank.core.identity.oidc_fetch import get
from fogbank.core.identity.oidc_keys import KeySets
from fogbank.core.identity.records import oidc_providers
from fogbank.core.identity.tokens_oidc import issuer_of, url_of, verify
from fogbank.core.principal import Principal
from fogbank.core.service import NO_PERMISSION_NEEDED, Permission
from fogbank.services.sts.assume_role import assumed
from fogbank.services.sts.grants import checked_tags, credentials, new_session, pack, role_duration, session_policies
from fogbank.services.sts.roles import account_in, find_role, trust_of
from fogbank.services.sts.service import sts

if TYPE_CHECKING:
    from types_boto3_sts.type_defs import AssumeRoleWithWebIdentityRequestTypeDef

    from fogbank.core.call import Call
    from fogbank.core.identity.records import OidcProvider
    from fogbank.core.identity.tokens_oidc import Claims
    from fogbank.core.principal import Value
    from fogbank.core.service import Input, Work

KEY_SETS: Final = KeySets(get)


def prepare(call: Call, req: Input) -> Work:
    """Verify the token, for which the provider's keys may have to be fetched. Comes before any look at the role: who has no good token
    learns nothing of which roles there are."""
    account, token, now = account_in(req["RoleArn"]), req["WebIdentityToken"], call.now
    if account is None:
        raise refused("sts:AssumeRoleWithWebIdentity")
    issuer = issuer_of(token)
    provider = oidc_providers.get(call.tx, account, url_of(issuer))
    if provider is None:
        raise unknown(issuer)
    return lambda: (provider, verify(token, provider, KEY_SETS, now))


@sts.operation(
    "scan",
    "role",
    takes="RoleArn RoleSessionName WebIdentityToken PolicyArns Policy DurationSeconds",
    action=NO_PERMISSION_NEEDED,
    policy=trust_of,
    anonymous=True,
    prepare=prepare,
)
def assume_role_with_web_identity(call: Call, req: AssumeRoleWithWebIdentityRequestTypeDef) -> dict[str, Any]:
    """Temporary credentials of a role, for whoever has a token that the role's trust policy takes."""
    found = find_role(call.tx, req["RoleArn"])
    if found is None:
        raise refused("sts:AssumeRoleWithWebIdentity")
    account, role = found
    claims = verified(call, account)
    provider = f"arn:aws:iam::{account}:oidc-provider/{claims.url}"
    need_trust(call, req, account, provider, claims)
    inline, arns = session_policies(call.tx, req, account)
    tags = checked_tags([{"Key": key, "Value": value} for key, value in claims.tags.items()])
    given = pack(inline, arns, tags, claims.transitive, {})
    session = new_session(
        call, account, of="role", name=role.name, id=role.id, label=req["RoleSessionName"],
        lasts=role_duration(req, role, chained=False), scoped=bool(inline or arns), policies=inline, arns=arns,
        tags=given.tags, transitive=given.transitive, source_identity=claims.source_identity, provider=provider,
        keys=claims.keys,
    )  # fmt: skip
    told = {
        "Credentials": credentials(call, session),
        "SubjectFromWebIdentityToken": claims.subject,
        "AssumedRoleUser": assumed(role, session),
        "Provider": claims.issuer,
        "Audience": claims.audience,
        **given.told,
    }
    return told | ({"SourceIdentity": claims.source_identity} if claims.source_identity else {})


def verified(call: Call, account: str) -> Claims:
    """What the token says, if the provider that it was verified for is still the account's, as it was."""
    provider: OidcProvider
    claims: Claims
    provider, claims = call.prepared
    if oidc_providers.get(call.tx, account, provider.url) != provider:
        raise unknown(claims.issuer)
    return claims


def need_trust(call: Call, req: Input, account: str, provider: str, claims: Claims) -> None:
    """Raise unless the role trusts the provider's user, with the tags and the source identity that the token gives."""
    who = Principal("federated", account, provider, claims.subject, provider=provider, keys=dict(claims.keys))
    keys: dict[str, Value] = {"aws:federatedprovider": provider, "sts:rolesessionname": req["RoleSessionName"]}
    keys |= {f"aws:requesttag/{key.lower()}": value for key, value in claims.tags.items()}
    if claims.tags:
        keys["aws:tagkeys"] = tuple(claims.tags)
    if claims.transitive:
        keys["sts:transitivetagkeys"] = claims.transitive
    if claims.source_identity:
        keys["sts:sourceidentity"] = claims.source_identity
    actions = ["sts:AssumeRoleWithWebIdentity"]
    actions += ["sts:TagSession"] if claims.tags else []
    actions += ["sts:SetSourceIdentity"] if claims.source_identity else []
    for action in actions:
        if not call.may(Permission(action, req["RoleArn"], req, keys, needs_policy=True), account, who):
            raise refused(action)


def unknown(issuer: str) -> AwsError:
    """The error for a token of an issuer that is no provider of the account."""
    what = f"No OpenIDConnect provider found in your account for {issuer}"
    return AwsError("InvalidIdentityToken", what, status=400)


def refused(action: str) -> AwsError:
    """The error for a token that the role does not trust, and for a role that is not there."""
    return AwsError("AccessDenied", f"Not authorized to perform {action}", status=403)
