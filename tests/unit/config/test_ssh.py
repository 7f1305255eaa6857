"""SSH in the config file: targets, the gateway's keys, and what must be there for a target to be reached."""

import os
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from hoopwire.config import ConfigError, Problem, load, loads
from hoopwire.model.settings import PostgresTarget
from hoopwire.model.ssh.settings import SecretSettings, SshTarget

EXAMPLE = (Path(__file__).parents[3] / "docs/example.toml").read_text()
HOST_KEYS = next(line for line in EXAMPLE.splitlines() if line.startswith("host_keys"))
KEY = HOST_KEYS.split('"')[1]


def problems(text: str) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        loads(text.encode(), "/etc/hoopwire/hoopwire.toml", files=False)
    return list(caught.value.problems)


def edited(*pairs: tuple[str, str]) -> str:
    text = EXAMPLE
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


def test_a_target_is_what_its_protocol_says() -> None:
    settings = loads(EXAMPLE.encode(), "/etc/hoopwire/hoopwire.toml", files=False)
    assert isinstance(settings.targets["orders"], PostgresTarget)
    web1 = settings.targets["web1"]
    assert isinstance(web1, SshTarget)
    assert (web1.port, web1.parts, web1.login_by) == (22, ("deploy", "postgres"), "certificate")
    assert settings.ssh is not None
    assert settings.ssh.host_key == "/etc/hoopwire/keys/ssh_host"
    assert settings.listen.ssh == ("0.0.0.0:22",)


def test_a_key_may_come_from_elsewhere() -> None:
    text = edited(('host_key = "keys/ssh_host"', 'host_key = { env = "HOST_KEY" }'))
    settings = loads(text.encode(), "/etc/hoopwire/hoopwire.toml", files=False)
    assert settings.ssh is not None
    assert settings.ssh.host_key == SecretSettings(env="HOST_KEY")


TARGET = 'protocol = "ssh"'
LOGINS = '["deploy", "postgres"]'
CASES = [
    # what to replace, with what, the key of the problem, words in it
    (TARGET, 'protocol = "shh"', "targets.web1.protocol", 'none of: "postgres", "ssh"'),
    (TARGET, f"{TARGET}\ndatabases = []", "targets.web1.databases", "unknown key"),
    (TARGET, f'{TARGET}\nsearch_path = ["a"]', "targets.web1.search_path", "unknown key"),
    (TARGET, f"{TARGET}\nport = 0", "targets.web1.port", "65535"),
    (TARGET, f'{TARGET}\nlogin_by = "key"', "targets.web1.credential", "required"),
    (TARGET, f'{TARGET}\ncredential = {{ env = "A" }}', "targets.web1.credential", "no effect"),
    (
        TARGET,
        f'{TARGET}\nlogin_by = "password"\ncredential = {{}}',
        "targets.web1.credential",
        "exactly one of file, env, command",
    ),
    (
        TARGET,
        f'{TARGET}\nlogin_by = "key"\ncredential = {{ env = "a b" }}',
        "targets.web1.credential.env",
        "name of an environment variable",
    ),
    (TARGET, f'{TARGET}\nhost_name = "web"', "targets.web1.host_name", "no effect"),
    (TARGET, f'{TARGET}\nhost_ca = "ca.pub"\nhost_name = "a b"', "targets.web1.host_name", "neither"),
    ('host = "web1.internal"', 'host = "web 1"', "targets.web1.host", "neither"),
    ('host = "web1.internal"\n', "", "targets.web1.host", "required"),
    (LOGINS, "[]", "targets.web1.logins", "at least one"),
    (LOGINS, '["deploy", "deploy"]', "targets.web1.logins[1]", "twice"),
    (LOGINS, '["a@b"]', "targets.web1.logins[0]", "no login"),
    (LOGINS, '["a+b"]', "targets.web1.logins[0]", "no login"),
    (LOGINS, '["a/b"]', "targets.web1.logins[0]", "no login"),
    (LOGINS, '["-a"]', "targets.web1.logins[0]", "no login"),
    (HOST_KEYS, "", "targets.web1.host_keys", "targets scan"),
    (KEY, f'{KEY}", "{KEY} again', "targets.web1.host_keys[1]", "twice"),
    (KEY, "ssh-dss AAAA", "targets.web1.host_keys[0]", "no kind"),
    (KEY, KEY[:-3], "targets.web1.host_keys[0]", "not base64"),
    (KEY, KEY.replace("ssh-ed25519", "ssh-rsa"), "targets.web1.host_keys[0]", "no ssh-rsa key"),
    ('ssh = ["0.0.0.0:22"]', "", "targets.web1.protocol", "no `ssh`"),
    ('ssh = ["0.0.0.0:22"]', "", "ssh", "nothing listens"),
    ('ssh = ["0.0.0.0:22"]', 'ssh = ["0.0.0.0:5432"]', "listen.ssh[0]", "twice"),
    ('targets_ca = "keys/ssh_targets_ca"', "", "targets.web1.login_by", "`targets_ca`"),
    ('host_key = "keys/ssh_host"', "", "ssh.host_key", "required"),
    ('host_key = "keys/ssh_host"', "host_key = {}", "ssh.host_key", "exactly one"),
    ('host_key = "keys/ssh_host"', 'host_key = { file = "" }', "ssh.host_key.file", "empty path"),
    ('host_ca = "keys/ssh_host_ca"', "", "ssh.names", "no effect"),
    ('host_ca = "keys/ssh_host_ca"', 'host_ca_previous = "a.pub"', "ssh.host_ca_previous", "none after"),
    ('["gw1", "gw1.example.com"]', "[]", "ssh.names", "required"),
    ('["gw1", "gw1.example.com"]', '["gw 1"]', "ssh.names[0]", "neither"),
    ('["gw1", "gw1.example.com"]', '["gw1", "gw1"]', "ssh.names[1]", "twice"),
    ("[ssh]", '[ssh]\nsource_addresses = ["10.0.0.1/24"]', "ssh.source_addresses[0]", "10.0.0.0/24"),
    ("[ssh]", '[ssh]\ncertificate = "2h"', "ssh.certificate", "from 10s"),
    ("[ssh]", '[ssh]\nrevoked_keys = ["SHA256:abc"]', "ssh.revoked_keys[0]", "no fingerprint"),
]


