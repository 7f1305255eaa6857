"""One block for many hosts: two real sshds, a CA for their host keys, and names that lead nowhere else.

The gateway finds the hosts in a file of the test's: a wrapper around `hoopwire` answers for the resolver.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from hoopwire.demo.gateway import RunningGateway
from hoopwire.demo.issuer import DevIssuer
from hoopwire.demo.postgres import ThrowAwayPostgres, free_port
from hoopwire.recordings.frames import SessionStart
from support.ssh import account, sshd, write_key
from support.ssh_house import Agent, SshHouse
from support.wait import wait_for_audit

DOMAIN = "hosts.example"
ADDRESSES = {"app1": "127.0.0.1", "app2": "127.0.0.2", "app3": "127.0.0.3", "old": "127.0.0.1"}
NO_NAMES = [
    "app*",
    f"app1.{DOMAIN}",
    "app1.evil.example",
    "app1.",
    "App1",
    "APP1",
    "app_1",
    "app1-",
    "app/../1",
    "app1/..",
    "app\u0661",
    "app1\u3002evil",
    "appé",
    "xn--app-1",
    "localhost",
    "127.0.0.1",
    "..",
    "app",
]
WRAPPER = """#!{python}
import socket
ASKED = {asked!r}
HOSTS = {hosts!r}
real = socket.getaddrinfo
def find(host, *rest, **more):
    if isinstance(host, str) and host not in ("127.0.0.1", "localhost"):
        with open(ASKED, "a") as asked:
            asked.write(host + "\\n")
        if host not in HOSTS:
            raise socket.gaierror(socket.EAI_NONAME, "no such host")
        host = HOSTS[host]
    return real(host, *rest, **more)
