"""Attempts against ssh grants, through the whole road from a policy's words to the engine's decision.

`rust/ssh/policy/tests/attempts.rs` decides the same table without the control plane.
"""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hoopwire.access import compile_grant
from hoopwire.model.explained import ExplainedAction
from hoopwire.model.grant import Grant
from hoopwire.model.identity import Evidence, Principal
from hoopwire.model.ssh.coverage import covers
from hoopwire.model.ssh.grammar import parse_action, parse_actions
from support.ssh_attempts import SshAttempt, ssh_attempts

engine = pytest.importorskip("hoopwire._engine")

ATTEMPTS = ssh_attempts()


def compiled(*actions: str) -> bytes:
    grant = Grant(
        id="g_1",
        principal=Principal(issuer="https://dev", kind="service", cid="0oa1"),
        evidence=Evidence(jti="j", kid="k", iat=0, exp=9_000_000_000),
        mint="implicit",
        target="web1",
        protocol="ssh",
        upstream_user="",
        databases=("deploy",),
        actions=tuple(map(str, parse_actions(actions))),
        policy="operators",
        policy_hash="00",
        minted_at=1_800_000_000.0,
        expires_at=1_800_000_900.0,
    )
    return msgspec.msgpack.encode(
        compile_grant(grant, "deploy", now=1_800_000_000.0, monotonic_ns=1, notice_s=0)
    )


def decided(grant: bytes, action: bytes) -> ExplainedAction:
    return msgspec.msgpack.decode(engine.explain_action(grant, action), type=ExplainedAction)


@pytest.mark.parametrize("grant", sorted({attempt.grant for attempt in ATTEMPTS}))
def test_an_attempt_that_gets_through_or_work_that_does_not(grant: str) -> None:
    # the word `shell` of a policy gives more than the engine's: there it is a preset
    extra = {"pty xterm", "env LANG=C"} if grant == "shell" else set()
    wrong: list[tuple[SshAttempt, str]] = []
    for attempt in ATTEMPTS:
        if attempt.grant != grant or attempt.action.decode(errors="replace") in extra:
            continue
        # the canonical texts of the table are those that the control plane writes
        assert tuple(map(str, parse_actions(attempt.actions))) == attempt.actions
        answer = decided(compiled(*attempt.actions), attempt.action)
        if (answer.allow, answer.code) != (not attempt.code, attempt.code):
            wrong.append((attempt, answer.code))
    assert wrong == []


def test_the_table_is_read_whole() -> None:
    refused = [attempt for attempt in ATTEMPTS if attempt.code]
    assert len(refused) > 300
    assert len(ATTEMPTS) - len(refused) > 100


def test_rights_that_are_malformed_are_not_taken() -> None:
    good = msgspec.msgpack.decode(compiled("exec df -h"))
    for actions in (["exec ls; id"], ["exec  df -h"], ["query"], ["operate"], ["sftp read x"]):
        bad = {**good, "rights": {**good["rights"], "actions": actions}}
        with pytest.raises(ValueError, match="action"):
            engine.explain_action(msgspec.msgpack.encode(bad), b"exec df -h")
    bad = {**good, "rights": {**good["rights"], "other_key": 1}}
    with pytest.raises(ValueError, match="other_key"):
        engine.explain_action(msgspec.msgpack.encode(bad), b"exec df -h")
    with pytest.raises(ValueError, match="no action"):
        engine.explain_action(compiled("exec df -h"), b"fly")


def test_explain_tells_by_what() -> None:
    answer = decided(compiled("operate"), b"exec systemctl status 'nginx'")
    assert answer.by == "exec systemctl status <name>"
    assert answer.words == ("systemctl", "status", "nginx")
    assert decided(compiled("operate"), b"exec ls; id").words == ()


WORD = st.sampled_from(
    ["x", "-l", "/srv/a", "/srv", "/srv/../a", "/proc/1", "1", "a.b", "'a b'", "'*'", "''"]
)
HOLE = st.sampled_from(["*", "/*", "/srv/*", "/proc/*", "<int>", "<name>", "<text>"])
PATTERN = st.builds(
    lambda parts, repeats: " ".join(["exec ls", *parts, *(["..."] if repeats else [])]),
    st.lists(HOLE | WORD, max_size=3),
    st.booleans(),
)
HOSTS = [
    "db",
    "a.b.c",
    "localhost",
    "127.0.0.1",
    "10.0.0.1",
    "169.254.0.1",
    "[::1]",
    "[2001:db8::1]",
    "[fe80::1]",
]
NETS = ["*.b.c", "*.c", "10.0.0.0/8", "10.0.0.0/30", "0.0.0.0/0", "[::/0]", "[2001:db8::/32]"]
PORT = st.sampled_from(["22", "1-100", "*", "80"])
FORWARD = st.builds(lambda host, port: f"forward {host}:{port}", st.sampled_from(HOSTS + NETS), PORT)
PREFIXES = ["/", "/srv", "/srv/a", "/proc", "/proc/1"]
SFTP = st.builds("sftp {} {}".format, st.sampled_from(["read", "write"]), st.sampled_from(PREFIXES))
ASKED = (
    st.builds(lambda words: " ".join(["exec ls", *words]), st.lists(WORD, max_size=4))
    | st.builds(
        lambda host, port: f"forward {host}:{port}", st.sampled_from(HOSTS), st.sampled_from([22, 80])
    )
    | st.builds("sftp {} {}".format, st.sampled_from(["read", "write", "list"]), st.sampled_from(PREFIXES))
)
ONE_KIND = st.sampled_from([PATTERN, FORWARD, SFTP])


@settings(max_examples=1500, deadline=None)
@given(ONE_KIND.flatmap(lambda kind: st.tuples(kind, kind)), ASKED)
def test_a_narrower_grant_that_allows_more(pair: tuple[str, str], asked: str) -> None:
    """What the control plane takes for a part, the engine must not let do what the whole may not."""
    try:
        outer, inner = map(parse_action, pair)
    except ValueError:
        return
    if covers((outer,), inner) and decided(compiled(str(inner)), asked.encode()).allow:
        assert decided(compiled(str(outer)), asked.encode()).allow
