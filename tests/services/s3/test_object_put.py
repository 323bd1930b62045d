"""PutObject."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError


def test_put_object_is_read_back(s3: Any, bucket: str) -> None:
    put = s3.put_object(Bucket=bucket, Key="a/b", Body=b"hello", ContentType="text/plain", Metadata={"owner": "me"})
    assert put["ETag"] == '"5d41402abc4b2a76b9719d911017c592"'
    got = s3.get_object(Bucket=bucket, Key="a/b")
    assert got["Body"].read() == b"hello"
    assert (got["ContentType"], got["Metadata"], got["ETag"]) == ("text/plain", {"owner": "me"}, put["ETag"])


@pytest.mark.parametrize("size", [0, 1, 65536, 65537, 3 << 20])
def test_put_object_of_any_size(s3: Any, bucket: str, size: int) -> None:
    body = bytes(range(256)) * (size // 256) + bytes(size % 256)
    s3.put_object(Bucket=bucket, Key="k", Body=body)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == body


def test_put_object_refuses_an_acl(s3: Any, bucket: str) -> None:
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket=bucket, Key="k", Body=b"", ACL="public-read")
    assert error.value.response["Error"]["Code"] == "AccessControlListNotSupported"
