"""Every code of a refusal stands in exactly one row of the docs' tables, and no row has one that is gone.

25 of 48 codes were in no page: who was refused with one had nothing to look it up in.
"""

import ast
import re
from collections import Counter
from pathlib import Path
from typing import get_args

from hoopwire.model.fault import Fault

ROOT = Path(__file__).parents[2]
TABLES = [ROOT / "docs/codes.md", ROOT / "docs/protocols/postgres.md", ROOT / "docs/protocols/ssh.md"]
NOT_REFUSALS = {"Refusal", "AuditEvent"}
"""They carry codes that others have given, and SQLSTATEs."""


def of_python() -> set[str]:
    """The `code` of each Denial, and the codes that problems and refusals of tokens are given."""
    found = set()
    for path in (ROOT / "python/hoopwire").rglob("*.py"):
        if {"testing", "demo"} & set(path.parts):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            called = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if called in NOT_REFUSALS:
                continue
            place = {"problem": 1, "unauthorized": 0, "refused": 0}.get(called)
            given = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
            if place is not None:
                given += node.args[place : place + 1]
            for value in given:
                choices = [value.body, value.orelse] if isinstance(value, ast.IfExp) else [value]
                found |= {each.value for each in choices if isinstance(each, ast.Constant) and each.value}
    return found


def of_rust() -> set[str]:
    """The names that the enums of codes give."""
    wings = (ROOT / f"rust/{wing}/policy/src/code.rs" for wing in ("postgres", "ssh"))
    own = "\n".join(path.read_text() for path in wings)
    common = (ROOT / "rust/grant/src/denial.rs").read_text()
    return set(re.findall(r'\w+ = "([a-z_]+)", \w+;', own)) | set(re.findall(r'=> "([a-z_]+)"', common))


def of_docs() -> Counter[str]:
    """Codes of the first cell of each table whose head begins with `code`."""
    found: Counter[str] = Counter()
    for page in TABLES:
        inside = False
        for line in page.read_text().splitlines():
            inside = line.startswith("| code |") or (inside and line.startswith("|"))
            if inside:
                found.update(re.findall(r"`([a-z_]+)`", line.split("|")[1]))
    return found


def test_each_code_has_one_row() -> None:
    documented = of_docs()
    twice = {code for code, times in documented.items() if times > 1}
    assert not twice
    missing = (of_python() | of_rust()) - set(documented)
    assert not missing, f"in no table of {[page.name for page in TABLES]}"


def test_each_row_has_a_code_that_is_given() -> None:
    sources = [*(ROOT / "rust").rglob("src/**/*.rs"), *(ROOT / "python/hoopwire").rglob("*.py")]
    texts = "\n".join(path.read_text() for path in sources)
    gone = {code for code in of_docs() if not re.search(rf'["\s]{code}"', texts)}
    assert not gone


def test_what_is_looked_for_is_found() -> None:
    """Else the others would pass for want of codes."""
    assert {"target_not_granted", "body_invalid", "claims_refused", "token_missing"} <= of_python()
    assert {
        "masked_column",
        "fetch_by_name",
        "catalogue_too_old",
        "budget_rows",
        "path_not_granted",
    } <= of_rust()


def test_faults_are_the_same_on_both_sides_of_the_seam() -> None:
    source = (ROOT / "rust/grant/src/fault.rs").read_text()
    assert re.findall(r'    \w+ = "([a-z_]+)",', source) == list(get_args(Fault))
