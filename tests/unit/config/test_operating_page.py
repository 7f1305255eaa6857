"""docs/operating.md names every setting, and each default as it is."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hoopwire.config.schema import schema

PAGE = (Path(__file__).parents[3] / "docs/operating.md").read_text()


def settings_of(table: dict[str, Any], base: str, whole: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Dotted names of all settings, with the default as one would write it, or none.

    One that tables of several protocols have comes once for each.
    """
    for name, key in table["properties"].items():
        path = f"{base}{name}"
        within = key.get("additionalProperties") or key.get("items") or key
        arms = within.get("anyOf", [within])
        tables = [whole["$defs"][arm["$ref"].rpartition("/")[2]] for arm in arms if "$ref" in arm]
        named = ".NAME" if "additionalProperties" in key else ""
        if len(tables) < len(arms):
            yield path, key.get("default")
            continue
        for below in tables:
            yield from settings_of(below, f"{path}{named}.", whole)


def test_every_setting_is_on_the_page_with_its_default() -> None:
    whole = schema()
    names = list(settings_of(whole, "", whole))
    assert len(names) > 50
    for name, default in names:
        found = re.findall(rf"\*\*`{re.escape(name)}`\*\*(?: \[`?([^`\]]*)`?\])?", PAGE)
        assert found, f"{name} is not in docs/operating.md"
        if default is None or default in ("", [], {}) or name.endswith("credential.trust"):
            continue
        if isinstance(default, list):
            default = ", ".join(default)
        written = str(default).lower() if isinstance(default, bool) else str(default)
        assert written in found, f"{name} defaults to {written}"


def test_the_page_names_no_setting_that_is_not_there() -> None:
    whole = schema()
    names = {name for name, _ in settings_of(whole, "", whole)}
    for name in re.findall(r"\*\*`([A-Za-z_.]+)`\*\*", PAGE):
        assert name in names or name == "targets.NAME.credential"
