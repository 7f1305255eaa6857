"""Any bytes as a config file: a Settings or a ConfigError, never anything else.

    python tests/fuzz/fuzz_config.py -max_total_time=600 [CORPUS_FOLDER]

Coverage-guided (atheris), from the shipped example. The seeds also run as plain tests:
tests/unit/config/test_hostile.py.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["hoopwire.config", "tomllib"]):
    from hoopwire.config import ConfigError, loads
    from hoopwire.config.positions import scan

import tomllib

ROOT = Path(__file__).parents[2]


def one_input(content: bytes) -> None:
    """Load the bytes; a sound file must also have a place for each of its keys."""
    try:
        loads(content, "/etc/hoopwire/fuzz.toml", files=False)
    except ConfigError as error:
        if not error.problems or not str(error):
            raise AssertionError("a ConfigError without problems") from None
    try:
        text = content.decode()
        document = tomllib.loads(text)
    except (ValueError, RecursionError):
        return
    positions = scan(text)
    for key in paths(document):
        if key not in positions:
            raise AssertionError(f"no position for {key}")


def paths(value: object, base: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every key path of a document."""
    found = [base] if base else []
    if isinstance(value, dict):
        for name, item in value.items():
            found += paths(item, (*base, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            found += paths(item, (*base, index))
    return found


def main() -> None:
    """Run with libFuzzer's arguments; the example is put into the first corpus folder."""
    folders = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    if folders:
        corpus = Path(folders[0])
        corpus.mkdir(parents=True, exist_ok=True)
        (corpus / "example.toml").write_bytes((ROOT / "docs/example.toml").read_bytes())
        for index, line in enumerate((ROOT / "docs/example.toml").read_text().split("\n\n")):
            (corpus / f"part-{index}.toml").write_text(line)
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
