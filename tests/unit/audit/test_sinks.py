"""Sinks and the log handler never wait for a reader that has stopped: theirs is the thread that does all."""

import fcntl
import logging
import os
import sys

import pytest

from hoopwire.audit import FileSink, StreamSink
from hoopwire.control import log


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


def test_lost_log_lines_are_counted(pipe, monkeypatch):
    """2>&1 into a pipe that nobody reads: the line waited."""
    reading, writing = pipe
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    with os.fdopen(os.dup(writing), "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        try:
            log.configure()
            for number in range(100):
                logging.getLogger("hoopwire").warning("line %d %s", number, "x" * 200)
            first = os.read(reading, 1 << 20)
            assert b"line 0 " in first
            assert b"line 99 " not in first
            logging.getLogger("hoopwire").warning("again")
            then = os.read(reading, 1 << 20)
            assert b" lines of this log were lost" in then
            assert then.endswith(b"hoopwire: again\n")
        finally:
            root.handlers[:] = handlers
            root.setLevel(level)
