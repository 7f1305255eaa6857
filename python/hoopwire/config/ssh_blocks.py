"""Checks of a block for many hosts, `[targets."web*"]`: whatever name comes, a host is meant."""

from hoopwire.config.positions import Key
from hoopwire.config.problem import Report, quoted
from hoopwire.config.ssh import check_ssh_target
from hoopwire.model.settings import TargetSettings
from hoopwire.model.ssh.hosts import HOST_PATTERN, PATTERN, fills, is_pattern, may_meet, of_block
from hoopwire.model.ssh.settings import SshTarget

_OWN = ("localhost", "localdomain", "local")
"""Last labels that mean this machine, or whoever answers first (RFC 6761, 6762)."""


def check_block(
    key: Key, name: str, block: SshTarget, targets: dict[str, TargetSettings | None], report: Report
) -> None:
    """One block against the others."""
    if not PATTERN.fullmatch(name) or name == "*" or len(name) > 63:
        report.add(
            key,
            "a name of a block is 2 to 63 lower-case letters, digits or `-` with one `*` among them, which"
            " stands for such characters, and for no dot",
        )
    before = list(targets)[: list(targets).index(name)]
    for other in before:
        if is_pattern(other) and may_meet(name, other):
            report.add(
                key, f"some name is a host of this block and of {quoted(other)}: give them other beginnings"
            )
    _check_host((*key, "host"), block.host, report)
    if block.host_name is not None and "*" in block.host_name:
        _check_host((*key, "host_name"), block.host_name, report)
    elif block.host_name is not None:
        report.add(
            (*key, "host_name"),
            "would be the same for all hosts, so that each could stand for the others: write a `*`, or leave"
            " it out",
        )
    if not 1 <= block.port <= 65535:
        report.add((*key, "port"), "must be from 1 to 65535")
    for index, one in enumerate(block.names):
        if one in block.names[:index]:
            report.add((*key, "names", index), f"{quoted(one)} is listed twice")
        elif fills(name, one) is None:
            report.add(
                (*key, "names", index),
                f"{quoted(one)} is no name of {quoted(name)}: lower-case letters, digits and `-`, no dot",
            )
        elif one in targets:
            report.add(
                (*key, "names", index), f"there is a target {quoted(one)}, which is meant by that name"
            )
        elif of_block(name, block, one) is None:
            report.add((*key, "names", index), f"{quoted(one)} makes no host name of {quoted(block.host)}")
    if block.host_keys:
        report.add(
            (*key, "host_keys"),
            "would be the same for all hosts, so that each could stand for the others: name a `host_ca`",
        )
    elif block.host_ca is None:
        report.add(
            (*key, "host_ca"),
            "required for many hosts: the CA that signs their host keys; without it whoever stands between"
            " would be taken for them",
        )
    else:
        check_ssh_target(key, block, report)


def _check_host(key: Key, host: str, report: Report) -> None:
    if not HOST_PATTERN.fullmatch(host) or len(host) > 190:
        report.add(
            key,
            f"{quoted(host)} is no host of a block: one `*` in the first part, and a domain behind it, all in"
            " lower case, such as `web*.internal`",
        )
    elif host.rpartition(".")[2] in _OWN:
        report.add(key, f"{quoted(host)} could be this machine")
