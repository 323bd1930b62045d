"""Records: typed, versioned values. An old data directory opens in a new release; a newer one is refused, not misread.

    class BucketV1(Record, version=1):
        name: str

    class Bucket(Record, version=2, predecessor=BucketV1):
        name: str
        owner: str

        @classmethod
        def upgrade(cls, old: BucketV1) -> Bucket: ...

On disk a record is a MessagePack array: its version, then its fields in order. **Any change of the fields, of a version that
has been released, is a new version**, also appending one with a default: otherwise an older release would read the longer
array, drop what it does not know and write the rest back. So the length of the array is held to, too. The same goes for
structs inside a record. `Record.layout()` describes a version's fields, for a test that keeps released versions unchanged.

Records are frozen: `msgspec.structs.replace(record, field=…)` makes a changed one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self, cast, dataclass_transform, get_type_hints

import msgspec

from fogbank.store.api import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

_pack = msgspec.msgpack.Encoder().encode
_DAMAGE = (msgspec.MsgspecError, ValueError, OverflowError, RecursionError)  # what decoding any bytes may raise


class RecordUnreadable(StoreError):
    """A stored record is of a version that this release does not know, or its bytes are damaged."""


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(msgspec.field,))
class RecordMeta(msgspec.StructMeta):
    """Makes records frozen, keyword-only structs that are arrays on disk, tagged with their version."""

    def __new__(mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> RecordMeta:
        """`version` (an integer from 1) and `predecessor` (the record of the version before) are checked by the class."""
        version = options.pop("version", 0)
        predecessor = options.pop("predecessor", None)
        made = super().__new__(
            mcls,
            name,
            bases,
            namespace,
            tag=version,
            array_like=True,
            frozen=True,
            kw_only=True,
            gc=False,  # values, never cyclic
            forbid_unknown_fields=True,
            **options,
        )
        if version or bases != (msgspec.Struct,):
            _check(made, version, predecessor)
        return made

    def __init__(cls, *args: Any, **options: Any) -> None:
        """All is done in __new__; the options are not type's."""


def _check(made: Any, version: int, predecessor: Any) -> None:
    known = predecessor.record_version if predecessor is not None else 0
    if not isinstance(version, int) or version < 1 or (predecessor is not None and version <= known):
        raise TypeError(f"{made.__name__}: a record names its version, a number above its predecessor's")
    if predecessor is not None and "upgrade" not in made.__dict__:
        raise TypeError(f"{made.__name__}: a record with a predecessor says how to upgrade one")
    made.record_version = version
    made.record_predecessor = predecessor
    # The array's header and the version: what every encoded record of this version starts with.
    made.record_head = _array_head(1 + len(made.__struct_fields__)) + _pack(version)
    made.record_decode = None


def _array_head(length: int) -> bytes:
    return _pack([0] * length)[: 1 if length < 16 else 3]


class Record(msgspec.Struct, metaclass=RecordMeta):
    """A stored value. See the module."""

    record_version: ClassVar[int]
    record_predecessor: ClassVar[type[Record] | None]
    record_head: ClassVar[bytes]
    record_decode: ClassVar[Any]

    def encode(self) -> bytes:
        """The record as it is stored."""
        return _pack(self)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """The record that was stored, upgraded if it is of an earlier version. RecordUnreadable if it is neither."""
        if not data.startswith(cls.record_head):
            return cls._decode_earlier(data)
        decode = cls.record_decode
        if decode is None:  # on first use: the types that the fields name may be defined after the class
            decode = cls.record_decode = msgspec.msgpack.Decoder(cls).decode
        try:
            return cast("Self", decode(data))
        except _DAMAGE as error:
            raise RecordUnreadable(f"{cls.__name__}: {error}") from error

    @classmethod
    def _decode_earlier(cls, data: bytes) -> Self:
        predecessor = cls.record_predecessor
        found = _version(data)
        if found is None or found >= cls.record_version:
            newer = found is not None and found > cls.record_version
            raise RecordUnreadable(
                f"{cls.__name__}: "
                + (f"version {found}, written by a newer release" if newer else "the stored bytes are damaged")
            )
        if predecessor is None or found > predecessor.record_version:
            raise RecordUnreadable(f"{cls.__name__}: version {found} is not known")
        upgrade = cast("Callable[[Record], Self]", cls.upgrade)  # type: ignore[attr-defined]  # _check saw that it is there
        return upgrade(predecessor.decode(data))

    @classmethod
    def reader(cls, *names: str) -> Callable[[bytes], Any]:
        """A decoder for who looks at many records and needs few fields of each: what it gives has those alone.

        A record of an earlier version is decoded, and upgraded, in full.
        """
        hints = get_type_hints(cls, include_extras=True)
        fields = cls.__struct_fields__
        known = fields[: max(map(fields.index, names)) + 1]
        lean = msgspec.defstruct(
            f"Some{cls.__name__}",
            [(name, hints[name] if name in names else msgspec.Raw) for name in known],
            tag=cls.record_version,
            array_like=True,
            gc=False,
        )
        decode = msgspec.msgpack.Decoder(lean).decode

        def read(data: bytes) -> Any:
            if not data.startswith(cls.record_head):
                return cls.decode(data)
            try:
                return decode(data)
            except _DAMAGE as error:
                raise RecordUnreadable(f"{cls.__name__}: {error}") from error

        return read

    @classmethod
    def layout(cls) -> str:
        """This version's fields and their types, as the class writes them, on one line."""
        hints = get_type_hints(cls, include_extras=True)
        fields = ", ".join(f"{name}: {_type_name(hints[name])}" for name in cls.__struct_fields__)
        return f"{cls.__name__} {cls.record_version}: {fields}"


def _type_name(hint: Any) -> str:
    """A type; a struct inside a record with its own fields, as they are part of what is stored."""
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        inner = get_type_hints(hint, include_extras=True)
        return f"{hint.__name__}({', '.join(f'{n}: {_type_name(inner[n])}' for n in hint.__struct_fields__)})"
    arguments = getattr(hint, "__args__", ())
    if arguments:
        origin = getattr(hint, "__origin__", None)
        return f"{getattr(origin, '__name__', 'union')}[{', '.join(_type_name(a) for a in arguments)}]"
    return hint.__name__ if isinstance(hint, type) else str(hint)


def _version(data: bytes) -> int | None:
    """The version of an encoded record; None if it is not one."""
    try:
        items = msgspec.msgpack.decode(data)
    except _DAMAGE:
        return None
    return items[0] if isinstance(items, list) and items and type(items[0]) is int else None
