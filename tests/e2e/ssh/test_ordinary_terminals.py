"""Programs on a terminal: a shell, editors, pagers, a screen that changes its size."""

import fcntl
import os
import pty
import re
import select
import struct
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from support.ssh_house import PATIENCE_S, TARGET, Agent, needs

from .conftest import Routes

ROADS = ("through", "straight")
_ESCAPE = re.compile(
    rb"\x1b(\[[0-9;?>]*[ -/]*[@-~]|[()][0-9A-Za-z]|[=>78MDE]|\][^\x07\x1b]*(\x07|\x1b\\)|P[^\x1b]*\x1b\\)"
)


class Terminal:
    """A client on a terminal of its own."""

    def __init__(self, agent: Agent, *words: str) -> None:
        self.seen = b""
        self._pid, self._fd = pty.fork()
        if self._pid == 0:
            os.chdir(agent.folder)
            os.environ["TERM"] = "xterm"
            os.execvp("ssh", agent.command("-tt", TARGET, *words))
        self.resize(24, 80)

    def resize(self, rows: int, columns: int) -> None:
        """As a window manager does."""
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text: str) -> None:
        """Keys."""
        os.write(self._fd, text.encode())

    def until(self, *texts: str) -> str:
        """Until one of them is on the screen; gives all since the last time, without escapes."""
        return self._wait(lambda shown: any(text in shown for text in texts), texts)

    def _wait(self, is_there: Callable[[str], bool], what: object) -> str:
        end = time.monotonic() + PATIENCE_S
        while not is_there(shown := _ESCAPE.sub(b"", self.seen).decode(errors="replace")):
            assert time.monotonic() < end, (what, self.seen)
            assert self._read(), (what, self.seen)
        self.seen = b""
        return shown

    def rest(self) -> int:
        """Until its end: the exit code."""
        while self._read():
            pass
        _, status = os.waitpid(self._pid, 0)
        self._pid = 0
        return os.waitstatus_to_exitcode(status)

    def _read(self) -> bool:
        select.select([self._fd], [], [], PATIENCE_S)
        try:
            more = os.read(self._fd, 65536)
        except OSError:
            return False
        self.seen += more
        return bool(more)

    def close(self) -> None:
        """Whatever it is at."""
        os.close(self._fd)
        if self._pid:
            os.kill(self._pid, 9)
            os.waitpid(self._pid, 0)


@contextmanager
def terminal(routes: Routes, road: str, *words: str) -> Iterator[Terminal]:
    running = Terminal(routes.agent("person") if road == "through" else routes.straight, *words)
    try:
        yield running
    finally:
        running.close()


@pytest.mark.parametrize("road", ROADS)
def test_a_shell(routes: Routes, road: str) -> None:
    with terminal(routes, road, "PS1='$ ' sh -i") as live:
        live.until("$ ")
        live.type("echo he''llo; tty; echo $TERM\r")
        shown = live.until("xterm\r\n")
        assert "hello\r\n" in shown
        assert "/dev/pts/" in shown
        live.type("exit 7\r")
        assert live.rest() == 7


@pytest.mark.parametrize("road", ROADS)
def test_a_login_shell(routes: Routes, road: str) -> None:
    with terminal(routes, road) as live:
        live.type("echo lo''gin; exit 3\r")
        live.until("login\r\n")
        assert live.rest() == 3


@pytest.mark.parametrize("road", ROADS)
def test_keys_that_are_signals(routes: Routes, road: str) -> None:
    with terminal(routes, road, "PS1='$ ' sh -i") as live:
        live.until("$ ")
        live.type("cat\r")
        live.type("ec''ho\r")
        live.until("ec''ho\r\nec''ho\r\n")
        live.type("\x03")
        live.until("$ ")
        live.type('sh -c \'trap "echo quit" QUIT; echo re""ady; read x; echo $x\'\r')
        live.until("ready\r\n")
        live.type("\x1c")
        live.until("quit\r\n")
        live.type("\r")
        live.until("$ ")
        live.type("\x04")
        live.rest()


