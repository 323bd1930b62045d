"""What operators ask of a region's state: `fogbank s3 usage`, `scrub`, `fsck`, beside a region that runs and of one that does not."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import apsw
import msgspec
import pytest

from fogbank.services.s3 import records
from fogbank.services.s3.configuration import configurations
from fogbank.store.blobs import blob_refs
from gateway.live import Live

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from click.testing import Result

    from fogbank.store.table import Table

    Ask = Callable[..., Any]

LARGE = 300_000
PART = 5 << 20


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A region that runs, with something of everything in one bucket, and nothing in another."""
    region = Live(tmp_path_factory.mktemp("operators") / "data")
    s3 = region.client("s3")
    region.bucket("empty")
    bucket = region.bucket("full")
    s3.put_object(Bucket=bucket, Key="before", Body=b"b" * 10, StorageClass="STANDARD_IA")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for size in (100, 200, LARGE):
        s3.put_object(Bucket=bucket, Key="key", Body=b"k" * size)
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/key")
    s3.delete_object(Bucket=bucket, Key="key")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    for number in (1, 2):
        s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=number, Body=b"p" * PART)
    yield region
    region.end()


@pytest.fixture
def ask(fogbank: Callable[..., Result], live: Live) -> Ask:
    """A command on the region's data: its exit code and what it prints as JSON."""

    def run(*arguments: str, data: Path = live.data) -> Any:
        result = fogbank(*arguments, "--data", str(data), "--json")
        return result.exit_code, json.loads(result.stdout)

    return run


def test_usage_counts_everything(ask: Ask) -> None:
    code, (empty, full) = ask("s3", "usage")
    assert code == 0
    assert (empty["bucket"], empty["objects"], empty["storage_classes"]) == ("empty", 0, {})
    assert (full["objects"], full["bytes"]) == (2, LARGE + 10)
    assert (full["noncurrent_versions"], full["noncurrent_bytes"]) == (3, LARGE + 300)
    assert (full["delete_markers"], full["uploads"], full["upload_parts"], full["upload_bytes"]) == (1, 1, 2, 2 * PART)
    assert full["storage_classes"] == {
        "STANDARD": {
            "current": {"number": 1, "bytes": LARGE},
            "noncurrent": {"number": 3, "bytes": LARGE + 300},
        },
        "STANDARD_IA": {"current": {"number": 1, "bytes": 10}},
    }


def test_usage_as_a_table(fogbank: Callable[..., Result], live: Live) -> None:
    shown = fogbank("s3", "usage", "full", "--data", str(live.data)).output
    assert "STANDARD_IA" in shown
    assert "10.0 MiB" in shown
    assert "empty" not in shown
    assert fogbank("s3", "usage", "other", "--data", str(live.data)).exit_code == 1


@pytest.mark.parametrize("command", [("s3", "usage"), ("scrub",), ("fsck",), ("fsck", "--repair")], ids=" ".join)
def test_where_there_is_no_region(fogbank: Callable[..., Result], home: Path, command: tuple[str, ...]) -> None:
    result = fogbank(*command)
    assert result.exit_code == 1
    assert "there is no region in ~/.local/share/fogbank yet" in result.output
    assert list(home.iterdir()) == []


def test_a_whole_region_is_right_and_whole(ask: Ask, fogbank: Callable[..., Result], live: Live) -> None:
    code, found = ask("fsck")
    assert (code, found["problems"]) == (0, [])
    code, found = ask("scrub")
    assert (code, found["damaged"]) == (0, 0)
    assert found["blobs"] == 6
    assert found["bytes"] > 2 * PART + LARGE
    status = fogbank("status", "--data", str(live.data)).output
    assert "6 blobs" in status
    assert "all whole" in status


def test_every_table_is_known_to_a_program_that_only_checks() -> None:
    """`fsck` is a process of its own: what a scrub has kept is no unknown record to it."""
    script = "from fogbank.cli import fsck; from fogbank.store import check, table; print(table.table_of(b'\\x02scrub\\x00').name)"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert (said.stdout.strip(), said.stderr) == ("scrub", "")


def test_the_doctor_names_the_port_of_a_region_that_runs(fogbank: Callable[..., Result], live: Live) -> None:
    checks = json.loads(fogbank("doctor", "--data", str(live.data), "--json").stdout)["checks"]
    port = next(check for check in checks if check["name"].startswith("port "))
    assert (port["name"], port["found"]) == (f"port {live.endpoint.rpartition(':')[2]}", "this region is running")


