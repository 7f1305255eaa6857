"""The command line against a running gateway, with tokens of the dev issuer."""

import json
import logging
import shlex
import stat
import time

import httpx
import pytest
from psycopg.conninfo import conninfo_to_dict

from hoopwire.cli import main

UPSTREAM_PASSWORD = "planted-upstream-password-4711"


@pytest.fixture
def token(gateway):
    return gateway.issuer.token(gateway.issuer.client(groups=["data"]).cid)


@pytest.fixture
def token_file(token, tmp_path):
    path = tmp_path / "token"
    path.write_text(token + "\n")
    return str(path)


def request(gateway, token_file, *more):
    from hoopwire.cli import main

    ca = str(gateway.folder / "gateway.crt")
    base = ["grants", "request", "--gateway", gateway.url, "--ca", ca, "--target", "orders"]
    return main([*base, "--token-file", token_file, *more])


def test_request_a_grant_and_connect_with_its_secret(gateway, token_file, capsys):
    assert request(gateway, token_file, "--ttl", "2m", "--task", "t-1", "--json") == 0
    issued = json.loads(capsys.readouterr().out)
    assert issued["grant"]["task"] == "t-1"
    gateway.connect(issued["secret"], "s_1")
    assert gateway.engine.admitted["s_1"][0].id == issued["grant"]["id"]


def test_request_for_people_shows_secret_and_psql_line(gateway, token_file, capsys):
    assert request(gateway, token_file) == 0
    out = capsys.readouterr().out
    assert "secret   hw1_" in out
    assert 'connect  psql "host=127.0.0.1 port=' in out
    assert "shown this once" in out


def test_the_line_for_psql_works_when_it_is_pasted(gateway, token_file, capsys, tmp_path):
    """`verify-full` without sslrootcert, and host=0.0.0.0 (N7)."""
    assert request(gateway, token_file) == 0
    [line] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("connect  ")]
    program, conninfo = shlex.split(line.removeprefix("connect  "))
    assert program == "psql"
    assert f"sslrootcert={gateway.folder / 'gateway.crt'}" in conninfo
    for name in ("a b", "it's", "$HOME", 'q"uote', "back\\slash"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "ca.crt").write_bytes((gateway.folder / "gateway.crt").read_bytes())
        fields = ["grants", "request", "--gateway", gateway.url, "--ca", str(folder / "ca.crt")]
        assert main([*fields, "--target", "orders", "--token-file", fresh(gateway, tmp_path)]) == 0
        [line] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("connect  ")]
        _, conninfo = shlex.split(line.removeprefix("connect  "))
        assert conninfo_to_dict(conninfo)["sslrootcert"] == str(folder / "ca.crt")


def fresh(gateway, tmp_path) -> str:
    """A file with a token that nobody has used."""
    path = tmp_path / "fresh"
    path.write_text(gateway.issuer.token(gateway.issuer.client(groups=["data"]).cid))
    return str(path)


def test_a_refused_request_says_why_and_what_to_do(gateway, token_file, capsys):
    assert request(gateway, token_file, "--ttl", "2h") == 1
    err = capsys.readouterr().err
    assert "ttl_not_granted" in err
    assert "600 s" in err
    assert "Traceback" not in err


def test_the_token_is_never_an_argument(gateway, token, capsys):
    from hoopwire.cli import main

    with pytest.raises(SystemExit) as refused:
        main(["grants", "request", "--gateway", gateway.url, "--target", "orders", "--token", token])
    assert refused.value.code == 2


def test_the_token_from_the_environment(gateway, token, capsys, monkeypatch):
    from hoopwire.cli import main

    monkeypatch.setenv("HOOPWIRE_TOKEN", token)
    ca = str(gateway.folder / "gateway.crt")
    assert main(["grants", "request", "--gateway", gateway.url, "--ca", ca, "--target", "orders"]) == 0


