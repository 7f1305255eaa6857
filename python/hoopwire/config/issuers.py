"""Checks of `[issuers.NAME]`: what may vouch for an identity."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from hoopwire.config.positions import Key
from hoopwire.config.problem import Report, nearest, quoted
from hoopwire.config.sources import check_sources
from hoopwire.model.addresses import is_public, is_within
from hoopwire.model.settings import ALGORITHMS, DeviceSettings, GroupsSettings, IssuerSettings, ListenSettings

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_OKTA_CUSTOM_SERVER = re.compile(r"/oauth2/[A-Za-z0-9_-]+")
_CLIENT_ID = re.compile(r"[!-~]{1,256}")
_PRINCIPAL_KEY = re.compile(r"(cid|uid):[!-9;-~][!-~]{0,255}")
"""What a token can have as an id: a key with other letters would name nobody, and deny nothing."""


def check_issuers(issuers: dict[str, IssuerSettings | None], report: Report) -> None:
    """Each issuer alone, then all of them: no string twice, no dev issuer beside a real one."""
    if not issuers:
        report.add(("issuers",), "configure at least one issuer")
    seen: dict[str, str] = {}
    for name, issuer in issuers.items():
        if not _NAME.fullmatch(name):
            report.add(("issuers", name), "a name is 1 to 63 letters, digits, `_` or `-`")
        if issuer is None:
            continue
        _check_issuer(("issuers", name), issuer, report)
        for text in dict.fromkeys(issuer.issuers):
            if text in seen:
                report.add(
                    ("issuers", name, "issuer"), f"{quoted(text)} is configured under {seen[text]}, too"
                )
            seen[text] = name
    sound = {name: issuer for name, issuer in issuers.items() if issuer is not None}
    devices = [name for name, issuer in sound.items() if issuer.device is not None]
    for name in devices[1:]:
        report.add(
            ("issuers", name, "device"), f"{devices[0]} has one, too: a prompt can name one issuer's page"
        )
    if any(issuer.dev for issuer in sound.values()) and not all(issuer.dev for issuer in sound.values()):
        for name, issuer in sound.items():
            if issuer.dev:
                report.add(
                    ("issuers", name, "dev"),
                    "a dev issuer hands out tokens to anyone; it cannot stand beside a real issuer",
                )


def check_device_listener(
    issuers: dict[str, IssuerSettings | None], listen: ListenSettings, report: Report
) -> None:
    """People log in with a browser to ssh only."""
    for name, issuer in issuers.items():
        if issuer is not None and issuer.device is not None and not listen.ssh:
            report.add(("issuers", name, "device"), "has no effect: [listen] has no `ssh`")


def _check_device(key: Key, device: DeviceSettings, report: Report) -> None:
    if not _CLIENT_ID.fullmatch(device.client_id):
        report.add((*key, "client_id"), "is the client id of the issuer's application, for example 0oa1abcd")
    if device.client_secret is not None:
        check_sources((*key, "client_secret"), device.client_secret, ("file", "env", "command"), report)
    for index, scope in enumerate(device.scopes):
        if not scope or any(character.isspace() for character in scope):
            report.add((*key, "scopes", index), "is one scope, without blanks")
    if not 30 <= device.wait <= 300:
        report.add((*key, "wait"), "must be from 30s to 5m")


def is_principal_key(text: str) -> bool:
    """`cid:0oa...` or `uid:00u...`."""
    return _PRINCIPAL_KEY.fullmatch(text) is not None


def is_loopback(host: str) -> bool:
    """Does the host, as written, stay on this machine? Other names are not looked up."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_issuer(key: Key, issuer: IssuerSettings, report: Report) -> None:
    if not issuer.issuers:
        report.add((*key, "issuer"), "name at least one issuer")
    if len(set(issuer.issuers)) < len(issuer.issuers):
        report.add((*key, "issuer"), "lists an issuer twice")
    for index, text in enumerate(issuer.issuers):
        place: Key = (*key, "issuer") if isinstance(issuer.issuer, str) else (*key, "issuer", index)
        _check_issuer_string(place, text, issuer, report)
    _check_algorithms((*key, "algorithms"), issuer.algorithms, report)
    if any(character.isspace() for character in issuer.required_scope):
        report.add((*key, "required_scope"), "is one scope, without blanks")
    for index, agent in enumerate(issuer.agents):
        if not agent or agent.startswith(("cid:", "uid:")) or any(character.isspace() for character in agent):
            report.add((*key, "agents", index), "is a bare client id, for example 0oa1abcd")
    _check_groups((*key, "groups"), issuer.groups, report)
    if issuer.device is not None:
        _check_device((*key, "device"), issuer.device, report)
    _check_way(key, issuer, report)


