"""The walls between the crates, read from manifests and sources; `deny.toml` says the same to cargo-deny."""

import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
MANIFESTS = sorted([*ROOT.glob("rust/*/Cargo.toml"), *ROOT.glob("rust/*/*/Cargo.toml")])

POSTGRES = {"postgres-protocol", "postgres-sql", "postgres-policy"}
SSH = {"ssh-protocol", "ssh-policy"}
CORE = {"wire", "grant", "recording", "session"}
WINGS = {"postgres", "ssh", "skeleton"}
"""A folder of crates for each protocol; the skeleton, which only tests speak, is one crate."""
MAY_KNOW_WINGS = {"gateway", "bindings", "fuzz"}
"""Outside a wing, only these may depend on its crates."""
EDGES: dict[str, set[str]] = {
    "wire": set(),
    "grant": set(),
    "recording": set(),
    "spool": {"recording"},
    "session": {"wire", "grant", "recording"},
    "postgres-protocol": {"wire"},
    "postgres-sql": set(),
    "postgres-policy": {"grant", "postgres-sql"},
    "postgres-session": {*CORE, *POSTGRES},
    "ssh-protocol": {"wire"},
    "ssh-policy": {"grant"},
    "ssh-session": {*CORE, *SSH},
    "skeleton": CORE,
    "gateway": {"wire", "grant", "session", "postgres-session", *POSTGRES, "ssh-session", *SSH, "skeleton"},
    "engine": {"spool", "gateway", *CORE},
    "bindings": {"engine", "gateway", "spool", *CORE, *POSTGRES, *SSH},
    "fuzz": {"spool", "gateway", "postgres-session", "ssh-session", *CORE, *POSTGRES, *SSH},
    "testkit": {"wire"},
}
"""What of ours each crate may depend on. A new crate needs a row, and a thing that it must never know."""
FOR_TESTS = {"testkit", "skeleton"}
"""What any crate's tests may use besides."""

ONLY_IN: dict[str, set[str]] = {
    "mio": {"engine"},
    "rustls": {"engine"},
    "rustls-pki-types": {"engine"},
    # The engine for TLS; the transport and the keys of ssh, where the protocol is itself the cipher.
    "aws-lc-rs": {"engine", "ssh-protocol"},
    "socket2": {"engine"},
    # The bindings read CLOCK_MONOTONIC by it, to turn a deadline into an Instant: no socket, no file.
    "rustix": {"engine", "spool", "bindings"},
    "libc": {"engine", "spool"},
    "pyo3": {"bindings"},
    # PostgreSQL's grammar: C code, and the only place where a statement's text is understood.
    "pg_raw_parse": {"postgres-sql"},
    "ed25519-dalek": {"recording", "spool"},
    "libfuzzer-sys": {"fuzz"},
}
"""Crates of others that stand for a power: sockets, TLS, the system, Python, signing."""

NOWHERE = {
    "tokio",
    "async-std",
    "smol",
    "futures",
    "async-trait",
    "openssl",
    "native-tls",
    "pyo3-async-runtimes",
}
"""Reactors are our own, and there is one TLS."""

MAY_BE_UNSAFE = {"engine", "bindings"}
OF_PROTOCOLS = re.compile(
    r"SSLRequest|CancelRequest|ReadyForQuery|ErrorResponse|SQLSTATE|Sqlstate|Scram|SCRAM|hoopwire_postgres\w*|postgresql|hoopwire_ssh\w*"
    r"|\bProtocol::[A-Z][a-z]\w*"
)
"""Words that only a protocol's own rooms use. `gateway` picks a protocol and may name it."""
BANNED_WORDS = {"manager", "helper", "helpers", "util", "utils", "info"}
"""docs/glossary.md. `get_` is banned as a prefix."""

