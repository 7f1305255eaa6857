"""Runs statements past the lineage and the oracles, and counts."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from hoopwire.testing.postgres import ThrowAwayPostgres

from . import shop, tree, worlds
from .statements import Statement
from .verdicts import Verdicts, allowed, build

BATCH = 200
_TELL = 10_000


@dataclass(frozen=True)
class Finding:
    """A statement that the lineage allows, and an oracle's word against it."""

    oracle: str
    text: str
    words: str


@dataclass
class Counts:
    """Distinct texts: those that count are allowed, were taken by the server, and read a relation with masks."""

    generated: int = 0
    allowed: int = 0
    taken: int = 0
    counted: int = 0
    findings: list[Finding] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        by_oracle = Counter(finding.oracle for finding in self.findings)
        return (
            f"{self.generated} generated, lineage allowed {self.allowed}, the server took {self.taken},"
            f" {self.counted} read a masked relation; disagreements: tree {by_oracle['tree']}, worlds {by_oracle['worlds']}"
        )


@dataclass
class Lane:
    """The parts. `masked` has the masked columns' numbers by relation OID."""

    verdicts: Verdicts
    trees: worlds.Trees
    pair: worlds.Worlds
    masked: Mapping[int, frozenset[int]]

    def run(
        self,
        statements: Iterable[Statement],
        count: int,
        *,
        stop_at: int = 0,
        progress: Callable[[Counts], None] = lambda _: None,
    ) -> Counts:
        """Until so many count, or (`stop_at`) so many findings are there, or the statements are at their end."""
        counts = Counts()
        told = 0
        for batch in _batches(_distinct(statements, counts)):
            self._batch(batch, counts)
            if counts.counted >= told + _TELL:
                told = counts.counted
                progress(counts)
            if counts.counted >= count or (stop_at and len(counts.findings) >= stop_at):
                break
        return counts

    def _batch(self, batch: list[Statement], counts: Counts) -> None:
        passed = []
        for statement, verdict in zip(batch, self.verdicts.of([each.text for each in batch]), strict=True):
            if allowed(verdict):
                passed.append((statement, verdict))
            else:
                counts.refusals[verdict.partition(":")[0]] += 1
        counts.allowed += len(passed)
        read = []
        answers = self.trees.of([statement.inner for statement, _ in passed])
        for (statement, verdict), (text, sqlstate) in zip(passed, answers, strict=True):
            if sqlstate or not text:
                counts.errors[sqlstate or "no tree"] += 1
                continue
            counts.taken += 1
            judged = tree.judge(tree.read(text), self.masked, into=statement.into)
            counts.counted += judged.reads
            if judged.reads and verdict != "touches":
                counts.findings.append(Finding("tree", statement.text, "lineage did not see the relation"))
            if judged.leaks:
                counts.findings.append(Finding("tree", statement.text, "; ".join(judged.leaks)))
            if judged.reads:
                read.append(statement)
        for statement, words in zip(read, self.pair.differ([worlds.straight(each) for each in read]), strict=True):
            if words:
                counts.findings.append(Finding("worlds", statement.text, words))


@contextmanager
def opened(*mutations: str) -> Iterator[tuple[ThrowAwayPostgres, Lane]]:
    """A server with both worlds, and a lane at it."""
    with ExitStack() as stack:
        pg = stack.enter_context(ThrowAwayPostgres(dataset=False, settings=worlds.SETTINGS))
        worlds.make(pg)
        yield pg, stack.enter_context(lane_at(pg, *mutations))


@contextmanager
def lane_at(pg: ThrowAwayPostgres, *mutations: str) -> Iterator[Lane]:
    """A lane at a server that has the worlds."""
    catalogue = pg.directory / "catalogue"
    catalogue.write_text("\n".join([*shop.catalogue(), ""]))
    masked = worlds.masks(pg)
    with ExitStack() as stack:
        verdicts = stack.enter_context(Verdicts(build(), catalogue, *mutations))
        asked, *pair = (
            stack.enter_context(worlds.log_in(pg, database))
            for database in (worlds.DATABASES[0], *worlds.DATABASES)
        )
        yield Lane(verdicts, worlds.Trees(asked), worlds.Worlds((pair[0], pair[1]), masked), masked)


def _distinct(statements: Iterable[Statement], counts: Counts) -> Iterator[Statement]:
    seen: set[int] = set()
    for statement in statements:
        key = hash(statement.text)
        if key not in seen:
            seen.add(key)
            counts.generated += 1
            yield statement


def _batches(statements: Iterator[Statement]) -> Iterator[list[Statement]]:
    while batch := list(itertools.islice(statements, BATCH)):
        yield batch
