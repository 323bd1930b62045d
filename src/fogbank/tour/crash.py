"""The step in which every process of the region is killed in the middle of uploads."""

from __future__ import annotations

import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from fogbank.tour import tree
from fogbank.tour.objects import size_of
from fogbank.tour.programs import TourError
from fogbank.tour.uploader import THREADS, Uploader, content_of

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Mapping

    from fogbank.tour.tour import Tour

PREFIX = "crash/"
TREE = "crash/tree/"
LARGE = "crash/large.bin"
SOURCE = "interrupted"
FILES = 800  # of the tree, at most
BYTES = 64 << 20
ENOUGH = 100  # acknowledged objects before the kill, at the least
_BANDWIDTH = "8MB/s"  # so slow is the large file sent, that the crash comes in its middle
_SECONDS = 60.0
_POLL = 0.02


def crash(tour: Tour) -> None:
    """Kill everything in the middle of uploads by three clients, start it again, and look what is there."""
    why = tour.target.cannot_restart()
    if why:
        tour.screen.skipped(why)
        return
    files = some_files(tour)
    uploader = Uploader(tour.client, tour.bucket, f"{PREFIX}objects/")
    begun = time.perf_counter()
    try:
        large, sync = start_clients(tour, uploader, len(files))
        killed = time.perf_counter()
        pids = tour.target.kill(tour.runner)
        uploader.join()
    finally:
        uploader.abandon()
    acknowledged, parts = len(uploader.acknowledged), len(uploader.parts)
    tour.screen.say(f"kill -9 of {len(pids)} processes, at {acknowledged:,} objects and {parts} parts acknowledged")
    seconds = tour.target.restart(tour.runner, tour.work)
    tour.screen.say(
        f"the region answers again {seconds * 1000:,.0f} ms after `fogbank up`", time.perf_counter() - killed
    )
    check_objects(tour, uploader)
    check_interrupted(tour, files, [tour.runner.wait(large, begun), tour.runner.wait(sync, begun)])
    finish(tour, files, uploader)


def some_files(tour: Tour) -> dict[str, tree.File]:
    """A part of the tree, in a directory of its own: enough to be cut in the middle."""
    files: dict[str, tree.File] = {}
    size = 0
    for name, file in tour.local.items():
        size += file.size
        if len(files) == FILES or size > BYTES:
            break
        copy = tour.work / SOURCE / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(tour.source / name, copy)
        files[name] = file
    return files


