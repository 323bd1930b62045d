"""The steps on objects: a tree up and down again, every checksum, listings, presigned URLs, copies."""

from __future__ import annotations

import hashlib
import time
import urllib.error
import urllib.request
import zlib
from base64 import b64encode
from collections import Counter
from typing import Any

from fogbank.tour import programs, tree
from fogbank.tour.tour import CHUNK, Tour

TREE = "tree/"
LARGE = "large.bin"


def sync_up(tour: Tour) -> None:
    """Make the bucket, and sync the tree and the large file into it."""
    prepare(tour)
    tour.aws("s3", "mb", tour.url())
    done = tour.aws("s3", "sync", "--quiet", "--no-follow-symlinks", str(tour.source), tour.url(TREE))
    tour.screen.say(pace(tour, done.seconds))
    done = tour.aws("s3", "cp", "--quiet", str(tour.large), tour.url(LARGE))
    tour.screen.say(f"{size_of(tour.large_size)} in parts of {size_of(CHUNK)}: {rate(tour.large_size, done.seconds)}")


def prepare(tour: Tour) -> None:
    """Make the tree, if it is not the user's own, and the large file; read them."""
    begun = time.perf_counter()
    of = f"your files in {tour.source}" if tour.user_tree else tree.build(tour.source, tour.least)
    tree.large_file(tour.large, tour.large_size)
    tour.local = tree.digests(tour.source)
    total = sum(file.size for file in tour.local.values())
    tour.check(bool(tour.local), f"there are no files in {tour.source}")
    empty = sum(1 for file in tour.local.values() if not file.size)
    tour.screen.say(
        f"{len(tour.local):,} files, {size_of(total)}, {empty} of them empty: {of}", time.perf_counter() - begun
    )


def pace(tour: Tour, seconds: float) -> str:
    """Files and bytes a second."""
    total = sum(file.size for file in tour.local.values())
    return f"{len(tour.local):,} files: {len(tour.local) / seconds:,.0f} files/s, {rate(total, seconds)}"


def size_of(size: int) -> str:
    """Bytes for people."""
    return f"{size / 2**20:,.1f} MiB" if size >= 2**20 else f"{size:,} bytes"


def rate(size: int, seconds: float) -> str:
    """Megabytes a second."""
    return f"{size / seconds / 1e6:,.1f} MB/s"


def verify(tour: Tour) -> None:
    """Sync down again and compare SHA-256; compare the ETags and CRCs that the region tells with the files' own."""
    down = tour.work / "down"
    done = tour.aws("s3", "sync", "--quiet", tour.url(TREE), str(down))
    tour.screen.say(pace(tour, done.seconds))
    begun = time.perf_counter()
    tour.check_same(shas(tour.local), shas(tree.digests(down)), "the tree that came back")
    tour.screen.say(f"SHA-256 of {len(tour.local):,} files: all as they were", time.perf_counter() - begun)
    answer = tour.json("s3api", "list-objects-v2", "--bucket", tour.bucket, "--prefix", TREE)
    etags = {entry["Key"].removeprefix(TREE): entry["ETag"].strip('"') for entry in answer.get("Contents", [])}
    single = {name: file.md5 for name, file in tour.local.items() if file.size < CHUNK}
    tour.check_same(single, {name: etag for name, etag in etags.items() if "-" not in etag}, "the listed ETags")
    tour.screen.say(f"{len(single):,} ETags are the files' MD5s")
    verify_large(tour)


def shas(files: dict[str, tree.File]) -> dict[str, str]:
    """The SHA-256 of each file."""
    return {name: file.sha256 for name, file in files.items()}


def verify_large(tour: Tour) -> None:
    """The ETag and the checksum of the object in parts are what AWS documents for one."""
    found = tour.json("s3api", "head-object", "--bucket", tour.bucket, "--key", LARGE, "--checksum-mode", "ENABLED")
    content = tour.large.read_bytes()
    parts = [content[start : start + CHUNK] for start in range(0, len(content), CHUNK)]
    md5 = hashlib.md5(
        b"".join(hashlib.md5(part, usedforsecurity=False).digest() for part in parts), usedforsecurity=False
    )
    expected = f'"{md5.hexdigest()}-{len(parts)}"'
    tour.check(found["ETag"] == expected, f"the ETag of the object in parts is {found['ETag']}, not {expected}")
    told = checksum_of(found)
    computed = {f"Checksum{name}": value for name, value in large_checksums(content, parts).items()}
    for member, value in told.items():
        tour.check(computed.get(member) == value, f"{member} is {value}, not {computed.get(member)}")
    tour.screen.say(f"the ETag of {len(parts)} parts, {found['ETag']}, and {' '.join(told) or 'no checksum'}: right")


def checksum_of(head: dict[str, Any]) -> dict[str, str]:
    """The checksums in a HeadObject's answer that the tour can compute."""
    return {name: value for name, value in head.items() if name in ("ChecksumCRC32", "ChecksumCRC64NVME")}


def large_checksums(content: bytes, parts: list[bytes]) -> dict[str, str]:
    """CRC64NVME is of the whole; the command's CRC32 is of the parts' CRCs, with their number."""
    from awscrt.checksums import crc64nvme

    crcs = b"".join(zlib.crc32(part).to_bytes(4, "big") for part in parts)
    composite = b64encode(zlib.crc32(crcs).to_bytes(4, "big")).decode()
    whole: int = crc64nvme(content)
    return {"CRC32": f"{composite}-{len(parts)}", "CRC64NVME": b64encode(whole.to_bytes(8, "big")).decode()}


