"""Ordinary transfers and forwards: scp, sftp, rsync, git, tar, ansible, -L, -D, -W."""

import filecmp
import http.server
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hoopwire.demo.postgres import free_port
from support.ssh_house import TARGET, Agent, needs

from .conftest import COPY, Routes

BIG = os.urandom(3_000_000)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Files at the client."""
    folder = tmp_path / "here"
    (folder / "tree/below").mkdir(parents=True)
    (folder / "tree/one").write_text("1\n")
    (folder / "tree/below/two").write_text("2\n")
    (folder / "tree/below/run").write_text("#!/bin/sh\n")
    (folder / "tree/below/run").chmod(0o755)
    (folder / "big").write_bytes(BIG)
    (folder / "with blank").write_text("blank\n")
    (folder / "empty").write_text("")
    return folder


@pytest.fixture
def there(routes: Routes, request: pytest.FixtureRequest) -> Path:
    """An empty folder at the target, which the reader may write to, too."""
    folder = routes.inbox / "".join(c if c.isalnum() else "_" for c in request.node.name)
    folder.mkdir()
    return folder


def done(agent: Agent, *words: str, program: str, stdin: bytes = b"") -> bytes:
    """It must have worked, in silence."""
    result = agent.run(*agent.command(*words, program=program), stdin=stdin)
    assert result.returncode == 0, result.stderr
    assert result.stderr == b""
    return result.stdout


def same(one: Path, other: Path) -> bool:
    """The same names, contents and modes."""
    compared = filecmp.dircmp(one, other)
    subdirs = all(same(one / name, other / name) for name in compared.common_dirs)
    modes = all(
        (one / name).stat().st_mode == (other / name).stat().st_mode for name in compared.common_files
    )
    equal = not filecmp.cmpfiles(one, other, compared.common_files, shallow=False)[1]
    return not compared.left_only and not compared.right_only and subdirs and modes and equal


SCP = {"sftp": (), "old": ("-O",)}
# Who, and by what: the reader has `read-files` and `sftp write`, and no shell.
WHO = [("person", "sftp"), ("person", "old"), ("reader", "sftp")]


@pytest.mark.parametrize(("grant", "form"), WHO)
def test_scp_to_there(routes: Routes, here: Path, there: Path, grant: str, form: str) -> None:
    agent = routes.agent(grant)
    for name in ("big", "with blank", "empty"):
        # scp -O gives the name to the target's shell
        target = f"{there}/{name}" if form == "sftp" else f"'{there}/{name}'"
        done(agent, "-q", *SCP[form], str(here / name), f"{TARGET}:{target}", program="scp")
        assert (there / name).read_bytes() == (here / name).read_bytes()
    done(agent, "-q", "-p", *SCP[form], str(here / "big"), f"{TARGET}:{there}/again", program="scp")
    assert int((there / "again").stat().st_mtime) == int((here / "big").stat().st_mtime)
    done(agent, "-q", "-r", "-p", *SCP[form], str(here / "tree"), f"{TARGET}:{there}/tree", program="scp")
    assert same(here / "tree", there / "tree")


@pytest.mark.parametrize(("grant", "form"), WHO)
def test_scp_to_here(routes: Routes, tmp_path: Path, grant: str, form: str) -> None:
    agent = routes.agent(grant)
    for name in ("bytes", "a.txt", "empty"):
        source = f"{TARGET}:{routes.files}/{name}"
        done(agent, "-q", *SCP[form], source, str(tmp_path / name), program="scp")
        assert (tmp_path / name).read_bytes() == (routes.files / name).read_bytes()
    source = f"{TARGET}:{routes.files}/tree"
    done(agent, "-q", "-r", "-p", *SCP[form], source, str(tmp_path / "tree"), program="scp")
    assert same(routes.files / "tree", tmp_path / "tree")


def test_the_old_scp_without_a_shell_is_sent_to_sftp(routes: Routes, here: Path, there: Path) -> None:
    reader = routes.agent("reader")
    for words in ((f"{TARGET}:{routes.files}/a.txt", "x"), (str(here / "big"), f"{TARGET}:{there}/x")):
        refused = reader.run(*reader.command("-q", "-O", *words, program="scp"))
        assert refused.returncode != 0
        assert b"Use scp without -O" in refused.stderr
        assert not (there / "x").exists()


def test_scp_says_what_is_missing(routes: Routes) -> None:
    """The exit code and the words of scp, as straight."""
    for form in SCP.values():
        command = ("-q", *form, f"{TARGET}:{routes.files}/nothing", "x")
        through = routes.agent("person").run(*routes.agent("person").command(*command, program="scp"))
        straight = routes.straight.run(*routes.straight.command(*command, program="scp"))
        assert (through.returncode, through.stderr) == (straight.returncode, straight.stderr)


def batch(agent: Agent, *lines: str) -> bytes:
    """sftp with these commands."""
    return done(agent, "-q", "-b", "-", TARGET, program="sftp", stdin="\n".join(lines).encode() + b"\n")


@pytest.mark.parametrize("grant", ["person", "reader"])
def test_sftp(routes: Routes, here: Path, there: Path, tmp_path: Path, grant: str) -> None:
    agent = routes.agent(grant)
    batch(
        agent,
        f"put {here}/big {there}/a",
        f"put -p {here}/tree/below/run {there}/run",
        f"rename {there}/a {there}/b",
        f"mkdir {there}/d",
        f"put '{here}/with blank' '{there}/d/with blank'",
        f"chmod 600 {there}/b",
        f"get {there}/b {tmp_path}/got",
        f"get '{there}/d/with blank' {tmp_path}/blank",
        f"get {routes.files}/bytes {tmp_path}/bytes",
        f"rm '{there}/d/with blank'",
        f"rmdir {there}/d",
    )
    assert (tmp_path / "got").read_bytes() == BIG
    assert (there / "b").stat().st_mode & 0o777 == 0o600
    assert (there / "run").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "bytes").read_bytes() == (routes.files / "bytes").read_bytes()
    assert sorted(path.name for path in there.iterdir()) == ["b", "run"]


@pytest.mark.parametrize("grant", ["person", "reader"])
def test_sftp_resumes(routes: Routes, here: Path, there: Path, tmp_path: Path, grant: str) -> None:
    agent = routes.agent(grant)
    (there / "part").write_bytes(BIG[:1_000_000])
    (tmp_path / "part").write_bytes(BIG[:500_000])
    batch(agent, f"reput {here}/big {there}/part", f"reget {there}/part {tmp_path}/part")
    assert (there / "part").read_bytes() == BIG
    assert (tmp_path / "part").read_bytes() == BIG


@pytest.mark.parametrize("grant", ["person", "reader"])
def test_sftp_looks_around(routes: Routes, grant: str) -> None:
    lines = [f"cd {routes.files}", "pwd", "ls -1", "ls -l tree", f"ls {routes.files}/tree/below"]
    assert batch(routes.agent(grant), *lines) == batch(routes.straight, *lines)


def test_sftp_links(routes: Routes, here: Path, there: Path) -> None:
    lines = [f"put {here}/big {there}/a", f"symlink a {there}/s", f"ln {there}/a {there}/h", f"df {there}"]
    batch(routes.agent("person"), *lines)
    assert (there / "s").readlink() == Path("a")
    assert (there / "h").stat().st_ino == (there / "a").stat().st_ino


def test_tar_both_ways(routes: Routes, here: Path, there: Path, tmp_path: Path) -> None:
    agent = routes.agent("person")
    up = f"tar cf - -C {here} tree | {agent.as_shell} {TARGET} 'tar xf - -C {there}'"
    assert agent.run("sh", "-c", up).returncode == 0
    assert same(here / "tree", there / "tree")
    worker = routes.agent("worker")
    down = f"{worker.as_shell} {TARGET} tar cf - {routes.files} 2>/dev/null | tar xf - -C {tmp_path}"
    assert worker.run("sh", "-c", down).returncode == 0
    assert same(routes.files / "tree", tmp_path / str(routes.files / "tree").lstrip("/"))


def rsync(agent: Agent, *words: str) -> None:
    if needs("rsync") is None:
        pytest.skip("rsync is not installed")
    done_ = agent.run("rsync", "-e", agent.as_shell, *words)
    assert done_.returncode == 0, done_.stderr


def test_rsync(routes: Routes, here: Path, there: Path, tmp_path: Path) -> None:
    agent = routes.agent("person")
    rsync(agent, "-a", f"{here}/tree/", f"{TARGET}:{there}/tree/")
    assert same(here / "tree", there / "tree")
    (here / "tree/one").write_text("changed\n")
    (there / "tree/left over").write_text("x\n")
    rsync(agent, "-az", "--delete", "--checksum", f"{here}/tree/", f"{TARGET}:{there}/tree/")
    assert same(here / "tree", there / "tree")
    rsync(agent, "-a", "--partial", "--inplace", f"{TARGET}:{routes.files}/bytes", f"{tmp_path}/bytes")
    assert (tmp_path / "bytes").read_bytes() == (routes.files / "bytes").read_bytes()


def test_rsync_under_a_pattern(routes: Routes, tmp_path: Path) -> None:
    """The very command that rsync's client sends, granted literally."""
    agent = routes.agent("worker")
    rsync(agent, *COPY, f"{TARGET}:{routes.files}/tree/", f"{tmp_path}/tree/")
    assert same(routes.files / "tree", tmp_path / "tree")


