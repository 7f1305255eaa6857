"""Hostile bytes inside a session. Each row was a defect somewhere; a row is never removed."""

import contextlib
import struct
import time

import pytest

from hoopwire.demo.gateway import GROUP, RunningGateway
from support.frontend import Frontend, Message, message, query


@pytest.fixture
def session(gateway, agent):
    """A live session in `orders`."""
    with Frontend(gateway.host, gateway.port) as frontend:
        frontend.login(agent(), ca=gateway.ca)
        yield frontend


def _ends(frontend: Frontend) -> "Message":
    """The FATAL error that ends the session, and nothing after it."""
    last = frontend.until(b"\0")[-1]
    assert last.fields["S"] == "FATAL"
    assert frontend.rest() == b""
    return last


LENGTHS = {"-1": 0xFFFFFFFF, "0": 0, "3": 3, "-2^31": 0x80000000}


@pytest.mark.parametrize(
    "kind", [b"Q", b"P", b"B", b"E", b"D", b"C", b"S", b"H", b"d", b"c", b"f", b"X", b"F"]
)
@pytest.mark.parametrize("length", LENGTHS)
def test_impossible_length(session, kind, length):
    """A length word below 4 wrapped around and let the reader run past the message."""
    session.send(kind + struct.pack("!I", LENGTHS[length]) + b"select 1\0" * 4)
    assert _ends(session).sqlstate == "08P01"


@pytest.mark.parametrize("kind", [b"Q", b"P"])
def test_declared_two_gigabytes(gateway, session, kind):
    """A declared huge frame made the reader allocate it at once: it is refused and nothing is allocated."""
    before = gateway.resident_bytes
    session.send(kind + struct.pack("!I", 0x7FFFFFFF) + b"select 1 -- ")
    with contextlib.suppress(OSError):
        session.send(b"x" * (1 << 20))
    last = session.until(b"E")[-1]
    assert last.kind == b"E"
    assert gateway.resident_bytes - before < 16 << 20


def test_smuggled_statement(gateway, session, direct):
    """A size that overflowed hid a second message inside the first (CVE-2024-27304, pgproto3)."""
    inner = query("create table smuggled (n int)")
    padding = b"a" * (1 << 20)
    total = (1 << 32) + 8 - 4
    session.send(b"B" + struct.pack("!I", total & 0xFFFFFFFF) + b"\0\0\0\0")
    with contextlib.suppress(OSError):
        session.send(inner + padding)
    with contextlib.suppress(OSError):
        session.rest()
    assert direct.psql("select to_regclass('smuggled') is null").out == "t"


def test_function_call_is_refused_and_the_session_goes_on(session):
    """FunctionCall ran any function by OID past the check of the SQL: 42501, and the session lives."""
    body = struct.pack("!ih", 1598, 0) + struct.pack("!h", 0) + struct.pack("!h", 0)
    session.send(message(b"F", body))
    replies = session.until(b"Z")
    assert [reply.sqlstate for reply in replies if reply.kind == b"E"] == ["42501"]
    assert not [reply for reply in replies if reply.kind == b"V"]
    assert session.rows("select 'alive'") == [("alive",)]


def test_a_refused_function_call_keeps_the_transaction(session):
    """A denial said "idle" inside a transaction, another left it as if nothing had failed: it is aborted."""
    session.query("create temp table kept (n int)")
    session.query("begin")
    session.query("insert into kept values (1)")
    session.send(message(b"F", struct.pack("!ihhh", 1598, 0, 0, 0)))
    assert session.until(b"Z")[-1].body == b"E"
    assert session.query("commit")[-1].body == b"I"
    assert session.rows("select count(*) from kept") == [("0",)]


def test_a_refused_function_call_in_a_pipeline(session):
    """A denial in the midst of pipelined statements came back in the wrong place."""
    call = message(b"F", struct.pack("!ihhh", 1598, 0, 0, 0))
    session.send(query("select 'before'") + call + query("select 'after'"))
    kinds = [reply.kind for _ in range(3) for reply in session.until(b"Z")]
    assert kinds == [b"T", b"D", b"C", b"Z", b"E", b"Z", b"T", b"D", b"C", b"Z"]


def test_granted_function_call(pg, issuer):
    """The same FunctionCall under a grant with `function-call` works as at the server."""
    policy = {
        "name": "callers",
        "groups": [GROUP],
        "targets": ["orders"],
        "actions": ["query", "function-call"],
    }
    with RunningGateway(pg, issuer.issuer, settings={"policies": [policy]}) as gateway:
        token = issuer.token(issuer.client(groups=[GROUP]).cid)
        with Frontend(gateway.host, gateway.port) as caller:
            caller.login(token, ca=gateway.ca)
            (oid,) = caller.rows("select 'pg_catalog.int4pl'::regproc::oid::int")[0]
            arguments = struct.pack("!hhhii", 1, 1, 2, 4, 40) + struct.pack("!iih", 4, 2, 1)
            caller.send(message(b"F", struct.pack("!i", int(oid or 0)) + arguments))
            (answer,) = [reply for reply in caller.until(b"Z") if reply.kind == b"V"]
            assert answer.body == struct.pack("!ii", 4, 42)


