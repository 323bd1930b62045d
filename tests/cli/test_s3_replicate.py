"""`fogbank s3 replicate`: of a bucket that is not replicated there is nothing to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fogbank.region.data import DataDir, root_credentials
from fogbank.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result


def test_a_bucket_that_is_not_replicated(fogbank: Callable[..., Result], home: Path) -> None:
    data = DataDir(home / ".local/share/fogbank")
    data.create()
    root_credentials(data, "123456789012")
    SqliteStore(data.state / "state.db").close()
    result = fogbank("s3", "replicate", "bucket", "--existing")
    assert result.exit_code == 1
    assert "there is no bucket bucket that is replicated" in result.output
