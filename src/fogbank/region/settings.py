"""The settings of a region: one documented file, `FOGBANK_*` environment variables and flags, in rising order of precedence."""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from fogbank.region.errors import RegionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CONFIG_NAME = "fogbank.toml"
CONFIG_VARIABLE = "FOGBANK_CONFIG"
_PREFIX = "FOGBANK_"
_MAX_CONFIG = 1 << 20
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]{2,12}){1,3}-[1-9][0-9]?")
_HOST_NAME = re.compile(
    r"(?=.{1,253}$)(\*\.)?[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*"
)
_LENGTH = re.compile(r"([0-9]{1,7})(ms|s|m|h)", re.ASCII)
_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours"}
_SHORTEST = timedelta(milliseconds=100)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a region runs with. Sizes are bytes, times seconds.

    `account` is "" until the data directory is open: then it is the account that the root credentials were made for.
    `regions` empty means that any AWS region name is served.
    """

    data: Path
    host: str = "127.0.0.1"
    port: int = 4566
    workers: int = 2
    dev: bool = False
    region: str = "us-east-1"
    regions: tuple[str, ...] = ()
    account: str = ""
    tls: bool = False
    tls_names: tuple[str, ...] = ()
    log_level: str = "info"
    log_format: str = "auto"
    log_size: int = 32 << 20
    events_size: int = 256 << 20
    data_events_size: int = 64 << 20
    stop_seconds: int = 10
    max_body: int = 72 << 20
    max_connections: int = 4096
    pin_workers: bool = True
    lifecycle_day: str = ""
    functions_concurrency: int = 1000
    functions_memory: int = 0
    functions_reach: tuple[str, ...] = ("public",)
    functions_idle: int = 600
    functions_unpacked: int = 0
    logs_size: int = 16 << 30

    @property
    def lifecycle_length(self) -> timedelta | None:
        """How long a day is in S3's lifecycle rules, if not a day."""
        return _length(self.lifecycle_day) if self.lifecycle_day else None

    @property
    def scheme(self) -> str:
        """`https` with TLS, else `http`."""
        return "https" if self.tls else "http"


def _flag(text: str) -> bool:
    word = text.strip().lower()
    if word in ("true", "1", "yes", "on"):
        return True
    if word in ("false", "0", "no", "off"):
        return False
    raise ValueError("must be true or false")


def _host(text: str) -> str:
    if text == "localhost":
        return text
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError("must be an IP address or localhost (0.0.0.0 listens on every interface)") from None


def _region(text: str) -> str:
    if not _REGION.fullmatch(text):
        raise ValueError("must be an AWS region name, such as us-east-1")
    return text


def _account(text: str) -> str:
    if text and not re.fullmatch(r"[0-9]{12}", text):
        raise ValueError('must be 12 digits in quotes, such as "123456789012"')
    return text


def _length(text: str) -> timedelta:
    found = _LENGTH.fullmatch(text)
    length = timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else timedelta()
    if not _SHORTEST <= length <= timedelta(days=1):
        raise ValueError("must be a time from 100ms to 24h, such as 10s or 5m")
    return length


def _lifecycle_day(text: str) -> str:
    if text:
        _length(text)
    return text


def _host_name(text: str) -> str:
    name = text.lower()
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        if not _HOST_NAME.fullmatch(name):
            raise ValueError("must be host names or IP addresses") from None
        return name


def _reach(text: str) -> str:
    return text if text == "public" else ("*." if text.startswith("*.") else "") + _host_name(text.removeprefix("*."))