_ITEM = re.compile(r"\b(?:fn|struct|enum|trait|mod|type|union|macro_rules!)\s+([A-Za-z_][A-Za-z0-9_]*)")
# Comments and string literals are not code. Raw strings first; char literals cannot hold a word.
_NOT_CODE = re.compile(r'r(#*)".*?"\1|"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)


def room(path: Path) -> str:
    """`rust/wire/Cargo.toml` to `wire`, `rust/postgres/sql/Cargo.toml` to `postgres-sql`."""
    return "-".join(path.parent.relative_to(ROOT / "rust").parts)


def manifest(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text())


def dependencies(document: dict[str, Any], *, dev: bool) -> Iterator[str]:
    """Names of all crates a manifest depends on, by their real names, for every platform."""
    sections = ["dev-dependencies"] if dev else ["dependencies", "build-dependencies"]
    for table in (document, *document.get("target", {}).values()):
        for section in sections:
            for name, wanted in table.get(section, {}).items():
                yield wanted.get("package", name) if isinstance(wanted, dict) else name


def edge_problems(crate: str, document: dict[str, Any]) -> Iterator[str]:
    """Each dependence that goes through a wall."""
    if crate not in EDGES:
        yield f"{crate} is not in the table of crates"
        return
    for dev in (False, True):
        for name in dependencies(document, dev=dev):
            ours = name.removeprefix("hoopwire-")
            if ours != name and ours not in EDGES[crate] | (FOR_TESTS if dev else set()):
                yield f"{crate} must not depend on {name}"
            if name in NOWHERE:
                yield f"{crate} must not depend on {name}: nobody may"
            if not dev and name in ONLY_IN and crate not in ONLY_IN[name]:
                yield f"{crate} must not depend on {name}: only {', '.join(sorted(ONLY_IN[name]))}"


def wing(crate: str) -> str | None:
    """`postgres` of `postgres-sql`; None of what is in no wing."""
    first = crate.split("-")[0]
    return first if first in WINGS else None


def wing_problems(edges: dict[str, set[str]]) -> Iterator[str]:
    """Each crate that knows a wing it is not in."""
    for crate, known in edges.items():
        for other in known:
            if wing(other) not in (None, wing(crate)) and crate not in MAY_KNOW_WINGS:
                yield f"{crate} must not depend on {other}: it is in the wing of another protocol"


def code(source: str) -> str:
    """The source with comments and strings blanked, lines kept."""
    return _NOT_CODE.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), source)


def unsafe_problems(crate: str, source: str) -> Iterator[str]:
    """`unsafe` outside the crates that may, or without its SAFETY note in the lines above."""
    lines = source.splitlines()
    for number, line in enumerate(code(source).splitlines()):
        if not re.search(r"\bunsafe\b", line):
            continue
        if crate not in MAY_BE_UNSAFE:
            yield f"{crate}: line {number + 1}: unsafe"
        elif not any("SAFETY" in above for above in lines[max(0, number - 6) : number + 1]):
            yield f"{crate}: line {number + 1}: unsafe without a SAFETY note"


def is_banned(name: str) -> bool:
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    return name.lstrip("_").startswith("get_") or not BANNED_WORDS.isdisjoint(split.split("_"))


def name_problems(place: str, source: str) -> Iterator[str]:
    """Items and files of ours with a word that says nothing."""
    if is_banned(Path(place).stem):
        yield f"{place}: the name of the file"
    for found in _ITEM.finditer(code(source)):
        if is_banned(found[1]):
            yield f"{place}: the name {found[1]}"


def sources() -> Iterator[tuple[str, Path]]:
    for path in MANIFESTS:
        for source in sorted(path.parent.rglob("*.rs")):
            if "target" not in source.relative_to(path.parent).parts:
                yield room(path), source


def test_crates_keep_to_the_direction_of_dependence() -> None:
    assert len(MANIFESTS) >= 8
    found = [problem for path in MANIFESTS for problem in edge_problems(room(path), manifest(path))]
    assert found == []


def test_no_other_reactor_comes_in_by_a_side_door() -> None:
    """A dependency may bring tokio along: the lock file tells."""
    lock = ROOT / "Cargo.lock"
    assert lock.is_file(), "Cargo.lock belongs in the repository: this is a program"
    locked = {package["name"] for package in tomllib.loads(lock.read_text())["package"]}
    assert "hoopwire-wire" in locked
    assert locked & NOWHERE == set()


