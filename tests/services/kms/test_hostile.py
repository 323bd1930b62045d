"""Bodies that no SDK sends: refused in AWS's words, never an internal error."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.services.kms.made import KEY as THERE
from tests.services.kms.made import keep_there

from support.region import HOST, KEY_ID, SECRET

if TYPE_CHECKING:
    from support.region import LocalRegion

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
MEMBERS = st.sampled_from(
    [
        "KeyId", "Plaintext", "CiphertextBlob", "EncryptionContext", "GrantTokens", "KeySpec", "NumberOfBytes", "DryRun", "Policy",
        "Operations", "GranteePrincipal", "Constraints", "Tags", "PendingWindowInDays", "AliasName", "TargetKeyId", "Limit", "Marker",
        "Signature", "Message", "SigningAlgorithm", "PublicKey", "GrantToken", "GrantId", "ImportToken", "EncryptedKeyMaterial",
    ]
)  # fmt: skip
OPERATIONS = st.sampled_from(
    [
        "Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "CreateKey", "PutKeyPolicy", "CreateGrant", "RetireGrant", "TagResource",
        "CreateAlias", "UpdateAlias", "ScheduleKeyDeletion", "ListKeys", "ListGrants", "Sign", "Verify", "DeriveSharedSecret",
        "ImportKeyMaterial", "DescribeKey", "ListAliases", "ListResourceTags",
    ]
)  # fmt: skip


def ask(region: LocalRegion, operation: str, body: bytes) -> tuple[int, str]:
    """A signed request with exactly this body: the status and the error's code, if it is one."""
    target = {"x-amz-target": f"TrentService.{operation}", "content-type": "application/x-amz-json-1.1"}
    request = AWSRequest("POST", f"http://{HOST}/", headers=target, data=body)
    SigV4Auth(Credentials(KEY_ID, SECRET), "kms", "us-east-1").add_auth(request)
    answer = region.raw("POST", "/", dict(request.headers.items()), body)
    found = json.loads(answer.body) if answer.body else {}
    return answer.status, str(found.get("__type", "")).rpartition("#")[2]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x",
        b"[]",
        b"null",
        b'{"KeyId": 1}',
        b'{"KeyId": null, "Plaintext": "eA=="}',
        b'{"KeyId": "alias/there", "Plaintext": "!"}',
        b'{"KeyId": "alias/there", "Plaintext": "eA==", "EncryptionContext": {"a": 1}}',
        b'{"KeyId": "alias/there", "Plaintext": "eA==", "EncryptionContext": ["a"]}',
        b'{"KeyId": "alias/there", "Plaintext": "eA==", "EncryptionContext": {"a": {"b": "c"}}}',
        b'{"KeyId": "alias/there", "Plaintext": "eA==", "EncryptionContext": {"\\ud800": "a"}}',
        b'{"KeyId": "alias/there", "Plaintext": "eA==", "GrantTokens": "x"}',
        b'{"KeyId": "alias/there", "Plaintext": "eA==", "DryRun": "yes"}',
        b'{"KeyId": "\\ud800", "Plaintext": "eA=="}',
        b'{"KeyId": "alias/\\u0000", "Plaintext": "eA=="}',
        b"[" * 100_000,
    ],
    ids=range(16),
)
def test_bodies_that_are_no_input(region: LocalRegion, body: bytes) -> None:
    keep_there(region)
    status, code = ask(region, "Encrypt", body)
    assert status == 400
    assert code in ("SerializationException", "ValidationException", "NotFoundException")


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
@given(OPERATIONS, st.dictionaries(MEMBERS, JSON, max_size=4), st.booleans())
def test_no_input_is_an_internal_error(
    region: LocalRegion, operation: str, given_input: dict[str, Any], there: bool
) -> None:
    keep_there(region)
    named = (
        {"KeyId": THERE, "TargetKeyId": THERE, "DestinationKeyId": THERE, "AliasName": "alias/there"} if there else {}
    )
    status, _ = ask(region, operation, json.dumps({**named, **given_input}).encode())
    assert status in (200, 400, 403, 501)
