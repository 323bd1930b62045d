"""A client inside the tour, for what the aws command cannot do: know exactly which requests were acknowledged when all is killed.

It is botocore's, not ours: the tour must not sign with the code that it tests.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.region.data import RootCredentials


class Client:
    """S3 and IAM as the root user. `connect` makes clients; they may be used from several threads."""

    def __init__(self, endpoint: str, region: str, root: RootCredentials, ca: str) -> None:
        import botocore.session

        self._session = botocore.session.Session()
        self._session.set_config_variable("credentials_file", "/dev/null")
        self._session.set_config_variable("config_file", "/dev/null")
        self._endpoint = endpoint
        self._region = region
        self._root = root
        self._ca = ca
        self._s3: Any = None

    def connect(self, service: str, attempts: int = 3) -> Any:
        """A new client of a service, which makes so many attempts."""
        from botocore.config import Config

        config = Config(
            retries={"total_max_attempts": attempts}, s3={"addressing_style": "path"}, max_pool_connections=16, proxies={},
            connect_timeout=5, read_timeout=60,
        )  # fmt: skip
        return self._session.create_client(
            service, region_name=self._region, endpoint_url=self._endpoint, config=config, verify=self._ca or None,
            aws_access_key_id=self._root.access_key_id, aws_secret_access_key=self._root.secret_access_key,
        )  # fmt: skip

    @property
    def s3(self) -> Any:
        """S3."""
        if self._s3 is None:
            self._s3 = self.connect("s3")
        return self._s3

    def listed(self, bucket: str, prefix: str = "") -> Iterator[dict[str, Any]]:
        """Every object under a prefix."""
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            yield from page.get("Contents", [])

    def versions(self, bucket: str) -> Iterator[dict[str, str]]:
        """Every version of every object, and every delete marker: its key and its id."""
        for page in self.s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for entry in (*page.get("Versions", []), *page.get("DeleteMarkers", [])):
                yield {"Key": entry["Key"], "VersionId": entry["VersionId"]}

    def remove_bucket(self, bucket: str) -> int:
        """Remove a bucket with everything in it, if it is there. How many versions of objects it had."""
        keys = []
        with suppress(self.s3.exceptions.NoSuchBucket):
            keys = list(self.versions(bucket))
            for start in range(0, len(keys), 1000):
                self.s3.delete_objects(Bucket=bucket, Delete={"Objects": keys[start : start + 1000], "Quiet": True})
            for upload in self.s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
                self.s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
            self.s3.delete_bucket(Bucket=bucket)
        return len(keys)

    def remove_user(self, name: str) -> None:
        """Remove a user with the access keys, if it is there."""
        iam = self.connect("iam")
        with suppress(iam.exceptions.NoSuchEntityException):
            for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
                iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
            for policy in iam.list_user_policies(UserName=name)["PolicyNames"]:
                iam.delete_user_policy(UserName=name, PolicyName=policy)
            iam.delete_user(UserName=name)

    def remove_role(self, name: str) -> None:
        """Remove a role with its inline policies, if it is there."""
        iam = self.connect("iam")
        with suppress(iam.exceptions.NoSuchEntityException):
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
                iam.delete_role_policy(RoleName=name, PolicyName=policy)
            iam.delete_role(RoleName=name)

    def remove_function(self, name: str) -> None:
        """Remove a function with its role of the same name and its log, if they are there."""
        functions, logs = self.connect("lambda"), self.connect("logs")
        self.remove_role(name)  # first: without it nothing more is written to the log
        with suppress(functions.exceptions.ResourceNotFoundException):
            functions.delete_function(FunctionName=name)
        with suppress(logs.exceptions.ResourceNotFoundException):
            logs.delete_log_group(logGroupName=f"/aws/lambda/{name}")
