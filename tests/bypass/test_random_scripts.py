"""Random requests of a session with masks, at a real server: whatever order, error, name or split they come
in, no masked value comes out.

The scripts are made of what decides for itself which statement a row belongs to: prepared statements and
portals by few names, COPY, cursors, SQL's own PREPARE, savepoints, errors, pipelines over many rounds.
"""

import os
import random
import time
from collections.abc import Callable

import pytest

from support.frontend import Frontend, PeerClosed, message, query
from support.requests import FLUSH, SYNC, bind, close, describe, execute, parse

from .conftest import MARKERS, Arena, Login

pytestmark = pytest.mark.slow

SCRIPTS = int(os.environ.get("HOOPWIRE_SCRIPTS", "1500"))
SEED = int(os.environ.get("HOOPWIRE_SEED", "20261124"))
STATEMENTS = [
    "select email from people limit 2",
    "select id, email, phone from people order by id",
    "select id from people",
    "select 1",
    "select n, n from generate_series(1, 3) n",
    "copy people to stdout",
    "copy (select id, email from people) to stdout (format binary)",
    "copy (select 1, 2, 3, 4, 5, 6, 7) to stdout",
    "copy (select n, n from generate_series(1, 3) n) to stdout (format binary)",
    "begin",
    "commit",
    "rollback",
    "savepoint a",
    "rollback to a",
    "prepare a as select email from people",
    "prepare b as select 1",
    "execute a",
    "execute b",
    "deallocate a",
    "deallocate all",
    "declare a cursor for select email, id from people",
    "declare p cursor with hold for select phone from people",
    "fetch 2 from a",
    "fetch all from p",
    "close a",
    "close p",
    "select 1/0",
    "selec",
    "select email || '' from people",
    "show search_path",
    "copy notes from stdin",
    "prepare a as select 'x'::text as email",
    "declare a cursor for select 'x'::text as email, 1 as id",
    "declare p scroll cursor for select email from people",
    "fetch all from a",
    "fetch backward 2 from p",
    "move 1 in a",
    "close all",
    "discard all",
    "release a",
    "table people",
    "explain execute a",
    "with c as (select email from people) select * from c",
    "begin; declare a cursor for select email from people; fetch 1 from a",
    "prepare a as table people; execute a",
    "execute a; select 1",
    "select 1; execute b; fetch 1 from a",
]
NAMES = ["", "a", "b"]
PORTALS = ["", "p", "a"]


def _request(rng: random.Random) -> bytes:
    kinds: list[tuple[int, Callable[[], bytes]]] = [
        (5, lambda: parse(rng.choice(STATEMENTS), rng.choice(NAMES))),
        (6, lambda: bind(rng.choice(NAMES), rng.choice(PORTALS))),
        (6, lambda: execute(rng.choice(PORTALS), rng.choice([0, 0, 0, 1]))),
        (2, lambda: describe(rng.choice("SP"), rng.choice(NAMES))),
        (2, lambda: close(rng.choice("SP"), rng.choice(NAMES))),
        (5, lambda: SYNC),
        (1, lambda: FLUSH),
        (5, lambda: query(rng.choice(STATEMENTS))),
        (1, lambda: message(b"d", b"1\tx\ty\n")),
        (1, lambda: message(b"c")),
        (1, lambda: message(b"f", b"no\0")),
    ]
    return rng.choices([make for _, make in kinds], [weight for weight, _ in kinds])[0]()


def _play(frontend: Frontend, rng: random.Random, script: bytes, end: str) -> bool:
    """Send it in pieces, and what brings any session to its end; True if the session lives on."""
    # Out of a COPY, out of a pipeline, out of a transaction.
    script += message(b"f", b"end\0") + SYNC + query("rollback") + SYNC + query("rollback")
    script += query(f"select '{end}' || '!'")
    try:
        while script:
            size = rng.choice([len(script), rng.randint(1, 200)])
            frontend.send(script[:size])
            script = script[size:]
            if rng.random() < 0.1:
                time.sleep(0.002)
        while f"{end}!".encode() not in frontend.read().body:
            pass
        frontend.until(b"Z")
    except (PeerClosed, ConnectionError, BrokenPipeError):
        return False
    return True


@pytest.mark.parametrize("grant", ["masked", "masked-writer"])
def test_no_masked_value_comes_out(arena: Arena, login: Login, grant: str, capsys):
    """`HOOPWIRE_SCRIPTS` and `HOOPWIRE_SEED` say how many, and which."""
    rng = random.Random(f"{SEED} {grant}")
    frontend: Frontend | None = None
    rows = ended = 0
    try:
        for number in range(SCRIPTS):
            if frontend is None:
                frontend = login(grant)
            frontend.received.clear()
            script = b"".join(_request(rng) for _ in range(rng.randint(2, 25)))
            lives = _play(frontend, rng, script, f"end-{number}")
            content = bytes(frontend.received) + frontend.unread()
            shown = [marker for marker in MARKERS if marker in content]
            assert not shown, (number, shown, script)
            rows += content.count(b"***") + content.count(b"Person")
            if not lives:
                ended += 1
                frontend.close()
                frontend = None
    finally:
        if frontend is not None:
            frontend.close()
        arena.restore("orders")
    with capsys.disabled():
        print(f"\n{SCRIPTS} scripts under {grant}, {ended} ended their session, {rows} masked rows seen")  # noqa: T201
    assert rows > SCRIPTS // 10
    assert ended < SCRIPTS // 2