def test_a_running_region_is_not_repaired(fogbank: Callable[..., Result], live: Live) -> None:
    result = fogbank("fsck", "--repair", "--data", str(live.data))
    assert result.exit_code == 1
    assert "fogbank down" in result.output


# --- damage, on a copy of a region that was stopped


@pytest.fixture
def stopped(live: Live, tmp_path: Path) -> Path:
    """A copy of the region's data, as of a moment."""
    data = tmp_path / "copy"
    for name in ("state", "run"):
        (data / name).mkdir(parents=True)
    (data / "FORMAT").write_bytes((live.data / "FORMAT").read_bytes())
    with apsw.Connection(str(live.data / "state/state.db")) as source:
        copy = apsw.Connection(str(data / "state/state.db"))
        with copy.backup("main", source, "main") as backup:
            backup.step()
        copy.pragma("journal_mode", "wal")
        copy.close()
    for path in (live.data / "blobs").rglob("*"):
        if path.is_file():
            new = data / "blobs" / path.relative_to(live.data / "blobs")
            new.parent.mkdir(parents=True, exist_ok=True)
            new.write_bytes(path.read_bytes())
    return data


def change(data: Path, statement: str, *values: Any) -> None:
    """Change the database behind the region's back."""
    with apsw.Connection(str(data / "state/state.db")) as connection:
        connection.execute(statement, values)
        assert connection.changes()


def put(data: Path, table: Table[Any], change_it: Callable[[Any], Any], *parts: Any) -> None:
    """Change one record, the first whose key starts with these parts."""
    lower, upper = table.span(*parts)
    with apsw.Connection(str(data / "state/state.db")) as connection:
        key, value = next(connection.execute("SELECT k, v FROM kv WHERE k >= ? AND k < ? LIMIT 1", (lower, upper)))
        new = change_it(table.decode(value))
        if new is None:
            connection.execute("DELETE FROM kv WHERE k = ?", (key,))
        else:
            connection.execute("UPDATE kv SET v = ? WHERE k = ?", (new.encode(), key))