def list_prefixes(tour: Tour) -> None:
    """A directory by prefix and delimiter, and the whole tree counted."""
    folder = largest_folder(tour)
    names = [name.removeprefix(folder) for name in tour.local if name.startswith(folder)]
    folders = {name.partition("/")[0] + "/" for name in names if "/" in name}
    files = {name for name in names if "/" not in name}
    answer = tour.json(
        "s3api", "list-objects-v2", "--bucket", tour.bucket, "--prefix", TREE + folder, "--delimiter", "/"
    )
    found = {entry["Prefix"].removeprefix(TREE + folder) for entry in answer.get("CommonPrefixes", [])}
    there = {entry["Key"].removeprefix(TREE + folder) for entry in answer.get("Contents", [])}
    tour.check(found == folders, f"directories in {folder!r}: {sorted(found ^ folders)[:5]}")
    tour.check(there == files, f"files in {folder!r}: {sorted(there ^ files)[:5]}")
    tour.screen.say(f"{len(found)} directories and {len(there)} files in {folder or 'it'}, as there are")
    done = tour.aws("s3", "ls", "--recursive", "--summarize", tour.url(TREE))
    lines = [line.strip() for line in done.text.splitlines()[-3:]]
    total = sum(file.size for file in tour.local.values())
    summary = [f"Total Objects: {len(tour.local)}", f"Total Size: {total}"]
    tour.check(all(line in lines for line in summary), f"aws s3 ls says {lines}, not {summary}")
    tour.screen.say(f"{summary[0]}, {summary[1].lower()} bytes")


def largest_folder(tour: Tour) -> str:
    """The directory that has most files directly in it."""
    folders = Counter(name.rpartition("/")[0] for name in tour.local)
    folder = folders.most_common(1)[0][0]
    return f"{folder}/" if folder else ""


def presign(tour: Tour) -> None:
    """A presigned URL opens one object for whoever has it; changed in one character, nothing."""
    text = b"Whoever has the link may read this.\n"
    key = "presigned/a letter & more.txt"
    tour.aws("s3", "cp", "-", tour.url(key), stdin=text)
    url = tour.aws("s3", "presign", "--expires-in", "300", tour.url(key)).text.strip()
    status, body = fetch(tour, url)
    tour.check((status, body) == (200, text), f"the presigned URL answered {status}: {body[:300]!r}")
    tour.screen.say("the presigned URL gives the object, without any key")
    forged = {
        "another signature": url[:-1] + ("0" if url[-1] != "0" else "1"),
        "another key": url.replace("letter", "lettes"),
        "a longer life": url.replace("X-Amz-Expires=300", "X-Amz-Expires=900"),
    }
    for what, changed in forged.items():
        if changed == url:  # an older command signs otherwise, and has no such part
            continue
        status, body = fetch(tour, changed)
        tour.check(
            status == 403, f"a presigned URL with {what} must be refused with 403; it answered {status}: {body[:300]!r}"
        )
        tour.screen.say(f"with {what}: 403")


def fetch(tour: Tour, url: str) -> tuple[int, bytes]:
    """What a URL answers: to curl, or to Python where there is no curl."""
    curl = programs.find("curl", tour.runner.environ)
    if curl is None:
        return fetch_here(url, tour.target.runtime.ca)
    done = tour.runner.run([curl, "-sS", "-w", "%{stderr}%{http_code}", url])
    return int(done.stderr.strip() or 0), done.stdout


def fetch_here(url: str, ca: str, **headers: str) -> tuple[int, bytes]:
    """A GET without curl."""
    import ssl

    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}),
        urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca or None)),
    )
    try:
        with opener.open(urllib.request.Request(url, headers=headers), timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def copy_move_delete(tour: Tour) -> None:
    """Objects copied, moved and deleted by the region, without their bytes coming here."""
    one, two, three = (tour.url(f"copies/{name}") for name in ("one", "two", "three"))
    tour.aws("s3", "cp", "--quiet", tour.url(LARGE), one)
    tour.aws("s3", "cp", "--quiet", one, two)
    tour.aws("s3", "mv", "--quiet", two, three)
    there = names_of(tour)
    tour.check(there == {"one", "three"}, f"after a copy and a move there are {sorted(there)}")
    back = tour.work / "copied"
    tour.aws("s3", "cp", "--quiet", three, str(back))
    same = tree.read(back).sha256 == tree.read(tour.large).sha256
    tour.check(same, "the copy of the large object is not what was copied")
    tour.screen.say(f"copied, copied again, moved, and read: the same {size_of(tour.large_size)}")
    tour.aws("s3", "rm", "--quiet", one)
    tour.aws("s3", "rm", "--quiet", three)
    tour.check(not names_of(tour), "deleted objects are still listed")
    tour.refused("404", "s3api", "head-object", "--bucket", tour.bucket, "--key", "copies/three")


def names_of(tour: Tour) -> set[str]:
    """What is under copies/."""
    answer = tour.json("s3api", "list-objects-v2", "--bucket", tour.bucket, "--prefix", "copies/", show=False)
    return {entry["Key"].removeprefix("copies/") for entry in answer.get("Contents", [])}