def test_a_gateway_that_nobody_vouches_for_gets_no_token(gateway, token_file, capsys):
    from hoopwire.cli import main

    arguments = ["grants", "request", "--target", "orders", "--token-file", token_file]
    assert main([*arguments, "--gateway", gateway.url]) == 3
    assert "--ca FILE" in capsys.readouterr().err
    assert main([*arguments, "--gateway", gateway.url.replace("https", "http")]) == 2
    assert gateway.audit.getvalue().count(b"grant.") == 0


def test_list_and_revoke(gateway, token, capsys):
    gateway.connect(token, "s_1", user="agent+ticket-9")
    grant = gateway.engine.admitted["s_1"][0].id
    assert gateway.hoopwire("sessions", "list") == 0
    table = capsys.readouterr().out
    assert "s_1" in table
    assert "orders/orders" in table
    assert gateway.hoopwire("grants", "list", "--json") == 0
    [row] = json.loads(capsys.readouterr().out)
    assert (row["id"], row["state"], row["task"]) == (grant, "active", "ticket-9")
    assert gateway.hoopwire("grants", "revoke", grant, "--reason", "over") == 0
    assert gateway.engine.live == frozenset()
    assert gateway.hoopwire("grants", "list", "--state", "active") == 0
    assert "No grants." in capsys.readouterr().out
    assert gateway.hoopwire("grants", "revoke", "g_nope") == 1
    assert gateway.hoopwire("grants", "revoke", "../reload") == 1


