"""Places of keys, against tomllib's own reading of the same text."""

import datetime
import json
import string
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hoopwire.config.positions import Key, scan


def paths(value: object, base: Key = ()) -> set[Key]:
    found = {base} if base else set()
    if isinstance(value, dict):
        for name, item in value.items():
            found |= paths(item, (*base, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            found |= paths(item, (*base, index))
    return found


@pytest.mark.parametrize(
    ("text", "key", "place"),
    [
        ("a = 1", ("a",), (1, 1)),
        ("\n\n  a = 1", ("a",), (3, 3)),
        ("[t]\na = 1", ("t", "a"), (2, 1)),
        ("[t]\na = 1", ("t",), (1, 2)),
        ("[t.u]\n[t]\n", ("t",), (2, 2)),
        ("[ t . 'u' ]\nx=1", ("t", "u"), (1, 7)),
        ("a.b.c = 1", ("a", "b", "c"), (1, 5)),
        ("a.b = 1\na.c = 2", ("a", "c"), (2, 3)),
        ("a = [1,\n  2, # ]\n 3]", ("a", 2), (3, 2)),
        ("a = { b = 1, c = { d = 2 } }", ("a", "c", "d"), (1, 20)),
        ("a = [{ b = 1 }, { b = 2 }]", ("a", 1, "b"), (1, 19)),
        ("[[p]]\nx = 1\n[[p]]\nx = 2", ("p", 1, "x"), (4, 1)),
        ("[[p]]\n[[p]]\n[p.q]\nx = 1\n[[p.r]]\ny = 2", ("p", 1, "r", 0, "y"), (6, 1)),
        ('a = """\n[x]\nb = 1\n"""\nb = 2', ("b",), (5, 1)),
        ('a = """x\\""" # "\n""""" # y = 1\nb = 2', ("b",), (3, 1)),
        ("a = '''\n'' # x\n'''''\nb = 2", ("b",), (4, 1)),
        ('a = "# \\" b = 1"\nb = 2', ("b",), (2, 1)),
        ("a = 'C:\\'\nb = 2", ("b",), (2, 1)),
        ("a = 1979-05-27 07:32:00\nb = 2", ("b",), (2, 1)),
        ("a = [1979-05-27 07:32:00, 2]\n", ("a", 1), (1, 27)),
        ('"a b"."c\\u0064" = 1', ("a b", "cd"), (1, 7)),
        ("a = 1\r\nb = 2", ("b",), (2, 1)),
        ("a = 1 # é\né = 2".replace("é = 2", "'é' = 2"), ("é",), (2, 1)),
    ],
)
def test_places(text: str, key: Key, place: tuple[int, int]) -> None:
    assert key in paths(tomllib.loads(text))
    assert scan(text).find(key) == place


def test_a_missing_key_is_placed_where_its_table_begins() -> None:
    positions = scan("x = 1\n[t]\na = 1\n")
    assert positions.find(("t", "missing")) == (2, 2)
    assert positions.find(("nothing", "at", "all")) == (1, 1)


NAMES = st.text("ab-_1", min_size=1, max_size=3) | st.text(max_size=4).filter(
    lambda text: all(ord(c) >= 32 and ord(c) != 127 and not 0xD800 <= ord(c) < 0xE000 for c in text)
)
SCALARS = (
    st.integers(-(2**63), 2**63 - 1)
    | st.booleans()
    | st.floats(allow_nan=False)
    | st.text(string.printable.replace("\r", ""), max_size=12)
    | st.datetimes(datetime.datetime(1, 1, 1), datetime.datetime(9999, 1, 1)).map(str)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
BLANKS = st.sampled_from(["", " ", "\t", "  "])
BREAKS = st.sampled_from(["", " ", "\n", " # ] } \" ''' \n", "\n\n"])


@st.composite
def name(draw: st.DrawFn, text: str) -> str:
    forms = [json.dumps(text, ensure_ascii=draw(st.booleans()))]
    if text and all(c.isascii() and (c.isalnum() or c in "-_") for c in text):
        forms.append(text)
    if "'" not in text:
        forms.append(f"'{text}'")
    return draw(st.sampled_from(forms))


@st.composite
def scalar(draw: st.DrawFn, value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value) if "e" not in repr(value) else "1.5e3"
    assert isinstance(value, str)
    if value[:1].isdigit() and value[4:5] == "-":
        return value
    forms = [json.dumps(value).replace("\\u007f", "\\u007F")]
    plain = all(c == "\n" or ord(c) >= 32 for c in value)
    if plain and "'" not in value:
        forms.append(f"'''{value}'''")
        if "\n" not in value:
            forms.append(f"'{value}'")
    if plain and "\\" not in value and '"""' not in value and not value.endswith('"'):
        forms.append(f'"""{value}"""')
    return draw(st.sampled_from(forms))


@st.composite
def value_text(draw: st.DrawFn, value: object) -> str:
    if isinstance(value, list):
        items = [draw(BREAKS) + draw(value_text(item)) + draw(BREAKS) for item in value]
        comma = "," if items and draw(st.booleans()) else ""
        return "[" + ",".join(items) + comma + draw(BREAKS) + "]"
    if isinstance(value, dict):
        pairs = [
            draw(BLANKS) + draw(name(key)) + draw(BLANKS) + "=" + draw(BLANKS) + draw(value_text(item))
            for key, item in value.items()
        ]
        return "{" + draw(BLANKS).join(["", *[",".join(pairs)], ""]) + "}"
    return draw(scalar(value))


@st.composite
def document(draw: st.DrawFn) -> str:
    """Text of a document: pairs, tables, arrays of tables, dotted keys, in all the ways to write them."""
    lines: list[str] = []

    def pairs() -> None:
        for key in draw(st.lists(NAMES, max_size=3, unique=True)):
            dotted = draw(name(key))
            if draw(st.booleans()):
                dotted += draw(BLANKS) + "." + draw(BLANKS) + draw(name(draw(NAMES)))
            lines.append(draw(BLANKS) + f"{dotted} = {draw(value_text(draw(VALUES)))}" + draw(BLANKS))

    pairs()
    for header in draw(st.lists(st.lists(NAMES, min_size=1, max_size=3), max_size=4)):
        dotted = (draw(BLANKS) + "." + draw(BLANKS)).join(draw(name(part)) for part in header)
        copies = draw(st.sampled_from([0, 0, 1, 2]))
        if copies == 0:
            lines.append(f"[{dotted}]")
            pairs()
        for _ in range(copies):
            lines.append(f"[[{dotted}]] # comment")
            pairs()
    return draw(st.sampled_from(["\n", "\r\n"])).join(lines)


@settings(max_examples=200, deadline=None)
@given(document())
def test_every_key_that_tomllib_reads_has_a_place_and_no_other(text: str) -> None:
    try:
        read = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return  # tables that clash; nothing to place
    positions = scan(text)
    assert positions.keys() == paths(read)
    lines = text.replace("\r\n", "\n").split("\n")
    for key in paths(read):
        line, column = positions.find(key)
        assert 1 <= line <= len(lines)
        rest = lines[line - 1][column - 1 :]
        last = key[-1]
        if isinstance(last, str) and last.isascii() and last.isalnum():
            assert rest.startswith((last, f'"{last}"', f"'{last}'"))
