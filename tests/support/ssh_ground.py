"""What attempts over ssh try to harm: files, listeners, and a marker that must not appear."""

import hashlib
import os
import shutil
import socket
import stat
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

SECRET = "vault-4h8k"
"""The content that no answer may hold."""
_PROGRAM = "#!/bin/sh\n: >{marker}\n"
_FILES = {
    "secret.txt": f"{SECRET}\n",
    "vault/inner.txt": f"{SECRET}\n",
    "open/a.txt": "one 1\ntwo 2\nthree 3\n",
    "open/b.txt": "four 4\n",
    "open/hello.sh": "printf 'hello\\n'\n",
    "open/hello.py": "import json\nprint('hello')\n",
    "open/hello.pl": "print qq(hello\\n);\n",
    "up/kept.txt": "kept\n",
    "evil/start": ": >{marker}\n",
    "evil/json.py": "open({marker!r}, 'w')\n",
    "evil/Evil.pm": "BEGIN {{ open(F, '>', '{marker}'); }} 1;\n",
    "evil/bin/date": _PROGRAM,
    "evil/bin/printf": _PROGRAM,
    "evil/bin/bash": _PROGRAM,
    "evil/pager": _PROGRAM,
    "evil/git-evil": _PROGRAM,
    "evil/x.sed": "1e touch {marker}\n",
    "evil/x.awk": 'BEGIN {{ system("touch {marker}") }}\n',
    "evil/x.vim": "call writefile([], '{marker}')\n",
}


@dataclass
class Ground:
    """The tree under `folder`; `lay` makes it new."""

    folder: Path
    others: tuple[Path, ...] = ()
    """Files beside it that are watched, too."""
    doors: "list[Door]" = field(default_factory=list)

    @property
    def marker(self) -> Path:
        """Made by what should not have run."""
        return self.folder / "marker"

    @property
    def names(self) -> dict[str, str]:
        """What `@name@` stands for in an attempt."""
        return {
            "ground": str(self.folder),
            "open": str(self.folder / "open"),
            "up": str(self.folder / "up"),
            "evil": str(self.folder / "evil"),
            "secret": str(self.folder / "secret.txt"),
            "marker": str(self.marker),
            "repo": str(self.folder / "repo.git"),
        }

    def text(self, text: str) -> str:
        """With the places in it."""
        for name, place in self.names.items():
            text = text.replace(f"@{name}@", place)
        return text

    def lay(self) -> None:
        """The tree as it was before all attempts."""
        pristine = self.folder.with_name(self.folder.name + ".pristine")
        if not pristine.exists():
            self._build(pristine)
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(pristine, self.folder, symlinks=True)

    def _build(self, pristine: Path) -> None:
        for name, content in _FILES.items():
            path = pristine / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content.format(marker=str(self.marker)))
            if content == _PROGRAM:
                path.chmod(0o755)
        (pristine / "home").mkdir()
        (pristine / "open/link").symlink_to("../secret.txt")
        (pristine / "open/out").symlink_to("../vault")
        (pristine / "up/out").symlink_to("../evil")
        (pristine / "evil/bin/plain").symlink_to("/bin/true")
        with tarfile.open(pristine / "evil/x.tar", "w") as archive:
            archive.add(pristine / "open/a.txt", "a.txt")
        git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "init.defaultBranch=main"]
        work = pristine / "work"
        subprocess.run([*git, "init", "-q", str(work)], check=True)
        subprocess.run([*git, "-C", str(work), "commit", "-q", "--allow-empty", "-m", "first"], check=True)
        subprocess.run([*git, "clone", "-q", "--bare", str(work), str(pristine / "repo.git")], check=True)
        shutil.rmtree(work)

    def digest(self) -> dict[str, str]:
        """Each path with its kind, mode and content; and how often a listener was reached."""
        found = {str(door.place): str(door.reached) for door in self.doors}
        for path in [*sorted(self.folder.rglob("*")), *self.others]:
            found[str(path)] = _facts(path)
        return found


def _facts(path: Path) -> str:
    try:
        facts = path.lstat()
    except FileNotFoundError:
        return "none"
    content = ""
    if stat.S_ISLNK(facts.st_mode):
        content = os.readlink(path)
    elif stat.S_ISREG(facts.st_mode):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
    return f"{facts.st_mode:o} {content}"


@dataclass
class Door:
    """A listener that counts who reaches it; it says `SECRET` to everybody."""

    place: str
    listener: socket.socket
    reached: int = 0

    @property
    def port(self) -> int:
        """Of a door on TCP."""
        return int(self.listener.getsockname()[1])

    def serve(self) -> None:
        """Until it is closed."""
        while True:
            try:
                caller, _ = self.listener.accept()
            except OSError:
                return
            self.reached += 1
            with caller:
                caller.sendall(f"{SECRET}\n".encode())


@contextmanager
def door(address: tuple[str, int] | str) -> Iterator[Door]:
    """A door at this host and port (0: any), or at this path."""
    if isinstance(address, str):
        listener = socket.socket(socket.AF_UNIX)
    else:
        listener = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
    with listener:
        listener.bind(address)
        listener.listen(64)
        served = Door(str(listener.getsockname()), listener)
        thread = threading.Thread(target=served.serve, daemon=True)
        thread.start()
        try:
            yield served
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
