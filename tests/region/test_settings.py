"""Settings: precedence, refusals that name what is wrong, and the generated file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from fogbank.region import settings
from fogbank.region.errors import RegionError


def load(tmp: Path, text: str = "", environ: dict[str, str] | None = None, **flags: Any) -> settings.Settings:
    if text:
        (tmp / "fogbank.toml").write_text(text)
    return settings.load({"data": tmp, **flags}, environ=environ or {})


def test_defaults(tmp_path: Path) -> None:
    found = load(tmp_path)
    assert (found.host, found.port, found.region, found.regions) == ("127.0.0.1", 4566, "us-east-1", ())
    assert 1 <= found.workers <= 4
    assert not found.tls
    assert not found.dev


def test_flags_count_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    text = "port = 1\nworkers = 1\nhost = '::1'\n"
    environ = {"FOGBANK_PORT": "2", "FOGBANK_WORKERS": "2", "OTHER": "x"}
    found = load(tmp_path, text, environ, port=3, region=None)
    assert (found.port, found.workers, found.host) == (3, 2, "::1")


def test_lists_and_flags_from_the_environment(tmp_path: Path) -> None:
    environ = {"FOGBANK_REGIONS": "us-east-1, eu-west-1,", "FOGBANK_DEV": "yes", "FOGBANK_TLS": "0"}
    found = load(tmp_path, environ=environ)
    assert found.regions == ("us-east-1", "eu-west-1")
    assert found.dev
    assert not found.tls


def test_the_data_directory(tmp_path: Path) -> None:
    assert settings.load(environ={"XDG_DATA_HOME": str(tmp_path)}).data == tmp_path / "fogbank"
    assert settings.load(environ={"XDG_DATA_HOME": "relative"}).data == Path.home() / ".local/share/fogbank"
    assert settings.load(environ={"FOGBANK_DATA": str(tmp_path)}).data == tmp_path
    assert settings.load({"data": Path("here")}, environ={}).data == Path.cwd() / "here"


def test_a_named_file_may_say_where_the_data_is(tmp_path: Path) -> None:
    file = tmp_path / "elsewhere.toml"
    file.write_text(f"data = '{tmp_path}/d'\nport = 7\n")
    assert settings.load(environ={}, config=file).data == tmp_path / "d"
    assert settings.load(environ={"FOGBANK_CONFIG": str(file)}).port == 7
    with pytest.raises(RegionError, match="no such settings file"):
        settings.load(environ={}, config=tmp_path / "nothing")


def test_a_file_inside_a_data_directory_cannot_move_it(tmp_path: Path) -> None:
    assert load(tmp_path, f"data = '{tmp_path}'").data == tmp_path
    with pytest.raises(RegionError, match="cannot name another one"):
        load(tmp_path, "data = '/elsewhere'")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("port = 1\nporte = 2\n", r"fogbank.toml, line 2: porte: there is no such setting; did you mean port\?"),
        ("zzz = 1", "the settings are data, host"),
        ("\n\nport = '4566'", "line 3: port: must be a whole number, not '4566'"),
        ("port = true", "must be a whole number, not True"),
        ("port = 65536", "between 0 and 65535"),
        ("port = -1", "between 0 and 65535"),
        ("workers = 0", "between 1 and 256"),
        ("dev = 1", "must be true or false, not 1"),
        ("regions = 'us-east-1'", "must be a list of texts"),
        ("regions = ['us-east-1', 1]", "must be a list of texts"),
        ("regions = ['mars']", "must be an AWS region name"),
        ("region = 'US-EAST-1'", "must be an AWS region name"),
        ("account = 123456789012", "text in quotes"),
        ("account = '123'", "12 digits"),
        ("account = '１２３４５６７８９０１２'", "12 digits"),
        ("host = 'example.com'", "IP address or localhost"),
        ("log_level = 'loud'", "one of debug, info, warning, error"),
        ("tls_names = ['a b']", "host names or IP addresses"),
        ("port = 1\nport = 2", "not valid TOML"),
        ("x\ny = = 1", "not valid TOML.*line 1"),
        ("[log]\nlevel = 'info'", "line 1: log: there is no such setting"),
        ("a = " + "[" * 100_000, "not valid TOML"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RegionError, match=message):
        load(tmp_path, text)


def test_files_that_are_no_settings(tmp_path: Path) -> None:
    (tmp_path / "fogbank.toml").write_bytes(b"port = 1 # \xff")
    with pytest.raises(RegionError, match="not valid TOML"):
        load(tmp_path)
    (tmp_path / "fogbank.toml").write_bytes(b"#" * (1 << 20) + b"\n")
    with pytest.raises(RegionError, match="larger than"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        (
            {"FOGBANK_PROT": "1"},
            r"environment variable FOGBANK_PROT: there is no such setting; did you mean FOGBANK_PORT\?",
        ),
        ({"FOGBANK_PORT": "x"}, "FOGBANK_PORT: must be a whole number, not 'x'"),
        ({"FOGBANK_DEV": "maybe"}, "FOGBANK_DEV: must be true or false"),
        ({"FOGBANK_PORT": "tcp://10.0.0.1:4566"}, "enableServiceLinks"),
        ({"FOGBANK_port": "1"}, "did you mean FOGBANK_PORT"),
    ],
)
def test_what_is_wrong_in_the_environment_is_named(tmp_path: Path, environ: dict[str, str], message: str) -> None:
    with pytest.raises(RegionError, match=message):
        load(tmp_path, environ=environ)


def test_what_is_wrong_in_a_flag_is_named(tmp_path: Path) -> None:
    with pytest.raises(RegionError, match="--log-level: must be one of"):
        load(tmp_path, log_level="x")


def test_other_machines_are_served_only_with_tls_and_without_the_known_key(tmp_path: Path) -> None:
    with pytest.raises(RegionError, match="Add --tls"):
        load(tmp_path, host="0.0.0.0")
    with pytest.raises(RegionError, match="test/test"):
        load(tmp_path, host="::", tls=True, dev=True)
    assert load(tmp_path, host="192.0.2.1", tls=True).host == "192.0.2.1"
    for host in ("localhost", "127.0.0.2", "::1"):
        assert load(tmp_path, host=host, dev=True).scheme == "http"


def test_the_default_region_is_one_that_is_served(tmp_path: Path) -> None:
    with pytest.raises(RegionError, match="not among the regions"):
        load(tmp_path, "regions = ['eu-west-1']")
    for name in ("us-gov-west-1", "us-isob-east-1", "eusc-de-east-1", "ap-southeast-7", "cn-north-1"):
        assert load(tmp_path, f"region = '{name}'\nregions = ['{name}']").region == name


def test_the_generated_file_names_every_setting_and_changes_nothing(tmp_path: Path) -> None:
    text = settings.default_file()
    assert tomllib.loads(text) == {}
    assert load(tmp_path, text) == load(tmp_path)
    uncommented = "".join(
        line[2:] + "\n" for line in text.splitlines() if " = " in line and line.split(" = ")[0][2:].isidentifier()
    )
    values = tomllib.loads(uncommented)
    assert list(values) == [setting.key for setting in settings.SETTINGS] == list(settings.Settings.__struct_fields__)
    del values["data"], values["workers"]
    defaults = load(tmp_path)
    assert {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()} == {
        key: getattr(defaults, key) for key in values
    }


def test_the_effective_file_gives_the_same_settings(tmp_path: Path) -> None:
    found = load(tmp_path, regions=("us-east-1", "eu-west-1"), account="000000000001", tls_names=("a.example",))
    file = tmp_path / "again.toml"
    file.write_text(settings.effective_file(found))
    assert settings.load(environ={}, config=file) == found


@hypothesis_settings(max_examples=100, deadline=None, derandomize=True)
@given(st.text())
def test_any_text_is_written_as_toml(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    assert tomllib.loads(f"x = {settings.toml_value(text)}")["x"] == text


@hypothesis_settings(max_examples=150, deadline=None, derandomize=True)
@given(st.dictionaries(st.sampled_from([s.key for s in settings.SETTINGS]), st.text(max_size=20), max_size=4))
def test_any_environment_is_understood_or_refused(values: dict[str, str]) -> None:
    environ = {f"FOGBANK_{key.upper()}": value for key, value in values.items() if key != "data"}
    try:
        found = settings.load({"data": Path("/nonexistent")}, environ=environ)
    except RegionError:
        return
    assert 0 <= found.port <= 65535
    assert 1 <= found.workers <= 256


def test_a_lifecycle_day(tmp_path: Path) -> None:
    assert load(tmp_path).lifecycle_length is None
    found = {
        text: load(tmp_path, dev=True, lifecycle_day=text).lifecycle_length for text in ("100ms", "10s", "5m", "24h")
    }
    assert [length.total_seconds() for length in found.values() if length] == [0.1, 10, 300, 86400]
    environ = {"FOGBANK_DEV": "true", "FOGBANK_LIFECYCLE_DAY": "2s"}
    assert load(tmp_path, environ=environ).lifecycle_day == "2s"


@pytest.mark.parametrize("text", ["1", "s", "99ms", "25h", "-1s", "1.5s", "1d", "10 s", "1S", "٣s", "9" * 99 + "s"])
def test_what_cannot_be_a_lifecycle_day(tmp_path: Path, text: str) -> None:
    with pytest.raises(RegionError, match="--lifecycle-day: must be a time from 100ms to 24h"):
        load(tmp_path, dev=True, lifecycle_day=text)


def test_a_lifecycle_day_is_for_tests_only(tmp_path: Path) -> None:
    with pytest.raises(RegionError, match="add --dev"):
        load(tmp_path, lifecycle_day="10s")
