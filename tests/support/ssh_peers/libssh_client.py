"""libssh (the C library of that name, as it is installed) as a program: see `support.ssh_peers.task`."""

import ctypes
import os
import select
import sys
from ctypes import byref, c_char_p, c_int, c_uint32, c_uint64, c_void_p, create_string_buffer

from support.ssh_peers.task import COLUMNS, REKEY_BYTES, ROWS, Login, Task, read_task, read_typed

# Of libssh.h, 0.10: enum ssh_options_e, ssh_auth_e, ssh_known_hosts_e.
HOST, PORT, USER, KNOWNHOSTS, GLOBAL_KNOWNHOSTS, PROCESS_CONFIG, REKEY_DATA = 0, 1, 4, 8, 35, 38, 39
AUTH_SUCCESS, AUTH_INFO = 0, 3
KNOWN_HOSTS_OK = 1
AGAIN, EOF = -2, -127
CHUNK = 32768

POINTERS = ("ssh_new", "ssh_channel_new", "sftp_new", "sftp_open")
lib = ctypes.CDLL("libssh.so.4")
for _name in POINTERS:
    getattr(lib, _name).restype = c_void_p
lib.ssh_version.restype = c_char_p
lib.ssh_get_error.restype = c_char_p
lib.ssh_channel_window_size.restype = c_uint32
lib.sftp_read.restype = lib.sftp_write.restype = ctypes.c_ssize_t


class Libssh:
    """One connection."""

    def __init__(self, login: Login, *, rekey: bool = False) -> None:
        self.session = c_void_p(lib.ssh_new())
        self._option(PROCESS_CONFIG, byref(c_int(0)))
        self._option(HOST, b"127.0.0.1")
        self._option(PORT, byref(c_int(login.port)))
        self._option(USER, login.user.encode())
        self._option(KNOWNHOSTS, os.fsencode(login.known_hosts))
        self._option(GLOBAL_KNOWNHOSTS, b"/dev/null")
        if rekey:
            self._option(REKEY_DATA, byref(c_uint64(REKEY_BYTES)))
        self.check(lib.ssh_connect(self.session))
        if lib.ssh_session_is_known_server(self.session) != KNOWN_HOSTS_OK:
            raise SystemExit("another host key")
        self._log_in(login)

    def _option(self, which: int, value: object) -> None:
        self.check(lib.ssh_options_set(self.session, c_int(which), value))

    def check(self, code: int) -> None:
        """Ends the program, with the library's words, unless the code is 0."""
        if code != 0:
            raise SystemExit(f"libssh: {lib.ssh_get_error(self.session).decode()} ({code})")

    def _log_in(self, login: Login) -> None:
        if login.by == "password":
            return self.check(lib.ssh_userauth_password(self.session, None, login.secret.encode()))
        if login.by == "keyboard-interactive":
            code = lib.ssh_userauth_kbdint(self.session, None, None)
            while code == AUTH_INFO:
                for number in range(lib.ssh_userauth_kbdint_getnprompts(self.session)):
                    lib.ssh_userauth_kbdint_setanswer(self.session, number, login.secret.encode())
                code = lib.ssh_userauth_kbdint(self.session, None, None)
            return self.check(code)
        key = c_void_p()
        self.check(lib.ssh_pki_import_privkey_file(os.fsencode(login.key), None, None, None, byref(key)))
        if login.by == "certificate":
            certificate = c_void_p()
            self.check(lib.ssh_pki_import_cert_file(os.fsencode(login.certificate), byref(certificate)))
            self.check(lib.ssh_pki_copy_cert_to_privkey(certificate, key))
        return self.check(lib.ssh_userauth_publickey(self.session, None, key))

    def channel(self) -> c_void_p:
        """A session channel."""
        channel = c_void_p(lib.ssh_channel_new(self.session))
        self.check(lib.ssh_channel_open_session(channel))
        return channel

    def read(self, channel: c_void_p, stream: int, wait_ms: int) -> bytes | None:
        """What has come; none at its end."""
        buffer = create_string_buffer(CHUNK)
        got = lib.ssh_channel_read_timeout(channel, buffer, c_uint32(CHUNK), c_int(stream), c_int(wait_ms))
        if got in (0, AGAIN):
            return None if lib.ssh_channel_is_eof(channel) else b""
        if got < 0:
            self.check(got)
        return buffer.raw[:got]


