"""Checks the config file's issuers, each one and against each other, before any token is read."""

import ipaddress
import re
from collections.abc import Mapping

import httpx

from hoopwire.identity.token.preparse import ASYMMETRIC
from hoopwire.model.addresses import is_loopback
from hoopwire.model.settings import IssuerSettings

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.:\[\]-]{1,255}/?")
_OKTA_DOMAINS = (".okta.com", ".oktapreview.com", ".okta-emea.com", ".okta-gov.com", ".okta.mil")


def check_issuers(issuers: Mapping[str, IssuerSettings]) -> list[str]:
    """What is wrong with the `[issuers.*]` of the config file, one sentence each; empty when all is well."""
    problems: list[str] = []
    if not issuers:
        problems.append("issuers: none is configured, so nobody could log in.")
    names: dict[str, str] = {}
    for name, settings in issuers.items():
        problems += _check_settings(name, settings)
        for issuer in settings.issuers:
            if issuer in names:
                problems.append(f"issuers.{name}: {issuer} is already configured in issuers.{names[issuer]}.")
            names[issuer] = name
    dev = [name for name, settings in issuers.items() if settings.dev]
    if dev and len(dev) < len(issuers):
        real = next(name for name, settings in issuers.items() if not settings.dev)
        problems.append(
            f"issuers.{dev[0]} is a dev issuer and issuers.{real} is a real one. A gateway takes either dev "
            "issuers or real ones: anybody on this machine can be anybody at a dev issuer."
        )
    return problems


def is_org_server(issuer: str, issuers: Mapping[str, IssuerSettings]) -> bool:
    """Whether an unconfigured `iss` is an Okta org authorization server: an Okta domain's bare origin."""
    # `issuer` is whatever an unverified token says, so it is matched as text and never parsed as a URL.
    if not _ORIGIN.fullmatch(issuer):
        return False
    bare = issuer.removesuffix("/")
    configured = any(
        own.startswith(bare + "/oauth2/")
        for settings in issuers.values()
        if settings.kind == "okta"
        for own in settings.issuers
    )
    return configured or bare.endswith(_OKTA_DOMAINS)


def _check_settings(name: str, settings: IssuerSettings) -> list[str]:
    problems = [] if settings.issuers else [f"issuers.{name}: no issuer string."]
    for issuer in settings.issuers:
        problems += [f"issuers.{name}: {problem}" for problem in _check_issuer(issuer, settings)]
    if not settings.algorithms:
        problems.append(f"issuers.{name}: algorithms is empty.")
    for algorithm in settings.algorithms:
        if algorithm not in ASYMMETRIC:
            problems.append(
                f"issuers.{name}: algorithm {algorithm!r} cannot be allowed; "
                f"choose of {', '.join(sorted(ASYMMETRIC))}."
            )
    if settings.groups.source == "static" and not settings.groups.members:
        problems.append(f"issuers.{name}: groups.source is static, but groups.members is empty.")
    if settings.groups.source != "static" and settings.groups.members:
        problems.append(f"issuers.{name}: groups.members only counts with groups.source = 'static'.")
    if settings.groups.source != "scopes" and settings.groups.scope_prefix:
        problems.append(f"issuers.{name}: groups.scope_prefix only counts with groups.source = 'scopes'.")
    return problems


def _check_issuer(issuer: str, settings: IssuerSettings) -> list[str]:
    try:
        url = httpx.URL(issuer)
        _ = url.host  # decodes the name, and fails by a name that only looks internationalised
    except (httpx.InvalidURL, ValueError):
        return [f"{issuer!r} is not a URL."]
    problems = []
    if not url.host or url.userinfo or url.query or url.fragment or "?" in issuer or "#" in issuer:
        problems.append(f"{issuer!r} must be a URL with a host and a path only.")
    if settings.dev:
        if not _loopback_host(url.host):
            problems.append(f"{issuer!r} is marked dev, but is not a loopback address.")
        if "dev" not in url.path:
            problems.append(f"{issuer!r} is marked dev, but has no 'dev' in its path.")
        if url.scheme not in ("http", "https"):
            problems.append(f"{issuer!r} must be an http or https URL.")
    elif url.scheme != "https":
        problems.append(f"{issuer!r} must be an https URL.")
    elif settings.kind == "okta" and not url.path.startswith("/oauth2/"):
        problems.append(
            f"{issuer!r} is the Okta org authorization server, whose tokens only Okta can verify. Use a "
            "custom authorization server: https://DOMAIN/oauth2/ID."
        )
    return problems


def _loopback_host(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return is_loopback(ipaddress.ip_address(host))
    except ValueError:
        return False
