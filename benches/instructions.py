"""Instructions of the engine for each small message, by callgrind, against the counts in `instructions.json`.

    python benches/instructions.py             # count, compare; exit 1 if one rose by over 2 %
    python benches/instructions.py --record    # count, and write the file

The works are those of `rust/postgres/session/benches/messages.rs`: a session, its decision and its frames,
without sockets, TLS and files. A count hardly differs from run to run, unlike a time; but it does from
compiler to compiler and libc to libc, so the file says which they were.
"""

import argparse
import json
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RECORDED = Path(__file__).with_suffix(".json")
RISE = 1.02
TIMES = 2000
KINDS = ("simple", "prepared", "unnamed", "rows")
COLD = ("cold", "cold-join")
WORKS = (*KINDS, *(f"{kind}-exact" for kind in (*KINDS, *COLD)))
"""`-exact`: under a statement-exact grant. Each is one statement; `rows` has a hundred of 64 bytes. `cold`: a
text that was never decided, so it is parsed (under other grants none is)."""


def tools() -> str:
    """What the counts depend on beside the code: compiler and C library."""
    return f"{_run('rustc', '--version').strip()}, {' '.join(platform.libc_ver())}"


def recorded() -> dict[str, Any]:
    """What the file says: `tools`, and `instructions` by work."""
    content: dict[str, Any] = json.loads(RECORDED.read_text())
    return content


def count() -> dict[str, float]:
    """Instructions for one statement of each work. RuntimeError with its words if something does not run."""
    built = _run(
        "cargo",
        "build",
        "--release",
        "--quiet",
        "--package",
        "hoopwire-postgres-session",
        "--bench",
        "messages",
        "--message-format",
        "json",
    )
    programs = [json.loads(line).get("executable") for line in built.splitlines()]
    program = next(program for program in programs if program)
    return {work: _count(program, work) for work in WORKS}


def _count(program: str, work: str) -> float:
    with tempfile.TemporaryDirectory() as directory:
        options = ("--tool=callgrind", "--toggle-collect=*replay*", f"--callgrind-out-file={directory}/out")
        said = _run("valgrind", *options, program, work, str(TIMES))
    collected = re.search(r"Collected : (\d+)", said)
    if collected is None or int(collected[1]) == 0:
        raise RuntimeError(f"callgrind counted nothing of {work}:\n{said}")
    return round(int(collected[1]) / TIMES, 1)


def _run(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command[:3])} ...: exit {done.returncode}\n{done.stderr[-4000:]}")
    # callgrind speaks on standard error
    return done.stdout + (done.stderr if command[0] == "valgrind" else "")


def risen(now: dict[str, float], before: dict[str, float]) -> list[str]:
    """Those that cost over 2 % more than before, in words."""
    return [
        f"{work}: {now[work]:.0f} instructions, {before[work]:.0f} before "
        f"({now[work] / before[work] - 1:+.1%})"
        for work in WORKS
        if now[work] > before[work] * RISE
    ]


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--record", action="store_true", help="write the counts to the file")
    arguments = parser.parse_args()
    now = count()
    if arguments.record:
        RECORDED.write_text(json.dumps({"tools": tools(), "instructions": now}, indent=2) + "\n")
    before = recorded()
    for work in WORKS:
        print(f"{work:<15} {now[work]:9.0f}  recorded {before['instructions'][work]:9.0f}")
    if before["tools"] != tools():
        print(f"recorded with {before['tools']}, counted with {tools()}: not to be compared")
        return 0
    more = risen(now, before["instructions"])
    print("\n".join(more))
    return 1 if more else 0


if __name__ == "__main__":
    sys.exit(main())
