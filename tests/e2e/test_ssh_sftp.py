"""sftp under a grant for single folders: stock clients, and attempts to reach out of them."""

import os
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path

import blake3
import pytest

from hoopwire.demo.issuer import DevIssuer
from hoopwire.demo.postgres import ThrowAwayPostgres
from hoopwire.recordings import frames
from support.sftp_attempts import SayingSftp, SftpTable, refusal, string
from support.ssh_house import TARGET, Agent, SshHouse, ssh_house

BIG_BYTES = 20 * 1024 * 1024


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> SftpTable:
    return SftpTable(tmp_path_factory.mktemp("disk").resolve())


@pytest.fixture(scope="module")
def house(
    pg: ThrowAwayPostgres, issuer: DevIssuer, table: SftpTable, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SshHouse]:
    policy = {
        "name": "files",
        "groups": ["files"],
        "targets": [TARGET],
        "actions": table.actions,
        "ttl": "15m",
    }
    with ssh_house(pg, issuer, tmp_path_factory.mktemp("ssh"), [policy]) as running:
        yield running


@pytest.fixture(scope="module")
def agent(house: SshHouse) -> Agent:
    return house.admitted("agent", "files")


@pytest.fixture
def disk(table: SftpTable) -> SftpTable:
    for path in table.root.iterdir():
        shutil.rmtree(path)
    table.make()
    return table


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("big") / "big"
    path.write_bytes(os.urandom(BIG_BYTES))
    return path


def lies(root: Path) -> dict[str, bytes]:
    """All files and links under a folder, by their paths."""
    return {
        str(path): os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
        for path in root.rglob("*")
        if path.is_symlink() or path.is_file()
    }


def batch(agent: Agent, *lines: str) -> tuple[int, str]:
    done = agent.run(
        *agent.command("-q", "-b", "-", TARGET, program="sftp"), stdin="\n".join(lines).encode() + b"\n"
    )
    return done.returncode, done.stderr.decode()


def test_each_attempt_is_answered_as_the_table_says(agent: Agent, disk: SftpTable) -> None:
    before, wrong = lies(disk.root), []
    with SayingSftp(agent.command("-s", TARGET, "sftp")) as sftp:
        for attempt in disk.attempts:
            if not attempt.code and lies(disk.root) != before:
                for path in disk.root.iterdir():
                    shutil.rmtree(path)
                disk.make()
            answer = sftp.ask(disk.message(attempt))
            code = refusal(answer)
            if code != attempt.code or (code and lies(disk.root) != before):
                wrong.append((attempt, answer))
        assert not wrong


def test_stock_clients_copy_both_ways(agent: Agent, disk: SftpTable, big: Path, house: SshHouse) -> None:
    pub, there = disk.root / "pub", disk.root / "in"
    shutil.copy(big, pub / "big")
    many = agent.folder / "many"
    many.mkdir(exist_ok=True)
    for number in range(100):
        (many / f"f{number}").write_text(str(number))
    (agent.folder / "half").write_bytes(big.read_bytes()[: BIG_BYTES // 2])
    (there / "half").write_bytes(big.read_bytes()[: BIG_BYTES // 2])
    lines = (
        *(
            f"get {pub}/big got",
            f"put {big} {there}/put",
            f"reget {pub}/big half",
            f"reput {big} {there}/half",
        ),
        *(
            f"put -r many {there}/",
            f"cd {pub}",
            "get a a",
            f"rename {there}/put {there}/put2",
            f"ls -l {pub}",
        ),
        *(f"mkdir {there}/d", f"rmdir {there}/d", f"chmod 600 {there}/put2", f"get {pub}/b b"),
    )
    assert batch(agent, *lines) == (0, "")
    content = big.read_bytes()
    for copy in (agent.folder / "got", agent.folder / "half", there / "half", there / "put2"):
        assert copy.read_bytes() == content, copy
    assert len(list((there / "many").iterdir())) == 100
    done = agent.run(*agent.command("-q", f"{TARGET}:{pub}/big", "by-scp", program="scp"))
    assert (done.returncode, (agent.folder / "by-scp").read_bytes() == content) == (0, True)
    done = agent.run(*agent.command("-q", str(big), f"{TARGET}:{there}/by-scp", program="scp"))
    assert (done.returncode, (there / "by-scp").read_bytes() == content) == (0, True)
    told = {
        entry.frame.about
        for entry in house.entries()
        if isinstance(entry.frame, frames.ChannelAnswer) and entry.frame.what == "sftp-close"
    }
    digest = blake3.blake3(content).hexdigest()
    assert f"status 0, read {BIG_BYTES} from 0 blake3 {digest} {pub}/big".encode() in told
    assert f"status 0, written {BIG_BYTES} from 0 blake3 {digest} {there}/put".encode() in told


def test_a_refusal_is_told_to_people(agent: Agent, disk: SftpTable) -> None:
    code, stderr = batch(agent, f"get {disk.root}/pub/out got")
    assert code == 1
    assert f"Ask for: sftp read {disk.root}/etc/shadow" in stderr


def test_a_link_made_and_opened_in_one_write(agent: Agent, disk: SftpTable) -> None:
    link, shadow = f"{disk.root}/in/own/l".encode(), f"{disk.root}/etc/shadow".encode()
    make = struct.pack(">BI", 20, 1) + string(shadow) + string(link)
    use = struct.pack(">BI", 3, 2) + string(link) + struct.pack(">II", 1, 0)
    with SayingSftp(agent.command("-s", TARGET, "sftp")) as sftp:
        sftp.say(make, use)
        answers = [sftp.hear(), sftp.hear()]
    assert [answer[0] for answer in answers] == [101, 101]
    assert refusal(answers[0]) == "link_not_granted"
