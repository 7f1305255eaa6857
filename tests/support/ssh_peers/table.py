"""The matrix as docs/protocols/ssh.md shows it."""

from pathlib import Path

from support.ssh_peers.cells import CHECKS

DOCS = Path(__file__).resolve().parents[3] / "docs/protocols/ssh.md"
BEGIN, END = "<!-- matrix: make ssh-peers -->", "<!-- end of matrix -->"

Found = dict[tuple[str, str], dict[str, str]]


def text(found: Found) -> str:
    """Markdown; what isn't `yes` says so in the cell."""
    lines = [f"| client | target | {' | '.join(CHECKS)} |", "|---" * (2 + len(CHECKS)) + "|"]
    for (client, target), row in found.items():
        cells = " | ".join(value if value in ("yes", "-", "as directly") else "no" for value in row.values())
        lines.append(f"| {client} | {target} | {cells} |")
    return "\n".join(lines) + "\n"


def stands() -> str:
    """What docs say now."""
    return DOCS.read_text().partition(BEGIN + "\n")[2].partition(END)[0]


def write(table: str) -> None:
    """Into docs."""
    head, _, rest = DOCS.read_text().partition(BEGIN + "\n")
    tail = rest.partition(END)[2]
    DOCS.write_text(f"{head}{BEGIN}\n{table}{END}{tail}")