def test_unknown_message_type(session):
    """An unknown type byte was forwarded unread."""
    session.send(message(b"?", b"hello"))
    assert _ends(session).sqlstate == "08P01"


def test_password_message_after_login(session):
    """A password message in the middle of a session started another authentication."""
    session.send(message(b"p", b"again\0"))
    assert _ends(session).sqlstate == "08P01"


def test_startup_packet_after_login(session):
    """A second startup packet inside a session changed the user."""
    session.send(struct.pack("!ii", 30, 3 << 16) + b"user\0postgres\0\0")
    assert _ends(session).kind == b"E"


def test_nul_inside_a_query(session, direct):
    """The check read up to the first NUL, the server another text: both must see the same."""
    session.send(message(b"Q", b"select 1\0; create table behind_nul (n int)\0"))
    session.until(b"Z", b"E")
    assert direct.psql("select to_regclass('behind_nul') is null").out == "t"


def test_query_without_nul(session):
    """A Query without its terminator made the reader run into the next message."""
    session.send(message(b"Q", b"select 1") + query("select 2"))
    replies = session.until(b"Z", b"E")
    assert replies[-1].kind == b"E"


def test_statement_over_the_limit(session):
    """A statement past the limit is refused by name of the limit, never cut in silence."""
    session.send(query("select '" + "x" * (5 << 20) + "'"))
    replies = session.until(b"Z", b"E")
    error = next(reply for reply in replies if reply.kind == b"E")
    assert error.sqlstate.startswith("54")


def test_flood_of_syncs(session):
    """Ten thousand Syncs without reading a reply: each is answered, and the session lives."""
    session.send(message(b"S") * 10_000)
    for _ in range(10_000):
        assert session.until(b"Z")[-1].body == b"I"
    assert session.rows("select 'alive'") == [("alive",)]


def test_refusals_that_nobody_reads_fill_no_memory(pg, issuer):
    """Five bytes of FunctionCall got six hundred of refusal, kept for a client that never read them."""
    with (
        RunningGateway(pg, issuer.issuer) as gateway,
        Frontend(gateway.host, gateway.port, timeout_s=5) as frontend,
    ):
        frontend.login(issuer.token(issuer.client(groups=[GROUP], ttl_s=3600).cid), ca=gateway.ca)
        before = gateway.resident_bytes
        with pytest.raises(TimeoutError):
            frontend.send(message(b"F") * 1_000_000)
        assert gateway.resident_bytes - before < 64 * 1024 * 1024


@pytest.mark.slow
def test_expired_grant_through_a_reused_connection(pg, issuer):
    """A pooled connection outlived the grant: the session is ended at the deadline, not at the next login."""
    policy = {"name": "brief", "groups": [GROUP], "targets": ["orders"], "actions": ["query"], "ttl": "30s"}
    settings = {"policies": [policy], "gateway": {"expiry_notice": "0s"}}
    with RunningGateway(pg, issuer.issuer, settings=settings) as gateway:
        token = issuer.token(issuer.client(groups=[GROUP]).cid)
        with Frontend(gateway.host, gateway.port) as pooled:
            pooled.login(token, ca=gateway.ca)
            # The grant is older than the login: at this time it is over, whenever the answer comes.
            until = time.monotonic() + 33
            with contextlib.suppress(ConnectionError):
                while (asked := time.monotonic()) < until + 5:
                    pooled.rows("select 1")
                    assert asked < until


def test_cut_in_the_middle_of_a_message(gateway, agent, direct):
    """A client that vanished in the middle of a Bind: nothing of it runs, and no session is left behind."""
    with Frontend(gateway.host, gateway.port) as frontend:
        frontend.login(agent(), ca=gateway.ca, application_name="vanishes")
        frontend.query("create temp table t (n int)")
        frontend.send(b"Q" + struct.pack("!i", 1000) + b"insert into t values (1)")
    deadline = time.monotonic() + 60
    left = "query like 'create temp table t (n int)%' and pid <> pg_backend_pid()"
    lingering = f"select count(*) from pg_stat_activity where {left}"
    while direct.psql(lingering).out != "0":
        assert time.monotonic() < deadline, "the upstream session is left behind"
        time.sleep(0.1)
