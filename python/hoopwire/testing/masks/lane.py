"""Runs statements past the lineage and the oracles, and counts."""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from . import tree, worlds
from .statements import Statement
from .verdicts import Verdicts, allowed

BATCH = 200


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
        self, statements: Iterable[Statement], count: int, *, stop_at: int = 0, at_most: int = 0
    ) -> Counts:
        """Until so many count, or (`stop_at`) so many findings are there, or `at_most` were looked at."""
        counts = Counts()
        seen: set[int] = set()
        for batch in _batches(_distinct(statements, seen, counts)):
            self._batch(batch, counts)
            if counts.counted >= count or (stop_at and len(counts.findings) >= stop_at):
                break
            if at_most and counts.generated >= at_most:
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


def _distinct(statements: Iterable[Statement], seen: set[int], counts: Counts) -> Iterator[Statement]:
    for statement in statements:
        key = hash(statement.text)
        if key not in seen:
            seen.add(key)
            counts.generated += 1
            yield statement


def _batches(statements: Iterator[Statement]) -> Iterator[list[Statement]]:
    while batch := list(itertools.islice(statements, BATCH)):
        yield batch
