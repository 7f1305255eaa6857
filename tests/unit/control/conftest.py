"""A gateway of the real control plane: real store and HTTP, scripted engine, tokens that a table knows."""

import datetime
import io
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID

from hoopwire.api.serving import HttpListeners
from hoopwire.audit import StreamSink
from hoopwire.control.clock import Clock
from hoopwire.control.service import Rooms, Running, serve
from hoopwire.custody import Lent, Made
from hoopwire.custody.ssh.lend import lend_login
from hoopwire.identity import DeviceCode, TokenRefused, Wait
from hoopwire.model.commands import Lease
from hoopwire.model.identity import Evidence, Identity, Principal
from hoopwire.model.postgres.role import RoleGrant, role_name
from hoopwire.model.settings import (
    CredentialSettings,
    GatewaySettings,
    IssuerSettings,
    ListenSettings,
    PolicySettings,
    PostgresTarget,
    RecordingSettings,
    Settings,
    TlsSettings,
)
from hoopwire.model.units import Seconds
from support.engine import ScriptedEngine

LEASE: dict[str, Any] = {
    "addresses": (("127.0.0.1", 5432),),
    "tls": False,
    "server_name": "",
    "ca_pem": "",
}
ISSUER = "https://id.example.test/oauth2/default"


class Devices:
    """Stands in for `identity.DeviceFlow`: a test says what the issuer answers."""

    def __init__(self) -> None:
        self.code = DeviceCode(
            device_code="device-code-secret",
            user_code="ABCD-EFGH",
            page="https://id.example.test/activate?user_code=ABCD-EFGH",
            expires_s=600.0,
            interval_s=5.0,
        )
        self.begun = 0
        self.error: Exception | None = None
        self.hangs = False
        self.answers: list[str | Wait | Exception] = []
        """One for each poll; the last is for those after it, too."""
        self.polls: list[float] = []
        """When."""

    async def begin(self, secret: str) -> DeviceCode:
        self.begun += 1
        if self.hangs:
            await trio.sleep_forever()
        if self.error is not None:
            raise self.error
        return self.code

    async def poll(self, code: DeviceCode, secret: str) -> str | Wait:
        self.polls.append(trio.current_time())
        if self.hangs:
            await trio.sleep_forever()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class TokenTable:
    """Stands in for `identity.Verifier`: a token is a word, known or not."""

    def __init__(self) -> None:
        self.known: dict[str, Identity] = {}
        self.gate: trio.Event | None = None
        """When set, verification waits for it."""
        self.keys: dict[str, Any] = {}
        """By issuer: what is known of its keys."""
        self.device = Devices()

    async def __aenter__(self) -> "TokenTable":
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    def stale(self) -> tuple[str, ...]:
        return ()

    async def keep_fresh(self, issuer: str) -> None:
        pass

    def adopt(self, before: object) -> None:
        pass

    def issuers(self) -> dict[str, Any]:
        return self.keys

    async def verify(self, token: str, *, channel: str) -> Identity:
        if self.gate is not None:
            await self.gate.wait()
        if token not in self.known:
            raise TokenRefused("bad_signature", "signature does not hold", "")
        return self.known[token]


class Wall:
    """A wall clock that a test sets; the monotonic one moves only with `pass_time`."""

    def __init__(self) -> None:
        self.now = float(int(time.time()))
        self.monotonic = time.monotonic_ns()

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.monotonic += int(seconds * 1e9)


class ScriptedDesk:
    """Stands in for `custody.Roles`: roles are entries of a dictionary."""

    def __init__(self) -> None:
        self.made: dict[str, RoleGrant] = {}
        """By grant: what is there."""
        self.left_over: set[str] = set()
        """What an earlier run made, until it is found."""
        self.calls: list[tuple[str, str]] = []
        self.error: Exception | None = None
        self.ends_by = 0.0
        self.gate: trio.Event | None = None

    async def _called(self, what: str, grant: str) -> None:
        self.calls.append((what, grant))
        await trio.lowlevel.checkpoint()
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error

    def end_by(self, moment: float) -> None:
        self.calls.append(("end_by", ""))
        self.ends_by = moment

    def grants(self) -> set[str]:
        return set(self.made) | (self.left_over if ("recover", "") in self.calls else set())

    async def lend_role(
        self, target: PostgresTarget, database: str, grant: str, wanted: Callable[[], RoleGrant]
    ) -> Lent:
        await self._called("lend", grant)
        role = wanted()
        made = None if self.made.get(grant) == role else Made(role.name, database, True, 1, 0)
        self.made[grant] = role
        return Lent(Lease(**LEASE, user=role.name, database=database, password="role-secret"), made)

    async def narrow(self, wanted: RoleGrant) -> list[Made]:
        await self._called("narrow", wanted.grant)
        if self.made.get(wanted.grant, wanted) == wanted:
            return []
        self.made[wanted.grant] = wanted
        return [Made(wanted.name, wanted.databases[0], False, 1, 0)]

    async def drop(self, grant: str) -> list[str]:
        await self._called("drop", grant)
        self.left_over.discard(grant)
        self.made.pop(grant, None)
        return [role_name(grant)]

    async def recover(self, target: PostgresTarget, node: str) -> set[str]:
        await self._called("recover", "")
        return self.left_over


