"""H19: issuers that accept and are silent held the four connections that all issuers of one CA shared."""

import socket
from contextlib import suppress

import trio

from hoopwire.demo.issuer import DevIssuer
from hoopwire.identity import TokenRefused
from hoopwire.identity.keys import fetch, jwks
from hoopwire.identity.keys.jwks import JwksCache
from hoopwire.model.settings import IssuerSettings


async def test_keys_of_a_healthy_issuer(monkeypatch, nursery):
    """Nothing is measured: the silent ones would wait for longer than the test lives."""
    monkeypatch.setattr(fetch, "TOTAL_S", 300.0)
    monkeypatch.setattr(jwks, "REFRESH_S", 300.0)
    silent = trio.socket.from_stdlib_socket(socket.create_server(("127.0.0.1", 0)))
    port = silent.getsockname()[1]
    names = [f"http://127.0.0.1:{port}/oauth2/dev-{number}" for number in range(8)]
    async with DevIssuer.serve() as healthy:
        settings = {
            "silent": IssuerSettings(issuer=tuple(names), dev=True),
            "healthy": IssuerSettings(issuer=healthy.issuer, dev=True),
        }
        kid = healthy.published[0]["kid"]
        async with JwksCache(settings) as keys:

            async def ask(name: str) -> None:
                with suppress(TokenRefused):
                    await keys.key(name, "any", "RS256")

            with trio.fail_after(60):
                for name in names:
                    nursery.start_soon(ask, name)
                held = [await silent.accept() for _ in range(4)]
                assert await keys.key(healthy.issuer, kid, "RS256")
                assert len(held) == 4
            nursery.cancel_scope.cancel()
    silent.close()
