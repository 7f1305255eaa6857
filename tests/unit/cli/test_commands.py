"""Commands that need no gateway, and every way in which one may be missing."""

import json
import socket
import stat
import subprocess
import sys

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from hoopwire.cli import main
from hoopwire.cli.output import clean
from hoopwire.cli.parser import build_parser

CONFIG = """
[gateway]
audience = "hoopwire"
[listen]
postgres = ["127.0.0.1:5432"]
[listen.tls]
certificate = "gateway.crt"
key = "gateway.key"
[recording]
directory = "recordings"
signing_key = "recording.key"
[issuers.okta]
issuer = "https://dev-1.okta.com/oauth2/default"
[targets.orders]
host = "127.0.0.1"
databases = ["orders"]
user = "app"
tls = "disable"
[targets.orders.credential]
trust = true
[[policies]]
name = "readers"
groups = ["data"]
targets = ["orders"]
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "hoopwire.toml"
    path.write_text(CONFIG)
    return str(path)


def parsers():
    parser = build_parser()
    found = []

    def walk(parser, prefix):
        for action in parser._actions:
            if isinstance(action.choices, dict):
                for name, below in action.choices.items():
                    found.append(((*prefix, name), below))
                    walk(below, (*prefix, name))

    walk(parser, ())
    return found


@pytest.mark.parametrize("words", [words for words, _ in parsers()], ids=" ".join)
def test_every_command_has_help(words, capsys):
    with pytest.raises(SystemExit) as done:
        main([*words, "--help"])
    assert done.value.code == 0
    assert capsys.readouterr().out.startswith("usage: hoopwire ")


def test_no_command_takes_a_token_as_an_argument():
    options = {
        option for _, parser in parsers() for action in parser._actions for option in action.option_strings
    }
    assert not {
        option for option in options if "token" in option or "secret" in option or "password" in option
    } - {"--token-file", "--token-command", "--token"}


def test_exit_codes_are_documented(capsys):
    assert main(["help", "exit-codes"]) == 0
    out = capsys.readouterr().out
    for code in ("0 ", "1 ", "2 ", "3 ", "4 "):
        assert f"  {code}" in out


def test_check_without_files(config, capsys):
    assert main(["check", "--config", config, "--no-files"]) == 0
    out = capsys.readouterr().out
    assert "is valid" in out
    assert "readers" in out


def test_check_names_line_and_nearest_word(config, capsys, tmp_path):
    (tmp_path / "hoopwire.toml").write_text(CONFIG.replace("targets = ", "taregts = "))
    assert main(["check", "--config", config, "--no-files"]) == 2
    err = capsys.readouterr().err
    assert "targets" in err
    assert "hoopwire.toml:24:" in err
    assert "Traceback" not in err


def test_check_explains_what_an_identity_gets(config, capsys):
    as_agent = ["check", "--config", config, "--no-files", "--as", "cid:0oa1", "--target", "orders"]
    assert main([*as_agent, "--groups", "data, other"]) == 0
    assert "granted by policy readers" in capsys.readouterr().out
    assert main([*as_agent, "--groups", "other"]) == 1
    assert "refused (target_not_granted)" in capsys.readouterr().out
    assert main([*as_agent, "--groups", "data", "--json"]) == 0
    [explanation] = json.loads(capsys.readouterr().out)
    assert explanation["outcome"]["policy"] == "readers"
    assert main(["check", "--config", config, "--no-files", "--as", "nobody"]) == 2
    assert main(["check", "--config", config, "--no-files", "--target", "orders"]) == 2


def test_check_tells_the_obligations_too(config, capsys, tmp_path):
    """An operator who sees only the actions takes the grant for wider than it is."""
    exact = (
        'actions = ["select, insert on public.*"]\ndeny = ["all on public.secrets"]\n'
        'masks = { "public.customers.email" = "null" }\nbudgets = { rows = 5 }\n'
    )
    (tmp_path / "hoopwire.toml").write_text(CONFIG + exact)
    asked = ["check", "--config", config, "--no-files", "--as", "cid:0oa1", "--groups", "data"]
    assert main(asked) == 0
    out = capsys.readouterr().out
    for line in (
        "actions    select, insert on public.*",
        "deny       all on public.secrets",
        "masks      public.customers.email (null)",
        "budgets    rows 5",
    ):
        assert line in out


def test_the_schema_is_json_schema(capsys):
    assert main(["schema"]) == 0
    assert "$schema" in json.loads(capsys.readouterr().out)


def test_version(capsys):
    assert main(["version", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["version"]


def test_recording_keys_are_private_and_never_overwritten(tmp_path, capsys):
    out = tmp_path / "recording.key"
    assert main(["keygen", "recording", "--out", str(out)]) == 0
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    private = load_pem_private_key(out.read_bytes(), None)
    public = load_pem_public_key(out.with_suffix(".pub").read_bytes())
    assert private.public_key() == public
    before = out.read_bytes()
    assert main(["keygen", "recording", "--out", str(out)]) == 1
    assert out.read_bytes() == before
    assert "never overwritten" in capsys.readouterr().err


def test_keygen_leaves_no_half_pair(tmp_path):
    """The key was written, then the public file was in the way: a pair that does not fit together."""
    (tmp_path / "recording.pub").write_text("old")
    assert main(["keygen", "recording", "--out", str(tmp_path / "recording.key")]) == 1
    assert not (tmp_path / "recording.key").exists()


def test_keygen_tls(tmp_path):
    assert main(["keygen", "tls", "--host", "localhost", "--host", "::1", "--out", str(tmp_path)]) == 0
    certificate = x509.load_pem_x509_certificate((tmp_path / "gateway.crt").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert stat.S_IMODE((tmp_path / "gateway.key").stat().st_mode) == 0o600


def test_no_gateway_is_exit_3_with_words(config, tmp_path, capsys):
    assert main(["sessions", "list", "--config", config]) == 3
    assert "not running" in capsys.readouterr().err
    dead = tmp_path / "dead.sock"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(dead))
    assert main(["grants", "list", "--config", config, "--socket", str(dead)]) == 3
    assert "Traceback" not in capsys.readouterr().err


def test_no_config_is_exit_2(tmp_path, capsys):
    assert main(["grants", "list", "--config", str(tmp_path / "none.toml")]) == 2
    assert "none.toml" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["", "two words", "a\nb"])
def test_a_token_file_without_one_token_is_refused(tmp_path, capsys, content):
    path = tmp_path / "token"
    path.write_text(content)
    arguments = ["grants", "request", "--gateway", "https://127.0.0.1:1", "--target", "orders"]
    assert main([*arguments, "--token-file", str(path)]) == 2
    assert "two words" not in capsys.readouterr().err


def test_serve_with_a_bad_file_is_exit_2_and_with_missing_keys_too(config, tmp_path, capsys):
    done = subprocess.run(
        [sys.executable, "-m", "hoopwire", "serve", "--config", config],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "gateway.crt" in done.stderr
    assert "Traceback" not in done.stderr


def test_names_from_outside_cannot_move_the_cursor():
    assert clean("a\x1b[2Jb\u202ec\n") == "a\ufffd[2Jb\ufffdc\ufffd"


def test_a_lock_that_is_too_long_is_refused_by_name(capsys):
    """`--for 99999999d` heard of a `float` at `$.for_s`."""
    with pytest.raises(SystemExit) as done:
        main(["principals", "lock", "cid:0oa1", "--reason", "r", "--for", "99999999d"])
    assert done.value.code == 2
    assert "argument --for: at most 3660d; leave it out" in capsys.readouterr().err


def test_check_names_the_line_of_a_warning(tmp_path, config, capsys):
    """A warning named its policy, and in a file of fifty one looked for the line."""
    lines = [
        *CONFIG.splitlines(),
        "actions = [",
        '  "read-only",',
        '  "do",',
        "]",
        'token_reuse = "until_exp"',
    ]
    (tmp_path / "hoopwire.toml").write_text("\n".join(lines))
    assert main(["check", "--config", config, "--no-files"]) == 0
    warnings = [line for line in capsys.readouterr().out.splitlines() if "warning" in line]
    for text, words in (('  "do",', "`do` gives"), ('token_reuse = "until_exp"', "for labs only")):
        place = f"{config}:{lines.index(text) + 1}:{len(text) - len(text.lstrip()) + 1}"
        assert any(
            each.startswith(f"{place}: warning: policy readers: ") and words in each for each in warnings
        )
    assert main(["check", "--config", config, "--no-files", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["warnings"]
    assert {each["place"] for each in told} == {each.partition(": warning")[0] for each in warnings}
