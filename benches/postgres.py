"""CPU of the gateway per transaction and per gigabyte, as ratios to other proxies in the same round.

    python benches/postgres.py [--rounds 5] [--seconds 3] [--works select,rows,copy] [--without hoopwire]
    python benches/postgres.py --beside ../before/.venv/bin/hoopwire

Works: `select` is `select 1` by 16 clients of pgbench; `texts` is a point select whose text is another each
time, so that each is read with the grammar; `prepared` is the same with a parameter; `rows` streams 20,000
rows of 400 bytes; `copy` is COPY in of 500 MB. In each round every contender does the work once, in an order
that rotates; a ratio is the median of the ratios within rounds, so that a drift of the machine cancels out.
The bare relay is the control:
a round where it is off its own median by over 15 % is void. Only time on a CPU of the proxy's threads counts,
from the moment when all clients are connected: logins are another measurement.

The gateway takes a token inside TLS only, so there are two legs. `plain`: no TLS anywhere. `tls`: TLS between
client and proxy; PgBouncer and hoopwire end it and dial the target in clear, relay and HAProxy pass it
through to the target untouched (they do no cryptography at all).

`--beside` takes another installation's `hoopwire`, such as that of a checkout of an earlier commit: `before`
and `before-exact` run in the same rounds, and what changed is the ratio within rounds, with its spread.
"""

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from contenders import Contender, Field

from hoopwire.demo.postgres import client_environment, postgres_program

RESULTS = Path(__file__).with_name("results")
VOID = 0.15
STALLED_S = 120
ROWS = 20_000
ROW_BYTES = 400
POINT = "\\set aid random(1, 100000)\nselect abalance from pgbench_accounts where aid = :aid;\n"
SCRIPTS = {
    "select": "select 1;\n",
    "texts": POINT,
    "prepared": POINT,
    "rows": f"select repeat('r', {ROW_BYTES}) from generate_series(1, {ROWS});\n",
}
SMALL = ("select", "texts", "prepared")
"""Counted in transactions; the others in gigabytes."""
GATEWAYS = ("hoopwire", "hoopwire-exact")
"""The same process, under a grant for any statement, and under one that is decided statement by statement."""
BEFORE = {"hoopwire": "before", "hoopwire-exact": "before-exact"}
"""The contenders of `--beside`."""
# DataRow: type, length, field count, cell length, cell.
ROWS_BYTES = ROWS * (1 + 4 + 2 + 4 + ROW_BYTES)


@dataclass(frozen=True)
class Measured:
    """One contender's share of one round."""

    contender: str
    cpu_s: float
    elapsed_s: float
    units: float
    """Transactions, or gigabytes."""
    rows: int = 0
    """Rows that the client received."""

    @property
    def cost(self) -> float:
        """CPU seconds per unit."""
        return self.cpu_s / self.units


class CpuLog:
    """Samples a contender's CPU time while a client runs, to cut the connection phase off afterwards."""

    def __init__(self, contender: Contender) -> None:
        self._contender = contender
        self._samples: list[tuple[float, int]] = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> "CpuLog":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended = time.monotonic()
        self._samples.append((self.ended, self._contender.cpu_ns()))
        self._done.set()
        self._thread.join()
        self._samples.sort()

    def last(self, seconds: float) -> float:
        """CPU seconds spent in the last so many seconds."""
        start = self.ended - seconds
        before = [sample for sample in self._samples if sample[0] <= start] or self._samples[:1]
        after = [sample for sample in self._samples if sample[0] > start]
        (t0, c0), (t1, c1) = before[-1], after[0]
        share = (start - t0) / (t1 - t0) if t1 > t0 else 0.0
        return (self._samples[-1][1] - (c0 + (c1 - c0) * max(0.0, share))) / 1e9

    def _sample(self) -> None:
        while not self._done.wait(0.02):
            self._samples.append((time.monotonic(), self._contender.cpu_ns()))


