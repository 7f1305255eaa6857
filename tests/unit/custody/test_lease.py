"""Leases: the secret comes from where it is kept, and from nowhere else does anyone learn it."""

import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
import trio

from hoopwire.custody import LeaseFailed, lease, resolve_host
from hoopwire.custody.source import SourceFailed, run_command
from hoopwire.model.settings import CredentialSettings, PostgresTarget

SECRET = "correct-horse-battery"
Resolve = Callable[[str, int], Awaitable[list[tuple[str, int]]]]


def resolved(*addresses: str) -> Resolve:
    async def resolve(host: str, port: int) -> list[tuple[str, int]]:
        await trio.lowlevel.checkpoint()
        return [(address, port) for address in addresses]

    return resolve


def target(tmp_path: Path, **changes: object) -> PostgresTarget:
    ca = tmp_path / "ca.pem"
    ca.write_text("-----BEGIN CERTIFICATE-----\n")
    base = PostgresTarget(
        host="db.internal",
        port=6432,
        databases=("orders",),
        user="app",
        credential=CredentialSettings(trust=True),
        ca=str(ca),
    )
    return msgspec.structs.replace(base, **changes)


def secret_file(tmp_path: Path, content: bytes, mode: int = 0o600) -> str:
    path = tmp_path / "secret"
    path.write_bytes(content)
    path.chmod(mode)
    return str(path)


async def failed(settings: PostgresTarget, resolve: Resolve | None = None) -> LeaseFailed:
    with pytest.raises(LeaseFailed) as caught:
        await lease(settings, "orders", resolve or resolved("10.0.0.1"))
    assert SECRET not in caught.value.internal + caught.value.message + caught.value.hint + repr(caught.value)
    assert caught.value.__cause__ is None
    return caught.value


@pytest.mark.parametrize(
    ("content", "password"),
    [
        (b"pw\n", "pw"),
        (b"pw", "pw"),
        (b"pw\r\n", "pw"),
        (b"pw\n\n", "pw\n"),
        (b" pw \n", " pw "),
        ("pässwörd\n".encode(), "pässwörd"),
    ],
)
async def test_a_file_less_one_newline(tmp_path: Path, content: bytes, password: str) -> None:
    credential = CredentialSettings(file=secret_file(tmp_path, content))
    lent = await lease(target(tmp_path, credential=credential), "orders", resolved("10.0.0.1", "fd00::1"))
    assert lent.password == password
    assert lent.addresses == (("10.0.0.1", 6432), ("fd00::1", 6432))
    assert (lent.user, lent.database, lent.tls, lent.server_name) == ("app", "orders", True, "db.internal")
    assert lent.ca_pem.startswith("-----BEGIN")


async def test_the_file_is_read_anew_each_time(tmp_path: Path) -> None:
    """A rotated password must be used by the next session, without a reload."""
    settings = target(tmp_path, credential=CredentialSettings(file=secret_file(tmp_path, b"old")))
    assert (await lease(settings, "orders", resolved("10.0.0.1"))).password == "old"
    secret_file(tmp_path, b"new")
    assert (await lease(settings, "orders", resolved("10.0.0.1"))).password == "new"


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o602, 0o620, 0o666])
async def test_a_secret_that_others_may_read_or_change_is_refused(tmp_path: Path, mode: int) -> None:
    path = secret_file(tmp_path, SECRET.encode(), mode)
    error = await failed(target(tmp_path, credential=CredentialSettings(file=path)))
    assert "chmod 600" in error.internal


async def test_a_secret_that_its_group_may_read_is_taken(tmp_path: Path) -> None:
    path = secret_file(tmp_path, b"pw", 0o640)
    settings = target(tmp_path, credential=CredentialSettings(file=path))
    assert (await lease(settings, "orders", resolved("10.0.0.1"))).password == "pw"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\n", "empty"),
        (SECRET.encode() + b"\xff", "not UTF-8"),
        (SECRET.encode() + b"\0", "NUL"),
    ],
)
async def test_what_is_no_password(tmp_path: Path, content: bytes, words: str) -> None:
    path = secret_file(tmp_path, content)
    assert words in (await failed(target(tmp_path, credential=CredentialSettings(file=path)))).internal


async def test_a_pipe_or_folder_in_place_of_the_file_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name in ("pipe", "nothing", "."):
        credential = CredentialSettings(file=str(tmp_path / name))
        with trio.fail_after(60):
            await failed(target(tmp_path, credential=credential))


async def test_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = target(tmp_path, credential=CredentialSettings(env="HOOPWIRE_TEST_PW"))
    monkeypatch.delenv("HOOPWIRE_TEST_PW", raising=False)
    assert "HOOPWIRE_TEST_PW" in (await failed(settings)).internal
    monkeypatch.setenv("HOOPWIRE_TEST_PW", SECRET)
    assert (await lease(settings, "orders", resolved("10.0.0.1"))).password == SECRET


def command(tmp_path: Path, code: str) -> PostgresTarget:
    return target(tmp_path, credential=CredentialSettings(command=(sys.executable, "-c", code)))


async def test_a_command(tmp_path: Path) -> None:
    lent = await lease(command(tmp_path, f"print({SECRET!r})"), "orders", resolved("10.0.0.1"))
    assert lent.password == SECRET


