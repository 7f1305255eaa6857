"""Instructions of the engine for each small message: a rise by over 2 % must be meant, and then recorded."""

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benches"))
import instructions

pytestmark = pytest.mark.slow


def test_no_message_costs_more_than_was_recorded():
    """If it is meant: `python benches/instructions.py --record`, and say in the commit what it is for."""
    if shutil.which("valgrind") is None:
        pytest.skip("valgrind is not installed (scripts/bootstrap test does that where it can)")
    recorded = instructions.recorded()
    if recorded["tools"] != instructions.tools():
        pytest.skip(f"counts were recorded with {recorded['tools']}, this is {instructions.tools()}")
    assert not instructions.risen(instructions.count(), recorded["instructions"])


def test_a_rise_is_seen():
    """The comparison itself."""
    before = dict.fromkeys(instructions.WORKS, 1000.0)
    assert not instructions.risen(before | {"simple": 1019.0, "rows": 500.0}, before)
    assert instructions.risen(before | {"simple": 1021.0}, before) == [
        "simple: 1021 instructions, 1000 before (+2.1%)"
    ]