@pytest.mark.parametrize(("old", "new", "key", "words"), CASES)
def test_what_is_refused(old: str, new: str, key: str, words: str) -> None:
    found = [(problem.key, problem.what) for problem in problems(edited((old, new)))]
    assert any(at == key and words in what for at, what in found), found


def test_the_table_must_be_there() -> None:
    start = EXAMPLE.index("[ssh]")
    text = EXAMPLE[:start] + EXAMPLE[EXAMPLE.index("# `ssh web1@gw1`") :]
    found = {problem.key: problem for problem in problems(text)}
    assert set(found) == {"listen.ssh", "targets.web1.protocol"}
    assert found["targets.web1.protocol"].line == text.splitlines().index(TARGET) + 1


def test_the_nearest_right_name_is_told() -> None:
    for old, new, name in (
        (TARGET, 'protocol = "shh"', "ssh"),
        ('logins = ["deploy"', 'login = ["deploy"', "logins"),
        ('agents_ca = "', 'agent_ca = "', "agents_ca"),
        ("[ssh]", "[shh]", "ssh"),
        (KEY, KEY.replace("ssh-ed25519", "ssh-ed25591"), "ssh-ed25519"),
        ('targets = ["orders/*"]', 'targets = ["web1/deplo"]', "web1/deploy"),
    ):
        assert name in {problem.nearest for problem in problems(edited((old, new)))}


def pem(key: object, password: bytes | None = None, form: PrivateFormat = PrivateFormat.OpenSSH) -> bytes:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, form, encryption)  # type: ignore[attr-defined]


FILES = ("ssh_host", "ssh_agents_ca", "ssh_targets_ca", "ssh_host_ca")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "keys").mkdir()
    for name in FILES:
        write(tmp_path / "keys" / name, pem(ed25519.Ed25519PrivateKey.generate()))
    (tmp_path / "gw.toml").write_text(EXAMPLE)
    return tmp_path


def write(path: Path, content: bytes, mode: int = 0o600) -> None:
    path.write_bytes(content)
    os.chmod(path, mode)


def of_keys(folder: Path) -> dict[str, str]:
    """What is told of the SSH keys; the example's other files are not there."""
    with pytest.raises(ConfigError) as caught:
        load(folder / "gw.toml")
    return {
        problem.key: problem.what
        for problem in caught.value.problems
        if problem.key.startswith(("ssh.", "targets.web1."))
    }


