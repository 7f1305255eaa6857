"""Runs npm `oidc-provider` as an issuer that hoopwire did not write.

The packages are installed once, from the lock file, into `.cache/node/` of the repository.
"""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CACHE = HERE.parents[2] / ".cache" / "node"
FILES = ("package.json", "package-lock.json", "server.mjs")


def missing() -> str | None:
    """Why this issuer cannot run here, or None."""
    absent = [tool for tool in ("node", "npm") if shutil.which(tool) is None]
    return f"needs {' and '.join(absent)}: install Node.js 20 or newer to run this lane" if absent else None


def installed() -> Path:
    """The folder with the server and its packages, installed if it is not there yet."""
    digest = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in FILES)).hexdigest()[:16]
    home = CACHE / f"issuers-{digest}"
    if home.exists():
        return home
    CACHE.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(dir=CACHE))
    for name in FILES:
        shutil.copy(HERE / name, making)
    done = subprocess.run(
        ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
        cwd=making,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode != 0:
        shutil.rmtree(making)
        raise RuntimeError(f"npm ci failed:\n{done.stderr}")
    try:
        making.rename(home)
    except OSError:  # another test run was quicker
        shutil.rmtree(making)
    return home


@contextmanager
def serve(clients: Sequence[dict[str, Any]], audiences: Sequence[str]) -> Iterator[str]:
    """The issuer string, while the block runs. For `clients` see server.mjs."""
    home = installed()
    with tempfile.TemporaryDirectory() as folder:
        spec = Path(folder) / "spec.json"
        spec.write_text(json.dumps({"clients": clients, "audiences": audiences}))
        process = subprocess.Popen(
            ["node", "server.mjs", str(spec)],
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
