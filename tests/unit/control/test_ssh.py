"""Grants at SSH targets: minted over a key or with a secret, and what opens them at an SSH listener."""

import asyncssh
import httpx
import msgspec
import pytest

from hoopwire.api.public import public_app
from hoopwire.control.revocation import revoke_grant
from hoopwire.control.service import StartError
from hoopwire.model.settings import PolicySettings, Settings
from hoopwire.model.ssh.keys import blob_line, public_line
from hoopwire.model.ssh.login import Login
from hoopwire.model.ssh.settings import SshSettings, SshTarget
from hoopwire.model.units import Seconds
from support.ssh import write_key

KEY = asyncssh.generate_private_key("ssh-ed25519")
PUBLIC = KEY.export_public_key().decode().strip()
JWT = "eyJhbGciOiJSUzI1NiJ9." + "x" * 900


@pytest.fixture
def settings(settings: Settings, tmp_path) -> Settings:
    """With `web1` (deploy, admin), which group `ops` may use as deploy, and `all` by both logins."""
    for name in ("host_key", "agents_ca", "targets_ca", "host_ca"):
        write_key(tmp_path / name)
    host = write_key(tmp_path / "web1")
    web1 = SshTarget(
        protocol="ssh",
        host="127.0.0.1",
        logins=("deploy", "admin"),
        host_keys=(public_line(host.public_key()),),
    )
    ops = PolicySettings(
        name="ops", groups=("ops",), targets=("web1",), actions=("shell", "exec uptime -p"), ttl=Seconds(60)
    )
    one = PolicySettings(name="one", groups=("one",), targets=("web1/admin",), actions=("exec uptime -p",))
    both = PolicySettings(
        name="both",
        groups=("all",),
        targets=("web1/*",),
        actions=("pty", "forward 10.0.0.1:80"),
        max_sessions=2,
    )
    many = SshTarget(
        protocol="ssh", host="db*.internal", logins=("deploy",), host_ca=str(tmp_path / "host_ca.pub")
    )
    blocks = PolicySettings(name="blocks", groups=("ops",), targets=("db*",), actions=("shell",))
    return msgspec.structs.replace(
        settings,
        listen=msgspec.structs.replace(settings.listen, ssh=("127.0.0.1:0",)),
        ssh=SshSettings(
            host_key=str(tmp_path / "host_key"),
            agents_ca=str(tmp_path / "agents_ca"),
            targets_ca=str(tmp_path / "targets_ca"),
            host_ca=str(tmp_path / "host_ca"),
            names=("gw1",),
        ),
        targets={**settings.targets, "web1": web1, "db*": many},
        policies=(*settings.policies, ops, one, both, blocks),
    )


async def mint(house, token, **body):
    transport = httpx.ASGITransport(public_app(house.parts), client=("192.0.2.7", 4711))
    async with httpx.AsyncClient(transport=transport, base_url="https://gw") as client:
        return await client.post("/v1/grants", headers={"authorization": f"Bearer {token}"}, json=body)