def run_pgbench(contender: Contender, work: str, seconds: int) -> Measured:
    """pgbench connects all its clients first and counts from then on: the last `seconds` of its run."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(SCRIPTS[work])
        script.flush()
        mode, clients = "prepared" if work == "prepared" else "simple", 16 if work in SMALL else 2
        command = [postgres_program("pgbench"), "-n", "-M", mode, "-c", str(clients), "-j", "1"]
        with CpuLog(contender) as cpu:
            done = subprocess.run(
                [*command, "-T", str(seconds), "-f", script.name, contender.dsn],
                env=client_environment(PGPASSWORD=contender.password()),
                capture_output=True,
                text=True,
                check=False,
                timeout=seconds + STALLED_S,
            )
    if done.returncode != 0:
        raise SystemExit(f"pgbench through {contender.name} failed:\n{done.stderr}")
    count = re.search(r"transactions actually processed: (\d+)", done.stdout)
    if count is None:
        raise SystemExit(f"pgbench printed no count:\n{done.stdout}")
    transactions = int(count[1])
    units = transactions if work in SMALL else transactions * ROWS_BYTES / 1e9
    rows = transactions * (1 if work in SMALL else ROWS)
    return Measured(contender.name, cpu.last(seconds), float(seconds), units, rows)


def run_copy(contender: Contender, content: Path) -> Measured:
    """COPY in that keeps no row (`WHERE false`): the target does the least it can. The login is in it."""
    sql = "copy sink from stdin where false"
    with CpuLog(contender) as cpu, content.open("rb") as file:
        began = time.monotonic()
        done = subprocess.run(
            [postgres_program("psql"), "-Xq", "-d", contender.dsn, "-c", sql],
            env=client_environment(PGPASSWORD=contender.password()),
            stdin=file,
            capture_output=True,
            check=False,
            timeout=STALLED_S,
        )
        elapsed = time.monotonic() - began
    if done.returncode != 0:
        raise SystemExit(f"COPY through {contender.name} failed:\n{done.stderr.decode()}")
    return Measured(contender.name, cpu.last(elapsed), elapsed, content.stat().st_size / 1e9)


def run_rounds(contenders: list[Contender], work: str, arguments: argparse.Namespace) -> list[list[Measured]]:
    """All rounds, until enough are sound or twice as many as asked for were done."""
    rounds: list[list[Measured]] = []
    with tempfile.TemporaryDirectory() as directory:
        content = Path(directory) / "rows.copy"
        if work == "copy":
            line = (b"c" * 199) + b"\n"
            with content.open("wb") as file:
                for _ in range(arguments.copy_mb):
                    file.write(line * 5000)
        for number in range(2 * arguments.rounds):
            shift = number % len(contenders)
            one: list[Measured] = []
            for contender in contenders[shift:] + contenders[:shift]:
                measured = (
                    run_copy(contender, content)
                    if work == "copy"
                    else run_pgbench(contender, work, arguments.seconds)
                )
                one.append(measured)
            rounds.append(one)
            print(f"  round {number + 1}: " + describe(one, work), flush=True)
            if len(sound(rounds)) >= arguments.rounds:
                break
    return rounds


def describe(measured: list[Measured], work: str) -> str:
    """The absolute numbers of a round, for the curious; they drift with the machine."""
    scale, unit = (1e6, "us") if work in SMALL else (1, "s/GB")
    shown = [
        f"{m.contender} {m.cost * scale:.2f}" for m in sorted(measured, key=lambda m: m.contender) if m.cpu_s
    ]
    return ", ".join(shown) + f" ({unit} of CPU)"


def sound(rounds: list[list[Measured]]) -> list[list[Measured]]:
    """The rounds whose control is within 15 % of its median."""
    costs = [_of(one, "relay").cost for one in rounds]
    middle = statistics.median(costs)
    return [one for one, cost in zip(rounds, costs, strict=True) if abs(cost / middle - 1) <= VOID]


def _of(measured: list[Measured], name: str) -> Measured:
    return next(m for m in measured if m.contender == name)


def ratios(rounds: list[list[Measured]], names: list[str], base: str) -> dict[str, float]:
    """Median over rounds of each contender's cost to that of `base`."""
    return {
        name: statistics.median(_of(one, name).cost / _of(one, base).cost for one in rounds) for name in names
    }


