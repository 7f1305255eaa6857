"""Token in, session out, and everything that must be refused or cut: psql against the dev issuer."""

import json
import re
import subprocess
import threading
import time
from dataclasses import dataclass

import pytest

from hoopwire.demo.gateway import GROUP, RunningGateway
from hoopwire.demo.issuer import DevIssuer
from hoopwire.demo.postgres import Outcome, postgres_program, run_psql
from support.frontend import Frontend, Message, query
from support.wait import wait_for

GRANT = re.compile(r"g_[0-9A-HJKMNP-TV-Z]{26}")


def _policy(name: str, group: str, **terms: object) -> "dict[str, object]":
    common = {"targets": ["orders"], "actions": ["query"], "max_sessions": 50}
    return {"name": name, "groups": [group], **common, **terms}


@pytest.fixture(scope="module")
def short(pg, issuer):
    """A gateway of its own, with short times and one group for each way to reuse a token."""
    settings = {
        "gateway": {"expiry_notice": "10s"},
        "policies": [
            _policy("long", GROUP, ttl="15m"),
            _policy("window", "window", ttl="30s", token_reuse="window"),
            _policy("once", "once", ttl="30s", token_reuse="once"),
            _policy("lab", "lab", ttl="30s", token_reuse="until_exp"),
            _policy("narrow", "analysts", ttl="15m", targets=["orders/analytics"]),
        ],
    }
    with RunningGateway(pg, issuer.issuer, settings=settings) as running:
        yield running
        assert "panic" not in running.log.lower(), running.log[-4000:]


def _agent(issuer: DevIssuer, *groups: str) -> str:
    return issuer.client(groups=groups, ttl_s=3600).cid


def _refused(done, *words: str) -> None:
    assert done.code == 2, done
    assert done.err.startswith("psql: error:"), done.err
    for word in words:
        assert word in done.err, done.err


