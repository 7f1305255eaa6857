"""Parameters as values: text as sent, and the binary formats of the common types.

Source of the formats: the `_send` functions of PostgreSQL's `src/backend/utils/adt`.
"""

import struct
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hoopwire.recordings.frames import Parameter

Value = str | int | float | bool | None

_EPOCH = datetime(2000, 1, 1)
_EPOCH_UTC = datetime(2000, 1, 1, tzinfo=UTC)
_NBASE = 10_000
_FINITE = {"q": (1 << 63) - 1, "i": (1 << 31) - 1}


def _unpacked(form: str) -> Callable[[bytes], Value]:
    def decode(value: bytes) -> Value:
        (number,) = struct.unpack(form, value)
        return number  # type: ignore[no-any-return]

    return decode


def _text(value: bytes) -> str:
    return value.decode("utf-8")


def _bool(value: bytes) -> bool:
    (byte,) = struct.unpack("!B", value)
    return bool(byte)


def _bytea(value: bytes) -> str:
    return "\\x" + value.hex()


def _uuid(value: bytes) -> str:
    return str(uuid.UUID(bytes=value))


def _jsonb(value: bytes) -> str:
    if value[:1] != b"\x01":
        raise ValueError("unknown version of jsonb")
    return value[1:].decode("utf-8")


def _date(value: bytes) -> str:
    (days,) = struct.unpack("!i", value)
    if days in (_FINITE["i"], -_FINITE["i"] - 1):
        return "infinity" if days > 0 else "-infinity"
    return (_EPOCH.date() + timedelta(days=days)).isoformat()


def _moment(value: bytes, epoch: datetime) -> str:
    (micros,) = struct.unpack("!q", value)
    if micros in (_FINITE["q"], -_FINITE["q"] - 1):
        return "infinity" if micros > 0 else "-infinity"
    return (epoch + timedelta(microseconds=micros)).isoformat(sep=" ")


def _timestamp(value: bytes) -> str:
    return _moment(value, _EPOCH)


def _timestamptz(value: bytes) -> str:
    return _moment(value, _EPOCH_UTC)


def _numeric(value: bytes) -> str:
    """Groups of four decimal digits; numeric.c, `numeric_recv`."""
    count, weight, sign, scale = struct.unpack_from("!hhHh", value)
    if sign in (0xC000, 0xD000, 0xF000):
        return {0xC000: "NaN", 0xD000: "Infinity", 0xF000: "-Infinity"}[sign]
    if sign not in (0, 0x4000) or count < 0 or len(value) != 8 + 2 * count or not 0 <= scale <= 0x3FFF:
        raise ValueError("malformed numeric")
    groups = struct.unpack_from(f"!{count}H", value, 8)
    if any(group >= _NBASE for group in groups):
        raise ValueError("malformed numeric")
    number = 0
    for group in groups:
        number = number * _NBASE + group
    exponent = 4 * (weight - count + 1)
    digits = str(number) if exponent < 0 else str(number) + "0" * exponent if number else "0"
    exact = Decimal(f"{digits}E{min(exponent, 0)}")
    text = format(exact, "f")
    whole, _, fraction = text.partition(".")
    fraction = fraction[:scale].ljust(scale, "0")
    minus = "-" if sign else ""
    return minus + (f"{whole}.{fraction}" if scale else whole)


_BINARY: dict[int, Callable[[bytes], Value]] = {
    16: _bool,
    17: _bytea,
    19: _text,
    20: _unpacked("!q"),
    21: _unpacked("!h"),
    23: _unpacked("!i"),
    25: _text,
    26: _unpacked("!I"),
    114: _text,
    700: _unpacked("!f"),
    701: _unpacked("!d"),
    1042: _text,
    1043: _text,
    1082: _date,
    1114: _timestamp,
    1184: _timestamptz,
    1700: _numeric,
    2950: _uuid,
    3802: _jsonb,
}

_NAMES = {
    16: "bool",
    17: "bytea",
    19: "name",
    20: "int8",
    21: "int2",
    23: "int4",
    25: "text",
    26: "oid",
    114: "json",
    700: "float4",
    701: "float8",
    1042: "bpchar",
    1043: "varchar",
    1082: "date",
    1114: "timestamp",
    1184: "timestamptz",
    1700: "numeric",
    2950: "uuid",
    3802: "jsonb",
}


def type_name(oid: int) -> str:
    """The type's name if it is a common one, else `oid 12345`; empty for 0 (not declared)."""
    return _NAMES.get(oid, f"oid {oid}" if oid else "")


def is_cut(parameter: Parameter) -> bool:
    """Only the beginning of the value was kept."""
    return parameter.value is not None and len(parameter.value) < parameter.length


def value_of(parameter: Parameter) -> Value:
    """The value; hex with a leading `0x` where the type is not known or the bytes are not of it."""
    raw = parameter.value
    if raw is None:
        return None
    if parameter.format == 0:
        return raw.decode("utf-8", "backslashreplace")
    decode = _BINARY.get(parameter.oid)
    text_like = decode in (_text, _bytea)
    if decode is not None and (text_like or not is_cut(parameter)):
        try:
            return decode(raw)
        except (ValueError, OverflowError, struct.error):
            pass
    return "0x" + raw.hex()
