"""Files outside the prefixes of a grant, in either direction: scp's old protocol, stock scp and sftp."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.ssh_ground import SECRET
from support.ssh_house import TARGET
from support.ssh_raw import Raw

from .conftest import Line, Siege

COPY = b"C0644 5 x.txt\nevil\n\0"
"""One file, as the sender of scp's old protocol says it."""

OUTSIDE = {
    "path_not_granted": (
        "scp -f @secret@",
        "scp -f -- @secret@",
        "scp -v -q -r -p -f @ground@",
        "scp -f '@secret@'",
        "scp -f //@secret@",
        "scp -f @ground@/./secret.txt",
        "scp -f @open@x/a.txt",
        "scp -f @up@/kept.txt",
        "scp -r -f /",
        "scp -f /proc/self/environ",
        "scp -t @open@",
        "scp -t @open@/a.txt",
        "scp -t @ground@",
        "scp -r -p -d -t @ground@/evil",
        "scp -t @up@x",
        "scp -t @evil@/start",
        "scp -t /etc/cron.d",
        "scp -t /proc/self/mem",
    ),
    "path_not_understood": (
        "scp -f @open@/../secret.txt",
        "scp -f @open@/..",
        "scp -f .",
        "scp -f secret.txt",
        "scp -f .ssh/id_ed25519",
        "scp -t @up@/../evil/start",
        "scp -t @up@/..",
        "scp -t ..",
        "scp -t up",
        "scp -f -- -x",
    ),
    "command_not_understood": (
        "scp -f @open@/*",
        "scp -f @open@/a.txt; cat @secret@",
        "scp -f `cat @secret@`",
        "scp -t @up@ > @marker@",
        "scp -f ~/x",
        "scp -f @open@/\\../secret.txt",
        "scp -f @open@/a.txt\ncat @secret@",
    ),
    "command_not_granted": (
        "scp",
        "scp -S @evil@/pager -f @open@/a.txt",
        "scp -o ProxyCommand=id -f @open@/a.txt",
        "scp -F @evil@/x -f @open@/a.txt",
        "scp -f @open@/a.txt @secret@",
        "scp -t @up@ @evil@",
        "scp -f -t @up@",
        "scp -ft @up@",
        "scp @open@/a.txt x:y",
        "scp -3 -f @open@/a.txt",
        "/usr/bin/scp -f @open@/a.txt",
        "/usr/lib/openssh/sftp-server",
        "cat @open@/a.txt",
        "rsync --server --sender -logDtpre.iLsfxCIvu . @open@/",
    ),
}
CASES = [(code, command) for code, commands in OUTSIDE.items() for command in commands]


@pytest.fixture(scope="module")
def line(siege: Siege) -> Iterator[Line]:
    """One connection for all."""
    with Line(siege, "files") as line:
        yield line


@pytest.fixture
def raw(unharmed: Siege, line: Line) -> Raw:
    """Of somebody who may read `open` and write `up`."""
    return line.up()


@pytest.mark.parametrize(("code", "command"), CASES, ids=lambda each: repr(each)[:40])
def test_scp_outside_its_prefix(unharmed: Siege, raw: Raw, code: str, command: str) -> None:
    done = raw.run(unharmed.ground.text(command), COPY if " -t " in command else bytes(64))
    assert (done.status, done.out) == (126, b"")
    assert f"code: {code}" in done.err.decode()


@pytest.mark.parametrize("command", ["scp -f @open@/a.txt", "scp -t @up@", "scp -p -f @open@/a.txt"])
def test_scp_inside_its_prefix(unharmed: Siege, raw: Raw, command: str) -> None:
    """A link below the prefix led out of it: the target's scp, which follows links, was let go."""
    done = raw.run(unharmed.ground.text(command), COPY if " -t " in command else bytes(64))
    assert (done.status, done.out) == (126, b"")
    assert "code: path_not_checked" in done.err.decode()


STREAMS = {
    "a name with a way upwards": b"C0644 5 ../x\nevil\n\0",
    "a whole path": b"C0644 5 /tmp/x\nevil\n\0",
    "the folder above": b"D0755 0 ..\nC0644 5 x\nevil\n\0E\n",
    "this folder": b"D0777 0 .\nE\n",
    "no name": b"C0644 5 \nevil\n\0",
    "a name with a line break": b"C0644 5 ..\n\nevil\n\0",
    "a negative length": b"C0644 -5 x\nevil\n\0",
    "a huge length": b"C0644 99999999999999999999 x\nevil\n\0",
}


