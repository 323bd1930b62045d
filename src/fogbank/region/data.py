"""The data directory: its layout, its format, the lock that one region holds on it, the root credentials, the runtime state."""

from __future__ import annotations

import fcntl
import os
import secrets
import tomllib
from typing import TYPE_CHECKING

import msgspec

from fogbank.region.errors import RegionError
from fogbank.region.events import LOGS

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = 1
_MARKER = "FORMAT"
_MARKER_TEXT = "This is a Fogbank data directory. format = "
_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"  # RFC 4648; AWS's key ids use no other characters
_SECRET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


class DataDir:
    """Where a region keeps everything. The paths are all absolute; only `create` makes anything."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.config = root / "fogbank.toml"
        self.lock = root / "lock"
        self.credentials = root / "root-credentials"
        self.run = root / "run"
        self.runtime = self.run / "supervisor.json"
        self.launched = self.run / "launched.json"
        self.control_socket = self.run / "control.sock"
        self.logs = root / "logs"
        self.log = self.logs / "fogbank.log"
        self.events = root / "events"
        self.tls = root / "tls"
        self.keys = root / "master-keys"
        self.state = root / "state"
        self.blobs = root / "blobs"

    def create(self) -> None:
        """Make the directory, or open the one that is there. RegionError if it is something else's, or a newer format."""
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._check_format()
            # The secrets below are only as private as this directory: a wider mode is put right, not accepted.
            if self.root.stat().st_mode & 0o077:
                self.root.chmod(0o700)
            for path in (self.run, self.logs, self.state, self.blobs, *(self.events / kind for kind in LOGS)):
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise RegionError(f"cannot use the data directory {self.root}: {error.strerror}") from None

    def exists(self) -> bool:
        """Whether this is a data directory already."""
        return (self.root / _MARKER).is_file()

    def _check_format(self) -> None:
        marker = self.root / _MARKER
        try:
            text = marker.read_text(errors="replace").strip()
        except FileNotFoundError:
            if any(entry.name not in (self.config.name, self.lock.name) for entry in self.root.iterdir()):
                raise RegionError(
                    f"{self.root} is not empty and not a Fogbank data directory: it has no file named {_MARKER}.\n"
                    "Name another directory with --data."
                ) from None
            write_file(marker, f"{_MARKER_TEXT}{FORMAT}\n", 0o600)
            return
        version = text.removeprefix(_MARKER_TEXT)
        if not version.isdigit() or len(version) > 9:
            raise RegionError(f"{marker} is damaged: it should read {_MARKER_TEXT}{FORMAT!r}")
        if int(version) > FORMAT:
            raise RegionError(
                f"{self.root} was last used by a newer Fogbank (format {version}; this one knows {FORMAT}): upgrade it first."
            )


def write_file(path: Path, text: str | bytes, mode: int) -> None:
    """Replace `path` whole and durably: after a crash it has the old content or the new. Never readable wider than `mode`."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    content = text.encode() if isinstance(text, str) else text
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)  # whatever the umask is
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def take_lock(data: DataDir) -> int | None:
    """The exclusive lock on the directory, as an open descriptor; None if another region holds it.

    Forked children share it, so that it is free only when the last process of a region is gone, whatever killed the others.
    """
    try:
        descriptor = os.open(data.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise RegionError(f"cannot use the data directory {data.root}: {error.strerror}") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError as error:
        os.close(descriptor)
        raise RegionError(f"cannot lock {data.lock}: {error.strerror}; is it on a file system with locks?") from None
    return descriptor


def master_keys(data: DataDir) -> dict[int, bytes]:
    """The keys that secrets are sealed with, by number; made now if there are none. A region without them cannot open its secrets.

    One line each: the number, and 32 bytes in hexadecimal. RegionError if the file is damaged or open to others.
    """
    try:
        with data.keys.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            lines = file.read(65536).decode("ascii", "replace").splitlines()
    except FileNotFoundError:
        write_file(data.keys, f"1 {secrets.token_hex(32)}\n", 0o600)
        return master_keys(data)
    except OSError as error:
        raise RegionError(f"{data.keys}: {error.strerror}") from None
    if mode & 0o077:
        raise RegionError(
            f"{data.keys} can be read by other users. If none has, make it private: chmod 600 {data.keys}"
        )
    try:
        found = {int(number): bytes.fromhex(key) for number, key in (line.split() for line in lines)}
    except ValueError:
        found = {}
    if not found or min(found) < 1 or any(len(key) != 32 for key in found.values()):
        raise RegionError(f"{data.keys} is damaged: restore it from a backup")
    return found


def add_master_key(data: DataDir) -> int:
    """Add a master key behind the others, for a region that is stopped: the number of the new one, which seals from now on."""
    known = master_keys(data)
    number = max(known) + 1
    lines = [f"{each} {key.hex()}\n" for each, key in sorted(known.items())]
    write_file(data.keys, "".join((*lines, f"{number} {secrets.token_hex(32)}\n")), 0o600)
    return number


class RootCredentials(msgspec.Struct, frozen=True):
    """The account's root user's access key: made once, with the data directory."""

    account: str
    access_key_id: str
    secret_access_key: str

    def __repr__(self) -> str:  # a secret must not reach a log through a traceback or an f-string
        return f"RootCredentials(account={self.account!r}, access_key_id={self.access_key_id!r})"


def root_credentials(data: DataDir, account: str = "") -> RootCredentials:
    """The root credentials, made now if there are none; for `account`, or 12 random digits.

    RegionError if the directory belongs to another account, or the file is damaged or open to others.
    """
    kept = read_root_credentials(data)
    if kept is None:
        kept = RootCredentials(
            account or str(secrets.randbelow(9 * 10**11) + 10**11),
            "AKIA" + "".join(secrets.choice(_BASE32) for _ in range(16)),
            "".join(secrets.choice(_SECRET) for _ in range(40)),
        )
        write_file(
            data.credentials,
            "# The root user of this region's account. Whoever has this key may do everything.\n"
            + "".join(f'{field} = "{getattr(kept, field)}"\n' for field in kept.__struct_fields__),
            0o600,
        )
    if account and account != kept.account:
        raise RegionError(
            f"{data.root} belongs to account {kept.account}, not {account}: an account's number cannot be changed.\n"
            f"Leave --account out, or name another directory with --data."
        )
    return kept


def read_root_credentials(data: DataDir) -> RootCredentials | None:
    """The root credentials, if they have been made."""
    try:
        with data.credentials.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(4096)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RegionError(f"{data.credentials}: {error.strerror}") from None
    if mode & 0o077:
        raise RegionError(
            f"{data.credentials} can be read by other users. If none has, make it private: chmod 600 {data.credentials}"
        )
    try:
        return msgspec.convert(tomllib.loads(text.decode()), RootCredentials)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError):
        # Not the parser's message: it can quote the secret.
        raise RegionError(f"{data.credentials} is damaged: restore it from a backup") from None
