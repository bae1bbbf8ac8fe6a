"""Journal files for tests: written as systemd's file format describes, so that the real `journalctl` reads them.

Plain: no compression, no sealing, hashes by Jenkins' lookup3 as files without keyed hashes have them.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

_DATA, _FIELD, _ENTRY, _DATA_TABLE, _FIELD_TABLE, _ENTRY_ARRAY = range(1, 7)
_HEADER = 256
_MASK = 0xFFFFFFFF
Fields = Mapping[str, str | bytes]


@dataclass(frozen=True)
class Entry:
    """One entry: when, in microseconds of Unix time, and its fields."""

    at: int
    fields: Fields


@dataclass
class _Data:
    offset: int
    hash: int
    entries: list[int] = field(default_factory=list)


def write_journal(file: Path, entries: Iterable[Entry], *, boot: uuid.UUID | None = None) -> None:
    """Writes the entries, which are in order of time."""
    writer = _Writer((boot or uuid.uuid4()).bytes)
    for entry in entries:
        writer.add(entry)
    file.write_bytes(writer.finished())


class _Writer:
    def __init__(self, boot: bytes) -> None:
        self._boot = boot
        self._file = bytearray(_HEADER)
        self._objects = 0
        self._tail = 0
        self._data: dict[bytes, _Data] = {}
        self._fields: dict[bytes, list[_Data]] = {}
        self._entries: list[int] = []
        self._times: list[int] = []
        self._data_table = self._table(_DATA_TABLE, 2047)
        self._field_table = self._table(_FIELD_TABLE, 333)
        self._arrays = 0

    def _table(self, kind: int, buckets: int) -> tuple[int, int]:
        offset = self._object(kind, bytes(16 * buckets))
        return offset + 16, 16 * buckets

    def _object(self, kind: int, body: bytes) -> int:
        self._file += bytes(-len(self._file) % 8)
        offset = len(self._file)
        self._file += struct.pack("<B7xQ", kind, 16 + len(body)) + body
        self._objects += 1
        self._tail = offset
        return offset

    def add(self, entry: Entry) -> None:
        items: list[_Data] = []
        mixed = 0
        for name, value in entry.fields.items():
            payload = name.encode() + b"=" + (value.encode() if isinstance(value, str) else value)
            data = self._data.get(payload)
            if data is None:
                hashed = _hash(payload)
                data = self._data[payload] = _Data(
                    self._object(_DATA, struct.pack("<6Q", hashed, *[0] * 5) + payload), hashed
                )
                self._fields.setdefault(name.encode(), []).append(data)
            items.append(data)
            mixed ^= data.hash
        items.sort(key=lambda data: data.offset)
        self._times.append(entry.at)
        head = struct.pack("<QQQ16sQ", len(self._times), entry.at, entry.at - self._times[0] + 1, self._boot, mixed)
        offset = self._object(_ENTRY, head + b"".join(struct.pack("<QQ", data.offset, data.hash) for data in items))
        self._entries.append(offset)
        for data in items:
            data.entries.append(offset)

    def _array(self, offsets: list[int]) -> int:
        if not offsets:
            return 0
        self._arrays += 1
        return self._object(_ENTRY_ARRAY, struct.pack(f"<Q{len(offsets)}Q", 0, *offsets))

    def finished(self) -> bytes:
        for data in self._data.values():
            rest = self._array(data.entries[1:])
            self._put(data.offset + 40, data.entries[0], rest, len(data.entries))
        for name, several in self._fields.items():
            for one, after in pairwise(several):
                self._put(one.offset + 32, after.offset)
            hashed = _hash(name)
            offset = self._object(_FIELD, struct.pack("<3Q", hashed, 0, several[0].offset) + name)
            self._chain(self._field_table, hashed, offset, 24)
        for data in self._data.values():
            self._chain(self._data_table, data.hash, data.offset, 24)
        array = self._array(self._entries)
        self._file += bytes(-len(self._file) % 8)
        self._head(array)
        return bytes(self._file)

    def _chain(self, table: tuple[int, int], hashed: int, offset: int, next_at: int) -> None:
        place = table[0] + 16 * (hashed % (table[1] // 16))
        head, tail = struct.unpack_from("<QQ", self._file, place)
        if head:
            self._put(tail + next_at, offset)
        self._put(place, head or offset, offset)

    def _put(self, place: int, *values: int) -> None:
        struct.pack_into(f"<{len(values)}Q", self._file, place, *values)

    def _head(self, array: int) -> None:
        ids = (uuid.uuid4().bytes, uuid.uuid4().bytes, self._boot, uuid.uuid4().bytes)
        times, count = self._times or [0], len(self._times)
        struct.pack_into("<8sIIB7x16s16s16s16s", self._file, 0, b"LPKSHHRH", 0, 0, 2, *ids)
        self._put(
            88, _HEADER, len(self._file) - _HEADER, *self._data_table, *self._field_table, self._tail, self._objects,
            count, count, min(1, count), array, times[0], times[-1], times[-1] - times[0] + 1,
            len(self._data), len(self._fields), 0, self._arrays, 0, 0,
        )  # fmt: skip


def _rot(value: int, by: int) -> int:
    return ((value << by) | (value >> (32 - by))) & _MASK


def _hash(payload: bytes) -> int:
    """Bob Jenkins' hashlittle2 with both seeds 0, as 64 bits."""
    a = b = c = (0xDEADBEEF + len(payload)) & _MASK
    rest = payload
    while len(rest) > 12:
        x, y, z = struct.unpack_from("<III", rest)
        a, b, c = (a + x) & _MASK, (b + y) & _MASK, (c + z) & _MASK
        a = (a - c) & _MASK ^ _rot(c, 4)
        c = (c + b) & _MASK
        b = (b - a) & _MASK ^ _rot(a, 6)
        a = (a + c) & _MASK
        c = (c - b) & _MASK ^ _rot(b, 8)
        b = (b + a) & _MASK
        a = (a - c) & _MASK ^ _rot(c, 16)
        c = (c + b) & _MASK
        b = (b - a) & _MASK ^ _rot(a, 19)
        a = (a + c) & _MASK
        c = (c - b) & _MASK ^ _rot(b, 4)
        b = (b + a) & _MASK
        rest = rest[12:]
    if not rest:
        return c << 32 | b
    x, y, z = struct.unpack("<III", rest.ljust(12, b"\0"))
    a, b, c = (a + x) & _MASK, (b + y) & _MASK, (c + z) & _MASK
    c = ((c ^ b) - _rot(b, 14)) & _MASK
    a = ((a ^ c) - _rot(c, 11)) & _MASK
    b = ((b ^ a) - _rot(a, 25)) & _MASK
    c = ((c ^ b) - _rot(b, 16)) & _MASK
    a = ((a ^ c) - _rot(c, 4)) & _MASK
    b = ((b ^ a) - _rot(a, 14)) & _MASK
    c = ((c ^ b) - _rot(b, 24)) & _MASK
    return c << 32 | b
