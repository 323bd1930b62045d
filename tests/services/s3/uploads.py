"""Multipart uploads for tests: one call each for what takes a caller three."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

MIB = 1 << 20


def start(s3: Any, bucket: str, key: str = "k", **options: Any) -> dict[str, str]:
    """A new upload, as the arguments that name it."""
    made = s3.create_multipart_upload(Bucket=bucket, Key=key, **options)
    return {"Bucket": bucket, "Key": key, "UploadId": made["UploadId"]}


def upload(s3: Any, where: Mapping[str, str], bodies: Mapping[int, bytes], **options: Any) -> list[dict[str, Any]]:
    """Upload parts by their numbers; the list that completes the upload of them."""
    parts = []
    for number, body in bodies.items():
        made = s3.upload_part(**where, PartNumber=number, Body=body, **options)
        told = {name: value for name, value in made.items() if name.startswith("Checksum")}
        parts.append({"PartNumber": number, "ETag": made["ETag"], **told})
    return parts


def complete(s3: Any, where: Mapping[str, str], parts: list[dict[str, Any]], **options: Any) -> Any:
    """Complete an upload of these parts."""
    return s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts}, **options)
