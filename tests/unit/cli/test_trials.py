"""`check` saw no expired certificate, no issuer that is away, no wrong port, no unset variable (N6)."""

import datetime
import json
import os
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from hoopwire.cli import main
from hoopwire.cli.trials.trial import Trial
from hoopwire.demo.gateway import toml_text
from hoopwire.demo.issuer import DevIssuer

DAY = datetime.timedelta(days=1)


def pair(folder: Path, name: str, *, days: int, begins: int = -400, host: str = "gw.example.com") -> None:
    """A certificate and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now + begins * DAY)
        .not_valid_after(now + days * DAY)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / f"{name}.crt").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / f"{name}.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (folder / f"{name}.key").chmod(0o600)


def free_port() -> int:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class File:
    """A config file of which tests change something."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        assert main(["keygen", "recording", "--out", str(folder / "recording.key")]) == 0
        pair(folder, "gateway", days=300)
        self.settings = {
            "gateway": {"audience": "hoopwire", "state": "state"},
            "listen": {
                "postgres": [f"127.0.0.1:{free_port()}"],
                "admin_socket": "admin.sock",
                "tls": {"certificate": "gateway.crt", "key": "gateway.key"},
            },
            "limits": {"connections": 50, "connections_per_address": 50, "unadmitted_per_address": 50},
            "recording": {"directory": "recordings", "signing_key": "recording.key", "floor": "1MiB"},
            "issuers": {"dev": {"issuer": f"http://127.0.0.1:{free_port()}/oauth2/dev", "dev": True}},
            "targets": {
                "orders": {
                    "host": "127.0.0.1",
                    "port": free_port(),
                    "databases": ["orders"],
                    "user": "app",
                    "tls": "disable",
                    "credential": {"trust": True},
                }
            },
            "policies": [{"name": "readers", "groups": ["data"], "targets": ["orders"]}],
        }

    def check(self, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[Trial]]:
        """The exit code and all trials."""
        path = self.folder / "hoopwire.toml"
        path.write_text(toml_text(self.settings))
        capsys.readouterr()
        code = main(["check", "--config", str(path), "--json", *words])
        answer = capsys.readouterr()
        assert code in (0, 1), answer.err
        return code, json.loads(answer.out)["trials"]


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path)


def of(trials: list[dict], setting: str) -> dict:
    [found] = [trial for trial in trials if trial["setting"] == setting]
    return found


@pytest.mark.parametrize(
    ("days", "begins", "result", "words"),
    [
        (300, -1, "ok", "valid until"),
        (3, -1, "warning", "expires on"),
        (-1, -30, "FAILED", "expired on"),
        (300, 2, "FAILED", "is not valid before"),
    ],
)
def test_the_dates_of_the_certificate_are_seen(file, tmp_path, capsys, days, begins, result, words):
    """An expired certificate of the listeners was valid to `check`: clients heard of it first (N6)."""
    pair(tmp_path, "gateway", days=days, begins=begins)
    code, trials = file.check(capsys)
    found = of(trials, "listen.tls.certificate")
    assert (found["result"], words in found["found"]) == (result, True)
    assert code == (1 if result == "FAILED" else 0)
    assert bool(found["to_do"]) == (result != "ok")


@pytest.mark.parametrize(
    ("host", "name", "is_wrong"),
    [
        ("gw.example.com", "GW.example.com.", False),
        ("*.example.com", "gw.example.com", False),
        ("*.example.com", "a.gw.example.com", True),
        ("other.example.com", "gw.example.com", True),
    ],
)
def test_a_certificate_for_another_name_is_seen(file, tmp_path, capsys, host, name, is_wrong):
    """The connection lines that are shown name `public_host`, and verify-full refused it (N6)."""
    pair(tmp_path, "gateway", days=300, host=host)
    file.settings["listen"]["public_host"] = name
    code, trials = file.check(capsys)
    wrong = [trial["setting"] for trial in trials if trial["result"] == "FAILED"]
    assert (code, wrong) == ((1, ["listen.public_host"]) if is_wrong else (0, []))


