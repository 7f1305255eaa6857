"""paramiko as a program: see `support.ssh_peers.task`.

It cannot rekey by itself while a channel is closed (its own thread then waits for itself), also before a
server directly: so new keys are asked for by hand, between two parts of the input.
"""

import sys
import threading

import paramiko

from support.ssh_peers.task import COLUMNS, ROWS, Login, Task, read_task, read_typed

PARTS = 5


def connect(login: Login) -> paramiko.Transport:
    """Logged in in this one way and no other."""
    transport = paramiko.Transport(("127.0.0.1", login.port))
    transport.start_client(timeout=60)
    known = paramiko.HostKeys(str(login.known_hosts))
    if not known.check(f"[127.0.0.1]:{login.port}", transport.get_remote_server_key()):
        raise SystemExit("another host key")
    if login.by == "password":
        transport.auth_password(login.user, login.secret, fallback=False)
    elif login.by == "keyboard-interactive":
        transport.auth_interactive(login.user, lambda title, text, prompts: [login.secret for _ in prompts])
    else:
        key = paramiko.Ed25519Key.from_private_key_file(str(login.key))
        if login.by == "certificate":
            key.load_certificate(str(login.certificate))
        transport.auth_publickey(login.user, key)
    return transport


def run(task: Task) -> int:
    transport = connect(task.login)
    try:
        if task.do in ("put", "get"):
            sftp = paramiko.SFTPClient.from_transport(transport)
            assert sftp is not None
            if task.do == "put":
                sftp.put(task.local, task.remote)
            else:
                sftp.get(task.remote, task.local)
            return 0
        channel = transport.open_session()
        if task.do == "terminal":
            channel.get_pty("xterm", COLUMNS, ROWS)
            channel.invoke_shell()
            feeding = threading.Thread(target=type_lines, args=(channel,), daemon=True)
        else:
            channel.exec_command(task.command)
            feeding = threading.Thread(target=feed, args=(transport, channel, task.rekey), daemon=True)
        errors = threading.Thread(target=copy, args=(channel.recv_stderr, sys.stderr.buffer))
        feeding.start()
        errors.start()
        copy(channel.recv, sys.stdout.buffer)
        errors.join()
        return int(channel.recv_exit_status())
    finally:
        transport.close()


def feed(transport: paramiko.Transport, channel: paramiko.Channel, rekey: bool) -> None:
    data = sys.stdin.buffer.read()
    size = max(1, len(data) // PARTS)
    for start in range(0, len(data), size):
        channel.sendall(data[start : start + size])
        if rekey:
            transport.renegotiate_keys()
    channel.shutdown_write()


def type_lines(channel: paramiko.Channel) -> None:
    for line in sys.stdin.buffer:
        typed = read_typed(line)
        if typed.rows:
            channel.resize_pty(typed.columns, typed.rows)
        channel.sendall(typed.text.encode())


def copy(read, to) -> None:  # type: ignore[no-untyped-def]
    while data := read(65536):
        to.write(data)
        to.flush()


if __name__ == "__main__":
    raise SystemExit(run(read_task(sys.argv[1])))
