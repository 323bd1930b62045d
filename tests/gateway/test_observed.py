"""What operators see: health, metrics, events, the log."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from gateway.client import Sent
from gateway.live import Live, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.client import Answer

LINE = re.compile(r'(?P<name>[a-z0-9_]+)(?:\{(?P<labels>(?:[a-z_]+="[^"\\]*",?)+)\})? (?P<value>[0-9.e+-]+)')


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A region of its own, whose counts nobody else raises."""
    region = Live(tmp_path_factory.mktemp("seen") / "data", "--workers", "2")
    try:
        region.bucket("seen")
        yield region
    finally:
        region.end()


def plain(live: Live, path: str, method: str = "GET", **headers: str) -> Answer:
    return live.ask(Sent(method, path, (("host", live.host), *headers.items())))


def token(live: Live) -> str:
    return (live.data / "metrics-token").read_text().strip()


@pytest.mark.parametrize("path", ["/_fogbank/health", "/_localstack/health"])
def test_health(seen: Live, path: str) -> None:
    answer = plain(seen, path)
    found = json.loads(answer.body)
    assert (answer.status, found["status"], found["services"]["s3"]) == (200, "ok", "running")
    assert plain(seen, path, "HEAD").body == b""
    assert plain(seen, path, "PUT").status == 405
    assert plain(seen, "/_fogbank/other").status == 404


def test_keys_under_the_prefix_belong_to_the_bucket(seen: Live) -> None:
    """Addressed by host, a bucket's keys may be called anything."""
    host = "seen.s3.localhost"
    signer = seen.signer.but(host=host)
    for key in ("/_fogbank/health", "/_localstack/health"):
        assert seen.ask(signer.sign("PUT", key, body=b"mine")).status == 200
        assert seen.ask(signer.sign("GET", key)).body == b"mine"


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer x", "Bearer ", "Basic abc", "\xff"])
def test_metrics_need_the_token(seen: Live, given: str) -> None:
    answer = plain(seen, "/_fogbank/metrics", authorization=given)
    assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert plain(seen, "/_fogbank/metrics").status == 401
    assert (seen.data / "metrics-token").stat().st_mode & 0o777 == 0o600


def scrape(live: Live) -> dict[tuple[str, str, str], float]:
    """Sums over the workers, by name, operation or bucket, and status or bound; and a check of the format."""
    answer = plain(live, "/_fogbank/metrics", authorization=f"Bearer {token(live)}")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    sums: dict[tuple[str, str, str], float] = {}
    typed: dict[str, str] = {}
    series: set[str] = set()
    text = answer.body.decode()
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            typed[name] = kind
        if line.startswith("#"):
            continue
        found = LINE.fullmatch(line)
        assert found, line
        name = found["name"]
        assert name in typed or name.rpartition("_")[0] in typed
        key = line.rpartition(" ")[0]
        assert key not in series
        series.add(key)
        labels: dict[str, str] = dict(re.findall(r'([a-z]+)="([^"]*)"', found["labels"] or ""))
        summed = (
            name,
            labels.get("operation") or labels.get("bucket", ""),
            labels.get("le") or labels.get("status", ""),
        )
        sums[summed] = sums.get(summed, 0) + float(found["value"])
    assert typed.pop("fogbank_request_seconds") == "histogram"
    assert {kind for name, kind in typed.items() if name.endswith("_total")} == {"counter"}
    assert {kind for name, kind in typed.items() if not name.endswith("_total")} <= {"gauge"}
    assert "fogbank_requests_total" in typed
    return sums


def test_counts_add_up_over_the_workers(seen: Live) -> None:
    """Of operations that no other test here asks for: workers file their counts once a second."""
    failures = scrape(seen)["fogbank_auth_failures_total", "", ""]
    for number in range(20):
        seen.ask(seen.signer.sign("DELETE", f"/seen/{number}"))
        seen.ask(seen.signer.sign("HEAD", "/seen/missing"))
    seen.ask(seen.signer.but(secret="x").sign("DELETE", "/seen/1"))
    expected: dict[tuple[str, str, str], float] = {
        ("fogbank_auth_failures_total", "", ""): failures + 1,
        ("fogbank_auth_held_total", "", ""): 0,
        ("fogbank_events_lost_total", "", ""): 0,
        ("fogbank_requests_total", "DeleteObject", "204"): 20,
        ("fogbank_requests_total", "DeleteObject", "403"): 1,
        ("fogbank_requests_total", "HeadObject", "404"): 20,
        ("fogbank_request_seconds_count", "DeleteObject", "204"): 20,
        ("fogbank_request_seconds_bucket", "HeadObject", "+Inf"): 20,
    }
    until(lambda: expected.items() <= scrape(seen).items())
    text = plain(seen, "/_fogbank/metrics", authorization=f"Bearer {token(seen)}").body.decode()
    assert set(re.findall(r'worker="(\d+)"', text)) <= {str(pid) for pid in seen.workers()}


