"""hoopwire had no `--version`, no completion and no manual page (N11). Real shells and readers judge them."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from hoopwire import __version__
from hoopwire.cli import main
from hoopwire.cli.declared import declared
from hoopwire.cli.manual import manual
from hoopwire.cli.shells import SHELLS
from support.snapshot import assert_same

SHARE = Path(__file__).parents[3] / "packaging/wheel/data/share"
PLACES = {
    "bash": SHARE / "bash-completion/completions/hoopwire",
    "zsh": SHARE / "zsh/site-functions/_hoopwire",
    "fish": SHARE / "fish/vendor_completions.d/hoopwire.fish",
}
PAGE = SHARE / "man/man1/hoopwire.1"
BASH = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
_hoopwire
printf '%s\\n' "${COMPREPLY[@]}"
"""
ZSH = """
compdef() { }
source "$1"; shift
_files() { print -l -- *(N) }
_describe() { shift 2; print -l -- ${(P)1%%:*} }
words=("$@"); CURRENT=$#
_hoopwire
"""
FISH = """
source $argv[1]
complete -C (string join ' ' -- $argv[2..-1]) | string replace -r '\\t.*' ''
true
"""
CASES = [
    (("hoopwire", "gr"), {"grants"}, {"serve"}),
    (("hoopwire", "grants", ""), {"request", "list", "show", "revoke"}, {"serve"}),
    (("hoopwire", "grants", "list", "--"), {"--state", "--json", "--config"}, {"--reason"}),
    (("hoopwire", "grants", "list", "--state", ""), {"active", "exhausted", "revoked"}, {"--json"}),
    (("hoopwire", "check", "--config", ""), {"one.toml", "two words.toml"}, {"--json"}),
    (("hoopwire", "check", "--as", ""), set(), {"--json", "one.toml"}),
    (("hoopwire", "completion", ""), {"bash", "zsh", "fish"}, {"one.toml"}),
    (("hoopwire", "sessions", "list", "--json", "--so"), {"--socket"}, {"list"}),
]


@pytest.fixture
def offered(tmp_path):
    """What a shell offers for the last word, in a folder with two files."""
    files = tmp_path / "files"
    files.mkdir()
    for name in ("one.toml", "two words.toml"):
        (files / name).touch()

    def ask(shell: str, words: tuple[str, ...]) -> set[str]:
        program = shutil.which(shell)
        if program is None:
            pytest.skip(f"{shell} is not installed")
        options = {"bash": ("--norc",), "zsh": ("-f",), "fish": ("--no-config",)}[shell]
        text = {"bash": BASH, "zsh": ZSH, "fish": FISH}[shell]
        name = ("-",) if shell != "fish" else ()
        done = subprocess.run(
            [program, *options, "-c", text, *name, str(PLACES[shell]), *words],
            capture_output=True,
            text=True,
            cwd=files,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"},
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        found = {line.replace("\\ ", " ").strip("'") for line in done.stdout.splitlines() if line}
        # What does not begin with the word is taken out by zsh's own functions, which are stood in for here.
        return {one for one in found if one.startswith(words[-1])}

    return ask


@pytest.mark.parametrize("shell", PLACES)
@pytest.mark.parametrize(("words", "there", "away"), CASES, ids=[" ".join(case[0]) for case in CASES])
def test_a_shell_completes_what_is_declared(offered, shell, words, there, away):
    found = offered(shell, words)
    assert there <= found
    assert not away & found


@pytest.mark.parametrize("shell", PLACES)
def test_the_file_of_the_wheel_is_what_the_command_prints(shell, capsys):
    assert main(["completion", shell]) == 0
    text = capsys.readouterr().out
    assert text == SHELLS[shell](declared())
    assert_same(PLACES[shell], text)
    for one in declared().all():
        for option in one.options:
            assert all(flag.lstrip("-") in text for flag in option.flags)


def test_the_page_of_the_wheel_is_what_the_command_prints(capsys):
    assert main(["help", "man"]) == 0
    assert_same(PAGE, capsys.readouterr().out)
    text = PAGE.read_text().replace("\\-", "-")
    for one in declared().all():
        if not one.below:
            assert " ".join(one.words) in text
            assert one.description.split()[0] in text
            assert all(flag in text for option in one.options for flag in option.flags)


@pytest.mark.parametrize(
    "command",
    [
        ("mandoc", "-T", "lint", "-W", "warning"),
        ("groff", "-man", "-Tutf8", "-ww", "-z"),
        ("man", "--warnings", "-l"),
    ],
    ids=lambda command: command[0],
)
def test_readers_of_man_pages_have_nothing_to_say(command):
    """But that it has no date: it is made from the commands, whatever the day."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    done = subprocess.run(
        [*command, str(PAGE)],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "MANPAGER": "cat"},
    )
    said = [line for line in (done.stdout if command[0] == "mandoc" else done.stderr).splitlines() if line]
    assert [line for line in said if "missing date" not in line] == []
    if command[0] == "man":
        assert "hoopwire" in done.stdout


def test_nothing_of_a_page_is_a_macro():
    """A text that begins with a dot, or a wrap that puts one first, would be read as a macro."""
    known = {".TH", ".SH", ".SS", ".TP", ".PP", ".nf", ".fi", ".B", ".I", ".BR", '.\\"'}
    starts = [line.split()[0] for line in manual(declared()).splitlines() if line[:1] in (".", "'")]
    assert starts
    assert set(starts) <= known


def test_the_version_is_told(capsys):
    with pytest.raises(SystemExit) as done:
        main(["--version"])
    assert done.value.code == 0
    assert capsys.readouterr().out == f"hoopwire {__version__}\n"


def test_no_color_is_held(capsys, monkeypatch):
    """N11: with NO_COLOR there is no escape in what help says, whatever Python colours by itself."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    for words in (["--help"], ["grants", "list", "--help"]):
        with pytest.raises(SystemExit):
            main(words)
    assert "\x1b" not in capsys.readouterr().out
