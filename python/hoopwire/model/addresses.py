"""Which addresses are public, and which stay on this machine. Who checks the file and who connects agree."""

import ipaddress
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


def is_loopback(address: Address) -> bool:
    """Loopback, also when written as an IPv4-mapped IPv6 address."""
    return unwrapped(address).is_loopback


def is_public(address: Address) -> bool:
    """Globally reachable, also after unwrapping the IPv6 forms that carry an IPv4 address."""
    inner = unwrapped(address)
    return inner.is_global and not inner.is_multicast and not inner.is_reserved


def is_within(address: Address, networks: tuple[str, ...]) -> bool:
    """Whether it is in one of them, and no address that no host has (link-local, multicast, unspecified)."""
    inner = unwrapped(address)
    if inner.is_link_local or inner.is_multicast or inner.is_unspecified:
        return False
    return any(inner in ipaddress.ip_network(network) for network in networks)


def unwrapped(address: Address) -> Address:
    """The IPv4 address that an IPv6 form carries, or the address."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1] or address


def party(host: str) -> bytes:
    """What one peer can be taken to own: an IPv4 address, or a /64 of IPv6."""
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return address.packed[:8]
        address = address.ipv4_mapped
    return address.packed