async def test_a_command_gets_no_shell(tmp_path: Path) -> None:
    credential = CredentialSettings(command=("/bin/echo", "$HOME; id", "`id`"))
    lent = await lease(target(tmp_path, credential=credential), "orders", resolved("10.0.0.1"))
    assert lent.password == "$HOME; id `id`"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (f"import sys; print({SECRET!r}); print({SECRET!r}, file=sys.stderr); sys.exit(3)", "status 3"),
        (f"import sys; sys.exit({SECRET!r})", "status 1"),
        ("pass", "empty"),
        ("print('x' * 100_000)", "64 KiB"),
        ("import itertools\nfor _ in itertools.repeat(0): print('x' * 60)", "64 KiB"),
    ],
)
async def test_a_command_that_fails_tells_nothing(
    tmp_path: Path, code: str, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Tools that fetch secrets print them on stderr when they fail: it must reach no log."""
    error = await failed(command(tmp_path, code))
    assert words in error.internal
    assert SECRET not in "".join(capfd.readouterr())


async def test_a_command_that_is_not_there(tmp_path: Path) -> None:
    credential = CredentialSettings(command=("/nonexistent/vault",))
    assert "cannot run /nonexistent/vault" in (await failed(target(tmp_path, credential=credential))).internal


async def test_a_command_that_hangs_is_killed_with_what_it_started(tmp_path: Path) -> None:
    """A hung vault must not hold an admission forever, nor leave processes behind."""
    pid_file = tmp_path / "pid"
    script = f"sleep 600 & echo $! > '{pid_file}'; wait"
    with pytest.raises(SourceFailed, match="did not end within"):
        await run_command(("/bin/sh", "-c", script), timeout_s=2)
    await wait_gone(int(pid_file.read_text()))


async def wait_gone(pid: int) -> None:
    """A killed process that is not our child ends in its own time."""
    with trio.fail_after(60):
        while is_running(pid):  # noqa: ASYNC110 - the kernel sets no event
            await trio.sleep(0.01)


def is_running(pid: int) -> bool:
    """Zombies do not count: whoever adopted the process reaps it in its own time."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in ("Z", "X")


async def test_a_cancelled_lease_leaves_no_process(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    code = f"import os, time; open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lease, command(tmp_path, code), "orders", resolved("10.0.0.1"))
            while not (pid_file.exists() and pid_file.read_text()):  # noqa: ASYNC110 - another process writes it
                await trio.sleep(0.01)
            scope.cancel()
    assert not is_running(int(pid_file.read_text()))


async def test_a_client_certificate(tmp_path: Path) -> None:
    (tmp_path / "client.crt").write_text("CERT")
    credential = CredentialSettings(
        certificate=str(tmp_path / "client.crt"), key=secret_file(tmp_path, b"KEY\n")
    )
    lent = await lease(target(tmp_path, credential=credential), "orders", resolved("10.0.0.1"))
    assert (lent.client_certificate_pem, lent.client_key_pem, lent.password) == ("CERT", "KEY", "")


async def test_trust_needs_nothing(tmp_path: Path) -> None:
    lent = await lease(target(tmp_path), "orders", resolved("10.0.0.1"))
    assert (lent.password, lent.client_key_pem) == ("", "")


async def test_no_ca_no_lease(tmp_path: Path) -> None:
    await failed(target(tmp_path, ca=None))
    await failed(target(tmp_path, ca=str(tmp_path / "nothing.pem")))


async def test_without_tls_only_to_loopback(tmp_path: Path) -> None:
    """A hosts entry that moves `localhost` must not send the password in clear over the network."""
    settings = target(tmp_path, host="localhost", tls="disable", ca=None)
    assert (await lease(settings, "orders", resolved("127.0.0.1", "::1"))).tls is False
    assert "not on loopback" in (await failed(settings, resolved("127.0.0.1", "10.0.0.1"))).internal


async def test_resolving(tmp_path: Path) -> None:
    assert await resolve_host("127.0.0.1", 5432) == [("127.0.0.1", 5432)]
    assert await resolve_host("::1", 5432) == [("::1", 5432)]

    async def fails(host: str, port: int) -> list[tuple[str, int]]:
        raise OSError("Name or service not known")

    error = await failed(target(tmp_path), fails)
    assert "db.internal" in error.internal
    assert "db.internal" not in error.message + error.hint
    assert "no address" in (await failed(target(tmp_path), resolved())).internal


async def test_a_resolver_that_hangs(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    async def hangs(host: str, port: int) -> list[tuple[str, int]]:
        await trio.sleep_forever()
        raise AssertionError

    assert "no answer within" in (await failed(target(tmp_path), hangs)).internal


async def test_no_secret_in_the_repr(tmp_path: Path) -> None:
    credential = CredentialSettings(
        certificate=secret_file(tmp_path, b"CERT"), key=secret_file(tmp_path, SECRET.encode())
    )
    lent = await lease(target(tmp_path, credential=credential), "orders", resolved("10.0.0.1"))
    assert lent.client_key_pem == SECRET
    assert SECRET not in repr(lent) + str(lent) + f"{lent!s}" + repr([lent])
