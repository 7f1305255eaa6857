"""`hoopwire explain`: the engine's decisions of each statement, told to people and programs."""

import io
import json

import pytest

from hoopwire.cli import explain, main
from hoopwire.cli.exits import CommandFailed
from hoopwire.cli.parser import build_parser
from hoopwire.model.explained import ExplainedFunction, ExplainedRelation, ExplainedStatement

CONFIG = """
[gateway]
audience = "hoopwire"
[listen]
postgres = ["127.0.0.1:5432"]
tls = { certificate = "gateway.crt", key = "gateway.key" }
[recording]
directory = "recordings"
signing_key = "recording.key"
[issuers.okta]
issuer = "https://dev-1.okta.com/oauth2/default"
[targets.orders]
host = "127.0.0.1"
databases = ["orders", "analytics"]
user = "app"
tls = "disable"
credential = { trust = true }
[[policies]]
name = "readers"
groups = ["data"]
targets = ["orders/*"]
actions = ["select on public.*"]
deny = ["all on public.secrets"]
masks = { "public.customers.email" = "hash" }
"""
SQL = "select f(id) from orders;  delete from orders where note = 'é'"


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "hoopwire.toml"
    path.write_text(CONFIG)
    return str(path)


class FakeEngine:
    """Allows SELECT, refuses DELETE, as the engine would say it."""

    def __init__(self, refused=True):
        self.asked = []
        self.refused = refused

    def __call__(self, grant, sql):
        self.asked.append((grant, sql))
        end = len(sql.encode())
        cut = sql.index(";")
        select = ExplainedStatement(
            command="SELECT",
            start=0,
            end=cut,
            allow=True,
            relations=(ExplainedRelation("public", "orders", ("select",)),),
            functions=(ExplainedFunction(None, "f"),),
        )
        delete = ExplainedStatement(
            command="DELETE",
            start=cut + 1,
            end=end,
            allow=not self.refused,
            code="action_not_granted" if self.refused else "",
            message="delete on public.orders is not granted" if self.refused else "",
            detail='policy "readers" grants: select on public.*' if self.refused else "",
            hint="Ask for: delete on public.orders" if self.refused else "",
            relations=(ExplainedRelation(None, "orders", ("delete", "select")),),
        )
        return (select, delete)


def run(engine, config, *arguments, target="orders", groups="data"):
    given = ["explain", "--as", "cid:0oa1", "--target", target, "--groups", groups, "--config", config]
    return explain.run(build_parser().parse_args([*given, *arguments]), engine)


def test_each_statement_is_told_with_what_it_does_and_why_not(config, capsys):
    engine = FakeEngine()
    assert run(engine, config, SQL) == 1
    out = capsys.readouterr().out
    assert "by policy readers" in out
    assert "1. allowed: SELECT\n     select f(id) from orders\n" in out
    assert "reads public.orders\n     calls f\n" in out
    assert "2. refused: DELETE (action_not_granted)\n     delete from orders where note = 'é'\n" in out
    assert "deletes from, reads orders" in out
    assert "Ask for: delete on public.orders" in out
    assert "offline, without the target's catalogue" in out
    [(grant, sql)] = engine.asked
    assert sql == SQL
    assert (grant.rights.actions, grant.database, grant.rights.target_id) == (
        ("statements",),
        "orders",
        "orders/orders",
    )


def test_all_allowed_is_0(config, capsys):
    assert run(FakeEngine(refused=False), config, SQL) == 0


def test_the_database_that_is_named_is_the_one_decided_for(config):
    engine = FakeEngine()
    run(engine, config, SQL, target="orders/analytics")
    assert engine.asked[0][0].rights.target_id == "orders/analytics"


def test_json_for_programs(config, capsys):
    assert run(FakeEngine(), config, SQL, "--json") == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["allowed"], document["policy"]) == (False, "readers")
    first, second = document["statements"]
    assert first["relations"] == [{"name": "public.orders", "verbs": ["select"]}]
    assert (second["allow"], second["code"]) == (False, "action_not_granted")
    assert second["sql"] == "delete from orders where note = 'é'"


def test_who_is_granted_nothing_hears_why(config, capsys):
    engine = FakeEngine()
    assert run(engine, config, SQL, groups="others") == 1
    out = capsys.readouterr().out
    assert "target_not_granted" in out
    assert "readers: it wants one of: group data" in out
    assert engine.asked == []
    assert run(engine, config, SQL, "--json", groups="others") == 1
    assert json.loads(capsys.readouterr().out)["allowed"] is False


def test_the_sql_comes_from_a_file_or_stdin(config, tmp_path, monkeypatch):
    engine = FakeEngine()
    (tmp_path / "x.sql").write_text(SQL)
    run(engine, config, "--file", str(tmp_path / "x.sql"))
    monkeypatch.setattr("sys.stdin", io.StringIO(SQL))
    run(engine, config, "-")
    assert [sql for _, sql in engine.asked] == [SQL, SQL]


def test_what_cannot_be_asked(config, tmp_path):
    """Exit code 2: a script must not take a typo for a refusal."""
    for arguments in ([], [SQL, "--file", "x"], ["--file", str(tmp_path / "none.sql")]):
        with pytest.raises(CommandFailed) as failed:
            run(FakeEngine(), config, *arguments)
        assert failed.value.code == 2
    (tmp_path / "latin").write_bytes(b"select '\xe9'")
    with pytest.raises(CommandFailed, match="not UTF-8"):
        run(FakeEngine(), config, "--file", str(tmp_path / "latin"))
    assert main(["explain", SQL, "--as", "nobody", "--target", "orders", "--config", config]) == 2


def test_an_engine_that_cannot_explain_is_said_so(config):
    def missing(grant, sql):
        raise ImportError("cannot import name 'explain'")

    with pytest.raises(CommandFailed, match="engine") as failed:
        run(missing, config, SQL)
    assert failed.value.code == 4


def test_statements_cannot_move_the_cursor(config, capsys):
    """SQL from a log may hold escape sequences that repaint the terminal."""
    run(FakeEngine(), config, "select '\x1b[2J';" + "x" * 500)
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) < 250
