"""Where connections may go and where a target may listen: hosts and ports, or a Unix socket.

    db.internal:5432   *.example.com:443   10.0.0.0/8:5432-5439   [2001:db8::/32]:22   /run/app.sock

`localhost` is the name and both loopback addresses. Loopback, link-local and their kind are covered only
where they are written out. `*` as a host is to listen on every address. rust/ssh/policy decides
(destination.rs, host.rs).
"""

import ipaddress
import re

import msgspec

from hoopwire.model.action import ActionError
from hoopwire.model.ssh.paths import normal_path

_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}")
_NUMBER = re.compile(r"[0-9]*|0[xX][0-9A-Fa-f]*")
_PORT = re.compile(r"[0-9]{1,5}")
_FORM = "is written HOST:PORT: db.internal:5432, *.example.com:443, 10.0.0.0/8:22, [2001:db8::1]:22"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """Hosts and ports."""

    host: str
    """`*`, `localhost`, `db.internal`, `*.example.com`, `10.0.0.0/8`, `2001:db8::1`."""
    first: int
    last: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        if (self.first, self.last) == (0, 65535):
            return f"{host}:*"
        return f"{host}:{self.first}" if self.first == self.last else f"{host}:{self.first}-{self.last}"


class Socket(msgspec.Struct, frozen=True):
    """A Unix socket at the target."""

    path: str

    def __str__(self) -> str:
        return self.path


def read_destination(text: str, column: int) -> Ports | Socket:
    """Where a connection may go. ActionError."""
    if text.startswith("/"):
        return Socket(normal_path(text, column))
    ports = _read_ports(text, column)
    if ports.host == "*":
        raise ActionError(
            "name the host: what a name leads to is known to the target only", column, "*.example.com:443"
        )
    return ports


def read_listening(text: str, column: int) -> Ports | Socket:
    """Where a target may listen. ActionError."""
    return Socket(normal_path(text, column)) if text.startswith("/") else _read_ports(text, column)


def _read_ports(text: str, column: int) -> Ports:
    if text.startswith("["):
        host, colon, port = text[1:].partition("]:")
    else:
        host, colon, port = text.rpartition(":")
    if not colon or not host or not port:
        raise ActionError(_FORM, column, "db.internal:5432")
    first, last = _read_port(port, column + len(text) - len(port))
    canonical = _read_host(host, column)
    if (":" in canonical) != text.startswith("["):
        raise ActionError("IPv6 stands in brackets, and nothing else does", column, f"[{host}]:{port}")
    return Ports(host=canonical, first=first, last=last)


def _read_port(text: str, column: int) -> tuple[int, int]:
    if text == "*":
        return 0, 65535
    first, _, last = text.partition("-")
    last = last or first
    if not _PORT.fullmatch(first) or not _PORT.fullmatch(last) or not int(first) <= int(last) <= 65535:
        raise ActionError("a port is a number to 65535, FIRST-LAST or *", column, "5432")
    return int(first), int(last)


def _read_host(text: str, column: int) -> str:
    if text == "*":
        return text
    if text.startswith("*"):
        name = _name(text[2:]) if text.startswith("*.") else None
        if name is None:
            raise ActionError("a suffix is written *.example.com", column, "*.example.com")
        return f"*.{name}"
    address, slash, bits = text.partition("/")
    if not slash:
        found = _address(address)
        host = _name(address) if found is None else str(found)
        if host is None:
            raise ActionError(f"`{text}` is no host name, and no address in its usual form", column)
        return host
    network = read_network(text) if bits.isdecimal() and bits.isascii() else None
    if network is None:
        raise ActionError(
            f"`{text}` is no network: ADDRESS/BITS, with nothing behind its bits", column, "10.0.0.0/8"
        )
    return str(network)


def _address(text: str) -> Address | None:
    """In its usual form, without a zone; an IPv4 address that is written as IPv6 is one of IPv4."""
    try:
        found = None if "%" in text else ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped
    return found


def read_network(text: str) -> Network | None:
    """A network, or the one of an address alone; none if the text is neither."""
    try:
        found = None if "%" in text else ipaddress.ip_network(text)
    except ValueError:
        return None
    is_mapped = isinstance(found, ipaddress.IPv6Network) and found.network_address.ipv4_mapped is not None
    return None if is_mapped else found


def _name(text: str) -> str | None:
    """In lower case, without the root's dot; none if it is no name, or what resolvers take for an address."""
    name = text.removesuffix(".").lower()
    labels = name.split(".")
    is_name = len(name) <= 253 and all(map(_LABEL.fullmatch, labels))
    return name if is_name and not _NUMBER.fullmatch(labels[-1]) else None


def covers_host(outer: str, inner: str) -> bool:
    """Is each host that `inner` names named by `outer`?"""
    if outer in ("*", inner):
        return True
    if outer == "localhost":
        return inner in ("127.0.0.1", "::1")
    if outer.startswith("*."):
        is_name = _address(inner) is None and "/" not in inner and inner != "*"
        return is_name and inner.endswith(outer[1:]) and not _is_of_localhost(inner)
    if "/" not in outer or inner == "*" or inner.startswith("*."):
        return False
    networks = read_network(outer), read_network(inner)
    if networks[0] is None or networks[1] is None or networks[0].version != networks[1].version:
        return False
    if "/" not in inner and _is_special(networks[1].network_address):
        return False
    return _lies_in(networks[1], networks[0])


def _lies_in(inner: Network, outer: Network) -> bool:
    """Of one version."""
    return outer.prefixlen <= inner.prefixlen and inner.network_address in outer


def _is_of_localhost(name: str) -> bool:
    """The names that the engine takes for the target's own: no suffix has them."""
    first = name.split(".")[0]
    return "localhost" in first or "loopback" in first or name.endswith(".localhost")


def _is_special(address: Address) -> bool:
    """Loopback, link-local and their kind, and what has an IPv4 address in it: no network has them."""
    number = int(address)
    if address.version == 4:
        return (
            address.is_loopback
            or address.is_link_local
            or address.is_multicast
            or number >> 24 == 0
            or number == 2**32 - 1
        )
    return (
        address.is_link_local
        or address.is_multicast
        or number >> 32 in (0, 0xFFFF0000)
        or number >> 96 in (0x0064FF9B, 0x20010000)
        or number >> 112 == 0x2002
    )
