"""A config file loads, or every problem in it is named at its line with the nearest right name."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from hoopwire.config import ConfigError, Problem, load, loads
from hoopwire.model.settings import Settings

ROOT = Path(__file__).parents[3]
EXAMPLE = (ROOT / "docs/example.toml").read_text()

Edit = Callable[[str, str], str]


def problems(text: str) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        loads(text.encode(), "/etc/hoopwire/hoopwire.toml", files=False)
    return list(caught.value.problems)


def sound(text: str) -> Settings:
    return loads(text.encode(), "/etc/hoopwire/hoopwire.toml", files=False)


def edited(*pairs: tuple[str, str]) -> str:
    text = EXAMPLE
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


def test_the_example_loads() -> None:
    settings = load(ROOT / "docs/example.toml", files=False)
    assert settings.targets["orders"].databases == ("orders", "analytics")
    assert settings.policies[0].ttl == 900
    assert settings.limits.statement == 4 * 1024 * 1024
    assert settings.issuers["people"].issuers[1] == "https://id.example.com/oauth2/aus2people"


def test_relative_paths_are_taken_from_the_folder_of_the_file() -> None:
    settings = sound(EXAMPLE.replace('admin_socket = "/run/hoopwire/admin.sock"\n', ""))
    assert settings.listen.tls.key == "/etc/hoopwire/tls/gateway.key"
    assert settings.targets["orders"].credential.file == "/etc/hoopwire/secrets/orders"
    assert settings.recording.directory == "/var/lib/hoopwire/recordings"
    assert settings.listen.admin_socket == "/etc/hoopwire/hoopwire-admin.sock"


def test_a_problem_names_file_line_column_key_and_the_nearest_name() -> None:
    text = edited(('databases = ["payroll"]', 'database = ["payroll"]'))
    (problem,) = problems(text)
    line = text.splitlines().index('database = ["payroll"]') + 1
    assert (problem.line, problem.column) == (line, 1)
    assert problem.key == "targets.payroll.database"
    assert str(problem) == (
        f"/etc/hoopwire/hoopwire.toml:{line}:1: targets.payroll.database: "
        "unknown key (did you mean `databases`?)"
    )


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("node = gw1", 'a text stands in quotes: node = "gw1"'),
        ("node = gw1  # the first", 'a text stands in quotes: node = "gw1"'),
        ("node: gw1", 'a text stands in quotes: node = "gw1"'),
        ("ttl = 15m", 'a text stands in quotes: ttl = "15m"'),
        ("listen = 0.0.0.0:5432", 'a text stands in quotes: listen = "0.0.0.0:5432"'),
        ("state = /var/lib/hoopwire", 'a text stands in quotes: state = "/var/lib/hoopwire"'),
        ("masks_must_match = yes", "write masks_must_match = true"),
        ("dev = False", "write dev = false"),
    ],
)
def test_a_text_without_quotes_is_told_what_it_needs(line: str, hint: str) -> None:
    """`node = gw1` was "not TOML: Invalid value" (N19)."""
    [problem] = problems(f'[gateway]\naudience = "x"\n{line}\n')
    assert problem.line == 3
    assert hint in problem.what


@pytest.mark.parametrize("line", ['node = "gw1', "node = [1, 2", "node = {", "= 1", "[x", "a = 'b"])
def test_other_slips_get_no_wrong_hint(line: str) -> None:
    [problem] = problems(f"[gateway]\n{line}\n")
    assert "quotes:" not in problem.what


@pytest.mark.parametrize(
    ("section", "line", "words"),
    [
        ("gateway", 'contact = "' + "x" * 201 + '"', "one printable line"),
        ("listen", 'public_host = "2001:db8::1"', None),
        ("listen", 'public_host = "gw example"', "host name or an address"),
        ("gateway", 'keep_audit = "1h"', "must be 1d or more"),
        ("gateway", 'keep_grants = "0s"', None),
    ],
)
def test_contact_public_host_and_retention(section: str, line: str, words: str | None) -> None:
    text = edited((f"[{section}]\n", f"[{section}]\n{line}\n"))
    if words is None:
        sound(text)
    else:
        assert words in problems(text)[0].what


def test_all_problems_come_at_once_in_the_order_of_the_file() -> None:
    found = problems(
        edited(
            ('audience = "api://hoopwire"', 'audience = ""'),
            ("port = 6432", 'port = "6432"'),
            ('ttl = "30m"', 'ttl = "2h"'),
            ('targets = ["orders/analytics"]', 'targets = ["orders/analytic"]'),
        )
    )
    assert [problem.key for problem in found] == [
        "gateway.audience",
        "targets.payroll.port",
        "policies[0].targets[0]",
        "policies[1].ttl",
    ]
    assert found[2].nearest == "orders/analytics"


def test_one_unsound_table_does_not_make_others_look_wrong() -> None:
    """A target with a mistake in it still exists: policies that name it are right."""
    found = problems(edited(("port = 6432", 'port = "6432"')))
    assert [problem.key for problem in found] == ["targets.payroll.port"]


DEVICE_AT = 'required_scope = "hoopwire:connect"\n'
CASES: list[tuple[str, str, str, str]] = [
    # what to replace, with what, the key of the problem, words in it
    ('node = "gw1"', 'node = "gw 1"', "gateway.node", "letters"),
    ('node = "gw1"', "reactors = -1", "gateway.reactors", "from 0"),
    ('node = "gw1"', "reactors = true", "gateway.reactors", "found true or false"),
    ('node = "gw1"', "reactors = 1.5", "gateway.reactors", "found a fraction"),
    ('node = "gw1"', "reactors = 2020-01-01", "gateway.reactors", "found a date"),
    ('node = "gw1"', 'node = "gw\\u0000"', "gateway.node", "control character"),
    ('"api://hoopwire"', '"api hoopwire"', "gateway.audience", "no blanks"),
    ('expiry_notice = "60s"', "expiry_notice = 60", "gateway.expiry_notice", '"90s"'),
    ('expiry_notice = "60s"', 'expiry_notice = "1.5m"', "gateway.expiry_notice", "whole number"),
    ('expiry_notice = "60s"', 'expiry_notice = "\u0666\u0660s"', "gateway.expiry_notice", "whole number"),
    ('statement = "4MiB"', 'statement = "4MB"', "limits.statement", '"64MiB"'),
    ('statement = "4MiB"', 'statement = "33MiB"', "limits.statement", "32MiB"),
    ("connections = 10_000", "connections = 500", "limits.connections_per_address", "above `connections`"),
    (
        "unadmitted_per_address = 64 ",
        "unadmitted_per_address = 0 ",
        "limits.unadmitted_per_address",
        "from 1",
    ),
    ('["0.0.0.0:5432"]\nssh = ["0.0.0.0:22"]', "[]", "listen.postgres", "at least one"),
    ('["0.0.0.0:5432"]', "[]", "targets.orders", "cannot be reached"),
    ('["0.0.0.0:5432"]', '["gw:5432"]', "listen.postgres[0]", "IP address"),
    ('["0.0.0.0:5432"]', '["::1:5432"]', "listen.postgres[0]", "IP address"),
    ('["0.0.0.0:5432"]', '["[127.0.0.1]:5432"]', "listen.postgres[0]", "IP address"),
    ('["0.0.0.0:5432"]', '["0.0.0.0"]', "listen.postgres[0]", "IP address"),
    ('["0.0.0.0:5432"]', '["0.0.0.0:65536"]', "listen.postgres[0]", "65535"),
    ('["0.0.0.0:5432"]', '["0.0.0.0:-1"]', "listen.postgres[0]", "65535"),
    ('["0.0.0.0:5432"]', '["0.0.0.0:5432", "0.0.0.0:5432"]', "listen.postgres[1]", "twice"),
    ('"0.0.0.0:8443"', '"0.0.0.0:5432"', "listen.control", "twice"),
    ("/run/hoopwire/admin.sock", "/run/" + "x" * 110, "listen.admin_socket", "107"),
    ('"tls/gateway.key"', '""', "listen.tls.key", "empty path"),
    ('durability = "written"', 'durability = "sync"', "recording.durability", "none of"),
    ('durability = "written"', 'segment = "1KiB"', "recording.segment", "1MiB"),
    ("/mnt/worm/", "/var/lib/hoopwire/recordings/", "recording.checkpoints", "inside"),
    (
        "https://example.okta.com/oauth2/aus1agents",
        "https://example.okta.com",
        "issuers.agents.issuer",
        "org auth",
    ),
    (
        "https://example.okta.com/oauth2/aus1agents",
        "https://example.okta.com/",
        "issuers.agents.issuer",
        "org auth",
    ),
    ("/oauth2/aus1agents", "/oauth2/aus1agents/", "issuers.agents.issuer", "ends in a slash"),
    ("/oauth2/aus1agents", "/realms/x", "issuers.agents.issuer", 'kind = "oidc"'),
    (
        "https://example.okta.com/oauth2/aus1",
        "http://example.okta.com/oauth2/aus1",
        "issuers.agents.issuer",
        "https",
    ),
    (
        "https://example.okta.com/oauth2/aus1",
        "example.okta.com/oauth2/aus1",
        "issuers.agents.issuer",
        "no URL",
    ),
    ("https://example.okta.com/oauth2/aus1", "https://[::1/oauth2/aus1", "issuers.agents.issuer", "no URL"),
    ("/oauth2/aus1agents", "/oauth2/aus1agents?x=1", "issuers.agents.issuer", "query"),
    (
        "https://id.example.com/oauth2/aus2people",
        "https://example.okta.com/oauth2/aus1agents",
        "issuers.people.issuer",
        "under agents",
    ),
    (
        'required_scope = "',
        'algorithms = ["none"]\nrequired_scope = "',
        "issuers.agents.algorithms[0]",
        "unsigned",
    ),
    (
        'required_scope = "',
        'algorithms = ["hs256"]\nrequired_scope = "',
        "issuers.agents.algorithms[0]",
        "shared",
    ),
    (
        'required_scope = "',
        'algorithms = ["RS265"]\nrequired_scope = "',
        "issuers.agents.algorithms[0]",
        "unknown",
    ),
    (
        'required_scope = "',
        'algorithms = []\nrequired_scope = "',
        "issuers.agents.algorithms",
        "at least one",
    ),
    ('required_scope = "', 'dev = true\nrequired_scope = "', "issuers.agents.dev", "beside a real issuer"),
    ('["0oa1reports"]', '["cid:0oa1reports"]', "issuers.agents.agents[0]", "bare client id"),
    (
        DEVICE_AT,
        f'{DEVICE_AT}device = {{ client_id = "" }}\n',
        "issuers.agents.device.client_id",
        "client id",
    ),
    (
        DEVICE_AT,
        f'{DEVICE_AT}device = {{ client_id = "0oa1", scopes = ["a b"] }}\n',
        "issuers.agents.device.scopes[0]",
        "without blanks",
    ),
    (
        DEVICE_AT,
        f'{DEVICE_AT}device = {{ client_id = "0oa1", wait = "10m" }}\n',
        "issuers.agents.device.wait",
        "from 30s to 5m",
    ),
    (
        DEVICE_AT,
        f'{DEVICE_AT}device = {{ client_id = "0oa1", client_secret = {{}} }}\n',
        "issuers.agents.device.client_secret",
        "exactly one of file, env, command",
    ),
    (
        f"{DEVICE_AT}groups",
        f'{DEVICE_AT}device = {{ client_id = "0oa1" }}\n[issuers.more]\n'
        'issuer = "https://example.okta.com/oauth2/aus3"\ndevice = { client_id = "0oa2" }\ngroups',
        "issuers.more.device",
        "agents has one, too",
    ),
    ('claim = "groups" }', 'members = { "cid:a" = ["x"] } }', "issuers.agents.groups.members", "one source"),
    (
        'source = "claim", claim = "groups" }',
        'source = "static" }',
        "issuers.agents.groups.members",
        "list who",
    ),
    (
        'source = "claim", claim = "groups" }',
        'source = "static", members = { bob = ["x"] } }',
        "issuers.agents.groups.members.bob",
        "principal key",
    ),
    ("orders-db.internal", "orders_db..internal", "targets.orders.host", "neither"),
    ("10.0.8.12", "10.0.8.312", "targets.payroll.host", "neither"),
    ("port = 6432", "port = 65536", "targets.payroll.port", "65535"),
    ('["orders", "analytics"]', '["orders", "analytics", "orders"]', "targets.orders.databases[2]", "twice"),
    ('["orders", "analytics"]', '["orders", "analytics", "a/b"]', "targets.orders.databases[2]", "`/`"),
    ('["payroll"]\nuser', "[]\nuser", "targets.payroll.databases", "at least one"),
    ('file = "secrets/orders"', "", "targets.orders.credential", "there is none"),
    ('file = "secrets/orders"', 'file = "x", env = "Y"', "targets.orders.credential", "file, env"),
    ('file = "secrets/orders"', 'certificate = "x"', "targets.orders.credential", "go together"),
    ('file = "secrets/orders"', 'env = "my password"', "targets.orders.credential.env", "not its value"),
    ('"/usr/local/bin/vault"', '"bin/vault"', "targets.payroll.credential.command[0]", "whole path"),
    ("server_name = ", 'tls = "disable"\nserver_name = ', "targets.payroll.tls", "in clear"),
    ("[targets.payroll]", '[targets."pay/roll"]', 'targets."pay/roll"', "letters"),
    ('groups = ["report-agents"]', "", "policies[0]", "for nobody"),
    ('issuer = "agents"', 'issuer = "agent"', "policies[0].issuer", "unknown issuer"),
    ('issuer = "people"', "", "policies[2].issuer", "someone else"),
    ('"uid:00u1auditor"', '"00u1auditor"', "policies[2].principals[0]", "principal key"),
    ('["orders/*"]', '["*"]', "policies[1].targets[0]", "name each"),
    ('["orders/*"]', '["order/*"]', "policies[1].targets[0]", "unknown target"),
    ('["orders/*"]', '["orders/*", "orders/*"]', "policies[1].targets[1]", "twice"),
    ('name = "payroll-audit"', 'name = "order-support"', "policies[2].name", "above"),
    ('ttl = "10m"', 'ttl = "29s"', "policies[2].ttl", "30s to 1h"),
    ('ttl = "10m"', 'ttl = "61m"', "policies[2].ttl", "30s to 1h"),
    ("max_sessions = 1", "max_sessions = 0", "policies[2].max_sessions", "from 1"),
    ('ttl = "10m"', 'actions = ["querry"]', "policies[2].actions[0]", "unknown action"),
    ('ttl = "10m"', 'actions = ["select on orders"]', "policies[2].actions[0]", "write schema.name"),
    ('ttl = "10m"', 'actions = ["select on a.b except c.d"]', "policies[2].actions[0]", "excludes nothing"),
    ('ttl = "10m"', 'actions = ["read-only", "query"]', "policies[2].actions[1]", "every statement"),
    ('ttl = "10m"', 'actions = ["select on a.b", "SELECT on A.b"]', "policies[2].actions[1]", "twice"),
    # H18, H17: a FunctionCall ran any function, and replication carries what a deny names.
    ('ttl = "10m"', 'actions = ["read-only", "function-call"]', "policies[2].actions[1]", "by its number"),
    ('ttl = "10m"', 'actions = ["replication", "listen"]', "policies[2].actions[0]", "may replicate"),
    ('ttl = "10m"', 'actions = ["replication"]\ndeny = ["all on a.b"]', "policies[2].deny", "no effect"),
    ('ttl = "10m"', 'actions = ["function-call"]\ndeny = ["call a.b"]', "policies[2].deny", "no effect"),
    ('ttl = "10m"', 'deny = ["query"]', "policies[2].deny[0]", "cannot be denied"),
    ('ttl = "10m"', 'actions = ["query"]\ndeny = ["all on a.b"]', "policies[2].deny", "no effect"),
    (
        'ttl = "10m"',
        'actions = ["query"]\nmasks = { "a.b.c" = "null" }',
        "policies[2].masks",
        "action `query`",
    ),
    (
        'ttl = "10m"',
        'actions = ["read-only", "do"]\nmasks = { "a.b.c" = "null" }',
        "policies[2].masks",
        "action `do`",
    ),
    # H12: a flag that would do nothing
    ('ttl = "10m"', "masks_must_match = true", "policies[2].masks_must_match", "no effect without `masks`"),
    ('ttl = "10m"', 'masks = { "b.c" = "null" }', 'policies[2].masks."b.c"', "schema.relation.column"),
    ('ttl = "10m"', 'masks = { "a.*.c" = "null" }', 'policies[2].masks."a.*.c"', "schema.relation.column"),
    ('ttl = "10m"', 'masks = { "a.b.c" = "nil" }', 'policies[2].masks."a.b.c"', "none of"),
    ('ttl = "10m"', 'masks = { "a.b.c" = "fixed" }', 'policies[2].masks."a.b.c"', "needs its text"),
    ('ttl = "10m"', 'masks = { "a.b.c" = "range" }', 'policies[2].masks."a.b.c"', "a step above 0"),
    (
        'ttl = "10m"',
        'masks = { "a.b.c" = { kind = "range", step = -1 } }',
        'policies[2].masks."a.b.c".step',
        "a step above 0",
    ),
    (
        'ttl = "10m"',
        'masks = { "a.b.c" = { kind = "hash", value = "x" } }',
        'policies[2].masks."a.b.c".value',
        "no effect",
    ),
    ('ttl = "10m"', 'masks = { "a.b.c" = "null", "A.B.C" = "hash" }', 'policies[2].masks."A.B.C"', "twice"),
    # H11: a guess is inserted, and its hash compared with the others'.
    (
        'ttl = "10m"',
        'actions = ["read-write on a.*"]\nmasks = { "a.b.c" = "hash" }',
        'policies[2].masks."a.b.c"',
        "a guess is inserted",
    ),
    (
        'ttl = "10m"',
        'actions = ["select on a.*", "insert on a.d"]\n'
        'masks = { "a.b.c" = "hash", "a.d.e" = { kind = "hash", compare = true } }',
        'policies[2].masks."a.d.e"',
        "a guess is inserted",
    ),
    (
        'ttl = "10m"',
        'actions = ["read-write"]\ndeny = ["insert on a.b"]\nmasks = { "a.b.c" = "hash" }',
        'policies[2].masks."a.b.c"',
        "deny insert and update",
    ),
    ('ttl = "10m"', "budgets = { rows = 0 }", "policies[2].budgets.rows", "more than 0"),
    ('ttl = "10m"', "budgets = { row = 5 }", "policies[2].budgets.row", "unknown key"),
    ('ttl = "10m"', 'limits = { idle = "500ms" }', "policies[2].limits.idle", "at least 1s"),
    ('ttl = "10m"', "limits = { sessions = 0 }", "policies[2].limits.sessions", "from 1 to 10000"),
    ('ttl = "10m"', 'limits = { idel = "5m" }', "policies[2].limits.idel", "unknown key"),
    (
        'ttl = "10m"',
        'limits = { idle = "1m", idle_in_transaction = "2m" }',
        "policies[2].limits.idle_in_transaction",
        "has no effect",
    ),
    ("port = 6432", 'search_path = ["$user"]', "targets.payroll.search_path[0]", "`$user`"),
    ("port = 6432", 'search_path = ["pg_temp"]', "targets.payroll.search_path[0]", "PostgreSQL's own"),
    ("port = 6432", 'search_path = ["a", "a"]', "targets.payroll.search_path[1]", "twice"),
    ("port = 6432", 'role = "epheremal"', "targets.payroll.role", "none of"),
    ('ttl = "10m"', 'actions = ["query", "query"]', "policies[2].actions[1]", "twice"),
    ('ttl = "10m"', "actions = []", "policies[2].actions", "at least one"),
]


@pytest.mark.parametrize(("old", "new", "key", "words"), CASES)
def test_what_is_refused(old: str, new: str, key: str, words: str) -> None:
    found = {problem.key: problem.what for problem in problems(edited((old, new)))}
    assert key in found
    assert words in found[key]


NEAREST = [
    ('durability = "written"', 'durability = "sync"', "synced"),
    ('issuer = "agents"', 'issuer = "agent"', "agents"),
    ('["orders/*"]', '["order/*"]', "orders/*"),
    ('["orders/*"]', '["oders/analitics"]', "orders/analytics"),
    ('ttl = "10m"', 'actions = ["querry"]', "query"),
    ('ttl = "10m"', "mask_must_match = true", "masks_must_match"),
    ("[targets.payroll]", "[target.payroll]", "targets"),
    ("[recording]", "[recordings]", "recording"),
]


@pytest.mark.parametrize(("old", "new", "name"), NEAREST)
def test_the_nearest_right_name_is_told(old: str, new: str, name: str) -> None:
    assert name in {problem.nearest for problem in problems(edited((old, new)))}


def test_a_dev_issuer_stays_on_loopback_and_says_dev() -> None:
    """Anyone can have a token from a dev issuer: beside a real issuer it opens the house."""
    one = re.sub(r"(?s)\[issuers\.people\].*?\n\n", "", EXAMPLE).replace('issuer = "people"\n', "")
    dev = one.replace('required_scope = "', 'dev = true\nrequired_scope = "')
    place = '"https://example.okta.com/oauth2/aus1agents"'
    assert sound(dev.replace(place, '"http://127.0.0.1:9000/oauth2/dev"')).issuers["agents"].dev
    assert sound(dev.replace(place, '"http://[::1]:9000/oauth2/dev"')).issuers["agents"].dev
    for text, words in (
        ('"http://10.0.0.1/oauth2/dev"', "loopback"),
        ('"http://localhost.evil.example/oauth2/dev"', "loopback"),
        ('"http://127.0.0.1:9000/oauth2/main"', "`dev`"),
    ):
        assert words in " ".join(problem.what for problem in problems(dev.replace(place, text)))


def test_tls_may_be_off_on_loopback_only() -> None:
    base = 'tls = "disable"\nhost = "{}"\ndatabases = ["orders", "analytics"]'
    old = 'host = "orders-db.internal"\ndatabases = ["orders", "analytics"]'
    for host, allowed in (("127.0.0.1", True), ("localhost", True), ("::1", True), ("10.0.0.1", False)):
        found = edited((old, base.format(host))).replace('ca = "tls/internal-ca.crt"\n', "", 1)
        if allowed:
            assert sound(found).targets["orders"].tls == "disable"
        else:
            assert [problem.key for problem in problems(found)] == ["targets.orders.tls"]


def test_verify_full_needs_a_ca() -> None:
    (problem,) = problems(EXAMPLE.replace('ca = "tls/internal-ca.crt"\n', "", 1))
    assert problem.key == "targets.orders.ca"


def test_an_empty_file_names_what_is_missing() -> None:
    found = {problem.key for problem in problems("")}
    assert found == {"gateway", "listen", "recording", "issuers", "targets", "policies"}


@pytest.mark.parametrize(
    ("content", "words", "line"),
    [
        (b"[gateway\n", "not TOML", 1),
        (b"\n\na = 1\na = 2\n", "not TOML", 4),
        (b"\na = \xff\n", "not UTF-8", 2),
        (b"a = " + b"[" * 20_000, "nested too deep", 1),
        (b"a = " + b"9" * 10_000, "not TOML", 1),
        (b"a = 2020-99-99", "not TOML", 1),
        (b"#" * (1 << 20) + b"#", "1 MiB", None),
    ],
)
def test_what_is_no_config_file_at_all(content: bytes, words: str, line: int | None) -> None:
    with pytest.raises(ConfigError) as caught:
        loads(content, "x.toml", files=False)
    (problem,) = caught.value.problems
    assert words in problem.what
    assert problem.line == line


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load(tmp_path / "nothing.toml")
    with pytest.raises(ConfigError):
        load(tmp_path)
    with pytest.raises(ConfigError):
        load("a\0b")


def test_values_are_not_echoed_without_bounds() -> None:
    """A pasted key in the wrong field must not flood the terminal, nor move its cursor."""
    (problem,) = problems(edited(('durability = "written"', f'durability = "{"é" * 5000}\\u009b2J"')))
    assert len(str(problem)) < 400
    assert "\x9b" not in str(problem)


def test_crlf_files_have_the_same_lines() -> None:
    text = edited(("port = 6432", "prot = 6432"))
    (problem,) = problems(text.replace("\n", "\r\n"))
    assert (problem.line, problem.nearest) == (text.splitlines().index("prot = 6432") + 1, "port")


def test_loading_does_not_depend_on_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "h.toml").write_text(EXAMPLE)
    monkeypatch.chdir(tmp_path)
    assert load("h.toml", files=False).listen.tls.key == os.fspath(tmp_path / "tls/gateway.key")
