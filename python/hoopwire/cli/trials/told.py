"""Says what was tried: a table with `--online`, and a line with what to do for each thing that is wrong."""

from collections.abc import Callable, Sequence
from typing import Any

from hoopwire.cli.output import clean, print_table
from hoopwire.cli.trials.trial import Trial
from hoopwire.config.positions import Key
from hoopwire.config.problem import written

_WORDS = {"FAILED": "wrong", "warning": "warning"}
Place = Callable[[Key], str]


def has_failed(trials: Sequence[Trial]) -> bool:
    """Something keeps somebody out, or the gateway from starting."""
    return any(trial.outcome == "FAILED" for trial in trials)


def print_trials(trials: Sequence[Trial], place: Place, *, all_of_them: bool) -> None:
    """The table, if all are wanted; then what is to be done, each with its place in the file."""
    if all_of_them:
        rows = [(trial.outcome, written(trial.key), trial.tried, trial.found) for trial in trials]
        print()
        print_table(("RESULT", "SETTING", "TRIED", "FOUND"), rows, empty="Nothing was there to be tried.")
        counts = ", ".join(
            f"{sum(trial.outcome == outcome for trial in trials)} {words}"
            for outcome, words in (("ok", "ok"), ("FAILED", "failed"), ("warning", "to be looked at"))
        )
        print(f"\n{len(trials)} tried from here: {counts}.")
    for trial in trials:
        if word := _WORDS.get(trial.outcome):
            what = f"{written(trial.key)}: {trial.tried}: {trial.found.rstrip('.')}; {trial.to_do}"
            print(f"{clean(place(trial.key))}: {word}: {clean(what)}")


def trials_json(trials: Sequence[Trial], place: Place) -> list[dict[str, Any]]:
    """The same for programs."""
    return [
        {
            "place": place(trial.key),
            "setting": written(trial.key),
            "tried": trial.tried,
            "result": trial.outcome,
            "found": trial.found,
            "to_do": trial.to_do,
        }
        for trial in trials
    ]
