"""Code on its way in: from a request or from S3, looked at before it is kept, kept once for all who have it, given back.

Source: Lambda API Reference, FunctionCode, LayerVersionContentInput; Lambda Developer Guide, "Lambda quotas".
"""

from __future__ import annotations

import mmap
import tempfile
from contextlib import contextmanager
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import msgspec

from fogbank.core.call import FileRange, Taking
from fogbank.core.errors import AwsError, not_implemented
from fogbank.core.stored import read_content
from fogbank.services.lambda_ import archive
from fogbank.services.lambda_.errors import USER, conflict, invalid
from fogbank.services.lambda_.records import Package, packages, usage_of
from fogbank.store import blobs, outbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from fogbank.core.call import Call, Content
    from fogbank.core.service import Input
    from fogbank.services.lambda_.archive import Buffer
    from fogbank.store.api import Tx
    from fogbank.store.blobs import Blobs

LARGEST_UNZIPPED: Final = 262_144_000  # bytes, of code and layers together
LARGEST_ZIPPED: Final = 52_428_800  # bytes, in a request
LARGEST_REQUEST: Final = 69_905_067  # what that is in base 64: the number that AWS tells
LARGEST_STORED: Final = 80_530_636_800  # bytes of zips of an account in a region
KEPT: Final = timedelta(minutes=20)  # that what was unpacked outlives its package: the longest invocation ends before
UNREFERRED: Final = "lambda.unreferred"  # the effect for a package that nobody has any more
NOT_A_ZIP: Final = "Could not unzip uploaded file. Please check your file, then try to upload again."


class Looked(msgspec.Struct, frozen=True):
    """Code that was looked at: its bytes, and what they are. `sha256` is hexadecimal, sizes are in bytes."""

    content: Content
    sha256: str
    size: int
    unzipped: int


def prepare(call: Call, code: Input) -> Callable[[], Looked]:
    """Find code, for the caller; what is returned looks at it, in a thread. InvalidParameterValueException for what is no zip."""
    content = source(call, code)
    files = call.home.blobs
    return lambda: look(files, content)


def source(call: Call, code: Input) -> Content:
    """The bytes of a zip, from the request or from S3."""
    if "ImageUri" in code:
        raise not_implemented("A function of a container image")
    for member in ("SourceKMSKeyArn", "S3ObjectStorageMode"):
        if member in code and code[member] != "COPY":
            raise not_implemented(f"Code with {member}")
    in_s3 = [member for member in ("S3Bucket", "S3Key", "S3ObjectVersion") if member in code]
    if "ZipFile" in code:
        if in_s3:
            raise invalid("Please do not provide other FunctionCode parameters when providing a ZipFile.")
        return inline(call, code["ZipFile"])
    if not in_s3:
        raise invalid("Please provide a source for function code.")
    if "S3Bucket" not in code or "S3Key" not in code:
        raise invalid("S3 key and bucket are both needed to find the code.")
    return from_s3(call, code)


def inline(call: Call, data: bytes) -> Content:
    """Code in the request itself."""
    if len(data) > LARGEST_ZIPPED:
        what = f"Request must be smaller than {LARGEST_REQUEST} bytes for the {call.bound.name} operation"
        raise AwsError("RequestEntityTooLargeException", what, status=413)
    return [data]


def from_s3(call: Call, code: Input) -> Content:
    """Code in a bucket, read as the caller."""
    bucket, key = code["S3Bucket"], code["S3Key"]
    req = {"Bucket": bucket, "Key": key}
    if "S3ObjectVersion" in code:
        req["VersionId"] = code["S3ObjectVersion"]
    try:
        found = call.invoke("s3", "GetObject", req)
    except AwsError as error:
        raise refused(error, bucket, key) from None
    if found["ContentLength"] > LARGEST_UNZIPPED:
        raise too_big()
    content: Content = found["Body"]
    return content


def refused(error: AwsError, bucket: str, key: str) -> AwsError:
    """What S3 says, as Lambda tells it."""
    told = f"S3 Error Code: {error.code}. S3 Error Message: {error.message}"
    if error.code.startswith("AccessDenied"):
        what = "Your access has been denied by S3, please make sure your request credentials have permission to GetObject for"
        return AwsError("AccessDeniedException", f"{what} {bucket}/{key}. {told}", status=403)
    return invalid(f"Error occurred while GetObject. {told}")


