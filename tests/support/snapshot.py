"""Texts that must stay as they are: compared with a file beside the test.

`HOOPWIRE_SNAPSHOTS=write` writes the files instead: look at what changed before you commit it.
"""

import os
from pathlib import Path


def assert_same(path: Path, text: str) -> None:
    """`text` is what the file says, to the byte."""
    if os.environ.get("HOOPWIRE_SNAPSHOTS") == "write":
        path.write_text(text)
    assert text == path.read_text(), f"not what {path.name} says"
