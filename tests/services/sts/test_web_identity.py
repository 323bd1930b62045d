"""AssumeRoleWithWebIdentity, with a provider of its own on this machine, over TLS.

Source: STS API Reference, AssumeRoleWithWebIdentity; IAM User Guide, "Available keys for AWS OIDC federation", "Pass session tags in
AWS STS", "Obtain the thumbprint for an OpenID Connect identity provider".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore import UNSIGNED

from fogbank.core.identity.oidc_keys import KeySets
from fogbank.services.sts import web_identity
from services.helpers import code, refusal
from services.sts.made import make_role, policy, session, trust
from services.sts.provider import Provider, token, unsigned
from support.region import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.region import LocalRegion

ACTION = "sts:AssumeRoleWithWebIdentity"


@pytest.fixture
def provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """A provider that runs, and nothing kept of an earlier one."""
    monkeypatch.setattr(web_identity, "KEY_SETS", KeySets(web_identity.get))
    with Provider(tmp_path) as made:
        yield made


@pytest.fixture
def sts(region: LocalRegion) -> Any:
    """A client without credentials."""
    return region.client("sts", signature_version=UNSIGNED)


def trusting(region: LocalRegion, provider: Provider, action: Any = ACTION, **conditions: Any) -> str:
    """A role that trusts the provider, which is known; the role's ARN."""
    iam = region.client("iam")
    known = {each["Arn"] for each in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]}
    if f"arn:aws:iam::{ACCOUNT}:oidc-provider/{provider.url}" not in known:
        iam.create_open_id_connect_provider(
            Url=provider.issuer, ClientIDList=["app", "other"], ThumbprintList=[provider.thumbprint]
        )
    who = {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{provider.url}"}
    given = {"StringEquals": {f"{provider.url}:aud": "app", f"{provider.url}:sub": "user-1"}}
    return make_role(region, trust(who, action, **(conditions or given)))


def assume(sts: Any, role: str, text: str, **more: Any) -> Any:
    return sts.assume_role_with_web_identity(RoleArn=role, RoleSessionName="s1", WebIdentityToken=text, **more)


def refused(sts: Any, role: str, text: str, **more: Any) -> str:
    given = {"RoleArn": role, "RoleSessionName": "s1", "WebIdentityToken": text}
    return code(sts.assume_role_with_web_identity, **given, **more)


@pytest.mark.parametrize("alg", ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"])
def test_a_token_becomes_credentials(region: LocalRegion, sts: Any, provider: Provider, alg: str) -> None:
    answer = assume(sts, trusting(region, provider), provider.token(alg=alg))
    assert answer["SubjectFromWebIdentityToken"] == "user-1"
    assert (answer["Audience"], answer["Provider"]) == ("app", provider.issuer)
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/s1"
    identity = session(region, answer["Credentials"], "sts").get_caller_identity()
    assert identity["Arn"] == answer["AssumedRoleUser"]["Arn"]
    assert session(region, answer["Credentials"]).list_buckets()


def test_the_keys_are_fetched_once(region: LocalRegion, sts: Any, provider: Provider) -> None:
    role = trusting(region, provider)
    for _ in range(3):
        assert assume(sts, role, provider.token())
    assert provider.asked == ["/.well-known/openid-configuration", "/keys"]


def test_new_keys_are_fetched_when_a_token_needs_them(region: LocalRegion, sts: Any, provider: Provider) -> None:
    role = trusting(region, provider)
    assert assume(sts, role, provider.token())
    provider.rotate()
    assert refused(sts, role, provider.token()) == "InvalidIdentityToken"  # not twice in half a minute
    assert len(provider.asked) == 2
    region.advance(seconds=31)
    assert assume(sts, role, provider.token(later=31))
    assert len(provider.asked) == 4


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": "user-2"},
        {"aud": "other"},
        {"aud": ["app", "x"], "azp": "other"},
    ],
    ids=str,
)
def test_a_token_that_the_trust_policy_does_not_take(
    region: LocalRegion, sts: Any, provider: Provider, claims: Any
) -> None:
    error = refusal(
        sts.assume_role_with_web_identity,
        RoleArn=trusting(region, provider),
        RoleSessionName="s1",
        WebIdentityToken=provider.token(**claims),
    )
    assert (error["Code"], error["Status"]) == ("AccessDenied", 403)
    assert error["Message"] == f"Not authorized to perform {ACTION}"


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"exp": -1}, "ExpiredTokenException"),
        ({"exp": None}, "InvalidIdentityToken"),
        ({"iat": None}, "InvalidIdentityToken"),
        ({"exp": "tomorrow"}, "InvalidIdentityToken"),
        ({"exp": True}, "InvalidIdentityToken"),
        ({"exp": 10**400}, "InvalidIdentityToken"),
        ({"iat": 3600}, "IDPRejectedClaim"),
        ({"nbf": 3600}, "IDPRejectedClaim"),
        ({"sub": None}, "InvalidIdentityToken"),
        ({"sub": 7}, "InvalidIdentityToken"),
        ({"sub": "x" * 256}, "InvalidIdentityToken"),
        ({"aud": None}, "InvalidIdentityToken"),
        ({"aud": "nobody"}, "InvalidIdentityToken"),
        ({"aud": ["app", "other"]}, "InvalidIdentityToken"),
        ({"aud": []}, "InvalidIdentityToken"),
        ({"aud": {"a": "app"}}, "InvalidIdentityToken"),
        ({"azp": "nobody"}, "InvalidIdentityToken"),
        ({"azp": ["app"]}, "InvalidIdentityToken"),
        ({"iss": None}, "InvalidIdentityToken"),
        ({"iss": "https://accounts.example.com"}, "InvalidIdentityToken"),
        ({"iss": "http://localhost"}, "InvalidIdentityToken"),
        ({"amr": ["x" * 200] * 20}, "IDPRejectedClaim"),
        ({"email": "x" * 3000}, "IDPRejectedClaim"),
        ({"https://aws.amazon.com/tags": []}, "IDPRejectedClaim"),
        ({"https://aws.amazon.com/tags": {"principal_tags": {"a": 1}}}, "IDPRejectedClaim"),
        ({"https://aws.amazon.com/tags": {"principal_tags": {"a": ["1", "2"]}}}, "IDPRejectedClaim"),
        ({"https://aws.amazon.com/source_identity": "a b"}, "IDPRejectedClaim"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_claims_that_are_refused(region: LocalRegion, sts: Any, provider: Provider, claims: Any, expected: str) -> None:
    assert refused(sts, trusting(region, provider), provider.token(**claims)) == expected


def test_forged_tokens(region: LocalRegion, sts: Any, provider: Provider) -> None:
    role = trusting(region, provider)
    good = provider.token()
    head, body, signature = good.split(".")
    stranger = provider.stranger()
    forged = {
        "no signature": unsigned(provider.claims(), {"alg": "none"}),
        "none, in capitals": unsigned(provider.claims(), {"alg": "NONE", "kid": "RS256"}),
        "the public key as a shared secret": provider.confused(),
        "another key with its id": stranger.token(claims=provider.claims()),
        "an id that is not there": token(provider.claims(), provider.keys["RS256"], "RS256", "x"),
        "no id, and several keys": token(provider.claims(), provider.keys["ES256"], "RS256", None, really="ES256"),
        "an algorithm of another key": token(
            provider.claims(), provider.keys["RS256"], "ES256", "RS256", really="RS256"
        ),
        "an id that is a number": unsigned(provider.claims(), {"alg": "RS256", "kid": 7}),
        "a list of algorithms": unsigned(provider.claims(), {"alg": ["RS256"], "kid": "RS256"}),
        "a critical extension": token(provider.claims(), provider.keys["RS256"], "RS256", "RS256", crit=["b64"]),
        "its own key": stranger.token(claims=provider.claims(), with_key=True),
        "other claims": f"{head}.{unsigned(provider.claims(sub='user-2'), {}).split('.')[1]}.{signature}",
        "a signature cut": good[:-8],
        "no signature at all": f"{head}.{body}.",
        "two parts": f"{head}.{body}",
        "four parts": f"{good}.{signature}",
        "padding": f"{head}=.{body}.{signature}",
        "no base64": "a!.b!.c!",
        "text": "no token at all",
        "deep": unsigned("[" * 5000, {"alg": "RS256"}),
        "twice": unsigned('{"iss":"a","iss":"b"}', {"alg": "RS256"}),
        "NaN": unsigned('{"iss":NaN}', {"alg": "RS256"}),
        "a list": unsigned("[]", {"alg": "RS256"}),
    }
    found = {what: refused(sts, role, text) for what, text in forged.items()}
    assert set(found.values()) == {"InvalidIdentityToken"}, found
    assert assume(sts, role, good)


def test_what_a_provider_may_not_publish(region: LocalRegion, sts: Any, provider: Provider) -> None:
    role = trusting(region, provider)
    wrong = {
        "another issuer": {"discovery": {"issuer": "https://example.com", "jwks_uri": f"{provider.issuer}/keys"}},
        "no keys": {"discovery": {"issuer": provider.issuer}},
        "keys without TLS": {"discovery": {"issuer": provider.issuer, "jwks_uri": "http://localhost/keys"}},
        "a file": {"discovery": {"issuer": provider.issuer, "jwks_uri": "file:///etc/passwd"}},
        "no JSON": {"discovery": "<html>"},
        "an error": {"status": 500},
        "a redirect": {"status": 302},
        "too much": {"jwks": {"keys": [], "more": "x" * 300_000}},
        "no set": {"jwks": {"keys": {}}},
        "too many": {"jwks": {"keys": [{}] * 101}},
    }
    found = {}
    for what, published in wrong.items():
        web_identity.KEY_SETS = KeySets(web_identity.get)
        provider.publish(**published)
        found[what] = refused(sts, role, provider.token())
    assert set(found.values()) == {"IDPCommunicationError"}, found
    web_identity.KEY_SETS = KeySets(web_identity.get)
    provider.publish(jwks={"keys": [{"kty": "RSA"}, {"kty": "oct", "k": "AA"}, {"kty": "EC", "crv": "P-256"}, 7]})
    assert refused(sts, role, provider.token()) == "InvalidIdentityToken"  # none of them is a key


def test_a_provider_that_is_away_is_not_asked_again_at_once(region: LocalRegion, sts: Any, provider: Provider) -> None:
    role = trusting(region, provider)
    provider.publish(status=503)
    assert [refused(sts, role, provider.token()) for _ in range(3)] == ["IDPCommunicationError"] * 3
    assert len(provider.asked) == 1
    provider.publish()
    region.advance(seconds=31)
    assert assume(sts, role, provider.token(later=31))


def test_keys_stay_good_while_a_provider_is_away(region: LocalRegion, sts: Any, provider: Provider) -> None:
    role = trusting(region, provider)
    assert assume(sts, role, provider.token())
    provider.publish(status=503)
    region.advance(seconds=31)
    unknown = token(provider.claims(31), provider.keys["RS256"], "RS256", "x")
    assert refused(sts, role, unknown) == "InvalidIdentityToken"
    assert len(provider.asked) == 3
    assert assume(sts, role, provider.token(later=31))
    region.advance(seconds=3600)
    assert refused(sts, role, provider.token(later=3631)) == "IDPCommunicationError"  # but not for ever


def test_a_certificate_that_no_thumbprint_names(region: LocalRegion, sts: Any, provider: Provider) -> None:
    role = trusting(region, provider)
    arn = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{provider.url}"
    change = region.client("iam").update_open_id_connect_provider_thumbprint
    change(OpenIDConnectProviderArn=arn, ThumbprintList=["00" * 20])
    assert refused(sts, role, provider.token()) == "IDPCommunicationError"
    assert provider.asked == []
    change(OpenIDConnectProviderArn=arn, ThumbprintList=[provider.thumbprint])
    assert assume(sts, role, provider.token())


def test_a_provider_or_role_that_is_not_there(region: LocalRegion, sts: Any, provider: Provider) -> None:
    role = trusting(region, provider)
    assert refused(sts, f"{role}x", provider.token()) == "AccessDenied"
    assert refused(sts, "arn:aws:iam::1:role/worker", provider.token()) == "AccessDenied"
    assert refused(sts, role.replace(ACCOUNT, "111122223333"), provider.token()) == "InvalidIdentityToken"
    arn = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{provider.url}"
    assert assume(sts, role, provider.token())
    region.client("iam").delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert refused(sts, role, provider.token()) == "InvalidIdentityToken"


def test_without_a_good_token_nothing_is_learnt_of_roles(region: LocalRegion, sts: Any, provider: Provider) -> None:
    role = trusting(region, provider)
    bad = [provider.stranger().token(), provider.token(aud="nobody"), "x.y.z", provider.token(exp=-1)]
    assert [refused(sts, role, each) for each in bad] == [refused(sts, f"{role}x", each) for each in bad]


def test_no_transaction_is_open_while_keys_are_fetched(
    region: LocalRegion, sts: Any, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    role = trusting(region, provider)
    arn = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{provider.url}"

    def slow(url: str, thumbprints: tuple[str, ...]) -> bytes:
        """Meanwhile the provider's clients change."""
        change = region.client("iam").remove_client_id_from_open_id_connect_provider
        change(OpenIDConnectProviderArn=arn, ClientID="app")
        return web_identity.get(url, thumbprints)

    monkeypatch.setattr(web_identity, "KEY_SETS", KeySets(slow))
    assert refused(sts, role, provider.token()) == "InvalidIdentityToken"
    assert provider.asked == ["/.well-known/openid-configuration", "/keys"]


def test_tags_and_a_source_identity_in_the_token(region: LocalRegion, sts: Any, provider: Provider) -> None:
    claims = {
        "https://aws.amazon.com/tags": {"principal_tags": {"team": ["blue"]}, "transitive_tag_keys": ["team"]},
        "https://aws.amazon.com/source_identity": "user-1",
        "amr": ["pwd", "otp"],
    }
    actions = [ACTION, "sts:TagSession", "sts:SetSourceIdentity"]
    wanted = {
        "StringEquals": {"aws:RequestTag/team": "blue", "sts:SourceIdentity": "user-1"},
        "ForAnyValue:StringEquals": {f"{provider.url}:amr": "otp"},
    }
    role = trusting(region, provider, actions, **wanted)
    answer = assume(sts, role, provider.token(**claims))
    assert answer["SourceIdentity"] == "user-1"
    keys = {"aws:PrincipalTag/team": "blue", f"{provider.url}:sub": "user-1"}
    seen = policy(
        {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*", "Condition": {"StringEquals": keys}}
    )
    region.client("iam").put_role_policy(RoleName="worker", PolicyName="may", PolicyDocument=seen)
    assert session(region, answer["Credentials"]).list_buckets()
    document = policy(trust({"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{provider.url}"}, ACTION))
    region.client("iam").update_assume_role_policy(RoleName="worker", PolicyDocument=document)
    assert refused(sts, role, provider.token(**claims)) == "AccessDenied"


def test_limits(region: LocalRegion, sts: Any, provider: Provider) -> None:
    role = trusting(region, provider)
    assert refused(sts, role, provider.token(), DurationSeconds=3601) == "ValidationError"
    assert refused(sts, role, provider.token(), Policy="{}") == "MalformedPolicyDocument"
    assert refused(sts, role, "x" * 20_001) == "ValidationError"
    limited = assume(sts, role, provider.token(), Policy=policy({"Effect": "Deny", "Action": "s3:*", "Resource": "*"}))
    assert code(session(region, limited["Credentials"]).list_buckets) == "AccessDenied"


def test_tokens_are_not_logged(region: LocalRegion, sts: Any, provider: Provider) -> None:
    text = provider.token(sub="user-9")
    error = refusal(
        sts.assume_role_with_web_identity,
        RoleArn=trusting(region, provider),
        RoleSessionName="s1",
        WebIdentityToken=text,
    )
    assert not any(part in error["Message"] for part in text.split("."))
    assert all(part.encode() not in b"".join(region.lines) for part in text.split("."))
