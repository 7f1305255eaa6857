"""Variables that make a granted program do something else: by requests, and by a stock client's SetEnv."""

from collections.abc import Iterator

import pytest

from support.ssh_ground import SECRET
from support.ssh_house import TARGET
from support.ssh_raw import Raw, string

from .conftest import Line, Siege

# A variable, its value, and the granted command that it would change at a target that takes all variables.
REAL = {
    "a file that bash reads first": ("BASH_ENV", "@evil@/start", "bash @open@/hello.sh"),
    "a function in the place of a program": (
        "BASH_FUNC_printf%%",
        "() { touch @marker@; }",
        "bash @open@/hello.sh",
    ),
    "modules of python": ("PYTHONPATH", "@evil@", "python3 @open@/hello.py"),
    "options of perl": ("PERL5OPT", "-I@evil@ -MEvil", "perl @open@/hello.pl"),
    "a filter of less": ("LESSOPEN", "|touch @marker@; cat %s", "less @open@/a.txt"),
    "options of tar": (
        "TAR_OPTIONS",
        "--checkpoint=1 --checkpoint-action=exec=@evil@/pager",
        "tar cf - @open@",
    ),
    "a trace of git": ("GIT_TRACE", "@marker@", "git-upload-pack @repo@"),
}
OTHERS = {
    "a library": ("LD_PRELOAD", "@evil@/x.so"),
    "a place of libraries": ("LD_LIBRARY_PATH", "@evil@"),
    "an audit library": ("LD_AUDIT", "@evil@/x.so"),
    "modules of iconv": ("GCONV_PATH", "@evil@"),
    "a file that sh reads first": ("ENV", "@evil@/start"),
    "options of the shell": ("SHELLOPTS", "xtrace"),
    "the prompt of a trace": ("PS4", "$(touch @marker@)"),
    "programs from elsewhere": ("PATH", "@evil@/bin"),
    "options of bash": ("BASHOPTS", "extdebug"),
    "what stands between words": ("IFS", "/"),
    "another home": ("HOME", "@evil@"),
    "a program of git": ("GIT_SSH_COMMAND", "touch @marker@"),
    "settings of git": ("GIT_CONFIG_PARAMETERS", "'core.fsmonitor=touch @marker@'"),
    "a pager": ("PAGER", "@evil@/pager"),
    "an editor": ("EDITOR", "@evil@/pager"),
    "modules of node": ("NODE_OPTIONS", "--require=@evil@/x.js"),
    "a file that python reads first": ("PYTHONSTARTUP", "@evil@/json.py"),
    "another alphabet": ("L\u0410NG", "C"),
    "letters of another case": ("lang", "C"),
    "a blank behind the name": ("LANG ", "C"),
    "an equals sign in the name": ("LANG=x", "C"),
    "the family's name without a member": ("LC_", "C"),
    "a member with other letters": ("LC_A=B", "C"),
    "a NUL in the name": ("LANG\0LD_PRELOAD", "C"),
    "no name": ("", "C"),
    "a function as the value": ("LANG", "() { :;}; touch @marker@"),
    "a function as a value of the family": ("LC_ALL", "() { :;}; touch @marker@"),
    "a line break in the value": ("LC_ALL", "C\nLD_PRELOAD=@evil@/x.so"),
    "a NUL in the value": ("LANG", "C\0x"),
    "a path as the value": ("LANG", "@evil@"),
    "a path upwards as the value": ("LC_MESSAGES", "../../..@evil@"),
    "a very long value": ("LC_X", "x" * 5000),
}
EVERY = {**{kind: each[:2] for kind, each in REAL.items()}, **OTHERS}


def ask(siege: Siege, raw: Raw, name: str, value: str, *, reply: bool = True) -> tuple[bool, bytes]:
    """On a channel of its own: the answer, and what a granted command says after it."""
    channel = raw.open()
    payload = string(name) + string(siege.ground.text(value))
    answer = channel.answer("env", payload) if reply else False
    if not reply:
        channel.ask("env", payload, reply=False)
    channel.execute(siege.ground.text("bash @open@/hello.sh"))
    channel.rest()
    assert channel.status == 0
    return answer, channel.out


@pytest.fixture(scope="module")
def line(siege: Siege) -> Iterator[Line]:
    """One connection for all of them."""
    with Line(siege, "runner") as line:
        yield line


@pytest.mark.parametrize("kind", EVERY)
def test_a_variable_that_changes_a_program(unharmed: Siege, line: Line, kind: str) -> None:
    name, value = EVERY[kind]
    raw = line.up()
    mark = unharmed.log_bytes
    assert ask(unharmed, raw, name, value) == (False, b"hello\n")
    assert ask(unharmed, raw, name, value, reply=False) == (False, b"hello\n")
    # the refusal costs the variable and nothing else
    assert ask(unharmed, raw, "LANG", "C") == (True, b"hello\n")
    assert unharmed.heard(mark).count("env") == 1


@pytest.mark.parametrize("kind", REAL)
def test_a_variable_that_could_not_have_done_harm(siege: Siege, straight: Raw, kind: str) -> None:
    name, value, command = REAL[kind]
    before = siege.ground.digest()
    try:
        channel = straight.open()
        assert channel.answer("env", string(name) + string(siege.ground.text(value)))
        channel.execute(siege.ground.text(command))
        channel.put(b"0000", eof=True)
        channel.rest()
        assert siege.ground.digest() != before or SECRET.encode() in channel.out
    finally:
        siege.ground.lay()


@pytest.mark.parametrize("kind", REAL)
def test_a_variable_by_a_stock_client(unharmed: Siege, kind: str) -> None:
    name, value, command = REAL[kind]
    agent = unharmed.agent("runner")
    mark = unharmed.log_bytes
    sent = unharmed.ground.text(value).replace("$", "\\$")
    done = agent.ssh(unharmed.ground.text(command), options=("-o", f'SetEnv "{name}={sent}"'))
    assert done.returncode in (0, 128), done.stderr
    assert "exec" in unharmed.heard(mark)
    assert "env" not in unharmed.heard(mark)


def test_an_environment_of_a_grant_with_a_shell_has_no_start_files(unharmed: Siege) -> None:
    """The preset `shell` gives LANG and the family LC_, and no more."""
    with unharmed.raw("shell", TARGET) as raw:
        for kind in EVERY:
            channel = raw.open()
            name, value = EVERY[kind]
            assert not channel.answer("env", string(name) + string(unharmed.ground.text(value))), kind