class House:
    """A running gateway and everything a test reads of it."""

    def __init__(self, tmp_path: Path, settings: Settings) -> None:
        self.settings = settings
        self.path = tmp_path / "gateway.toml"
        self.state = Path(settings.gateway.state)
        self.tokens = TokenTable()
        self.wall = Wall()
        self.clock = Clock(lambda: self.wall.now, lambda: self.wall.monotonic)
        self.audit = io.BytesIO()
        self.lease_gate: trio.Event | None = None
        self.lease_error: Exception | None = None
        self.leases = 0
        self.desk = ScriptedDesk()
        self.engine: ScriptedEngine
        self.running: Running

    def token(
        self, word: str, *, cid: str = "0oaAgent", groups: tuple[str, ...] = ("data",), ttl: int = 3600
    ) -> str:
        """Make `word` a token that verifies."""
        now = int(self.wall.now)
        self.tokens.known[word] = Identity(
            principal=Principal(issuer=ISSUER, kind="service", cid=cid, name=f"name of {cid}"),
            evidence=Evidence(jti=f"jti-{word}", kid="k1", iat=now, exp=now + ttl, groups=groups),
        )
        return word

    async def lend(self, target: PostgresTarget, database: str) -> Lease:
        self.leases += 1
        if self.lease_gate is not None:
            await self.lease_gate.wait()
        if self.lease_error is not None:
            raise self.lease_error
        return Lease(
            addresses=(("127.0.0.1", 5432),),
            tls=False,
            server_name="",
            ca_pem="",
            user=target.user,
            database=database,
            password="upstream-secret",
        )

    def load(self, path: Path) -> Settings:
        if isinstance(self.settings, Exception):
            raise self.settings
        return self.settings

    def rooms(self) -> Rooms:
        def engine(config: bytes) -> ScriptedEngine:
            self.engine = ScriptedEngine(config, wall=lambda: self.wall.now)
            return self.engine

        return Rooms(
            load=self.load,
            verifier=lambda issuers, audience: self.tokens,
            lend=self.lend,
            lend_login=lend_login,
            listeners=HttpListeners,
            engine=engine,
            roles=lambda lend: self.desk,
        )

    @property
    def parts(self) -> Any:
        return self.running.parts

    async def settle(self, done: Callable[[], object], *, seconds: float = 60.0) -> None:
        """Wait until `done`, or fail."""
        with trio.fail_after(seconds):
            while not done():  # noqa: ASYNC110 - any condition of a test
                await trio.sleep(0.005)

    async def answered(self, session: str) -> None:
        """Wait until the engine was told to admit or refuse."""
        await self.settle(lambda: session in self.engine.admitted or session in self.engine.refused)

    async def connect(self, credential: str, session: str, **fields: Any) -> None:
        """Connect, and wait for the answer."""
        self.engine.connect(credential, session=session, **fields)
        await self.answered(session)

    def audited(self, kind: str) -> list[dict[str, Any]]:
        """Events of one kind that went to the sink."""
        lines = [msgspec.json.decode(line) for line in self.audit.getvalue().splitlines()]
        return [line for line in lines if line["kind"] == kind]


def write_pair(folder: Path) -> tuple[str, str]:
    """A self-signed certificate for localhost and 127.0.0.1, and its key."""
    import ipaddress

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_path, key_path = folder / "tls.crt", folder / "tls.key"
    cert_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return str(cert_path), str(key_path)


def make_settings(folder: Path) -> Settings:
    """Targets `orders` (orders, analytics) and `billing`; group `data` may query `orders` for a minute."""
    certificate, key = write_pair(folder)
    (folder / "recordings").mkdir(exist_ok=True)
    signing = folder / "recording.key"
    signing.write_bytes(
        ed25519.Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )

    def target(*databases: str) -> PostgresTarget:
        return PostgresTarget(
            host="127.0.0.1",
            databases=databases,
            user="hoopwire",
            credential=CredentialSettings(trust=True),
            tls="disable",
        )

    return Settings(
        gateway=GatewaySettings(audience="hoopwire", state=str(folder / "state"), drain=Seconds(2)),
        listen=ListenSettings(
            postgres=("127.0.0.1:0",),
            control="127.0.0.1:0",
            admin_socket=str(folder / "admin.sock"),
            tls=TlsSettings(certificate=certificate, key=key),
        ),
        recording=RecordingSettings(
            directory=str(folder / "recordings"),
            signing_key=str(signing),
            checkpoints=str(folder / "checkpoints"),
        ),
        issuers={"okta": IssuerSettings(issuer=ISSUER)},
        targets={"orders": target("orders", "analytics"), "billing": target("billing")},
        policies=(
            PolicySettings(
                name="readers", groups=("data",), targets=("orders/*",), ttl=Seconds(60), max_sessions=3
            ),
            PolicySettings(name="one-shot", groups=("once",), targets=("orders",), token_reuse="once"),
            PolicySettings(
                name="lab", groups=("lab",), targets=("orders",), ttl=Seconds(60), token_reuse="until_exp"
            ),
            PolicySettings(name="books", groups=("books",), targets=("billing",)),
        ),
    )


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_settings(tmp_path)


@pytest.fixture
def make_house(tmp_path: Path, settings: Settings) -> Callable[[], House]:
    return lambda: House(tmp_path, settings)


@asynccontextmanager
async def running(house: House) -> AsyncIterator[House]:
    """The house, open until the block ends."""
    async with trio.open_nursery() as nursery:

        async def run(task_status: trio.TaskStatus[Running] = trio.TASK_STATUS_IGNORED) -> None:
            await serve(
                house.path,
                house.rooms(),
                sink=StreamSink(house.audit),
                clock=house.clock,
                signals=False,
                task_status=task_status,
            )

        house.running = await nursery.start(run)
        yield house
        house.running.stop()


@pytest.fixture
def start() -> Callable[[House], AbstractAsyncContextManager[House]]:
    """For tests that open more than one, one after the other."""
    return running


@pytest.fixture
async def house(make_house: Callable[[], House]) -> AsyncIterator[House]:
    async with running(make_house()) as house:
        yield house
