"""Clients and targets that others wrote, through the gateway: each pair does what it does directly.

Every client that is here, before an OpenSSH target; every target that is here, behind OpenSSH's. The
whole matrix, and what brings those that aren't here, is `make ssh-peers`; docs/protocols/ssh.md shows what
it printed.
"""

from collections.abc import Iterator

import pytest

from hoopwire.demo.issuer import DevIssuer
from hoopwire.demo.postgres import ThrowAwayPostgres
from support.ssh_peers import table
from support.ssh_peers.cells import CHECKS, applies, outcome
from support.ssh_peers.clients import Client, clients
from support.ssh_peers.matrix import Ring, ring
from support.ssh_peers.targets import Target, targets

CLIENTS = {each.slug: each for each in clients()}
TARGETS = {each.slug: each for each in targets()}
BEFORE_ALL = ("openssh",)
"""Who meets every target."""
PAIRS = [(client, "openssh") for client in CLIENTS] + [
    (client, target) for target in TARGETS if target != "openssh" for client in BEFORE_ALL
]


@pytest.fixture(scope="module")
def place(
    pg: ThrowAwayPostgres, issuer: DevIssuer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ring]:
    here = [each for each in TARGETS.values() if each.version]
    with ring(pg, issuer, tmp_path_factory.mktemp("peers") / "ring", here) as running:
        yield running


def here(peer: Client | Target) -> None:
    if peer.version is None:
        pytest.skip(f"{peer.name} is not here; it comes with {peer.missing}")


@pytest.mark.parametrize(("client", "target"), PAIRS, ids=lambda slug: slug)
def test_a_pair(place: Ring, client: str, target: str) -> None:
    here(CLIENTS[client])
    here(TARGETS[target])
    checks = [check for check in CHECKS if applies(CLIENTS[client], check)]
    found = {check: outcome(place, CLIENTS[client], TARGETS[target], check) for check in checks}
    assert {check: said for check, said in found.items() if said not in ("yes", "as directly")} == {}


def test_the_matrix_stands_in_docs() -> None:
    """Each client and each target has its row, and no cell is a no."""
    rows = table.stands().splitlines()[2:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    for client in CLIENTS.values():
        for target in TARGETS.values():
            named = [
                row for row in cells if row[0].startswith(client.name) and row[1].startswith(target.name)
            ]
            assert named, (client.name, target.name)
    assert all(cell in ("yes", "-", "as directly") for row in cells for cell in row[2:])