def start_clients(
    tour: Tour, uploader: Uploader, files: int
) -> tuple[subprocess.Popen[bytes], subprocess.Popen[bytes]]:
    """Start the uploader, a large file and the tree by the aws command; return when all three are in the middle."""
    once = {"AWS_MAX_ATTEMPTS": "1"}  # what the crash interrupts stays interrupted
    slow = tour.config("slow", 1, chunk="5MB", more=f"max_bandwidth = {_BANDWIDTH}")
    uploader.start()
    large = tour.runner.start(
        [tour.program, "s3", "cp", "--no-progress", str(tour.large), tour.url(LARGE)],
        environ=once | {"AWS_CONFIG_FILE": str(slow)},
    )
    s3 = tour.client.s3
    wait_for(lambda: has_part(s3, tour.bucket), large, "the large file's upload")
    words = [tour.program, "s3", "sync", "--no-progress", str(tour.work / SOURCE), tour.url(TREE)]
    sync = tour.runner.start(words, environ=once)
    some = max(1, min(30, files // 10))
    wait_for(
        lambda: s3.list_objects_v2(Bucket=tour.bucket, Prefix=TREE, MaxKeys=some)["KeyCount"] >= some
        and len(uploader.acknowledged) >= ENOUGH
        and bool(uploader.parts),
        sync, "the sync",
    )  # fmt: skip
    if uploader.errors:
        raise TourError(f"an upload failed before the crash: {uploader.errors[0]}")
    return large, sync


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[bytes], what: str) -> None:
    """Wait for a condition, while a process runs that brings it about."""
    deadline = time.monotonic() + _SECONDS
    while not condition():
        if process.poll() not in (None, 0):
            stderr = process.stderr.read() if process.stderr else b""
            raise TourError(f"{what} failed before the crash: {stderr.decode(errors='replace')[-1000:]}")
        if time.monotonic() > deadline:
            raise TourError(f"{what} did not get anywhere in {_SECONDS:.0f} s")
        time.sleep(_POLL)


def has_part(s3: Any, bucket: str) -> bool:
    """Whether the large file's upload has a part already."""
    uploads = s3.list_multipart_uploads(Bucket=bucket, Prefix=LARGE).get("Uploads", [])
    return any(s3.list_parts(Bucket=bucket, Key=LARGE, UploadId=one["UploadId"]).get("Parts") for one in uploads)


def check_objects(tour: Tour, uploader: Uploader) -> None:
    """Every acknowledged object is there, byte for byte; one that was sent and not acknowledged is there whole or not at all."""
    begun = time.perf_counter()
    listed = {entry["Key"]: entry for entry in tour.client.listed(tour.bucket, f"{PREFIX}objects/")}
    lost = uploader.acknowledged.keys() - listed.keys()
    tour.check(
        not lost,
        f"{len(lost)} of {len(uploader.acknowledged)} acknowledged objects are lost, such as {min(lost, default='')}",
    )
    tour.check(listed.keys() <= uploader.sent, f"objects that nobody sent: {sorted(listed.keys() - uploader.sent)[:3]}")
    s3 = tour.client.s3

    def same(key: str) -> bool:
        body: bytes = s3.get_object(Bucket=tour.bucket, Key=key)["Body"].read()
        return body == content_of(key)

    with ThreadPoolExecutor(THREADS) as pool:
        wrong = [key for key, right in zip(listed, pool.map(same, listed), strict=True) if not right]
    tour.check(not wrong, f"{len(wrong)} objects do not have the bytes that were sent, such as {wrong[:1]}")
    tour.checks += 2 * len(listed)
    there, count = len(listed.keys() & uploader.acknowledged.keys()), len(uploader.acknowledged)
    tour.screen.say(
        f"{there:,} of {count:,} acknowledged objects are there, byte for byte", time.perf_counter() - begun
    )
    more = len(listed) - there
    unanswered = len(uploader.sent) - count
    tour.screen.say(
        f"{unanswered} sent and not acknowledged: {more} whole, {unanswered - more} not there, none in part"
    )


def check_interrupted(tour: Tour, files: Mapping[str, tree.File], done: list[Any]) -> None:
    """Nothing partial is visible of what the aws command was sending, and all is there that it printed as uploaded."""
    large, sync = done
    visible = {entry["Key"]: entry for entry in tour.client.listed(tour.bucket, PREFIX)}
    if large.code != 0:
        tour.check(LARGE not in visible, "an upload in parts that was never completed is visible as an object")
        tour.screen.say(f"the large file, {size_of(tour.large_size)}, was cut in its middle: no object is visible")
    found = {key.removeprefix(TREE): entry for key, entry in visible.items() if key.startswith(TREE)}
    expected = {name: (file.size, file.md5) for name, file in files.items() if name in found}
    told = {name: (entry["Size"], entry["ETag"].strip('"')) for name, entry in found.items()}
    tour.check_same(whole(expected), whole(told), "files that were uploaded around the crash")
    printed = [
        line.rpartition(f" to {tour.url(TREE)}")[2] for line in sync.text.splitlines() if line.startswith("upload: ")
    ]
    lost = [name for name in printed if name in files and name not in found]
    tour.check(not lost, f"files that the aws command was told are uploaded are lost: {lost[:3]}")
    tour.checks += len(printed)
    failed = sync.stderr.count("upload failed: ")
    tour.screen.say(
        f"aws s3 sync: {len(printed):,} files uploaded, {failed} failed; all {len(printed):,} are there, none in part"
    )


def whole(files: dict[str, tuple[int, str]]) -> dict[str, tuple[int, str]]:
    """Sizes, and the MD5 where the ETag is one."""
    return {name: (size, etag if size < (8 << 20) else "") for name, (size, etag) in files.items()}


def finish(tour: Tour, files: Mapping[str, tree.File], uploader: Uploader) -> None:
    """The interrupted uploads can be finished: the same sync again, and the object in parts goes on where it was."""
    tour.aws("s3", "sync", "--quiet", str(tour.work / SOURCE), tour.url(TREE))
    found = {entry["Key"].removeprefix(TREE): entry for entry in tour.client.listed(tour.bucket, TREE)}
    expected = {name: (file.size, file.md5) for name, file in files.items()}
    told = {name: (entry["Size"], entry["ETag"].strip('"')) for name, entry in found.items()}
    tour.check_same(whole(expected), whole(told), "the tree after the second sync")
    tour.screen.say(f"the sync, run again: all {len(found):,} files are there")
    before = len(uploader.parts)
    sha = uploader.complete()
    path = tour.work / "in-parts.bin"
    path.write_bytes(tour.client.s3.get_object(Bucket=tour.bucket, Key=uploader.large_key)["Body"].read())
    tour.check(
        tree.read(path).sha256 == sha, "the object of parts from before and after the crash is not what was sent"
    )
    tour.screen.say(f"{before} parts from before the crash and one after it: one object, as it was sent")
