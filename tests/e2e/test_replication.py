"""The replication protocol: an action of its own, refused by name unless a policy grants it, then it streams.

PostgreSQL documentation, "Streaming Replication Protocol".
"""

import re
import signal
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hoopwire.demo.certificates import write_private
from hoopwire.demo.gateway import GROUP, RunningGateway
from hoopwire.demo.issuer import DevIssuer
from hoopwire.demo.postgres import (
    ThrowAwayPostgres,
    client_environment,
    postgres_program,
    program_version,
)
from support.frontend import Frontend, Message, message, query
from support.wait import wait_for, wait_for_audit

REPLICATORS = "replicators"
SLOT = "hoopwire_test"


@pytest.fixture(scope="module")
def source() -> Iterator[ThrowAwayPostgres]:
    """A target that may be replicated, with a user that may do it."""
    settings = {"wal_level": "logical", "max_wal_senders": "8", "max_replication_slots": "8"}
    with ThrowAwayPostgres(dataset=False, settings=settings) as server:
        server.psql("create role replicator login replication password 'in this test only'")
        server.psql("create database orders owner replicator")
        hba = server.directory / "data" / "pg_hba.conf"
        with hba.open("a") as file:
            file.write("hostssl replication replicator all scram-sha-256\n")
        assert server.psql("select pg_reload_conf()").out == "t"
        yield server


@pytest.fixture(scope="module")
def replicated(source, issuer) -> Iterator[RunningGateway]:
    """A gateway with one policy that grants replication and one that does not."""
    gateway = RunningGateway(source, issuer.issuer)
    secret = write_private(gateway.directory / "replicator.password", "in this test only")
    upstream = {
        "host": source.host,
        "port": source.port,
        "user": "replicator",
        "ca": str(source.ca),
        "databases": ["orders"],
        "credential": {"file": str(secret)},
    }
    common = {"targets": ["orders"], "max_sessions": 50}
    gateway.configure(
        {
            "targets": {"orders": upstream, "secrets": None},
            "policies": [
                {**common, "name": "queries", "groups": [GROUP], "actions": ["query"]},
                {
                    **common,
                    "name": "replicas",
                    "groups": [REPLICATORS],
                    "actions": ["query", "replication"],
                    "record": "full",
                },
                {**common, "name": "streams", "groups": ["streams"], "actions": ["replication"]},
            ],
        }
    )
    with gateway:
        yield gateway
        assert "panic" not in gateway.log.lower(), gateway.log[-4000:]


def _token(issuer: DevIssuer, group: str) -> str:
    return issuer.token(issuer.client(groups=[group], ttl_s=3600).cid)


def _replicating(gateway: RunningGateway, token: str, mode: str = "database") -> Frontend:
    frontend = Frontend(gateway.host, gateway.port)
    try:
        frontend.login(token, ca=gateway.ca, replication=mode)
    except BaseException:
        frontend.close()
        raise
    return frontend


@pytest.mark.parametrize("mode", ["database", "true", "on", "1"])
def test_refused_without_the_action(replicated, issuer, mode):
    """Who may only query gets no replication connection, and hears which action is missing."""
    with pytest.raises(ConnectionError, match=r"^42501 .*replication"):
        _replicating(replicated, _token(issuer, GROUP), mode)
    denied = wait_for_audit(replicated, "session.denied", code="actions_not_granted")
    assert "replication" in denied["reason"]


