"""What policies cost: requests of a user with 5 policies and 40 statements, beside the root's, in one process and one run.

    PYTHONPATH=.:tests .venv/bin/python bench/principal.py [ROUNDS]

Each figure is microseconds in the gateway per request, without sockets; the rounds alternate. The ratio is of the medians.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from fogbank.core.identity.records import Inline, inlines
from fogbank.wire import HttpRequest
from support.region import ACCOUNT, HOST, KEY_ID, SECRET, LocalRegion, Source

BATCH = 200
BODY = b"x" * 4096


def statements() -> list[dict[str, Any]]:
    """Eight statements as people write them: several actions and resources, variables, conditions, a deny in four."""
    return [
        {
            "Sid": f"S{number}",
            "Effect": "Allow" if number % 4 else "Deny",
            "Action": ["s3:Get*" if number % 2 else "s3:Put*", f"ec2:Describe{number}"],
            "Resource": f"arn:aws:s3:::bucket{number or 'x'}/*"
            if number % 5
            else "arn:aws:s3:::other/${aws:username}/*",
            **({"Condition": {"StringLike": {"aws:PrincipalTag/team": f"t{number}*"}}} if number % 3 == 0 else {}),
        }
        for number in range(8)
    ]


def policies() -> dict[str, str]:
    """Five policies; the last one has the statement that allows."""
    made = {f"p{number}": statements() for number in range(5)}
    made["p4"][1] = {"Effect": "Allow", "Action": "s3:*", "Resource": ["arn:aws:s3:::bucket", "arn:aws:s3:::bucket/*"]}
    return {name: json.dumps({"Version": "2012-10-17", "Statement": found}) for name, found in made.items()}


def user(region: LocalRegion) -> tuple[str, str]:
    """The access key of a typical user."""
    iam = region.client("iam")
    iam.create_user(UserName="typical")
    key = iam.create_access_key(UserName="typical")["AccessKey"]

    def put(tx: Any) -> None:
        for name, document in policies().items():
            inlines.put(tx, Inline(name=name, document=document), ACCOUNT, "user", "typical", name)

    region.run(region.region.store.write(put))
    return key["AccessKeyId"], key["SecretAccessKey"]


def signed(key: tuple[str, str], method: str, body: bytes) -> list[dict[str, str]]:
    """The headers of a batch of signed requests."""
    made = []
    for _ in range(BATCH):
        request = AWSRequest(method, f"http://{HOST}/bucket/k", headers={}, data=body)
        S3SigV4Auth(Credentials(*key), "s3", "us-east-1").add_auth(request)
        made.append({name.lower(): value for name, value in request.headers.items()} | {"host": HOST})
    return [one | ({"content-length": str(len(body))} if body else {}) for one in made]


async def answer(region: LocalRegion, batch: list[dict[str, str]], method: str, body: bytes) -> float:
    """Microseconds per request."""
    began = time.perf_counter()
    for headers in batch:
        request = HttpRequest(method, "/bucket/k", "", headers, b"", "127.0.0.1", "http")
        response = await region.gateway.answer(request, Source(body))
        assert response.status == 200, response.body
    return (time.perf_counter() - began) / len(batch) * 1e6


def main(rounds: int) -> None:
    """Measure, and print a line per operation."""
    with tempfile.TemporaryDirectory() as directory:
        region = LocalRegion(Path(directory))
        client = region.client("s3")
        client.create_bucket(Bucket="bucket")
        client.put_object(Bucket="bucket", Key="k", Body=BODY)
        callers = {"root": (KEY_ID, SECRET), "user": user(region)}
        for method, body in (("GET", b""), ("PUT", BODY)):
            times: dict[str, list[float]] = {name: [] for name in callers}
            for _ in range(rounds):
                for name, key in callers.items():
                    times[name].append(region.run(answer(region, signed(key, method, body), method, body)))
            root, other = (statistics.median(times[name]) for name in callers)
            print(f"{method} 4 KiB: root {root:.1f} us, user {other:.1f} us, {root / other:.1%} of the root's rate")
        region.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
