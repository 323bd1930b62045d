"""Events: who made a request, as CloudTrail says it; nothing secret; and nothing that a caller sends breaks or grows them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fogbank.auth.policy import Decision
from fogbank.core.authorize import Asked
from fogbank.core.principal import ANONYMOUS, Principal, Session, root_of
from fogbank.gateway import shown as shown_module
from fogbank.gateway.event import told
from fogbank.gateway.record import Record
from fogbank.gateway.shown import HIDDEN, is_secret, shown
from fogbank.gateway.user_identity import user_identity
from fogbank.region.events import KINDS, MOST_LINE, time_of
from fogbank.services import registry
from fogbank.wire import HttpRequest, load

if TYPE_CHECKING:
    from fogbank.wire.model import Shape
    from support.region import LocalRegion

ACCOUNT = "123456789012"
ISSUED = int(datetime(2026, 11, 24, 10, 0, tzinfo=UTC).timestamp())
ANSWERED = 1_700_000_000_000_000
MARK = "ThisIsTheSecret"


def session(of: Any, name: str, identifier: str, **more: Any) -> Session:
    given: dict[str, Any] = {
        "secret": MARK,
        "account": ACCOUNT,
        "label": "s1",
        "issued": ISSUED,
        "expires": ISSUED + 3600,
    }
    return Session(key_id="ASIA1", of=of, name=name, id=identifier, **(given | more))


def principal(kind: Any, arn: str, identifier: str, **more: Any) -> Principal:
    return Principal(kind=kind, account=ACCOUNT, arn=arn, id=identifier, **more)


def role(**more: Any) -> Principal:
    arn, issuer = f"arn:aws:sts::{ACCOUNT}:assumed-role/R/s1", f"arn:aws:iam::{ACCOUNT}:role/path/R"
    made = session("role", "R", "AROA1", **more)
    return principal("role", arn, "AROA1:s1", access_key_id="ASIA1", issuer=issuer, name="R", session=made)


def test_identity_of_a_user() -> None:
    """CloudTrail User Guide, "CloudTrail userIdentity element": with IAM user credentials."""
    arn = f"arn:aws:iam::{ACCOUNT}:user/Alice"
    assert user_identity(principal("user", arn, "AIDA1", access_key_id="AKIA1", issuer=arn, name="Alice")) == {
        "type": "IAMUser", "principalId": "AIDA1", "arn": arn, "accountId": ACCOUNT, "accessKeyId": "AKIA1", "userName": "Alice",
    }  # fmt: skip


def test_identity_of_a_root() -> None:
    assert user_identity(root_of(ACCOUNT, "AKIA1")) == {
        "type": "Root", "principalId": ACCOUNT, "arn": f"arn:aws:iam::{ACCOUNT}:root", "accountId": ACCOUNT, "accessKeyId": "AKIA1",
    }  # fmt: skip


def test_identity_of_a_role_session() -> None:
    """The same page: with temporary security credentials, from assuming a role."""
    assert user_identity(role(source_identity="ann", mfa=ISSUED)) == {
        "type": "AssumedRole", "principalId": "AROA1:s1", "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/R/s1", "accountId": ACCOUNT,
        "accessKeyId": "ASIA1",
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role", "principalId": "AROA1", "arn": f"arn:aws:iam::{ACCOUNT}:role/path/R", "accountId": ACCOUNT,
                "userName": "R",
            },
            "attributes": {"creationDate": "2026-11-24T10:00:00Z", "mfaAuthenticated": "true"},
            "sourceIdentity": "ann",
        },
    }  # fmt: skip


def test_identity_of_a_federated_role_session() -> None:
    provider = "arn:aws:iam::123456789012:oidc-provider/idp.example"
    made = user_identity(role(provider=provider, keys={"idp.example:sub": "u1"}))
    assert made["sessionContext"]["webIdFederationData"] == {
        "federatedProvider": provider,
        "attributes": {"idp.example:sub": "u1"},
    }


def test_identity_of_a_users_session() -> None:
    """GetSessionToken: an IAMUser whose sessionContext has attributes and no issuer."""
    arn = f"arn:aws:iam::{ACCOUNT}:user/Alice"
    made = principal("user", arn, "AIDA1", issuer=arn, name="Alice", session=session("user", "Alice", "AIDA1"))
    found = user_identity(made)
    assert found["type"] == "IAMUser"
    attributes = {"creationDate": "2026-11-24T10:00:00Z", "mfaAuthenticated": "false"}
    assert found["sessionContext"] == {"attributes": attributes}


@pytest.mark.parametrize(("name", "issuer"), [("Alice", "IAMUser"), ("", "Root")])
def test_identity_of_a_federated_user(name: str, issuer: str) -> None:
    arn = f"arn:aws:sts::{ACCOUNT}:federated-user/s1"
    made = principal(
        "federated", arn, f"{ACCOUNT}:s1", issuer=arn, session=session("federated", name, "AIDA1" if name else "")
    )
    found = user_identity(made)
    assert (found["type"], found["principalId"], found["arn"]) == ("FederatedUser", f"{ACCOUNT}:s1", arn)
    assert found["sessionContext"]["sessionIssuer"]["type"] == issuer


def test_identity_of_a_service_and_of_nobody() -> None:
    service = principal("service", "", "", service="lambda.amazonaws.com")
    assert user_identity(service) == {"type": "AWSService", "invokedBy": "lambda.amazonaws.com"}
    assert user_identity(ANONYMOUS)["type"] == "AWSAccount"


@pytest.mark.parametrize(
    ("operation", "result", "expected"),
    [
        (
            "AssumeRoleWithWebIdentity",
            {"Provider": "https://idp.example", "Audience": "app", "SubjectFromWebIdentityToken": "u1"},
            {"type": "WebIdentityUser", "principalId": "https://idp.example:app:u1", "userName": "u1",
             "identityProvider": "https://idp.example"},
        ),
        (
            "AssumeRoleWithSAML",
            {"NameQualifier": "SampleUkh1i4=", "Subject": "SamlExample", "Issuer": "https://idp.example"},
            {"type": "SAMLUser", "principalId": "SampleUkh1i4=:SamlExample", "userName": "SamlExample",
             "identityProvider": "SampleUkh1i4="},
        ),
    ],
)  # fmt: skip
def test_identity_of_whom_a_provider_names(operation: str, result: Any, expected: Any) -> None:
    """The same page: "Values for AWS STS APIs with SAML and web identity federation"."""
    record = record_of("sts", operation, {"RoleArn": "r"}, principal=ANONYMOUS, result=result)
    event = told(record, 200, 1, ANSWERED)
    assert json.loads(event.line)["userIdentity"] == expected
    assert (event.kind, event.lasting) == ("management", True)


def test_the_time_is_when_it_was_answered() -> None:
    """CloudTrail: "The date and time the request was completed", however long a body was on its way."""
    event = json.loads(told(record_of("s3", "PutObject", {"Bucket": "b", "Key": "k"}), 200, 1, ANSWERED).line)
    assert event["eventTime"] == "2023-11-14T22:13:20Z"


def test_the_role_that_is_assumed_is_a_resource() -> None:
    """CloudTrail User Guide, "Logging IAM and AWS STS API calls": AssumeRole's example."""
    record = record_of("sts", "AssumeRole", {"RoleArn": "r"})
    arn = f"arn:aws:iam::{ACCOUNT}:role/path/R"
    record.asked = [Asked("sts:AssumeRole", arn, Decision(True, False, "resource", (), ()))]
    event = json.loads(told(record, 200, 1, ANSWERED).line)
    assert event["resources"] == [{"accountId": ACCOUNT, "type": "AWS::IAM::Role", "ARN": arn}]


