"""Destinations of forwards by their hosts, so that those which may cover another are found by it."""

from bisect import bisect_right, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate

from hoopwire.model.ssh.destinations import Ports, Socket, covers_host, read_network


@dataclass
class _Ranges:
    """Ranges of ports."""

    pairs: list[tuple[int, int]] = field(default_factory=list)
    """In order."""
    furthest: list[int] | None = None
    """Beside each pair, the last port of it and of those before it."""

    def add(self, first: int, last: int) -> None:
        insort(self.pairs, (first, last))
        self.furthest = None

    def cover(self, first: int, last: int) -> bool:
        """Does a single one have all of these?"""
        if self.furthest is None:
            self.furthest = list(accumulate((pair[1] for pair in self.pairs), max))
        before = bisect_right(self.pairs, (first, 65536))
        return before > 0 and self.furthest[before - 1] >= last


class Places:
    """Granted destinations."""

    def __init__(self) -> None:
        self._sockets: set[Socket] = set()
        self._hosts: dict[str, _Ranges] = {}
        self._networks: dict[tuple[int, int], dict[int, str]] = {}
        """By version and length of the prefix, then by the prefix: the host as it is written."""

    def add(self, where: Ports | Socket) -> None:
        """Grant one."""
        if isinstance(where, Socket):
            self._sockets.add(where)
            return
        self._hosts.setdefault(where.host, _Ranges()).add(where.first, where.last)
        if "/" in where.host and (network := read_network(where.host)) is not None:
            there = self._networks.setdefault((network.version, network.prefixlen), {})
            there[int(network.network_address)] = where.host

    def cover(self, where: Ports | Socket) -> bool:
        """Is each place that `where` names named by a single one here?"""
        if isinstance(where, Socket):
            return where in self._sockets
        return any(
            outer in self._hosts
            and self._hosts[outer].cover(where.first, where.last)
            and covers_host(outer, where.host)
            for outer in self._outer(where.host)
        )

    def _outer(self, host: str) -> Iterator[str]:
        """Hosts that may cover this one."""
        yield from (host, "*", "localhost")
        labels = host.split(".")
        yield from (f"*.{'.'.join(labels[start:])}" for start in range(1, len(labels)))
        network = read_network(host) if self._networks else None
        if network is None:
            return
        for (version, length), there in self._networks.items():
            if version == network.version and length <= network.prefixlen:
                free = network.max_prefixlen - length
                address = int(network.network_address) >> free << free
                if address in there:
                    yield there[address]
