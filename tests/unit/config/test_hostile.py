"""Any bytes as a config file: Settings or ConfigError. The long run is tests/fuzz/fuzz_config.py."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hoopwire.config import ConfigError, loads
from hoopwire.model.settings import Settings

EXAMPLE = (Path(__file__).parents[3] / "docs/example.toml").read_bytes()
TOKENS = [
    b"[[",
    b"]]",
    b'"""',
    b"'''",
    b" = ",
    b"{",
    b"}",
    b"\\",
    b"\x00",
    b"\xff",
    b"-inf",
    b"nan",
    b"\r\n",
    b'"',
]
HOSTILE = [
    b"",
    b"\xef\xbb\xbf" + EXAMPLE,
    b"[gateway]\naudience = {}",
    b"policies = [[[]]]",
    b"policies = [1, {}]",
    b"issuers = { a = 1, b = {} }",
    b"targets = 1979-05-27T07:32:00Z\npolicies = [1.5]",
    b'[issuers."a\\u0000b"]\n[targets.""]\n',
    b"a" * 50_000 + b" = 1",
    b"a." * 5000 + b"a = 1",
    b"a = " + b"{a = " * 5000,
    b'listen = { postgres = ["' + b"9" * 5000 + b':1"] }',
    b'gateway = { node = "' + "\u202e".encode() * 100 + b'" }',
    b'[issuers.a]\nissuer = "https://[\xe2\x84\x80"\n',
    b'[issuers.a]\nissuer = "http://a:99999999999999999999"\n',
]


def attempt(content: bytes) -> None:
    try:
        loaded = loads(content, "/etc/hoopwire.toml")
    except ConfigError as error:
        problems = error.problems
    else:
        assert isinstance(loaded, Settings)
        return
    assert problems
    assert all(len(str(problem)) < 10_000 for problem in problems)


@pytest.mark.parametrize("content", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_files(content: bytes) -> None:
    attempt(content)


@settings(deadline=None, max_examples=150)
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(EXAMPLE)), st.integers(0, 40), st.sampled_from(TOKENS) | st.binary(max_size=6)
        ),
        min_size=1,
        max_size=6,
    )
)
def test_a_damaged_example(edits: list[tuple[int, int, bytes]]) -> None:
    content = EXAMPLE
    for at, length, new in edits:
        content = content[:at] + new + content[at + length :]
    attempt(content)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.integers(0, EXAMPLE.count(b"\n")), min_size=1, max_size=8))
def test_lines_left_out(left_out: list[int]) -> None:
    lines = EXAMPLE.split(b"\n")
    attempt(b"\n".join(line for number, line in enumerate(lines) if number not in left_out))
