"""Other people's clients, unmodified: restic, rclone, s3cmd and pyarrow, against a region that really runs."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from gateway.live import Live
from services.helpers import pattern

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.crash, pytest.mark.xdist_group("clients")]
SECONDS = 120  # a command that takes longer hangs


def needs(program: str) -> pytest.MarkDecorator:
    """Skip where a program is not installed (`make programs` does it)."""
    return pytest.mark.skipif(not shutil.which(program), reason=f"{program} is not installed")


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A region, and in the environment of programs the root's keys."""
    made = Live(tmp_path_factory.mktemp("region") / "data")
    yield made
    made.end()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A directory of files: small, empty, larger than a part, in folders, with names that need care."""
    root = tmp_path / "tree"
    files = {
        "a.txt": b"hello",
        "empty": b"",
        "deep/er/file.bin": pattern(300_000),
        "large.bin": pattern(20 << 20),
        "names/with space + plus.txt": b"1",
        "names/ümläut %41.txt": b"2",
    }
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def digests(root: Path) -> dict[str, str]:
    """The files of a directory, by their names below it, and what is in them."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file()
    }


def run(live: Live, *words: str, **environ: str) -> str:
    """Run a program with the root's keys; what it said."""
    base = {
        "PATH": os.environ["PATH"],
        "HOME": str(live.data.parent),
        "AWS_ACCESS_KEY_ID": live.key,
        "AWS_SECRET_ACCESS_KEY": live.secret,
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    done = subprocess.run(
        words,
        env=base | environ,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, f"{words} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


@needs("restic")
def test_restic_backs_up_checks_and_restores(live: Live, tree: Path, tmp_path: Path) -> None:
    environ = {
        "RESTIC_REPOSITORY": f"s3:{live.endpoint}/restic/repository",
        "RESTIC_PASSWORD": "secret",
        "RESTIC_CACHE_DIR": str(tmp_path / "cache"),
    }
    run(live, "restic", "init", **environ)
    run(live, "restic", "backup", str(tree), **environ)
    (tree / "a.txt").write_text("changed")
    run(live, "restic", "backup", str(tree), **environ)
    assert "no errors were found" in run(live, "restic", "check", "--read-data", **environ)
    run(live, "restic", "restore", "latest", "--target", str(tmp_path / "restored"), **environ)
    assert digests(tmp_path / "restored" / str(tree).lstrip("/")) == digests(tree)
    run(live, "restic", "forget", "--keep-last", "1", "--prune", **environ)
    assert "no errors were found" in run(live, "restic", "check", "--read-data", **environ)


@needs("rclone")
def test_rclone_syncs_with_checksums(live: Live, tree: Path, tmp_path: Path) -> None:
    environ = {
        "RCLONE_CONFIG_FOG_TYPE": "s3",
        "RCLONE_CONFIG_FOG_PROVIDER": "Other",  # AWS would mean virtual hosts, which an address has none of
        "RCLONE_CONFIG_FOG_ENV_AUTH": "true",
        "RCLONE_CONFIG_FOG_ENDPOINT": live.endpoint,
        "RCLONE_CONFIG_FOG_FORCE_PATH_STYLE": "true",
        "RCLONE_CONFIG_FOG_REGION": "us-east-1",
        "RCLONE_CONFIG": str(tmp_path / "rclone.conf"),
    }
    run(live, "rclone", "mkdir", "fog:rclone", **environ)
    run(live, "rclone", "sync", "--checksum", str(tree), "fog:rclone/tree", **environ)
    run(live, "rclone", "check", "--download", str(tree), "fog:rclone/tree", **environ)
    (tree / "a.txt").write_text("changed")
    (tree / "empty").unlink()
    said = run(live, "rclone", "sync", "--checksum", "-v", str(tree), "fog:rclone/tree", **environ)
    assert "a.txt: Copied" in said
    assert "large.bin: Copied" not in said
    run(live, "rclone", "sync", "--checksum", "fog:rclone/tree", str(tmp_path / "back"), **environ)
    assert digests(tmp_path / "back") == digests(tree)
    run(live, "rclone", "purge", "fog:rclone", **environ)


@needs("s3cmd")
def test_s3cmd_syncs_with_checksums(live: Live, tree: Path, tmp_path: Path) -> None:
    host = live.host
    s3cmd = (
        "s3cmd", "--no-ssl", f"--host={host}", f"--host-bucket={host}", f"--access_key={live.key}",
        f"--secret_key={live.secret}", "--config=/dev/null",
    )  # fmt: skip
    run(live, *s3cmd, "mb", "s3://s3cmd")
    run(live, *s3cmd, "sync", "--check-md5", f"{tree}/", "s3://s3cmd/tree/")
    said = run(live, *s3cmd, "sync", "--check-md5", f"{tree}/", "s3://s3cmd/tree/")
    assert "upload: " not in said
    (tmp_path / "back").mkdir()
    run(live, *s3cmd, "sync", "--check-md5", "s3://s3cmd/tree/", f"{tmp_path / 'back'}/")
    assert digests(tmp_path / "back") == digests(tree)
    assert "MD5 sum" in run(live, *s3cmd, "info", "s3://s3cmd/tree/a.txt")
    run(live, *s3cmd, "mv", "s3://s3cmd/tree/a.txt", "s3://s3cmd/moved.txt")
    run(live, *s3cmd, "rb", "--recursive", "--force", "s3://s3cmd")


def test_s3_control_where_the_region_is_the_proxy(live: Live) -> None:
    """Its clients put the account before the endpoint's host: a name that nobody resolves where that is an address."""
    account = live.client("sts").get_caller_identity()["Account"]
    control = live.client("s3control", proxies={"http": live.endpoint})
    control.put_public_access_block(AccountId=account, PublicAccessBlockConfiguration={"BlockPublicAcls": True})
    told = control.get_public_access_block(AccountId=account)["PublicAccessBlockConfiguration"]
    assert told["BlockPublicAcls"] is True
    control.delete_public_access_block(AccountId=account)


def test_pyarrow_writes_and_reads_parquet(live: Live) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    from pyarrow import dataset, fs

    files: Any = fs.S3FileSystem(
        access_key=live.key,
        secret_key=live.secret,
        endpoint_override=live.endpoint,
        region="us-east-1",
        allow_bucket_creation=True,
        allow_bucket_deletion=True,
    )
    files.create_dir("arrow/data")
    table = pyarrow.table({"id": list(range(200_000)), "name": [f"row {n}" for n in range(200_000)]})
    dataset.write_dataset(
        table, "arrow/data", format="parquet", filesystem=files, max_rows_per_file=50_000, max_rows_per_group=50_000
    )
    found = dataset.dataset("arrow/data", format="parquet", filesystem=files)
    assert len(found.files) == 4
    assert found.to_table(filter=dataset.field("id") >= 199_998).column("name").to_pylist() == [
        "row 199998",
        "row 199999",
    ]
    assert found.count_rows() == 200_000
    files.delete_dir("arrow/data")
    assert files.get_file_info("arrow/data").type == fs.FileType.NotFound
