"""Says why a token was refused: one text to the principal, the precise reason to the audit event.

Which reasons the principal may hear is decided here and nowhere else, by the table `_HINTS`:

* What the caller can see without us (size, shape, algorithm family, kind of credential, issuer) is named: it
  tells an attacker nothing about the gateway, and it is what people get wrong.
* What a *signed* token says about itself (audience, lifetime, scope, claims by their names, proof of
  possession) is named, because those checks run only after the signature held: the caller owns a real token
  of a configured issuer.
* Keys, signatures, revocation and introspection are never named: the answer is the same for a forged token, a
  key that the issuer does not have and a revoked identity. That a key could not be looked for yet is told.
"""

from hoopwire.model.identity import Vouched

GENERIC = "the access token was not accepted"

_HINTS: dict[str, str] = {
    # What was sent is no access token at all.
    "too_large": "The access token is larger than the gateway takes. Ask for one with fewer claims.",
    "malformed": "Send one access token in JWT form: three base64url parts with dots between, nothing else.",
    "bearer_prefix": "Send the access token alone, without the word Bearer.",
    "ssws_token": (
        "This is an Okta API token (SSWS). It carries an administrator's power and can only be checked by "
        "using it, so the gateway never takes one. Revoke it, and ask a custom authorization server for an "
        "access token."
    ),
    "grant_secret": "This is a grant secret, not an access token.",
    "encrypted_token": "This is an encrypted token (five parts). Ask the issuer for a signed access token.",
    "unsigned": "The token carries no signature. Ask the issuer for a signed access token.",
    "algorithm_refused": "The gateway does not accept this signature algorithm from this issuer.",
    "not_an_access_token": "This is not an access token. Ask the issuer for an access token.",
    "id_token": "This is an ID token. It says who logged in; send the access token instead.",
    "id_jag": (
        "This is an identity assertion grant (ID-JAG). Exchange it at the authorization server, and send the "
        "access token that it returns."
    ),
    "org_server_token": (
        "This token comes from the Okta org authorization server, whose tokens only Okta can verify. Ask a "
        "custom authorization server (https://YOUR-DOMAIN/oauth2/ID) for one."
    ),
    "issuer_missing": "The token does not say who issued it: it has no claim iss that is a text.",
    "header_refused": "The token's header has a member that the gateway never takes: {name}.",
    "kid_refused": (
        "The token's header needs a key id (kid) of 1 to 128 letters, digits, - or _. Ask whoever runs the "
        "issuer for one."
    ),
    "unknown_issuer": "The gateway does not take tokens of this issuer.",
    # What a signed token says about itself.
    "wrong_audience": "Ask the issuer for a token whose audience (aud) is {audience!r}.",
    "expired": "The token has expired. Ask the issuer for a new one.",
    "not_yet_valid": "The token is not valid yet. Compare the clocks of the issuer and of the gateway.",
    "claims_refused": "{what}. Ask whoever runs the issuer to mend that.",
    "lifetime": "The token lives longer than 24 hours. Ask for one with a shorter life.",
    "scope_missing": "Ask the issuer for a token with the scope {scope!r}.",
    "possession_required": (
        "The token is bound to a key (cnf), so a proof of possession must come with it; that is not possible "
        "here. Ask for a token that is not bound (without DPoP)."
    ),
    # Its keys are public; whoever holds a token of it should know that anybody may make one.
    "key_weak": "The issuer signs with {problem}: tokens can be forged. Tell whoever runs the issuer.",
    # That the issuer cannot be reached is nobody's secret.
    "keys_unavailable": "The gateway cannot reach the issuer's keys at the moment. Try again in {again}.",
    "key_not_known_yet": (
        "The gateway has not found the token's key among the issuer's, and waits before it looks again. Try "
        "again in {again}."
    ),
}


class TokenRefused(Exception):
    """A token did not pass. `str(e)` is the same for every reason.

    `code` is stable and machine-readable; `internal` is the precise reason for the audit event; `hint` is
    what the principal may be told to do, empty where nothing may be said. None of them ever holds a token or
    a part of one.
    """

    vouched: Vouched | None = None
    """Whose token it is, for the audit event; none if no signature vouches for it."""

    def __init__(self, code: str, internal: str, hint: str = "") -> None:
        super().__init__(GENERIC)
        self.code = code
        self.internal = internal
        self.hint = hint


def claim_refused(what: str) -> TokenRefused:
    """A signed token with a claim that cannot be used. `what` names it (never its value) in one clause."""
    return refused("claims_refused", what, what=what[:1].upper() + what[1:])


def refused(code: str, internal: str, **words: str) -> TokenRefused:
    """The `TokenRefused` for `code`, with its hint from the table; `words` fill the hint's gaps."""
    return TokenRefused(code, internal, _HINTS.get(code, "").format_map(words))
