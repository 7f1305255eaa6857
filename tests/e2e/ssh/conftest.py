"""Two ways to one sshd, through the gateway and straight, for programs that must not tell them apart."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hoopwire.custody.ssh import TargetsAuthority
from hoopwire.demo.issuer import DevIssuer
from hoopwire.demo.postgres import ThrowAwayPostgres
from hoopwire.model.ssh.keys import read_private_key
from hoopwire.model.ssh.login import Allowed, LoginGrant
from support.ssh import account
from support.ssh_house import TARGET, Agent, SshHouse, identity, needs, ssh_house

WORKER = (
    "exec cat @files@/*",
    "exec cat",
    "exec head -n <int> @files@/*",
    "exec tail -n <int> @files@/*",
    "exec grep -n -e <text> @files@/* ...",
    "exec grep -c <text> @files@/*",
    "exec wc -l @files@/* ...",
    "exec sort @files@/*",
    "exec sort -r @files@/*",
    "exec uniq -c @files@/*",
    "exec cut -d <text> -f <int> @files@/*",
    "exec sed -n 1,3p @files@/*",
    "exec awk '{print $1}' @files@/*",
    "exec ls @files@",
    "exec ls -l @files@/* ...",
    "exec ls -l '@files@/with blank'",
    "exec find @files@ -name <text>",
    "exec find @files@ -name <text> -type f",
    "exec stat -c '%s' @files@/*",
    "exec sha256sum",
    "exec sha256sum @files@/* ...",
    "exec test -f @files@/*",
    "exec printf <text>",
    "exec echo <text> ...",
    'exec echo "it\'s done" \'say "x"\'',
    "exec true",
    "exec false",
    "exec sh @files@/code.sh <int>",
    "exec sh @files@/streams.sh",
    "exec sh @files@/killed.sh",
    "exec tar cf - @files@",
    "exec tar tf -",
    "exec gzip -c",
    "exec base64 @files@/*",
    "exec tr a-z A-Z",
    "exec git-upload-pack @files@/repo.git",
    "exec git-receive-pack @files@/repo.git",
    "exec date -u -d @0 +%Y",
    "exec basename *",
    "exec dirname *",
    "exec expr <int> '*' <int>",
    "exec printenv LC_X",
    "exec seq <int>",
    "exec nosuchprogram",
    "env LC_X",
)
GRANTS: dict[str, tuple[str, ...]] = {
    "worker": WORKER,
    "operator": ("operate on @files@",),
    "reader": ("read-files on @files@, @inbox@", "sftp write @inbox@"),
    "person": ("shell", "forward 127.0.0.1:1-65535", "forward localhost:1-65535"),
    "lender": (
        "shell",
        "remote-forward localhost:*",
        "remote-forward @inbox@/in.sock",
        "agent-forwarding",
        "x11",
    ),
}
SSHD = ("X11Forwarding yes", "StreamLocalBindUnlink yes")
"""What the target permits beyond its defaults."""

PLAYBOOK = """
- hosts: all
  gather_facts: false
  tasks:
    - command: echo from the target
      register: said
    - debug:
        var: said.stdout
    - copy:
        content: copied
        dest: "{{ dest }}"
"""
COPY = ("-r", "-l", "-p", "-t", "-u")
"""Options of rsync, for the worker."""


@dataclass
class Routes:
    """The gateway and the target behind it, and files at the target."""

    house: SshHouse
    files: Path
    inbox: Path
    straight: Agent
    agents: dict[str, Agent]

    def agent(self, grant: str) -> Agent:
        """Somebody with this grant."""
        if grant not in self.agents:
            self.agents[grant] = master(self.house.admitted(grant, grant))
        return self.agents[grant]

    def text(self, text: str) -> str:
        """With the places in it."""
        return text.replace("@files@", str(self.files)).replace("@inbox@", str(self.inbox))


def master(agent: Agent) -> Agent:
    """`-S ctl` is a connection that is up already."""
    done = agent.run(*agent.command("-f", "-N", "-M", "-S", "ctl", TARGET))
    assert done.returncode == 0, done.stderr
    return agent


@pytest.fixture(scope="package")
def routes(
    pg: ThrowAwayPostgres, issuer: DevIssuer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Routes]:
    folder = tmp_path_factory.mktemp("routes")
    files, inbox = folder / "files", folder / "inbox"
    inbox.mkdir()
    lay(files)

    def place(text: str) -> str:
        return text.replace("@files@", str(files)).replace("@inbox@", str(inbox))

    granted = {**GRANTS, "worker": (*WORKER, *rsync_actions(folder, files))}
    policies = [
        {
            "name": name,
            "groups": [name],
            "targets": [TARGET],
            "actions": [place(action) for action in actions],
            "ttl": "1h",
            "max_sessions": 100,
        }
        for name, actions in granted.items()
    ]
    with ssh_house(pg, issuer, folder / "house", policies, sshd_lines=SSHD) as house:
        straight = house.agent("straight", "nobody")
        authority = TargetsAuthority(read_private_key((house.keys / "targets_ca").read_bytes()), valid_s=3600)
        allowed = Allowed(pty=True, port_forwarding=True, agent_forwarding=True, x11_forwarding=True)
        wanted = LoginGrant(grant="g_straight", login=account(), expires_at=2**33, allowed=allowed)
        identity(straight.folder, authority, wanted)
        straight.config.write_text(
            f"Host {TARGET}\n  HostName 127.0.0.1\n  Port {house.server.port}\n  User {account()}\n"
            "  UserKnownHostsFile /dev/null\n  StrictHostKeyChecking no\n  LogLevel ERROR\n"
            f"  IdentityFile {straight.folder / 'id'}\n  CertificateFile {straight.folder / 'id-cert.pub'}\n"
            "  IdentitiesOnly yes\n  IdentityAgent none\n  BatchMode yes\n"
        )
        running = Routes(house, files, inbox, master(straight), {})
        try:
            yield running
        finally:
            for agent in (straight, *running.agents.values()):
                agent.run(*agent.command("-S", "ctl", "-O", "exit", TARGET))
        assert house.gateway.verify().ok


def rsync_actions(folder: Path, files: Path) -> tuple[str, ...]:
    """The command that this rsync sends for a plain copy to here, word by word; it differs by version."""
    program = needs("rsync")
    if program is None:
        return ()
    instead = folder / "instead-of-ssh"
    instead.write_text(f'#!/bin/sh\nshift\necho "$*" >{folder / "asked"}\n')
    instead.chmod(0o755)
    subprocess.run([program, *COPY, "-e", str(instead), f"x:{files}/tree/", str(folder)], capture_output=True)
    return (f"exec {(folder / 'asked').read_text().strip()}",)


def lay(files: Path) -> None:
    """What is at the target."""
    (files / "tree/below/deep").mkdir(parents=True)
    contents = {
        "a.txt": "one 1\ntwo 2\nthree 3\nfour 4\n",
        "b.txt": "apple,red\npear,green\nplum,blue\n",
        "empty": "",
        "with blank": "a name with a blank\n",
        "\u00fcml\u00e4ut": "a name beyond ASCII\n",
        "code.sh": "exit $1\n",
        "streams.sh": "echo out; echo err >&2; echo more; exit 3\n",
        "killed.sh": "kill -9 $$\n",
        "tree/one": "1\n",
        "tree/below/two": "2\n",
        "tree/below/deep/three": "3\n",
        "playbook.yml": PLAYBOOK,
    }
    for name, content in contents.items():
        (files / name).write_text(content)
    (files / "bytes").write_bytes(bytes(range(256)) * 4096)
    shutil.copy(files / "a.txt", files / "tree/a.txt")
