"""Node.js packages for tests, installed once from a lock file into `.cache/node/` of the repository."""

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

CACHE = Path(__file__).parents[3] / ".cache" / "node"


def missing() -> str | None:
    """Why there are no Node.js packages here, or None."""
    absent = [tool for tool in ("node", "npm") if shutil.which(tool) is None]
    return f"needs {' and '.join(absent)}: install Node.js 20 or newer to run this lane" if absent else None


def installed(source: Path, files: Sequence[str]) -> Path:
    """A folder with these files of `source` (package.json and its lock file are two) and the packages."""
    digest = hashlib.sha256(b"".join((source / name).read_bytes() for name in files)).hexdigest()[:16]
    home = CACHE / f"{source.name}-{digest}"
    if home.exists():
        return home
    CACHE.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(dir=CACHE))
    for name in files:
        shutil.copy(source / name, making)
    done = subprocess.run(
        # Its cache is here too: a home may be absent or read-only.
        ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--cache", str(CACHE / "npm")],
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
