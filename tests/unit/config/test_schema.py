"""The shipped JSON Schema is current, complete, and agrees with the decoder."""

import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from hoopwire.config import ConfigError, loads
from hoopwire.config.schema import schema

ROOT = Path(__file__).parents[3]
SHIPPED = ROOT / "python/hoopwire/config/hoopwire.schema.json"
EXAMPLE = (ROOT / "docs/example.toml").read_text()


def test_the_shipped_schema_is_current() -> None:
    """If this fails: python -m hoopwire.config.schema > python/hoopwire/config/hoopwire.schema.json"""
    assert json.loads(SHIPPED.read_text()) == schema()


def test_it_is_a_valid_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


def test_the_example_validates() -> None:
    jsonschema.validate(tomllib.loads(EXAMPLE), schema())


def test_every_table_is_closed_and_every_key_described() -> None:
    tables = [schema(), *schema()["$defs"].values()]
    assert len(tables) > 10
    for table in tables:
        assert table["additionalProperties"] is False
        assert table["description"]
        for name, key in table["properties"].items():
            assert key["description"], name


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("port = 6432", "prot = 6432"),
        ("port = 6432", 'port = "6432"'),
        ("port = 6432", "port = true"),
        ('ttl = "10m"', 'ttl = "10 m"'),
        ('ttl = "10m"', "ttl = 600"),
        ('statement = "4MiB"', 'statement = "4MB"'),
        ('durability = "written"', 'durability = "sync"'),
        ('targets = ["orders/*"]', 'targets = "orders/*"'),
        ('user = "hoopwire_app"', ""),
        ('signing_key = "keys/recording.pem"', 'signing_key = ""'),
        ('issuer = "https://example.okta.com/oauth2/aus1agents"', "issuer = 1"),
    ],
)
def test_it_refuses_what_the_decoder_refuses(old: str, new: str) -> None:
    assert old in EXAMPLE
    text = EXAMPLE.replace(old, new)
    with pytest.raises(ConfigError):
        loads(text.encode(), "x.toml", files=False)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tomllib.loads(text), schema())


def test_defaults_are_written_as_in_the_file() -> None:
    definitions: dict[str, Any] = schema()["$defs"]
    assert definitions["PolicySettings"]["properties"]["ttl"]["default"] == "15m"
    assert definitions["RecordingSettings"]["properties"]["segment"]["default"] == "64MiB"
    assert definitions["LimitSettings"]["properties"]["connections"]["default"] == 10_000
    assert definitions["IssuerSettings"]["properties"]["algorithms"]["default"] == ["RS256"]
