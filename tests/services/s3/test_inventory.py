"""Inventory configurations."""

from __future__ import annotations

from typing import Any

from services.helpers import code


def inventory(name: str = "all", **more: Any) -> dict[str, Any]:
    """A configuration; `Destination` in `more` adds to the bucket and the format."""
    to = {"Bucket": "arn:aws:s3:::reports", "Format": "CSV", "Prefix": "p"} | more.pop("Destination", {})
    made = {
        "Id": name,
        "IsEnabled": True,
        "IncludedObjectVersions": "All",
        "Schedule": {"Frequency": "Daily"},
        "Destination": {"S3BucketDestination": to},
    }
    return made | more


def keep(s3: Any, bucket: str, value: dict[str, Any]) -> None:
    """Set a configuration."""
    s3.put_bucket_inventory_configuration(Bucket=bucket, Id=value["Id"], InventoryConfiguration=value)


def wrong(s3: Any, bucket: str, value: dict[str, Any], name: str | None = None) -> str:
    """The code of a refusal."""
    given = value["Id"] if name is None else name
    return code(s3.put_bucket_inventory_configuration, Bucket=bucket, Id=given, InventoryConfiguration=value)


def test_a_configuration_comes_back(s3: Any, bucket: str) -> None:
    value = inventory(OptionalFields=["Size", "ETag"], Filter={"Prefix": "a/"})
    keep(s3, bucket, value)
    found = s3.get_bucket_inventory_configuration(Bucket=bucket, Id="all")["InventoryConfiguration"]
    assert found == value
    s3.delete_bucket_inventory_configuration(Bucket=bucket, Id="all")
    assert code(s3.get_bucket_inventory_configuration, Bucket=bucket, Id="all") == "NoSuchConfiguration"
    assert code(s3.delete_bucket_inventory_configuration, Bucket=bucket, Id="all") == "NoSuchConfiguration"


def test_configurations_are_listed_by_the_hundred(s3: Any, bucket: str) -> None:
    assert "InventoryConfigurationList" not in s3.list_bucket_inventory_configurations(Bucket=bucket)
    for number in range(101):
        keep(s3, bucket, inventory(f"i{number:03}"))
    first = s3.list_bucket_inventory_configurations(Bucket=bucket)
    assert first["IsTruncated"]
    token = first["NextContinuationToken"]
    last = s3.list_bucket_inventory_configurations(Bucket=bucket, ContinuationToken=token)
    assert [one["Id"] for one in last["InventoryConfigurationList"]] == ["i100"]
    assert not last["IsTruncated"]
    assert code(s3.list_bucket_inventory_configurations, Bucket=bucket, ContinuationToken="x") == "InvalidArgument"


def test_what_is_refused(s3: Any, bucket: str) -> None:
    assert wrong(s3, bucket, inventory(), "other") == "InvalidConfigurationId"
    for name in ("a b", "ä", "x" * 65, "a/b"):
        assert wrong(s3, bucket, inventory(name)) == "InvalidConfigurationId"
    assert wrong(s3, bucket, inventory(Destination={"Bucket": "reports"})) == "InvalidS3DestinationBucket"
    west = {"LocationConstraint": "us-west-2"}
    s3.create_bucket(Bucket="reports", CreateBucketConfiguration=west)
    assert wrong(s3, bucket, inventory()) == "InvalidS3DestinationBucket"
    assert wrong(s3, bucket, inventory(Schedule={"Frequency": "Hourly"})) == "MalformedXML"
    assert wrong(s3, bucket, inventory(OptionalFields=["Colour"])) == "MalformedXML"
    both = {"Encryption": {"SSES3": {}, "SSEKMS": {"KeyId": "k"}}, "Bucket": "arn:aws:s3:::elsewhere"}
    assert wrong(s3, bucket, inventory(Destination=both)) == "MalformedXML"


def test_what_does_not_work_here(s3: Any, bucket: str) -> None:
    assert wrong(s3, bucket, inventory(Destination={"Format": "ORC"})) == "NotImplemented"
    assert wrong(s3, bucket, inventory(OptionalFields=["IntelligentTieringReferenceDate"])) == "NotImplemented"