def _check_way(key: Key, issuer: IssuerSettings, report: Report) -> None:
    """Where it is, and by what way: what would refuse every login is found here."""
    for name in ("addresses", "proxy"):
        if issuer.dev and getattr(issuer, name):
            report.add((*key, name), "has no effect with `dev`: a dev issuer is on loopback")
            return
    if issuer.addresses and issuer.proxy is not None:
        report.add((*key, "addresses"), "has no effect with `proxy`, which finds the issuer itself")
    are_sound = [
        _check_network((*key, "addresses", index), text, report)
        for index, text in enumerate(issuer.addresses)
    ]
    if issuer.proxy is not None:
        _check_proxy((*key, "proxy"), issuer.proxy, report)
    if issuer.dev or issuer.proxy is not None or not all(are_sound):
        return
    for index, text in enumerate(issuer.issuers):
        place: Key = (*key, "issuer") if isinstance(issuer.issuer, str) else (*key, "issuer", index)
        try:
            address = ipaddress.ip_address(urlsplit(text).hostname or "")
        except ValueError:
            continue
        if issuer.addresses and not is_within(address, issuer.addresses):
            report.add(place, f"is not at one of its `addresses`: {', '.join(issuer.addresses)}")
        elif not issuer.addresses and not is_public(address):
            words = "is a private address, where the gateway fetches nothing unless it is meant"
            report.add(place, f'{words}: addresses = ["{address}"]')


def _check_network(key: Key, text: str, report: Report) -> bool:
    try:
        network = ipaddress.ip_network(text)
    except ValueError as error:
        report.add(key, f"is no address or network: {error}")
        return False
    if network.prefixlen < (8 if network.version == 4 else 32):
        report.add(key, "is too wide; name the addresses that the issuer really has")
    elif network.is_link_local or network.is_multicast or network.is_unspecified:
        report.add(key, "is no address of a server: link-local, multicast or unspecified")
    else:
        return True
    return False


def _check_proxy(key: Key, text: str, report: Report) -> None:
    try:
        url = urlsplit(text)
        is_sound = bool(url.hostname) and (url.port or 0) > 0 and url.path in ("", "/")
    except ValueError:
        is_sound = False
    if not is_sound or url.scheme not in ("http", "https") or url.query or url.fragment or "@" in url.netloc:
        report.add(key, "must be http://HOST:PORT, without user and password")


def _check_issuer_string(key: Key, text: str, issuer: IssuerSettings, report: Report) -> None:
    try:
        url = urlsplit(text)
        host = url.hostname
        _ = url.port
    except ValueError:
        url, host = SplitResult("", "", "", "", ""), None
    if url.scheme not in ("http", "https") or not host or not text.isascii() or " " in text:
        report.add(key, f"{quoted(text)} is no URL; copy the `iss` of a token, byte by byte")
        return
    if url.query or url.fragment or "?" in text or "#" in text or "@" in url.netloc:
        report.add(key, "an issuer has no query, fragment or user (OpenID Connect Discovery, section 3)")
    if issuer.dev:
        if not is_loopback(host):
            report.add(key, "a dev issuer must be on loopback: 127.0.0.1, [::1] or localhost")
        if "dev" not in text:
            report.add(key, "a dev issuer must have `dev` in its issuer string")
    elif url.scheme != "https":
        report.add(key, "must be https")
    if issuer.kind == "okta" and not _OKTA_CUSTOM_SERVER.fullmatch(url.path):
        _add_okta_path(key, url, report)


def _add_okta_path(key: Key, url: SplitResult, report: Report) -> None:
    if url.path in ("", "/"):
        report.add(
            key,
            "is Okta's org authorization server, whose access tokens only Okta itself can verify; use a "
            "custom authorization server: https://DOMAIN/oauth2/ID",
        )
    elif _OKTA_CUSTOM_SERVER.fullmatch(url.path.rstrip("/")):
        report.add(key, "ends in a slash, which Okta's `iss` does not; issuers are compared byte by byte")
    else:
        report.add(key, 'must be https://DOMAIN/oauth2/ID; for another provider set kind = "oidc"')


def _check_algorithms(key: Key, algorithms: tuple[str, ...], report: Report) -> None:
    if not algorithms:
        report.add(key, "name at least one algorithm")
    for index, algorithm in enumerate(algorithms):
        if algorithm in ALGORITHMS:
            continue
        if algorithm.lower() == "none":
            report.add((*key, index), "`none` means unsigned: anyone could write such a token")
        elif algorithm.upper().startswith("HS"):
            report.add(
                (*key, index),
                f"{quoted(algorithm)} signs with a shared secret; only public-key signatures will do",
            )
        else:
            report.add(
                (*key, index), f"unknown algorithm {quoted(algorithm)}", nearest(algorithm, ALGORITHMS)
            )


def _check_groups(key: Key, groups: GroupsSettings, report: Report) -> None:
    if groups.source == "claim" and not groups.claim:
        report.add((*key, "claim"), "name the claim that lists the groups")
    if groups.source != "scopes" and groups.scope_prefix:
        report.add((*key, "scope_prefix"), f'has no effect with source = "{groups.source}"')
    if groups.source != "static" and groups.members:
        report.add(
            (*key, "members"), f'has no effect with source = "{groups.source}": groups have one source'
        )
    if groups.source == "static" and not groups.members:
        report.add((*key, "members"), "with `static`, list who has which groups")
    for member in groups.members:
        if not is_principal_key(member):
            report.add((*key, "members", member), "is no principal key; write cid:CLIENT_ID or uid:USER_ID")
