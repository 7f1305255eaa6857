"""scripts/bootstrap's look-ups: each thing is tried, and everything that is missing is said at once."""

import ctypes.util
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

HERE = Path(__file__).parents[3]
# What the scripts themselves are made of.
TOOLS = (
    *(
        "bash",
        "sh",
        "env",
        "dirname",
        "basename",
        "sed",
        "sort",
        "grep",
        "head",
        "tail",
        "cut",
        "tr",
        "cat",
        "mktemp",
    ),
    *(
        "rm",
        "mkdir",
        "chmod",
        "touch",
        "ln",
        "ls",
        "find",
        "uname",
        "id",
        "sha256sum",
        "tee",
        "sleep",
        "date",
        "test",
    ),
)
PYTHONS = sorted(
    path
    for pattern in ("/usr/bin/python3.*", "/usr/local/bin/python3.*", "~/.pyenv/versions/3.*/bin/python3")
    for path in Path("/").glob(os.path.expanduser(pattern).lstrip("/"))
    if path.name.replace("python3", "").replace(".", "").isdigit() or path.name == "python3"
)


class Checkout:
    """As much of a checkout as the look-ups need, and programs of the test's own in front of everything."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "it's a checkout"
        self.folder.mkdir()
        for name in ("Cargo.toml", "pyproject.toml", "Makefile"):
            shutil.copy(HERE / name, self.folder)
        shutil.copytree(HERE / "scripts", self.folder / "scripts")
        self.programs = folder / "programs"
        self.programs.mkdir()

    def has(self, **programs: str) -> None:
        """Programs with these lines of shell; an empty text is the machine's own."""
        for name, lines in programs.items():
            path = self.programs / name.replace("__", "+")
            path.unlink(missing_ok=True)
            if lines:
                path.write_text(f"#!/bin/sh\n{lines}\n")
                path.chmod(0o755)
            else:
                found = shutil.which(name)
                assert found, name
                path.symlink_to(found)

    def run(
        self,
        *arguments: str,
        bare: bool = False,
        environment: Mapping[str, str | None] | None = None,
        user: str | None = None,
        umask: int = -1,
    ) -> "subprocess.CompletedProcess[str]":
        """`scripts/bootstrap ARGUMENTS`; `bare`: with nothing on PATH but what the scripts are made of."""
        path = str(self.programs) if bare else f"{self.programs}:{os.environ['PATH']}"
        # pyenv's own launchers look for a home; the Python of these tests stands for itself.
        given = {**os.environ, "PATH": path, "PYTHON": sys.executable, **(environment or {})}
        return subprocess.run(
            [shutil.which("bash") or "bash", str(self.folder / "scripts/bootstrap"), *arguments],
            env={name: value for name, value in given.items() if value is not None},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=300,
            check=False,
            user=user,
            umask=umask,
            cwd="/",
        )

    def files(self) -> list[str]:
        return sorted(str(path) for path in self.folder.rglob("*"))


@pytest.fixture
def checkout() -> Iterator[Checkout]:
    # pytest's own folder is private.
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="hw-") as folder:
        Path(folder).chmod(0o755)
        yield Checkout(Path(folder))


@pytest.fixture
def bare(checkout: Checkout) -> Checkout:
    """Nothing but the tools that the scripts are made of."""
    checkout.has(**dict.fromkeys((tool for tool in TOOLS if shutil.which(tool)), ""))
    return checkout


def missing(done: "subprocess.CompletedProcess[str]") -> list[str]:
    """The Debian packages that were named."""
    [line] = [line for line in done.stderr.splitlines() if "Debian packages are missing" in line]
    return line.partition("missing: ")[2].split()


def test_everything_that_is_missing_is_told_at_once(bare: Checkout) -> None:
    """Each run named what it stopped at: a plain user went to the administrator four times."""
    before = bare.files()
    done = bare.run("look", "test", bare=True)
    assert done.returncode == 1
    named = missing(done)
    for package in ("gcc", "libc6-dev", "make", "postgresql-client", "nodejs", "npm", "sqlsmith", "valgrind"):
        assert package in named
    assert "openssh-client" in named
    assert "a Rust toolchain, 1.88 or newer" in done.stderr
    assert f"sudo apt-get install --no-install-recommends {' '.join(named)}" in done.stderr
    assert bare.files() == before


def test_the_demo_says_what_the_tests_will_need(bare: Checkout) -> None:
    done = bare.run("look", "demo", bare=True)
    assert "nodejs" not in missing(done)
    assert "make test needs besides: nodejs npm sqlsmith valgrind" in done.stderr