def look(files: Blobs, content: Content) -> Looked:
    """What code is; all of it is unpacked, to nowhere."""
    with opened(files, content) as data:
        if len(data) == 0:
            raise invalid("Uploaded file must be a non-empty zip")
        try:
            unzipped = archive.examine(data, LARGEST_UNZIPPED)
        except archive.BadZip:
            raise invalid(NOT_A_ZIP) from None
        except archive.TooBig:
            raise too_big() from None
        if not unzipped and not archive.read(data, 0):
            raise invalid("Uploaded file must be a non-empty zip")
        return Looked(content, sha256(data).hexdigest(), len(data), unzipped)


@contextmanager
def opened(files: Blobs, content: Content) -> Iterator[Buffer]:
    """Bytes to read here and there: those of several files, or encrypted ones, are brought together in a file without a name."""
    if all(isinstance(piece, bytes) for piece in content):
        yield b"".join([piece for piece in content if isinstance(piece, bytes)])
        return
    with tempfile.TemporaryFile(dir=files.root / "tmp") as whole:
        for run in read_content(files, content):
            whole.write(run)
        whole.flush()
        with mmap.mmap(whole.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield data


def too_big() -> AwsError:
    """The error for code that is too large unzipped."""
    return invalid(f"Unzipped size must be smaller than {LARGEST_UNZIPPED} bytes")


def body(call: Call, req: Input) -> Taking | None:
    """The code that was looked at, to be made durable, unless it is there already, or nothing is to be kept."""
    looked: Looked = call.prepared
    if req.get("DryRun") or packages.get(call.tx, looked.sha256) is not None:
        return None
    return Taking(looked.content, ("SHA256",))


def keep(call: Call) -> Looked:
    """Refer once more to the code that was looked at, and made durable. CodeStorageExceededException."""
    looked: Looked | None = call.prepared
    if looked is None:
        raise not_implemented(f"{call.bound.name} by another service")
    check_room(call, looked.size)
    if not share(call.tx, looked.sha256):
        packages.put(call.tx, made(call, looked), looked.sha256)
    return looked


def made(call: Call, looked: Looked) -> Package:
    """A package that was not there."""
    kept = call.body
    if kept is None or kept.digests["SHA256"].hex() != looked.sha256:  # others had it, and do no more
        raise conflict("The code was deleted while it was read. Please try again.")
    if kept.blob is None:
        inline = call.tx.put_bytes(kept.data or b"")
        return Package(size=looked.size, unzipped=looked.unzipped, refs=1, inline=inline)
    blobs.link(call.tx, kept.blob)
    return Package(size=looked.size, unzipped=looked.unzipped, refs=1, blob=kept.blob.id)


def check_room(call: Call, size: int) -> None:
    """CodeStorageExceededException where an account has no room for a zip of this size."""
    if usage_of(call.tx, call.account, call.region).code + size > LARGEST_STORED:
        what = f"Code storage limit exceeded. The limit is {LARGEST_STORED} bytes."
        raise AwsError("CodeStorageExceededException", what, fields=USER)


def share(tx: Tx, package: str) -> bool:
    """Refer once more to a package; whether it is there."""
    found = packages.get(tx, package)
    if found is not None:
        packages.put(tx, msgspec.structs.replace(found, refs=found.refs + 1), package)
    return found is not None


def release(tx: Tx, package: str, now: datetime) -> None:
    """Refer to a package once less; with the last one it goes, and some time later what was unpacked of it."""
    found = packages.get(tx, package)
    if found is None:
        raise RuntimeError(f"package {package} is missing")
    if found.refs > 1:
        packages.put(tx, msgspec.structs.replace(found, refs=found.refs - 1), package)
        return
    packages.delete(tx, package)
    if found.blob:
        blobs.unlink(tx, found.blob, now)
    else:
        tx.delete_bytes(found.inline)
    outbox.emit(tx, UNREFERRED, package.encode(), now=now, not_before=now + KEPT)


def content(tx: Tx, package: str) -> Content | None:
    """The bytes of a package; None if it is not there."""
    found = packages.get(tx, package)
    if found is None:
        return None
    if found.blob:
        return [FileRange(found.blob, 0, found.size)]
    data = tx.get_bytes(found.inline)
    if data is None:
        raise RuntimeError(f"small blob {found.inline} is missing")
    return [data]
