"""The commands on a region that does not run: configure, config, tls, doctor, status, down."""

from __future__ import annotations

import json
import os
import tomllib
from collections import namedtuple
from pathlib import Path
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest

from fogbank.cli import checks
from fogbank.region.data import DataDir, RootCredentials, root_credentials
from fogbank.region.listener import bind
from fogbank.region.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result


@pytest.fixture
def region(home: Path) -> RootCredentials:
    """A data directory in the default place, as after a first `fogbank up`."""
    data = DataDir(home / ".local/share/fogbank")
    data.create()
    return root_credentials(data, "123456789012")


def test_configure_gives_botocore_what_it_needs(
    fogbank: Callable[..., Result], home: Path, region: RootCredentials
) -> None:
    result = fogbank("configure")
    assert result.exit_code == 0, result.output
    assert region.secret_access_key not in result.output
    session = botocore.session.Session(profile="fogbank")
    found = session.get_credentials()
    assert found
    assert (found.access_key, found.secret_key) == (region.access_key_id, region.secret_access_key)
    config = session.get_scoped_config()
    assert (config["endpoint_url"], config["region"]) == ("http://127.0.0.1:4566", "us-east-1")
    for name in ("config", "credentials"):
        assert (home / ".aws" / name).stat().st_mode & 0o777 == 0o600
    assert (home / ".aws").stat().st_mode & 0o777 == 0o700


def test_configure_keeps_the_rest_and_asks(fogbank: Callable[..., Result], home: Path, region: RootCredentials) -> None:
    (home / ".aws").mkdir()
    config, credentials = home / ".aws/config", home / ".aws/credentials"
    config.write_text("# mine\n[default]\nregion=x\n\n[profile fogbank]\nrole_arn = y\n\n# z\n[profile z]\n")
    credentials.write_text("[default]\naws_access_key_id=a\n")
    before = config.read_text(), credentials.read_text()
    declined = fogbank("configure", answer="n\n")
    assert declined.exit_code == 1
    assert "Overwrite [profile fogbank] in ~/.aws/config?" in declined.output
    assert (config.read_text(), credentials.read_text()) == before
    assert fogbank("configure", answer="y\n").exit_code == 0
    assert config.read_text() == (
        "# mine\n[default]\nregion=x\n\n[profile fogbank]\nregion = us-east-1\nendpoint_url = http://127.0.0.1:4566\n"
        "\n# z\n[profile z]\n"
    )
    assert credentials.read_text().startswith("[default]\naws_access_key_id=a\n\n[fogbank]\n")
    again = fogbank("configure")
    assert "up to date" in again.output
    assert again.exit_code == 0


