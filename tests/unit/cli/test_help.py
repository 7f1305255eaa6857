"""What `--help` says, of hoopwire and of each command: that is help.txt, but for the width of its columns."""

import re
from pathlib import Path

import pytest

from hoopwire.cli import main
from hoopwire.cli.parser import build_parser
from support.snapshot import assert_same


def commands(parser, words=()):
    """The words of each command and group, in the order of their help."""
    yield words
    for action in parser._actions:
        if isinstance(action.choices, dict):
            for name, below in action.choices.items():
                yield from commands(below, (*words, name))


def without_columns(text):
    """Python 3.13 makes the column of names as wide as the longest; older ones break the line."""
    return re.sub(r"(?<=\S)(?:\n {10,}| {2,})(?=\S)", "  ", text)


def test_help_is_as_it_was(capsys, monkeypatch):
    # So wide that nothing is wrapped: Python's versions wrap in different places.
    monkeypatch.setenv("COLUMNS", "1000")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("HOOPWIRE_CONFIG", raising=False)
    said = []
    for words in commands(build_parser()):
        with pytest.raises(SystemExit) as done:
            main([*words, "--help"])
        assert done.value.code == 0
        said.append(
            f"$ {' '.join(('hoopwire', *words, '--help'))}\n{without_columns(capsys.readouterr().out)}"
        )
    assert len(said) > 25
    assert_same(Path(__file__).with_name("help.txt"), "\n".join(said))