def _background(gateway: RunningGateway, token: str, sql: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [postgres_program("psql"), "-XAtq", "-v", "VERBOSITY=verbose", "-d", gateway.dsn(), "-c", sql],
        env={"PGPASSWORD": token, "PATH": "/usr/bin:/bin"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _wait_for_sleep(pg, count: int = 1) -> None:
    deadline = time.monotonic() + 60
    while (
        int(pg.psql("select count(*) from pg_stat_activity where query like '%pg_sleep(600)%'").out)
        < count + 1
    ):
        assert time.monotonic() < deadline, "the statement never reached the target"
        time.sleep(0.05)


def _sleepers(pg) -> int:
    return int(pg.psql("select count(*) - 1 from pg_stat_activity where query like '%pg_sleep(600)%'").out)


def test_mint_and_connect(short, issuer):
    """A grant minted at the API: its secret opens the session, as the upstream user of the target."""
    answer = short.mint(issuer.token(_agent(issuer, GROUP)), target="orders", ttl="10m", purpose="a test")
    assert answer.status_code == 201, answer.text
    secret = answer.json()["secret"]
    assert secret.startswith("hw1_")
    done = short.psql(secret, "orders", "select current_user, count(*) from orders")
    assert (done.code, done.out) == (0, "app|1000"), done.err


def test_widening_is_refused_never_trimmed(short, issuer):
    """A mint that asks for more than the policy gives is refused whole."""
    token = issuer.token(_agent(issuer, GROUP))
    for wish in (
        {"target": "orders", "ttl": "1h"},
        {"target": "orders", "actions": ["query", "replication"]},
    ):
        answer = short.mint(token, **wish)
        assert answer.status_code in (403, 422), answer.text
        assert "secret" not in answer.json()
    assert short.mint(token, target="orders").status_code == 201


@dataclass
class Aftermath:
    """What was tried before and after one and the same 30 seconds ran out."""

    secret: str
    grant: str
    tokens: "dict[str, str]"
    used_again: "dict[str, Outcome]"
    sleeper: "tuple[int, str]"
    idle: "list[Message]"
    idle_rest: bytes
    sleepers_left: int


@pytest.fixture(scope="module")
def aftermath(short, issuer, pg) -> Aftermath:
    """Grants of each kind, used, and then outlived."""
    issued = short.mint(issuer.token(_agent(issuer, "window")), target="orders").json()
    secret = issued["secret"]
    assert short.psql(secret, "orders", "select 1").ok
    tokens = {group: issuer.token(_agent(issuer, group)) for group in ("window", "once", "lab")}
    used_again = {}
    for group, token in tokens.items():
        assert short.psql(token, "orders", "select 1").ok
        used_again[group] = short.psql(token, "orders", "select 2")
    idle = Frontend(short.host, short.port, timeout_s=60)
    idle.login(issuer.token(_agent(issuer, "window")), ca=short.ca)
    idle.query("begin")
    sleeper = _background(short, issuer.token(_agent(issuer, "window")), "begin; select pg_sleep(600)")
    _, err = sleeper.communicate(timeout=60)
    with idle:
        words = idle.until(b"E")
        rest = idle.rest()
    wait_for(lambda: _sleepers(pg) == 0, "the target stops the statement")
    return Aftermath(
        secret=secret,
        grant=issued["grant"]["id"],
        tokens=tokens,
        used_again=used_again,
        sleeper=(sleeper.returncode, err),
        idle=words,
        idle_rest=rest,
        sleepers_left=_sleepers(pg),
    )


def test_same_secret_after_the_ttl(short, aftermath):
    """A grant secret that worked is refused once its time is over, and is told which grant and when."""
    _refused(short.psql(aftermath.secret, "orders", "select 1"), aftermath.grant, "expired at")


@pytest.mark.parametrize("reuse", ["window", "once"])
def test_same_token_after_the_ttl(short, aftermath, reuse):
    """A token that is still good at the issuer has bought its grant: when that is over it is refused."""
    again = aftermath.used_again[reuse]
    if reuse == "window":
        assert again.ok, again.err
    else:
        _refused(again, "already been used")
    late = short.psql(aftermath.tokens[reuse], "orders", "select 1")
    _refused(late, "already been used")
    assert GRANT.search(late.err)


def test_until_exp_is_for_the_lab(short, aftermath):
    """With `until_exp` a token buys a new grant after the first is over."""
    assert short.psql(aftermath.tokens["lab"], "orders", "select 1").ok


def test_expiry_cuts_a_running_statement(aftermath):
    """The deadline cancels what runs, says 57P01 with the grant, and a NOTICE came before."""
    code, err = aftermath.sleeper
    assert code != 0
    assert "57P01" in err
    assert GRANT.search(err)
    assert err.index("NOTICE") < err.index("FATAL")
    assert "expires at" in err
    assert aftermath.sleepers_left == 0, "the statement still runs at the target"


def test_expiry_cuts_an_idle_session(aftermath):
    """A session that does nothing gets the notice and ends at the same moment, with the same words."""
    assert [said.kind for said in aftermath.idle] == [b"N", b"E"]
    assert aftermath.idle[-1].sqlstate == "57P01"
    assert GRANT.search(aftermath.idle[-1].fields["M"])
    assert aftermath.idle_rest == b""


def test_secret_on_another_target(short, issuer):
    """A secret opens the target that it was minted for and no other."""
    secret = short.mint(issuer.token(_agent(issuer, GROUP)), target="orders").json()["secret"]
    _refused(short.psql(secret, "secrets", "select * from api_keys"), "FATAL")
    _refused(short.psql(secret, "orders/analytics", "select 1"), "FATAL")
    assert short.psql(secret, "orders", "select 1").ok


def test_two_parallel_first_uses(short, issuer):
    """Many first uses of one token under `once`: exactly one wins."""
    token = issuer.token(_agent(issuer, "once"))
    outcomes = []
    threads = [
        threading.Thread(target=lambda: outcomes.append(short.psql(token, "orders", "select 1")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done.code for done in outcomes) == [0] + [2] * 7


def test_token_on_another_target(short, issuer):
    """A token that bought a grant for one database buys none for another."""
    token = issuer.token(_agent(issuer, GROUP, "analysts"))
    assert short.psql(token, "orders", "select 1").ok
    _refused(short.psql(token, "orders/analytics", "select 1"), "FATAL")


def test_group_removed_cuts_the_live_session(pg, issuer):
    """A policy no longer names the group: after SIGHUP the live session is ended within seconds."""
    with RunningGateway(pg, issuer.issuer) as gateway:
        token = issuer.token(_agent(issuer, GROUP))
        process = _background(gateway, token, "select pg_sleep(600)")
        _wait_for_sleep(pg)
        gateway.configure({"policies": [_policy("other", "somebody-else")]})
        gateway.reload()
        _, err = process.communicate(timeout=60)
        assert "57P01" in err
        assert "policy" in err
        _refused(gateway.psql(token, "orders", "select 1"), "FATAL")


def test_a_broken_config_changes_nothing(pg, issuer):
    """SIGHUP with a file that does not load: the old settings stay, sessions live on."""
    with RunningGateway(pg, issuer.issuer) as gateway:
        token = issuer.token(_agent(issuer, GROUP))
        with Frontend(gateway.host, gateway.port) as session:
            session.login(token, ca=gateway.ca)
            whole = gateway.config.read_text()
            gateway.config.write_text(whole.replace("max_sessions", "max_sesions"))
            gateway.reload()
            time.sleep(1.0)
            assert session.rows("select 1") == [("1",)]
            assert gateway.psql(token, "orders", "select 1").ok


def test_operator_revokes(short, issuer, pg):
    """`hoopwire grants revoke` ends the live session at once, and the grant stays refused."""
    answer = short.mint(issuer.token(_agent(issuer, GROUP)), target="orders").json()
    grant, secret = answer["grant"]["id"], answer["secret"]
    process = _background(short, secret, "select pg_sleep(600)")
    _wait_for_sleep(pg)
    revoked = short.hoopwire("grants", "revoke", grant, "--reason", "a test revokes it")
    assert revoked.ok, revoked
    _, err = process.communicate(timeout=60)
    assert "57P01" in err
    assert f"{grant} was revoked" in err
    assert "a test revokes it" in err
    wait_for(lambda: _sleepers(pg) == 0, "the target stops the statement")
    _refused(short.psql(secret, "orders", "select 1"), grant, "revoked")


def test_operator_ends_one_session(short, issuer, pg):
    """`hoopwire sessions end` ends that session; the grant lives on."""
    answer = short.mint(issuer.token(_agent(issuer, GROUP)), target="orders").json()
    process = _background(short, answer["secret"], "select pg_sleep(600)")
    _wait_for_sleep(pg)
    listed = short.hoopwire("sessions", "list", "--json")
    assert listed.ok, listed
    sessions = json.loads(listed.out)
    rows = sessions["sessions"] if isinstance(sessions, dict) else sessions
    mine = [row["session"] for row in rows if row["grant"] == answer["grant"]["id"]]
    assert len(mine) == 1
    assert short.hoopwire("sessions", "end", mine[0]).ok
    _, err = process.communicate(timeout=60)
    assert "57P01" in err
    assert short.psql(answer["secret"], "orders", "select 1").ok


def test_the_identity_at_the_database_itself(pg, issuer):
    """The token opens nothing at the database itself: only the gateway knows the upstream password."""
    token = issuer.token(_agent(issuer, GROUP))
    for user in ("app", "agent"):
        done = run_psql("select 1", dsn=pg.dsn(user=user), password=token)
        _refused(done, "password authentication failed")


BAD_TOKENS = {
    "another audience": lambda issuer, cid: issuer.token(cid, aud="another-gateway"),
    "expired": lambda issuer, cid: issuer.token(cid, ttl_s=-60),
    "from the future": lambda issuer, cid: issuer.token(cid, claims={"iat": int(time.time()) + 120}),
    "not yet valid": lambda issuer, cid: issuer.token(cid, claims={"nbf": int(time.time()) + 120}),
    "no expiry": lambda issuer, cid: issuer.token(cid, drop=("exp",)),
    "expiry as text": lambda issuer, cid: issuer.token(cid, claims={"exp": str(int(time.time()) + 300)}),
    "another issuer": lambda issuer, cid: issuer.token(
        cid, claims={"iss": "https://evil.example/oauth2/dev"}
    ),
    "an ID token": lambda issuer, cid: issuer.id_token(cid),
    "an org server token": lambda issuer, cid: issuer.org_token(cid),
    "crit": lambda issuer, cid: issuer.token(cid, header={"crit": ["exp"]}),
    "no algorithm": lambda issuer, cid: issuer.token(cid, header={"alg": "none"}),
    "an unknown type": lambda issuer, cid: issuer.token(cid, header={"typ": "logout+jwt"}),
    "bound to a key": lambda issuer, cid: issuer.token(cid, claims={"cnf": {"jkt": "x" * 43}}),
    "a cut-off token": lambda issuer, cid: issuer.token(cid)[:-20],
    "a million dots": lambda issuer, cid: "." * 8000,
    "an SSWS token": lambda issuer, cid: "00" + "x" * 40,
    "a forged secret": lambda issuer, cid: "hw1_" + "A" * 75,
    "nothing much": lambda issuer, cid: "password",
}


@pytest.mark.parametrize("name", BAD_TOKENS)
def test_bad_token(short, issuer, name):
    """Refused before any target is dialled, without repeating the token."""
    token = BAD_TOKENS[name](issuer, _agent(issuer, GROUP))
    done = short.psql(token, "orders", "select 1")
    _refused(done, "FATAL")
    assert token not in done.err


def test_no_group(short, issuer):
    """A valid token of an identity without any policy: told that the target is not granted."""
    done = short.psql(issuer.token(_agent(issuer)), "orders", "select 1")
    _refused(done, "not granted")


def test_a_target_that_is_not_granted_looks_like_none(short, issuer):
    """`secrets` exists and `no_such_target` does not: the same words, so that nothing can be enumerated."""
    token = issuer.token(_agent(issuer, GROUP))
    answers = [short.psql(token, name, "select 1").err for name in ("secrets", "xecrets")]
    _refused(short.psql(token, "secrets", "select 1"), "not granted")
    assert answers[0] == answers[1].replace("xecrets", "secrets")


def test_rotated_key(pg):
    """The issuer signs with a new key from now on: its tokens are accepted after one refresh."""
    with DevIssuer.run_in_thread() as rotating, RunningGateway(pg, rotating.issuer) as gateway:
        cid = _agent(rotating, GROUP)
        assert gateway.psql(rotating.token(cid), "orders", "select 1").ok
        old = rotating.signing_key
        rotating.rotate(keep_old=False)
        fetches = rotating.fetches
        outcome = gateway.psql(rotating.token(cid), "orders", "select 1")
        # At most one fetch a minute: the first unknown key may fall into the minute of the first fetch.
        if not outcome.ok:
            assert rotating.fetches == fetches
        for _ in range(10):
            gateway.psql(rotating.token(cid, header={"kid": "unknown"}), "orders", "select 1")
        assert rotating.fetches <= fetches + 1
        assert old.kid != rotating.signing_key.kid


def test_limit_of_sessions(pg, issuer):
    """A grant's session limit counts live sessions; a closed one frees its seat."""
    settings = {"policies": [_policy("two", GROUP, max_sessions=2)]}
    with RunningGateway(pg, issuer.issuer, settings=settings) as gateway:
        token = issuer.token(_agent(issuer, GROUP))
        with Frontend(gateway.host, gateway.port) as first, Frontend(gateway.host, gateway.port) as second:
            first.login(token, ca=gateway.ca)
            second.login(token, ca=gateway.ca)
            _refused(gateway.psql(token, "orders", "select 1"), "sessions at a time")
            first.send(query("select 1"))
            first.until(b"Z")
        deadline = time.monotonic() + 60
        while not (done := gateway.psql(token, "orders", "select 1")).ok:
            assert time.monotonic() < deadline, done.err
            time.sleep(0.1)