@pytest.mark.parametrize("road", ROADS)
def test_another_size(routes: Routes, road: str) -> None:
    with terminal(routes, road, "PS1='$ ' sh -i") as live:
        live.until("$ ")
        for rows, columns in ((40, 120), (24, 80), (50, 132)):
            live.resize(rows, columns)
            # the size follows the keys by a message of its own
            live.type(
                f'until [ "$(stty size)" = "{rows} {columns}" ]; do :; done; echo is{rows}" "{columns}\r'
            )
            live.until(f"is{rows} {columns}\r\n")


@pytest.mark.parametrize("road", ROADS)
def test_another_size_while_output_floods(routes: Routes, road: str) -> None:
    with terminal(routes, road, "seq 200000; stty size; echo do''ne") as live:
        for rows in range(25, 60):
            live.resize(rows, 100)
        live.until("done")
        assert live.rest() == 0


@pytest.mark.parametrize("road", ROADS)
def test_what_is_typed_without_echo(routes: Routes, road: str) -> None:
    with terminal(routes, road, "stty -echo; echo re''ady; read x; stty echo; echo \"<$x>\"") as live:
        live.until("ready\r\n")
        live.type("hidden\r")
        assert live.until("<hidden>").count("hidden") == 1
        assert live.rest() == 0


@pytest.mark.parametrize("road", ROADS)
def test_vim(routes: Routes, road: str) -> None:
    if needs("vim") is None:
        pytest.skip("vim is not installed")
    path = routes.inbox / f"vim-{road}"
    with terminal(routes, road, f"vim -u NONE -N {path}") as live:
        live.until("[New]")
        live.type("ione\rtwo\x1b")
        live.type("ggOzero\x1b")
        live.type(":set number\r")
        live.until("3 two")
        live.type(":wq\r")
        assert live.rest() == 0
    assert path.read_text() == "zero\none\ntwo\n"


@pytest.mark.parametrize("road", ROADS)
def test_less(routes: Routes, road: str) -> None:
    if needs("less") is None:
        pytest.skip("less is not installed")
    with terminal(routes, road, "seq 1000 | less") as live:
        live.until("\n:")
        live.type("G")
        live.until("1000")
        live.type("g/500\r")
        live.until("500")
        live.type("q")
        assert live.rest() == 0


@pytest.mark.parametrize("road", ROADS)
def test_top(routes: Routes, road: str) -> None:
    if needs("top") is None:
        pytest.skip("top is not installed")
    with terminal(routes, road, "top -d 1") as live:
        live.until("load average")
        live.until("load average")
        live.resize(40, 100)
        live.until("load average")
        live.type("q")
        assert live.rest() == 0


@pytest.mark.parametrize("road", ROADS)
def test_tmux(routes: Routes, road: str) -> None:
    if needs("tmux") is None:
        pytest.skip("tmux is not installed")
    name = f"hw{os.getpid()}{road}"
    with terminal(
        routes, road, f"LC_ALL=C.UTF-8 tmux -L {name} -f /dev/null new-session 'PS1=\"$ \" sh -i'"
    ) as live:
        live.until("$ ")
        live.type("echo in''side\r")
        live.until("inside")
        live.type("\x02%")
        live.type("\x02o")
        live.resize(30, 90)
        live.type("tty | wc -l; tmux -L " + name + " kill-ser''ver\r")
        assert live.rest() in (0, 1)


@pytest.mark.parametrize("road", ROADS)
def test_utf8_on_a_terminal(routes: Routes, road: str) -> None:
    with terminal(routes, road, "LC_ALL=C.UTF-8 cat") as live:
        live.type("gr\u00fc\u00df \u65e5\u672c \U0001f600\r")
        live.until("gr\u00fc\u00df \u65e5\u672c \U0001f600\r\ngr\u00fc\u00df \u65e5\u672c \U0001f600\r\n")
        live.type("\x04")
        assert live.rest() == 0


def test_a_terminal_without_a_command_of_its_own_and_the_escape_of_the_client(routes: Routes) -> None:
    """`~.` ends the connection from the client's side; the target's shell goes away with it."""
    with terminal(routes, "through", "PS1='$ ' sh -i") as live:
        live.until("$ ")
        live.type("\r~.")
        assert live.rest() == 255
