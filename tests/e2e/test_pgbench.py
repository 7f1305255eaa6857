"""pgbench with 64 clients: every transaction of every protocol comes back, none fails."""

import re
import subprocess

import pytest

from hoopwire.demo.postgres import postgres_program

CLIENTS = 64
PIPELINE = "\\startpipeline\nselect 1;\nselect count(*) from customers;\nselect 2;\n\\endpipeline\n"


@pytest.fixture(scope="module", autouse=True)
def _bench_tables(pg):
    pg.make_bench_tables()


def _pgbench(route, *arguments: str) -> str:
    done = subprocess.run(
        [postgres_program("pgbench"), "-n", "-c", str(CLIENTS), "-j", "2", *arguments, route.dsn()],
        env=route.environment(),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("protocol", ["simple", "extended", "prepared"])
@pytest.mark.parametrize("script", ["select-only", "tpcb-like"])
def test_pgbench(route, protocol, script):
    """Each client does its transactions, in each query protocol."""
    transactions = 50 if script == "select-only" else 10
    out = _pgbench(route, "-M", protocol, "-b", script, "-t", str(transactions))
    assert f"processed: {CLIENTS * transactions}/{CLIENTS * transactions}" in out
    assert re.search(r"failed transactions: 0 ", out), out


def test_pgbench_pipeline(route, tmp_path):
    """libpq's pipeline mode: several extended queries before one Sync."""
    script = tmp_path / "pipeline.sql"
    script.write_text(PIPELINE)
    out = _pgbench(route, "-M", "extended", "-f", str(script), "-t", "20")
    assert f"processed: {CLIENTS * 20}/{CLIENTS * 20}" in out