def _choice(*words: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if text not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return text

    return check


class Setting(NamedTuple):
    """One setting: its key, what it is for (the generated file's comment), and what its values may be."""

    key: str
    about: str
    check: Callable[[str], str] | None = None  # of a string, or of each string of a list
    least: int = 0  # of a number
    most: int = 0


SETTINGS = (
    Setting("data", "Where everything is kept. Only in a file given with --config: a file inside the directory cannot move it."),
    Setting("host", "The address to listen on. Anything but loopback requires tls = true.", _host),
    Setting("port", "The port to listen on; 0 takes a free one (`fogbank status` says which).", None, 0, 65535),
    Setting("workers", "How many processes serve requests. The default is the number of cores, at most 4.", None, 1, 256),
    Setting("dev", 'Also accept access key "test" with secret "test" for account 000000000000. Loopback only.'),
    Setting("region", "The region for clients that name none, and of `fogbank configure`.", _region),
    Setting("regions", "Serve these regions only. Empty: any AWS region name is served.", _region),
    Setting("account", "The account's 12 digits. Empty: chosen once, when the data directory is made.", _account),
    Setting("tls", "Serve HTTPS, with a certificate from this region's own CA (`fogbank tls ca` says where it is)."),
    Setting("tls_names", "More host names and addresses for the certificate, besides localhost and this host's names.", _host_name),
    Setting("log_level", "debug, info, warning or error.", _choice("debug", "info", "warning", "error")),
    Setting("log_format", "json, text, or auto: text on a terminal, JSON lines in a file.", _choice("auto", "json", "text")),
    Setting("log_size", "The log file starts anew at this size in bytes; four older ones are kept.", None, 1 << 16, 1 << 40),
    Setting("events_size", "How many bytes of events are kept (`fogbank events`, CloudTrail's LookupEvents); the oldest go first.",
            None, 1 << 24, 1 << 44),
    Setting("data_events_size", "The same for S3's object operations, and for callers that were not authenticated.",
            None, 1 << 24, 1 << 44),
    Setting("stop_seconds", "How long a stop waits for requests that are being served.", None, 0, 3600),
    Setting("max_body", "The largest request body that is read whole, in bytes (objects are streamed: not limited by this).",
            None, 1 << 16, 1 << 30),
    Setting("max_connections", "How many connections each worker serves at once; more wait.", None, 8, 1 << 20),
    Setting("pin_workers", "Keep each worker's server and interpreter on one core (a quarter faster), if there is a core for each."),
    Setting("lifecycle_day", "With dev: how long a day is in S3's lifecycle rules and restores, such as 10s, so that tests see "
            "objects expire; nothing is rounded to midnight then. Empty: a day.", _lifecycle_day),
    Setting("functions_concurrency", "How many invocations of Lambda functions an account may have at work at once.",
            None, 1, 100_000),
    Setting("functions_memory", "The MiB of memory that environments of functions may have together; 0: half of this machine's.",
            None, 0, 1 << 24),
    Setting("functions_reach", "What functions reach beside this region: public (any public address), or names and addresses, "
            "*.example.com for all below. Empty: nothing. Never this machine's or private addresses, unless they are named.", _reach),
    Setting("functions_idle", "How many seconds an environment of a function that is not called is kept.", None, 1, 86_400),
    Setting("functions_unpacked", "How many bytes unpacked code of functions may take on disk; beyond it what is not in use goes, and "
            "is unpacked anew when it is invoked. 0: a tenth of the disk, at least 1 GiB.", None, 0, 1 << 50),
    Setting("logs_size", "How many bytes CloudWatch Logs may take on disk; beyond it the oldest events go first.",
            None, 1 << 24, 1 << 50),
)  # fmt: skip
_BY_KEY = {setting.key: setting for setting in SETTINGS}
_TYPES: dict[str, type] = {
    "data": str, "host": str, "port": int, "workers": int, "dev": bool, "region": str, "regions": list, "account": str,
    "tls": bool, "tls_names": list, "log_level": str, "log_format": str, "log_size": int, "events_size": int, "data_events_size": int,
    "stop_seconds": int,
    "max_body": int, "max_connections": int, "pin_workers": bool, "lifecycle_day": str,
    "functions_concurrency": int, "functions_memory": int, "functions_reach": list, "functions_idle": int,
    "functions_unpacked": int, "logs_size": int,
}  # fmt: skip
_SHOULD_BE = {
    str: "text in quotes",
    int: "a whole number",
    bool: "true or false",
    list: 'a list of texts, such as ["a", "b"]',
}


def load(
    flags: Mapping[str, Any] | None = None, *, environ: Mapping[str, str] | None = None, config: Path | None = None
) -> Settings:
    """The settings in force: the file under `environ`'s `FOGBANK_*` under `flags` (None in a flag: not given).

    Raises RegionError, naming the file and line, the variable or the flag that is wrong.
    """
    environ = os.environ if environ is None else environ
    given = {key: value for key, value in (flags or {}).items() if value is not None}
    variables = _from_environ(environ)
    values: dict[str, Any] = {}
    if config is None and environ.get(CONFIG_VARIABLE):
        config = Path(environ[CONFIG_VARIABLE])
    if config is not None:
        values |= _from_file(config.expanduser(), required=True)
    values |= variables | _from_flags(given)
    data = Path(values["data"]).expanduser().absolute() if values.get("data") else default_data(environ)
    if config is None:
        inside = _from_file(data / CONFIG_NAME, required=False)
        if "data" in inside and Path(inside["data"]).expanduser().absolute() != data:
            raise RegionError(
                f"{data / CONFIG_NAME}: data: a settings file inside a data directory cannot name another one"
            )
        values = inside | values
    values["data"] = data
    return _consistent(_build(values, environ))


def _build(values: dict[str, Any], environ: Mapping[str, str]) -> Settings:
    values.setdefault("workers", min(os.cpu_count() or 1, 4))
    return Settings(**values)


def _consistent(settings: Settings) -> Settings:
    """The same settings, if they may be used together."""
    if not is_loopback(settings.host):
        if not settings.tls:
            raise RegionError(
                f"host {settings.host} can be reached from other machines, and requests would travel unencrypted.\n"
                f"Add --tls (or tls = true in {CONFIG_NAME}), or stay on this machine with host 127.0.0.1."
            )
        if settings.dev:
            raise RegionError(
                f"--dev accepts a key that everyone knows (test/test), and host {settings.host} can be reached from other "
                "machines.\nLeave --dev out, or stay on this machine with host 127.0.0.1."
            )
    if settings.lifecycle_day and not settings.dev:
        raise RegionError(
            f"lifecycle_day {settings.lifecycle_day} makes objects expire long before their days are over.\n"
            "It is for tests: add --dev (or dev = true), or leave it out."
        )
    if settings.regions and settings.region not in settings.regions:
        raise RegionError(
            f"region {settings.region} is not among the regions that are served ({', '.join(settings.regions)}).\n"
            "Add it to regions, or set region to one of them."
        )
    return settings


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    return host == "localhost" or ipaddress.ip_address(host).is_loopback


def default_data(environ: Mapping[str, str]) -> Path:
    """The data directory of a user who names none."""
    base = environ.get("XDG_DATA_HOME", "")
    # The XDG base directory specification says to ignore a relative path.
    return Path(f"{base}/fogbank" if base.startswith("/") else "~/.local/share/fogbank").expanduser().absolute()


def _from_file(path: Path, *, required: bool) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_CONFIG + 1)
    except (FileNotFoundError, NotADirectoryError):
        if required:
            raise RegionError(f"{path}: there is no such settings file (`fogbank config init` writes one)") from None
        return {}
    except OSError as error:
        raise RegionError(f"{path}: {error.strerror}") from None
    if len(raw) > _MAX_CONFIG:
        raise RegionError(f"{path}: larger than a settings file can be (1 MiB)")
    try:
        text = raw.decode()
        content = tomllib.loads(text)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise RegionError(f"{path}: not valid TOML: {error}") from None
    return {key: _checked(key, value, _place(path, text, key)) for key, value in content.items()}


