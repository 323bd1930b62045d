"""Keys against a model: whatever is done to them, and however time passes, they are in the state that they should be in, and what they
encrypted is decrypted, or refused for the right reason."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fogbank.services.kms.records import due
from services.helpers import code
from support.region import LocalRegion

if TYPE_CHECKING:
    from datetime import datetime

WHICH = st.integers(0, 7)
REFUSED = {"Disabled": "DisabledException", "PendingDeletion": "KMSInvalidStateException"}


class Expected:
    """What a key should be: its state, how many generations of material it has, what it encrypted."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.state = "Enabled"
        self.generations = 1
        self.deletes: datetime | None = None
        self.period = 0
        self.rotates: datetime | None = None
        self.blobs: list[bytes] = []


class Keys(RuleBasedStateMachine):
    """The keys of one region."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.region = LocalRegion(Path(self.directory.name))
        self.patches = [
            patch(f"botocore.{module}.get_current_datetime", self.now_for_botocore) for module in ("auth", "crt.auth")
        ]
        for each in self.patches:
            each.start()
        self.kms: Any = self.region.client("kms")
        self.keys: list[Expected] = []
        self.gone: list[Expected] = []

    def now_for_botocore(self, remove_tzinfo: bool = True) -> datetime:
        now = self.region.clock.now()
        return now.replace(tzinfo=None) if remove_tzinfo else now

    def pick(self, which: int) -> Expected:
        return self.keys[which % len(self.keys)]

    @precondition(lambda self: len(self.keys) < 4)
    @rule()
    def create(self) -> None:
        self.keys.append(Expected(self.kms.create_key()["KeyMetadata"]["KeyId"]))

    @precondition(lambda self: self.keys)
    @rule(which=WHICH)
    def encrypt(self, which: int) -> None:
        key = self.pick(which)
        if key.state == "Enabled":
            key.blobs.append(self.kms.encrypt(KeyId=key.name, Plaintext=key.name.encode())["CiphertextBlob"])
        else:
            assert code(self.kms.encrypt, KeyId=key.name, Plaintext=b"x") == REFUSED[key.state]

    @precondition(lambda self: self.keys)
    @rule(which=WHICH, enable=st.booleans())
    def switch(self, which: int, enable: bool) -> None:
        key = self.pick(which)
        call = self.kms.enable_key if enable else self.kms.disable_key
        if key.state == "PendingDeletion":
            assert code(call, KeyId=key.name) == "KMSInvalidStateException"
        else:
            call(KeyId=key.name)
            key.state = "Enabled" if enable else "Disabled"

    @precondition(lambda self: self.keys)
    @rule(which=WHICH, days=st.integers(7, 30))
    def schedule_deletion(self, which: int, days: int) -> None:
        key = self.pick(which)
        if key.state == "PendingDeletion":
            assert code(self.kms.schedule_key_deletion, KeyId=key.name) == "KMSInvalidStateException"
        else:
            answer = self.kms.schedule_key_deletion(KeyId=key.name, PendingWindowInDays=days)
            key.state, key.deletes = "PendingDeletion", answer["DeletionDate"]

    @precondition(lambda self: self.keys)
    @rule(which=WHICH)
    def cancel_deletion(self, which: int) -> None:
        key = self.pick(which)
        if key.state == "PendingDeletion":
            self.kms.cancel_key_deletion(KeyId=key.name)
            key.state, key.deletes = "Disabled", None
        else:
            assert code(self.kms.cancel_key_deletion, KeyId=key.name) == "KMSInvalidStateException"

    @precondition(lambda self: self.keys)
    @rule(which=WHICH)
    def rotate(self, which: int) -> None:
        key = self.pick(which)
        if key.state == "Enabled" and key.generations < 20:
            self.kms.rotate_key_on_demand(KeyId=key.name)
            key.generations += 1

    @precondition(lambda self: self.keys)
    @rule(which=WHICH, period=st.sampled_from([0, 90, 120]))
    def rotation(self, which: int, period: int) -> None:
        key = self.pick(which)
        if key.state != "Enabled":
            assert code(self.kms.disable_key_rotation, KeyId=key.name) == REFUSED[key.state]
        elif not period:
            self.kms.disable_key_rotation(KeyId=key.name)
            key.period, key.rotates = 0, None
        else:
            self.kms.enable_key_rotation(KeyId=key.name, RotationPeriodInDays=period)
            key.period = period
            key.rotates = self.kms.get_key_rotation_status(KeyId=key.name)["NextRotationDate"]

    @rule(days=st.integers(1, 40), settled=st.booleans())
    def time_passes(self, days: int, settled: bool) -> None:
        self.region.advance(days=days)
        now = self.region.clock.now()
        self.gone += [key for key in self.keys if key.deletes and key.deletes <= now]
        self.keys = [key for key in self.keys if key not in self.gone]
        if settled:
            self.region.settle()
            for key in self.keys:
                while key.state == "Enabled" and key.rotates and key.rotates <= now:
                    key.generations += 1
                    key.rotates += timedelta(days=key.period)

    @rule()
    def old_ciphertexts_are_decrypted(self) -> None:
        for key in self.keys:
            for blob in key.blobs[-3:]:
                if key.state == "Enabled":
                    assert self.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == key.name.encode()
                else:
                    assert code(self.kms.decrypt, CiphertextBlob=blob) == REFUSED[key.state]

    @invariant()
    def keys_are_as_they_should_be(self) -> None:
        assert {each["KeyId"] for each in self.kms.list_keys()["Keys"]} == {key.name for key in self.keys}
        for key in self.keys:
            assert self.kms.describe_key(KeyId=key.name)["KeyMetadata"]["KeyState"] == key.state
            listed = self.kms.list_key_rotations(KeyId=key.name, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
            assert len(listed) == key.generations

    def teardown(self) -> None:
        try:
            for key in self.gone:
                for blob in key.blobs:
                    assert code(self.kms.decrypt, CiphertextBlob=blob) == "AccessDeniedException"
            self.region.settle()
            with self.region.region.store.snapshot() as tx:
                named = {place.key for _, place in due.scan(tx)}
            assert named <= {key.name for key in self.keys}
        finally:
            for each in self.patches:
                each.stop()
            self.region.close()
            self.directory.cleanup()


TestKeys = Keys.TestCase
TestKeys.settings = settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
