"""Sinks and the log handler never wait for a reader that has stopped: theirs is the thread that does all."""

import fcntl
import gc
import logging
import os
import signal
import socket
import subprocess
import sys
import tty
import warnings

import msgspec
import pytest

from hoopwire.audit import AuditEvent, FileSink, StreamSink, Unwaiting
from hoopwire.control import log
from hoopwire.model.plain import is_odd


@pytest.fixture
def pipe():
    """Both ends of a pipe of one page."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    yield reading, writing
    os.close(reading)
    os.close(writing)


def write_until_full(write) -> int:
    for number in range(100):
        try:
            write(b"%03d" % number + b"x" * 200)
        except OSError:
            return number
    raise AssertionError("the pipe was never full")


def whole_lines(content: bytes) -> list[bytes]:
    return [line for line in content.split(b"\n") if len(line) == 203]


@pytest.mark.parametrize("kind", ["stream", "fifo"])
def test_a_full_pipe_is_an_error_and_lines_stay_lines(pipe, kind, tmp_path):
    """The write waited for a reader, and the gateway with it."""
    reading, writing = pipe
    if kind == "stream":
        sink = StreamSink(os.fdopen(os.dup(writing), "wb"))
    else:
        fifo = tmp_path / "fifo"
        os.mkfifo(fifo)
        reading = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, 4096)
        sink = FileSink(str(fifo))
    before = write_until_full(sink.write)
    got = os.read(reading, 1 << 20)
    sink.write(b"%03d" % 999 + b"y" * 200)
    got += os.read(reading, 1 << 20)
    lines = whole_lines(got)
    assert len(lines) == before + 1
    assert lines[-1].startswith(b"999")


def test_a_fifo_without_a_reader_is_an_error(tmp_path):
    """`open` waited for a reader."""
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(OSError, match="nobody reads it yet"):
        FileSink(str(tmp_path / "fifo"))


def test_a_name_moves_no_cursor_in_log_and_audit(pipe, logging_to):
    """R23's kin: C1 controls, direction marks and line separators of names were written raw."""
    odd = "\u009b2J \u202e \u2028 \x7f \x1b[2J\n"
    reading, writing = pipe
    logging_to(writing)
    logging.getLogger("hoopwire").warning("name %s", odd)
    sink = StreamSink(sys.stderr.buffer)
    sink.write(AuditEvent(kind="bug", at=0, reason=odd).line())
    sink.close()
    said = os.read(reading, 1 << 20).decode()
    assert said.count("\n") == 2
    assert not [each for each in said if is_odd(each) and each != "\n"]
    assert msgspec.json.decode(said.splitlines()[1])["reason"] == odd


class TestRotation:
    """logrotate had renamed the file, and the audit went on in the old one (R14)."""

    @pytest.fixture
    def clock(self):
        return [0.0]

    @pytest.fixture
    def sink(self, tmp_path, clock):
        sink = FileSink(str(tmp_path / "audit"), now=lambda: clock[0])
        sink.write(b"one")
        yield sink
        sink.close()

    def test_a_renamed_file_is_seen_within_a_second(self, sink, tmp_path, clock):
        (tmp_path / "audit").rename(tmp_path / "audit.1")
        clock[0] += 2
        sink.write(b"two")
        assert (tmp_path / "audit.1").read_bytes() == b"one\n"
        assert (tmp_path / "audit").read_bytes() == b"two\n"
        assert (tmp_path / "audit").stat().st_mode & 0o777 == 0o600

    def test_or_at_once_if_told(self, sink, tmp_path):
        (tmp_path / "audit").rename(tmp_path / "audit.1")
        (tmp_path / "audit").touch(0o640)
        sink.reopen()
        sink.write(b"two")
        assert (tmp_path / "audit").read_bytes() == b"two\n"

    def test_one_that_was_removed(self, sink, tmp_path, clock):
        (tmp_path / "audit").unlink()
        clock[0] += 2
        sink.write(b"two")
        assert (tmp_path / "audit").read_bytes() == b"two\n"

    def test_one_that_was_truncated_in_place(self, sink, tmp_path):
        os.truncate(tmp_path / "audit", 0)
        sink.write(b"two")
        assert (tmp_path / "audit").read_bytes() == b"two\n"

    def test_where_none_can_be_made_the_old_one_is_kept(self, sink, tmp_path, clock):
        (tmp_path / "audit").rename(tmp_path / "audit.1")
        (tmp_path / "audit").mkdir()
        clock[0] += 2
        with pytest.raises(OSError, match="directory"):
            sink.write(b"two")
        sink.write(b"three")
        assert (tmp_path / "audit.1").read_bytes() == b"one\nthree\n"

    def test_a_file_that_goes_on_is_not_opened_anew(self, sink, clock, monkeypatch):
        clock[0] += 2
        monkeypatch.setattr(os, "open", None)
        sink.write(b"two")


