"""Lifecycles for tests: rules in few words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from support.region import LocalRegion


def rule(name: str = "r", prefix: str = "", **actions: Any) -> dict[str, Any]:
    """A rule for a prefix, unless `actions` have another Filter."""
    return {"ID": name, "Status": "Enabled", "Filter": {"Prefix": prefix}, **actions}


def put(s3: Any, bucket: str, *rules: dict[str, Any], **more: Any) -> Any:
    """Give a bucket a lifecycle of these rules."""
    return s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": list(rules)}, **more)


def versioned(s3: Any, bucket: str, status: str = "Enabled") -> None:
    """Have a bucket keep versions, or no more."""
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})


def later(region: LocalRegion, days: int) -> None:
    """Let days pass, and the lifecycles do what is due."""
    region.advance(days=days)
    region.settle()


def keys(s3: Any, bucket: str) -> list[str]:
    """The keys of a bucket's objects."""
    return [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", ())]


def classes(s3: Any, bucket: str) -> dict[str, str]:
    """The storage classes of a bucket's objects."""
    return {entry["Key"]: entry["StorageClass"] for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", ())}


def history(s3: Any, bucket: str, key: str = "k") -> list[str]:
    """The versions of a key, newest first: their bytes' sizes, or `marker`."""
    found = s3.list_object_versions(Bucket=bucket, Prefix=key)
    entries = [*found.get("Versions", ()), *found.get("DeleteMarkers", ())]
    ordered = sorted(entries, key=lambda entry: (not entry["IsLatest"], entry["VersionId"]))
    return [str(entry["Size"]) if "Size" in entry else "marker" for entry in ordered]
