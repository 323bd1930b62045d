"""A client of a versioned bucket with Object Lock that remembers what was acknowledged: versions, markers, deletions, holds."""

from __future__ import annotations

import http.client
import random
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote
from xml.etree import ElementTree as ET

from crash.load import content, multipart

if TYPE_CHECKING:
    from crash.load import Connection, Reply

BUCKET = "versioned"
KEYS = 8
MOST = 5  # versions of a key, before some are deleted
NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"
HOLD = {"x-amz-object-lock-legal-hold": "ON"}


@dataclass
class Version:
    """A version that was acknowledged: its bytes (None: a delete marker), and whether a legal hold is on it."""

    id: str
    body: bytes | None
    held: bool = False


@dataclass
class Attempt:
    """A request whose answer is not there: what it would add, or remove, or hold."""

    key: str
    adds: bytes | None = None
    marks: bool = False
    removes: str = ""
    holds: str = ""
    held: bool = False


@dataclass
class Known:
    """What one client knows of its keys: versions from the oldest to the newest. `refused` are answers that must not be."""

    name: str
    keys: dict[str, list[Version]] = field(default_factory=dict)
    attempt: Attempt | None = None
    acknowledged: int = 0
    refused: list[str] = field(default_factory=list)


class VersionedClient(threading.Thread):
    """Puts, copies, deletes, deletes versions, holds and releases, until its connection breaks."""

    def __init__(self, connection: Connection, seed: int, known: Known, *, stubborn: bool = False) -> None:
        super().__init__(daemon=True)
        self._stubborn = stubborn  # a broken connection is made anew, as long as somebody listens
        self._connection = connection
        self._random = random.Random(seed)
        self._seed = seed
        self.known = known

    def run(self) -> None:
        """Work until the connection breaks; what was under way then is `known.attempt`."""
        number = 0
        try:
            while True:
                number += 1
                try:
                    if self.known.attempt:
                        self.known.refused += lost(self._connection, self.known, self.known.attempt.key)
                    self._step(number)
                except ConnectionRefusedError:
                    raise
                except (OSError, http.client.HTTPException):
                    if not self._stubborn:
                        raise
        except (OSError, http.client.HTTPException):
            return
        finally:
            self._connection.close()

    def _step(self, number: int) -> None:
        key = f"{self.known.name}/{self._random.randrange(KEYS)}"
        versions = self.known.keys.setdefault(key, [])
        chance = self._random.random()
        free = [one for one in versions if not one.held]
        held = [one for one in versions if one.held]
        if len(versions) > MOST and free:
            self._delete_version(key, self._random.choice(free))
        elif held and chance < 0.2:
            self._try_to_delete(key, self._random.choice(held))
            self._hold(key, self._random.choice(held), on=False)
        elif chance < 0.3:
            self._mark(key)
        elif free and chance < 0.35:
            self._delete_version(key, self._random.choice(free))
        elif chance < 0.4 and any(one.body is not None for one in free):
            self._hold(key, self._random.choice([one for one in free if one.body is not None]), on=True)
        else:
            self._write(key, number, versions[-1].body if versions else None)

    def _write(self, key: str, number: int, current: bytes | None) -> None:
        kind = self._random.random()
        if kind < 0.25 and current is not None:
            self._add(key, current, copied=True)
            return
        size = self._random.randrange(100_000, 400_000) if kind < 0.4 else self._random.randrange(0, 9000)
        self._add(key, content(key, self._seed * 100_000 + number, size), in_parts=kind < 0.33)

    def _add(self, key: str, body: bytes, *, copied: bool = False, in_parts: bool = False) -> None:
        self.known.attempt = Attempt(key, adds=body)
        target, hold = target_of(key), self._random.random() < 0.1 and not in_parts
        headers = dict(HOLD) if hold else {}
        if in_parts:
            reply = multipart(self._connection, target, body)
        elif copied:
            copy = {"x-amz-copy-source": target, "x-amz-metadata-directive": "REPLACE"}
            reply = self._connection.request("PUT", target, headers=headers | copy)
        else:
            reply = self._connection.request("PUT", target, body, headers)
        if self._settled(reply, 200):
            self.known.keys[key].append(Version(reply.version, body, hold))

    def _mark(self, key: str) -> None:
        self.known.attempt = Attempt(key, marks=True)
        reply = self._connection.request("DELETE", target_of(key))
        if self._settled(reply, 204):
            self.known.keys[key].append(Version(reply.version, None))

    def _delete_version(self, key: str, version: Version) -> None:
        self.known.attempt = Attempt(key, removes=version.id)
        reply = self._connection.request("DELETE", f"{target_of(key)}?versionId={version.id}")
        if self._settled(reply, 204):
            self.known.keys[key].remove(version)

    def _try_to_delete(self, key: str, version: Version) -> None:
        """A version under a legal hold is not deleted by anybody."""
        self.known.attempt = None
        self._settled(self._connection.request("DELETE", f"{target_of(key)}?versionId={version.id}"), 403)

    def _hold(self, key: str, version: Version, *, on: bool) -> None:
        self.known.attempt = Attempt(key, holds=version.id, held=on)
        body = f"<LegalHold><Status>{'ON' if on else 'OFF'}</Status></LegalHold>".encode()
        reply = self._connection.request("PUT", f"{target_of(key)}?legal-hold=&versionId={version.id}", body)
        if self._settled(reply, 200):
            version.held = on

    def _settled(self, reply: Reply, wanted: int) -> bool:
        self.known.attempt = None
        if reply.status != wanted:
            self.known.refused.append(f"{reply.status}, not {wanted}: {reply.body[:300]!r}")
            return False
        self.known.acknowledged += 1
        return True


