"""Builds the OpenAPI 3.1 document of the public API from the Structs that decode its requests."""

from typing import Any

import msgspec

from hoopwire import __version__
from hoopwire.api.problems import MEDIA_TYPE, Problem
from hoopwire.model.api import GrantIssued, GrantRequest, SshView
from hoopwire.model.me import MeView

_REFUSALS = {
    "400": "The body is not a grant request.",
    "401": "No access token, or one that was not accepted.",
    "403": "The policies do not give this; nothing is trimmed in silence.",
    "409": "The token has already bought a grant.",
    "413": "The body is too large.",
    "422": "The request is well-formed but impossible, for example a ttl of one second.",
    "503": "The gateway cannot decide now.",
}


def openapi_document() -> dict[str, Any]:
    """The document that `GET /openapi.json` serves."""
    schemas, components = msgspec.json.schema_components(
        [GrantRequest, GrantIssued, SshView, MeView, Problem], ref_template="#/components/schemas/{name}"
    )
    asked, issued, ssh, me, problem = schemas
    refusals = {
        status: {"description": text, "content": {MEDIA_TYPE: {"schema": problem}}}
        for status, text in _REFUSALS.items()
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "hoopwire control API",
            "version": __version__,
            "description": "Exchange an access token for a grant: a scoped, expiring secret for one target.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {
            "/v1/grants": {
                "post": {
                    "operationId": "requestGrant",
                    "summary": "Mint a grant: a secret, shown once, or a certificate over a key.",
                    "security": [{"accessToken": []}],
                    "requestBody": {"required": True, "content": {"application/json": {"schema": asked}}},
                    "responses": {
                        "201": {
                            "description": "Minted.",
                            "content": {"application/json": {"schema": issued}},
                        },
                        **refusals,
                    },
                }
            },
            "/v1/me": {
                "get": {
                    "operationId": "me",
                    "summary": "What an access token or grant secret gives: identity, grants, policies.",
                    "security": [{"accessToken": []}, {"grantSecret": []}],
                    "responses": {
                        "200": {
                            "description": "Nothing is bought by asking, and nothing about others is told.",
                            "content": {"application/json": {"schema": me}},
                        },
                        **{status: refusals[status] for status in ("401", "403", "503")},
                    },
                }
            },
            "/v1/ssh": {
                "get": {
                    "operationId": "sshPlace",
                    "summary": "Where SSH clients find the gateway, and whom to take for it.",
                    "responses": {
                        "200": {
                            "description": "Its names, port and known_hosts lines.",
                            "content": {"application/json": {"schema": ssh}},
                        },
                        "404": {"description": "The gateway does not listen for SSH."},
                    },
                }
            },
            "/healthz": {
                "get": {
                    "operationId": "health",
                    "summary": "Whether the gateway takes new work.",
                    "responses": {
                        "200": {"description": "It does."},
                        "503": {"description": "It is stopping."},
                    },
                }
            },
            "/readyz": {
                "get": {
                    "operationId": "readiness",
                    "summary": "Whether anybody can be admitted.",
                    "responses": {
                        "200": {"description": "As far as is known."},
                        "503": {"description": "Nobody; `causes` names why."},
                    },
                }
            },
        },
        "components": {
            "schemas": components,
            "securitySchemes": {
                "accessToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "grantSecret": {"type": "http", "scheme": "bearer", "bearerFormat": "hw1_..."},
            },
        },
    }
