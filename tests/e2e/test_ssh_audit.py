"""ssh-audit, which others wrote, against the listener: no failure, and one warning.

curve25519 (under its two names) does not resist a quantum computer; clients before OpenSSH 9.9 know nothing
better that is offered here.
"""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from hoopwire.demo.issuer import DevIssuer
from hoopwire.demo.postgres import ThrowAwayPostgres, plain_environment
from support.ssh_house import TARGET, SshHouse, ssh_house

pytest.importorskip("ssh_audit", reason="ssh-audit is not here; it comes from PyPI")

POLICIES = [
    {"name": "anyone", "groups": ["anyone"], "targets": [TARGET], "actions": ["shell"], "ttl": "15m"},
]


@pytest.fixture(scope="module")
def house(
    pg: ThrowAwayPostgres, issuer: DevIssuer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SshHouse]:
    with ssh_house(pg, issuer, tmp_path_factory.mktemp("audit"), POLICIES) as running:
        yield running


def test_no_failure_and_one_warning(house: SshHouse) -> None:
    # Its test of how many connections a second are taken says the same of any server that limits them
    # otherwise.
    words = ["-m", "ssh_audit", "--skip-rate-test", "-j", "-p", str(house.port), "127.0.0.1"]
    done = subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, env=plain_environment(), check=False
    )
    report = json.loads(done.stdout)
    failures, warnings = [], {}
    for kind in ("kex", "key", "enc", "mac"):
        assert report[kind], kind
        for entry in report[kind]:
            notes = entry.get("notes", {})
            failures += [(entry["algorithm"], text) for text in notes.get("fail", [])]
            if "warn" in notes:
                warnings[entry["algorithm"]] = notes["warn"]
    assert failures == []
    assert report["cves"] == []
    assert set(warnings) == {"curve25519-sha256", "curve25519-sha256@libssh.org"}
    assert all("post-quantum" in text for texts in warnings.values() for text in texts)