@pytest.mark.parametrize("kind", STREAMS)
def test_a_name_inside_the_stream_that_leads_out(unharmed: Siege, raw: Raw, kind: str) -> None:
    """The names under the prefix come in the stream, which nobody decides."""
    up = unharmed.ground.folder / "up"
    mode = up.stat().st_mode
    raw.run(unharmed.ground.text("scp -r -t @up@"), STREAMS[kind])
    assert sorted(path.name for path in up.iterdir()) == ["kept.txt", "out"]
    up.chmod(mode)


LINKS = (
    "scp -f @open@/link",
    "scp -f @open@/out/inner.txt",
    "scp -r -f @open@/out",
    "scp -r -f @open@",
    "scp -t @up@/out/start",
    "scp -t @up@/out",
)


@pytest.mark.parametrize("command", LINKS)
def test_scp_through_a_link_that_leads_out(unharmed: Siege, raw: Raw, command: str) -> None:
    """The target's scp would follow them."""
    done = raw.run(unharmed.ground.text(command), COPY if " -t " in command else bytes(64))
    assert SECRET.encode() not in done.out


BATCHES = {
    "a file beside the prefix": "get @secret@ got",
    "a way upwards": "get @open@/../secret.txt got",
    "a link": "get @open@/link got",
    "a file behind a linked folder": "get @open@/out/inner.txt got",
    "a link of its own": "symlink @secret@ @up@/l\nget @up@/l got",
    "a hard link": "ln @secret@ @up@/l\nget @up@/l got",
    "a rename out": "rename @up@/kept.txt @ground@/kept.txt",
    "a rename in": "rename @secret@ @up@/s\nget @up@/s got",
    "a copy": "cp @secret@ @up@/s\nget @up@/s got",
    "a file to another place": "put sent @evil@/start",
    "a file through a linked folder": "put sent @up@/out/start",
    "a folder elsewhere": "mkdir @ground@/d",
    "a mode": "chmod 777 @ground@/evil",
    "an owner": "chown 1 @evil@/start",
    "removal": "rm @secret@",
    "removal of what may be read": "rm @open@/a.txt",
    "a home": "get ~/.profile got",
}


@pytest.mark.parametrize("kind", BATCHES)
def test_sftp_outside_its_prefix(unharmed: Siege, kind: str) -> None:
    agent = unharmed.agent("files")
    (agent.folder / "sent").write_text("evil\n")
    batch = unharmed.ground.text(BATCHES[kind])
    done = agent.run(*agent.command("-q", "-b", "-", TARGET, program="sftp"), stdin=batch.encode())
    assert done.returncode != 0
    got: Path = agent.folder / "got"
    assert not got.exists() or got.read_bytes() == b""
    got.unlink(missing_ok=True)


CLIENTS = {
    "a file to here": ("-O", f"{TARGET}:@secret@", "got"),
    "a tree to here": ("-O", "-r", f"{TARGET}:@ground@", "got"),
    "a file to there": ("-O", "sent", f"{TARGET}:@evil@/start"),
    "a tree to there": ("-O", "-r", ".", f"{TARGET}:@ground@"),
    "a tree with a link that leads out": ("-O", "-r", f"{TARGET}:@open@", "got"),
    "a file to here by sftp": (f"{TARGET}:@secret@", "got"),
    "a file to there by sftp": ("sent", f"{TARGET}:@evil@/start"),
    "a pattern": ("-O", f"{TARGET}:@ground@/*.txt", "got"),
    "a command in the name": ("-O", f"{TARGET}:@open@/a.txt;cat @secret@", "got"),
    "from there to there": ("-O", "-3", f"{TARGET}:@secret@", f"{TARGET}:@up@/s"),
}


@pytest.mark.parametrize("kind", CLIENTS)
def test_a_stock_scp_outside_its_prefix(unharmed: Siege, kind: str) -> None:
    agent = unharmed.agent("files")
    (agent.folder / "sent").write_text("evil\n")
    words = [unharmed.ground.text(word) for word in CLIENTS[kind]]
    done = agent.run(*agent.command("-q", *words, program="scp"))
    assert done.returncode != 0 or "tree with a link" in kind
    shown = agent.run("grep", "-r", SECRET, "got").stdout
    agent.run("rm", "-rf", "got")
    assert shown == b""