def test_what_a_grant_has_used(gateway, token, capsys):
    """Budgets are of the grant: shown as used and limit, in bytes and seconds that people read."""
    gateway.settings["policies"][0] |= {
        "actions": ["select on public.*"],
        "deny": ["all on public.secrets"],
        "masks": {"public.customers.email": "null"},
        "budgets": {"rows": 1000, "bytes": "2MiB", "wall_time": "1m"},
    }
    gateway.write()
    assert gateway.hoopwire("reload") == 0
    gateway.connect(token, "s_1")
    gateway.settle(lambda: "s_1" in gateway.engine.live)
    compiled = gateway.engine.admitted["s_1"][0]
    gateway.engine.spend("s_1", rows=(10, 1000), bytes=(1 << 20, 2 << 20), wall_time_s=(1.25, 60.0))
    capsys.readouterr()
    assert gateway.hoopwire("sessions", "list") == 0
    used = "rows 10/1000, bytes 1.0 MiB/2.0 MiB, time 1.2 s/60 s"
    assert used in capsys.readouterr().out
    assert gateway.hoopwire("grants", "show", compiled.id) == 0
    out = capsys.readouterr().out
    assert "actions  select on public.*\n" in out
    assert "deny     all on public.secrets\n" in out
    assert "masks    public.customers.email\n" in out
    assert "budgets  rows 1000, bytes 2.0 MiB, wall_time 60 s\n" in out
    assert f"used     {used}\n" in out
    assert "live     1 sessions" in out
    assert gateway.hoopwire("grants", "show", compiled.id, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["grant"]["budgets"]["rows"] == 1000
    assert document["grant"]["budget"] == document["sessions"][0]["budget"]
    assert document["sessions"][0]["budget"]["rows"] == [10, 1000]
    assert gateway.hoopwire("grants", "list") == 0
    assert used in capsys.readouterr().out
    # the numbers of a session that is over were gone with it
    gateway.engine.hang_up("s_1")
    gateway.settle(lambda: "s_1" not in gateway.engine.live)
    assert gateway.hoopwire("grants", "show", compiled.id) == 0
    out = capsys.readouterr().out
    assert f"used     {used}\n" in out
    assert "live     0 sessions" in out
    assert gateway.hoopwire("grants", "show", "g_nope") == 1


def test_end_a_session(gateway, token, capsys):
    gateway.connect(token, "s_1")
    assert gateway.hoopwire("sessions", "end", "s_1", "--reason", "lunch") == 0
    assert "lunch" in gateway.engine.revoked["s_1"].detail
    gateway.settle(lambda: gateway.hoopwire("sessions", "end", "s_1") == 1)


def test_reload_cuts_and_a_bad_file_is_refused_with_its_line(gateway, token, capsys):
    gateway.connect(token, "s_1")
    good = gateway.config.read_text()
    gateway.config.write_text(good.replace("postgres =", "postgras ="))
    assert gateway.hoopwire("reload", "--socket", gateway.running.admin_socket) == 1
    err = capsys.readouterr().err
    assert "postgres" in err
    assert "hoopwire.toml:" in err
    assert gateway.engine.live == {"s_1"}
    gateway.settings["policies"][0]["groups"] = ["others"]
    gateway.write()
    assert gateway.hoopwire("reload") == 0
    assert "1 grants cut" in capsys.readouterr().out
    assert gateway.engine.live == frozenset()


def test_statistics(gateway, capsys):
    assert gateway.hoopwire("statistics", "--json") == 0
    assert json.loads(capsys.readouterr().out)["engine"]["sessions"] == 0


def test_status(gateway, capsys):
    """Whether anybody can be admitted was nowhere to be read (R12), nor how old keys are (R13)."""
    (gateway.folder / "recordings").mkdir(exist_ok=True)
    gateway.settle(lambda: gateway.hoopwire("status") == 0)
    out = capsys.readouterr().out
    assert ": ready" in out
    assert "1 keys, fetched 0 min ago" in out
    (gateway.folder / "recordings").rmdir()
    gateway.settle(lambda: gateway.hoopwire("status") == 1)
    assert "recording_away: " in capsys.readouterr().out
    assert gateway.hoopwire("status", "--json") == 1
    assert json.loads(capsys.readouterr().out)["causes"][0]["cause"] == "recording_away"


def test_planted_secrets_are_in_no_output(gateway, token, token_file, capsys, caplog):
    """Tokens, grant secrets and upstream passwords, looked for in everything that we wrote."""
    caplog.set_level(logging.DEBUG)
    client = gateway.issuer.client(groups=["data"])
    fresh, stranger = gateway.issuer.token(client.cid), gateway.issuer.token(client.cid, aud="other")
    assert request(gateway, token_file, "--json") == 0
    secret = json.loads(capsys.readouterr().out)["secret"]
    gateway.connect(fresh, "s_1")
    gateway.connect(stranger, "s_2")
    gateway.connect(secret, "s_3")
    gateway.connect(secret[:-2], "s_4")
    gateway.connect(secret, "s_5", database="billing")
    gateway.connect(fresh, "s_6", database=fresh[:100])
    gateway.connect(fresh[:-9] + "tampered!", "s_7", user=fresh)
    request(gateway, token_file)
    gateway.hoopwire("grants", "list", "--json")
    gateway.hoopwire("sessions", "list")
    for session in ("s_2", "s_4", "s_5", "s_6", "s_7"):
        assert session in gateway.engine.refused
    gateway.engine.hang_up("s_1")
    gateway.settle(lambda: gateway.audit.getvalue().count(b"session.ended") == 1)
    time.sleep(0.2)
    shown = capsys.readouterr()
    written = {
        "log": caplog.text,
        "audit": gateway.audit.getvalue().decode(),
        "stdout": shown.out,
        "stderr": shown.err,
        "refusals": repr(gateway.engine.refused),
    }
    for path in (gateway.folder / "state").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
        written[path.name] = path.read_bytes().decode("latin-1")
    planted = {"upstream password": UPSTREAM_PASSWORD, "grant secret": secret[30:]}
    for name, jwt in {"spent": token, "fresh": fresh, "stranger": stranger}.items():
        _, payload, signature = jwt.split(".")
        planted |= {f"{name} payload": payload[:60], f"{name} signature": signature[:40]}
    for where, text in written.items():
        for what, needle in planted.items():
            assert needle not in text, f"{what} in {where}"


def test_the_public_api_of_the_same_gateway_has_no_operator_verb(gateway):
    with httpx.Client(verify=False, base_url=gateway.url, trust_env=False) as client:
        for method, path in (("GET", "/v1/grants"), ("GET", "/v1/sessions"), ("POST", "/v1/reload")):
            assert client.request(method, path).status_code in (404, 405)
