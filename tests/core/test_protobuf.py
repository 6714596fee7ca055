"""Protocol buffers' wire format, against Google's own reader."""

import random

import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet

from edgecnn.core import protobuf
from edgecnn.core.protobuf import BYTES, VARINT, Field

DEEP = bytes([0x08]) + b"\xff" * 9 + b"\x01"  # field 1: the largest integer, of ten bytes
MESSAGE = DEEP + b"\x12\x03abc" + b"\x1d\x01\x02\x03\x04" + b"\x21" + b"12345678" + b"\x12\x00"


def test_fields_and_where_they_lie() -> None:
    assert list(protobuf.fields(b"x" + MESSAGE + b"y", 1, 1 + len(MESSAGE))) == [
        Field(1, VARINT, 2**64 - 1, 2**64 - 1),
        Field(2, BYTES, 14, 17),
        Field(3, 5, 18, 22),
        Field(4, 1, 23, 31),
        Field(2, BYTES, 33, 33),
    ]


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (b"\x0b", "unknown type 3"),
        (b"\x12\x05abc", "goes beyond its message"),
        (b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "goes beyond its message"),
        (b"\x1d\x00", "goes beyond its message"),
        (b"\x08", "no end"),
        (b"\x08" + b"\xff" * 10 + b"\x01", "no end"),
    ],
)
def test_what_is_damaged_is_said(message: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        list(protobuf.fields(message, 0, len(message)))


def test_random_messages_are_read_as_google_reads_them() -> None:
    draw, agreed = random.Random(0), 0
    for _ in range(4000):
        message = bytes(draw.choice(b"\x08\x12\x1d\x21\x01\x02\x03\x80\xff\x00") for _ in range(draw.randint(0, 16)))
        try:
            known = UnknownFieldSet(Empty.FromString(message))
        except DecodeError:
            continue
        theirs = [(each.field_number, each.wire_type, each.data) for each in known]
        if any(kind in (3, 4) for _, kind, _ in theirs):  # groups, which nothing that is read here has
            continue
        ours = [(each.number, each.kind, _held(each, message)) for each in protobuf.fields(message, 0, len(message))]
        assert ours == theirs
        agreed += len(theirs) > 1
    assert agreed > 50


def _held(field: Field, message: bytes) -> int | bytes:
    if field.kind == VARINT:
        return field.begin
    content = message[field.begin : field.end]
    return content if field.kind == BYTES else int.from_bytes(content, "little")