@pytest.mark.parametrize("length", ["", "-1", "1.5", "9" * 5000, "٣", "0x10", " 1"])
def test_lengths_that_are_none(length: str) -> None:
    record = record_of("s3", "PutObject", {"Bucket": "b", "Key": "k"})
    record.request = HttpRequest("PUT", "/b/k", "", {"content-length": length})
    found = json.loads(told(record, 400, 1, ANSWERED).line)["additionalEventData"]["bytesTransferredIn"]
    assert found in (0, 3)


def test_tls_details() -> None:
    record = record_of("iam", "ListUsers", {})
    assert "tlsDetails" not in json.loads(told(record, 200, 1, ANSWERED).line)
    record.request = HttpRequest("POST", "/", "", {"host": "localhost:4566"}, scheme="https")
    assert json.loads(told(record, 200, 1, ANSWERED).line)["tlsDetails"] == {
        "clientProvidedHostHeader": "localhost:4566"
    }


def test_no_identity_has_the_sessions_secret() -> None:
    assert MARK not in json.dumps(user_identity(role()))


def filled(shape: Shape, depth: int = 0, *, secret: bool = False) -> Any:
    """An input with every member: `MARK` where it is secret, something else where not."""
    secret = secret or bool(shape.traits.get("sensitive"))
    if shape.type == "structure":
        if depth > 5:
            return {}
        return {name: filled(member, depth + 1, secret=secret) for name, member in shape.members.items()}
    if shape.type == "list":
        return [] if depth > 6 else [filled(shape.member, depth + 1, secret=secret)]
    if shape.type == "map":
        return {} if depth > 6 else {"k": filled(shape.value, depth + 1, secret=secret)}
    if shape.type == "blob":
        return MARK.encode() if secret else b"plain"
    return MARK if secret else "plain"


