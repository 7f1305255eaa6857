"""ssh through the gateway: stock clients, a real sshd, the issuer's identities, grants, recordings."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hoopwire.demo.issuer import DevIssuer
from hoopwire.demo.postgres import ThrowAwayPostgres
from hoopwire.recordings import frames
from support.ssh_house import TARGET, Agent, SshHouse, ssh_house
from support.terminal import Terminal

POLICIES = [
    {
        "name": "operators",
        "groups": ["operators"],
        "targets": [TARGET],
        "actions": ["shell", "pty", "env LANG", "forward 127.0.0.1:1-65535"],
        "ttl": "15m",
    },
    {
        "name": "readers",
        "groups": ["readers"],
        "targets": [TARGET],
        "actions": ["exec uptime", "exec cat /etc/hostname", "exec printf *"],
        "ttl": "15m",
    },
    {
        "name": "brief",
        "groups": ["brief"],
        "targets": [TARGET],
        "actions": ["shell", "pty"],
        "ttl": "30s",
    },
]
BIG_BYTES = 20 * 1024 * 1024


@pytest.fixture(scope="module")
def house(
    pg: ThrowAwayPostgres, issuer: DevIssuer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SshHouse]:
    settings = {"gateway": {"expiry_notice": "10s"}}
    with ssh_house(pg, issuer, tmp_path_factory.mktemp("ssh"), POLICIES, settings=settings) as running:
        yield running


@pytest.fixture(scope="module")
def operator(house: SshHouse) -> Agent:
    return house.admitted("operator", "operators")


@pytest.fixture(scope="module")
def reader(house: SshHouse) -> Agent:
    return house.admitted("reader", "readers")


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("big") / "big"
    path.write_bytes(os.urandom(BIG_BYTES))
    return path


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_command_runs_with_its_streams_and_its_exit_code(operator: Agent) -> None:
    done = operator.ssh("echo out; echo err >&2; exit 7")
    assert (done.returncode, done.stdout) == (7, b"out\n")
    assert done.stderr.endswith(b"err\n")


def test_a_command_that_a_signal_ends_is_told_so(operator: Agent) -> None:
    done = operator.ssh("kill -TERM $$; sleep 60")
    assert done.returncode == 255


def test_bytes_are_the_same_both_ways(operator: Agent, big: Path) -> None:
    content = big.read_bytes()
    assert digest(operator.ssh("cat", stdin=content).stdout) == digest(content)
    assert operator.ssh("sha256sum", stdin=content).stdout.split()[0].decode() == digest(content)


def test_new_keys_in_the_middle_of_both_ways(operator: Agent, big: Path) -> None:
    content = big.read_bytes()
    done = operator.ssh("cat", stdin=content, options=("-o", "RekeyLimit=1M"))
    assert (done.returncode, digest(done.stdout)) == (0, digest(content))


def test_who_reads_no_more_ends_what_writes(operator: Agent) -> None:
    done = operator.run("sh", "-c", f"{operator.as_shell} {TARGET} yes | head -1")
    assert (done.returncode, done.stdout) == (0, b"y\n")


def test_files_by_sftp_and_by_scp(operator: Agent, big: Path) -> None:
    there = operator.folder / "there"
    there.mkdir()
    batch = (
        f"put {big} {there}/a\nrename {there}/a {there}/b\nsymlink b {there}/c\nls -l {there}\n"
        f"get {there}/b got\nrm {there}/c\nmkdir {there}/d\nrmdir {there}/d\n"
    )
    done = operator.run(*operator.command("-q", "-b", "-", TARGET, program="sftp"), stdin=batch.encode())
    assert done.returncode == 0, done.stderr
    assert digest((operator.folder / "got").read_bytes()) == digest(big.read_bytes())
    for form in ((), ("-O",)):
        copy = there / f"copy{len(form)}"
        done = operator.run(*operator.command("-q", *form, str(big), f"{TARGET}:{copy}", program="scp"))
        assert (done.returncode, done.stderr) == (0, b"")
        assert digest(copy.read_bytes()) == digest(big.read_bytes())


def test_git_clones_over_it(operator: Agent) -> None:
    operator.run("git", "init", "-q", "repo")
    commit = ("commit", "-q", "--allow-empty", "-m", "x")
    operator.run("git", "-C", "repo", "-c", "user.name=a", "-c", "user.email=a@b.example", *commit)
    operator.variables["GIT_SSH_COMMAND"] = operator.as_shell
    done = operator.run("git", "clone", "-q", f"ssh://{TARGET}{operator.folder}/repo", "clone")
    assert done.returncode == 0, done.stderr
    assert (operator.folder / "clone" / ".git").is_dir()


def test_many_channels_of_one_master(operator: Agent) -> None:
    control = ("-S", "ctl")
    assert operator.run(*operator.command("-f", "-N", "-M", *control, TARGET)).returncode == 0
    try:
        script = f"for i in $(seq 200); do {operator.as_shell} -S ctl {TARGET} echo $i & done; wait"
        done = operator.run("sh", "-c", script)
        assert sorted(done.stdout.split(), key=int) == [str(i).encode() for i in range(1, 201)]
    finally:
        operator.run(*operator.command(*control, "-O", "exit", TARGET))


def test_a_connection_is_forwarded_where_the_grant_says(operator: Agent, house: SshHouse) -> None:
    done = operator.run(*operator.command("-W", f"127.0.0.1:{house.server.port}", TARGET))
    assert done.stdout.startswith(b"SSH-2.0-OpenSSH"), done.stderr
    done = operator.run(*operator.command("-W", "127.0.0.2:22", TARGET))
    assert done.returncode == 255
    assert b"forward_not_granted" in done.stderr


def test_what_the_grant_covers_runs_and_the_rest_says_what_is_missing(reader: Agent) -> None:
    assert reader.ssh("printf yes").stdout == b"yes"
    done = reader.ssh("cat /etc/shadow")
    assert (done.returncode, done.stdout) == (126, b"")
    assert b"command_not_granted" in done.stderr
    assert b"Ask for: exec cat /etc/shadow" in done.stderr
    for command in ("printf yes; id", "printf $(id)", "printf `id`", "printf a\nid", "printf -v x"):
        done = reader.ssh(command)
        assert (done.returncode, done.stdout) == (126, b""), command
    assert reader.ssh().returncode == 126
    assert reader.run(*reader.command("-s", TARGET, "sftp")).returncode == 255


def test_a_refusal_ends_a_command_and_not_the_connection(reader: Agent) -> None:
    control = ("-S", "ctl")
    assert reader.run(*reader.command("-f", "-N", "-M", *control, TARGET)).returncode == 0
    try:
        for _ in range(3):
            assert reader.ssh("id", options=control).returncode == 126
            assert reader.ssh("printf yes", options=control).stdout == b"yes"
    finally:
        reader.run(*reader.command(*control, "-O", "exit", TARGET))


def test_input_behind_a_refused_command_goes_nowhere(reader: Agent, big: Path) -> None:
    done = reader.ssh(f"cat > {reader.folder}/stolen", stdin=big.read_bytes())
    assert done.returncode == 126
    assert not (reader.folder / "stolen").exists()


def test_an_agents_certificate_opens_nothing_at_the_target_itself(operator: Agent) -> None:
    done = operator.run(*operator.command("direct", "true"))
    assert done.returncode == 255
    assert b"Permission denied" in done.stderr


def test_a_key_without_a_certificate_and_a_strangers_certificate_are_refused(house: SshHouse) -> None:
    stranger = house.agent("stranger", "operators")
    assert stranger.ssh("true").returncode == 255
    certifying = (
        "ssh-keygen",
        "-q",
        "-s",
        "id_ed25519",
        "-I",
        "g_1",
        "-n",
        TARGET,
        "-V",
        "+1h",
        "id_ed25519.pub",
    )
    assert stranger.run(*certifying).returncode == 0
    assert stranger.ssh("true").returncode == 255


def test_a_revoked_grant_cuts_its_session_and_lets_nobody_in_again(house: SshHouse) -> None:
    agent = house.admitted("revoked", "operators")
    live = shell(agent)
    try:
        live.until(b"$ ", b"# ")
        grants = [each["grant"] for each in house.sessions() if each["target"] == TARGET]
        assert grants
        done = house.gateway.hoopwire("grants", "revoke", *grants, "--reason", "leaver")
        assert done.ok, done.err
        shown = live.rest()
        assert live.code() == 255
        # the terminal is put in order, then it is told why
        assert b"\x1b[?1049l" in shown
        assert b"hoopwire: " in shown
    finally:
        live.close()
    assert agent.ssh("true").returncode == 255


def test_the_end_of_a_grant_is_announced_and_ends_a_shell(house: SshHouse) -> None:
    agent = house.admitted("brief", "brief")
    live = shell(agent)
    try:
        live.until(b"$ ", b"# ")
        shown = live.rest()
        assert live.code() == 255
        assert b"this session ends at" in shown
        assert b"expired at" in shown
    finally:
        live.close()
    assert agent.ssh("true").returncode == 255


def test_what_was_recorded_verifies_shows_and_replays(house: SshHouse) -> None:
    agent = house.admitted("recorded", "operators")
    live = shell(agent)
    try:
        live.until(b"$ ", b"# ")
        live.type(b"echo he''llo; stty -echo; echo rea''dy; read x; stty echo\r")
        live.until(b"ready")
        live.type(b"planted-secret\r")
        live.type(b"exit 3\r")
        live.rest()
        assert live.code() == 3
    finally:
        live.close()
    opened = [each for each in house.entries() if isinstance(each.frame, frames.SessionStart)]
    session = opened[-1].session
    text = house.gateway.hoopwire("recordings", "show", session).out
    assert "pty-req" in text
    assert "allow by operators" in text
    assert "exit-status 3" in text
    exported = house.gateway.hoopwire("recordings", "export", session).out
    header, *events = [json.loads(line) for line in exported.splitlines()]
    assert header["version"] == 2
    assert "hello" in "".join(text for _, kind, text in events if kind == "o")
    replayed = house.gateway.hoopwire("recordings", "replay", session, "--speed", "1000")
    assert "hello" in replayed.out
    everything = b"".join(path.read_bytes() for path in house.gateway.recordings.rglob("*") if path.is_file())
    assert b"planted-secret" not in everything
    assert house.gateway.verify().ok


def shell(agent: Agent) -> Terminal:
    """An interactive shell."""
    return Terminal(agent.command("-tt", TARGET), agent.folder)
