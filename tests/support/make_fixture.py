"""Writes `tests/fixtures/VERSION`: a store, recordings and a config file as this build makes them.

    PYTHONPATH=tests .venv/bin/python -m support.make_fixture

Once for each release, and never again for that one: later builds must read what earlier ones wrote
(tests/unit/test_fixtures.py).
"""

import json
import shutil
from pathlib import Path

from hoopwire import __version__
from hoopwire.demo.gateway import AUDIENCE, GROUP, RunningGateway
from hoopwire.demo.issuer import DevIssuer
from hoopwire.demo.postgres import ThrowAwayPostgres

ROOT = Path(__file__).parents[1] / "fixtures"
POLICY = {
    "name": "fixture",
    "groups": [GROUP],
    "targets": ["orders/*"],
    "actions": ["read-only", "insert on public.orders"],
    "deny": ["all on public.items"],
    "masks": {"public.customers.email": "partial"},
    "budgets": {"rows": 1000},
    "record": "full",
}


def main() -> None:
    """Refuses where there is one."""
    home = ROOT / __version__
    home.mkdir(parents=True)
    settings = {"policies": [POLICY], "recording": {"checkpoint_every": "1s"}}
    with (
        ThrowAwayPostgres() as pg,
        DevIssuer.run_in_thread(audience=AUDIENCE) as issuer,
        RunningGateway(pg, issuer.issuer, settings=settings) as gateway,
    ):
        cids = [issuer.client(groups=[GROUP], ttl_s=3600).cid for _ in range(3)]
        for token in [issuer.token(cid) for cid in cids[:2]]:
            for sql in (
                "select id, email from customers order by id limit 3",
                "select * from items",
                "select count(*) from orders",
            ):
                gateway.psql(token, "orders", sql)
        minted = gateway.mint(issuer.token(cids[2]), target="orders", ttl="10m", task="fixture").json()
        grants = json.loads(gateway.hoopwire("grants", "list", "--json").out)
        assert gateway.hoopwire("grants", "revoke", grants[-1]["id"], "--reason", "a fixture").ok
        assert gateway.hoopwire("principals", "lock", f"cid:{cids[2]}", "--reason", "a fixture").ok
        gateway.stop()
        assert gateway.hoopwire("store", "backup", str(home / "store")).ok
        shutil.copytree(
            gateway.recordings, home / "recordings", ignore=shutil.ignore_patterns("lock", "spare")
        )
        for source, name in ((gateway.public_key, "recording.pub"), (gateway.checkpoints, "checkpoints")):
            shutil.copy(source, home / name)
        shown = gateway.hoopwire("recordings", "list", "--json").out
        expected = {
            "revoked": grants[-1]["id"],
            "minted": minted["grant"]["id"],
            "secret": minted["secret"],
            "locked": f"cid:{cids[2]}",
            "grants": sorted(grant["id"] for grant in grants),
            "sessions": json.loads(shown),
        }
        (home / "expected.json").write_text(json.dumps(expected, indent=2) + "\n")
    shutil.copy(Path(__file__).parents[2] / "docs/example.toml", home / "hoopwire.toml")


if __name__ == "__main__":
    main()
