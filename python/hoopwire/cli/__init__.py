"""The command line: each command's module reads its arguments, asks, and prints tables or JSON.

Rule: an expected failure is one short text on stderr and an exit code, never a traceback.
"""

import os
import sys
from collections.abc import Sequence

from hoopwire.cli.exits import INTERRUPTED, USAGE, CommandFailed
from hoopwire.cli.parser import build_parser

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code (`hoopwire help exit-codes`)."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["serve"]:
        import signal

        # Until it can be taken it must not end what starts: the file is read later anyway.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    parsed = build_parser(words).parse_args(words)
    try:
        code: int = parsed.run(parsed)
        sys.stdout.flush()
        return code
    except CommandFailed as failed:
        print(f"hoopwire: {failed}", file=sys.stderr)
        return failed.code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader had enough (`| head`); keep the interpreter from complaining at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        # Only now: a command that reads no config file does not wait for what checks one.
        from hoopwire.config import ConfigError

        if not isinstance(error, ConfigError):
            raise
        print(f"hoopwire: the config file cannot be used\n{error}", file=sys.stderr)
        return USAGE
