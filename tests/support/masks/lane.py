"""Runs statements past the lineage and the oracles, and counts."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from hoopwire.demo.postgres import ThrowAwayPostgres

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
    """Distinct texts: those that count are allowed, were taken by the server, and read a relation with
    masks.
    """

    generated: int = 0
    allowed: int = 0
    taken: int = 0
    counted: int = 0
    findings: list[Finding] = field(default_factory=list)
    crashes: list[str] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        by_oracle = Counter(finding.oracle for finding in self.findings)
        return (
            f"{self.generated} generated, lineage allowed {self.allowed}, the server took {self.taken},"
            f" {self.counted} read a masked relation;"
            f" disagreements: tree {by_oracle['tree']}, worlds {by_oracle['worlds']};"
            f" the server fell over {len(self.crashes)}"
        )


Asked = tuple[worlds.Trees, worlds.Worlds | None]


@dataclass
class Lane:
    """The parts. `masked` has the masked columns' numbers by relation OID; `connect` opens what asks the
    server.
    """

    verdicts: Verdicts
    connect: Callable[[], Asked]
    masked: Mapping[int, frozenset[int]]
    asked: Asked | None = None

    def run(
        self,
        statements: Iterable[Statement],
        count: int,
        *,
        stop_at: int = 0,
        progress: Callable[[Counts], None] = lambda _: None,
    ) -> Counts:
        """Until so many count, or (`stop_at`) so many findings are there, or the statements are at their
        end.
        """
        counts = Counts()
        told = 0
        for batch in _batches(_distinct(statements, counts)):
            passed = []
            for statement, verdict in zip(
                batch, self.verdicts.of([each.text for each in batch]), strict=True
            ):
                if allowed(verdict):
                    passed.append((statement, verdict))
                else:
                    counts.refusals[verdict.partition(":")[0]] += 1
            counts.allowed += len(passed)
            self._ask(passed, counts)
            if counts.counted >= told + _TELL:
                told = counts.counted
                progress(counts)
            if counts.counted >= count or (stop_at and len(counts.findings) >= stop_at):
                break
        return counts

    def _ask(self, passed: list[tuple[Statement, str]], counts: Counts) -> None:
        """Asks the server about all of them; about fewer at a time where one makes the server fall over."""
        if not passed:
            return
        try:
            self.asked = self.asked or self.connect()
            trees, pair = self.asked
            judged = list(zip(passed, trees.of([statement.inner for statement, _ in passed]), strict=True))
            found = [
                (statement, verdict, *self._judged(statement, text or sqlstate, bool(text)))
                for (statement, verdict), (text, sqlstate) in judged
            ]
            read = [statement for statement, _, judgement, _ in found if judgement and judgement.reads]
            texts = [worlds.straight(statement) for statement in read]
            differences = pair.differ(texts) if pair else [""] * len(read)
        except OSError:
            self.asked = None
        if self.asked is None:
            if len(passed) == 1:
                counts.crashes.append(passed[0][0].text)
                return
            half = len(passed) // 2
            self._ask(passed[:half], counts)
            self._ask(passed[half:], counts)
            return
        for statement, verdict, judgement, error in found:
            if judgement is None:
                counts.errors[error] += 1
                continue
            counts.taken += 1
            counts.counted += judgement.reads
            if judgement.reads and verdict != "touches":
                counts.findings.append(Finding("tree", statement.text, "lineage did not see the relation"))
            if judgement.leaks:
                counts.findings.append(Finding("tree", statement.text, "; ".join(judgement.leaks)))
        suspect = [statement for statement, words in zip(read, differences, strict=True) if words]
        for statement, words in self._confirmed(suspect):
            if words:
                counts.findings.append(Finding("worlds", statement.text, words))

    def _confirmed(self, suspect: list[Statement]) -> Iterator[tuple[Statement, str]]:
        """Once more, each in worlds that nothing was undone in."""
        for statement in suspect:
            self.asked = self.connect()
            if self.asked[1]:
                (words,) = self.asked[1].differ([worlds.straight(statement)])
                yield statement, words

    def _judged(self, statement: Statement, text: str, is_tree: bool) -> tuple[tree.Verdict | None, str]:
        if not is_tree:
            return None, text or "no tree"
        try:
            return tree.judge(tree.read(text), self.masked, into=statement.into), ""
        except tree.NotUnderstood as error:
            return None, f"not understood: {error}"


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
        used = False

        def connect() -> Asked:
            nonlocal used
            if used:
                # It waits for a server that has fallen over.
                worlds.log_in(pg, worlds.DATABASES[0]).close()
                worlds.renew(pg)
            used = True
            asked, one, other = (
                stack.enter_context(worlds.log_in(pg, database))
                for database in (worlds.DATABASES[0], *worlds.DATABASES)
            )
            return worlds.Trees(asked), worlds.Worlds((one, other), masked)

        verdicts = stack.enter_context(Verdicts(build(), catalogue, *mutations))
        yield Lane(verdicts, connect, masked)


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
