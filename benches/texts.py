"""What one session's long texts cost another session of the same reactor (case H2).

    python benches/texts.py [--seconds 4]

One reactor. An attacker sends the texts that take longest to read, one behind the other, under an exact
grant without masks and under one with masks; a bystander measures its `select 1`, every five milliseconds.
Printed for each text: its bytes, its code if it is refused, how many were answered, and the bystander's
median, 99th percentile and longest wait in milliseconds. Then, in the midst of such texts: how long after
`hoopwire grants revoke`, `principals lock` and its deadline the attacker's session ended. At most 250 ms are
wanted, on a machine without other work.
"""

import argparse
import contextlib
import statistics
import threading
import time
from collections.abc import Iterator
from typing import Any

from hoopwire.demo.gateway import RunningGateway
from hoopwire.demo.issuer import DevIssuer
from hoopwire.demo.postgres import ThrowAwayPostgres, run_psql
from support.frontend import Frontend, PeerClosed, query

OBJECTS = """
create table people (id int, email text, dept text);
insert into people values (1, 'a@b', 'x');
create table t (a int);
-- what an allowed text costs the target is not measured
alter role app set statement_timeout = '2s';
"""
MASKS = {"public.people.email": "null"}
PAUSE_S = 0.005


def _list(item: str, count: int, between: str = ", ") -> str:
    return between.join(item.replace("#", str(number)) for number in range(count))


# As long as texts may be.
TEXTS: dict[str, str] = {
    "constants": f"select {_list('1', 149_000)}",
    "names": f"select {_list('a.b', 49_000)} from t a where false",
    "calls": f"select {_list('lower(a)', 42_000)} from t where false",
    "rows": f"select 1 from (values {_list('(1, 2)', 49_000)}) v where false",
    "statements": "select 1;" * 27_000,
    "chain": f"select 1{' + 1' * 149_000}",
    "locks and FROM": f"select 1 from {_list('t a#', 37_000)} for share of {_list('b#', 37_000)}",
    "rows and FROM": f"select {_list('p#', 37_000)} from {_list('people p#', 37_000)}",
    "references and FROM": f"select {_list('p#.id', 27_000)} from {_list('people p#', 27_000)}",
    "columns and FROM": f"select {_list('id', 45_000)} from {_list('people p#', 32_000)}",
    "ORDER BY": f"select {_list('id as c#', 29_000)} from people order by {_list('c#', 29_000)}",
    "joins": f"select 1 from people {_list('join people p# on true', 29_000, ' ')}",
    "CTEs, chained": "with c0 as (select email as a from people), "
    + ", ".join(f"c{n} as (select a from c{n - 1})" for n in range(1, 19_800))
    + " select a from c19799",
    "DELETE, USING": f"delete from t using {_list('people p#', 59_000)}",
    "RETURNING": f"delete from people returning {_list('id as c#', 42_000)}",
    "UPDATE": f"update people set id = 1 where {_list('id = 1', 49_000, ' or ')}",
    "roles": "set role none;" * 21_000,
    "BEGIN": "begin read write;" * 21_000,
    "signs": f"select {'+' * 4_000}1",
    "too many": f"select {_list('a.b', 1_000_000)}",
    "a string": f"select length('{'x' * 4_000_000}')",
    "a syntax error": f"select {_list('1', 120_000)} from from",
}


class Attacker:
    """Sends one text again and again, without waiting for more than one answer, until told to stop or cut."""

    def __init__(self, frontend: Frontend, text: str) -> None:
        self.frontend = frontend
        self.content = query(text)
        self.answered = 0
        self.code = ""
        self.ended_at = 0.0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        with contextlib.suppress(PeerClosed, OSError):
            while not self.stopping.is_set():
                self.frontend.send(self.content)
                for reply in self.frontend.until(b"Z"):
                    if reply.kind == b"E":
                        self.code = reply.fields.get("D", "").rpartition("code: ")[2] or reply.sqlstate
                        if reply.fields["S"] == "FATAL":
                            raise PeerClosed
                self.answered += 1
        self.ended_at = time.monotonic()

    def stop(self) -> None:
        """Waits for the last answer."""
        self.stopping.set()
        self.thread.join(timeout=60)


def waits(bystander: Frontend, seconds: float) -> list[float]:
    """Milliseconds of each `select 1`."""
    found, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        start = time.perf_counter()
        bystander.query("select 1")
        found.append((time.perf_counter() - start) * 1e3)
        time.sleep(PAUSE_S)
    return found


