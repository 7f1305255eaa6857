"""`make masks-oracle`: so many generated statements past the lineage and the oracles, at one server.

Prints what was counted and every disagreement; exit code 1 if there is one.
"""

import argparse
import sys
import time

from .lane import opened
from .statements import Statements


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m support.masks", description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="statements that count")
    parser.add_argument("--seed", default="1", help="another one, other statements")
    parser.add_argument("--mutation", action="append", default=[], help="a mistake of once to put back")
    options = parser.parse_args()
    with opened(*options.mutation) as (pg, lane):
        began = time.monotonic()
        counts = lane.run(Statements(options.seed, pg.version), options.count, progress=_progress)
        print(f"PostgreSQL {pg.version}, seed {options.seed}: {counts}, {time.monotonic() - began:.0f} s")
    for finding in counts.findings:
        print(f"\n-- {finding.oracle}: {finding.words}\n{finding.text}")
    for text in counts.crashes:
        print(f"\n-- the server fell over:\n{text}")
    return 1 if counts.findings else 0


def _progress(lane_counts: object) -> None:
    print(f"  {lane_counts}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
