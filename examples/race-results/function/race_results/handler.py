"""What Lambda calls: files have arrived in the bucket of reads, so the results are made anew.

Many invocations may run at once, of any order, and each event may come more than once. So what is written depends on all files
there, never on the event, and three rules keep it right:

1. `results.json` is replaced only as it was when the files were listed (If-Match): whoever listed earlier than another one wrote
   begins again. It has a number that rises, so no two versions are the same bytes.
2. Who wrote pages looks once more, until there was nothing to write: whatever an older invocation wrote late, it puts right itself.
3. One invocation at a time writes pages; others leave it to that one, which looks for newer results after it has said that it is
   done. If it dies, Lambda gives its event again with the same request id, by which it knows its own claim; and after half a minute
   of silence any other one takes over. What is not called again, because a person waits for it, keeps nobody away.

An invocation that cannot finish raises, and Lambda calls it again.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from race_results import entries, pages
from race_results.results import results

if TYPE_CHECKING:
    from race_results.entries import Entries

ROUNDS = 40
THREADS = 8
JSON, HTML, SVG, TEXT = "application/json", "text/html; charset=utf-8", "image/svg+xml", "text/plain; charset=utf-8"
REPORT, CLAIM = "report/problems.txt", "report/claim.json"
BUSY, SILENCE = "busy", 30.0  # seconds after which a claim does not count
BATCH = 200  # pages after which a claim is renewed

s3: Any = boto3.client(
    "s3", config=Config(max_pool_connections=THREADS, retries={"mode": "standard", "max_attempts": 5})
)
_read: dict[
    tuple[str, str, str], Entries
] = {}  # what files said, by bucket, key and ETag: a warm environment reads each once


class Place(NamedTuple):
    """Where files come from, where pages go, and under which address people see them; and the id of the event that is handled.

    The id is empty for a call that is not repeated if it fails.
    """

    reads: str
    site: str
    url: str
    event: str = ""


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """An event of S3; or `{"bucket": NAME}`, from whoever wants everything made anew."""
    records = event.get("Records", [])
    buckets = {record["s3"]["bucket"]["name"] for record in records if "s3" in record}
    buckets |= {event["bucket"]} if "bucket" in event else set()
    told = {}
    for bucket in sorted(buckets):
        id_ = "" if "bucket" in event else context.aws_request_id
        place = Place(bucket, os.environ["SITE_BUCKET"], os.environ["SITE_URL"].rstrip("/"), id_)
        if not id_:
            claim(place, 0)
        told[bucket] = settle(place)
    return told


def settle(place: Place) -> dict[str, Any]:
    """Make the results and the pages what the files say, until there is nothing left to do, or another invocation is at it."""
    written = 0
    for attempt in range(ROUNDS):
        document, wrote = make(place)
        written += wrote
        if document is None:  # another one was faster
            time.sleep(random.uniform(0, 0.05 * min(attempt + 1, 10)))
            continue
        state, etag = claimed(place)
        if state in (BUSY, document["revision"]):
            return {"revision": document["revision"], "written": written, "left": state == BUSY}
        if claim(place, BUSY, **guard(etag)):
            done, wrote = publish_all(place, document)
            written += wrote
            claim(place, done)  # then once more from the start: results that came meanwhile were left to this one
    raise RuntimeError(f"not settled after {ROUNDS} rounds: others write all the time")


def publish_all(place: Place, document: dict[str, Any]) -> tuple[int, int]:
    """Write pages until there are none to write, of the newest results. Of which they are, and how many were written."""
    written = 0
    for _ in range(ROUNDS):
        wrote = publish(place, document)
        if not wrote:
            return document["revision"], written
        written += wrote
        document = current(place)[0] or document
    raise RuntimeError(f"pages not settled after {ROUNDS} rounds: others write all the time")


def claimed(place: Place) -> tuple[str | int, str]:
    """Whether another invocation writes pages (`busy`), or of which results they are (0: it is not known); and the claim's ETag."""
    try:
        found = s3.get_object(Bucket=place.reads, Key=CLAIM)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchKey":
            return 0, ""
        raise
    said = found["ResponseMetadata"]["HTTPHeaders"].get("date")
    now = parsedate_to_datetime(said) if said else datetime.now(UTC)  # S3's clock, rather than this one's
    told = json.loads(found["Body"].read())
    silent = (now - found["LastModified"]).total_seconds() > SILENCE
    free = told["state"] == BUSY and (silent or told["event"] == place.event)
    return 0 if free else told["state"], found["ETag"]


def claim(place: Place, state: str | int, **condition: str) -> bool:
    """Say that this one writes pages (`busy`), or of which results they are. No two claims are the same bytes."""
    told = 0 if state == BUSY and not place.event else state
    body = json.dumps({"state": told, "event": place.event, "nonce": random.getrandbits(64)}).encode()
    return put(place.reads, CLAIM, body, JSON, **condition)