@pytest.mark.parametrize("grant", ["person", "worker"])
def test_git(routes: Routes, grant: str) -> None:
    """Clone, push, fetch; the worker has the two commands and no shell."""
    agent = routes.agent(grant)
    agent.variables["GIT_SSH_COMMAND"] = f"{agent.as_shell} -S ctl"
    who = ("-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "init.defaultBranch=main")
    repository = routes.files / "repo.git"

    def git(*words: str) -> str:
        result = agent.run("git", *who, *words)
        assert result.returncode == 0, result.stderr
        return result.stdout.decode().strip()

    if not repository.exists():
        git("init", "-q", "--bare", str(repository))
    git("clone", "-q", f"ssh://{TARGET}{repository}", "clone")
    (agent.folder / "clone" / f"{grant}.bin").write_bytes(BIG)
    git("-C", "clone", "add", ".")
    git("-C", "clone", "commit", "-q", "-m", grant)
    git("-C", "clone", "push", "-q", "origin", "HEAD:main")
    git("-C", "clone", "fetch", "-q")
    head = git("-C", "clone", "rev-parse", "HEAD")
    assert git("--git-dir", str(repository), "rev-parse", "main") == head
    assert git("ls-remote", f"ssh://{TARGET}{repository}", "main").split()[0] == head


@pytest.mark.parametrize("pipelining", ["False", "True"])
def test_ansible(routes: Routes, tmp_path: Path, pipelining: str) -> None:
    """Its ping, and a play, with its own ControlPersist."""
    if needs("ansible") is None:
        pytest.skip("ansible-core is not installed")
    agent = routes.agent("person")
    control = Path(f"/tmp/hw-ansible-{os.getpid()}")
    agent.variables.update(
        {
            "ANSIBLE_PIPELINING": pipelining,
            "ANSIBLE_SSH_ARGS": f"-F {agent.config} -o ControlMaster=auto -o ControlPersist=60s",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(control),
            "ANSIBLE_LOCAL_TEMP": str(tmp_path / "local"),
            "ANSIBLE_REMOTE_TEMP": str(tmp_path / "remote"),
            "ANSIBLE_HOME": str(tmp_path / "home"),
            "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
            "ANSIBLE_NOCOLOR": "1",
        }
    )
    try:
        ping = agent.run("ansible", "all", "-i", f"{TARGET},", "-m", "ping")
        assert ping.returncode == 0, ping.stdout + ping.stderr
        assert b'"ping": "pong"' in ping.stdout
        if pipelining == "False":
            return
        copied = tmp_path / "copied"
        play = ("-i", f"{TARGET},", "-e", f"dest={copied}", str(routes.files / "playbook.yml"))
        played = agent.run("ansible-playbook", *play)
        assert played.returncode == 0, played.stdout + played.stderr
        assert b"echo" not in played.stderr
        assert b'"said.stdout": "from the target"' in played.stdout
        assert copied.read_text() == "copied"
    finally:
        for path in control.glob("*"):
            agent.run(*agent.command("-o", f"ControlPath={path}", "-O", "exit", TARGET))


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(BIG)))
        self.end_headers()
        self.wfile.write(BIG)

    def log_message(self, *_: object) -> None:
        """Nothing is said."""


