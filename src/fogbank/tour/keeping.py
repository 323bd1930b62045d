"""The step on what a bucket keeps: versions, what is locked, bytes that nobody reads without the key, and a page for everybody."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from fogbank.tour.objects import fetch_here

if TYPE_CHECKING:
    from pathlib import Path

    from fogbank.tour.tour import Tour

SECRET = "nobody reads this on the disk 7c1f"
PAGE = b"<h1>Fogbank</h1>"
KEY = "kept/letter.txt"


def keeping(tour: Tour) -> None:
    """A bucket with versions: what is overwritten and deleted comes back; what is locked stays; all of it is encrypted."""
    tour.aws("s3", "mb", f"s3://{tour.kept}")
    tour.aws("s3api", "put-bucket-versioning", "--bucket", tour.kept, "--versioning-configuration", "Status=Enabled")
    first = put(tour, "first", "the first words")
    put(tour, "second", "other words")
    of_key = ("--bucket", tour.kept, "--key", KEY)
    marker = tour.json("s3api", "delete-object", *of_key)
    tour.check(bool(marker.get("DeleteMarker")), "a deletion in a bucket with versions makes no delete marker")
    back = tour.work / "back.txt"
    tour.aws("s3api", "get-object", *of_key, "--version-id", first, str(back))
    tour.check(back.read_text() == "the first words", "the first version is not what was written")
    tour.screen.say("overwritten, deleted, and the first version is back")
    encrypted(tour)
    with_a_key(tour)
    published(tour)


def put(tour: Tour, name: str, text: str, *more: str, key: str = KEY) -> str:
    """Write a small object; its version."""
    path = tour.work / f"{name}.txt"
    path.write_text(text)
    made = tour.json("s3api", "put-object", "--bucket", tour.kept, "--key", key, "--body", str(path), *more)
    return str(made["VersionId"])


def encrypted(tour: Tour) -> None:
    """What is written can be read by those who may, and is nowhere in the files of the region."""
    put(tour, "secret", SECRET * 4000, key="kept/secret.txt")
    found = [path for path in files(tour) if SECRET.encode() in path.read_bytes()]
    tour.check(not found, f"an object's bytes are on the disk as they are: {found[:1]}")
    tour.screen.say(
        f"the words of a file are in none of the {sum(1 for _ in files(tour)):,} files below {tour.target.data.root}"
    )


def files(tour: Tour) -> list[Path]:
    """The files that hold the region's state and objects."""
    root = tour.target.data.root
    return [path for place in ("state", "blobs") for path in (root / place).rglob("*") if path.is_file()]


def with_a_key(tour: Tour) -> None:
    """An object under a key of KMS is gone for everybody while the key is disabled."""
    key = tour.json("kms", "create-key", "--description", "the tour's")["KeyMetadata"]["KeyId"]
    managed = ("--server-side-encryption", "aws:kms", "--ssekms-key-id", key)
    put(tour, "with-kms", "under a key", *managed, key="kept/with-kms.txt")
    of_key = ("--bucket", tour.kept, "--key", "kept/with-kms.txt", str(tour.work / "with-kms.back"))
    tour.aws("s3api", "get-object", *of_key)
    tour.aws("kms", "disable-key", "--key-id", key)
    tour.screen.say("with its KMS key disabled, an object is for nobody:")
    tour.refused("KMS.DisabledException", "s3api", "get-object", *of_key)
    tour.aws("kms", "schedule-key-deletion", "--key-id", key, "--pending-window-in-days", "7")


def published(tour: Tour) -> None:
    """A page that a bucket policy shows to everybody, at the bucket's website."""
    bucket = ("--bucket", tour.kept)
    path = tour.work / "index.html"
    path.write_bytes(PAGE)
    tour.aws("s3", "cp", "--quiet", str(path), f"s3://{tour.kept}/site/index.html")
    tour.aws(
        "s3api", "put-bucket-website", *bucket, "--website-configuration", '{"IndexDocument":{"Suffix":"index.html"}}'
    )
    tour.check(page(tour)[0] == 403, "the page was shown before a policy allowed it")
    tour.aws("s3api", "delete-public-access-block", *bucket)
    resource = f"arn:aws:s3:::{tour.kept}/site/*"
    allows = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": resource}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allows]})
    tour.aws("s3api", "put-bucket-policy", *bucket, "--policy", document)
    tour.check(page(tour) == (200, PAGE), "the page is not what was published")
    tour.screen.say("a page is refused, then published by a bucket policy, at the bucket's website")
    tour.aws("s3api", "delete-bucket-policy", *bucket)


def page(tour: Tour) -> tuple[int, bytes]:
    """What the bucket's website answers for site/, and with which status."""
    host = f"{tour.kept}.s3-website-{tour.target.runtime.region}.localhost"
    return fetch_here(f"{tour.endpoint}/site/", tour.target.runtime.ca, Host=host)