def guard(etag: str) -> dict[str, str]:
    """What a write asks: that the object is still the one of this ETag, or that there is none."""
    return {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}


def make(place: Place) -> tuple[dict[str, Any] | None, int]:
    """The results of the files that are there, and how many objects were written for it. None: others wrote meanwhile."""
    before, etag = current(place)  # first this, then the files: see rule 1
    files = listed(place.reads)
    inputs = hashlib.sha256(json.dumps([place.url, sorted(files.items())]).encode()).hexdigest()
    if before is not None and before.get("inputs") == inputs:
        return before, 0
    found = read_all(place.reads, files)
    if found is None:
        return None, 0
    document = {"revision": before["revision"] + 1 if before else 1, "inputs": inputs, **results(found)}
    if not put(place.site, "results.json", dumped(document), JSON, **guard(etag)):
        return None, 0
    report(place, found)
    print(f"revision {document['revision']}: {len(files)} files, {document['counts']}, {len(found.problems)} problems")
    return document, 1


def dumped(document: dict[str, Any]) -> bytes:
    """The results as JSON, a runner a line."""
    head = {name: value for name, value in document.items() if name != "results"}
    lines = ",\n".join(json.dumps(each, ensure_ascii=False) for each in document["results"])
    return (json.dumps(head, ensure_ascii=False)[:-1] + ',\n"results": [\n' + lines + "\n]}\n").encode()


def current(place: Place) -> tuple[dict[str, Any] | None, str]:
    """The results that are published, and their ETag."""
    try:
        found = s3.get_object(Bucket=place.site, Key="results.json")
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchKey":
            return None, ""
        raise
    return json.loads(found["Body"].read()), found["ETag"]


def listed(bucket: str, prefix: str = "") -> dict[str, str]:
    """Keys and ETags: of the files that are ours, or of the pages."""
    found = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    objects = [each for page in found for each in page.get("Contents", [])]
    return {each["Key"]: each["ETag"] for each in objects if prefix or entries.kind_of(each["Key"])}


def read_all(bucket: str, files: dict[str, str]) -> Entries | None:
    """What the files say. None if one is not any more what was listed."""
    wanted = {(bucket, key, etag) for key, etag in files.items()}
    for gone in _read.keys() - wanted:
        del _read[gone]
    try:
        for where in sorted(wanted - _read.keys()):
            body = s3.get_object(Bucket=bucket, Key=where[1], IfMatch=where[2])["Body"]
            _read[where] = entries.parsed(entries.kind_of(where[1]), body.read())
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "PreconditionFailed"):
            return None
        raise
    return entries.together({key: _read[bucket, key, etag] for key, etag in files.items()})


def publish(place: Place, document: dict[str, Any]) -> int:
    """Write the pages that are not as they must be, and remove those of bibs that are no more. How many there were."""
    there = listed(place.site, "bib/")
    index = there | listed(place.site, "index.html")
    wanted: dict[str, tuple[Any, str]] = {"index.html": (pages.index(document).encode(), HTML)}
    for each in document["results"]:
        key = f"bib/{each['bib']}.html"
        url = f"{place.url}/{key}"
        wanted[key] = (pages.bib_page(document, each, url).encode(), HTML)
        wanted[f"bib/{pages.code_name(each['bib'], url)}"] = (url, SVG)
    due = [key for key, (body, _) in wanted.items() if not same(body, index.get(key))]
    due.sort(key=lambda key: wanted[key][1] == SVG)  # codes take longest, and nobody waits for them
    gone = sorted(there.keys() - wanted.keys())

    def write(key: str) -> None:
        body, kind = wanted[key]
        put(place.site, key, body if kind == HTML else pages.code(body), kind, **guard(index.get(key, "")))

    with ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, len(due), BATCH):
            list(pool.map(write, due[start : start + BATCH]))
            claim(place, BUSY)
    for start in range(0, len(gone), 1000):
        keys = [{"Key": key} for key in gone[start : start + 1000]]
        s3.delete_objects(Bucket=place.site, Delete={"Objects": keys, "Quiet": True})
    return len(due) + len(gone)


def same(body: Any, etag: str | None) -> bool:
    """Whether an object is what it must be. An ETag is the MD5 of the bytes; a code's name tells its address."""
    if etag is None or isinstance(body, str):
        return etag is not None
    return etag.strip('"') == hashlib.md5(body, usedforsecurity=False).hexdigest()


def put(bucket: str, key: str, body: bytes, kind: str, **guard: str) -> bool:
    """Write an object if it is still as it was. Whether it was."""
    try:
        s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType=kind, CacheControl="max-age=15", **guard)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"):
            return False
        raise
    return True


def report(place: Place, found: Entries) -> None:
    """Tell the organisers, and nobody else, what could not be used."""
    text = "".join(f"{problem}\n" for problem in found.problems) or "No problems.\n"
    put(place.reads, REPORT, text.encode(), TEXT)
