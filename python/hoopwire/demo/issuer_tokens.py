"""The dev issuer's state and its tokens, without any network: clients, signing keys, simulated claims."""

import base64
import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256


class DevClient(msgspec.Struct, frozen=True, kw_only=True):
    """An agent's registration. Its `repr` does not show the secret."""

    cid: str
    secret: str
    """Empty for a client that only has a key (`private_key_jwt`)."""
    groups: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ("database",)
    jwk: dict[str, Any] | None = None
    """Public key for `private_key_jwt`."""
    ttl_s: int = 300
    uid: str | None = None
    """The user bound to its tokens; a service has none."""

    def __repr__(self) -> str:
        return f"DevClient(cid={self.cid!r}, groups={self.groups!r}, ...)"


class SigningKey:
    """An RSA key of the issuer, made for this run and never written down."""

    def __init__(self, kid: str | None = None, *, bits: int = 2048) -> None:
        self.kid = kid or secrets.token_urlsafe(32)
        self.private = rsa.generate_private_key(public_exponent=65537, key_size=bits)

    def jwk(self) -> dict[str, str]:
        """The public key as a JWK, as Okta publishes it."""
        numbers = self.private.public_key().public_numbers()
        return {
            "kty": "RSA",
            "alg": "RS256",
            "use": "sig",
            "kid": self.kid,
            "e": _base64url(_big_endian(numbers.e)),
            "n": _base64url(_big_endian(numbers.n)),
        }

    def public_pem(self) -> bytes:
        """The public key as PEM: what an HS256 confusion attack signs with."""
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def sign(self, header: bytes, payload: bytes) -> str:
        """A compact JWS over exactly these bytes, however strange they are."""
        signing_input = f"{_base64url(header)}.{_base64url(payload)}"
        signature = self.private.sign(signing_input.encode(), padding.PKCS1v15(), SHA256())
        return f"{signing_input}.{_base64url(signature)}"