def target_of(key: str) -> str:
    """The path of a key."""
    return f"/{BUCKET}/{quote(key)}"


def make_bucket(connection: Connection) -> None:
    """The bucket; Object Lock enables versioning."""
    assert connection.request("PUT", f"/{BUCKET}", headers={"x-amz-bucket-object-lock-enabled": "true"}).status == 200


def lost(connection: Connection, known: Known, only: str = "") -> list[str]:
    """What is not as acknowledged, of one key or of all. What this look settles is the truth for the next one."""
    wrong = []
    found = listed(connection, only or f"{known.name}/")
    attempt = known.attempt
    for key in {only} if only else {*known.keys, *found}:
        before = known.keys.get(key, [])
        tried = attempt if attempt and attempt.key == key else None
        now = [
            Version(version, read(connection, key, version, marker)) for version, marker in reversed(found.get(key, []))
        ]
        wrong += differences(key, before, now, tried)
        holds = {one.id: one.held for one in before}
        for version in now:
            version.held = version.body is not None and is_held(connection, key, version.id)
            expected = holds.get(version.id, version.held)
            if version.held != expected and not (tried and tried.holds == version.id and tried.held == version.held):
                wrong.append(f"{key} {version.id}: its hold is {version.held}, not {expected}")
        wrong += wrong_current(connection, key, now)
        known.keys[key] = now
    known.attempt = None
    return wrong


def differences(key: str, before: list[Version], now: list[Version], tried: Attempt | None) -> list[str]:
    """How the versions of a key differ from what was acknowledged, but for what the one unanswered request may have done."""
    wrong = []
    there = {one.id: one.body for one in now}
    for one in before:
        if one.id not in there:
            if not (tried and tried.removes == one.id):
                wrong.append(f"{key} {one.id}: an acknowledged version is lost")
        elif there[one.id] != one.body:
            wrong.append(f"{key} {one.id}: its bytes are {(there[one.id] or b'')[:60]!r}")
    ids = [one.id for one in before if one.id in there]
    new = [one for one in now if one.id not in ids]
    if ids + [one.id for one in new] != [one.id for one in now]:
        wrong.append(f"{key}: versions are not in their order")
    wanted = tried and (tried.adds is not None or tried.marks)
    if len(new) > 1 or (new and not (wanted and tried and new[0].body == tried.adds)):
        wrong.append(f"{key}: {[(one.id, (one.body or b'')[:60]) for one in new]} appeared from nowhere, or again")
    return wrong


def wrong_current(connection: Connection, key: str, now: list[Version]) -> list[str]:
    """Without a version's id, the newest one is read."""
    reply = connection.request("GET", target_of(key))
    newest = now[-1].body if now else None
    if (reply.status, reply.body) == (200, newest) or (reply.status == 404 and newest is None):
        return []
    return [f"{key}: the current object is {reply.status}, {reply.body[:60]!r}"]


def listed(connection: Connection, prefix: str) -> dict[str, list[tuple[str, bool]]]:
    """The versions of each key that starts so, the newest first, each with whether it is a marker."""
    reply = connection.request("GET", f"/{BUCKET}?prefix={quote(prefix, safe='')}&versions=")
    assert reply.status == 200, reply.body
    root = ET.fromstring(reply.body)
    assert root.findtext(f"{NAMESPACE}IsTruncated") == "false"
    found: dict[str, list[tuple[str, bool]]] = {}
    latest = set()
    for entry in root:
        if entry.tag in (f"{NAMESPACE}Version", f"{NAMESPACE}DeleteMarker"):
            key, version = (str(entry.findtext(NAMESPACE + part)) for part in ("Key", "VersionId"))
            found.setdefault(key, []).append((version, entry.tag.endswith("DeleteMarker")))
            if entry.findtext(f"{NAMESPACE}IsLatest") == "true":
                latest.add(version)
    ordered = {
        key: sorted(of_key) for key, of_key in found.items()
    }  # ids begin with their time, the newest with the least
    assert latest == {of_key[0][0] for of_key in ordered.values()}
    return ordered


def read(connection: Connection, key: str, version: str, marker: bool) -> bytes | None:
    """The bytes of a version; None of a marker."""
    reply = connection.request("GET", f"{target_of(key)}?versionId={version}")
    assert reply.status == (405 if marker else 200), (reply, key, version)
    return None if marker else reply.body


def is_held(connection: Connection, key: str, version: str) -> bool:
    """Whether a version is under a legal hold."""
    return b"<Status>ON</Status>" in connection.request("GET", f"{target_of(key)}?legal-hold=&versionId={version}").body