def _place(path: Path, text: str, key: str) -> str:
    """Where `key` stands in the file: tomllib tells no lines."""
    start = re.compile(rf"\s*(\[\s*)?[\"']?{re.escape(key)}[\"']?\s*[]=.]")
    for number, line in enumerate(text.splitlines(), 1):
        if start.match(line):
            return f"{path}, line {number}: {key}"
    return f"{path}: {key}"


def _from_environ(environ: Mapping[str, str]) -> dict[str, Any]:
    values = {}
    for name, text in environ.items():
        if name.startswith(_PREFIX) and name != CONFIG_VARIABLE:
            key = name.removeprefix(_PREFIX).lower()
            if key not in _BY_KEY or name != name.upper():
                raise RegionError(_unknown(f"environment variable {name}", key, lambda near: _PREFIX + near.upper()))
            if text.startswith("tcp://"):
                raise RegionError(
                    f"environment variable {name}: {_shown(text)} is what Kubernetes sets for a service named fogbank: "
                    "set enableServiceLinks: false in the pod's specification."
                )
            values[key] = _checked(
                key, _parsed(key, text, f"environment variable {name}"), f"environment variable {name}"
            )
    return values


def _from_flags(given: Mapping[str, Any]) -> dict[str, Any]:
    values = {}
    for key, value in given.items():
        place = f"--{key.replace('_', '-')}"
        if isinstance(value, tuple):
            value = list(value)
        values[key] = _checked(key, str(value) if isinstance(value, Path) else value, place)
    return values


