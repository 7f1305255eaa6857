"""What is run for SSH: keys, scans, certificates, and the blocks of ssh's own configuration."""

import json
import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import asyncssh
import pytest

from hoopwire.cli import main
from hoopwire.model.ssh.keys import public_line
from support.ssh import sshd, write_key

ROOT = Path(__file__).parents[3]


@pytest.fixture
def adjust():
    """A gateway that listens for SSH, with the keys of `hoopwire keygen ssh` and a target."""

    def adjust(live):
        assert main(["keygen", "ssh", "--out", str(live.folder)]) == 0
        host = write_key(live.folder / "web1")
        live.settings["listen"]["ssh"] = ["127.0.0.1:0"]
        live.settings["ssh"] = {
            "host_key": "ssh_host",
            "agents_ca": "ssh_agents_ca",
            "targets_ca": "ssh_targets_ca",
            "host_ca": "ssh_host_ca",
            "names": ["gw1"],
        }
        live.settings["targets"]["web1"] = {
            "protocol": "ssh",
            "host": "127.0.0.1",
            "logins": ["deploy"],
            "host_keys": [public_line(host.public_key())],
        }
        live.settings["policies"].append(
            {"name": "ops", "groups": ["data"], "targets": ["web1"], "actions": ["shell"], "ttl": "10m"}
        )

    return adjust


@pytest.fixture
def key(tmp_path):
    write_key(tmp_path / "id")
    return tmp_path / "id"


@pytest.fixture
def asks(gateway, key, capsys):
    """Runs `hoopwire ssh-cert` for web1."""

    def run(*more, target="web1"):
        base = ["ssh-cert", "--gateway", gateway.url, "--ca", str(gateway.folder / "gateway.crt")]
        code = main([*base, "--target", target, "--key", str(key), *more])
        return code, capsys.readouterr()

    return run


def token_of(gateway):
    return gateway.issuer.token(gateway.issuer.client(groups=["data"]).cid)


def certificate_of(key):
    return asyncssh.read_certificate(f"{key}-cert.pub")


def test_a_certificate_beside_the_key(gateway, key, asks, monkeypatch):
    monkeypatch.setenv("HOOPWIRE_TOKEN", token_of(gateway))
    code, said = asks()
    assert (code, "is good until" in said.out) == (0, True)
    certificate = certificate_of(key)
    assert certificate.principals == ["web1", "deploy@web1"]
    gateway.engine.ssh(Path(f"{key}-cert.pub").read_text().strip(), "web1", session="s_1")
    gateway.settle(lambda: "s_1" in gateway.engine.admitted)


def test_a_good_one_is_left_alone_and_no_token_is_read(gateway, key, asks, monkeypatch):
    monkeypatch.setenv("HOOPWIRE_TOKEN", token_of(gateway))
    asks()
    before = Path(f"{key}-cert.pub").read_bytes()
    monkeypatch.delenv("HOOPWIRE_TOKEN")
    code, said = asks("--json")
    assert (code, json.loads(said.out)["new"]) == (0, False)
    assert Path(f"{key}-cert.pub").read_bytes() == before
    assert asks("--fresh")[0] == 2


@pytest.mark.parametrize("why", ["nearly over", "of another key", "of another target", "not one"])
def test_one_that_is_no_good_is_replaced(gateway, key, asks, monkeypatch, why):
    ca = asyncssh.generate_private_key("ssh-ed25519")
    of = asyncssh.read_private_key(key)
    if why == "of another key":
        of = asyncssh.generate_private_key("ssh-ed25519")
    made = ca.generate_user_certificate(
        of,
        "g_x",
        principals=["web2" if why == "of another target" else "web1"],
        valid_after=0,
        valid_before=int(time.time()) + (30 if why == "nearly over" else 3000),
    )
    made.write_certificate(f"{key}-cert.pub")
    if why == "not one":
        Path(f"{key}-cert.pub").write_text("nonsense")
    monkeypatch.setenv("HOOPWIRE_TOKEN", token_of(gateway))
    assert asks()[0] == 0
    assert certificate_of(key).principals == ["web1", "deploy@web1"]