def test_configure_another_profile_elsewhere(
    fogbank: Callable[..., Result], home: Path, region: RootCredentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(home / "c"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "~/s")
    monkeypatch.setenv("FOGBANK_TLS", "true")
    monkeypatch.setenv("FOGBANK_PORT", "1234")
    assert fogbank("configure", "--profile", "default", "--yes").exit_code == 0
    ca = home / ".local/share/fogbank/tls/ca.pem"
    assert (home / "c").read_text() == (
        f"[default]\nregion = us-east-1\nendpoint_url = https://127.0.0.1:1234\nca_bundle = {ca}\n"
    )
    assert (home / "s").read_text().startswith("[default]\naws_access_key_id = AKIA")
    assert not (home / ".aws").exists()
    assert fogbank("configure", "--profile", "a b").exit_code == 1


def test_configure_warns_of_what_counts_before_the_profile(
    fogbank: Callable[..., Result], region: RootCredentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Beware" not in fogbank("configure").output
    monkeypatch.setenv("FOGBANK_TLS", "1")
    monkeypatch.setenv("AWS_CA_BUNDLE", "/etc/ssl/cert.pem")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:9")
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    output = fogbank("configure", "--yes").output
    assert output.count("Beware") == 3
    assert "export AWS_CA_BUNDLE=/" in output


def test_configure_before_there_is_a_region(fogbank: Callable[..., Result], home: Path) -> None:
    result = fogbank("configure")
    assert result.exit_code == 1
    assert "there is no region in ~/.local/share/fogbank yet" in result.output
    assert list(home.iterdir()) == []


def test_config(fogbank: Callable[..., Result], home: Path) -> None:
    shown = tomllib.loads(fogbank("config", "show").output)
    assert shown["port"] == 4566
    assert fogbank("config", "init").exit_code == 0
    file = home / ".local/share/fogbank/fogbank.toml"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text() == fogbank("config", "show", "--default").output
    file.write_text("port = 99\n")
    assert "port = 99\n" in fogbank("config", "show").output
    assert fogbank("config", "init").exit_code == 1
    assert file.read_text() == "port = 99\n"
    assert fogbank("config", "init", "--config", str(home / "other.toml")).exit_code == 0
    assert (home / "other.toml").exists()


def test_tls(fogbank: Callable[..., Result], home: Path) -> None:
    ca = Path(fogbank("tls", "ca").output.strip())
    assert ca.read_text().startswith("-----BEGIN CERTIFICATE-----")
    assert fogbank("tls", "ca").output.strip() == str(ca)
    shown = fogbank("tls", "show").output
    assert "*.s3.localhost" in shown
    assert str(ca) in shown


def test_status_and_down_when_nothing_runs(fogbank: Callable[..., Result], home: Path) -> None:
    status = fogbank("status")
    assert (status.exit_code, status.output) == (3, "No region is running on ~/.local/share/fogbank.\n")
    assert json.loads(fogbank("status", "--json").output) == {
        "running": False,
        "data": str(home / ".local/share/fogbank"),
    }
    down = fogbank("down")
    assert (down.exit_code, down.output) == (0, "No region is running on ~/.local/share/fogbank.\n")
    assert list(home.iterdir()) == []


def test_doctor(fogbank: Callable[..., Result], home: Path) -> None:
    result = fogbank("doctor", "--json")
    report = json.loads(result.output)
    assert report["ok"] == (result.exit_code == 0)
    names = [check["name"] for check in report["checks"]]
    for name in (
        "Python",
        "apsw",
        "granian",
        "disk sync",
        "free disk space",
        "QEMU",
        "MariaDB",
        "sandboxes",
        "limits",
        "runtimes",
        "nftables",
        "KVM",
    ):
        assert name in names
    assert {check["need"] for check in report["checks"]} == {"now", "client", "functions", "later"}
    text = fogbank("doctor").output
    assert "engines that come later" in text
    assert list(home.iterdir()) == []


def test_doctor_says_what_is_missing(
    fogbank: Callable[..., Result], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("fogbank.cli.checks.shutil.disk_usage", lambda _: usage(1 << 30, 1 << 30, 1 << 20))
    result = fogbank("doctor")
    assert result.exit_code == 1
    assert "missing  free disk space" in result.output
    assert "Something that is needed now is missing." in result.output


def test_checks_never_fail_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "bin"
    broken.mkdir()
    for name in ("aws", "qemu-system-x86_64"):
        (broken / name).write_text("#!/bin/sh\nexit 3\n")
        (broken / name).chmod(0o755)
    (broken / "podman").write_bytes(b"\x7fELF rubbish")
    (broken / "podman").chmod(0o755)
    (broken / "apt-get").symlink_to("/bin/true")
    monkeypatch.setenv("PATH", str(broken))
    monkeypatch.setattr(checks, "_EXTRA_PATH", "")
    monkeypatch.setattr("fogbank.cli.checks.os.fdatasync", _fail)
    with bind("127.0.0.1", 0) as sock:
        port = sock.getsockname()[1]
        found = {check.name: check for check in checks.run_all(Settings(data=tmp_path / "not" / "yet", port=port))}
    assert found["aws CLI"].found == str(broken / "aws")
    assert found["nftables"].fix == "sudo apt-get install nftables"
    assert f"(pid {os.getpid()})" in found[f"port {port}"].found
    assert not found["disk sync"].ok
    assert "No space" in found["disk sync"].found


def _fail(_: Any) -> None:
    raise OSError(28, "No space left on device")


def test_file_systems(tmp_path: Path) -> None:
    assert checks._file_system(Path("/proc")) == "proc"
    assert checks._file_system(tmp_path) not in ("?", "proc")
    assert checks._nearest(tmp_path / "a" / "b") == tmp_path
