"""CPU of the gateway for ssh, beside OpenSSH as a jump host, in the same rounds.

    python benches/ssh.py [--rounds 5] [--works down,up,keys,connect] [--megabytes 300] [--sessions 50]

Works: `down` and `up` are one command's output and input through one channel, with aes128-gcm and with
chacha20-poly1305 on both legs; `keys` is a byte that `cat` sends back, typed into one of 50 sessions after
the other; `connect` is `ssh web1 true`. In each round each contender does the work once, in an order that
rotates; `direct` is there for the time that the work itself takes. Only time on a CPU of the proxy's own
processes counts: of the gateway, or of the jump host's sshd and all that it forks. The gateway records, as
by default; the jump host keeps nothing.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from hoopwire.demo.gateway import AUDIENCE
from hoopwire.demo.issuer import DevIssuer
from hoopwire.demo.postgres import ThrowAwayPostgres, plain_environment
from support.ssh import account, sshd, write_key
from support.ssh_house import TARGET, ssh_house

CIPHERS = {"gcm": "aes128-gcm@openssh.com", "chacha": "chacha20-poly1305@openssh.com"}
KEYS = 20
"""Typed into each session."""
CONNECTS = 20
ECHO = "stty raw -echo; exec cat"
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Contender:
    """One way to the target, and the process whose time counts."""

    name: str
    command: tuple[str, ...]
    pid: int | None

    def cpu_s(self) -> float:
        """Of the process, what it forked, and what of that has ended."""
        return 0.0 if self.pid is None else _cpu_s(self.pid)

    def run(self, *words: str, stdin: int | None = None) -> None:
        """A command, to its end; what it prints is thrown away."""
        subprocess.run(
            [*self.command, *words],
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=subprocess.DEVNULL,
            env=plain_environment(),
            check=True,
        )


def _cpu_s(pid: int) -> float:
    total = 0.0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0]) / 1e9
            children = (task / "children").read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        for child in children:
            try:
                total += _cpu_s(int(child))
            except FileNotFoundError:
                continue
    ended = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return total + (int(ended[13]) + int(ended[14])) * _TICK_S


class Ground:
    """Gateways, jump host and targets of one cipher."""

    def __init__(self, cipher: str, stack: ExitStack, pg: ThrowAwayPostgres, issuer: DevIssuer) -> None:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hw-bench-")))
        allowed = folder / "allowed"
        lines = (f"Ciphers {CIPHERS[cipher]}", f"AuthorizedKeysFile {allowed}", "MaxStartups 500")
        policy = {"name": "bench", "groups": ["bench"], "targets": [TARGET], "actions": ["shell", "pty"]}
        house = stack.enter_context(
            ssh_house(pg, issuer, folder, [{**policy, "ttl": "1h", "max_sessions": 200}], sshd_lines=lines)
        )
        agent = house.admitted("agent", "bench")
        # Without the certificate beside it, which ssh would show first.
        key = folder / "key"
        write_key(key)
        allowed.write_text(key.with_name("key.pub").read_text())
        jump = stack.enter_context(sshd(folder / "jump", *lines))
        own = f"-F none -c {CIPHERS[cipher]} -i {key} -o IdentitiesOnly=yes -o IdentityAgent=none"
        own += (
            " -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
        )
        hop = f"ProxyCommand=ssh {own} -W %h:%p -p {jump.port} {account()}@127.0.0.1"
        place = ("-p", str(house.server.port), f"{account()}@127.0.0.1")
        gateway = tuple(agent.command("-c", CIPHERS[cipher], TARGET))
        self.contenders = (
            Contender("direct", ("ssh", *own.split(), *place), None),
            Contender("jump host", ("ssh", *own.split(), "-o", hop, *place), jump.pid),
            Contender("hoopwire", gateway, house.gateway.pid),
        )


Work = Callable[[Contender], tuple[float, float]]


def bulk(megabytes: int, *, is_up: bool) -> Work:
    """CPU seconds and seconds for a GB."""

    def work(contender: Contender) -> tuple[float, float]:
        before, start = contender.cpu_s(), time.monotonic()
        if is_up:
            with subprocess.Popen(
                ["head", "-c", f"{megabytes}M", "/dev/zero"], stdout=subprocess.PIPE
            ) as source:
                assert source.stdout is not None
                contender.run("cat > /dev/null", stdin=source.stdout.fileno())
        else:
            contender.run(f"head -c {megabytes}M /dev/zero")
        seconds = time.monotonic() - start
        return (contender.cpu_s() - before) / megabytes * 1000, seconds / megabytes * 1000

    return work


def keys(sessions: int) -> Work:
    """CPU microseconds for a key, and the 99th percentile of the milliseconds until it is back."""

    def work(contender: Contender) -> tuple[float, float]:
        with ExitStack() as stack:
            shells = [_shell(contender, stack) for _ in range(sessions)]
            for shell in shells:
                _type(shell)
            before, waits = contender.cpu_s(), []
            for _ in range(KEYS):
                waits += [_type(shell) for shell in shells]
            spent = contender.cpu_s() - before
        return spent / len(waits) * 1e6, statistics.quantiles(waits, n=100)[98] * 1000

    return work


def _shell(contender: Contender, stack: ExitStack) -> "subprocess.Popen[bytes]":
    shell = subprocess.Popen(
        [contender.command[0], "-tt", *contender.command[1:], ECHO],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=plain_environment(),
        bufsize=0,
    )
    stack.callback(shell.wait)
    stack.callback(shell.terminate)
    return shell


def _type(shell: "subprocess.Popen[bytes]") -> float:
    assert shell.stdin is not None
    assert shell.stdout is not None
    start = time.monotonic()
    shell.stdin.write(b"x")
    while b"x" not in (came := shell.stdout.read(4096)):
        assert came, "a session ended"
    return time.monotonic() - start


def connect(contender: Contender) -> tuple[float, float]:
    """CPU and wall milliseconds for `ssh web1 true`."""
    before, start = contender.cpu_s(), time.monotonic()
    for _ in range(CONNECTS):
        contender.run("true")
    seconds = time.monotonic() - start
    return (contender.cpu_s() - before) / CONNECTS * 1000, seconds / CONNECTS * 1000


def _tell(title: str, units: tuple[str, str], found: dict[str, list[tuple[float, float]]]) -> None:
    print(f"\n{title:12} {units[0]:>12} {units[1]:>10}  beside the jump host, in the same round")
    for name, rounds in found.items():
        first, second = (statistics.median(each) for each in zip(*rounds, strict=True))
        ratios = [mine[0] / other[0] for mine, other in zip(rounds, found["jump host"], strict=True)]
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        print(f"  {name:10} {first:12.2f} {second:10.2f}  {spread if name == 'hoopwire' else ''}", flush=True)


def main() -> None:
    """Run, and print medians over the rounds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--works", default="down,up,keys,connect")
    parser.add_argument("--megabytes", type=int, default=300)
    parser.add_argument("--sessions", type=int, default=50)
    arguments = parser.parse_args()
    per_gb, per_key, per_connect = ("CPU s/GB", "s/GB"), ("CPU us/key", "p99 ms"), ("CPU ms", "ms")
    works: dict[str, tuple[tuple[str, str], Work]] = {
        "down": (per_gb, bulk(arguments.megabytes, is_up=False)),
        "up": (per_gb, bulk(arguments.megabytes, is_up=True)),
        "keys": (per_key, keys(arguments.sessions)),
        "connect": (per_connect, connect),
    }
    version = subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=True).stderr.strip()
    print(f"{version}; {os.cpu_count()} cores; {arguments.rounds} rounds")
    with ExitStack() as stack:
        pg = stack.enter_context(ThrowAwayPostgres())
        issuer = stack.enter_context(DevIssuer.run_in_thread(audience=AUDIENCE))
        grounds = {cipher: Ground(cipher, stack, pg, issuer) for cipher in CIPHERS}
        for name in arguments.works.split(","):
            units, work = works[name]
            for cipher in CIPHERS if units is per_gb else ("gcm",):
                contenders = grounds[cipher].contenders
                found: dict[str, list[tuple[float, float]]] = {each.name: [] for each in contenders}
                for number in range(arguments.rounds):
                    shift = number % len(contenders)
                    for contender in contenders[shift:] + contenders[:shift]:
                        found[contender.name].append(work(contender))
                _tell(f"{name} {cipher}", units, found)


if __name__ == "__main__":
    main()
