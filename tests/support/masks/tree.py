"""PostgreSQL's analysed tree of a statement, as `debug_print_parse` sends it, and where masked columns go in
it.

Names are resolved there: a `Var` has the number of an entry in a range table, of a column, and of the levels
of queries between. A masked column is fine as a whole output that is neither sorted, grouped nor made
distinct, of a query without set operation, through subqueries in FROM, CTEs and joins up to the top. Wherever
else a `Var` of it stands is a leak. There is no list of kinds of expressions: one that is new is walked like
any other.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Value = Any
"""A node (a dict, its type under the empty name), a list, or a token."""

_TOKEN = re.compile(r"[(){}]|(?:\\.|[^\s(){}\\])+", re.S)
# Names that are shown, and mean nothing any more: a third of the text.
_ALIAS = re.compile(r":(?:alias|eref) \{ALIAS [^{}\\]*\}")
_SELECT = "1"
# Kinds of range table entries (RTEKind), the same from 13 to 18.
_RELATION, _SUBQUERY, _JOIN, _CTE, _GROUP = "0", "1", "2", "6", "9"
_OF_EXPRESSIONS = {"3", "4", "5"}
_OF_NOTHING = {"7", "8"}
_EXISTS = "0"


class NotUnderstood(Exception):
    """The text is not a tree as it is known here, or not of a query."""


def read(text: str) -> Value:
    """The tree as nested values. Of a field with several tokens (a constant's bytes) the first stands."""
    tokens = iter(_tokens(text))
    try:
        return _value(next(tokens), tokens)
    except StopIteration:
        raise NotUnderstood("the text ends in its midst") from None


def _tokens(text: str) -> list[str]:
    text = _ALIAS.sub("", text)
    if "\\" in text:
        return _TOKEN.findall(text)
    for bracket in "(){}":
        text = text.replace(bracket, f" {bracket} ")
    return text.split()


def _value(token: str, tokens: Iterator[str]) -> Value:
    if token == "(":
        found: list[Value] = []
        while (token := next(tokens)) != ")":
            found.append(_value(token, tokens) if token in "({" else token)
        return found
    if token != "{":
        return token
    node: dict[str, Value] = {}
    if (token := next(tokens)) == "}":
        return node
    node[""] = token
    name = ""
    while (token := next(tokens)) != "}":
        if token[0] == ":" and len(token) > 1:
            name = token[1:]
        elif token in "({":
            value = _value(token, tokens)
            node.setdefault(name, value)
        else:
            node.setdefault(name, token)
    return node


@dataclass(frozen=True)
class Origin:
    """A masked column; `plain` if a result made of it still says so."""

    relation: int
    column: int
    plain: bool = True


@dataclass
class _Level:
    """A query, with those around it."""

    query: dict[str, Value]
    up: "_Level | None" = None
    below: dict[int, "_Level"] = field(default_factory=dict)
    outputs: list[Origin | None] | None = None

    def at(self, levels: int) -> "_Level":
        level = self
        for _ in range(levels):
            if level.up is None:
                raise NotUnderstood("a level above the top")
            level = level.up
        return level


@dataclass
class Verdict:
    """What a tree says: the leaks, in words; and whether a relation with masks is read at all."""

    leaks: list[str]
    reads: bool


class _Walk:
    def __init__(self, masks: Mapping[int, frozenset[int]]) -> None:
        self.masks = masks
        self.leaks: list[str] = []
        self.reads = False

    # Queries.

    def analyse(self, level: _Level) -> _Level:
        """Walks all of a query, and says what its outputs are."""
        query = level.query
        if query.get("") not in ("QUERY",) or query.get("utilityStmt") not in ("<>", None):
            raise NotUnderstood(f"not a query: {query.get('')}")
        for cte in _list(query["cteList"]):
            # Those before it and itself are looked up while it is walked: it is there, without outputs.
            level.below[id(cte)] = _Level(cte["ctequery"], level)
        for cte in _list(query["cteList"]):
            self.analyse(level.below[id(cte)])
            self.fields(cte, level, "WITH", {"ctequery"})
        for entry in _list(query["rtable"]):
            if entry["rtekind"] == _SUBQUERY:
                level.below[id(entry)] = self.analyse(_Level(entry["subquery"], level))
        for entry in _list(query["rtable"]):
            self.entry(entry, level)
        skipped = {"rtable", "cteList", "returningList", "onConflict", "utilityStmt"}
        if query["commandType"] == _SELECT:
            skipped.add("targetList")
            level.outputs = self.targets(query["targetList"], level, query["setOperations"] != "<>")
        if isinstance(query.get("onConflict"), dict):
            # It names every column of the relation.
            self.fields(query["onConflict"], level, "onConflict", {"exclRelTlist"})
        if query["setOperations"] != "<>":
            for entry in _list(query["rtable"]):
                below = level.below.get(id(entry))
                self.hidden((below.outputs or []) if below else [], "a set operation")
        self.fields(query, level, "", skipped)
        returned = self.targets(query["returningList"], level, False)
        level.outputs = level.outputs if query["commandType"] == _SELECT else returned
        return level

    def targets(self, targets: Value, level: _Level, united: bool) -> list[Origin | None]:
        """The outputs: a masked one is left to whoever reads them if it is whole, and not sorted or
        grouped by.
        """
        found: list[Origin | None] = []
        for target in _list(targets):
            expression = target["expr"]
            origin = None
            is_plain = isinstance(expression, dict) and expression.get("") == "VAR"
            if is_plain and target["ressortgroupref"] == "0" and target["resjunk"] == "false" and not united:
                origin = self.origin(expression, level)
                if origin is not None and not origin.plain:
                    self.leak(origin, "an output without its origin")
                    origin = None
            else:
                self.walk(expression, level, "an output that is computed, sorted or grouped by")
            if target["resjunk"] == "false":
                found.append(origin)
        return found

    def entry(self, entry: dict[str, Value], level: _Level) -> None:
        """What an entry of the range table computes."""
        kind = entry["rtekind"]
        if kind == _RELATION:
            self.reads = self.reads or int(entry["relid"]) in self.masks
            self.walk(entry.get("tablesample"), level, "TABLESAMPLE")
        elif kind in _OF_EXPRESSIONS:
            self.fields(entry, level, "an item of FROM", {"subquery"})
        elif kind == _GROUP:
            self.walk(entry["groupexprs"], level, "GROUP BY")
        elif kind not in {_SUBQUERY, _JOIN, _CTE} | _OF_NOTHING:
            raise NotUnderstood(f"an entry of kind {kind}")

    # Expressions.

    def fields(self, node: dict[str, Value], level: _Level, place: str, skipped: set[str]) -> None:
        for name, value in node.items():
            if name not in skipped:
                self.walk(value, level, place or name)

    def walk(self, value: Value, level: _Level, place: str) -> None:
        """Any `Var` of a masked column in here is a leak."""
        if isinstance(value, list):
            for each in value:
                self.walk(each, level, place)
        elif isinstance(value, dict):
            kind = value.get("")
            if kind == "VAR":
                origin = self.origin(value, level)
                if origin is not None:
                    self.leak(origin, place)
            elif kind == "QUERY":
                self.hidden(self.analyse(_Level(value, level)).outputs or [], "a subquery in an expression")
            elif kind == "SUBLINK" and value["subLinkType"] == _EXISTS:
                self.analyse(_Level(value["subselect"], level))
            else:
                for each in value.values():
                    if isinstance(each, dict | list):
                        self.walk(each, level, place)

    def origin(self, var: dict[str, Value], level: _Level) -> Origin | None:
        """The masked column that a `Var` means; of a whole row the first."""
        level = level.at(int(var["varlevelsup"]))
        number, column = int(var["varno"]), int(var["varattno"])
        entries = _list(level.query["rtable"])
        if not 1 <= number <= len(entries):
            raise NotUnderstood(f"entry {number} of {len(entries)}")
        entry = entries[number - 1]
        kind = entry["rtekind"]
        if kind == _RELATION:
            relation = int(entry["relid"])
            masked = self.masks.get(relation, frozenset())
            if column == 0 and masked:
                return Origin(relation, 0, plain=False)
            return Origin(relation, column) if column in masked else None
        if kind == _SUBQUERY:
            return _of(level.below[id(entry)].outputs or [], column)
        if kind == _CTE:
            return _of(self.cte(entry, level), column)
        if kind == _JOIN:
            return _of(
                [self.alias(each, level) for each in _chosen(entry["joinaliasvars"], column)], column and 1
            )
        if kind == _GROUP:
            return _of(
                [self.alias(each, level) for each in _chosen(entry["groupexprs"], column)], column and 1
            )
        return None

    def alias(self, expression: Value, level: _Level) -> Origin | None:
        """What a join's column is, or a group's: another column, or computed of some."""
        if isinstance(expression, dict) and expression.get("") == "VAR":
            return self.origin(expression, level)
        aside = _Walk(self.masks)
        aside.walk(expression, level, "")
        return Origin(0, 0, plain=False) if aside.leaks else None

    def cte(self, entry: dict[str, Value], level: _Level) -> list[Origin | None]:
        level = level.at(int(entry["ctelevelsup"]))
        for cte in _list(level.query["cteList"]):
            if cte["ctename"] == entry["ctename"]:
                # None while it is walked: of a recursive one, which is a set operation and has nothing
                # masked.
                return level.below[id(cte)].outputs or []
        raise NotUnderstood(f"no CTE {entry['ctename']}")

    # Leaks.

    def leak(self, origin: Origin, place: str) -> None:
        self.leaks.append(f"column {origin.column} of {origin.relation} in {place}")

    def hidden(self, outputs: list[Origin | None], place: str) -> None:
        for origin in outputs:
            if origin is not None:
                self.leak(origin, place)


def judge(tree: Value, masks: Mapping[int, frozenset[int]], *, into: bool = False) -> Verdict:
    """Where a statement's masked columns go, by relation OID and column numbers. `into`: its rows go into a
    relation instead of to whoever asked. NotUnderstood if this is no tree of a query.
    """
    if not isinstance(tree, dict):
        raise NotUnderstood("not a node")
    walk = _Walk(masks)
    try:
        level = walk.analyse(_Level(tree))
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise NotUnderstood(f"{type(error).__name__}: {error}") from error
    name = "targetList" if tree["commandType"] == _SELECT else "returningList"
    shown = [each for each in _list(tree[name]) if each["resjunk"] == "false"]
    for target, origin in zip(shown, level.outputs or [], strict=True):
        said = (int(target["resorigtbl"]), int(target["resorigcol"]))
        # By these numbers, which RowDescription has, the gateway finds the cells that it masks.
        if origin is not None and (into or said != (origin.relation, origin.column)):
            walk.leak(origin, "a relation" if into else "an output without its origin")
    return Verdict(walk.leaks, walk.reads)


def _list(value: Value) -> list[Any]:
    return value if isinstance(value, list) else []


def _of(outputs: list[Origin | None], column: int) -> Origin | None:
    """One output; of a whole row whichever is masked, which then says nothing of where it comes from."""
    if column == 0:
        masked = next(filter(None, outputs), None)
        return Origin(masked.relation, 0, plain=False) if masked else None
    return outputs[column - 1] if 0 < column <= len(outputs) else None


def _chosen(expressions: Value, column: int) -> list[Any]:
    found = _list(expressions)
    return found if column == 0 else found[column - 1 : column]
