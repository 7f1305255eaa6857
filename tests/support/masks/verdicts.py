"""Verdicts of the lineage in bulk: the example `lineage` of `hoopwire-postgres-sql`, as a child process."""

import struct
import subprocess
from pathlib import Path
from types import TracebackType
from typing import IO, Self

ROOT = Path(__file__).parents[3]
MUTATIONS = ("derived-name", "tablesample", "qualified")
"""What may be put back: see rust/postgres/sql/src/lineage/mutation.rs."""


def build() -> Path:
    """The program, built if it is not current."""
    # Of the whole workspace, so that what it depends on is as the tests have built it.
    command = ["cargo", "build", "--quiet", "--workspace", "--example", "lineage"]
    done = subprocess.run(
        [*command, "--features", "hoopwire-postgres-sql/mutations", "--message-format", "json"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    lines = [line for line in done.stdout.splitlines() if '"executable":"' in line]
    return Path(lines[-1].partition('"executable":"')[2].partition('"')[0])


class Verdicts:
    """Asks it. `with Verdicts(program, catalogue) as verdicts: verdicts.of(texts)`."""

    def __init__(self, program: Path, catalogue: Path, *mutations: str) -> None:
        self._process = subprocess.Popen(
            [program, catalogue, *mutations], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def of(self, texts: list[str]) -> list[str]:
        """`clear`, `touches`, `leak ...` or `syntax` for each text."""
        found: list[str] = []
        # So few at a time that neither pipe fills up while the other is waited for.
        for start in range(0, len(texts), 64):
            part = [text.encode() for text in texts[start : start + 64]]
            _pipe(self._process.stdin).write(b"".join(struct.pack("!I", len(each)) + each for each in part))
            _pipe(self._process.stdin).flush()
            for _ in part:
                line = _pipe(self._process.stdout).readline()
                if not line.endswith(b"\n"):
                    raise RuntimeError("the program for verdicts has ended")
                found.append(line.decode().rstrip("\n"))
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _pipe(self._process.stdin).close()
        self._process.wait(10)
        _pipe(self._process.stdout).close()


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise RuntimeError("not a pipe")
    return pipe


def allowed(verdict: str) -> bool:
    """The lineage has nothing against it."""
    return verdict in ("clear", "touches")
