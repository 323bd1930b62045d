"""KMS keys of log groups: CreateLogGroup's, AssociateKmsKey, DisassociateKmsKey."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.core.background import Background, Options
from fogbank.core.vault import Vault
from fogbank.services.logs import encryption, records, rewrap
from fogbank.services.logs.reading import scan
from services.helpers import code, refusal
from services.logs.made import GROUP, STREAM, events, filtered, make, now_of, put, seal_all

if TYPE_CHECKING:
    import pytest

    from support.region import LocalRegion

ARN = f"arn:aws:logs:us-east-1:123456789012:log-group:{GROUP}"
ROOT = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "kms:*", "Resource": "*"}


def service(region: str = "us-east-1", arn: str = ARN) -> dict[str, Any]:
    """The statement of AWS's documentation that lets the service use a key, for one group."""
    return {
        "Effect": "Allow",
        "Principal": {"Service": f"logs.{region}.amazonaws.com"},
        "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
        "Resource": "*",
        "Condition": {"ArnEquals": {"kms:EncryptionContext:aws:logs:arn": arn}},
    }


def key_of(region: LocalRegion, *statements: Any, **options: Any) -> str:
    """A new KMS key with a policy; its ARN."""
    policy = json.dumps({"Version": "2012-10-17", "Statement": [ROOT, *statements]})
    arn: str = region.client("kms").create_key(Policy=policy, **options)["KeyMetadata"]["Arn"]
    return arn


def kms_of(logs: Any) -> str | None:
    found: str | None = logs.describe_log_groups()["logGroups"][0].get("kmsKeyId")
    return found


def test_a_group_with_a_key_is_read_while_the_key_is_there(region: LocalRegion, logs: Any) -> None:
    key = key_of(region, service())
    make(logs, kmsKeyId=key)
    assert kms_of(logs) == key
    put(logs, events("secret", at=now_of(region)))
    assert filtered(logs) == ["secret"]
    region.client("kms").disable_key(KeyId=key)
    assert code(logs.filter_log_events, logGroupName=GROUP) == "InvalidParameterException"
    found = code(
        logs.put_log_events, logGroupName=GROUP, logStreamName=STREAM, logEvents=events("x", at=now_of(region))
    )
    assert found == "InvalidParameterException"
    region.client("kms").enable_key(KeyId=key)
    assert filtered(logs) == ["secret"]


def test_a_key_that_does_not_let_the_service_is_refused(region: LocalRegion, logs: Any) -> None:
    for statements in ((), (service(region="eu-west-1"),), (service(arn=ARN + "other"),)):
        found = refusal(logs.create_log_group, logGroupName=GROUP, kmsKeyId=key_of(region, *statements))
        assert found["Code"] == "AccessDeniedException"
        assert found["Message"] == f"The specified KMS key does not exist or is not allowed to be used with Arn '{ARN}'"
    assert logs.describe_log_groups()["logGroups"] == []


def test_a_key_has_to_be_there_enabled_and_symmetric(region: LocalRegion, logs: Any) -> None:
    make(logs)
    none = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-4000-8000-000000000000"
    disabled = key_of(region, service())
    region.client("kms").disable_key(KeyId=disabled)
    pair = key_of(region, service(), KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")
    for key in (none, disabled, pair, "arn:aws:s3:::bucket", "x" * 256):
        found = code(logs.associate_kms_key, logGroupName=GROUP, kmsKeyId=key)
        assert found in ("InvalidParameterException", "AccessDeniedException")
    assert kms_of(logs) is None


def test_what_came_under_a_key_stays_under_it(region: LocalRegion, logs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    make(logs)
    put(logs, events("before", at=now_of(region) - 5000))
    key = key_of(region, service())
    logs.associate_kms_key(resourceIdentifier=ARN, kmsKeyId=key)
    assert kms_of(logs) == key
    put(logs, events("under it", at=now_of(region) - 4000))
    logs.disassociate_kms_key(logGroupName=GROUP)
    assert kms_of(logs) is None
    put(logs, events("after", at=now_of(region)))
    seal_all(region, monkeypatch)
    assert filtered(logs) == ["before", "under it", "after"]
    with region.region.store.snapshot() as tx:
        assert [segment.key for _, segment in records.segments.scan(tx)] == [1, 2, 3]
    region.client("kms").disable_key(KeyId=key)
    assert filtered(logs, startTime=now_of(region) - 2000) == ["after"]
    assert code(logs.filter_log_events, logGroupName=GROUP) == "InvalidParameterException"


def test_a_group_keeps_the_data_keys_that_its_events_need(
    region: LocalRegion, logs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(logs)
    put(logs, events("one", at=now_of(region)))
    for _ in range(5):
        logs.disassociate_kms_key(logGroupName=GROUP)
    put(logs, events("two", at=now_of(region)))
    with region.region.store.snapshot() as tx:
        (group,) = (group for _, group in records.groups.scan(tx))
    assert [key.number for key in group.keys] == [1, 6]
    assert filtered(logs) == ["one", "two"]
    monkeypatch.setattr(encryption, "MOST", 2)
    assert code(logs.disassociate_kms_key, logGroupName=GROUP) == "LimitExceededException"


def test_chunks_wait_while_their_key_cannot_be_used(
    region: LocalRegion, logs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "FULL_CHUNKS", 2)
    key = key_of(region, service())
    make(logs, kmsKeyId=key)
    for message in ("a", "b"):
        put(logs, events(message, at=now_of(region)))
    region.client("kms").disable_key(KeyId=key)
    region.settle()
    region.client("kms").enable_key(KeyId=key)
    assert filtered(logs) == ["a", "b"]
    region.settle()
    with region.region.store.snapshot() as tx:
        assert len(list(records.segments.scan(tx))) == 1
    assert filtered(logs) == ["a", "b"]


def test_keys_are_sealed_anew_with_a_new_master_key(region: LocalRegion, logs: Any) -> None:
    make(logs)
    make(logs, "under kms".replace(" ", "-"), kmsKeyId=key_of(region, service(arn=ARN.replace(GROUP, "under-kms"))))
    put(logs, events("kept", at=now_of(region)))
    vault = Vault({1: bytes(32), 2: b"2" * 32})
    later = msgspec.structs.replace(region.region, vault=vault)
    region.run(rewrap.rewrap(Background(later, Options())))
    with region.region.store.snapshot() as tx:
        found = {group.name: group for _, group in records.groups.scan(tx)}
        assert vault.is_current(found[GROUP].keys[0].wrapped)
        assert found["under-kms"].keys[0].arn
        only_new = msgspec.structs.replace(later, vault=Vault({2: b"2" * 32}))
        event = next(scan(only_new, found[GROUP], 0, 1 << 50))
    assert event.message == b"kept"


def test_query_results_have_no_keys_of_their_own(logs: Any) -> None:
    arn = "arn:aws:logs:us-east-1:123456789012:query-result:*"
    key = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-4000-8000-000000000000"
    assert code(logs.associate_kms_key, resourceIdentifier=arn, kmsKeyId=key) == "NotImplemented"
    assert code(logs.disassociate_kms_key, resourceIdentifier=arn) == "NotImplemented"
