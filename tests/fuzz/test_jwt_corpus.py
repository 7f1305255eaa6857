"""The pre-parser's kept fuzzing inputs, as a plain test."""

import importlib.util
from pathlib import Path

import pytest

spec = importlib.util.spec_from_file_location("fuzz_jwt", Path(__file__).with_name("fuzz_jwt.py"))
assert spec is not None
assert spec.loader is not None
fuzz_jwt = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fuzz_jwt)
INPUTS = sorted(fuzz_jwt.CORPUS.iterdir())


def test_there_is_a_corpus() -> None:
    assert len(INPUTS) >= 10


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: path.name)
def test_kept_input(path: Path) -> None:
    fuzz_jwt.check(path.read_bytes())
