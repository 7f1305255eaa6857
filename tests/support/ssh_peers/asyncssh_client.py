"""asyncssh as a program: see `support.ssh_peers.task`."""

import asyncio
import sys
from collections.abc import Sequence

import asyncssh

from support.ssh_peers.task import COLUMNS, REKEY_BYTES, ROWS, Login, Task, read_task, read_typed


class Answering(asyncssh.SSHClient):
    """asyncssh answers by itself only where a prompt says "password" or "passcode"."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def kbdint_challenge_received(
        self, name: str, instructions: str, lang: str, prompts: Sequence[tuple[str, bool]]
    ) -> list[str]:
        """The secret, at each prompt."""
        return [self._secret for _ in prompts]

    def kbdint_auth_requested(self) -> str:
        """Any method of the server's."""
        return ""


async def connect(login: Login, *, rekey: bool = False) -> asyncssh.SSHClientConnection:
    """Logged in in this one way and no other."""
    secret = login.secret if login.by in ("password", "keyboard-interactive") else None
    answering = login.by == "keyboard-interactive"
    pair = (str(login.key), str(login.certificate)) if login.by == "certificate" else str(login.key)
    return await asyncssh.connect(
        "127.0.0.1",
        login.port,
        config=None,
        client_factory=(lambda: Answering(login.secret)) if answering else None,
        username=login.user,
        known_hosts=str(login.known_hosts),
        agent_path=None,
        client_keys=[pair] if secret is None else None,
        password=None if answering else secret,
        preferred_auth="publickey" if secret is None else login.by,
        rekey_bytes=REKEY_BYTES if rekey else 1 << 30,
    )


async def run(task: Task) -> int:
    connection = await connect(task.login, rekey=task.rekey)
    try:
        if task.do in ("put", "get"):
            async with connection.start_sftp_client() as sftp:
                if task.do == "put":
                    await sftp.put(task.local, task.remote)
                else:
                    await sftp.get(task.remote, task.local)
            return 0
        if task.do == "terminal":
            return await terminal(connection)
        done = await connection.run(
            task.command,
            stdin=sys.stdin.buffer,
            stdout=sys.stdout.buffer,
            stderr=sys.stderr.buffer,
            encoding=None,
        )
        return 255 if done.exit_status is None else done.exit_status
    finally:
        connection.close()
        await connection.wait_closed()


async def terminal(connection: asyncssh.SSHClientConnection) -> int:
    process = await connection.create_process(
        term_type="xterm",
        term_size=(COLUMNS, ROWS),
        stdout=1,
        encoding=None,
    )
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer
    )
    while line := await reader.readline():
        typed = read_typed(line)
        if typed.rows:
            process.change_terminal_size(typed.columns, typed.rows)
        process.stdin.write(typed.text.encode())
    done = await process.wait()
    return 255 if done.exit_status is None else done.exit_status


if __name__ == "__main__":
    raise SystemExit(asyncio.run(run(read_task(sys.argv[1]))))
