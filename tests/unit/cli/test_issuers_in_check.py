"""What `hoopwire check` says of issuers is what the gateway does with them."""

import pytest

from hoopwire.cli import main
from hoopwire.config import ConfigError, load
from hoopwire.demo.gateway import toml_text
from hoopwire.identity import Verifier
from hoopwire.model.settings import ALGORITHMS

OKTA = "https://acme.okta.com/oauth2/aus1"
KEYCLOAK = "https://id.acme.example/realms/agents"


@pytest.fixture
def check(tmp_path, capsys):
    """Writes a file with these issuers; what `check` says of it, and what the gateway would."""

    def run(issuers, **policy):
        settings = {
            "gateway": {"audience": "gw", "state": "state"},
            "listen": {"postgres": ["127.0.0.1:0"], "tls": {"certificate": "c.pem", "key": "k.pem"}},
            "recording": {"directory": "recordings", "signing_key": "r.pem"},
            "issuers": issuers,
            "targets": {
                "orders": {
                    "host": "127.0.0.1",
                    "databases": ["orders"],
                    "user": "app",
                    "tls": "disable",
                    "credential": {"trust": True},
                }
            },
            "policies": [{"name": "readers", "groups": ["data"], "targets": ["orders"]} | policy],
        }
        path = tmp_path / "hoopwire.toml"
        path.write_text(toml_text(settings))
        capsys.readouterr()
        code = main(["check", "--config", str(path), "--no-files"])
        said = capsys.readouterr()
        try:
            Verifier(load(path, files=False).issuers, "gw")
            starts = True
        except (ConfigError, ValueError):
            starts = False
        assert starts == (code == 0), "one truth"
        return code, said.out + said.err

    return run


@pytest.mark.parametrize("algorithm", [*ALGORITHMS, "ES256K", "RS1", "HS512", "none", "es256", "EdDSA "])
def test_algorithms(check, algorithm):
    """I15: `algorithms = ["ES512"]` was valid to `check`, and `serve` refused to start."""
    code, _ = check({"x": {"issuer": OKTA, "algorithms": [algorithm]}})
    assert (code == 0) == (algorithm in ALGORITHMS)


@pytest.mark.parametrize(
    "issuer",
    [
        OKTA,
        OKTA + "/",
        "https://acme.okta.com/oauth2/a%20b",
        "https://acme.okta.com:0/oauth2/a",
        "https://acme.okta.com:65536/oauth2/a",
        "https://acme..okta.com/oauth2/a",
        "https://.acme/oauth2/a",
        "https://-acme-/oauth2/a",
        "https://xn--a/oauth2/a",
        "https://xn--/oauth2/a",
        "https://a_b/oauth2/a",
        "https://" + "a" * 70 + ".example/oauth2/a",
        "https://[::1]/oauth2/a",
        "https://[::1/oauth2/a",
        "https://[1.2.3.4]/oauth2/a",
        "https://[fe80::1%25eth0]/oauth2/a",
        "https://1.2.3/oauth2/a",
        "https://256.1.1.1/oauth2/a",
        "https://acme\\.example/oauth2/a",
        "https://acme.example/oauth2/a#",
        "HTTPS://acme.example/oauth2/a",
        "https:/acme.example/oauth2/a",
        "https://a<b>/oauth2/a",
        "https://a|b/oauth2/a",
        "https://" + "a" * 70_000 + "/oauth2/a",
    ],
    ids=lambda issuer: issuer[:40],
)
def test_issuer_strings(check, issuer):
    """I15's kin: two readers of URLs; what one takes and the other does not is found before the start."""
    check({"x": {"issuer": issuer}})


def test_dev_issuers(check):
    """The same of what stands in a dev issuer."""
    for issuer in ("http://127.0.0.1:1/dev", "http://dev.localhost:1/x", "http://localhost:1/x?dev"):
        check({"x": {"issuer": issuer, "dev": True, "kind": "oidc"}})
    check({"x": {"issuer": "http://[::ffff:127.0.0.1]:1/dev", "dev": True, "kind": "oidc"}})


def test_what_the_issuer_takes_back(check):
    """I3: a group removed and a client deactivated at the issuer end nothing; until they do, that is said."""
    assert (
        "What an issuer takes back (a group, a client) counts when token and grant end"
        in check({"x": {"issuer": OKTA}})[1]
    )


def test_a_group_that_two_issuers_may_claim(check):
    """I14: with two issuers, a policy by group without `issuer` lets either of them claim the group."""
    two = {"agents": {"issuer": OKTA}, "lab": {"issuer": KEYCLOAK, "kind": "keycloak"}}
    code, said = check(two)
    assert code == 0
    assert "its groups may come from any of the issuers (agents, lab)" in said
    assert "warning" not in check(two, issuer="agents")[1]
    # One issuer under two names of its own is one.
    assert "warning" not in check({"agents": {"issuer": [OKTA, OKTA + "b"]}})[1]


def test_a_dev_issuer_never_shares_a_policy_with_a_real_one(check):
    """I14: whoever reaches a dev issuer is whom he likes: such a file is refused, whatever is in it."""
    dev = {"issuer": "http://127.0.0.1:9/dev", "kind": "oidc", "dev": True}
    code, said = check({"real": {"issuer": OKTA}, "lab": dev}, issuer="real")
    assert code == 2
    assert "cannot stand beside a real issuer" in said


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"issuer": "https://10.0.0.5/realms/x"}, "is a private address, where the gateway fetches nothing"),
        ({"issuer": "https://[fd00::5]/realms/x"}, 'addresses = ["fd00::5"]'),
        ({"issuer": "https://10.0.0.5/realms/x", "addresses": ["10.0.0.5"]}, ""),
        (
            {"issuer": "https://10.0.0.5/realms/x", "addresses": ["10.0.1.0/24"]},
            "not at one of its `addresses`",
        ),
        ({"issuer": "https://10.0.0.5/realms/x", "proxy": "http://proxy.example:3128"}, ""),
        ({"issuer": KEYCLOAK, "addresses": ["10.0.0.0/8", "fd00:1::/32"]}, ""),
        ({"issuer": KEYCLOAK, "addresses": ["0.0.0.0/0"]}, "too wide"),
        ({"issuer": KEYCLOAK, "addresses": ["::/0"]}, "too wide"),
        ({"issuer": KEYCLOAK, "addresses": ["169.254.169.254"]}, "link-local"),
        ({"issuer": KEYCLOAK, "addresses": ["10.0.0.5/8"]}, "is no address or network"),
        ({"issuer": KEYCLOAK, "addresses": ["id.example"]}, "is no address or network"),
        ({"issuer": KEYCLOAK, "proxy": "proxy.example:3128"}, "must be http://HOST:PORT"),
        ({"issuer": KEYCLOAK, "proxy": "http://u:p@proxy.example:3128"}, "without user and password"),
        ({"issuer": KEYCLOAK, "proxy": "http://proxy.example:x"}, "must be http://HOST:PORT"),
        ({"issuer": KEYCLOAK, "proxy": "http://p:1", "addresses": ["10.0.0.5"]}, "no effect with `proxy`"),
        (
            {"issuer": "http://127.0.0.1:1/dev", "dev": True, "addresses": ["127.0.0.1"]},
            "no effect with `dev`",
        ),
    ],
)
def test_where_an_issuer_is(check, settings, said):
    """I4: an issuer at a private address was valid to `check`, and every login by it refused."""
    code, told = check({"x": {"kind": "keycloak"} | settings})
    assert (code == 0) == (not said)
    assert said in told
