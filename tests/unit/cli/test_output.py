"""What the commands that talk to a running gateway print, for people and as JSON: that is output.txt."""

import re
from pathlib import Path

import pytest

from hoopwire import __version__
from hoopwire.cli.output import print_table
from support.snapshot import assert_same


class Terminal:
    """Commands, what they print and their exit codes."""

    def __init__(self, gateway, capsys):
        self.gateway = gateway
        self.capsys = capsys
        self.said = []
        self.words = {}

    def run(self, *arguments):
        """One command."""
        self.capsys.readouterr()
        code = self.gateway.hoopwire(*arguments)
        shown = self.capsys.readouterr()
        self.said.append(f"$ hoopwire {' '.join(arguments)}\n{shown.out}")
        if shown.err:
            self.said.append(f"stderr: {shown.err}")
        self.said.append(f"exit code {code}\n")

    def text(self):
        """All of it, the same in each run."""
        text = (
            "\n".join(self.said).replace(__version__, "VERSION").replace(str(self.gateway.folder), "FOLDER")
        )
        text = text.replace(self.gateway.issuer.issuer, "ISSUER")
        for name, client in self.words.items():
            text = text.replace(client, name.ljust(len(client), "_"))
        text = re.sub(r"\b([gl])_[0-9A-Z]{26}\b", self._number, text)
        text = re.sub(r"\bhw1_[\w-]+", "SECRET", text)
        text = re.sub(r"port=\d+", "port=PORT", text)
        text = re.sub(r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\dZ", "MOMENT", text)
        return re.sub(r"\b[12]\d{9}\.\d+", "UNIX_SECONDS", text)

    def _number(self, found):
        return self.words.setdefault(found[0], f"{found[1]}_{len(self.words)}")


def test_output_is_as_it_was(gateway, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("getpass.getuser", lambda: "eve smith")
    terminal = Terminal(gateway, capsys)
    run = terminal.run
    for name in ("grants", "sessions", "principals"):
        run(name, "list")
    gateway.settings["policies"][0] |= {
        "actions": ["select on public.*"],
        "deny": ["all on public.secrets"],
        "masks": {"public.customers.email": "null"},
        "budgets": {"rows": 1000, "bytes": "2MiB", "wall_time": "1m"},
    }
    gateway.write()
    run("reload")
    run("reload", "--json")
    first, second = (gateway.issuer.client(groups=["data"]).cid for _ in range(2))
    terminal.words |= {"FIRST": first, "SECOND": second, "UPPER": first.upper()}
    token = tmp_path / "token"
    bought = ("--gateway", gateway.url, "--ca", str(gateway.folder / "gateway.crt"), "--target", "orders")
    terminal.words["URL"] = gateway.url
    for more in (("--ttl", "2m", "--task", "t-1", "--purpose", "why"), ("--json",), ("--ttl", "2h")):
        token.write_text(gateway.issuer.token(first))
        capsys.readouterr()
        code = main_without_config("grants", "request", *bought, "--token-file", str(token), *more)
        shown = capsys.readouterr()
        terminal.said.append(f"$ hoopwire grants request {' '.join(more)}\n{shown.out}")
        terminal.said.append(f"stderr: {shown.err}\nexit code {code}\n")
    grants = []
    for session, client in (("s_1", first), ("s_2", second), ("s_3", second)):
        gateway.connect(gateway.issuer.token(client), session, user="agent+ticket-9")
        grants.append(gateway.engine.admitted[session][0].id)
    gateway.settle(lambda: {"s_1", "s_2", "s_3"} <= gateway.engine.live)
    gateway.engine.spend("s_1", rows=(10, 1000), bytes=(1 << 20, 2 << 20), wall_time_s=(1.25, 60.0))
    for json in ((), ("--json",)):
        run("sessions", "list", *json)
        run("grants", "list", *json)
        run("grants", "list", "--state", "revoked", *json)
        run("grants", "show", grants[0], *json)
        run("statistics", *json)
    run("grants", "show", "g_nope")
    run("sessions", "end", "s_2", "s_nope", "--reason", "lunch")
    run("sessions", "end", "s_3", "--json")
    run("grants", "revoke", grants[0], "g_nope", "--reason", "over")
    run("grants", "revoke", "g_nope", "--json")
    run("grants", "revoke", grants[1], "--lock", "--for", "2h", "--reason", "leaked", "--json")
    run("grants", "revoke", grants[1], "--lock")
    run("grants", "revoke", grants[2], "--lock", "--reason", "leaked")
    run("principals", "lock", "cid:nobody", "--issuer", "dev", "--for", "90s", "--reason", "r")
    run("principals", "lock", f"cid:{first.upper()}", "--reason", "r")
    run("principals", "lock", "nobody", "--reason", "r")
    run("principals", "lock", "cid:nobody", "--issuer", "mars", "--reason", "r", "--json")
    run("principals", "lock", "cid:other", "--reason", "r", "--json")
    for json in ((), ("--json",)):
        run("principals", "list", *json)
    run("principals", "unlock", "cid:nobody", "--reason", "found")
    run("principals", "unlock", "cid:other", "--json")
    run("principals", "unlock", "cid:other")
    run("principals", "list", "--all")
    run("statistics", "--socket", str(gateway.folder / "none.sock"))
    assert_same(Path(__file__).with_name("output.txt"), terminal.text())


def main_without_config(*arguments):
    from hoopwire.cli import main

    return main(arguments)


@pytest.mark.parametrize(("columns", "is_block"), [("80", True), ("200", False)])
def test_a_table_that_is_too_wide_for_the_terminal_is_blocks(columns, is_block, monkeypatch, capsys):
    """`sessions list` was 195 columns wide (N11): in a terminal of 80 its rows broke, and ids with them."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", columns)
    rows = [("s_" + "1" * 26, "x" * 60, ""), ("s_" + "2" * 26, "y" * 60, "z")]
    print_table(("SESSION", "REASON", "MORE"), rows, empty="none")
    lines = capsys.readouterr().out.splitlines()
    if is_block:
        assert lines[:3] == [f"SESSION  {rows[0][0]}", f"REASON   {rows[0][1]}", ""]
        assert max(map(len, lines)) <= 80
    else:
        assert len(lines) == 3


def test_what_is_piped_is_a_table_of_full_width(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "20")
    print_table(("A", "B"), [("x" * 30, "y" * 30)], empty="none")
    assert len(capsys.readouterr().out.splitlines()) == 2
