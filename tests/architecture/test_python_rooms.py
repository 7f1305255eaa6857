"""The walls between the Python rooms, read from the source with `ast` (docs/architecture.md)."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "python/hoopwire"
FILES = sorted(PACKAGE.rglob("*.py"))

MIDDLE = {"config", "identity", "access", "custody", "recordings", "audit", "store"}
ROOMS: dict[str, set[str]] = {
    "model": set(),
    **{room: {"model"} for room in MIDDLE},
    "control": {"model", *MIDDLE},
    "api": {"model", "control", *MIDDLE},
    "client": {"model"},
    "demo": {"model", "control", "api", *MIDDLE},
    "cli": {"model", "control", "api", "client", "demo", *MIDDLE},
}
"""What each room may import of hoopwire. A room that is not here needs a row, and a reason, first."""

NETWORK = {"httpx", "starlette", "h11", "socket", "ssl", "http", "urllib.request"}
MUST_NOT_KNOW: dict[str, set[str]] = {
    "model": {"trio", "subprocess", *NETWORK},
    "access": {"trio", "subprocess", "jwt", "cryptography", "os", "time", "random", "sqlite3", *NETWORK},
    "config": {"trio", "subprocess", *NETWORK},
    "audit": {"httpx", "jwt"},
    "custody": {"httpx", "starlette", "jwt"},
    "control": {"httpx", "starlette", "h11", "ssl", "http"},
    "client": {"trio", "subprocess", "starlette", "httpx"},
    "identity": {"starlette", "sqlite3"},
}
ASKS = {"model", "client", "config"}
"""What a file of the command line may import that asks a running gateway: nothing of what a gateway runs."""
NOWHERE = {"asyncio", "requests", "anyio", "pickle", "marshal"}
"""trio is the one loop; what unpickles runs code."""

BANNED_WORDS = {"manager", "helper", "helpers", "util", "utils", "info"}
"""docs/glossary.md. `get_` is banned as a prefix."""

Problems = Iterator[str]


def room_of(file: Path) -> str:
    """The first folder below the package; the package's own files have the empty room."""
    parts = file.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else ""


def imports(tree: ast.AST, file: Path) -> Iterator[str]:
    """Dotted names of all that is imported, anywhere in the file; relative ones made absolute."""
    package = ("hoopwire", *file.relative_to(PACKAGE).parts[:-1])
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = ".".join((*package[: len(package) - node.level + 1], *filter(None, [base])))
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            yield from (str(given.value) for given in node.args if isinstance(given, ast.Constant))


def is_part_of(name: str, module: str) -> bool:
    return name == module or name.startswith(f"{module}.")


def import_problems(source: str, file: Path) -> Problems:
    """Each import that goes through a wall."""
    room, place = room_of(file), file.relative_to(PACKAGE).as_posix()
    allowed = ROOMS.get(room, set()) | {room}
    names = set(imports(ast.parse(source), file))
    if room == "cli" and any(
        is_part_of(name, asks) for name in names for asks in ("hoopwire.client", "hoopwire.cli.connect")
    ):
        allowed = ASKS | {room}
    for name in names:
        parts = name.split(".")
        if is_part_of(name, "hoopwire._engine"):
            if place != "control/engine.py":
                yield f"{place}: only control/engine.py imports hoopwire._engine"
        elif room and parts[0] == "hoopwire" and len(parts) > 1 and (PACKAGE / parts[1]).is_dir():
            yield from () if parts[1] in allowed else (f"{place}: {room} must not import {name}",)
        for forbidden in MUST_NOT_KNOW.get(room, set()) | NOWHERE:
            if is_part_of(name, forbidden):
                yield f"{place}: {room} must not know {forbidden}"


def nursery_problems(source: str, file: Path) -> Problems:
    """Only `control` starts nurseries, and what serves HTTP; `demo` is no part of the gateway."""
    if room_of(file) in ("control", "api", "demo"):
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute | ast.Name) and ast.unparse(node).split(".")[-1] == "open_nursery":
            yield f"{file.relative_to(PACKAGE)}:{node.lineno}: only control starts nurseries"