def blob_file(data: Path) -> Path:
    """The file of the large object: it is the smallest."""
    return min((path for path in (data / "blobs").rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)


def of_large(names: list[str]) -> bool:
    """Whether these are the large object and its copy, which share their bytes."""
    return {name.partition(" ")[0] for name in names} == {"s3://full/key", "s3://full/copy"}


def test_a_flipped_byte_is_found_and_named(ask: Ask, stopped: Path, fogbank: Callable[..., Result]) -> None:
    with blob_file(stopped).open("r+b") as file:
        file.seek(LARGE // 2)
        byte = file.read(1)[0]
        file.seek(LARGE // 2)
        file.write(bytes((byte ^ 1,)))
    code, found = ask("scrub", data=stopped)
    assert (code, found["damaged"]) == (1, 1)
    assert not found["damage"][0]["missing"]
    assert of_large(found["damage"][0]["objects"])
    assert "damaged: s3://full/" in fogbank("scrub", "--data", str(stopped)).output
    assert ask("fsck", data=stopped)[0] == 0  # it reads no bytes


def test_a_deleted_file_is_found_by_both(ask: Ask, stopped: Path) -> None:
    blob_file(stopped).unlink()
    code, found = ask("scrub", data=stopped)
    assert (code, found["damage"][0]["missing"]) == (1, True)
    assert of_large(found["damage"][0]["objects"])
    code, found = ask("fsck", "--repair", data=stopped)
    assert code == 1
    assert "its file is missing" in found["left"][0]


def test_a_small_blob_that_changed_is_named(ask: Ask, stopped: Path) -> None:
    change(stopped, "UPDATE small SET data = zeroblob(length(data)) WHERE id = (SELECT min(id) FROM small)")
    code, found = ask("scrub", data=stopped)
    assert code == 1
    assert found["damage"][0]["objects"] == ["s3://full/before (version null)"]


def add_orphan(data: Path) -> None:
    (data / "blobs/ab/c").mkdir(parents=True, exist_ok=True)
    (data / "blobs/ab/c" / ("abc" + "0" * 29)).write_bytes(b"x")


def forget_bucket(data: Path) -> None:
    put(data, configurations, lambda _: None, "empty")  # which new buckets have
    put(data, records.buckets, lambda _: None, "empty")


REPAIRABLE: dict[str, tuple[Callable[[Path], None], str]] = {
    "a file that nothing refers to": (add_orphan, "nothing refers to it"),
    "a small blob that nothing refers to": (
        lambda data: change(data, "INSERT INTO small(crc, data) VALUES(0, x'00')"),
        "nothing refers to it",
    ),
    "a wrong count of references": (
        lambda data: put(data, blob_refs, lambda entry: msgspec.structs.replace(entry, refs=entry.refs + 1)),
        "records refer to it",
    ),
    "an owner's list without a bucket": (
        lambda data: put(data, records.owned, lambda _: None),
        "its owner's list differs",
    ),
    "a bucket that only its owner's list knows": (
        forget_bucket,
        "list knows it",
    ),
    "configurations that are not there": (
        lambda data: put(
            data, records.buckets, lambda bucket: msgspec.structs.replace(bucket, configured=("policy",)), "empty"
        ),
        "its configurations are",
    ),
}


@pytest.mark.parametrize("kind", REPAIRABLE)
def test_what_can_be_repaired_is(ask: Ask, stopped: Path, kind: str) -> None:
    damage, told = REPAIRABLE[kind]
    damage(stopped)
    code, found = ask("fsck", data=stopped)
    assert code == 1
    assert any(told in line for line in found["problems"])
    code, found = ask("fsck", "--repair", data=stopped)
    assert (code, found["left"]) == (4, [])
    assert ask("fsck", data=stopped)[0] == 0
    assert ask("scrub", data=stopped)[0] == 0


def damaged(data: Path) -> None:
    lower, upper = records.objects.span("full")
    change(data, "UPDATE kv SET v = x'93' WHERE k = (SELECT min(k) FROM kv WHERE k >= ? AND k < ?)", lower, upper)


def damaged_current(data: Path) -> None:
    """A current object before the versions of a key."""
    change(data, "INSERT INTO kv(k, v) VALUES(?, x'93')", records.objects.key("full", "key"))


def damaged_owner(data: Path) -> None:
    """What an owner's list says of a bucket."""
    lower, upper = records.owned.span()
    change(data, "UPDATE kv SET v = x'93' WHERE k >= ? AND k < ?", lower, upper)


TOLD_ONLY: dict[str, tuple[Callable[[Path], None], str]] = {
    "a record that cannot be read": (damaged, "the stored bytes are damaged"),
    "a current object that cannot be read": (damaged_current, "the check ended early"),
    "an owner's list that cannot be read": (damaged_owner, "the check ended early"),
    "a key that cannot be read": (
        lambda data: change(data, "INSERT INTO kv(k, v) VALUES(x'0266', x'00')"),
        "its key cannot be read",
    ),
    "a table that is not known": (
        lambda data: change(data, "INSERT INTO kv(k, v) VALUES(x'02667600', x'00')"),
        "no table of this release",
    ),
    "a small blob that is gone": (
        lambda data: change(data, "DELETE FROM small WHERE id = (SELECT min(id) FROM small)"),
        "is missing",
    ),
    "a version before its time": (
        lambda data: put(data, records.versions, lambda one: msgspec.structs.replace(one, stamp=one.stamp - 1)),
        "it is not where its time puts it",
    ),
    "a marker that is gone": (
        lambda data: put(data, records.versions, lambda _: None, "full", "key"),
        "the newest version is not the current object",
    ),
    "a part without an upload": (lambda data: put(data, records.uploads, lambda _: None), "the upload is not there"),
    "a bucket that is gone": (lambda data: put(data, records.buckets, lambda _: None, "full"), "it is not there"),
}


@pytest.mark.parametrize("kind", TOLD_ONLY)
def test_what_cannot_be_repaired_is_told_and_left(ask: Ask, stopped: Path, kind: str) -> None:
    damage, told = TOLD_ONLY[kind]
    damage(stopped)
    code, found = ask("fsck", "--repair", data=stopped)
    assert code == 1
    assert any(told in line for line in found["left"])


def test_nothing_is_removed_while_a_record_cannot_be_read(ask: Ask, stopped: Path) -> None:
    """Its bytes look as if nothing referred to them."""
    damaged(stopped)
    before = sorted(path for path in (stopped / "blobs").rglob("*") if path.is_file())
    assert ask("fsck", "--repair", data=stopped)[0] == 1
    assert sorted(path for path in (stopped / "blobs").rglob("*") if path.is_file()) == before
    with apsw.Connection(str(stopped / "state/state.db")) as connection:
        assert connection.execute("SELECT count(*) FROM small").get == 3


def test_a_damaged_database_is_told(ask: Ask, stopped: Path) -> None:
    path = stopped / "state/state.db"
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 8192 * 4096)
        file.write(b"\xff" * 4096)
    code, found = ask("fsck", data=stopped)
    assert code == 1
    assert found["problems"]
