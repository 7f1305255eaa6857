"""Runs npm `oidc-provider` as an issuer that hoopwire did not write."""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.node import installed, program

HERE = Path(__file__).parent
FILES = ("package.json", "package-lock.json", "server.mjs")


@contextmanager
def serve(clients: Sequence[dict[str, Any]], audiences: Sequence[str]) -> Iterator[str]:
    """The issuer string, while the block runs. For `clients` see server.mjs."""
    home = installed(HERE, FILES)
    with tempfile.TemporaryDirectory() as folder:
        spec = Path(folder) / "spec.json"
        spec.write_text(json.dumps({"clients": clients, "audiences": audiences}))
        process = subprocess.Popen(
            [program(home), "server.mjs", str(spec)],
            cwd=home,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(log := open(Path(folder) / "stderr", "w+")),  # noqa: SIM115 - closed below
            text=True,
            env={"PATH": os.environ["PATH"], "NODE_ENV": "test"},
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            issuer = process.stdout.readline().strip()
            if not issuer:
                log.seek(0)
                raise RuntimeError(f"oidc-provider did not start:\n{log.read()}")
            yield issuer
        finally:
            process.stdin.close()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()
            log.close()