def test_ssh_asks_many_times_at_once_and_one_token_is_spent(gateway, key, tmp_path):
    """Several `ssh web1` at once: each runs Match exec, and a second use of the token would be refused."""
    (tmp_path / "token").write_text(token_of(gateway))
    command = [sys.executable, "-m", "hoopwire", "ssh-cert", "--gateway", gateway.url, "--target", "web1"]
    command += ["--ca", str(gateway.folder / "gateway.crt"), "--key", str(key)]
    command += ["--token-file", str(tmp_path / "token")]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(3)]
    said = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], said
    assert sorted(b"still" in out for out, _ in said) == [False, True, True]


def test_the_token_from_a_program(gateway, asks, tmp_path):
    (tmp_path / "token").write_text(token_of(gateway))
    assert asks("--token-command", f"cat {tmp_path / 'token'}")[0] == 0
    for command, words in (
        ("false", "status 1"),
        ("/nowhere", "No such file"),
        ("", "cannot run"),
        ("echo a b", "one token"),
    ):
        code, said = asks("--fresh", "--token-command", command)
        assert (code, words in said.err) == (2, True), said.err


def test_what_is_refused_leaves_the_old_one(gateway, key, asks, monkeypatch):
    monkeypatch.setenv("HOOPWIRE_TOKEN", token_of(gateway))
    asks()
    before = Path(f"{key}-cert.pub").read_bytes()
    code, said = asks("--fresh")
    assert (code, "token_spent" in said.err) == (1, True)
    assert Path(f"{key}-cert.pub").read_bytes() == before


def test_a_key_that_is_not_there_or_none(gateway, key, asks):
    Path(f"{key}.pub").write_text("sk-ssh-ed25519@openssh.com AAAA\n")
    assert asks()[0] == 2
    Path(f"{key}.pub").unlink()
    code, said = asks()
    assert (code, "ssh-keygen" in said.err) == (2, True)


def test_ssh_itself_reads_the_block_and_gets_the_certificate(gateway, key, tmp_path, capsys):
    (tmp_path / "token").write_text(token_of(gateway))
    base = ["ssh-config", "--gateway", gateway.url, "--ca", str(gateway.folder / "gateway.crt")]
    assert main([*base, "--target", "web1", "--key", str(key), "--token-file", str(tmp_path / "token")]) == 0
    config = tmp_path / "config"
    config.write_text(capsys.readouterr().out)
    assert "%" not in config.read_text()
    # `hoopwire` is found on PATH, where it is installed.
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/hoopwire"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m hoopwire "$@"\n')
    program.chmod(0o755)
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["ssh", "-G", "-F", config, "web1"],
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": path},
        check=True,
        timeout=120,
    )
    said = dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)
    port = gateway.running.ssh[0].rpartition(":")[2]
    assert (said["hostname"], said["port"], said["user"]) == ("gw1", port, "web1")
    assert (said["hostkeyalias"], said["identitiesonly"]) == ("gw1", "yes")
    assert said["identityfile"] == str(key)
    assert asyncssh.read_certificate(said["certificatefile"]).principals == ["web1", "deploy@web1"]


def test_the_lines_of_known_hosts_are_what_ssh_keygen_finds(gateway, tmp_path, capsys):
    base = ["ssh-config", "--gateway", gateway.url, "--ca", str(gateway.folder / "gateway.crt")]
    assert main([*base, "--known-hosts"]) == 0
    (tmp_path / "known").write_text(capsys.readouterr().out)
    port = gateway.running.ssh[0].rpartition(":")[2]
    for name in ("gw1", f"[gw1]:{port}"):
        done = subprocess.run(
            ["ssh-keygen", "-F", name, "-f", tmp_path / "known"], capture_output=True, text=True, check=True
        )
        assert (gateway.folder / "ssh_host_ca.pub").read_text().split()[1] in done.stdout


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--target", "web1", "--token-file", "-"], "stdin"),
        (["--target", "we b1"], "cannot stand"),
        (["--target", "web1", "--host", "a*"], "cannot stand"),
        (["--target", "web1", "--key", '/a"b'], "quote"),
        (["--target", "web1", "--key", "/a%b"], "%"),
    ],
)
def test_what_ssh_would_read_otherwise_is_not_printed(gateway, capsys, more, words):
    base = ["ssh-config", "--gateway", gateway.url, "--ca", str(gateway.folder / "gateway.crt")]
    assert main([*base, *more]) == 2
    assert words in capsys.readouterr().err


