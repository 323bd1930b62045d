"""Checksums of uploads: which are wanted, whether they are right, and how they are told.

Source: S3 User Guide, "Checking object integrity in Amazon S3".
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import TYPE_CHECKING, Any

from fogbank.core.digests import NEW, base64, digest
from fogbank.core.errors import AwsError
from fogbank.services.s3.records import Checksum

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fogbank.core.call import Body
    from fogbank.core.service import Input
    from fogbank.wire import HttpRequest, Operation

ALGORITHMS = tuple(NEW)
DEFAULT = "CRC64NVME"  # S3 gives every object one, asked or not
FULL_OBJECT_ONLY = frozenset({"CRC64NVME"})
CAN_BE_WHOLE = frozenset({"CRC32", "CRC32C", "CRC64NVME"})
HEADER_PREFIX = "x-amz-checksum-"
MEMBERS = {algorithm: f"Checksum{algorithm}" for algorithm in ALGORITHMS}
ALGORITHM_OF_MEMBER = {member: algorithm for algorithm, member in MEMBERS.items()}
ALGORITHM_OF_HEADER = {HEADER_PREFIX + algorithm.lower(): algorithm for algorithm in ALGORITHMS}
_SAYING = frozenset(("content-md5", *ALGORITHM_OF_HEADER))
NO_TRAILERS: Mapping[str, str] = {}


def wanted(req: Input) -> tuple[str, ...]:
    """The digests that an upload needs, besides those of its trailers: MD5 for its ETag, and one checksum."""
    return ("MD5", algorithm_of(req) or DEFAULT)


def algorithm_of(req: Input, trailers: Mapping[str, str] = NO_TRAILERS) -> str | None:
    """The checksum algorithm that the caller chose: by a value in a header or a trailer, or by name for a trailer to come."""
    given = [ALGORITHM_OF_MEMBER[member] for member in ALGORITHM_OF_MEMBER.keys() & req.keys()]
    given += [ALGORITHM_OF_HEADER[name] for name in trailers if name in ALGORITHM_OF_HEADER]
    if len(given) > 1:
        raise AwsError(
            "InvalidRequest", "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        )
    named = req.get("ChecksumAlgorithm")
    if named is not None and named not in MEMBERS:
        raise AwsError(
            "InvalidRequest", "Checksum algorithm provided is unsupported. Please try again with any of the valid types"
        )
    return given[0] if given else named


def check_upload(req: Input, body: Body, default: str = DEFAULT) -> Checksum:
    """The checksum of an upload, after all that the caller said of its body has proved right; by `default` if it said none."""
    check_md5(req.get("ContentMD5"), body.digests["MD5"])
    algorithm = algorithm_of(req, body.trailers)
    computed = base64(body.digests[algorithm or default])
    if algorithm is not None:
        check_value(algorithm, expected_value(req, body, algorithm), computed)
    return Checksum(algorithm or default, computed)


def expected_value(req: Input, body: Body, algorithm: str) -> str:
    """What the caller says the checksum is, in a header or in a trailer."""
    value = req.get(MEMBERS[algorithm]) or body.trailers.get(HEADER_PREFIX + algorithm.lower())
    if value is None:
        raise AwsError(
            "InvalidRequest",
            "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.",
        )
    return str(value)


def check_md5(given: str | None, computed: bytes) -> None:
    """Check a Content-MD5 header."""
    if given is None:
        return
    try:
        raw = b64decode(given, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != 16:
        raise invalid_md5(given)
    if raw != computed:
        raise AwsError(
            "BadDigest",
            "The Content-MD5 you specified did not match what we received.",
            fields={"ExpectedDigest": given, "CalculatedDigest": base64(computed)},
        )


def check_headers(headers: Mapping[str, str]) -> None:
    """Refuse an empty Content-MD5, which is no member of the input, before a body is read."""
    if headers.get("content-md5") == "":
        raise invalid_md5("")


def invalid_md5(given: str) -> AwsError:
    """S3's error for a Content-MD5 that is no MD5."""
    fields = {"Content-MD5": given[:100]}
    return AwsError("InvalidDigest", "The Content-MD5 you specified was invalid.", fields=fields)


def check_value(algorithm: str, given: str, computed: str) -> None:
    """Check a checksum value in base 64 against the computed one."""
    try:
        raw = b64decode(given, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != len(b64decode(computed)):
        raise AwsError("InvalidRequest", f"Value for {HEADER_PREFIX}{algorithm.lower()} header is invalid.")
    if given != computed:
        raise AwsError("BadDigest", f"The {algorithm} you specified did not match the calculated checksum.")


def told(checksum: Checksum | None) -> dict[str, Any]:
    """A checksum as output members."""
    if checksum is None:
        return {}
    return {MEMBERS[checksum.algorithm]: checksum.value, "ChecksumType": checksum.type}


def verify(request: HttpRequest, operation: Operation) -> None:
    """Check the body of a request that does not stream against the digests in its headers, if there are any."""
    headers = request.headers
    if headers.keys().isdisjoint(_SAYING):
        return
    given = headers.get("content-md5")
    if given is not None:
        check_md5(given, digest("MD5", request.body))
    if "httpChecksum" not in operation.traits:
        return  # its checksums are not of the body, but of the whole of an upload in parts
    for name, algorithm in ALGORITHM_OF_HEADER.items():
        value = headers.get(name)
        if value is not None:
            check_value(algorithm, value, base64(digest(algorithm, request.body)))
