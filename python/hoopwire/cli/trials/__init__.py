"""What `hoopwire check` tries besides reading the file: `standing` asks nobody, `online` everybody."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from hoopwire.cli.trials.standing import standing
from hoopwire.cli.trials.trial import Trial
from hoopwire.model.settings import PostgresTarget, Settings

__all__ = ["Trial", "online", "standing"]

_AT_ONCE = 8


def online(settings: Settings, audit: str | None) -> list[Trial]:
    """Ask whoever the gateway will ask, some at once; in the order of the file."""
    # Only who tries needs these: they bring all that a gateway runs.
    from hoopwire.cli.trials.issuers import try_issuer
    from hoopwire.cli.trials.places import places
    from hoopwire.cli.trials.postgres import try_target
    from hoopwire.cli.trials.ssh import try_ssh_target

    tries: list[Callable[[], Iterator[Trial]]] = [partial(places, settings, audit)]
    tries.extend(partial(try_issuer, name, issuer) for name, issuer in settings.issuers.items())
    for name, target in settings.targets.items():
        if isinstance(target, PostgresTarget):
            tries.append(partial(try_target, name, target, settings))
        else:
            tries.append(partial(try_ssh_target, name, target))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return [trial for found in pool.map(lambda one: list(one()), tries) for trial in found]
