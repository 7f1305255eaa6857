"""Finds what a policy on ssh targets may say but hardly means to. Pure."""

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

from hoopwire.model.settings import PolicySettings
from hoopwire.model.ssh.actions import Exec, Forward, Named, Plain, Sftp, Word, expand, rights_in
from hoopwire.model.ssh.destinations import Ports
from hoopwire.model.ssh.grammar import parse_actions
from hoopwire.model.ssh.paths import lies_under
from hoopwire.model.ssh.patterns import Hole

Warned = tuple[tuple[str | int, ...], str]
"""Where in the policy, and the words."""

_LAUNCHERS = re.compile(
    r"(?:.*/)?(?:(?:ba|da|z|k|mk|c|tc|fi|a)?sh|busybox|env|xargs|sudo|doas|su|ssh|scp|rsync|nsenter|chroot|timeout"
    r"|setsid|watch|parallel|find|awk|gawk|mawk|sed|perl|python[0-9.]*|ruby|node|lua|php|make|git|tar|vi|vim|view|less"
    r"|more|man|ed|emacs|nano|docker|podman|kubectl|ansible.*|systemd-run|gdb|strace|expect|screen|tmux|socat|nc)"
)
"""Programs whose business it is, among others, to run programs or to write files."""
_LOADS = re.compile(
    r"(?:LD|DYLD|BASH|GIT|PERL5?|PYTHON|RUBY|NODE|GLIBC|MALLOC)_?.*|ENV|ZDOTDIR|PATH|IFS|SHELLOPTS|PS4"
    r"|PROMPT_COMMAND|HOME|SHELL|.*PAGER|.*EDITOR|VISUAL|LESSOPEN|LESS|GCONV_PATH|TERMINFO|XDG_.*"
)
"""Variables that make a program load or run something."""
_MANY_RIGHTS = 1_000
_HOMES = ("/home", "/root")
_EVERYWHERE = ("*", str(IPv4Address(0)), str(IPv6Address(0)))


def ssh_footguns(policy: PolicySettings) -> Iterator[Warned]:
    """All there are, action by action."""
    actions = parse_actions(policy.actions)
    if (rights := rights_in(actions)) > _MANY_RIGHTS:
        words = f"has {rights} rights in its actions, and each login goes through all of them"
        yield ("actions",), f"{words}: write patterns, or split it among several policies"
    given = expand(actions)
    has_shell = Word(name="shell") in given
    for index, text in enumerate(policy.actions):
        for action in expand(parse_actions((text,))):
            for words in _of(action, has_shell):
                yield ("actions", index), words
    if Word(name="pty") in given and not has_shell and any(isinstance(one, Exec) for one in given):
        yield (
            ("actions",),
            "`pty` beside `exec`: on a terminal many programs start a pager or an editor, from which any"
            " other can be started; leave `pty` out, or grant none of those",
        )


def _of(action: Plain, has_shell: bool) -> Iterator[str]:
    match action:
        case Exec(pattern=pattern) if not has_shell:
            program = str(pattern.parts[0])
            if any(isinstance(part, Hole) for part in pattern.parts) and _LAUNCHERS.fullmatch(program):
                yield (
                    f"`{action}`: {program} can be talked into running other programs or writing files; write"
                    " its arguments out, or see that none of those that fit does so"
                )
        case Sftp(access="write", prefix=prefix) if not has_shell and _reaches_home(prefix):
            yield (f"`{action}` reaches homes: who writes .bashrc or .ssh of the login has a shell")
        case Sftp(access="read", prefix="/") if not has_shell:
            yield f"`{action}` gives whatever the login may read, its own keys, too"
        case Named(verb="env", name=name) if not has_shell and _LOADS.fullmatch(name):
            yield f"`{action}` lets the client say what programs load or run: the limits of `exec` are gone"
        case Word(name="agent-forwarding" | "x11"):
            yield f"`{action}` gives the target's administrators the use of the client's agent or screen"
        case Forward(verb="remote-forward", where=Ports(host=host)) if host in _EVERYWHERE:
            yield f"`{action}` lets the target listen for everybody who reaches it"


def _reaches_home(prefix: str) -> bool:
    return any(lies_under(prefix, home) or lies_under(home, prefix) for home in _HOMES)
