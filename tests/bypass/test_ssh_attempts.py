"""Attempts against ssh grants, through the whole road from a policy's words to the engine's decision.

`rust/ssh/policy/tests/attempts.rs` decides the same table without the control plane.
"""

import msgspec
import pytest

from hoopwire.access import compile_grant
from hoopwire.model.explained import ExplainedAction
from hoopwire.model.grant import Grant
from hoopwire.model.identity import Evidence, Principal
from hoopwire.model.ssh.coverage import Held
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


WORDS = ["x", "-l", "/srv/a", "/srv", "/srv/../a", "/proc/1", "1", "a.b", ".b", "'a b'", "'*'", "''"]
HOLES = ["*", "/*", "/srv/*", "/proc/*", "<int>", "<name>", "<text>"]
PARTS = ["", *WORDS, *HOLES, *(f"{one} {other}" for one in (*WORDS, *HOLES) for other in HOLES)]
HOSTS = [
    "db",
    "a.b.c",
    "localhost",
    "127.0.0.1",
    "10.0.0.1",
    "169.254.0.1",
    "224.0.0.1",
    "0.0.0.1",
    "localhost.b.c",
]
HOSTS6 = ["[::1]", "[2001:db8::1]", "[fe80::1]", "[64:ff9b::1]", "[2002::1]", "[::7f00:1]"]
NETWORKS = ["*.b.c", "*.c", "10.0.0.0/8", "10.0.0.0/30", "0.0.0.0/0", "[::/0]", "[2001:db8::/32]"]
PREFIXES = ["/", "/srv", "/srv/a", "/srvx", "/proc", "/proc/1"]
GIVEN = {
    "exec": [*(f"exec ls {part}".strip() for part in PARTS), *(f"exec ls {hole} ..." for hole in HOLES)],
    "forward": [
        f"forward {host}:{port}"
        for host in (*HOSTS, *HOSTS6, *NETWORKS)
        for port in ("22", "1-100", "*", "80")
    ],
    "sftp": [f"sftp {access} {path}" for access in ("read", "write") for path in PREFIXES],
}
ASKED = {
    "exec": [
        "exec ls",
        *(f"exec ls {one}" for one in WORDS),
        *(f"exec ls {one} {other}" for one in WORDS for other in WORDS),
        *(f"exec ls {one} {one} {one}" for one in WORDS),
    ],
    "forward": [f"forward {host}:{port}" for host in (*HOSTS, *HOSTS6) for port in (22, 80, 100, 65535)],
    "sftp": [f"sftp {access} {path}" for access in ("read", "write", "list") for path in PREFIXES],
}


@pytest.mark.parametrize("verb", GIVEN)
def test_a_narrower_grant_that_allows_more(verb: str) -> None:
    """What the control plane takes for a part, the engine must not let do what the whole may not."""
    actions = list(map(parse_action, GIVEN[verb]))
    grants = [compiled(str(action)) for action in actions]
    allowed = [{asked for asked in ASKED[verb] if decided(grant, asked.encode()).allow} for grant in grants]
    parts = 0
    for outer, whole in zip(actions, allowed, strict=True):
        held = Held((outer,))
        for inner, part in zip(actions, allowed, strict=True):
            if held.covers(inner):
                parts += outer != inner
                assert part <= whole, f"{inner} is said to lie within {outer}"
    assert parts > len(actions) // 2