def _parsed(key: str, text: str, place: str) -> Any:
    """The value that an environment variable's text stands for: a list is separated by commas."""
    kind = _TYPES[key]
    try:
        if kind is bool:
            return _flag(text)
        if kind is int:
            return int(text)
    except ValueError:
        raise RegionError(f"{place}: must be {_SHOULD_BE[kind]}, not {_shown(text)}") from None
    if kind is list:
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _checked(key: str, value: Any, place: str) -> Any:
    setting = _BY_KEY.get(key)
    if setting is None:
        raise RegionError(_unknown(place, key, str))
    kind = _TYPES[key]
    # Exactly this type: a bool is an int to isinstance.
    if type(value) is not kind or (isinstance(value, list) and not all(isinstance(item, str) for item in value)):
        raise RegionError(f"{place}: must be {_SHOULD_BE[kind]}, not {_shown(value)}")
    return _in_bounds(setting, value, place)


def _in_bounds(setting: Setting, value: Any, place: str) -> Any:
    if _TYPES[setting.key] is int and not setting.least <= value <= setting.most:
        raise RegionError(f"{place}: must be between {setting.least} and {setting.most}, not {value}")
    check = setting.check or str
    try:
        if isinstance(value, list):
            return tuple(check(item) for item in value)
        return check(value) if isinstance(value, str) else value
    except ValueError as error:
        raise RegionError(f"{place}: {error}, not {_shown(value)}") from None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _unknown(place: str, key: str, spell: Callable[[str], str]) -> str:
    near = difflib.get_close_matches(key, _BY_KEY, 1)
    hint = f"did you mean {spell(near[0])}?" if near else f"the settings are {', '.join(_BY_KEY)}"
    return f"{place}: there is no such setting; {hint}"


def default_file() -> str:
    """The settings file as `fogbank config init` writes it: every setting with what it is for, its default commented out."""
    defaults = Settings(data=Path("~/.local/share/fogbank"))
    head = (
        f"# Fogbank's settings. Each can also be given as {_PREFIX}<NAME> in the environment, or as a flag of\n"
        "# `fogbank up`; a flag counts before the environment, and that before this file.\n"
    )
    blocks = [head]
    for setting in SETTINGS:
        value = getattr(defaults, setting.key)
        blocks.append(f"# {setting.about}\n# {setting.key} = {toml_value(value)}\n")
    return "\n".join(blocks)


def toml_value(value: Any) -> str:
    """`value` as TOML writes it. Only the kinds of value that settings have."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, tuple):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    # A JSON string is a TOML basic string, but for the one control character that JSON leaves as it is.
    return msgspec.json.encode(str(value)).decode().replace("\x7f", "\\u007F")


def effective_file(settings: Settings) -> str:
    """The settings in force, as a settings file that would give the same."""
    return "".join(f"{s.key} = {toml_value(getattr(settings, s.key))}\n" for s in SETTINGS)
