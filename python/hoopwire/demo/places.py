"""Temporary folders that servers can work in, and paths in a connection string, whatever they are called."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

# A Unix socket's name has 107 bytes; `/.s.PGSQL.65535` and `/state/admin.sock` have to go on its end.
_LONGEST = 80


def conninfo(**parts: object) -> str:
    """A libpq connection string; a value with a space or a quote in it is quoted."""
    return " ".join(f"{name}={_quoted(str(value))}" for name, value in parts.items())


def _quoted(value: str) -> str:
    if value and not any(letter.isspace() or letter in "'\\" for letter in value):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def can_enter(account: pwd.struct_passwd, folder: Path) -> bool:
    """Whether this account can get into the folder: a parent of mode 0700 keeps it out. For root to ask."""
    done = subprocess.run(
        ["test", "-x", str(folder)],
        user=account.pw_uid,
        group=account.pw_gid,
        extra_groups=[],
        cwd="/",
        check=False,
    )
    return done.returncode == 0


def server_folder(prefix: str, account: pwd.struct_passwd | None = None) -> Path:
    """A new temporary folder, the account's own, with room in its name for a Unix socket's.

    Where temporary files go by the environment if that does. If it has a long name, one with a comma, or a
    private parent, the folder is below /tmp or /var/tmp. RuntimeError if no place does.
    """
    for parent in _parents():
        try:
            folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        except OSError:
            continue
        if account is not None:
            os.chown(folder, account.pw_uid, account.pw_gid)
        # A comma in a socket's folder is taken for the end of a host by libpq.
        fits = len(os.fsencode(folder)) <= _LONGEST and "," not in str(folder)
        if fits and (account is None or can_enter(account, folder)):
            return folder
        shutil.rmtree(folder)
    who = "" if account is None else f" and the account {account.pw_name!r} can enter"
    raise RuntimeError(
        f"no folder for temporary files has a name of at most {_LONGEST} bytes{who}: set TMPDIR to one"
    )


def _parents() -> Iterator[str]:
    yield tempfile.gettempdir()
    yield "/tmp"
    yield "/var/tmp"