def pump(ssh: Libssh, channel: c_void_p, feed) -> int:  # type: ignore[no-untyped-def]
    """Both directions until the channel's end; `feed` sends what there is and says whether it did."""
    ended = False
    while not ended:
        busy = feed()
        ended = True
        for stream, to in ((0, sys.stdout.buffer), (1, sys.stderr.buffer)):
            data = ssh.read(channel, stream, 0 if busy or stream else 10)
            ended = ended and data is None
            to.write(data or b"")
            to.flush()
    while not lib.ssh_channel_is_closed(channel) and ssh.read(channel, 0, 1000):
        pass
    return int(lib.ssh_channel_get_exit_status(channel))


def execute(ssh: Libssh, task: Task) -> int:
    channel = ssh.channel()
    ssh.check(lib.ssh_channel_request_exec(channel, task.command.encode()))
    data = sys.stdin.buffer.read()
    place = 0
    done = False

    def feed() -> bool:
        nonlocal place, done
        if place < len(data) and not lib.ssh_channel_is_closed(channel):
            size = min(CHUNK, len(data) - place, lib.ssh_channel_window_size(channel))
            if size:
                sent = lib.ssh_channel_write(channel, data[place : place + size], c_uint32(size))
                if sent < 0:
                    ssh.check(sent)
                place += sent
            return bool(size)
        if not done:
            lib.ssh_channel_send_eof(channel)
            done = True
        return False

    return pump(ssh, channel, feed)


def terminal(ssh: Libssh) -> int:
    channel = ssh.channel()
    ssh.check(lib.ssh_channel_request_pty_size(channel, b"xterm", COLUMNS, ROWS))
    ssh.check(lib.ssh_channel_request_shell(channel))
    lines = os.fdopen(0, "rb", buffering=0)

    def feed() -> bool:
        if not select.select([lines], [], [], 0)[0] or not (line := lines.readline()):
            return False
        typed = read_typed(line)
        if typed.rows:
            ssh.check(lib.ssh_channel_change_pty_size(channel, typed.columns, typed.rows))
        if typed.text:
            lib.ssh_channel_write(channel, typed.text.encode(), c_uint32(len(typed.text.encode())))
        return True

    return pump(ssh, channel, feed)


def copy_file(ssh: Libssh, task: Task) -> int:
    sftp = c_void_p(lib.sftp_new(ssh.session))
    ssh.check(lib.sftp_init(sftp))
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC if task.do == "put" else os.O_RDONLY
    remote = c_void_p(lib.sftp_open(sftp, task.remote.encode(), c_int(flags), c_int(0o600)))
    if not remote:
        raise SystemExit(f"libssh: sftp error {lib.sftp_get_error(sftp)}")
    if task.do == "put":
        with open(task.local, "rb") as file:
            while data := file.read(CHUNK):
                assert lib.sftp_write(remote, data, ctypes.c_size_t(len(data))) == len(data)
    else:
        buffer = create_string_buffer(CHUNK)
        with open(task.local, "wb") as file:
            while (got := lib.sftp_read(remote, buffer, ctypes.c_size_t(CHUNK))) > 0:
                file.write(buffer.raw[:got])
        ssh.check(got)
    ssh.check(lib.sftp_close(remote))
    return 0


def run(task: Task) -> int:
    ssh = Libssh(task.login, rekey=task.rekey)
    code = terminal(ssh) if task.do == "terminal" else None
    if code is None:
        code = copy_file(ssh, task) if task.do in ("put", "get") else execute(ssh, task)
    lib.ssh_disconnect(ssh.session)
    return code


if __name__ == "__main__":
    raise SystemExit(run(read_task(sys.argv[1])))