async def issued(house, word="T1", group="ops", **body):
    body = {"target": "web1", "ssh_public_key": PUBLIC} | body
    answer = await mint(house, house.token(word, groups=(group,)), **body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def ssh(house, credential, user="web1", session="s_1", peer="127.0.0.1:50000"):
    """Connect; the lease as it was admitted with, or the refusal."""
    house.engine.ssh(credential, user, session=session, peer=peer)
    await house.answered(session)
    return house.engine.admitted.get(session) or house.engine.refused[session]


def code_of(house):
    return house.audited("session.denied")[-1]["code"]


@pytest.mark.parametrize("target", ["web1", "db7"])
async def test_nothing_is_forwarded_to_the_gateway_from_any_host(house, target, monkeypatch):
    """A grant of its network led from a host of a block to the gateway's ports."""
    await issued(house, target=target)
    [grant] = await house.parts.store.grants()
    monkeypatch.setattr(house.engine, "addresses", lambda: ["10.0.0.5:2222", "10.0.0.5:6432"])
    rights = house.parts.compiled(grant, "deploy").rights
    assert {"10.0.0.5:2222", "10.0.0.5:6432"} <= set(rights.own)


async def test_the_engine_is_told_of_keys_and_listeners(house):
    config = house.engine.config
    assert [(listener.address, listener.protocol) for listener in config.listen] == [
        ("127.0.0.1:0", "postgres"),
        ("127.0.0.1:0", "ssh"),
    ]
    [host] = config.protocols.ssh.host_keys
    assert asyncssh.import_private_key(host.key)
    assert host.certificate
    [authority] = config.protocols.ssh.agents_authorities
    assert authority == house.parts.keyring.agents.blob
    assert (len(house.running.postgres), len(house.running.ssh)) == (1, 1)


async def test_a_key_that_cannot_be_used_stops_the_start(make_house, start, settings, tmp_path):
    (tmp_path / "agents_ca").write_bytes((tmp_path / "targets_ca").read_bytes())
    with pytest.raises(ExceptionGroup) as caught:
        async with start(make_house()):
            pass
    assert caught.group_contains(StartError, match=r"ssh\.targets_ca is the same key as ssh\.agents_ca")


async def test_a_certificate_in_place_of_a_secret(house):
    answer = await issued(house)
    grant = answer["grant"]
    assert (answer["secret"], grant["databases"]) == ("", ["deploy"])
    certificate = asyncssh.import_certificate(answer["certificate"])
    assert certificate.key.public_data == KEY.public_data
    assert certificate.signing_key.public_data == house.parts.keyring.agents.blob
    assert certificate.principals == ["web1", "deploy@web1"]
    assert certificate._key_id == grant["id"]
    assert certificate._valid_before == int(grant["expires_at"])
    assert answer["connect"].startswith("ssh -p ")
    assert answer["connect"].endswith(" web1@gw1")
    [line] = answer["known_hosts"]
    assert line.startswith("@cert-authority gw1,[gw1]:")
    [stored] = await house.parts.store.grants()
    assert (stored.protocol, stored.ssh.key) == ("ssh", KEY.get_fingerprint())
    assert grant["ssh_key"] == stored.ssh.key
    await house.settle(lambda: house.audited("grant.minted"))
    assert house.audited("grant.minted")[0]["ssh_key"] == stored.ssh.key


async def test_it_is_told_where_clients_reach_the_gateway(make_house, start, settings, monkeypatch):
    """Without names in a host certificate: `ssh web1@0.0.0.0`, and known_hosts the same (N7)."""
    bare = msgspec.structs.replace(settings.ssh, host_ca=None, names=())
    house = make_house()
    house.settings = msgspec.structs.replace(settings, ssh=bare)
    async with start(house):
        for word, address, named in (("T1", "0.0.0.0:22", "gw"), ("T2", "[::1]:22", "::1")):
            bound = ["127.0.0.1:5432", address]
            monkeypatch.setattr(house.engine, "addresses", lambda bound=bound: bound)
            answer = await issued(house, word)
            assert answer["connect"] == f"ssh web1@{named}"
            assert answer["known_hosts"][0].startswith(f"{named} ssh-ed25519 ")
        listen = msgspec.structs.replace(house.settings.listen, public_host="ssh.example")
        house.settings = msgspec.structs.replace(house.settings, listen=listen)
        await house.running.reload()
        assert (await issued(house, "T3"))["connect"] == "ssh web1@ssh.example"


async def test_a_host_header_is_no_line_of_known_hosts(make_house, start, settings, monkeypatch):
    bare = msgspec.structs.replace(settings.ssh, host_ca=None, names=())
    house = make_house()
    house.settings = msgspec.structs.replace(settings, ssh=bare)
    async with start(house):
        monkeypatch.setattr(house.engine, "addresses", lambda: ["127.0.0.1:5432", "0.0.0.0:22"])
        transport = httpx.ASGITransport(public_app(house.parts))
        async with httpx.AsyncClient(transport=transport, base_url="https://gw") as client:
            answer = await client.get("/v1/ssh", headers={"host": "*"})
            assert answer.json()["names"] == ["0.0.0.0"]
            answer = await client.get("/v1/ssh")
            assert answer.json()["names"] == ["gw"]


async def test_a_refusal_at_ssh_names_whom_to_ask(make_house, start, settings):
    """As PostgreSQL's do (N3)."""
    gateway = msgspec.structs.replace(settings.gateway, contact="#data-access")
    house = make_house()
    house.settings = msgspec.structs.replace(settings, gateway=gateway)
    async with start(house):
        refusal = await ssh(house, "hw1_nothing")
        assert refusal.hint.endswith(" Contact: #data-access")


async def test_it_opens_its_target_with_a_certificate_of_the_sessions_own(house):
    answer = await issued(house)
    grant, lease = await ssh(house, answer["certificate"], "deploy@web1+ticket-7")
    assert (grant.id, grant.target, grant.database) == (answer["grant"]["id"], "web1", "deploy")
    assert (lease.user, lease.password, lease.database) == ("deploy", "", "")
    login = msgspec.msgpack.decode(lease.login, type=Login)
    assert login.host_name == "127.0.0.1"
    upstream = upstream_of(lease)
    assert upstream.signing_key.public_data == house.parts.keyring.targets.blob
    assert (upstream.principals, upstream._key_id) == (["deploy"], grant.id)
    assert upstream.key.public_data != KEY.public_data


async def test_a_secret_at_the_password_prompt(house):
    answer = await issued(house, ssh_public_key="")
    assert answer["certificate"] == ""
    grant, _ = await ssh(house, answer["secret"])
    assert grant.id == answer["grant"]["id"]


@pytest.mark.parametrize(
    ("credential", "code"),
    [
        (JWT, "token_not_here"),
        (JWT[:1023], "token_not_here"),
        ("correct horse", "password_unknown"),
        ("", "password_empty"),
        ("hw1_short", "secret_malformed"),
        ("ssh-ed25519-cert-v01@openssh.com AAAA", "certificate_malformed"),
    ],
)
async def test_what_is_no_credential_for_ssh(house, credential, code):
    refusal = await ssh(house, credential)
    assert refusal.reason == code
    if code == "token_not_here":
        assert "hoopwire ssh-cert" in refusal.hint


async def test_a_certificate_that_was_only_typed_opens_nothing(house):
    # The bug: a certificate, which is public, let in whoever sent it as a password, without a signature.
    certificate = (await issued(house))["certificate"]
    house.engine.ssh(certificate, "web1", session="s_1", typed=True)
    await house.answered("s_1")
    assert "s_1" not in house.engine.admitted
    assert isinstance(await ssh(house, certificate, session="s_2"), tuple)


async def test_a_token_in_the_user_name_is_not_written_down(house):
    refusal = await ssh(house, "hw1_x", f"{JWT}@web1")
    assert refusal.reason == "credential_misplaced"


async def test_its_time_is_over(house):
    answer = await issued(house)
    house.wall.pass_time(60)
    refusal = await ssh(house, answer["certificate"])
    assert refusal.reason in ("certificate_expired", "grant_over")


async def test_another_name_than_it_is_good_for(house):
    answer = await issued(house)
    for user in ("admin@web1", "web2", "orders", "", "web1@web1"):
        assert (await ssh(house, answer["certificate"], user, session=f"s_{user}")).reason == (
            "certificate_other_name"
        )


async def test_a_login_that_is_not_granted(house):
    answer = await issued(house, ssh_public_key="")
    refusal = await ssh(house, answer["secret"], "admin@web1")
    assert refusal.reason == "login_not_granted"


async def test_both_logins_if_they_are_granted_and_one_by_name(house):
    answer = await issued(house, group="all")
    assert answer["grant"]["databases"] == ["deploy", "admin"]
    _, lease = await ssh(house, answer["certificate"], "admin@web1", session="s_1")
    assert lease.user == "admin"
    _, lease = await ssh(house, answer["certificate"], "web1", session="s_2")
    assert lease.user == "deploy"
    refusal = await ssh(house, answer["certificate"], "web1", session="s_3")
    assert refusal.reason == "sessions_exceeded"


async def test_one_literal_command_is_forced_at_the_target(house):
    answer = await issued(house, group="one", target="web1/admin")
    agents = asyncssh.import_certificate(answer["certificate"])
    assert agents.options.get("force-command") == "uptime -p"
    assert agents.principals == ["admin@web1"]
    _, lease = await ssh(house, answer["certificate"], "admin@web1")
    assert upstream_of(lease).options.get("force-command") == "uptime -p"


async def test_what_is_granted_is_permitted(house):
    _, lease = await ssh(house, (await issued(house, group="all"))["certificate"])
    options = upstream_of(lease).options
    assert options.get("permit-pty")
    assert options.get("permit-port-forwarding")
    assert not options.get("permit-agent-forwarding")
    assert not options.get("permit-user-rc")


def upstream_of(lease):
    return asyncssh.import_certificate(blob_line(msgspec.msgpack.decode(lease.login, type=Login).certificate))


async def test_only_from_where_it_is_good(house):
    answer = await issued(house, source_addresses=["192.0.2.0/24"])
    assert (await ssh(house, answer["certificate"], session="s_1")).reason == "certificate_other_address"
    admitted = await ssh(house, answer["certificate"], session="s_2", peer="192.0.2.9:50000")
    assert admitted[0].id == answer["grant"]["id"]


async def test_a_certificate_for_another_grants_key(house):
    """Our CA signs over the id of a grant: the key must be the one that the grant was made for."""
    answer = await issued(house)
    other = asyncssh.generate_private_key("ssh-ed25519")
    ca = asyncssh.read_private_key(house.settings.ssh.agents_ca)
    forged = ca.generate_user_certificate(
        other, answer["grant"]["id"], principals=["web1"], valid_after=0, valid_before=2**40
    )
    refusal = await ssh(house, forged.export_certificate().decode().strip())
    assert refusal.reason == "certificate_unbound"
    assert answer["grant"]["id"] not in refusal.message + refusal.detail + refusal.hint


async def test_a_certificate_for_a_grant_that_nobody_has(house):
    ca = asyncssh.read_private_key(house.settings.ssh.agents_ca)
    lost = ca.generate_user_certificate(
        KEY, "g_01J8ZQ4Y6V9T3N5R7W1X2Y3Z4A", principals=["web1"], valid_after=0, valid_before=2**40
    )
    assert (await ssh(house, lost.export_certificate().decode().strip())).reason == "certificate_unbound"


async def test_a_certificate_does_not_open_what_a_secret_does(house):
    """A grant with a secret has no key: a certificate with its id is none of ours."""
    answer = await issued(house, ssh_public_key="")
    ca = asyncssh.read_private_key(house.settings.ssh.agents_ca)
    line = ca.generate_user_certificate(
        KEY, answer["grant"]["id"], principals=["web1"], valid_after=0, valid_before=2**40
    )
    assert (await ssh(house, line.export_certificate().decode().strip())).reason == "certificate_unbound"


async def test_a_revoked_grant(house):
    answer = await issued(house)
    await ssh(house, answer["certificate"], session="s_1")
    await revoke_grant(house.parts, answer["grant"]["id"], by="operator:ann", reason="leaked")
    await house.settle(lambda: "s_1" in house.engine.revoked)
    assert (await ssh(house, answer["certificate"], session="s_2")).reason == "grant_over"


@pytest.mark.parametrize("what", ["key", "authority"])
async def test_a_revoked_key_or_ca_ends_live_sessions_too(house, what):
    answer = await issued(house)
    await ssh(house, answer["certificate"], session="s_1")
    [grant] = await house.parts.store.grants()
    keys = msgspec.structs.replace(house.settings.ssh, revoked_keys=(getattr(grant.ssh, what),))
    house.settings = msgspec.structs.replace(house.settings, ssh=keys)
    reloaded = await house.running.reload()
    assert (reloaded.cut, reloaded.restart_needed) == (1, ())
    await house.settle(lambda: "s_1" in house.engine.revoked)
    assert (await ssh(house, answer["certificate"], session="s_2")).reason == "certificate_revoked"


async def test_the_wrong_way_in(house):
    """A grant for an SSH target at a PostgreSQL listener, and the other way round; nothing is spent."""
    secret = (await issued(house, "T1", ssh_public_key=""))["secret"]
    await house.connect(secret, "s_1", database="web1")
    assert house.engine.refused["s_1"].reason == "other_protocol"
    await house.connect(house.token("T2", groups=("ops",)), "s_2", database="web1")
    assert house.engine.refused["s_2"].reason == "other_protocol"
    assert "ssh web1@" in house.engine.refused["s_2"].hint
    assert (await mint(house, "T2", target="web1")).status_code == 201
    orders = (await mint(house, house.token("T3"), target="orders")).json()["secret"]
    assert (await ssh(house, orders, "orders", session="s_3")).reason == "other_protocol"
    bound = await mint(house, house.token("T4"), target="orders", ssh_public_key=PUBLIC)
    assert (bound.status_code, bound.json()["code"]) == (403, "other_protocol")
    # Who may not use the target does not learn what it speaks.
    await house.connect(house.token("T5", groups=("nobody",)), "s_4", database="web1")
    assert house.engine.refused["s_4"].reason == "target_not_granted"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"ssh_public_key": "ssh-ed25519 AAAA"}, "$.ssh_public_key"),
        ({"ssh_public_key": "sk-ssh-ed25519@openssh.com AAAA"}, "hardware"),
        ({"ssh_public_key": PUBLIC, "source_addresses": ["10.0.0.1/8"]}, "$.source_addresses"),
        ({"source_addresses": ["10.0.0.1"]}, "needs `ssh_public_key`"),
        ({"ssh_public_key": "x" * 5000}, "$.ssh_public_key"),
    ],
)
async def test_what_cannot_be_certified_spends_no_token(house, body, words):
    token = house.token("T1", groups=("ops",))
    answer = await mint(house, token, target="web1", **body)
    assert answer.status_code == 400
    assert words in answer.json()["detail"]
    assert (await mint(house, token, target="web1", ssh_public_key=PUBLIC)).status_code == 201