class IssuerTokens:
    """Clients, keys and tokens of one simulated Okta custom authorization server.

    `issuer` must hold `dev` in its path. `signing_key` saves making one. Not locked: call it from one thread,
    or between requests.
    """

    def __init__(
        self,
        issuer: str,
        *,
        audience: str = "hoopwire-dev",
        groups_claim: str = "groups",
        now: Callable[[], float] = time.time,
        signing_key: SigningKey | None = None,
    ) -> None:
        if "/oauth2/dev" not in issuer:
            raise ValueError("a dev issuer has /oauth2/dev... in its issuer string")
        self.issuer = issuer
        self.audience = audience
        self.groups_claim = groups_claim
        self.now = now
        self.signing_key = signing_key or SigningKey()
        self.published: list[dict[str, Any]] = [self.signing_key.jwk()]
        self.clients: dict[str, DevClient] = {}
        self.deactivated: set[str] = set()
        self._unpublished: SigningKey | None = None

    def client(
        self,
        cid: str | None = None,
        secret: str | None = None,
        *,
        groups: Sequence[str] = (),
        scopes: Sequence[str] = ("database",),
        jwk: dict[str, Any] | None = None,
        ttl_s: int = 300,
        uid: str | None = None,
    ) -> DevClient:
        """Register a client, or replace the one with this id. Without `secret`, a random one is made."""
        made = DevClient(
            cid=cid or "0oa" + secrets.token_hex(9)[:17],
            secret=secrets.token_urlsafe(32) if secret is None else secret,
            groups=tuple(groups),
            scopes=tuple(scopes),
            jwk=jwk,
            ttl_s=ttl_s,
            uid=uid,
        )
        self.clients[made.cid] = made
        self.deactivated.discard(made.cid)
        return made

    def deactivate(self, cid: str) -> None:
        """As at Okta: no new tokens, `/introspect` says inactive, and tokens already out keep verifying."""
        self.deactivated.add(cid)

    def rotate(self, *, keep_old: bool = True, kid: str | None = None) -> str:
        """Sign with a new key from now on; returns its kid. `keep_old`: the old key stays published."""
        self.signing_key = SigningKey(kid)
        self.published = [self.signing_key.jwk(), *(self.published if keep_old else [])]
        return self.signing_key.kid

    def claims(
        self,
        cid: str,
        *,
        aud: str | None = None,
        scopes: Sequence[str] | None = None,
        ttl_s: int | None = None,
    ) -> dict[str, Any]:
        """What an access token of this client says, in Okta's words."""
        client = self.clients[cid]
        now = int(self.now())
        said: dict[str, Any] = {
            "ver": 1,
            "jti": "AT." + secrets.token_urlsafe(32),
            "iss": self.issuer,
            "aud": self.audience if aud is None else aud,
            "iat": now,
            "exp": now + (client.ttl_s if ttl_s is None else ttl_s),
            "cid": cid,
            "scp": list(client.scopes if scopes is None else scopes),
            "sub": cid,
        }
        if client.uid is not None:
            said |= {"uid": client.uid, "auth_time": now - 1, "sub": f"{client.uid}@example.com"}
        if client.groups:
            said[self.groups_claim] = list(client.groups)
        return said

    def token(
        self,
        cid: str,
        *,
        aud: str | None = None,
        scopes: Sequence[str] | None = None,
        ttl_s: int | None = None,
        claims: Mapping[str, Any] | None = None,
        header: Mapping[str, Any] | None = None,
        drop: Sequence[str] = (),
        key: SigningKey | None = None,
    ) -> str:
        """An access token. `claims` and `header` override members, `drop` omits claims, `key` signs."""
        signer = key or self.signing_key
        said = self.claims(cid, aud=aud, scopes=scopes, ttl_s=ttl_s) | dict(claims or {})
        for name in drop:
            said.pop(name, None)
        return signer.sign(_json({"kid": signer.kid, "alg": "RS256"} | dict(header or {})), _json(said))

    def id_token(self, cid: str, *, uid: str = "00udev", nonce: str = "n-0S6") -> str:
        """An ID token for a user at this client: same keys, same issuer, but it only says who logged in."""
        now = int(self.now())
        said = {
            "sub": uid,
            "ver": 1,
            "iss": self.issuer,
            "aud": cid,
            "iat": now,
            "exp": now + 3600,
            "jti": "ID." + secrets.token_urlsafe(32),
            "amr": ["pwd"],
            "idp": "00odev",
            "nonce": nonce,
            "auth_time": now - 1,
            "at_hash": _base64url(secrets.token_bytes(16)),
        }
        return self.signing_key.sign(_json({"kid": self.signing_key.kid, "alg": "RS256"}), _json(said))

    def org_token(self, cid: str) -> str:
        """As the org authorization server: issuer and audience are the bare origin, the key unpublished."""
        origin = self.issuer.partition("/oauth2/")[0]
        if self._unpublished is None:
            self._unpublished = SigningKey()
        return self.token(cid, aud=origin, claims={"iss": origin}, key=self._unpublished)

    def id_jag(self, cid: str, *, audience: str) -> str:
        """An identity assertion grant (ID-JAG): input of another server's token endpoint, no access token."""
        return self.token(
            cid, aud=audience, claims={"client_id": cid}, drop=("cid",), header={"typ": "oauth-id-jag+jwt"}
        )

    def introspect(self, claims: Mapping[str, Any] | None) -> dict[str, Any]:
        """RFC 7662's answer about verified claims: this, unlike the signature, sees a deactivated client."""
        if claims is None or claims.get("iss") != self.issuer or claims.get("exp", 0) <= self.now():
            return {"active": False}
        cid = claims.get("cid")
        if cid not in self.clients or cid in self.deactivated:
            return {"active": False}
        shown: dict[str, Any] = {
            name: claims[name] for name in ("sub", "aud", "iss", "exp", "iat", "jti", "uid") if name in claims
        }
        token_type: Literal["Bearer"] = "Bearer"
        return {
            "active": True,
            "token_type": token_type,
            "client_id": cid,
            "scope": " ".join(claims.get("scp", ())),
            **shown,
        }


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _big_endian(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
