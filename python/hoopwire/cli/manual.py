"""The manual page, made from what the commands declare; macros of man(7), which groff and mandoc read."""

import textwrap
from collections.abc import Iterator

from hoopwire import __version__
from hoopwire.cli import exits
from hoopwire.cli.declared import Declared, Given

_ENVIRONMENT = (
    ("HOOPWIRE_CONFIG", "the config file, where --config is not given"),
    ("HOOPWIRE_TOKEN", "the access token of grants request, where no file or program is given"),
    ("NO_COLOR", "if set, nothing is coloured (of hoopwire only Python's own help is, from 3.14 on)"),
)
_FILES = (
    ("hoopwire.toml", "the config file: hoopwire schema prints what may be in it"),
    ("hoopwire-admin.sock", "the operators' socket, in the folder of the config file"),
)


def manual(tree: Declared) -> str:
    """hoopwire(1). No line of running text is longer than 78: mandoc's lint asks for that."""
    lines: list[str] = []
    as_it_is = False
    for line in _lines(tree):
        as_it_is = line == ".nf" or (as_it_is and line != ".fi")
        running = not as_it_is and not line.startswith((".", "\\f"))
        if running:
            wrapped = textwrap.wrap(line, 78, break_on_hyphens=False, break_long_words=False)
            # What now begins a line is no macro.
            lines += [f"\\&{one}" if one.startswith((".", "'")) else one for one in wrapped]
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"


def _lines(tree: Declared) -> Iterator[str]:
    yield '.\\" made by: hoopwire help man'
    yield f'.TH HOOPWIRE 1 "" "hoopwire {__version__}" "User Commands"'
    yield ".SH NAME"
    yield "hoopwire \\- an access gateway for PostgreSQL and SSH"
    yield ".SH SYNOPSIS"
    yield ".B hoopwire"
    yield ".I COMMAND"
    yield "[\\fIOPTIONS\\fR]"
    yield ".SH DESCRIPTION"
    yield _text(tree.description)
    yield ".PP"
    yield "Each command has"
    yield ".BR \\-\\-help ."
    yield ".SH COMMANDS"
    for one in tree.all():
        if one.words and not one.below:
            yield from _command(one)
    yield ".SH EXIT STATUS"
    for line in exits.TEXT.splitlines()[1:]:
        code, _, what = line.strip().partition(" ")
        yield from _item(f"\\fB{code}\\fR", what.strip())
    yield ".SH ENVIRONMENT"
    for name, what in _ENVIRONMENT:
        yield from _item(f"\\fB{name}\\fR", what)
    yield ".SH FILES"
    for name, what in _FILES:
        yield from _item(f"\\fI{_text(name)}\\fR", what)


def _command(one: Declared) -> Iterator[str]:
    synopsis = " ".join((*one.words, *map(_place, one.places)))
    yield f'.SS "{_text(synopsis)}"'
    yield _text(one.description)
    for option in (*one.places, *one.options):
        if option.flags != ("-h", "--help"):
            yield from _item(_title(option), option.summary)
    if one.epilog:
        yield ".PP"
        yield ".nf"
        yield from map(_text, one.epilog.rstrip().splitlines())
        yield ".fi"


def _place(given: Given) -> str:
    shown = given.metavar + ("..." if given.is_many else "")
    return shown if given.is_required else f"[{shown}]"


def _title(given: Given) -> str:
    value = f"\\fI{_text(given.metavar)}\\fR" if given.metavar else ""
    if not given.flags:
        return value
    return ", ".join(f"\\fB{_text(flag)}\\fR" for flag in given.flags) + (f" {value}" if value else "")


def _item(title: str, what: str) -> Iterator[str]:
    yield ".TP"
    yield title
    yield _text(what)


def _text(text: str) -> str:
    """Text that no macro or escape is taken from."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq").replace("%%", "%")
    return f"\\&{text}" if text.startswith((".", "'")) else text
