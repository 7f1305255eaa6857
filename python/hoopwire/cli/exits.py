"""Exit codes, and the errors that end a command with one."""

OK = 0
REFUSED = 1
USAGE = 2
UNREACHABLE = 3
NOT_STARTED = 4
INCOMPLETE = 5
INTERRUPTED = 130

TEXT = """exit codes:
  0    done
  1    refused, not found, or a check failed (policy says no, verify found a fault)
  2    the command line or the config file is wrong
  3    the gateway could not be reached
  4    the gateway could not start (address taken, store unusable, engine missing)
  5    done, but not wholly: sessions have not ended yet, or it is kept in memory only
  130  interrupted
"""


class CommandFailed(Exception):
    """An expected failure: `str(e)` goes to stderr, without a traceback."""

    def __init__(self, text: str, code: int = REFUSED) -> None:
        super().__init__(text)
        self.code = code