def test_each_bucket_is_counted(seen: Live) -> None:
    bucket = seen.bucket("counted")
    for number in range(5):
        seen.ask(seen.signer.sign("PUT", f"/{bucket}/{number}", body=b"x" * 100))
        seen.get(f"/{bucket}/{number}")
    seen.get(f"/{bucket}/missing")
    for name in ("no-such-bucket", "NOT_A_NAME", "..."):
        seen.get(f"/{name}")
    found = until(lambda: counted if (counted := of_bucket(seen, bucket))["requests_total"] == 12 else None)
    assert (found["refused_total"], found["failed_total"], found["received_bytes_total"]) == (1, 0, 500)
    assert found["sent_bytes_total"] > 500
    names = {of[1] for of in scrape(seen) if of[0] == "fogbank_s3_bucket_requests_total"}
    assert names <= {"seen", bucket}


def of_bucket(live: Live, bucket: str) -> dict[str, float]:
    """What is counted of a bucket."""
    return {name.removeprefix("fogbank_s3_bucket_"): n for (name, of, _), n in scrape(live).items() if of == bucket}


def test_buckets_of_the_histogram_rise(seen: Live) -> None:
    seen.ask(seen.signer.sign("HEAD", "/seen"))
    name = "fogbank_request_seconds_bucket"
    found = until(lambda: {of[2]: count for of, count in scrape(seen).items() if of[:2] == (name, "HeadBucket")})
    assert list(found)[-1] == "+Inf"
    assert list(found.values()) == sorted(found.values())
    assert found["+Inf"] == 1


def event_of(live: Live, answer: Answer) -> dict[str, Any]:
    """The one event about a request."""
    request = answer.headers["x-amz-request-id"]

    def found() -> list[dict[str, Any]]:
        return [event for event in live.events() if event["requestID"] == request]

    events: list[dict[str, Any]] = until(found)
    assert len(events) == 1
    return events[0]


def test_events(seen: Live) -> None:
    event = event_of(seen, seen.ask(seen.signer.sign("PUT", "/seen/logged", {"user-agent": "test/1"}, body=b"x")))
    more = event["additionalEventData"]
    assert more.pop("microseconds") > 0
    assert more.pop("answered") > 1_700_000_000_000_000
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", event.pop("eventTime"))
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}", event.pop("eventID"))
    del event["requestID"]
    decision = {
        "action": "s3:PutObject", "resource": "arn:aws:s3:::seen/logged", "decision": "allowed", "kind": "identity",
        "by": ["the account's root user#Root"], "missing": [],
    }  # fmt: skip
    assert event == {
        "eventVersion": "1.11", "eventSource": "s3.amazonaws.com", "eventName": "PutObject", "awsRegion": "us-east-1",
        "userIdentity": {
            "type": "Root", "principalId": seen.account, "arn": f"arn:aws:iam::{seen.account}:root", "accountId": seen.account,
            "accessKeyId": seen.key,
        },
        "sourceIPAddress": "127.0.0.1", "userAgent": "test/1", "readOnly": False, "eventType": "AwsApiCall",
        "managementEvent": False, "eventCategory": "Data", "recipientAccountId": seen.account,
        "requestParameters": {"bucketName": "seen", "key": "logged"}, "responseElements": None,
        "resources": [
            {"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::seen/logged"}, {"type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::seen"},
        ],
        "additionalEventData": {
            "httpStatus": 200, "bytesTransferredIn": 1, "bytesTransferredOut": 0, "method": "PUT", "path": "/seen/logged",
            "decisions": [decision],
        },
    }  # fmt: skip