def test_a_gateway_without_ssh(gateway, capsys):
    assert gateway.running.ssh
    base = ["ssh-config", "--gateway", gateway.url + "/nothing", "--ca", str(gateway.folder / "gateway.crt")]
    assert main([*base, "--known-hosts"]) == 1


def test_keygen_ssh(tmp_path, capsys):
    assert main(["keygen", "ssh", "--out", str(tmp_path), "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert set(made) == {"host_key", "agents_ca", "targets_ca", "host_ca"}
    for path in made.values():
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        public = subprocess.run(["ssh-keygen", "-y", "-f", path], capture_output=True, text=True, check=True)
        assert Path(f"{path}.pub").read_text().split()[:2] == public.stdout.split()[:2]
    assert main(["keygen", "ssh", "--out", str(tmp_path)]) == 1
    assert "never overwritten" in capsys.readouterr().err
    (tmp_path / "new").mkdir()
    assert main(["keygen", "ssh", "--out", str(tmp_path / "new"), "--only", "agents_ca"]) == 0
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "ssh_agents_ca",
        "ssh_agents_ca.pub",
    ]


def example(folder, port, *host_keys):
    text = (ROOT / "docs/example.toml").read_text().replace("web1.internal", "127.0.0.1")
    line = next(line for line in text.splitlines() if line.startswith("host_keys"))
    listed = ", ".join(f'"{key}"' for key in host_keys)
    path = folder / "gw.toml"
    path.write_text(text.replace(line, f"port = {port}\nhost_keys = [{listed}]"))
    return str(path)


def test_scan_shows_what_the_target_shows(tmp_path, capsys):
    with sshd(tmp_path / "sshd") as server:
        key = public_line(server.host_key.public_key())
        other = public_line(write_key(tmp_path / "other").public_key())
        assert main(["targets", "scan", "web1", "--config", example(tmp_path, server.port, other, key)]) == 0
        said = capsys.readouterr().out
        listed = subprocess.run(
            ["ssh-keygen", "-lf", tmp_path / "sshd/host_key"], capture_output=True, text=True, check=True
        )
        assert f"{listed.stdout.split()[1]}  ssh-ed25519  (pinned)" in said
        assert "1 pinned keys are not shown" in said
        assert f'host_keys = ["{key}"]' in said
        config = example(tmp_path, server.port, other)
        assert main(["targets", "scan", "web1", "--config", config, "--json"]) == 0
        [shown] = json.loads(capsys.readouterr().out)["keys"]
        assert (shown["key"], shown["pinned"]) == (key, False)


def test_scan_of_nothing(tmp_path, capsys, monkeypatch):
    key = public_line(write_key(tmp_path / "other").public_key())
    config = example(tmp_path, 1, key)
    assert main(["targets", "scan", "orders", "--config", config]) == 2
    assert "web1" in capsys.readouterr().err
    assert main(["targets", "scan", "web1", "--config", config]) == 3
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert main(["targets", "scan", "web1", "--config", config]) == 1
    assert "openssh-client" in capsys.readouterr().err


def test_check_prints_what_a_targets_sshd_needs(gateway, tmp_path, capsys):
    gateway.settings["ssh"]["source_addresses"] = ["10.0.0.7"]
    before = public_line(write_key(tmp_path / "before").public_key())
    gateway.settings["ssh"]["targets_ca_previous"] = "before.pub"
    gateway.write()
    assert main(["check", "--config", str(gateway.config)]) == 0
    said = capsys.readouterr().out
    assert (gateway.folder / "ssh_targets_ca.pub").read_text().split()[1] in said
    assert before in said
    assert "PerSourcePenaltyExemptList 10.0.0.7" in said
    assert "PRIVATE" not in said
    lines = [line.strip() for line in said.splitlines() if line.startswith("  ")]
    config = tmp_path / "sshd_config"
    # The option of the penalties is of 9.8: what an older sshd knows must be right.
    known = [line for line in lines if "Penalty" not in line]
    host = tmp_path / "host"
    write_key(host)
    config.write_text("\n".join([*known, f"HostKey {host}"]) + "\n")
    program = shutil.which("sshd", path="/usr/sbin:" + os.environ["PATH"])
    subprocess.run([program, "-t", "-f", config], check=True)
