"""Seeded odd HTTP at both listeners of a real gateway while a session lives.

    python tests/fuzz/fuzz_http.py -max_total_time=600 [-seed=0]

Random, not coverage-guided: what is looked for are states of connections, not of a parser. A failing round is
repeated by its seed. The first seeds run as plain tests: tests/bypass/test_http_listeners.py.
"""

import sys
import time

from hoopwire.demo.gateway import AUDIENCE, GROUP, RunningGateway
from hoopwire.demo.issuer import DevIssuer
from hoopwire.demo.postgres import ThrowAwayPostgres
from support.frontend import Frontend
from support.odd_http import Door, doors, mutated, oddities, throw
from support.wait import audit_events

ROUND = 200


def check(gateway: RunningGateway, session: Frontend, ways: dict[str, Door], seed: int) -> None:
    """The process, the session and both listeners live, and nothing ended as a bug."""
    values = [each.body[-1:] for each in session.query("select 7") if each.kind == b"D"]
    statuses = [way.status() for way in ways.values()]
    bugs = audit_events(gateway, "bug")
    if values != [b"7"] or statuses != [200, 200] or bugs:
        sys.exit(f"in the round before seed {seed}: {values} {statuses} {bugs}\n{gateway.log[-4000:]}")


def main() -> None:
    """Rounds until the time is over."""
    options = dict(argument.lstrip("-").split("=", 1) for argument in sys.argv[1:])
    until = time.monotonic() + float(options.get("max_total_time", "600"))
    first = seed = int(options.get("seed", "0"))
    with (
        ThrowAwayPostgres() as pg,
        DevIssuer.run_in_thread(audience=AUDIENCE) as issuer,
        RunningGateway(pg, issuer.issuer) as gateway,
        Frontend(gateway.host, gateway.port) as session,
    ):
        token = issuer.token(issuer.client(groups=[GROUP], ttl_s=86_400).cid)
        session.login(token, ca=gateway.ca)
        ways = doors(gateway)
        sources = {name: [odd.sent for odd in oddities(way)] for name, way in ways.items()}
        while time.monotonic() < until:
            for _ in range(ROUND):
                name = ("control", "admin")[seed % 2]
                throw(ways[name], mutated(seed, sources[name]), seed)
                seed += 1
            check(gateway, session, ways, seed)
    sys.stdout.write(f"{seed - first} cases, all lived\n")


if __name__ == "__main__":
    main()