socket.getaddrinfo = find
from hoopwire.cli import main
raise SystemExit(main())
"""


@dataclass
class Hosts:
    house: SshHouse
    agent: Agent
    folder: Path

    @property
    def asked(self) -> set[str]:
        """What the resolver was asked for."""
        path = self.folder / "asked"
        return set(path.read_text().split("\n")) - {""} if path.exists() else set()

    def mint(self, target: str) -> tuple[int, str]:
        answer = self.house.gateway.mint(self.agent.token(), target=target)
        return answer.status_code, answer.text

    def ssh(self, user: str, certificate: Path, *words: str) -> "subprocess.CompletedProcess[bytes]":
        options = ("-o", f"CertificateFile={certificate}", "-o", f"User={user}")
        return self.agent.ssh(*words, options=options)

    def certify(self, target: str) -> Path:
        """The certificate of a new grant on the target."""
        out = self.folder / f"{target.replace('*', 'X')}-cert.pub"
        done = self.agent.certify("--target", target, "--out", str(out), "--fresh")
        assert done.returncode == 0, done.stderr
        return out


def _lines(folder: Path, name: str) -> tuple[str, ...]:
    """Of an sshd with a host key that the CA has certified for this host, which says who it is."""
    key = folder / f"{name}_key"
    write_key(key)
    names = f"{name}.{DOMAIN}"
    command = [
        "ssh-keygen",
        "-q",
        "-s",
        str(folder / "hosts_ca"),
        "-I",
        name,
        "-h",
        "-n",
        names,
        f"{key}.pub",
    ]
    subprocess.run(command, check=True, capture_output=True)
    return (
        f"HostKey {key}",
        f"HostCertificate {key}-cert.pub",
        f"TrustedUserCAKeys {folder / 'targets_ca.pub'}",
        f"SetEnv WHO={name}",
    )


@pytest.fixture(scope="module")
def hosts(
    pg: ThrowAwayPostgres, issuer: DevIssuer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Hosts]:
    folder = tmp_path_factory.mktemp("blocks")
    for name in ("host_key", "agents_ca", "targets_ca", "hosts_ca"):
        write_key(folder / name)
    wrapper = folder / "hoopwire"
    found = {f"{name}.{DOMAIN}": address for name, address in ADDRESSES.items()}
    wrapper.write_text(WRAPPER.format(python=sys.executable, asked=str(folder / "asked"), hosts=found))
    wrapper.chmod(0o755)
    port = free_port()
    with ExitStack() as stack:
        app1 = stack.enter_context(sshd(folder / "sshd-1", *_lines(folder, "app1")))
        # the same port at other addresses; app3 is a name that nobody has certified
        more = (f"ListenAddress {ADDRESSES[name]}:{app1.port}" for name in ("app2", "app3"))
        stack.enter_context(sshd(folder / "sshd-2", *_lines(folder, "app2"), *more))
        base = {"protocol": "ssh", "port": app1.port, "logins": [account()]}
        settings = {
            "listen": {"ssh": [f"127.0.0.1:{port}"]},
            "ssh": {name: {"file": str(folder / name)} for name in ("host_key", "agents_ca", "targets_ca")},
            "targets": {
                "app*": base | {"host": f"app*.{DOMAIN}", "host_ca": str(folder / "hosts_ca.pub")},
            },
            "policies": [
                {"name": "ops", "groups": ["ops"], "targets": ["app*"], "actions": ["exec printenv WHO"]},
                {"name": "one", "groups": ["one"], "targets": ["app1"], "actions": ["exec printenv WHO"]},
            ],
        }
        gateway = stack.enter_context(RunningGateway(pg, issuer.issuer, settings=settings, program=wrapper))
        (folder / "known_hosts").write_text(
            f"[127.0.0.1]:{port} {(folder / 'host_key.pub').read_text().strip()}\n"
        )
        house = SshHouse(gateway, app1, issuer, folder, port)
        yield Hosts(house, house.agent("ops", "ops"), folder)
        assert "panic" not in gateway.log.lower(), gateway.log[-4000:]


def test_each_name_is_its_own_host(hosts: Hosts) -> None:
    for name in ("app1", "app2"):
        done = hosts.ssh(name, hosts.certify(name), "printenv WHO")
        assert (done.returncode, done.stdout) == (0, f"{name}\n".encode()), done.stderr
        wait_for_audit(hosts.house.gateway, "session.started", target=name)
    started = [entry.frame for entry in hosts.house.entries() if isinstance(entry.frame, SessionStart)]
    assert {frame.target for frame in started} >= {"app1", "app2"}


def test_a_certificate_for_one_host_opens_no_other(hosts: Hosts) -> None:
    done = hosts.ssh("app2", hosts.certify("app1"), "printenv WHO")
    assert (done.returncode, done.stdout) == (255, b"")


def test_a_host_that_the_ca_has_not_certified_for_this_name_is_refused(hosts: Hosts) -> None:
    """app3 is the second sshd, whose certificate says app2: whoever takes an address does not take a name."""
    done = hosts.ssh("app3", hosts.certify("app3"), "printenv WHO")
    assert (done.returncode, done.stdout) == (255, b"")
    assert b"host key" in done.stderr


def test_names_that_lead_elsewhere_are_no_targets_and_nobody_is_asked_for_them(hosts: Hosts) -> None:
    certificate = hosts.certify("app1")
    for name in NO_NAMES:
        status, text = hosts.mint(name)
        assert status in (403, 422), (name, text)
        done = hosts.ssh(name, certificate, "printenv WHO")
        assert (done.returncode, done.stdout) == (255, b""), name
    assert hosts.asked <= {f"app{number}.{DOMAIN}" for number in (1, 2, 3)}


def test_a_policy_for_one_host(hosts: Hosts) -> None:
    agent = hosts.house.agent("one", "one")
    gateway = hosts.house.gateway
    assert gateway.mint(agent.token(), target="app1").status_code == 201
    refused = gateway.mint(agent.token(), target="app2")
    assert refused.status_code == 403
    assert "Open to you: app1" in refused.text


def test_operators_ask_by_the_hosts_name(hosts: Hosts) -> None:
    gateway = hosts.house.gateway
    who = ("--as", "cid:x", "--groups", "ops")
    assert "granted by policy ops" in gateway.hoopwire("check", *who, "--target", "app7").out
    assert "app1: granted by policy ops" in gateway.hoopwire("check", *who).out
    asked = ("explain", "--ssh", "printenv WHO", *who, "--target", "app7")
    assert gateway.hoopwire(*asked).ok
    scanned = gateway.hoopwire("targets", "scan", "app*")
    assert not scanned.ok
    assert "is no SSH target" in scanned.err
