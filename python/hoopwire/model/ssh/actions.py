"""Actions of ssh as Structs: what a policy's `actions` say, and what presets stand for.

`grammar.py` reads them from text; their `str` is the canonical text, which reads back as the same, and which
the engine reads where no preset is left.
"""

from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from hoopwire.model.ssh.destinations import Ports, Socket
from hoopwire.model.ssh.patterns import CommandPattern, read_pattern

WORDS: Final = ("shell", "pty", "agent-forwarding", "x11")
VERBS: Final = ("exec", "sftp", "subsystem", "forward", "remote-forward", "env")
PRESETS: Final = ("read-files", "operate", "shell")

OPERATE: Final = (
    "date",
    "df -h",
    "free -m",
    "hostname",
    "id",
    "ps aux",
    "ps -ef",
    "ss -ltn",
    "uname -a",
    "uptime",
    "who",
    "systemctl list-units --no-pager",
    "systemctl list-units --no-pager --failed",
    "systemctl status <name>",
    "systemctl status --no-pager <name>",
    "systemctl is-active <name>",
    "journalctl --no-pager -n <int>",
    "journalctl --no-pager -u <name> -n <int>",
)
"""Commands of `operate`: the state of a machine and its services. None of them changes it, and none runs
another program where there is no terminal, which the preset does not give: on one, a pager would."""
OPERATE_ON: Final = (
    "cat {}/*",
    "grep -n -e <text> {}/* ...",
    "head -n <int> {}/*",
    "ls -l {}/*",
    "tail -n <int> {}/*",
)
"""More of them, for each path."""
_DEFAULT_PATHS: Final = {"read-files": ("/",), "operate": ("/var/log",), "shell": ()}


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """An action without an object: `pty`."""

    name: str

    def __str__(self) -> str:
        return self.name


class Exec(msgspec.Struct, frozen=True, kw_only=True):
    """`exec PATTERN`."""

    pattern: CommandPattern

    def __str__(self) -> str:
        return f"exec {self.pattern}"


class Sftp(msgspec.Struct, frozen=True, kw_only=True):
    """`sftp read PREFIX`, `sftp write PREFIX`; of scp, too."""

    access: Literal["read", "write"]
    prefix: str

    def __str__(self) -> str:
        return f"sftp {self.access} {self.prefix}"


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """`subsystem NAME`, `env NAME`."""

    verb: Literal["subsystem", "env"]
    name: str

    def __str__(self) -> str:
        return f"{self.verb} {self.name}"


class Forward(msgspec.Struct, frozen=True, kw_only=True):
    """`forward DESTINATION`, `remote-forward WHERE_TO_LISTEN`."""

    verb: Literal["forward", "remote-forward"]
    where: Ports | Socket

    def __str__(self) -> str:
        return f"{self.verb} {self.where}"


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """`read-files on PATHS`, `operate on PATHS`, `shell`."""

    name: str
    paths: tuple[str, ...] = ()
    """Empty: the preset's own default."""

    def __str__(self) -> str:
        return f"{self.name} on {', '.join(self.paths)}" if self.paths else self.name


Plain = Word | Exec | Sftp | Named | Forward
"""What the engine knows."""
Action = Plain | Preset


def expand(actions: tuple[Action, ...]) -> tuple[Plain, ...]:
    """Presets to what they stand for; each once, in the order of first mention."""
    found: list[Plain] = []
    for action in actions:
        found.extend(_of_preset(action) if isinstance(action, Preset) else (action,))
    return tuple(dict.fromkeys(found))


def rights_in(actions: Iterable[Action]) -> int:
    """How many plain actions they stand for: what a policy or grant costs whoever decides by it."""
    return sum(_rights_of(action) if isinstance(action, Preset) else 1 for action in actions)


def _rights_of(preset: Preset) -> int:
    paths = len(preset.paths or _DEFAULT_PATHS[preset.name])
    if preset.name == "operate":
        return len(OPERATE) + paths * (1 + len(OPERATE_ON))
    return paths if preset.name == "read-files" else len(_of_preset(preset))


def _of_preset(preset: Preset) -> list[Plain]:
    paths = preset.paths or _DEFAULT_PATHS[preset.name]
    files: list[Plain] = [Sftp(access="read", prefix=path) for path in paths]
    if preset.name == "read-files":
        return files
    if preset.name == "operate":
        texts = [*OPERATE, *(text.format(path.rstrip("/")) for path in paths for text in OPERATE_ON)]
        return [*files, *(Exec(pattern=read_pattern(text, 1)) for text in texts)]
    locale: list[Plain] = [Named(verb="env", name=name) for name in ("LANG", "LC_*")]
    return [Word(name="shell"), Word(name="pty"), *locale]