def test_mistakes_of_once_are_in_nothing_that_is_shipped() -> None:
    """The feature that puts mistakes of the lineage back is the example's alone: no crate and no build
    asks for it.
    """
    documents = {room(path): manifest(path) for path in MANIFESTS}
    features = documents["postgres-sql"]["features"]
    assert features == {"mutations": []}
    assert documents["postgres-sql"]["example"] == [{"name": "lineage", "required-features": ["mutations"]}]
    places = [ROOT / "pyproject.toml", ROOT / "scripts/bootstrap", ROOT / "Cargo.toml"]
    places += [path for path in MANIFESTS if room(path) != "postgres-sql"]
    assert [str(path) for path in places if "mutations" in path.read_text()] == []


def asks_for_the_skeleton(document: dict[str, Any], *, dev: bool) -> bool:
    """The manifest depends on `hoopwire-skeleton` for good, or on `hoopwire-gateway` with its feature."""
    section = "dev-dependencies" if dev else "dependencies"
    wanted = document.get(section, {})
    gateway, skeleton = (wanted.get(f"hoopwire-{name}", {}) for name in ("gateway", "skeleton"))
    return "skeleton" in gateway.get("features", []) or bool(skeleton and not skeleton.get("optional"))


def test_the_skeleton_is_in_nothing_that_is_shipped() -> None:
    """The protocol that only tests speak is a feature of the gateway's that no build asks for."""
    documents = {room(path): manifest(path) for path in MANIFESTS}
    assert documents["gateway"]["features"] == {"skeleton": ["dep:hoopwire-skeleton"]}
    assert {
        crate for crate, document in documents.items() if asks_for_the_skeleton(document, dev=False)
    } == set()
    assert {crate for crate, document in documents.items() if asks_for_the_skeleton(document, dev=True)} == {
        "engine"
    }
    # a feature of another crate, a build script's dependence, a target's, a command of the build
    elsewhere = [
        ROOT / "pyproject.toml",
        ROOT / "scripts/bootstrap",
        ROOT / "Makefile",
        ROOT / ".cargo/config.toml",
    ]
    elsewhere += [path for path in MANIFESTS if room(path) not in {"gateway", "skeleton", "engine"}]
    assert [str(path) for path in elsewhere if "skeleton" in path.read_text()] == []
    shipped = ["cargo", "tree", "--offline", "--locked", "-e", "normal,build", "-p", "hoopwire-bindings"]
    tree = subprocess.run(shipped, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert "hoopwire-gateway" in tree
    assert "skeleton" not in tree


@pytest.mark.parametrize(
    "text",
    [
        '[dependencies]\nhoopwire-gateway = { workspace = true, features = ["skeleton"] }',
        "[dependencies]\nhoopwire-skeleton.workspace = true",
    ],
)
def test_a_skeleton_that_would_be_shipped_is_seen(text: str) -> None:
    assert asks_for_the_skeleton(tomllib.loads(text), dev=False)


def test_nothing_but_the_gateway_knows_which_protocols_there_are() -> None:
    """The table may not say otherwise either: engine, session, grant and spool know no protocol."""
    assert list(wing_problems(EDGES)) == []
    folders = {path.parent.parent.name for path in MANIFESTS if path.parent.parent.name != "rust"}
    assert folders == WINGS - {"skeleton"}
    for crate in ("engine", "session", "grant", "spool", "testkit"):
        assert list(wing_problems({**EDGES, crate: EDGES[crate] | {"postgres-policy"}}))


def test_the_core_has_no_word_of_a_protocol() -> None:
    found = {
        (path.relative_to(ROOT).as_posix(), word)
        for crate, path in sources()
        if crate in {"engine", "session", "grant", "spool"}
        and "src" in path.parts
        and "tests" not in path.stem
        for word in OF_PROTOCOLS.findall(path.read_text())
    }
    assert found == set()


def test_crates_are_named_for_their_rooms() -> None:
    for path in MANIFESTS:
        assert manifest(path)["package"]["name"] == f"hoopwire-{room(path)}"


def test_lints_of_the_workspace_hold_in_every_crate() -> None:
    for path in MANIFESTS:
        if room(path) != "fuzz":
            assert manifest(path).get("lints") == {"workspace": True}, path


def test_unsafe_stays_where_it_may_be() -> None:
    found = [problem for crate, path in sources() for problem in unsafe_problems(crate, path.read_text())]
    assert found == []


def test_every_other_crate_forbids_unsafe() -> None:
    for path in MANIFESTS:
        if room(path) in MAY_BE_UNSAFE | {"fuzz"}:
            continue
        assert "#![forbid(unsafe_code)]" in (path.parent / "src/lib.rs").read_text(), path


def test_names_say_something() -> None:
    found = [
        problem
        for _, path in sources()
        for problem in name_problems(path.relative_to(ROOT).as_posix(), path.read_text())
    ]
    assert found == []


def test_the_bans_of_cargo_deny_are_the_same() -> None:
    deny = tomllib.loads((ROOT / "deny.toml").read_text())["bans"]["deny"]
    banned = {entry["crate"]: set(entry.get("wrappers", [])) for entry in deny}
    assert {name for name, wrappers in banned.items() if not wrappers} == NOWHERE
    for name, wrappers in banned.items():
        ours = {wrapper.removeprefix("hoopwire-") for wrapper in wrappers if wrapper.startswith("hoopwire-")}
        assert not wrappers or ours == ONLY_IN[name], name


@pytest.mark.parametrize(
    ("crate", "text"),
    [
        ("postgres-protocol", '[dependencies]\nhoopwire-postgres-policy = "*"'),
        ("wire", "[dependencies]\nmio.workspace = true"),
        ("postgres-session", "[dependencies]\nhoopwire-spool.workspace = true"),
        ("ssh-protocol", "[dependencies]\nhoopwire-grant.workspace = true"),
        ("recording", '[dependencies]\ntls = { package = "rustls", version = "0" }'),
        ("postgres-policy", "[target.'cfg(unix)'.dependencies]\nlibc = \"0\""),
        ("spool", '[build-dependencies]\npyo3 = "0"'),
        ("engine", '[dependencies]\nhoopwire-bindings = "*"'),
        ("engine", "[dependencies]\nhoopwire-postgres-protocol.workspace = true"),
        ("session", '[dependencies]\nhoopwire-postgres-policy = "*"'),
        ("engine", '[dev-dependencies]\ntokio = "1"'),
        ("wire", '[dev-dependencies]\nhoopwire-postgres-session = "*"'),
        ("postgres-session", '[dependencies]\nhoopwire-testkit = "*"'),
        ("skeleton", '[dependencies]\nhoopwire-postgres-policy = "*"'),
        ("postgres-session", '[dependencies]\nhoopwire-skeleton = "*"'),
        ("kitchen", ""),
    ],
)
def test_a_broken_wall_is_seen(crate: str, text: str) -> None:
    assert list(edge_problems(crate, tomllib.loads(text)))


def test_unsafe_is_seen_in_code_only() -> None:
    assert list(unsafe_problems("wire", "fn f() { unsafe { g() } }"))
    assert list(unsafe_problems("engine", "fn f() { unsafe { g() } }"))
    assert not list(unsafe_problems("engine", "// SAFETY: g has no conditions.\nunsafe { g() }"))
    assert not list(
        unsafe_problems("wire", '#![forbid(unsafe_code)]\n// unsafe\nlet x = "unsafe"; /* unsafe\n */')
    )
    assert list(unsafe_problems("wire", 'let x = r#"a"b"#; unsafe { g() }'))


@pytest.mark.parametrize(
    "source", ["fn get_x() {}", "struct SessionManager;", "mod util;", "enum RowInfo {}"]
)
def test_a_name_that_says_nothing_is_seen(source: str) -> None:
    assert list(name_problems("rust/wire/src/x.rs", source))
    assert not list(name_problems("rust/wire/src/x.rs", "fn information() {} // fn get_x"))