def test_a_missing_folder_is_seen(file, capsys):
    """The folder of the operators' socket was not there, and the gateway stopped at its start (N6)."""
    file.settings["listen"]["admin_socket"] = "run/admin.sock"
    code, trials = file.check(capsys)
    found = of(trials, "listen.admin_socket")
    assert (code, found["result"]) == (1, "FAILED")
    assert f"mkdir -p {file.folder}/run" in found["to_do"]
    assert found["place"].startswith(f"{file.folder}/hoopwire.toml:")


def test_an_unset_variable_is_told_and_no_fault_of_the_file(file, capsys, monkeypatch):
    """A secret's variable that is not set was seen at the first login (N6). It is the gateway's, not ours."""
    file.settings["targets"]["orders"]["credential"] = {"env": "ORDERS_PASSWORD"}
    monkeypatch.delenv("ORDERS_PASSWORD", raising=False)
    code, trials = file.check(capsys)
    assert (code, of(trials, "targets.orders.credential.env")["result"]) == (0, "warning")
    monkeypatch.setenv("ORDERS_PASSWORD", "planted-4711")
    code, trials = file.check(capsys)
    assert of(trials, "targets.orders.credential.env")["result"] == "ok"
    assert "planted-4711" not in json.dumps(trials)
    file.settings["targets"]["orders"]["credential"] = {"command": ["/no/such/program"]}
    code, trials = file.check(capsys)
    assert (code, of(trials, "targets.orders.credential.command")["result"]) == (0, "warning")


def test_without_files_nothing_is_looked_at(file, capsys):
    file.settings["listen"]["admin_socket"] = "run/admin.sock"
    assert file.check(capsys, "--no-files") == (0, [])


def test_what_is_away_is_named_with_what_to_do(file, capsys):
    """An issuer that nobody answers for and a wrong port were valid (N6)."""
    code, trials = file.check(capsys, "--online")
    assert code == 1
    for setting, words in (("issuers.dev.issuer", "cannot connect"), ("targets.orders.port", "refused")):
        found = of(trials, setting)
        assert found["result"] == "FAILED"
        assert words in found["found"]
        assert found["to_do"]
    assert of(trials, "listen.postgres[0]")["found"] == "is free"
    assert not (file.folder / "state").exists(), "what is tried is not made"
    assert not list(file.folder.rglob("*.tmp"))


def test_an_issuer_is_asked_as_the_gateway_asks(file, capsys):
    with DevIssuer.run_in_thread() as issuer:
        file.settings["issuers"]["dev"]["issuer"] = issuer.issuer
        _, trials = file.check(capsys, "--online")
        told = [trial for trial in trials if trial["setting"] == "issuers.dev.issuer"]
        assert [(trial["result"], trial["tried"].split()[0]) for trial in told] == [
            ("ok", "discovery"),
            ("ok", "clock"),
        ]
        file.settings["issuers"]["dev"]["issuer"] = issuer.issuer + "x"
        _, trials = file.check(capsys, "--online")
    found = of(trials, "issuers.dev.issuer")
    assert (found["result"], "discovery" in found["found"] or "404" in found["found"]) == ("FAILED", True)