OPERATIONS = [bound for service in registry.services().values() for bound in service.operations.values()]


@pytest.mark.parametrize("service", [*registry.services(), "secretsmanager", "kms", "ssm", "cognito-idp", "rds"])
def test_what_models_call_sensitive_is_never_shown(service: str) -> None:
    for operation in load(service).operations.values():
        for shape in (operation.input, operation.output):
            if shape is not None:
                text = json.dumps(shown(shape, filled(shape)))
                assert MARK not in text, operation


@pytest.mark.parametrize(
    ("service", "operation", "values"),
    [
        ("iam", "CreateLoginProfile", {"UserName": "ann", "Password": MARK}),
        ("iam", "ChangePassword", {"OldPassword": MARK, "NewPassword": MARK}),
        ("iam", "UploadServerCertificate", {"ServerCertificateName": "c", "PrivateKey": MARK}),
        ("iam", "EnableMFADevice", {"UserName": "a", "AuthenticationCode1": MARK, "AuthenticationCode2": MARK}),
        ("sts", "GetSessionToken", {"SerialNumber": "n", "TokenCode": MARK}),
        ("sts", "AssumeRoleWithWebIdentity", {"RoleArn": "r", "WebIdentityToken": MARK}),
        ("sts", "AssumeRoleWithSAML", {"RoleArn": "r", "SAMLAssertion": MARK}),
        ("rds", "CreateDBInstance", {"DBInstanceIdentifier": "d", "MasterUserPassword": MARK}),
        ("ec2", "RunInstances", {"MaxCount": 1, "UserData": MARK}),
        ("mq", "CreateUser", {"Username": "u", "Password": MARK}),
        ("transfer", "CreateServer", {"HostKey": MARK}),
        ("secretsmanager", "PutSecretValue", {"SecretId": "s", "SecretString": MARK, "SecretBinary": MARK.encode()}),
        ("lambda", "CreateFunction", {"FunctionName": "f", "Environment": {"Variables": {"KEY": MARK}}}),
        ("events", "PutTargets", {"Rule": "r", "Targets": [{"Id": "1", "Arn": "a", "Input": MARK}]}),
        ("events", "PutTargets", {"Rule": "r", "Targets": [{"Id": "1", "InputTransformer": {"InputTemplate": MARK}}]}),
        ("events", "TestEventPattern", {"EventPattern": "{}", "Event": MARK}),
    ],
)
def test_inputs_that_are_secret(service: str, operation: str, values: dict[str, Any]) -> None:
    text = json.dumps(shown(load(service).operations[operation].input, values))
    assert MARK not in text
    assert HIDDEN in text