@pytest.mark.parametrize("sudo", ["absent", "asks for a password"])
def test_a_plain_user_is_told_and_nothing_is_changed(bare: Checkout, sudo: str) -> None:
    """Without root nothing can be installed: all is named, and the checkout is as it was."""
    bare.has(**{"apt-get": f"echo installed >'{bare.folder}/installed'"})
    if sudo != "absent":
        bare.has(sudo="exit 1")
    bare.folder.chmod(0o777)
    before = bare.files()
    done = bare.run("demo", bare=True, user="nobody" if os.geteuid() == 0 else None)
    assert done.returncode == 1
    assert {"gcc", "make", "postgresql-client"} <= set(missing(done))
    assert "Rust toolchain" in done.stderr
    assert bare.files() == before


@pytest.mark.parametrize(
    ("programs", "said"),
    [
        # A compiler without the C library's headers; one that does nothing.
        ({"cc": "echo 'fatal error: stdio.h: No such file' >&2; exit 1"}, "gcc libc6-dev"),
        ({"cc": "exit 0"}, "gcc libc6-dev"),
        # Debian's psql is there without any client.
        ({"psql": "echo 'Error: install at least one client' >&2; exit 1"}, "postgresql-client"),
        ({"node": "exit 127"}, "nodejs"),
        ({"npm": "echo 'Cannot find module' >&2; exit 1"}, "npm"),
        ({"valgrind": "exit 1"}, "valgrind"),
        ({"ssh": "exit 1"}, "openssh-client"),
        ({"sshd": "exit 0"}, "openssh-server"),
        ({"dbclient": "exit 1"}, "dropbear-bin"),
        ({"plink": "exit 1"}, "putty-tools"),
        ({"cargo": "echo 'error: rustup could not choose a version' >&2; exit 1"}, "rustup could not choose"),
        ({"rustc": "echo 'rustc 1.70.0 (90c541806 2023-05-31)'"}, "Rust 1.88 or newer"),
        ({"rustc": "exit 1"}, "no rustc that answers"),
    ],
)  # fmt: skip
def test_a_name_proves_nothing(checkout: Checkout, programs: dict[str, str], said: str) -> None:
    """N1: a file of the right name was taken for the thing; the build stopped minutes later."""
    checkout.has(**programs)
    done = checkout.run("look", "test")
    assert done.returncode == 1
    assert said in done.stderr


def test_what_was_found_is_said(checkout: Checkout) -> None:
    found = checkout.run("look", "demo").stdout
    assert f"Python {sys.version.split()[0]}" in found
    for name in ("cc ", "PostgreSQL ", "psql ", "Rust "):
        assert name in found


@pytest.mark.parametrize(
    "environment",
    [
        {"HOME": None},
        {"HOME": "/proc/nowhere"},
        {"LANG": "C", "LC_ALL": None},
        {"LANG": "de_DE.UTF-8", "LANGUAGE": "de", "LC_ALL": "de_DE.UTF-8"},
        {"CARGO_TARGET_DIR": "/nonexistent/target"},
        {"TMPDIR": "a space"},
        {"TMPDIR": "x" * 120},
        {"umask": "077"},
    ],
    ids=str,
)
def test_the_same_is_found_in_any_surroundings(
    checkout: Checkout, environment: dict[str, str | None]
) -> None:
    """N15: the checkout's path has a space and a quote in it, too."""
    plain = checkout.run("look", "demo")
    umask = int(environment.pop("umask", None) or "-1", 8)
    if folder := environment.get("TMPDIR"):
        environment["TMPDIR"] = str(checkout.folder / folder)
        (checkout.folder / folder).mkdir()
    # rustup's launchers look for their toolchains in a home.
    rustup = {"RUSTUP_HOME": os.environ.get("RUSTUP_HOME", os.path.expanduser("~/.rustup"))}
    other = checkout.run("look", "demo", environment=rustup | environment, umask=umask)
    assert (other.returncode, other.stdout) == (plain.returncode, plain.stdout), other.stderr


@pytest.mark.parametrize("python", PYTHONS, ids=str)
def test_each_python_at_hand(checkout: Checkout, python: Path) -> None:
    """From 3.11 on each will do, an older one is named and refused."""
    version = subprocess.run(
        [python, "--version"], capture_output=True, text=True, check=True
    ).stdout.split()[1]
    done = checkout.run("look", "python", environment={"PYTHON": str(python)})
    if tuple(int(part) for part in version.split(".")[:2]) >= (3, 11):
        assert f"Python {version}" in done.stdout
    else:
        assert done.returncode == 1
        assert f"{python} is Python {version}" in done.stderr


def looked_up(checkout: Checkout, command: str) -> "subprocess.CompletedProcess[str]":
    """A look-up by itself, in the checkout."""
    script = f"set -euo pipefail; . scripts/lookups.sh; python='{sys.executable}'; {command}"
    return subprocess.run(
        ["bash", "-c", script], cwd=checkout.folder, capture_output=True, text=True, check=False
    )


