"""Parameters as values: what PostgreSQL's own send functions wrote, taken from `select typesend(value)`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoopwire.recordings.frames import Parameter
from hoopwire.recordings.values import type_name, value_of


def binary(oid: int, value: str) -> object:
    raw = bytes.fromhex(value)
    return value_of(Parameter(oid, 1, raw, len(raw)))


@pytest.mark.parametrize(
    ("oid", "value", "expected"),
    [
        (16, "01", True),
        (16, "00", False),
        (21, "ffff", -1),
        (23, "7fffffff", 2147483647),
        (20, "8000000000000000", -9223372036854775808),
        (700, "3fc00000", 1.5),
        (701, "c004000000000000", -2.5),
        (25, "c3a4", "ä"),
        (1043, "6162", "ab"),
        (17, "00ff", "\\x00ff"),
        (2950, "00112233445566778899aabbccddeeff", "00112233-4455-6677-8899-aabbccddeeff"),
        (1082, "00000000", "2000-01-01"),
        (1082, "ffffffff", "1999-12-31"),
        (1082, "7fffffff", "infinity"),
        (1114, "0000000000000000", "2000-01-01 00:00:00"),
        (1184, "00000000000f4240", "2000-01-01 00:00:01+00:00"),
        (1184, "8000000000000000", "-infinity"),
        (114, "7b7d", "{}"),
        (3802, "017b7d", "{}"),
        (1700, "0000000000000000", "0"),
        (1700, "000000000000000200", "0x000000000000000200"),
        (1700, "0000000000000002", "0.00"),
        (1700, "000200000000000300010fa0", "1.400"),
        (1700, "00020000400000020007157c", "-7.55"),
        (1700, "0001000100000000000c", "120000"),
        (1700, "0001ffff0000000404d2", "0.1234"),
        (1700, "0001fffe00000008000c", "0.00000012"),
        (1700, "00000000c0000000", "NaN"),
        (1700, "00000000f0000000", "-Infinity"),
    ],
)
def test_binary_values_of_known_types(oid: int, value: str, expected: object) -> None:
    assert binary(oid, value) == expected


@pytest.mark.parametrize(
    ("oid", "value"), [(23, "00"), (99999, "00"), (2950, "0011"), (25, "ff"), (3802, "027b")]
)
def test_what_is_not_of_its_type_is_shown_as_hex(oid: int, value: str) -> None:
    assert binary(oid, value) == f"0x{value}"


def test_text_format_is_shown_as_sent_and_null_is_null() -> None:
    assert value_of(Parameter(23, 0, b"42", 2)) == "42"
    assert value_of(Parameter(0, 0, b"\xff", 1)) == "\\xff"
    assert value_of(Parameter(23, 1, None, 0)) is None


def test_the_beginning_of_a_number_is_no_number() -> None:
    """A value that was cut must not be shown as if it were another, smaller one."""
    assert value_of(Parameter(20, 1, bytes(8), 16)) == "0x" + "00" * 8
    assert value_of(Parameter(25, 1, b"abc", 9000)) == "abc"


def test_types_have_their_names() -> None:
    assert (type_name(1184), type_name(0), type_name(12345)) == ("timestamptz", "", "oid 12345")


@given(st.sampled_from([16, 20, 23, 25, 700, 1082, 1114, 1184, 1700, 2950, 3802, 0]), st.binary(max_size=40))
def test_any_bytes_have_some_value(oid: int, raw: bytes) -> None:
    value_of(Parameter(oid, 1, raw, len(raw)))
