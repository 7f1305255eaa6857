"""The table tests/bypass/ssh/sftp.txt, and a client that says in sftp whatever it is told to."""

import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

TABLE = Path(__file__).parents[1] / "bypass" / "ssh" / "sftp.txt"
_KINDS = {
    "open": 3, "lstat": 7, "setstat": 9, "opendir": 11, "remove": 13, "mkdir": 14, "rmdir": 15,
    "realpath": 16, "stat": 17, "rename": 18, "readlink": 19, "symlink": 20,
}  # fmt: skip
_OF_OPENSSH = ("lsetstat", "statvfs", "expand-path", "posix-rename", "hardlink")
_WITH_ATTRIBUTES = ("open", "setstat", "mkdir", "lsetstat")
_NOTHING = struct.pack(">I", 0)
_STATUS = 101


@dataclass(frozen=True)
class SftpAttempt:
    """One line of the table."""

    line: str
    code: str
    """Why it is refused; empty if it passes."""


@dataclass(frozen=True)
class SftpTable:
    """All of it, with a folder's path for `@`."""

    root: Path

    def section(self, head: str) -> list[tuple[str, str]]:
        """Lines of the sections that begin so, each with the word behind it."""
        found: list[tuple[str, str]] = []
        word: str | None = None
        for line in TABLE.read_text().splitlines():
            if line.startswith("-- "):
                words = line[3:].replace(":", " ").split()
                word = "".join(words[1:2]) if words[0] == head else None
            elif line and not line.startswith("#") and word is not None:
                found.append((word, line))
        assert found, head
        return found

    @property
    def actions(self) -> list[str]:
        """The words of the grant."""
        return [line.replace("@", str(self.root)) for _, line in self.section("grant")]

    @property
    def attempts(self) -> list[SftpAttempt]:
        """What is asked."""
        refused = [SftpAttempt(line, code) for code, line in self.section("refused")]
        return refused + [SftpAttempt(line, "") for _, line in self.section("allowed")]

    def make(self) -> None:
        """The disk, where nothing is yet."""
        for _, line in self.section("disk"):
            kind, where, *content = line.split(" ")
            path = Path(self._place(where).decode())
            match kind:
                case "dir":
                    path.mkdir(exist_ok=True)
                case "file":
                    path.write_text(content[0])
                case _:
                    path.symlink_to(self._place(content[0]).decode())

    def message(self, attempt: SftpAttempt) -> bytes:
        """Of its type on; the number is 0."""
        name, *words = attempt.line.split(" ")
        if name == "raw":
            return bytes.fromhex("".join(words))
        kind, strings, tail = _KINDS.get(name, 200), [], b""
        if name == "open":
            tail = struct.pack(">I", int(words.pop(0)))
        elif name == "extended":
            strings.append(words.pop(0).encode())
        elif name not in _KINDS:
            strings.append((name + "@openssh.com" if name in _OF_OPENSSH else name).encode())
        paths = [self._place(word) for word in words] or ([] if strings else [b""])
        if name == "home-directory" and not words:
            paths = [b""]
        tail += _NOTHING if name in _WITH_ATTRIBUTES else b""
        return struct.pack(">BI", kind, 0) + b"".join(map(string, strings + paths)) + tail

    def _place(self, path: str) -> bytes:
        return path.replace("\\0", "\0").replace("@", str(self.root), 1).encode()


def string(content: bytes) -> bytes:
    """A length, then the bytes."""
    return struct.pack(">I", len(content)) + content


class SayingSftp:
    """sftp over a program's pipes: INIT and VERSION, then what one says."""

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )

    def __enter__(self) -> "SayingSftp":
        self.version = self.ask(struct.pack(">BI", 1, 3))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def say(self, *messages: bytes) -> None:
        """Messages in one write."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"".join(map(string, messages)))
        self._process.stdin.flush()

    def hear(self) -> bytes:
        """The next message, of its type on."""
        assert self._process.stdout is not None
        (length,) = struct.unpack(">I", self._process.stdout.read(4))
        return self._process.stdout.read(int(length))

    def ask(self, message: bytes) -> bytes:
        """A message, and what comes next."""
        self.say(message)
        return self.hear()


def refusal(answer: bytes) -> str:
    """The code in the words of a STATUS; empty if there is none."""
    if answer[0] != _STATUS or b"code: " not in answer:
        return ""
    return answer.split(b"code: ")[1].split(b"\0")[0].split(b";")[0].decode()