@pytest.mark.parametrize(
    "name",
    ["Password", "password", "MasterUserPassword", "clientSecret", "secretAccessKey", "sessionToken", "SessionToken", "PrivateKey",
     "certificatePrivateKey", "refreshToken", "accessToken", "idToken", "authorizationToken", "Token", "passphrase", "TokenCode",
     "WebIdentityToken", "SAMLAssertion", "QRCodePNG", "userData"],
)  # fmt: skip
def test_names_that_are_secret_in_any_case(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize(
    "name",
    ["UserName", "SecretId", "SecretArn", "NextToken", "ClientToken", "ClientRequestToken", "MaxPasswordAge", "AccessKeyId",
     "PasswordResetRequired", "PasswordLastUsed", "SubjectFromWebIdentityToken", "RemovePrivateKey", "Key", "PolicyDocument",
     "ServiceSpecificCredentialId", "PublicKey"],
)  # fmt: skip
def test_names_that_are_not_secret(name: str) -> None:
    assert not is_secret(name)


def test_keys_of_maps_are_looked_at_and_not_remembered() -> None:
    """A caller chooses them: they are cut, hidden by name, and no cache grows by them."""
    shape = load("s3").operations["PutObject"].input
    before = shown_module._is_secret.cache_info().currsize
    metadata = {"password": MARK, "x" * 100_000: "v", **{f"k{number}": "v" for number in range(100)}}
    made = shown(shape, {"Metadata": metadata})
    assert made is not None
    assert MARK not in json.dumps(made)
    assert all(len(name.encode()) <= 1024 for name in made["metadata"])
    assert shown_module._is_secret.cache_info().currsize <= before + 1


@pytest.mark.parametrize(
    ("service", "operation", "values"),
    [
        ("iam", "CreateAccessKey", {"AccessKey": {"AccessKeyId": "AKIA1", "SecretAccessKey": MARK}}),
        ("iam", "CreateVirtualMFADevice", {"VirtualMFADevice": {"Base32StringSeed": MARK.encode(), "QRCodePNG": MARK.encode()}}),
        ("iam", "CreateServiceSpecificCredential", {"ServiceSpecificCredential": {"ServicePassword": MARK}}),
        ("sts", "AssumeRole", {"Credentials": {"AccessKeyId": "ASIA1", "SecretAccessKey": MARK, "SessionToken": MARK}}),
    ],
)  # fmt: skip
def test_results_that_are_secret(service: str, operation: str, values: dict[str, Any]) -> None:
    text = json.dumps(shown(load(service).operations[operation].output, values))
    assert MARK not in text
    assert HIDDEN in text


def record_of(
    service: str, operation: str, values: Any = None, *, path: str = "/", agent: str = "", **more: Any
) -> Record:
    """A record as the gateway's steps leave it."""
    record = Record(
        HttpRequest("POST", path, "", {"user-agent": agent}, client="192.0.2.1"), "0" * 16, datetime.now(UTC)
    )
    found = load(service).operations[operation]
    bound = registry.operation(service, operation)
    identified: Any = SimpleNamespace(
        meaning=SimpleNamespace(service=service, operation=operation), operation=found, bound=bound, region="us-east-1"
    )
    record.identified, record.principal, record.input = identified, root_of(ACCOUNT, "AKIA1"), values
    for name, value in more.items():
        setattr(record, name, value)
    return record


TEXTS = st.text(st.characters(), max_size=50) | st.sampled_from(["\ud800", "\udfff", "\x00", "\n", '"', "\\", "\u2028"])
LEAVES = (
    TEXTS
    | st.integers()
    | st.floats()
    | st.booleans()
    | st.none()
    | st.binary(max_size=50)
    | st.just(datetime.now(UTC))
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=30
)


@settings(max_examples=300, deadline=None)
@given(values=st.dictionaries(st.sampled_from(["UserName", "Tags", "Path", "PermissionsBoundary"]), VALUES), text=TEXTS)
def test_no_input_breaks_an_event(values: dict[str, Any], text: str) -> None:
    record = record_of(
        "iam", "CreateUser", values, path=text, agent=text, message=text, error=text and "ValidationError"
    )
    record.result = {"User": values}
    event = told(record, 200, 1, ANSWERED)
    assert time_of(event.line) == ANSWERED
    assert b"\n" not in event.line
    json.loads(event.line)


@pytest.mark.parametrize("number", [2**63, 2**64, -(2**63) - 1, 10**400, float("nan"), float("inf")])
def test_numbers_beyond_json(number: float) -> None:
    record = record_of("iam", "GetAccountSummary", None)
    record.identified.operation = load("iam").operations["UpdateAccountPasswordPolicy"]  # type: ignore[union-attr, misc]
    record.input = {"MaxPasswordAge": number}
    json.loads(told(record, 200, 1, ANSWERED).line)


@pytest.mark.parametrize("text", ["x" * 10_000_000, "\ud800" * 100_000, "\x01" * 100_000, "😀" * 100_000])
def test_events_are_bounded(text: str) -> None:
    """However much a caller sends, in whatever characters: JSON writes some of them as six bytes."""
    tags = [{"Key": text, "Value": text} for _ in range(1000)]
    decision = Decision(False, False, "identity", (), (text[:100],) * 1000)
    record = record_of(
        "iam", "CreateUser", {"UserName": text, "Tags": tags}, path=text, agent=text, message=text, error="E"
    )
    record.asked = [Asked("iam:CreateUser", text, decision)] * 1000
    event = told(record, 400, 1, ANSWERED)
    assert len(event.line) < MOST_LINE
    assert time_of(event.line) == ANSWERED


def test_management_writes_last() -> None:
    """What is acknowledged has its event on file: changes, and credentials that were given out."""
    written = told(record_of("iam", "CreateUser", {"UserName": "ann"}), 200, 1, ANSWERED)
    assert (written.kind, written.lasting) == ("management", True)
    assert told(record_of("sts", "AssumeRole", {"RoleArn": "r"}), 200, 1, ANSWERED).lasting
    read = told(record_of("iam", "ListUsers", {}), 200, 1, ANSWERED)
    assert (read.kind, read.lasting) == ("management", False)
    data = told(record_of("s3", "PutObject", {"Bucket": "b", "Key": "k"}), 200, 1, ANSWERED)
    assert (data.kind, data.lasting) == ("data", False)


def test_strangers_do_not_fill_the_accounts_history() -> None:
    for principal in (None, ANONYMOUS):
        refused = record_of("iam", "CreateUser", None, principal=principal, error="MissingAuthenticationToken")
        assert told(refused, 403, 1, ANSWERED).kind == "data"


def test_a_region_keeps_no_secret_in_its_events(region: LocalRegion) -> None:
    """Everything secret that a caller gives or gets, looked for in all bytes of all events."""
    iam, s3 = region.client("iam"), region.client("s3")
    iam.create_user(UserName="ann")
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    iam.create_login_profile(UserName="ann", Password="Pa55word-of-ann!")
    seed = iam.create_virtual_mfa_device(VirtualMFADeviceName="ann")["VirtualMFADevice"]["Base32StringSeed"]
    service = iam.create_service_specific_credential(UserName="ann", ServiceName="codecommit.amazonaws.com")
    s3.create_bucket(Bucket="bucket")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "k"})
    region.raw("GET", url.removeprefix("http://localhost:4566"))
    for wrong in ("Wr0ng-Secret", key["SecretAccessKey"]):
        with pytest.raises(iam.exceptions.ClientError):
            region.client("iam", secret=wrong).list_users()
    secrets = [
        key["SecretAccessKey"], "Pa55word-of-ann!", seed.decode(), "Wr0ng-Secret",
        service["ServiceSpecificCredential"]["ServicePassword"], url.partition("X-Amz-Signature=")[2][:64] or "Signature=",
    ]  # fmt: skip
    assert len(region.events()) >= 6
    region.events("data")
    kept = b"".join(path.read_bytes() for kind in KINDS for path in (region.directory / "events" / kind).iterdir())
    assert b"CreateServiceSpecificCredential" in kept
    for secret in secrets:
        assert secret.encode() not in kept