def test_bytes_of_events(seen: Live) -> None:
    """Of bodies as they are sent: in one piece, as a range of a file, none to a HEAD."""
    for size in (5, 300_000):
        put = event_of(seen, seen.ask(seen.signer.sign("PUT", "/seen/sized", body=b"x" * size)))
        assert put["additionalEventData"]["bytesTransferredIn"] == size
        assert event_of(seen, seen.get("/seen/sized"))["additionalEventData"]["bytesTransferredOut"] == size
    head = event_of(seen, seen.ask(seen.signer.sign("HEAD", "/seen/sized")))
    assert head["additionalEventData"]["bytesTransferredOut"] == 0
    part = event_of(seen, seen.ask(seen.signer.sign("GET", "/seen/sized", {"range": "bytes=10-19"})))
    assert part["additionalEventData"]["bytesTransferredOut"] == 10


def test_events_of_failures(seen: Live) -> None:
    missing = event_of(seen, seen.get("/seen/missing"))
    assert (missing["additionalEventData"]["httpStatus"], missing["errorCode"]) == (404, "NoSuchKey")
    assert missing["errorMessage"] == "The specified key does not exist."
    forged = event_of(seen, seen.ask(seen.signer.but(secret="x").sign("GET", "/seen/a")))
    assert (forged["userIdentity"], forged["errorCode"]) == (
        {"type": "Unknown", "accessKeyId": seen.key},
        "SignatureDoesNotMatch",
    )
    assert "recipientAccountId" not in forged
    anonymous = event_of(seen, plain(seen, "/seen/a"))
    assert anonymous["userIdentity"]["accountId"] == "ANONYMOUS_PRINCIPAL"
    assert anonymous["additionalEventData"]["httpStatus"] == 403
    unheard = event_of(seen, seen.ask(seen.signer.sign("PATCH", "/seen/a")))
    assert (unheard["eventName"], unheard["eventSource"]) == ("Unknown", "s3.amazonaws.com")


def test_nothing_secret_is_logged(seen: Live) -> None:
    sent = [
        seen.signer.presign("GET", "/seen/presigned"),
        seen.signer.presign("GET", "/seen/presigned").at("X-Amz-Signature=", "X-Amz-Signature=0"),
        seen.signer.sign("GET", "/seen/signed"),
        seen.signer.but(token="TheSessionToken").sign("GET", "/seen/token"),
        seen.signer.but(token="TheSessionToken").presign("GET", "/seen/token"),
        seen.signer.sign("GET", "/seen/%00?secret=TheSecret"),
        seen.signer.but(service="iam").sign(
            "POST", "/", {"content-type": "application/x-www-form-urlencoded"}, b"Action=CreateUser&Version=2010-05-08&UserName=logged"
        ),
    ]  # fmt: skip
    for one in sent:
        answer = seen.ask(one)
        if "x-amz-request-id" in answer.headers:
            event_of(seen, answer)
    iam = seen.client("iam")
    secret = iam.create_access_key(UserName="logged")["AccessKey"]["SecretAccessKey"]
    event_of(seen, seen.get("/seen/last"))
    paths = [path for name in ("logs", "events") for path in (seen.data / name).rglob("*") if path.is_file()]
    text = "".join(path.read_text() for path in paths)
    for word in ("X-Amz-Signature", "Signature=", "TheSessionToken", "TheSecret", secret, seen.secret):
        assert word not in text


@pytest.mark.parametrize(
    "path", ["/seen/a%0Ab%22%5C", "/seen/" + "%F0%9F%98%80" * 20, "/seen/" + "a" * 5000, "/seen/%1B%5B31m"]
)
def test_a_line_is_a_line(seen: Live, path: str) -> None:
    event = event_of(seen, plain(seen, path))
    assert len(event["additionalEventData"]["path"].encode()) <= 1024


def test_errors_of_the_regions_own(seen: Live) -> None:
    """A 5xx is in the log, with its traceback and the id that the caller has."""
    before = seen.kept()
    seen.ask(seen.signer.sign("PUT", "/seen/broken", body=b"x" * 100_000))
    file = next(name for name in seen.kept() - before if isinstance(name, str))
    (seen.data / "blobs" / file).unlink()
    answer = seen.get("/seen/broken")
    assert answer.status == 500
    logged = [line for line in seen.log() if line.get("request_id") == answer.headers["x-amz-request-id"]]
    assert len(logged) == 1
    assert (logged[0]["level"], logged[0]["operation"]) == ("error", "s3:GetObject")
    assert "Traceback" in logged[0]["exception"]
    assert event_of(seen, answer)["additionalEventData"]["httpStatus"] == 500
