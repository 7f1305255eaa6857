"""Folders that a throw-away server can work in, wherever temporary files go, and their names elsewhere."""

import os
import pwd
import shlex
import socket
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from hoopwire.demo import places
from hoopwire.demo.places import conninfo, server_folder
from hoopwire.demo.postgres import ThrowAwayPostgres, client_environment, server_account


class Temporary:
    """Sets where temporary files go: a folder of this name."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, above: Path) -> None:
        self._monkeypatch = monkeypatch
        self._above = above

    def goes_to(self, name: str, mode: int = 0o755) -> Path:
        folder = self._above / name
        folder.mkdir()
        folder.chmod(mode)
        self._monkeypatch.setattr(tempfile, "tempdir", str(folder))
        return folder


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Temporary]:
    # pytest's own folder has a long name, and is private.
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="hw-") as above:
        Path(above).chmod(0o755)
        yield Temporary(monkeypatch, Path(above))


@pytest.mark.parametrize("value", ["plain", "/a b", "it's", "a\\b", "", " ", "x=y", 5432, Path("/ö ä")])
def test_a_value_comes_out_as_it_went_in(value: object) -> None:
    """N15: a TMPDIR with a space broke every connection string with a path in it."""
    text = conninfo(host=value, dbname="orders")
    assert conninfo_to_dict(text) == {"host": str(value), "dbname": "orders"}


@pytest.mark.parametrize("name", ["plain", "with a space", "it's", 'ö "quoted" \\ and $HOME'])
def test_a_server_works_in_a_folder_of_any_name(temporary: Temporary, name: str) -> None:
    """N15: PostgreSQL's settings, psql's own commands and connection strings have each their own quotes."""
    parent = temporary.goes_to(name)
    with ThrowAwayPostgres() as pg:
        assert pg.directory.parent == parent
        assert pg.psql("select count(*) from orders", database="orders").out == "1000"
        for user in ("app", "app_cert"):
            assert pg.psql("select 1", user=user, database="orders").out == "1"


@pytest.mark.parametrize("name", ["x" * 120, "a,b"])
def test_a_socket_fits_below_any_name(temporary: Temporary, name: str) -> None:
    """N15: with a TMPDIR of 120 characters PostgreSQL did not start: a socket's name has 107 bytes.

    A comma in it ends the name of a host for libpq.
    """
    parent = temporary.goes_to(name)
    folder = server_folder("hw-test-")
    try:
        assert folder.parent != parent
        with closing(socket.socket(socket.AF_UNIX)) as listening:
            listening.bind(str(folder / ".s.PGSQL.65535"))
    finally:
        subprocess.run(["rm", "-rf", str(folder)], check=True)
    assert list(parent.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another account")
def test_the_servers_account_can_enter(temporary: Temporary) -> None:
    """N15: below a folder of mode 0700 the account that the server runs under could not reach its data."""
    account = server_account()
    assert isinstance(account, pwd.struct_passwd)
    private = temporary.goes_to("private", mode=0o700)
    folder = server_folder("hw-test-", account)
    try:
        assert folder.parent != private
        assert folder.stat().st_uid == account.pw_uid
        assert places.can_enter(account, folder)
    finally:
        folder.rmdir()
    assert list(private.iterdir()) == []


def test_no_place_at_all_is_said(temporary: Temporary, monkeypatch: pytest.MonkeyPatch) -> None:
    parent = temporary.goes_to("x" * 120)
    monkeypatch.setattr(places, "_parents", lambda: iter([str(parent), "/nonexistent"]))
    with pytest.raises(RuntimeError, match=r"at most 80 bytes.*set TMPDIR"):
        server_folder("hw-test-")


def test_a_server_starts_under_any_umask() -> None:
    """N15: under umask 077 the server's account could not read the authority that root had written."""
    before = os.umask(0o077)
    try:
        with ThrowAwayPostgres(dataset=False) as pg:
            assert pg.psql("select 1", user="app", database="postgres").out == "1"
            assert stat.S_IMODE(pg.directory.stat().st_mode) == 0o700
    finally:
        os.umask(before)


def test_programs_speak_english(monkeypatch: pytest.MonkeyPatch) -> None:
    """N15: with LANG=de_DE psql said "(5 Zeilen)"."""
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    monkeypatch.setenv("LANGUAGE", "de")
    monkeypatch.setenv("LC_ALL", "de_DE")
    monkeypatch.setenv("LC_MESSAGES", "de_DE")
    environment = client_environment()
    assert environment["LC_ALL"] == "C.UTF-8"
    assert "LANGUAGE" not in environment


def test_what_a_shell_is_told_to_export_comes_out_the_same(tmp_path: Path) -> None:
    """N15: the demo's exports broke at a space; with a checkout's path of one the PATH had quotes in it."""
    from hoopwire.demo.setting import Setting

    class Stub:
        host, port, control_port = "127.0.0.1", 5432, 8443

    setting = Setting(tmp_path / "it's a folder", say=lambda text: None)
    setting.gateway = setting.pg = Stub()  # type: ignore[assignment]
    shown = [line for line in setting.to_export if not line.startswith("export PATH=")]
    names = [shlex.split(line)[1].partition("=")[0] for line in shown]
    script = "; ".join([*shown, *(f'printf "%s\\n" "${name}"' for name in names)])
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [setting.environment[name] for name in names]
    assert "'" not in setting.environment["PATH"]
