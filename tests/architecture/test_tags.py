"""PostgreSQL's type bytes stand in its protocol crate and nowhere else: others match on enums."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROTOCOL = ROOT / "rust/postgres/protocol"

MAY_KNOW = (
    PROTOCOL,
    # Peers for tests: they know the protocol from its documents, and share no code with what they test.
    ROOT / "rust/testkit",
)
READS_LETTERS = {
    # Where the grammar of SQL or COPY is read letter by letter, a letter is no tag.
    "rust/postgres/policy/src/mask/text.rs",
    "rust/postgres/session/src/live/ends.rs",
    "rust/postgres/sql/src/tokens.rs",
    "rust/postgres/sql/src/walk/alter.rs",
    "rust/postgres/sql/src/walk/names.rs",
}

_TAG = re.compile(r"^ +\w+ = b'(.)',$", re.MULTILINE)
_LITERAL = re.compile(
    r"""(?P<byte>b'(?:\\.[^']*|[^'\\])')"""
    r"""|'(?:\\.[^']*|[^'\\])'"""
    r"""|b?r(#*)".*?"\2"""
    r"""|(?P<bytes>b"(?:\\.|[^"\\])*")"""
    r"""|"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/""",
    re.DOTALL,
)
_TESTS = re.compile(r"#\[cfg\(test\)\]\nmod \w+ \{.*?\n\}\n", re.DOTALL)


def tags() -> set[str]:
    """The bytes that the protocol crate gives a name, in either direction."""
    both = [(PROTOCOL / "src" / name).read_text() for name in ("frontend.rs", "backend.rs")]
    return {byte for source in both for byte in _TAG.findall(source)}


def problems(place: str, source: str, known: set[str]) -> Iterator[str]:
    """Each byte literal of shipped code which is a tag, and each byte string that begins like a message."""
    shipped = _TESTS.sub(lambda found: "\n" * found[0].count("\n"), source)
    for found in _LITERAL.finditer(shipped):
        byte, string = found["byte"], found["bytes"]
        is_tag = byte is not None and byte[2:-1] in known
        # a type byte and the high bytes of a length word
        is_message = string is not None and string[2:3] in known and re.match(r"\\0|\\x00", string[3:])
        if is_tag or is_message:
            yield f"{place}:{shipped.count(chr(10), 0, found.start()) + 1}: {byte or string}"


def sources() -> Iterator[Path]:
    for path in sorted(ROOT.glob("rust/**/src/**/*.rs")):
        is_test = path.name == "tests.rs" or path.stem.endswith("_tests") or "tests" in path.parent.parts
        may_know = any(path.is_relative_to(place) for place in MAY_KNOW)
        if not (is_test or may_know or "target" in path.parts):
            yield path


def test_no_tag_stands_outside_the_protocol() -> None:
    known = tags()
    assert known >= set("BCDEHPQSX") | set("123ACDEGHINSTVWZdnst")
    checked = {path.relative_to(ROOT).as_posix(): path.read_text() for path in sources()}
    assert len(checked) >= 100
    assert set(checked) >= READS_LETTERS
    found = [
        problem
        for place, source in checked.items()
        if place not in READS_LETTERS
        for problem in problems(place, source, known)
    ]
    assert found == []


def test_no_file_is_let_off_that_needs_it_no_more() -> None:
    known = tags()
    for place in READS_LETTERS:
        assert list(problems(place, (ROOT / place).read_text(), known)), place


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("tag: Tag::Terminate", "tag: b'X'"),
        ("Tag::CopyDone", "b'c'"),
        ("kind == Kind::Portal", "kind == b'P'"),
        ("Tag::Sync.byte()", "b'S'"),
    ],
)
def test_a_tag_in_the_session_is_seen(before: str, after: str) -> None:
    """The check itself: each change puts a tag back where it once stood."""
    source = (ROOT / "rust/postgres/session/src/live/requests.rs").read_text()
    known = tags()
    assert not list(problems("requests.rs", source, known))
    assert before in source
    assert len(list(problems("requests.rs", source.replace(before, after, 1), known))) == 1


def test_only_code_that_ships_is_looked_at() -> None:
    known = tags()
    for harmless in (
        "// b'Q'\n/* b'Q' */",
        "let x = \"b'Q'\"; let y = b' '; let z = 'Q'; let quote = b'\"';",
        "fn f<'a>(x: &'a u8, y: &'a u8) {}",
        "#[cfg(test)]\nmod tests {\n    fn f() { g(b'Q') }\n}\n",
        'b"Q and more"',
    ):
        assert list(problems("x.rs", harmless, known)) == []
    behind = "#[cfg(test)]\nmod tests {\n    fn f() { g(b'Q') }\n}\n\nfn g() { h(b'Z') }\n"
    assert list(problems("x.rs", behind, known)) == ["x.rs:6: b'Z'"]
    assert list(problems("x.rs", r'out.extend_from_slice(b"X\0\0\0\x04");', known))
    assert list(problems("x.rs", "quote == b'\"' || tag == b'E'", known)) == ["x.rs:1: b'E'"]
