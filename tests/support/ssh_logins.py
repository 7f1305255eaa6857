"""Logins with anything: another's certificate, any name, early packets; and a forge of certificates."""

import asyncio
import base64
from dataclasses import dataclass
from typing import Any
from unittest import mock

import asyncssh
from cryptography.hazmat.primitives.serialization import (
    SSHCertificateBuilder,
    SSHCertificateType,
    load_ssh_private_key,
    load_ssh_public_identity,
)

from support.ssh_house import TARGET, Agent, SshHouse
from support.ssh_raw import PATIENCE_S

FAILURE_OF_LOGIN = 51
FOR_EVER = 2**64 - 1


@dataclass
class Offer:
    """What a client logs in with; whatever is None it does not have."""

    key: Any = None
    certificate: bytes | None = None
    password: str | None = None
    responses: list[str] | None = None
    answers: list[list[str]] | None = None
    """The same, each as all that is said to one request: of any count."""
    user: str = TARGET


class _Deaf:
    """In the place of asyncssh's login: it takes every answer, and does nothing with it."""

    def log_received_packet(self, *_: Any) -> None:
        """Nothing is logged."""

    def process_packet(self, *_: Any) -> bool:
        """Nothing is done."""
        return True

    def cancel(self) -> None:
        """Nothing is under way."""


class _Client(asyncssh.SSHClient):
    """Answers prompts, and can send packets before it is let in."""

    def __init__(self, offer: Offer, early: tuple[tuple[int, bytes], ...]) -> None:
        self._offer = offer
        self._early = early
        self._connection: Any = None
        self._gone = asyncio.Event()

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self._connection = conn

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone.set()

    async def public_key_auth_requested(self) -> None:
        if self._early:
            self._connection._auth = _Deaf()
            usual = self._connection._packet_handlers
            self._connection._packet_handlers = {**usual, FAILURE_OF_LOGIN: lambda *_: None}
            self._connection._auth_complete = True
            for kind, payload in self._early:
                self._connection.send_packet(kind, payload)
            self._connection._auth_complete = False
            # what the other side says to it is the answer
            await self._gone.wait()

    def kbdint_auth_requested(self) -> str | None:
        return "" if self._offer.responses or self._offer.answers else None

    def kbdint_challenge_received(self, *_: Any) -> list[str]:
        if self._offer.answers:
            return self._offer.answers.pop(0)
        return [self._offer.responses.pop(0)] if self._offer.responses else []


class _Pair(asyncssh.SSHKeyPair):
    """A key, and any blob beside it: asyncssh would refuse to offer another's certificate."""

    def __init__(self, offer: Offer) -> None:
        self._own = asyncssh.read_private_key(offer.key)
        blob = offer.certificate or self._own.public_data
        name = blob[4 : 4 + int.from_bytes(blob[:4])]
        super().__init__(name, name, (b"ssh-ed25519",), (name,), blob, None)

    def set_sig_algorithm(self, sig_algorithm: bytes) -> None:
        """There is one."""

    def sign(self, data: bytes) -> bytes:
        return self._own.sign(data, b"ssh-ed25519")


async def _login(port: int, offer: Offer, early: tuple[tuple[int, bytes], ...]) -> str:
    keys = [_Pair(offer)] if offer.key is not None else None
    try:
        connection, _ = await asyncio.wait_for(
            asyncssh.create_connection(
                lambda: _Client(offer, early),
                "127.0.0.1",
                port,
                config=None,
                known_hosts=None,
                agent_path=None,
                username=offer.user,
                password=offer.password,
                client_keys=keys,
                login_timeout=PATIENCE_S,
            ),
            PATIENCE_S,
        )
    except (asyncssh.Error, OSError) as error:
        return str(error) or type(error).__name__
    connection.abort()
    return ""


def log_in(house: SshHouse, offer: Offer, *early: tuple[int, bytes]) -> str:
    """Why it was refused; empty if it was not."""
    # names go as they are, not as asyncssh would spell them
    with mock.patch("asyncssh.connection.saslprep", lambda text: text):
        return asyncio.run(_login(house.port, offer, early))


@dataclass
class Forge:
    """Makes certificates of any kind: the tests have all keys."""

    house: SshHouse
    agent: Agent
    other: Agent

    def private(self, agent: Agent) -> Any:
        return load_ssh_private_key(agent.key.read_bytes(), None)

    def authority(self, name: str) -> Any:
        return load_ssh_private_key((self.house.keys / name).read_bytes(), None)

    def grant(self, agent: Agent) -> bytes:
        """The key id of its certificate."""
        return load_ssh_public_identity(agent.certificate.read_bytes()).key_id  # type: ignore[union-attr]

    def blob(self, agent: Agent) -> bytes:
        return base64.b64decode(agent.certificate.read_text().split()[1])

    def make(
        self,
        *,
        ca: str = "agents_ca",
        by: Any = None,
        key: Any = None,
        kind: SSHCertificateType = SSHCertificateType.USER,
        key_id: bytes | None = None,
        names: tuple[bytes, ...] = (TARGET.encode(),),
        after: float = 0,
        before: float = FOR_EVER,
        options: dict[bytes, bytes] | None = None,
    ) -> bytes:
        """One over the agent's key, with its grant's id, unless told otherwise."""
        builder: Any = (
            SSHCertificateBuilder()
            .public_key((key or self.private(self.agent)).public_key())
            .serial(1)
            .type(kind)
            .key_id(self.grant(self.agent) if key_id is None else key_id)
            .valid_after(int(after))
            .valid_before(int(before))
        )
        builder = builder.valid_principals(list(names)) if names else builder.valid_for_all_principals()
        for name, value in (options or {}).items():
            builder = builder.add_critical_option(name, value)
        line = builder.sign(by or self.authority(ca)).public_bytes()
        return base64.b64decode(line.split()[1])