@contextlib.contextmanager
def gateway() -> Iterator[tuple[RunningGateway, DevIssuer]]:
    """One reactor, with a policy for each kind of grant."""
    grant: dict[str, Any] = {"targets": ["orders"], "actions": ["read-only"]}
    policies = [
        {"name": "plain", "groups": ["plain"], "ttl": "10m", **grant},
        {
            "name": "masked",
            "groups": ["masked"],
            "ttl": "10m",
            "masks": MASKS,
            **grant,
            "actions": ["read-write"],
        },
        {"name": "short", "groups": ["short"], "ttl": "30s", "masks": MASKS, **grant},
    ]
    settings = {"gateway": {"reactors": 1, "expiry_notice": "10s"}, "policies": policies}
    with ThrowAwayPostgres() as pg, DevIssuer.run_in_thread() as issuer:
        made = run_psql("", dsn=pg.superuser_dsn.replace("dbname=postgres", "dbname=orders"), stdin=OBJECTS)
        if not made.ok:
            raise SystemExit(made.err)
        with RunningGateway(pg, issuer.issuer, settings=settings) as running:
            yield running, issuer


def session(running: RunningGateway, issuer: DevIssuer, group: str) -> Frontend:
    """A new principal's session."""
    frontend = Frontend(running.host, running.port, timeout_s=60)
    frontend.login(issuer.token(issuer.client(groups=[group], ttl_s=3600).cid), ca=running.ca)
    return frontend


def minted(running: RunningGateway, issuer: DevIssuer, group: str) -> tuple[str, str, Frontend]:
    """A grant's id, its principal's key, and a session under it."""
    client = issuer.client(groups=[group], ttl_s=3600)
    answer = running.mint(issuer.token(client.cid), target="orders").json()
    frontend = Frontend(running.host, running.port, timeout_s=60)
    frontend.login(answer["secret"], ca=running.ca)
    return answer["grant"]["id"], f"cid:{client.cid}", frontend


def latency(running: RunningGateway, issuer: DevIssuer, seconds: float) -> float:
    """The table; gives the longest wait."""
    print(
        f"{'grant':8} {'text':22} {'bytes':>9} {'answered':>8} {'median':>8} {'p99':>8} {'longest':>8}  code"
    )
    worst = 0.0
    with session(running, issuer, "plain") as bystander:
        rest = waits(bystander, seconds)
        print(f"{'-':8} {'nothing':22} {0:9} {0:8} {statistics.median(rest):8.1f} {'':8} {max(rest):8.1f}")
        for group in ("plain", "masked"):
            for name, text in TEXTS.items():
                with session(running, issuer, group) as frontend:
                    attacker = Attacker(frontend, text)
                    found = waits(bystander, seconds)
                    attacker.stop()
                worst = max(worst, *found)
                p99 = statistics.quantiles(found, n=100)[98] if len(found) > 1 else found[0]
                print(
                    f"{group:8} {name:22} {len(text):9} {attacker.answered:8} "
                    f"{statistics.median(found):8.1f} {p99:8.1f} {max(found):8.1f}  {attacker.code}"
                )
    return worst


def endings(running: RunningGateway, issuer: DevIssuer) -> None:
    """A session whose texts are being read ends by revoke, lock and deadline."""
    for name in ("references and FROM", "chain", "statements"):
        for command in ("grants revoke", "principals lock"):
            grant, principal, frontend = minted(running, issuer, "masked")
            with frontend:
                attacker = Attacker(frontend, TEXTS[name])
                time.sleep(1)
                start = time.monotonic()
                whom = grant if command == "grants revoke" else principal
                done = running.hoopwire(*command.split(), whom, "--reason", "a benchmark")
                said = time.monotonic()
                attacker.thread.join(timeout=60)
                print(
                    f"{command} amid {name}: ok={done.ok}, the command took {said - start:.2f} s, "
                    f"the session ended {attacker.ended_at - said:+.3f} s from its answer"
                )
    start = time.monotonic()
    _, _, frontend = minted(running, issuer, "short")
    with frontend:
        attacker = Attacker(frontend, TEXTS["references and FROM"])
        attacker.thread.join(timeout=60)
        late = attacker.ended_at - start - 30
        print(f"deadline of 30 s amid references and FROM: the session ended {late:+.3f} s from it")


def main() -> None:
    """Both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=4)
    seconds = parser.parse_args().seconds
    with gateway() as (running, issuer):
        print(f"longest wait of all: {latency(running, issuer, seconds):.1f} ms")
        endings(running, issuer)


if __name__ == "__main__":
    main()