def _base_backup(gateway: RunningGateway, password: str, copy: Path) -> "subprocess.CompletedProcess[str]":
    command = [postgres_program("pg_basebackup"), "-D", str(copy), "-d", gateway.dsn()]
    return subprocess.run(
        [*command, "--wal-method=stream", "--checkpoint=fast", "--no-sync"],
        env=client_environment(PGPASSWORD=password),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _secret(gateway: RunningGateway, issuer: DevIssuer, group: str) -> str:
    answer = gateway.mint(_token(issuer, group), target="orders")
    assert answer.status_code == 201, answer.text
    return str(answer.json()["secret"])


def test_tools_are_refused_without_the_action(replicated, issuer, tmp_path):
    """pg_basebackup with a grant that may only query shows the reason."""
    done = _base_backup(replicated, _secret(replicated, issuer, GROUP), tmp_path / "copy")
    assert done.returncode != 0
    assert "replication is not granted" in done.stderr
    assert "replication" in done.stderr.split("HINT:")[1]


def test_tools_that_name_no_target(replicated, source, issuer, needs_tool, tmp_path):
    """Up to version 16 they replace any dbname by `replication`: a token cannot tell which target is meant.

    The gateway never guesses one; it says that a grant's secret does name it. Newer ones send the dbname.
    """
    needs_tool("pg_basebackup", source)
    done = _base_backup(replicated, _token(issuer, REPLICATORS), tmp_path / "copy")
    if program_version("pg_basebackup") >= 17:
        assert done.returncode == 0, done.stderr
        return
    assert done.returncode != 0
    assert "which target is meant" in done.stderr
    assert "hoopwire grants request" in done.stderr


@pytest.mark.parametrize("mode", ["off", "false", "0", "no"])
def test_switched_off_is_an_ordinary_session(replicated, issuer, mode):
    """`replication=off` is what libpq means by an ordinary session."""
    with _replicating(replicated, _token(issuer, GROUP), mode) as frontend:
        assert frontend.rows("select 1") == [("1",)]


def test_commands(replicated, source, issuer):
    """IDENTIFY_SYSTEM and SHOW answer as they do directly; in logical mode SQL works, too."""
    with _replicating(replicated, _token(issuer, REPLICATORS)) as frontend:
        (system,) = frontend.rows("IDENTIFY_SYSTEM")
        identifier = source.psql("select system_identifier from pg_control_system()").out
        assert (system[0], system[3]) == (identifier, "orders")
        assert frontend.rows("SHOW wal_level") == [("logical",)]
        assert frontend.rows("select 1") == [("1",)]
        failed = frontend.query("START_REPLICATION SLOT no_such_slot LOGICAL 0/0")
        assert [reply.kind for reply in failed] == [b"E", b"Z"]
        assert frontend.rows("select 'alive'") == [("alive",)]


def _make_slot(source: ThrowAwayPostgres, name: str) -> None:
    make = f"select pg_create_logical_replication_slot('{name}', 'test_decoding')"
    made = source.psql(make, database="orders")
    assert made.ok, made.err


def _drop_slot(source: ThrowAwayPostgres, name: str) -> bool:
    return source.psql(f"select pg_drop_replication_slot('{name}')").ok


REFUSED = {
    "files on the target's host": "BASE_BACKUP (TARGET 'server', TARGET_DETAIL '@directory@/taken')",
    "the same, quoted": "base_backup (\"target\" 'server', \"target_detail\" '@directory@/taken')",
    "a backup to nowhere": "BASE_BACKUP (TARGET 'blackhole')",
    "a slot that outlives the session": "CREATE_REPLICATION_SLOT stays LOGICAL test_decoding",
    "the same, physical": "CREATE_REPLICATION_SLOT stays PHYSICAL RESERVE_WAL",
    "the same, called temporary": "CREATE_REPLICATION_SLOT temporary PHYSICAL",
    "another consumer's changes": "START_REPLICATION SLOT consumer LOGICAL 0/0",
    "another consumer's changes, quoted": 'start_replication slot "consumer" logical 0/0',
    "another consumer's slot as a physical one": "START_REPLICATION SLOT consumer PHYSICAL 0/0",
    "another consumer's slot, dropped": "DROP_REPLICATION_SLOT consumer WAIT",
    "a slot for the gateway, dropped": "DROP_REPLICATION_SLOT hoopwire_other",
    "another consumer's slot, looked at": "READ_REPLICATION_SLOT consumer",
    "another consumer's slot, changed": "ALTER_REPLICATION_SLOT consumer (FAILOVER)",
    "what cannot be read": "START_REPLICATION SLOT 'consumer' LOGICAL 0/0",
}


@pytest.mark.parametrize("road", REFUSED)
def test_commands_are_decided_one_by_one(replicated, source, issuer, road):
    """H17: files were written on the target's host, slots outlived grants, others' were dropped."""
    text = REFUSED[road].replace("@directory@", str(source.directory))
    _make_slot(source, "consumer")
    _make_slot(source, "hoopwire_other")
    slots = "select slot_name, confirmed_flush_lsn from pg_replication_slots order by 1"
    before = source.psql(slots).out
    try:
        with _replicating(replicated, _token(issuer, REPLICATORS)) as frontend:
            error, *_, ready = frontend.query(text)
            assert (error.sqlstate, ready.kind) == ("42501", b"Z")
            assert error.fields["D"].endswith("code: replication_command_not_granted")
            assert error.fields["H"]
            assert frontend.rows("select 'alive'") == [("alive",)]
        assert source.psql(slots).out == before
        assert not (source.directory / "taken").exists()
    finally:
        _drop_slot(source, "consumer")
        _drop_slot(source, "hoopwire_other")


def test_a_temporary_slot_is_the_sessions_own(replicated, source, issuer):
    """It streams and may be dropped. One that could not be made is somebody else's."""
    _make_slot(source, "taken")
    try:
        with _replicating(replicated, _token(issuer, REPLICATORS)) as frontend:
            made = frontend.rows("CREATE_REPLICATION_SLOT own TEMPORARY LOGICAL test_decoding")
            assert made[0][0] == "own"
            frontend.send(query("START_REPLICATION SLOT own LOGICAL 0/0"))
            assert frontend.read().kind == b"W"
            frontend.send(message(b"c"))
            assert frontend.until(b"Z")[-1].body == b"I"
            assert frontend.query("DROP_REPLICATION_SLOT own")[0].kind == b"C"
            assert frontend.query("START_REPLICATION SLOT own LOGICAL 0/0")[0].sqlstate == "42501"
            taken = frontend.query("CREATE_REPLICATION_SLOT taken TEMPORARY LOGICAL test_decoding")
            assert taken[0].sqlstate == "42710"
            assert frontend.query("START_REPLICATION SLOT taken LOGICAL 0/0")[0].sqlstate == "42501"
            # an error drops the session's temporary slots: their names are free for others
            assert frontend.rows("CREATE_REPLICATION_SLOT own TEMPORARY LOGICAL test_decoding")
            assert frontend.query("NO_COMMAND")[0].kind == b"E"
            assert source.psql("select count(*) from pg_replication_slots where slot_name = 'own'").out == "0"
            assert frontend.query("START_REPLICATION SLOT own LOGICAL 0/0")[0].sqlstate == "42501"
    finally:
        _drop_slot(source, "taken")


def test_sql_needs_the_action_for_it(replicated, source, issuer):
    """H17: with `replication=database` every statement passed under `replication` alone."""
    with _replicating(replicated, _token(issuer, "streams")) as frontend:
        assert frontend.rows("SHOW wal_level") == [("logical",)]
        for text in ("select 1", "create table made (n int)", "SHOWN", "/* */ IDENTIFY_SYSTEM"):
            assert frontend.query(text)[0].sqlstate == "42501", text


def _changes(replies: list[Message]) -> str:
    """The text of XLogData messages (test_decoding)."""
    return "".join(
        reply.body[25:].decode() + "\n" for reply in replies if reply.kind == b"d" and reply.body[:1] == b"w"
    )


def _status(position: int) -> bytes:
    """Standby status update: all up to here is written, flushed and applied."""
    return message(b"d", b"r" + struct.pack("!QQQQB", position, position, position, 0, 1))


def test_logical_stream(replicated, source, issuer):
    """START_REPLICATION: changes flow, status updates go up, CopyDone ends it, the session goes on."""
    source.psql("create table changed (n int primary key)", database="orders")
    with _replicating(replicated, _token(issuer, REPLICATORS)) as frontend:
        _make_slot(source, SLOT)
        try:
            source.psql("insert into changed select generate_series(1, 500)", database="orders")
            frontend.send(query(f"START_REPLICATION SLOT {SLOT} LOGICAL 0/0"))
            assert frontend.read().kind == b"W"
            changes, position = "", 0
            while "COMMIT" not in changes:
                reply = frontend.read()
                assert reply.kind == b"d", reply
                changes += _changes([reply])
                position = struct.unpack("!Q", reply.body[9:17])[0] if reply.body[:1] == b"w" else position
            assert changes.count("INSERT: n[integer]:") == 500
            # Both directions at once: a status update that asks for an answer gets it.
            frontend.send(_status(position))
            while (reply := frontend.read()).body[:1] != b"k":
                assert reply.kind == b"d", reply
            # What is written while the stream is open comes by itself.
            source.psql("insert into changed values (1001)", database="orders")
            changes = ""
            while "COMMIT" not in changes:
                changes += _changes([frontend.read()])
            assert "INSERT: n[integer]:1001" in changes
            frontend.send(message(b"c"))
            kinds = [reply.kind for reply in frontend.until(b"Z") if reply.kind != b"d"]
            assert kinds[0] == b"c"
            assert kinds[-2:] == [b"C", b"Z"]
            assert frontend.rows("select 'alive'") == [("alive",)]
        finally:
            frontend.close()
            wait_for(lambda: _drop_slot(source, SLOT), "the stream ends at the target")


def test_recorded(replicated, issuer):
    """Commands of the replication protocol are statements in the recording, decided as replication."""
    with _replicating(replicated, _token(issuer, REPLICATORS)) as frontend:
        host, port = frontend.socket.getsockname()
        frontend.rows("IDENTIFY_SYSTEM")
    wait_for_audit(replicated, "session.ended", peer=f"{host}:{port}")
    listed = replicated.hoopwire("recordings", "list", "--json").out
    session = re.search(rf'"session": ?"(s_\w+)"(?:(?!"session").)*"{host}:{port}"', listed, re.DOTALL)
    assert session
    shown = replicated.hoopwire("recordings", "show", session[1]).out
    assert "IDENTIFY_SYSTEM" in shown
    assert "allow connect" in shown
    assert re.search(r"allow replicat\w+", shown), shown


def test_base_backup(replicated, source, issuer, needs_tool, tmp_path):
    """pg_basebackup through the gateway, on two connections: a copy that pg_verifybackup finds whole."""
    needs_tool("pg_basebackup", source)
    copy = tmp_path / "copy"
    done = _base_backup(replicated, _secret(replicated, issuer, REPLICATORS), copy)
    assert done.returncode == 0, done.stderr
    needs_tool("pg_verifybackup", source)
    verified = subprocess.run(
        [postgres_program("pg_verifybackup"), str(copy)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert verified.returncode == 0, verified.stderr


def test_receivewal(replicated, source, issuer, needs_tool, tmp_path: Path):
    """pg_receivewal: physical replication; the files hold what the server wrote, and Ctrl-C ends it well."""
    needs_tool("pg_receivewal", source)
    directory = tmp_path / "wal"
    directory.mkdir()
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(postgres_program("pg_receivewal"), "-D", str(directory), "-d", replicated.dsn()),
                *("--no-sync", "--no-loop", "--verbose"),
            ],
            env=client_environment(PGPASSWORD=_secret(replicated, issuer, REPLICATORS)),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        wait_for(
            lambda: (
                source.psql("select count(*) from pg_stat_replication where state = 'streaming'").out != "0"
            ),
            "the stream",
        )
        source.psql("create table if not exists received (n int)", database="orders")
        source.psql("insert into received select generate_series(1, 1000)", database="orders")
        name = source.psql("select pg_walfile_name(pg_switch_wal())").out
        wait_for(lambda: (directory / name).exists(), "the whole segment")
        written = source.directory / "data" / "pg_wal" / name
        assert (directory / name).read_bytes() == written.read_bytes()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0, (tmp_path / "log").read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def test_narrowed_on_reload(replicated, source, issuer):
    """Last here: the policy loses the action, and a stream that is open ends with the reason."""
    with _replicating(replicated, _token(issuer, REPLICATORS)) as frontend:
        _make_slot(source, SLOT)
        frontend.send(query(f"START_REPLICATION SLOT {SLOT} LOGICAL 0/0"))
        assert frontend.read().kind == b"W"
        policies = [dict(policy) for policy in replicated.settings["policies"]]
        policies[1]["actions"] = ["query"]
        replicated.configure({"policies": policies})
        replicated.reload()
        last = frontend.until(b"E")[-1]
        assert last.kind == b"E"
        assert last.fields["S"] == "FATAL"
        assert "replication" in " ".join(last.fields.values()), last.fields
        assert frontend.rest() == b""
    idle = f"select count(*) from pg_replication_slots where slot_name = '{SLOT}' and not active"
    wait_for(lambda: source.psql(idle).out == "1", "the stream ends at the target")
    source.psql(f"select pg_drop_replication_slot('{SLOT}')")
    with pytest.raises(ConnectionError, match=r"replication"):
        _replicating(replicated, _token(issuer, REPLICATORS))
