"""What the end-to-end tests share: one PostgreSQL, one dev issuer and one gateway for the whole run.

Compatibility tests take `route` (once straight to the target, once through the gateway) and `direct`, and
assert that both give the same.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, settings

from hoopwire.demo.gateway import AUDIENCE, GROUP, RunningGateway
from hoopwire.demo.issuer import DevIssuer
from hoopwire.demo.places import conninfo
from hoopwire.demo.postgres import Outcome, ThrowAwayPostgres, client_environment, run_psql

# N22: a busy machine is slow at times: no property fails by the time that it takes.
settings.register_profile("any speed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any speed")


@dataclass(frozen=True)
class Route:
    """A way to the database `orders`: the same calls, whatever stands in between."""

    name: str
    host: str
    port: int
    user: str
    ca: Path
    credential: Callable[[], str]

    def dsn(self, database: str = "orders", *, sslmode: str = "verify-full") -> str:
        """A libpq connection string without the password."""
        trust = {} if sslmode == "disable" else {"sslrootcert": self.ca}
        return conninfo(
            host=self.host, port=self.port, user=self.user, dbname=database, sslmode=sslmode, **trust
        )

    def environment(self) -> dict[str, str]:
        """For a libpq program: the password, and nothing of the caller's settings."""
        return client_environment(PGPASSWORD=self.credential())

    def sqlalchemy_url(self) -> str:
        """For SQLAlchemy over psycopg, with a credential inside."""
        user, password = quote(self.user), quote(self.credential(), safe="")
        trust = f"sslmode=verify-full&sslrootcert={quote(str(self.ca), safe='')}"
        return f"postgresql+psycopg://{user}:{password}@{self.host}:{self.port}/orders?{trust}"

    def psql(
        self,
        sql: str,
        *arguments: str,
        database: str = "orders",
        stdin: str | None = None,
        timeout_s: float = 120,
    ) -> Outcome:
        """Run SQL with psql; extra arguments go before it."""
        return run_psql(
            sql,
            dsn=self.dsn(database),
            password=self.credential(),
            arguments=arguments,
            stdin=stdin,
            timeout_s=timeout_s,
        )


@pytest.fixture(scope="session")
def pg() -> Iterator[ThrowAwayPostgres]:
    """The target."""
    with ThrowAwayPostgres() as server:
        yield server


@pytest.fixture(scope="session")
def issuer() -> Iterator[DevIssuer]:
    """The dev issuer, on a thread of its own."""
    with DevIssuer.run_in_thread(audience=AUDIENCE) as served:
        yield served


@pytest.fixture(scope="session")
def gateway(pg: ThrowAwayPostgres, issuer: DevIssuer) -> Iterator[RunningGateway]:
    """The gateway that tests share; a test that stops or reconfigures one starts its own."""
    with RunningGateway(pg, issuer.issuer) as running:
        yield running
        assert "panic" not in running.log.lower(), running.log[-4000:]


@pytest.fixture(scope="session")
def agent(issuer: DevIssuer) -> Callable[[], str]:
    """Each call is a new access token of an agent that may use `orders`."""
    cid = issuer.client(groups=[GROUP], ttl_s=3600).cid
    return lambda: issuer.token(cid)


@pytest.fixture
def direct(pg: ThrowAwayPostgres) -> Route:
    """Straight to the target."""
    return Route("direct", pg.host, pg.port, "app", pg.ca, pg.password)


@pytest.fixture(params=["direct", "gateway"])
def route(request: pytest.FixtureRequest, direct: Route) -> Route:
    """Both ways, one after the other."""
    if request.param == "direct":
        return direct
    gateway: RunningGateway = request.getfixturevalue("gateway")
    agent: Callable[[], str] = request.getfixturevalue("agent")
    return Route("gateway", gateway.host, gateway.port, "agent", gateway.ca, agent)