@pytest.fixture
def logging_to(monkeypatch):
    """Gives the log a stderr of this descriptor; afterwards all is as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    ttou, hook = signal.getsignal(signal.SIGTTOU), sys.unraisablehook
    streams = []

    def configure(fd: int) -> None:
        streams.append(os.fdopen(os.dup(fd), "w"))
        monkeypatch.setattr(sys, "stderr", streams[-1])
        log.configure()

    yield configure
    logging.captureWarnings(False)
    for handler in root.handlers:
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    signal.signal(signal.SIGTTOU, ttou)
    sys.unraisablehook = hook
    for stream in streams:
        stream.close()


def test_lost_log_lines_are_counted(pipe, logging_to):
    """2>&1 into a pipe that nobody reads: the line waited (R4)."""
    reading, writing = pipe
    logging_to(writing)
    for number in range(100):
        logging.getLogger("hoopwire").warning("line %d %s", number, "x" * 200)
    first = os.read(reading, 1 << 20)
    assert b"line 0 " in first
    assert b"line 99 " not in first
    lost = log.lost()
    assert 50 < lost < 100
    logging.getLogger("hoopwire").warning("again")
    then = os.read(reading, 1 << 20)
    assert b"%d lines of this log were lost" % lost in then
    assert then.endswith(b"hoopwire: again\n")


def test_what_python_itself_says_does_not_wait(pipe, logging_to):
    """A warning, and an exception that nobody takes (R4), were printed, and a print waits for its reader."""

    class Broken:
        def __del__(self) -> None:
            raise ValueError("in __del__")

    reading, writing = pipe
    logging_to(writing)
    warnings.warn("odd", stacklevel=1)
    Broken()
    gc.collect()
    said = os.read(reading, 1 << 20)
    assert b"UserWarning: odd" in said
    assert b"ValueError: in __del__" in said
    for _ in range(100):
        warnings.warn("x" * 200, stacklevel=1)
        Broken()
    assert log.lost() > 0


@pytest.mark.parametrize("kind", ["pipe", "raw terminal", "terminal", "socket"])
def test_readers_that_stopped_of_every_kind(kind):
    """A terminal that nobody reads (R4) held the write: it says it is writable and takes a part.

    Lines of all lengths, since a pipe or terminal may have room for a part of the next. In a process of its
    own, which the alarm ends: a write that waits can't be taken back.
    """
    program = """
import os, signal, sys
from hoopwire.audit import Unwaiting
signal.alarm(30)
out = Unwaiting(2)
for length in list(range(1, 300)) * 20:
    if out.write(b"x" * length + b"\\n") < length + 1:
        sys.exit(0)
sys.exit(3)
"""
    if kind == "pipe":
        reading, writing = os.pipe()
    elif kind == "socket":
        ends = socket.socketpair()
        reading, writing = (end.detach() for end in ends)
    else:
        reading, writing = os.openpty()
        if kind == "raw terminal":
            tty.setraw(writing)
    try:
        ran = subprocess.run([sys.executable, "-c", program], stderr=writing, timeout=60, check=False)
        assert ran.returncode == 0
        assert os.get_blocking(writing), "the mode of what others write to, too, was changed"
    finally:
        os.close(reading)
        os.close(writing)


def test_another_writer_fills_the_pipe(pipe):
    """Between `poll` and the write somebody else wrote to the same pipe (R4): the write waited."""
    reading, writing = pipe
    out = Unwaiting(writing)
    other = Unwaiting(writing)
    while other.write(b"y" * 500) == 500:
        pass
    signal.alarm(30)
    try:
        assert out.write(b"x" * 100) == 0
    finally:
        signal.alarm(0)
    os.read(reading, 4096)
    assert out.write(b"x" * 100) == 100
