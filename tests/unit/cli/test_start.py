"""A command that asks a running gateway imports nothing of what a gateway runs: it would wait for it.

trio is not among these: httpx imports it where it is installed.
"""

import json
import subprocess
import sys

import pytest

from hoopwire.cli.parser import COMMANDS, build_parser

RUN_BY_A_GATEWAY = {
    "cryptography",
    "hoopwire._engine",
    "hoopwire.access",
    "hoopwire.api",
    "hoopwire.control",
    "hoopwire.custody",
    "hoopwire.identity",
    "hoopwire.store",
    "psycopg",
    "sqlite3",
    "starlette",
}
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


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_alone_is_the_command_among_all(name):
    """Only the module of the first word is imported: what it declares is the same."""
    alone, among = (parser(words, name) for words in ((name, "--help"), ()))
    assert alone.format_help() == among.format_help()


def parser(words, name):
    [action] = [action for action in build_parser(words)._actions if isinstance(action.choices, dict)]
    return action.choices[name]
