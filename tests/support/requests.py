"""Requests of the extended protocol, one message each (PostgreSQL documentation, "Message Formats")."""

import struct

from .frontend import message

SYNC, FLUSH = message(b"S"), message(b"H")


def parse(sql: str, name: str = "", *types: int) -> bytes:
    """A Parse; `types` are the OIDs of parameters."""
    oids = struct.pack("!h", len(types)) + b"".join(struct.pack("!i", oid) for oid in types)
    return message(b"P", name.encode() + b"\0" + sql.encode() + b"\0" + oids)


def bind(statement: str = "", portal: str = "", *values: str) -> bytes:
    """A Bind with text parameters and text results."""
    body = portal.encode() + b"\0" + statement.encode() + b"\0" + struct.pack("!hh", 0, len(values))
    for value in values:
        body += struct.pack("!i", len(value.encode())) + value.encode()
    return message(b"B", body + struct.pack("!h", 0))


def describe(kind: str, name: str = "") -> bytes:
    """A Describe of a statement (`S`) or a portal (`P`)."""
    return message(b"D", kind.encode() + name.encode() + b"\0")


def execute(portal: str = "", limit: int = 0) -> bytes:
    """An Execute of at most `limit` rows, 0 for all."""
    return message(b"E", portal.encode() + b"\0" + struct.pack("!i", limit))


def close(kind: str, name: str = "") -> bytes:
    """A Close of a statement (`S`) or a portal (`P`)."""
    return message(b"C", kind.encode() + name.encode() + b"\0")