def words(name: str) -> list[str]:
    """`readHTTPInfo_of` to `read`, `http`, `info`, `of`."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return [word for word in split.lower().split("_") if word]


def is_banned(name: str) -> bool:
    return name.lstrip("_").startswith("get_") or not BANNED_WORDS.isdisjoint(words(name))


def name_problems(source: str, file: Path) -> Problems:
    """Files, classes, functions and arguments of ours with a word that says nothing."""
    place = file.relative_to(PACKAGE)
    for part in place.with_suffix("").parts:
        if is_banned(part):
            yield f"{place}: the name {part}"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and is_banned(node.name):
            yield f"{place}:{node.lineno}: the name {node.name}"
        if isinstance(node, ast.arg) and is_banned(node.arg):
            yield f"{place}:{node.lineno}: the argument {node.arg}"


def all_problems(check: object) -> list[str]:
    assert callable(check)
    assert len(FILES) > 20
    return sorted(problem for file in FILES for problem in check(file.read_text(), file))


def test_imports_keep_to_the_direction_of_dependence() -> None:
    assert all_problems(import_problems) == []


def test_only_control_starts_nurseries() -> None:
    assert all_problems(nursery_problems) == []


def test_names_say_something() -> None:
    assert all_problems(name_problems) == []


def test_every_room_is_in_the_table() -> None:
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert rooms <= set(ROOMS)


def test_files_stay_small_enough_to_live_in_one_room() -> None:
    assert [file.name for file in FILES if len(file.read_text().splitlines()) > 600] == []


@pytest.mark.parametrize(
    ("place", "source"),
    [
        ("access/x.py", "import hoopwire.identity"),
        ("access/x.py", "from hoopwire import identity"),
        ("access/x.py", "from ..identity import verify"),
        ("access/x.py", "def f():\n    from hoopwire.identity.token.verify import Verifier"),
        ("access/x.py", "import trio.lowlevel"),
        ("access/x.py", "from urllib import request"),
        ("model/x.py", "from hoopwire.access import decide"),
        ("config/x.py", "import importlib\nimportlib.import_module('hoopwire.control')"),
        ("control/service.py", "from hoopwire._engine import Engine"),
        ("control/service.py", "from hoopwire import _engine"),
        ("control/service.py", "from hoopwire.demo import issuer"),
        ("control/service.py", "from hoopwire.api.public import public_app"),
        ("control/service.py", "import starlette.applications"),
        ("cli/main.py", "import hoopwire._engine"),
        ("cli/x.py", "from hoopwire.client import Operators\nfrom hoopwire.control import service"),
        ("cli/x.py", "from hoopwire.cli.connect import operators\nfrom hoopwire.access import explain"),
        ("client/x.py", "from hoopwire.control.operations import Operations"),
        ("client/x.py", "from hoopwire.config import load"),
        ("control/x.py", "from hoopwire.client import Operators"),
        ("store/x.py", "import pickle"),
    ],
)
def test_a_broken_wall_is_seen(place: str, source: str) -> None:
    assert list(import_problems(source, PACKAGE / place))


@pytest.mark.parametrize(
    ("place", "source"),
    [
        ("access/x.py", "from hoopwire.model.grant import Grant"),
        (
            "access/x.py",
            "from hoopwire.access import denials\nfrom .match import open_to\nfrom urllib import parse",
        ),
        ("control/engine.py", "from hoopwire._engine import Engine"),
        ("cli/x.py", "from hoopwire import __version__\nfrom hoopwire.control import service"),
    ],
)
def test_a_door_is_no_wall(place: str, source: str) -> None:
    assert not list(import_problems(source, PACKAGE / place))


def test_a_hidden_nursery_is_seen() -> None:
    for source in ("import trio\nasync def f():\n  async with trio.open_nursery(): ...", "x = open_nursery"):
        assert list(nursery_problems(source, PACKAGE / "custody/x.py"))
        assert not list(nursery_problems(source, PACKAGE / "control/x.py"))


@pytest.mark.parametrize(
    "source",
    [
        "def get_x(): ...",
        "class SessionManager: ...",
        "async def _get_x(): ...",
        "def f(userInfo): ...",
        "class JWTUtil: ...",
    ],
)
def test_a_name_that_says_nothing_is_seen(source: str) -> None:
    assert list(name_problems(source, PACKAGE / "access/x.py"))
    assert not list(name_problems("def target(database, information): ...", PACKAGE / "access/x.py"))
