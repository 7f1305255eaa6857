"""What finds the granted actions by what they name says the same as to compare each with each."""

from hypothesis import given, settings
from hypothesis import strategies as st

from hoopwire.model.action import ActionError
from hoopwire.model.ssh.actions import (
    Action,
    Exec,
    Forward,
    Named,
    Plain,
    Preset,
    Sftp,
    Word,
    expand,
    rights_in,
)
from hoopwire.model.ssh.coverage import Held
from hoopwire.model.ssh.destinations import Ports, Socket, covers_host
from hoopwire.model.ssh.grammar import parse_action
from hoopwire.model.ssh.paths import covers_prefix
from hoopwire.model.ssh.patterns import CommandPattern, part_contains


def contains(outer: CommandPattern, inner: CommandPattern) -> bool:
    least = len(outer.parts)
    if inner.repeats and not outer.repeats:
        return False
    if len(inner.parts) < least or (len(inner.parts) > least and not outer.repeats):
        return False
    wanted = [*outer.parts, *[outer.parts[-1]] * (len(inner.parts) - least)]
    return all(map(part_contains, wanted, inner.parts))


def covers_place(outer: Ports | Socket, inner: Ports | Socket) -> bool:
    if isinstance(outer, Socket) or isinstance(inner, Socket):
        return outer == inner
    return outer.first <= inner.first and inner.last <= outer.last and covers_host(outer.host, inner.host)


def covers(one: Plain, asked: Plain) -> bool:
    """One granted action, and one that is asked for."""
    match one, asked:
        case Word(name="shell"), Exec() | Sftp():
            return True
        case Exec(), Exec():
            return contains(one.pattern, asked.pattern)
        case Sftp(), Sftp():
            return one.access == asked.access and covers_prefix(one.prefix, asked.prefix)
        case Forward(), Forward():
            return one.verb == asked.verb and covers_place(one.where, asked.where)
        case Named(verb="env", name="LC_*"), Named(verb="env", name=name):
            return name.startswith("LC_") and name != "LC_"
    return one == asked


def missing(granted: tuple[Action, ...], asked: Action) -> tuple[str, ...]:
    there = expand(granted)
    return tuple(str(part) for part in expand((asked,)) if not any(covers(one, part) for one in there))


WORD = st.sampled_from(["x", "-l", "/srv/a", "/srv", "/proc/1", "1", "a.b", "'a b'", "'*'", "''", "..x"])
HOLE = st.sampled_from(["*", "/*", "/srv/*", "/srv/a/*", "/proc/*", "<int>", "<name>", "<text>"])
COMMANDS = st.builds(
    lambda program, parts, repeats: " ".join(["exec", program, *parts, *(["..."] if repeats else [])]),
    st.sampled_from(["ls", "cat"]),
    st.lists(HOLE | WORD, max_size=3),
    st.booleans(),
)
HOSTS = st.sampled_from(
    [
        "db",
        "a.b.c",
        "x.localhost.c",
        "*.b.c",
        "*.c",
        "localhost",
        "127.0.0.1",
        "10.0.0.1",
        "[::1]",
        "*",
        "[2001:db8::1]",
        "[fe80::1]",
        "10.0.0.0/8",
        "10.0.0.0/30",
        "10.0.0.1/32",
        "0.0.0.0/0",
        "[::/0]",
        "[2001:db8::/32]",
        "[2001:db8::1/128]",
    ]
)
PORTS = st.sampled_from(["22", "1-100", "20-30", "*", "80", "25-80", "0"])
FORWARDS = st.builds(
    "{} {}:{}".format, st.sampled_from(["forward", "remote-forward"]), HOSTS, PORTS
) | st.sampled_from(["forward /run/a", "forward /run/b"])
FILES = st.builds(
    "sftp {} {}".format,
    st.sampled_from(["read", "write"]),
    st.sampled_from(["/", "/srv", "/srv/a", "/srvx", "/proc", "/proc/1", "/sys/a b"]),
)
OTHERS = st.sampled_from(
    [
        "shell",
        "pty",
        "env LC_*",
        "env LC_TIME",
        "env LC_",
        "env LANG",
        "subsystem netconf",
        "x11",
        "operate",
        "operate on /srv",
        "read-files",
        "read-files on /srv/a, /proc/1",
    ]
)


def _read(text: str) -> Action | None:
    try:
        return parse_action(text)
    except ActionError:
        return None


def actions_of(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Action]:
    return texts.map(_read).filter(lambda action: action is not None)  # type: ignore[return-value]


KINDS = [COMMANDS, FORWARDS, FILES, COMMANDS | FORWARDS | FILES | OTHERS]


@settings(max_examples=1500, deadline=None)
@given(
    st.sampled_from(KINDS).flatmap(
        lambda texts: st.tuples(st.lists(actions_of(texts), max_size=6).map(tuple), actions_of(texts))
    )
)
def test_it_finds_what_each_with_each_finds(drawn: tuple[tuple[Action, ...], Action]) -> None:
    granted, asked = drawn
    assert Held(granted).missing(asked) == missing(granted, asked)


def test_no_two_actions_together_cover_what_neither_does() -> None:
    granted = ("exec cat * ...", "exec cat * -x", "forward db:1-10", "forward db:11-20")
    held = Held(tuple(map(parse_action, granted)))
    for text in ("exec cat a b -x", "exec cat 1 -x -x", "exec cat -x", "forward db:5-15"):
        assert held.missing(parse_action(text)) == (text,)
    for text in ("exec cat a -x", "exec cat <name> 1 /srv/* ...", "exec cat a"):
        assert not held.missing(parse_action(text))


def test_a_wide_range_behind_a_narrow_one_is_found() -> None:
    held = Held(tuple(map(parse_action, ("forward db:20-30", "forward db:1-100", "forward db:40"))))
    assert held.covers(parse_action("forward db:25-80"))
    assert not held.covers(parse_action("forward db:25-101"))


@given(st.lists(actions_of(COMMANDS | FORWARDS | FILES | OTHERS), max_size=4, unique=True))
def test_what_is_counted_is_what_they_stand_for(actions: list[Action]) -> None:
    counts = [len(expand((action,))) for action in actions]
    assert rights_in(actions) == sum(counts)
    assert all(
        count == 1 for action, count in zip(actions, counts, strict=True) if not isinstance(action, Preset)
    )