@pytest.fixture(scope="module")
def web() -> Iterator[int]:
    """A web server at the target's loopback."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@contextmanager
def forwarding(agent: Agent, *options: str) -> Iterator[None]:
    """A connection in the background, ready when this begins."""
    control = ("-S", "fwd")
    begun = agent.run(
        *agent.command("-f", "-N", "-M", *control, "-o", "ExitOnForwardFailure=yes", *options, TARGET)
    )
    assert begun.returncode == 0, begun.stderr
    try:
        yield
    finally:
        agent.run(*agent.command(*control, "-O", "exit", TARGET))


def fetch(port: int, greeting: bytes = b"") -> bytes:
    with socket.create_connection(("127.0.0.1", port)) as caller:
        if greeting:
            caller.sendall(b"\5\1\0")
            assert caller.recv(2) == b"\5\0"
            caller.sendall(greeting)
            assert caller.recv(10)[:2] == b"\5\0"
        caller.sendall(b"GET /big HTTP/1.0\r\n\r\n")
        content = b""
        while more := caller.recv(65536):
            content += more
    return content.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_local_forward(routes: Routes, web: int, host: str) -> None:
    port = free_port()
    with forwarding(routes.agent("person"), "-L", f"{port}:{host}:{web}"):
        for _ in range(3):
            assert fetch(port) == BIG


def test_a_local_forward_from_a_socket(routes: Routes, web: int) -> None:
    agent = routes.agent("person")
    with (
        forwarding(agent, "-L", f"{agent.folder}/l.sock:127.0.0.1:{web}"),
        socket.socket(socket.AF_UNIX) as caller,
    ):
        caller.connect(f"{agent.folder}/l.sock")
        caller.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert caller.recv(15) == b"HTTP/1.0 200 OK"


def test_a_socks_proxy(routes: Routes, web: int) -> None:
    port = free_port()
    with forwarding(routes.agent("person"), "-D", str(port)):
        assert fetch(port, b"\5\1\0\1\x7f\0\0\1" + web.to_bytes(2)) == BIG
        assert fetch(port, b"\5\1\0\3\x09localhost" + web.to_bytes(2)) == BIG


def test_a_forward_by_stdio(routes: Routes, web: int) -> None:
    agent = routes.agent("person")
    result = agent.run(*agent.command("-W", f"127.0.0.1:{web}", TARGET), stdin=b"GET / HTTP/1.0\r\n\r\n")
    assert result.stdout.partition(b"\r\n\r\n")[2] == BIG


def test_a_host_behind_the_target_by_its_forward(routes: Routes) -> None:
    """`ProxyCommand ssh -W %h:%p web1`: an ssh inside, which is nobody's to read."""
    agent = routes.agent("person")
    straight = routes.straight
    proxy = f"ProxyCommand={agent.as_shell} -W 127.0.0.1:{routes.house.server.port} {TARGET}"
    result = straight.run(*straight.command("-o", proxy, TARGET, "echo behind"))
    assert (result.returncode, result.stdout) == (0, b"behind\n")


def test_many_at_once_over_one_connection(routes: Routes) -> None:
    agent = routes.agent("worker")
    commands = [agent.command("-S", "ctl", TARGET, f"printf {number}") for number in range(40)]
    running = [
        subprocess.Popen(each, cwd=agent.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for each in commands
    ]
    for number, process in enumerate(running):
        out, err = process.communicate(timeout=120)
        assert (process.returncode, out) == (0, str(number).encode()), err