def summary(work: str, leg: str, rounds: list[list[Measured]], contenders: list[Contender]) -> dict[str, Any]:
    """What goes into the table and the JSON file."""
    proxies = [contender.name for contender in contenders if contender.pid is not None]
    speed = {
        contender.name: statistics.median(
            _of(one, contender.name).units / _of(one, contender.name).elapsed_s for one in rounds
        )
        for contender in contenders
    }
    return {
        "work": work,
        "leg": leg,
        "rounds": len(rounds),
        "tls": {contender.name: contender.tls for contender in contenders},
        "cpu_per_unit": {n: statistics.median(_of(one, n).cost for one in rounds) for n in proxies},
        "ratio_to_relay": ratios(rounds, proxies, "relay"),
        "ratio_to_pgbouncer": ratios(rounds, proxies, "pgbouncer"),
        "exact_to_query": _exact_to_query(rounds) if set(GATEWAYS) <= set(proxies) else None,
        "to_before": {now: _spread(rounds, now, then) for now, then in BEFORE.items() if then in proxies},
        "units_per_s": speed,
        "measured": [[asdict(m) for m in one] for one in rounds],
    }


def _exact_to_query(rounds: list[list[Measured]]) -> float:
    """What statement decisions cost: the median of the ratios within rounds."""
    query, exact = GATEWAYS
    return statistics.median(_of(one, exact).cost / _of(one, query).cost for one in rounds)


def _spread(rounds: list[list[Measured]], name: str, base: str) -> tuple[float, float, float]:
    """Least, median and greatest of the ratios within rounds."""
    found = sorted(_of(one, name).cost / _of(one, base).cost for one in rounds)
    return found[0], statistics.median(found), found[-1]


def print_table(results: list[dict[str, Any]]) -> None:
    """Ratios for people."""
    print(f"\n{'work':8} {'leg':6} {'contender':14} {'CPU':>12} {'/ relay':>8} {'/ pgbouncer':>12}  TLS")
    for result in results:
        small = result["work"] in SMALL
        for name, cost in result["cpu_per_unit"].items():
            absolute = f"{cost * 1e6:9.1f} us" if small else f"{cost:7.2f} s/GB"
            print(
                f"{result['work']:8} {result['leg']:6} {name:14} {absolute:>12}"
                f" {result['ratio_to_relay'][name]:8.2f} {result['ratio_to_pgbouncer'][name]:12.2f}"
                f"  {result['tls'][name]}"
            )
        if result["exact_to_query"] is not None:
            print(f"{result['work']:8} {result['leg']:6} statement decisions: {result['exact_to_query']:.3f}")
        for name, (least, middle, most) in result["to_before"].items():
            spread = f"{middle:.3f} ({least:.3f} to {most:.3f})"
            print(f"{result['work']:8} {result['leg']:6} {name} / before: {spread}")


def main() -> None:
    """Run, print, write the JSON file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--copy-mb", type=int, default=500)
    parser.add_argument("--works", default="select,texts,prepared,rows,copy")
    parser.add_argument("--legs", default="plain,tls")
    parser.add_argument("--without", default="", help="contenders to leave out, split by commas")
    parser.add_argument(
        "--beside", type=Path, help="another installation's hoopwire, measured in the same rounds"
    )
    arguments = parser.parse_args()
    without = set(filter(None, arguments.without.split(",")))
    results: list[dict[str, Any]] = []
    rows = 0
    with Field(without, arguments.beside) as field:
        field.pg.psql("create unlogged table sink (line text); grant all on sink to app", database="orders")
        field.pg.make_bench_tables()
        for work in arguments.works.split(","):
            for leg in arguments.legs.split(","):
                contenders = [c for c in field.contenders if c.leg == leg]
                print(f"{work}, {leg}:", flush=True)
                done = run_rounds(contenders, work, arguments)
                rows += sum(
                    one.rows
                    for each in done
                    for one in each
                    if one.contender in (*GATEWAYS, *BEFORE.values())
                )
                rounds = sound(done)
                if len(rounds) < arguments.rounds:
                    print(f"  only {len(rounds)} rounds were sound: the machine is too busy to trust this")
                results.append(summary(work, leg, rounds, contenders))
        field.check_recording(rows)
    print_table(results)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / time.strftime("postgres-%Y%m%d-%H%M%S.json")
    machine = {"kernel": platform.release(), "cores": os.cpu_count(), "python": platform.python_version()}
    path.write_text(json.dumps({"machine": machine, "results": results}, indent=1) + "\n")
    print(f"\nwritten to {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")


if __name__ == "__main__":
    main()
