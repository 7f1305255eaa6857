"""The whole matrix, printed; `--write` puts it into docs/protocols/ssh.md. See `support.ssh_peers.matrix`."""

import sys
import tempfile
import time
from pathlib import Path

from hoopwire.demo.gateway import AUDIENCE
from hoopwire.demo.issuer import DevIssuer
from hoopwire.demo.postgres import ThrowAwayPostgres
from support.ssh_peers import table
from support.ssh_peers.cells import CHECKS, cell
from support.ssh_peers.clients import clients
from support.ssh_peers.matrix import ring
from support.ssh_peers.targets import targets


def main() -> int:
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    known = [*(each.slug for each in clients()), *(each.slug for each in targets())]
    asked = set(words or known)
    here = [each for each in targets() if each.version and each.slug in asked]
    found: dict[tuple[str, str], dict[str, str]] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        ThrowAwayPostgres() as pg,
        DevIssuer.run_in_thread(audience=AUDIENCE) as issuer,
        ring(pg, issuer, Path(folder) / "ring", here) as place,
    ):
        for target in here:
            for client in clients():
                if client.version is None or client.slug not in asked:
                    continue
                row = {}
                for check in CHECKS:
                    began = time.monotonic()
                    row[check] = cell(place, client, target, check)
                    took = time.monotonic() - began
                    print(
                        f"{client.titled:28} {target.titled:18} {check:9} {row[check][:600]}  [{took:.1f} s]",
                        flush=True,
                    )
                found[client.titled, target.titled] = row
    missing = [f"{each.name} ({each.missing})" for each in clients() if each.version is None]
    missing += [f"{each.name} ({each.missing})" for each in targets() if each.version is None]
    for each in missing:
        print(f"not here: {each}")
    text = table.text(found)
    print(text)
    if "--write" in sys.argv:
        table.write(text)
    return any(value not in ("yes", "-", "as directly") for row in found.values() for value in row.values())


if __name__ == "__main__":
    raise SystemExit(main())
