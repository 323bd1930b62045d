"""s3cmd and the aws CLI grant, deny, publish and let requesters pay, against a running region."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from gateway.live import Live
from services.s3.test_clients import needs, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.crash, pytest.mark.xdist_group("clients")]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A region that answers on a port."""
    made = Live(tmp_path_factory.mktemp("region") / "data")
    yield made
    made.end()


def anonymously(live: Live, path: str) -> int:
    """The status of an anonymous request."""
    try:
        with urlopen(f"{live.endpoint}{path}") as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code


@needs("s3cmd")
def test_s3cmd(live: Live, tmp_path: Path) -> None:
    host = live.host
    s3cmd = (
        "s3cmd", "--no-ssl", f"--host={host}", f"--host-bucket={host}", f"--access_key={live.key}",
        f"--secret_key={live.secret}", "--region=us-east-1", "--config=/dev/null",
    )  # fmt: skip
    client = live.client("s3")
    client.create_bucket(Bucket="granted", ObjectOwnership="ObjectWriter")
    client.delete_public_access_block(Bucket="granted")
    (tmp_path / "file").write_bytes(b"hello")
    run(live, *s3cmd, "put", "--acl-public", str(tmp_path / "file"), "s3://granted/open")
    run(live, *s3cmd, "put", str(tmp_path / "file"), "s3://granted/closed")
    assert (anonymously(live, "/granted/open"), anonymously(live, "/granted/closed")) == (200, 403)
    run(live, *s3cmd, "setacl", "--acl-private", "s3://granted/open")
    run(live, *s3cmd, "setacl", "--acl-public", "s3://granted/closed")
    assert (anonymously(live, "/granted/open"), anonymously(live, "/granted/closed")) == (403, 200)
    run(live, *s3cmd, "setacl", "--acl-public", "s3://granted")
    assert anonymously(live, "/granted") == 200
    assert "anon*" in run(live, *s3cmd, "info", "s3://granted/closed").replace("*anon*", "anon*")
    everything = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::granted/*"}
    (tmp_path / "policy").write_text(json.dumps({"Version": "2012-10-17", "Statement": [everything]}))
    run(live, *s3cmd, "setpolicy", str(tmp_path / "policy"), "s3://granted")
    assert anonymously(live, "/granted/closed") == 403
    run(live, *s3cmd, "delpolicy", "s3://granted")
    assert anonymously(live, "/granted/closed") == 200
    assert "BucketOwner" in run(live, *s3cmd, "info", "s3://granted")


@needs("aws")
def test_aws(live: Live) -> None:
    aws = ("aws", f"--endpoint-url={live.endpoint}", "s3api")
    run(live, *aws, "create-bucket", "--bucket=cli")
    run(live, *aws, "put-object", "--bucket=cli", "--key=k")
    told = json.loads(run(live, *aws, "get-public-access-block", "--bucket=cli"))
    assert all(told["PublicAccessBlockConfiguration"].values())
    run(live, *aws, "delete-public-access-block", "--bucket=cli")
    public = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::cli/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [public]})
    run(live, *aws, "put-bucket-policy", "--bucket=cli", f"--policy={policy}")
    assert json.loads(run(live, *aws, "get-bucket-policy-status", "--bucket=cli"))["PolicyStatus"]["IsPublic"] is True
    assert anonymously(live, "/cli/k") == 200
    blocked = "RestrictPublicBuckets=true"
    run(live, *aws, "put-public-access-block", "--bucket=cli", f"--public-access-block-configuration={blocked}")
    assert anonymously(live, "/cli/k") == 403
    run(live, *aws, "put-bucket-request-payment", "--bucket=cli", "--request-payment-configuration=Payer=Requester")
    assert json.loads(run(live, *aws, "get-bucket-request-payment", "--bucket=cli")) == {"Payer": "Requester"}
    rule = "Rules=[{ObjectOwnership=BucketOwnerPreferred}]"
    run(live, *aws, "put-bucket-ownership-controls", "--bucket=cli", f"--ownership-controls={rule}")
    run(live, *aws, "put-object-acl", "--bucket=cli", "--key=k", "--acl=authenticated-read")
    assert len(json.loads(run(live, *aws, "get-object-acl", "--bucket=cli", "--key=k"))["Grants"]) == 2