def test_a_port_of_somebody_else_is_named(file, capsys):
    """A start stopped at a port that was taken, and nothing said by whom (N6)."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        file.settings["listen"]["postgres"] = [f"127.0.0.1:{taken.getsockname()[1]}", "192.0.2.1:5432"]
        _, trials = file.check(capsys, "--online")
    found = of(trials, "listen.postgres[0]")
    assert found["result"] == "FAILED"
    assert f"(process {os.getpid()})" in found["found"]
    assert of(trials, "listen.postgres[1]")["found"] == "is no address of this machine"


def test_a_server_that_speaks_something_else_is_named(file, capsys):
    greeting = (
        "import socket,sys\ns=socket.create_server(('127.0.0.1',0))\nprint(s.getsockname()[1],flush=True)\n"
    )
    greeting += "while True:\n c,_=s.accept(); c.sendall(b'220 mail\\r\\n'); c.recv(100); c.close()\n"
    with subprocess.Popen([sys.executable, "-c", greeting], stdout=subprocess.PIPE, text=True) as server:
        try:
            port = int(server.stdout.readline())
            orders = file.settings["targets"]["orders"]
            (file.folder / "ca.crt").write_bytes((file.folder / "gateway.crt").read_bytes())
            del orders["tls"]
            orders |= {"port": port, "ca": "ca.crt"}
            line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILs+zKfhvvVAoO1ZgyEAzD6cAvnef5HyJ/GdmQnLh4/4"
            assert main(["keygen", "ssh", "--only", "host_key", "--out", str(file.folder)]) == 0
            file.settings["ssh"] = {"host_key": "ssh_host"}
            file.settings["listen"]["ssh"] = [f"127.0.0.1:{free_port()}"]
            file.settings["targets"]["web1"] = {
                "protocol": "ssh",
                "host": "127.0.0.1",
                "port": port,
                "logins": ["deploy"],
                "host_keys": [line],
                "login_by": "password",
                "credential": {"env": "PATH"},
            }
            _, trials = file.check(capsys, "--online")
        finally:
            server.terminate()
    assert of(trials, "targets.orders.port")["found"] == "is no PostgreSQL server"
    assert of(trials, "targets.web1.port")["found"] == "is no SSH server"
    assert of(trials, "targets.web1.credential")["result"] == "ok"


def test_a_block_of_many_hosts_is_tried_by_the_names_that_it_has(file, capsys):
    """`web*.internal` itself was looked up, and a sound file called wrong."""
    line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILs+zKfhvvVAoO1ZgyEAzD6cAvnef5HyJ/GdmQnLh4/4"
    assert main(["keygen", "ssh", "--only", "host_key", "--out", str(file.folder)]) == 0
    file.settings["ssh"] = {"host_key": "ssh_host"}
    file.settings["listen"]["ssh"] = [f"127.0.0.1:{free_port()}"]
    (file.folder / "hosts_ca.pub").write_text(line + "\n")
    block = {"protocol": "ssh", "logins": ["deploy"], "host_ca": "hosts_ca.pub", "login_by": "password"}
    block["credential"] = {"env": "PATH"}
    file.settings["targets"] |= {
        "web*": block | {"host": "web*.invalid"},
        "db*": block | {"host": "db*.invalid", "names": ["db1", "db2"]},
    }
    _, trials = file.check(capsys, "--online")
    tried = [(trial["tried"], trial["result"]) for trial in trials if "invalid" in trial["tried"]]
    assert ("address of db1.invalid", "FAILED") in tried
    assert ("address of db2.invalid", "FAILED") in tried
    assert not any(what.startswith("address of web") for what, _ in tried)
    assert ("hosts of web*", "not tried") in [(trial["tried"], trial["result"]) for trial in trials]


def test_folders_and_sinks_are_tried(file, capsys):
    file.settings["recording"] |= {"floor": "1000000GiB", "checkpoints": "checkpoints"}
    (file.folder / "checkpoints").mkdir()
    code, trials = file.check(capsys, "--online", "--audit", str(file.folder / "none/audit.log"))
    assert code == 1
    assert "is the least" in of(trials, "recording.directory")["found"]
    appended = [trial for trial in trials if trial["tried"].startswith(("file ", "audit file "))]
    assert [trial["result"] for trial in appended] == ["FAILED", "FAILED"]
    assert not (file.folder / "none").exists()


def test_a_table_for_people_and_each_fault_with_its_line(file, capsys):
    path = file.folder / "hoopwire.toml"
    path.write_text(toml_text(file.settings))
    assert main(["check", "--config", str(path), "--online"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split() == ["RESULT", "SETTING", "TRIED", "FOUND"] for line in lines)
    assert any(line.startswith("FAILED") and "targets.orders.port" in line for line in lines)
    number = next(n for n, line in enumerate(path.read_text().splitlines(), 1) if line.startswith("port"))
    assert any(line.startswith(f"{path}:{number}:1: wrong: targets.orders.port: ") for line in lines)


@pytest.mark.parametrize("words", [("--as", "cid:a", "--online"), ("--audit", "x")])
def test_options_that_do_not_go_together(file, words, capsys):
    (file.folder / "hoopwire.toml").write_text(toml_text(file.settings))
    assert main(["check", "--config", str(file.folder / "hoopwire.toml"), *words]) == 2
