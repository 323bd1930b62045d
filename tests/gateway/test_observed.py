"""What operators see: health, metrics, the access log, the log."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from gateway.client import Sent
from gateway.live import Live, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gateway.client import Answer

LINE = re.compile(r'(?P<name>[a-z_]+)\{(?P<labels>(?:[a-z]+="[^"\\]*",?)+)\} (?P<value>[0-9.e+-]+)')


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A region of its own, whose counts nobody else raises; its logs are kept small."""
    directory = tmp_path_factory.mktemp("seen") / "data"
    directory.mkdir(mode=0o700)
    (directory / "fogbank.toml").write_text("log_size = 65536\n")
    region = Live(directory, "--workers", "2")
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
    """Sums over the workers, by name, operation and status or bound; and a check of the format."""
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
        labels: dict[str, str] = dict(re.findall(r'([a-z]+)="([^"]*)"', found["labels"]))
        summed = (name, labels["operation"], labels.get("le") or labels["status"])
        sums[summed] = sums.get(summed, 0) + float(found["value"])
    assert typed == {"fogbank_requests_total": "counter", "fogbank_request_seconds": "histogram"}
    return sums


def test_counts_add_up_over_the_workers(seen: Live) -> None:
    """Of operations that no other test here asks for: workers file their counts once a second."""
    for number in range(20):
        seen.ask(seen.signer.sign("DELETE", f"/seen/{number}"))
        seen.ask(seen.signer.sign("HEAD", "/seen/missing"))
    seen.ask(seen.signer.but(secret="x").sign("DELETE", "/seen/1"))
    expected = {
        ("fogbank_requests_total", "DeleteObject", "204"): 20,
        ("fogbank_requests_total", "DeleteObject", "403"): 1,
        ("fogbank_requests_total", "HeadObject", "404"): 20,
        ("fogbank_request_seconds_count", "DeleteObject", "204"): 20,
        ("fogbank_request_seconds_bucket", "HeadObject", "+Inf"): 20,
    }
    until(lambda: expected.items() <= scrape(seen).items())
    text = plain(seen, "/_fogbank/metrics", authorization=f"Bearer {token(seen)}").body.decode()
    assert set(re.findall(r'worker="(\d+)"', text)) <= {str(pid) for pid in seen.workers()}


def test_buckets_of_the_histogram_rise(seen: Live) -> None:
    seen.ask(seen.signer.sign("HEAD", "/seen"))
    name = "fogbank_request_seconds_bucket"
    found = until(lambda: {of[2]: count for of, count in scrape(seen).items() if of[:2] == (name, "HeadBucket")})
    assert list(found)[-1] == "+Inf"
    assert list(found.values()) == sorted(found.values())
    assert found["+Inf"] == 1


def line_of(live: Live, answer: Answer) -> dict[str, Any]:
    """The one line of the access log about a request."""
    request = answer.headers["x-amz-request-id"]

    def found() -> list[dict[str, Any]]:
        return [line for line in live.access() if line["id"] == request]

    lines: list[dict[str, Any]] = until(found)
    assert len(lines) == 1
    return lines[0]


def test_the_access_log(seen: Live) -> None:
    put = seen.ask(seen.signer.sign("PUT", "/seen/logged", body=b"x"))
    line = line_of(seen, put)
    assert line["microseconds"] > 0
    assert line["time"]
    del line["microseconds"], line["time"], line["id"]
    assert line == {
        "client": "127.0.0.1", "account": seen.account, "key": seen.key, "operation": "s3:PutObject", "method": "PUT",
        "path": "/seen/logged", "status": 200, "error": "",
    }  # fmt: skip
    missing = line_of(seen, seen.get("/seen/missing"))
    assert (missing["status"], missing["error"]) == (404, "NoSuchKey")
    forged = line_of(seen, seen.ask(seen.signer.but(secret="x").sign("GET", "/seen/a")))
    assert (forged["account"], forged["key"], forged["error"]) == ("-", seen.key, "SignatureDoesNotMatch")
    anonymous = line_of(seen, plain(seen, "/seen/a"))
    assert (anonymous["account"], anonymous["key"], anonymous["status"]) == ("anonymous", "-", 403)


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
            line_of(seen, answer)
    iam = seen.client("iam")
    secret = iam.create_access_key(UserName="logged")["AccessKey"]["SecretAccessKey"]
    line_of(seen, seen.get("/seen/last"))
    text = "".join(path.read_text() for path in (seen.data / "logs").iterdir())
    for word in ("X-Amz-Signature", "Signature=", "TheSessionToken", "TheSecret", secret, seen.secret):
        assert word not in text


@pytest.mark.parametrize(
    "path", ["/seen/a%0Ab%22%5C", "/seen/" + "%F0%9F%98%80" * 20, "/seen/" + "a" * 5000, "/seen/%1B%5B31m"]
)
def test_a_line_is_a_line(seen: Live, path: str) -> None:
    line = line_of(seen, plain(seen, path))
    assert len(line["path"]) <= 1024


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
    assert line_of(seen, answer)["status"] == 500


def test_the_access_log_is_rotated(seen: Live) -> None:
    """Ten seconds are too long to wait for the control process: the test does what it does."""
    from fogbank.region import log

    path: Path = seen.data / "logs" / "access.log"
    with seen.wire() as wire:
        for _ in range(100):
            wire.ask(Sent("GET", "/seen/" + "r" * 900, (("host", seen.host),)))
    until(lambda: path.stat().st_size > 65_536)
    log.rotate(path, 65_536)
    assert (seen.data / "logs" / "access.log.1").stat().st_size >= 65_536

    def again() -> bool:
        seen.get("/seen")
        return path.exists() and path.stat().st_size > 0

    until(again)
    line_of(seen, seen.get("/seen"))