async def test_without_the_agents_ca_there_are_secrets_only(make_house, start):
    house = make_house()
    keys = msgspec.structs.replace(house.settings.ssh, agents_ca=None)
    house.settings = msgspec.structs.replace(house.settings, ssh=keys)
    async with start(house):
        answer = await mint(house, house.token("T1", groups=("ops",)), target="web1", ssh_public_key=PUBLIC)
        assert (answer.status_code, answer.json()["code"]) == (503, "certificates_not_made")
        assert (await mint(house, "T1", target="web1")).status_code == 201
        house.running.stop()


async def test_a_renewal_stays_bound(house):
    first = await issued(house, "T1", source_addresses=["192.0.2.0/24"])
    id = first["grant"]["id"]
    for number, (body, words) in enumerate(
        (
            ({}, "ssh_public_key"),
            ({"ssh_public_key": PUBLIC}, "192.0.2.0/24"),
            ({"ssh_public_key": PUBLIC, "source_addresses": ["192.0.0.0/16"]}, "192.0.2.0/24"),
        )
    ):
        answer = await mint(
            house, house.token(f"R{number}", groups=("ops",)), target="web1", renews=id, **body
        )
        assert (answer.status_code, answer.json()["code"]) == (403, "renewal_widens")
        assert words in answer.json()["detail"]
    again = await issued(house, "T2", renews=id, source_addresses=["192.0.2.9"], actions=["exec uptime -p"])
    assert again["grant"]["actions"] == ["exec uptime -p"]
    options = asyncssh.import_certificate(again["certificate"]).options
    assert options.get("force-command") == "uptime -p"


async def test_where_the_gateway_is(house):
    transport = httpx.ASGITransport(public_app(house.parts))
    async with httpx.AsyncClient(transport=transport, base_url="https://gw") as client:
        answer = (await client.get("/v1/ssh")).json()
        document = (await client.get("/openapi.json")).json()
    assert (answer["names"], answer["port"]) == (["gw1"], int(house.running.ssh[0].rpartition(":")[2]))
    assert answer["known_hosts"][0].startswith("@cert-authority gw1")
    assert "ssh_public_key" in document["components"]["schemas"]["GrantRequest"]["properties"]


async def test_keys_are_never_shown(house):
    answer = await issued(house)
    await ssh(house, answer["certificate"])
    said = house.audit.getvalue().decode()
    assert answer["certificate"].split()[1] not in said
    assert answer["certificate"].split()[1] not in repr(house.engine.admitted)
