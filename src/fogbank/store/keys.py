"""Keys: tuples of strings, integers and bytes as bytes that sort in the same order.

Layout, per part: a tag, the value, and for bytes and strings a terminator:

    bytes  01 <escaped> 00
    str    02 <escaped UTF-8> 00
    int    03 <8 bytes, big-endian>        0 <= value < 2**64

Escaped: 00 is written 01 01, and 01 is written 01 02. So 00 only ever ends a part, no part can forge another's boundary,
"a" sorts before "a\\x00", and every key that starts with an encoded tuple is an extension of that tuple. (FoundationDB's
tuple layer writes 00 as 00 FF, which gives the same order, but there "a\\x00" starts with the encoding of "a".)

Strings sort by their UTF-8 bytes, as S3 sorts keys. Of different kinds, bytes sort before strings before integers.
"""

from __future__ import annotations

from typing import Final

Part = str | int | bytes

_BYTES: Final = 1
_STR: Final = 2
_INT: Final = 3


def _escape(raw: bytes) -> bytes:
    if 0 in raw or 1 in raw:
        return raw.replace(b"\x01", b"\x01\x02").replace(b"\x00", b"\x01\x01")
    return raw


def _unescape(raw: bytes) -> bytes:
    if 1 in raw:
        return raw.replace(b"\x01\x01", b"\x00").replace(b"\x01\x02", b"\x01")
    return raw


def _encode_part(part: Part) -> bytes:
    if isinstance(part, str):
        return b"\x02" + _escape(part.encode()) + b"\x00"
    if isinstance(part, bytes):
        return b"\x01" + _escape(part) + b"\x00"
    if isinstance(part, int) and not isinstance(part, bool):
        try:
            return b"\x03" + part.to_bytes(8, "big")
        except OverflowError:
            raise ValueError(f"not in a key: {part} is not from 0 to 2**64 - 1") from None
    raise TypeError(f"not in a key: {type(part).__name__}")


def encode(*parts: Part) -> bytes:
    """The key of a tuple. ValueError for a lone surrogate or an integer out of range, TypeError for any other type."""
    try:
        joined = "\0\2".join(parts)  # type: ignore[arg-type]  # any other type fails in join
    except TypeError:
        return b"".join(map(_encode_part, parts))
    if joined.count("\0") != len(parts) - 1 or "\1" in joined:
        return b"".join(map(_encode_part, parts))
    return b"\2" + joined.encode() + b"\0"  # all are strings without an escape: the common case, in a third of the time


def encode_open(*parts: Part) -> bytes:
    """Like `encode`, but the last part (a string or bytes) is left open: the prefix of all keys whose part starts so."""
    if not parts or isinstance(parts[-1], int):
        raise TypeError("the open part is a string or bytes")
    return encode(*parts)[:-1]


def decode(key: bytes) -> tuple[Part, ...]:
    """The tuple of a key. ValueError if it is none."""
    if key[:1] == b"\2" and 1 not in key and b"\0\3" not in key and key[-1] == 0:
        strings = tuple(key[1:-1].decode().split("\0\2"))
        if len(strings) == key.count(0):
            return strings
    parts: list[Part] = []
    at = 0
    while at < len(key):
        tag = key[at]
        at += 1
        if tag == _INT:
            end = at + 8
            if end > len(key):
                raise ValueError("a key ends inside an integer")
            parts.append(int.from_bytes(key[at:end], "big"))
            at = end
            continue
        end = key.find(0, at)
        if end < 0 or tag not in (_BYTES, _STR):
            raise ValueError("not a key")
        raw = _unescape(key[at:end])
        parts.append(raw.decode() if tag == _STR else raw)
        at = end + 1
    return tuple(parts)


def first_text(key: bytes) -> str:
    """The first part of a key that is known to begin with a string; several times as fast as all of them."""
    raw = key[1 : key.index(0)]
    return (_unescape(raw) if 1 in raw else raw).decode()


def prefix_end(prefix: bytes) -> bytes:
    """The first key after all those that start with `prefix`. Empty: the end of all keys. ValueError if there is none."""
    if not prefix:
        return b"\xff"
    kept = prefix.rstrip(b"\xff")
    if not kept:
        raise ValueError("no key is after this prefix")
    return kept[:-1] + bytes((kept[-1] + 1,))
