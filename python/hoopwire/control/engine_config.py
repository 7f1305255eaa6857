"""Settings -> what the engine is made from."""

import os

from hoopwire.control.files import read_pem
from hoopwire.custody.ssh import Keyring
from hoopwire.model.commands import (
    EngineConfig,
    EngineLimits,
    EngineListener,
    EngineProtocols,
    EngineRecording,
    EngineSsh,
)
from hoopwire.model.settings import Settings


def has_device(settings: Settings) -> bool:
    """People may log in with a browser."""
    return any(issuer.device is not None for issuer in settings.issuers.values())


def engine_config(settings: Settings, keyring: Keyring | None) -> EngineConfig:
    """`keyring` is there if the settings have `[ssh]`. StartError if a file can't be read."""
    recording, limits, tls, listen = (
        settings.recording,
        settings.limits,
        settings.listen.tls,
        settings.listen,
    )
    return EngineConfig(
        listen=(
            *(EngineListener(address=address, protocol="postgres") for address in listen.postgres),
            *(EngineListener(address=address, protocol="ssh") for address in listen.ssh),
        ),
        reactors=settings.gateway.reactors or len(os.sched_getaffinity(0)),
        tls_certificate_pem=read_pem(tls.certificate, "the certificate"),
        tls_key_pem=read_pem(tls.key, "the key of the certificate"),
        limits=EngineLimits(
            connections=limits.connections,
            connections_per_address=limits.connections_per_address,
            unadmitted_per_address=limits.unadmitted_per_address,
            tls_handshake_s=float(limits.tls_handshake),
            startup_s=float(limits.startup),
            # Ours comes first, so that the principal hears a reason.
            admission_s=float(limits.admission) + 1.0,
            upstream_login_s=float(limits.upstream_login),
            statement_bytes=int(limits.statement),
        ),
        recording=EngineRecording(
            directory=recording.directory,
            node=settings.gateway.node,
            signing_key_pem=read_pem(recording.signing_key, "the recording's signing key"),
            synced=recording.durability == "synced",
            segment_bytes=int(recording.segment),
            seal_after_s=float(recording.seal_after),
            checkpoint_every_s=float(recording.checkpoint_every),
            floor_bytes=int(recording.floor),
        ),
        protocols=EngineProtocols(
            ssh=None
            if keyring is None
            else EngineSsh(
                host_keys=keyring.host_keys,
                agents_authorities=keyring.agents_trusted,
                prompts=has_device(settings),
            ),
        ),
    )