def test_a_venv_that_was_cut_short_is_none(checkout: Checkout) -> None:
    """A first run that was interrupted left a .venv that the second took for whole."""
    works = "if venv_works; then echo works; else echo not; fi"
    assert looked_up(checkout, works).stdout == "not\n"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", checkout.folder / ".venv"], check=True)
    assert looked_up(checkout, works).stdout == "not\n"
    (checkout.folder / ".venv/bin/pip").write_text("")
    assert looked_up(checkout, works).stdout == "not\n"


def test_a_venv_of_another_place_is_none(checkout: Checkout) -> None:
    """A checkout that was moved has a .venv whose programs name the old place."""
    venv = checkout.folder / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    # What pip leaves, as far as it is looked at.
    (venv / "bin/pip").write_text(f"#!{venv}/bin/python\n")
    [packages] = venv.glob("lib/python3.*/site-packages")
    (packages / "pip.py").write_text("")
    works = "if venv_works; then echo works; else echo not; fi"
    assert looked_up(checkout, works).stdout == "works\n"
    checkout.folder = checkout.folder.rename(checkout.folder.with_name("moved"))
    assert looked_up(checkout, works).stdout == "not\n"


@pytest.mark.parametrize("library", ["m", "stdc++", "clang-cpp"])
def test_another_library_is_no_libclang(library: str) -> None:
    """N1: libclang-cpp.so, which comes with LLVM, was taken for libclang."""
    name = ctypes.util.find_library(library)
    if name is None:
        pytest.skip(f"there is no lib{library} here")
    done = subprocess.run([HERE / "scripts/try-libclang", name], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "clang_createIndex" in done.stderr


def test_cargo_asks_the_python_of_the_environment() -> None:
    """N14: a python3 older than 3.11 came first on PATH, and the extension was built against that one."""
    asked = tomllib.loads((HERE / ".cargo/config.toml").read_text())["env"]["PYO3_PYTHON"]
    assert asked == {"value": ".venv/bin/python", "relative": True}
    told = subprocess.run([HERE / asked["value"], "--version"], capture_output=True, text=True, check=True)
    assert [int(part) for part in told.stdout.split()[1].split(".")[:2]] >= [3, 11]


@pytest.mark.skipif("LIBCLANG_PATH" in os.environ, reason="LIBCLANG_PATH names another libclang")
@pytest.mark.parametrize("language", ["C", "de_DE.UTF-8"])
def test_the_libclang_in_place_reads_c(language: str) -> None:
    """The one that .cargo/config.toml points to, and the program that tells where headers are."""
    place = HERE / ".venv/libclang"
    done = subprocess.run(
        [HERE / "scripts/try-libclang", place / "libclang.so"], capture_output=True, text=True, check=False
    )
    assert "clang version" in done.stdout, done.stderr
    spoken = {**os.environ, "LC_ALL": language, "LANGUAGE": language}
    asked = [place / "clang", "-E", "-x", "c", "-", "-v"]
    told = subprocess.run(asked, env=spoken, capture_output=True, text=True, check=True).stderr
    assert "#include <...> search starts here:" in told


def test_cargo_keeps_its_registry_here_when_home_cannot_be_written_to(
    checkout: Checkout, tmp_path: Path
) -> None:
    """HOME read-only: cargo stopped. The settings of registries go along."""
    script = checkout.folder / "scripts/cargo-home"

    def asked(**environment: str) -> str:
        given = {name: value for name, value in os.environ.items() if name not in ("HOME", "CARGO_HOME")}
        return subprocess.run(
            [script], env=given | environment, capture_output=True, text=True, check=True
        ).stdout

    assert asked() == ""
    assert asked(HOME=str(tmp_path)) == ""
    assert asked(HOME="/proc/nowhere") == f"{checkout.folder}/.cache/cargo-home\n"
    # A file where the folder should be: nobody can write below it, root neither.
    (tmp_path / "file").write_text("")
    assert (
        asked(CARGO_HOME=str(tmp_path / "file"), HOME=str(tmp_path))
        == f"{checkout.folder}/.cache/cargo-home\n"
    )


def test_clean_leaves_what_others_share() -> None:
    """N13: with CARGO_TARGET_DIR set `make clean` removed the builds of other checkouts."""
    shared = {**os.environ, "CARGO_TARGET_DIR": "/nonexistent/shared"}
    told = subprocess.run(
        ["make", "-n", "clean"], cwd=HERE, env=shared, capture_output=True, text=True, check=True
    )
    assert "cargo clean --quiet --target-dir target" in told.stdout
    assert "/nonexistent" not in told.stdout