def test_sound_keys_in_every_form(folder: Path) -> None:
    write(folder / "keys/ssh_host", pem(ec.generate_private_key(ec.SECP384R1())))
    write(folder / "keys/ssh_agents_ca", pem(ec.generate_private_key(ec.SECP521R1())))
    write(folder / "keys/ssh_host_ca", pem(rsa.generate_private_key(65537, 2048), form=PrivateFormat.PKCS8))
    assert of_keys(folder) == {}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no private key"),
        (b"not a key", "no private key"),
        (pem(ed25519.Ed25519PrivateKey.generate(), b"secret", PrivateFormat.PKCS8), "passphrase"),
        (pem(rsa.generate_private_key(65537, 1024)), "1024 bits"),
        (pem(dsa.generate_private_key(1024), form=PrivateFormat.PKCS8), "Ed25519"),
        (pem(ec.generate_private_key(ec.SECP256K1()), form=PrivateFormat.PKCS8), "secp256k1"),
        (pem(ec.generate_private_key(ec.SECP521R1())), "P-521"),
    ],
)
def test_a_host_key_that_cannot_be_used(folder: Path, content: bytes, words: str) -> None:
    write(folder / "keys/ssh_host", content)
    assert words in of_keys(folder)["ssh.host_key"]


def test_a_host_key_with_a_passphrase_of_ssh_keygen(folder: Path) -> None:
    path = folder / "keys/ssh_host"
    path.unlink()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", path], check=True)
    assert "passphrase" in of_keys(folder)["ssh.host_key"]


def test_one_key_for_two_purposes_stops_the_start(folder: Path) -> None:
    """An agents' CA that is the targets', too: what an agent holds would open the target past the gateway."""
    for name in FILES[1:]:
        content = (folder / "keys/ssh_agents_ca").read_bytes()
        write(folder / "keys" / name, content)
    found = of_keys(folder)
    assert set(found) == {"ssh.targets_ca", "ssh.host_ca"}
    assert all("same key as `agents_ca`" in words for words in found.values())


def test_the_ca_before_may_not_be_one_of_now_either(folder: Path) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    write(folder / "keys/ssh_targets_ca", pem(key))
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    write(folder / "before.pub", b"# the CA of last year\n\n" + public + b" ca@2025\n", 0o644)
    (folder / "gw.toml").write_text(edited(("[ssh]", '[ssh]\nagents_ca_previous = "before.pub"')))
    [words] = of_keys(folder).values()
    assert "same key" in words


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (pem(ed25519.Ed25519PrivateKey.generate()), "private key"),
        (b"ssh-ed25519 AAAA", "no public key"),
        (b"\n# nothing\n", "1 to 100"),
        (b"sk-ssh-ed25519@openssh.com AAAA", "hardware token"),
        (b"ssh-ed25519-cert-v01@openssh.com AAAA", "is a certificate"),
    ],
)
def test_a_public_key_that_is_none(folder: Path, content: bytes, words: str) -> None:
    write(folder / "ca.pub", content)
    text = edited(("[ssh]", '[ssh]\nhost_ca_previous = "ca.pub"'), (HOST_KEYS, 'host_ca = "ca.pub"'))
    (folder / "gw.toml").write_text(text)
    found = of_keys(folder)
    assert words in found["ssh.host_ca_previous"]
    assert words in found["targets.web1.host_ca"]


def test_a_key_to_log_in_with(folder: Path) -> None:
    by_key = 'login_by = "key"\ncredential = { file = "login" }'
    (folder / "gw.toml").write_text(edited((TARGET, f"{TARGET}\n{by_key}")))
    write(folder / "login", b"a password\n")
    assert "no private key" in of_keys(folder)["targets.web1.credential.file"]
    (folder / "gw.toml").write_text(edited((TARGET, f"{TARGET}\n{by_key.replace('key', 'password', 1)}")))
    assert of_keys(folder) == {}


def test_people_with_a_browser_come_to_ssh_only() -> None:
    agents = "[issuers.agents]\n"
    device = f'{agents}device = {{ client_id = "0oa1", client_secret = {{ env = "SECRET" }} }}\n'
    settings = loads(edited((agents, device)).encode(), "/etc/hoopwire/hoopwire.toml", files=False)
    found = settings.issuers["agents"].device
    assert found is not None
    assert (found.client_id, found.client_secret, found.wait) == ("0oa1", SecretSettings(env="SECRET"), 300)
    found_wrong = problems(edited((agents, device), ('ssh = ["0.0.0.0:22"]', "")))
    assert ("issuers.agents.device", "has no effect: [listen] has no `ssh`") in [
        (each.key, each.what) for each in found_wrong
    ]
