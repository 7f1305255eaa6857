"""A command that asks a running gateway imports nothing of what a gateway runs: it would wait for it.

Each took 0.8 s of CPU, whatever it did (N11). Modules are counted here, and no time is taken.
"""

import json
import subprocess
import sys

import pytest

from hoopwire.cli.parser import COMMANDS, build_parser
from hoopwire.model.settings import ListenSettings, TlsSettings

TLS = TlsSettings(certificate="c", key="k")

RUN_BY_A_GATEWAY = {
    "asyncio",
    "cryptography",
    "email",
    "hoopwire._engine",
    "hoopwire.access",
    "hoopwire.api",
    "hoopwire.config",
    "hoopwire.control",
    "hoopwire.custody",
    "hoopwire.identity",
    "hoopwire.store",
    "httpx",
    "psycopg",
    "sqlite3",
    "ssl",
    "starlette",
    "trio",
}
MOST_MODULES = 200
"""Python's own at its start are some 35. With httpx, trio and the config file there were 900."""
PROGRAM = """
import json, sys
from hoopwire.cli import main
try:
    code = main(sys.argv[1:])
except SystemExit as done:
    code = done.code
print(json.dumps([code, sorted(sys.modules)]))
"""


@pytest.mark.parametrize(
    "words",
    [
        ("grants", "list"),
        ("grants", "show", "g_1"),
        ("grants", "revoke", "g_1"),
        ("sessions", "list"),
        ("sessions", "end", "s_1"),
        ("principals", "lock", "cid:a", "--reason", "r"),
        ("principals", "unlock", "cid:a"),
        ("principals", "list"),
        ("reload",),
        ("statistics",),
        ("status",),
    ],
    ids=" ".join,
)
def test_what_asks_imports_nothing_of_what_runs(words, tmp_path):
    arguments = [*words, "--socket", str(tmp_path / "none.sock")]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=True
    )
    code, modules = json.loads(done.stdout.splitlines()[-1])
    assert code == 3, done.stderr
    assert "hoopwire.client.operators" in modules
    assert not RUN_BY_A_GATEWAY & set(modules)
    assert len(modules) < MOST_MODULES


def test_the_socket_is_found_without_checking_the_file(tmp_path):
    """The config file was checked whole, policies and all, to learn where the socket is (N11)."""
    config = tmp_path / "hoopwire.toml"
    config.write_text("[listen]\nadmin_socket = 'here.sock'\n")
    code, modules, said = imported("sessions", "list", "--config", str(config))
    assert (code, f"{tmp_path}/here.sock" in said) == (3, True)
    assert not RUN_BY_A_GATEWAY & set(modules)
    config.write_text("[listen]\n")
    assert (
        f"{tmp_path}/{ListenSettings(tls=TLS).admin_socket}"
        in imported("sessions", "list", "--config", str(config))[2]
    )
    for text in ("listen = 1", "[listen]\nadmin_socket = 1", "no TOML", ""):
        config.write_text(text)
        code, _, said = imported("sessions", "list", "--config", str(config))
        assert (code, "cannot be used" in said) == (2, True), said


@pytest.mark.parametrize("words", [("--version",), ("version",), ("--help",), ("help", "exit-codes")])
def test_what_only_prints_imports_no_more_than_that(words):
    """`hoopwire --help` imported every command, and what each of them runs (N11)."""
    code, modules, _ = imported(*words)
    assert code == 0
    assert len(modules) < 120
    assert not {"msgspec", "h11", *RUN_BY_A_GATEWAY} & set(modules)


def test_recordings_are_read_without_the_loop_of_the_gateway():
    code, modules, _ = imported("recordings", "list", "--path", "/nonexistent")
    assert code != 0
    assert not {"trio", "httpx", "hoopwire.store", "hoopwire.identity"} & set(modules)


def imported(*words):
    """Exit code, names of all modules, and what was said on stderr."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, *words], capture_output=True, text=True, check=True)
    code, modules = json.loads(done.stdout.splitlines()[-1])
    return code, modules, done.stderr


def test_the_list_of_commands_says_what_they_say():
    """`hoopwire --help` imports none of them: their summaries stand in a table."""
    alone, whole = (build_parser(words).format_help() for words in (("--help",), ()))
    assert alone == whole


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_alone_is_the_command_among_all(name):
    """Only the module of the first word is imported: what it declares is the same."""
    alone, among = (parser(words, name) for words in ((name, "--help"), ()))
    assert alone.format_help() == among.format_help()


def parser(words, name):
    [action] = [action for action in build_parser(words)._actions if isinstance(action.choices, dict)]
    return action.choices[name]
