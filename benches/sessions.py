"""Latency, new sessions and idle sessions, beside other proxies (performance targets 3, 5 and 6).

    python benches/sessions.py [--seconds 4] [--rounds 5] [--idle 250] [--works latency,connect,idle]

latency: `select 1` at a fixed rate of 2,000 a second from 8 clients of pgbench; the median and the 99th
percentile of what each transaction took from when it was due, in milliseconds.
connect: a session for each `select 1` (`pgbench -C`, 4 clients): CPU of all of the proxy's threads. With
hoopwire that is TLS, a token verified against the provider's keys, a decision, a grant and a recording.
idle: so many sessions that are open and silent: private memory for each, and CPU of a CPU while nothing
happens.

Contenders take turns in each round, in an order that rotates. Client and proxy speak TLS; the bare relay and
HAProxy pass it through to the target. Figures of one machine: compare the columns, not the numbers.
"""

import argparse
import os
import re
import statistics
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from contenders import USER, Contender, Field
from postgres import STALLED_S

from hoopwire.demo.postgres import client_environment, postgres_program
from support.frontend import Frontend, message, startup_packet

RATE, CLIENTS = 2000, 8
REST_S = 5.0


def latency(contender: Contender, seconds: int) -> tuple[float, float]:
    """Median and 99th percentile in milliseconds."""
    with tempfile.TemporaryDirectory() as directory:
        _pgbench(
            contender,
            *("-c", str(CLIENTS), "-R", str(RATE), "-T", str(seconds), "-l"),
            *("--log-prefix", f"{directory}/log"),
        )
        took = [
            int(line.split()[2]) / 1000
            for path in Path(directory).glob("log*")
            for line in path.read_text().splitlines()
        ]
    cuts = statistics.quantiles(took, n=100)
    return cuts[49], cuts[98]


def connect(contender: Contender, seconds: int) -> tuple[float, float]:
    """CPU milliseconds for a session, and sessions a second."""
    before = contender.cpu_ns()
    said = _pgbench(contender, "-c", "4", "-C", "-T", str(seconds))
    count = re.search(r"transactions actually processed: (\d+)", said)
    if count is None:
        raise SystemExit(f"pgbench printed no count:\n{said}")
    sessions = int(count[1])
    return (contender.cpu_ns() - before) / 1e6 / sessions, sessions / seconds


def idle(contender: Contender, sessions: int) -> tuple[float, float]:
    """Private memory in KiB for a session, and CPU milliseconds a second of all of them at rest."""
    if (ca := contender.ca) is None:
        raise SystemExit("idle sessions are measured through TLS")
    before = _private_kib(contender)
    with ExitStack() as stack:
        for _ in range(sessions):
            frontend = stack.enter_context(Frontend("127.0.0.1", contender.port, timeout_s=30))
            _log_in(frontend, contender, ca)
        time.sleep(1)
        memory = (_private_kib(contender) - before) / sessions
        spent = contender.cpu_ns()
        time.sleep(REST_S)
        return memory, (contender.cpu_ns() - spent) / 1e6 / REST_S


def _log_in(frontend: Frontend, contender: Contender, ca: Path) -> None:
    """With the contender's token, or as a user whom the target trusts."""
    frontend.start_tls(ca)
    frontend.send(startup_packet({"user": USER, "database": "orders"}))
    password = contender.password()
    if password:
        frontend.read()
        frontend.send(message(b"p", password.encode() + b"\0"))
    last = frontend.until(b"Z")[-1]
    if last.kind != b"Z":
        raise SystemExit(f"no session through {contender.name}: {last.fields}")


def _private_kib(contender: Contender) -> int:
    rollup = Path(f"/proc/{contender.pid}/smaps_rollup").read_text()
    return sum(int(kib) for kib in re.findall(r"^Private_(?:Clean|Dirty): +(\d+)", rollup, re.MULTILINE))


def _pgbench(contender: Contender, *options: str) -> str:
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write("select 1;\n")
        script.flush()
        done = subprocess.run(
            [postgres_program("pgbench"), "-n", "-j", "1", *options, "-f", script.name, contender.dsn],
            env=client_environment(PGPASSWORD=contender.password()),
            capture_output=True,
            text=True,
            check=False,
            timeout=STALLED_S,
        )
    if done.returncode != 0:
        raise SystemExit(f"pgbench through {contender.name} failed:\n{done.stderr}")
    return done.stdout


UNITS = {
    "latency": ("p50 ms", "p99 ms"),
    "connect": ("CPU ms", "a second"),
    "idle": ("KiB each", "CPU ms/s"),
}


def main() -> None:
    """Run, and print a table of medians over the rounds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--idle", type=int, default=250, help="idle sessions; measured once")
    parser.add_argument("--works", default="latency,connect,idle")
    arguments = parser.parse_args()
    with Field(set()) as field:
        contenders = [c for c in field.contenders if c.leg == "tls" and c.pid is not None]
        for work in arguments.works.split(","):
            found: dict[str, list[tuple[float, float]]] = {contender.name: [] for contender in contenders}
            for number in range(1 if work == "idle" else arguments.rounds):
                shift = number % len(contenders)
                for contender in contenders[shift:] + contenders[:shift]:
                    measured = (
                        latency(contender, arguments.seconds)
                        if work == "latency"
                        else connect(contender, arguments.seconds)
                        if work == "connect"
                        else idle(contender, arguments.idle)
                    )
                    found[contender.name].append(measured)
            first, second = UNITS[work]
            print(f"\n{work:15} {first:>10} {second:>10}   ({os.cpu_count()} cores)")
            for name, all_of_it in found.items():
                medians = [statistics.median(each) for each in zip(*all_of_it, strict=True)]
                print(f"{name:15} {medians[0]:10.3f} {medians[1]:10.3f}", flush=True)


if __name__ == "__main__":
    main()
