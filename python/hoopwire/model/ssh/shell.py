"""Shell text to words, in the subset that all shells read alike; rust/ssh/policy (argv.rs) says why.

The engine decides commands by it; here patterns of commands are read by it, so that a fault has its place.
"""

import re

import msgspec

from hoopwire.model.action import ActionError

SHELL_WORDS = frozenset(
    """
    . _ abbr alias alloc and argparse autoload begin bg bind bindkey block break breakpoint breaksw
    builtin builtins bye caller case cd chdir command commandline compadd comparguments compcall compctl
    compdescribe compfiles compgen compgroups complete compopt compound compquote compset comptags
    comptry compvalues contains continue coproc count declare default dirs disable disown do done echotc
    echoti elif else emit emulate enable end endif endsw enum esac eval exec exit export fc fg fi
    filetest float for foreach function functions getconf getln getopts glob goto hash hashstat help
    hist history hup if in integer jobs let limit local log login logout ls-F mapfile math migrate
    nameref nice nocorrect noglob nohup not notify onintr or path popd print private pushd pushln r
    random read readarray readonly redirect rehash repeat return sched select set set_color setenv
    setopt settc setty shift shopt source status stop string suspend switch telltc termname then time
    times trap ttyctl type typeset ulimit umask unalias uncomplete unfunction unhash unlimit unset
    unsetenv unsetopt until vared wait watchlog whence where while zcompile zformat zle zmodload
    zparseopts zregexparse zstyle
    """.split()  # noqa: SIM905 - a list of words
)
"""What at least one shell reads itself: it is no name of a program. The list of argv.rs: a test compares."""

PLAIN = re.compile(r"[A-Za-z0-9_./:,@%+=-]+")
"""Characters that stand for themselves outside quotes."""

_PROGRAM = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./+-]*")
_SINGLE = re.compile(r"[ -~]*")
_MOST_WORDS = 1000


class ShellWord(msgspec.Struct, frozen=True):
    """A word of a text."""

    text: str
    """What a program gets."""
    is_bare: bool
    """Nothing of it was quoted."""
    column: int
    """Where it begins, from 1."""


def words(text: str, signs: str = "", column: int = 1) -> list[ShellWord]:
    """The words of a text in which `signs` stand for themselves; `column` is the text's own. ActionError."""
    found: list[ShellWord] = []
    piece, is_bare, start, quote, quote_at = "", True, 0, "", 0
    for at, character in enumerate(text, column):
        if quote:
            if character == quote:
                quote = ""
            elif _is_inner(character, quote):
                piece += character
            else:
                raise ActionError(f"{named(character)} in quotes: not all shells read it alike", at)
        elif character in " \t":
            if start:
                found.append(ShellWord(piece, is_bare, start))
            piece, is_bare, start = "", True, 0
        elif character in "'\"":
            quote, quote_at, is_bare, start = character, at, False, start or at
        elif character in "=%" and not piece:
            raise ActionError(f"{named(character)} begins a word: put the word in single quotes", at)
        elif PLAIN.fullmatch(character) or character in signs:
            piece, start = piece + character, start or at
        else:
            raise ActionError(
                f"{named(character)} is not read alike by all shells: quote it, or leave it out", at
            )
    if quote:
        raise ActionError("the quote does not end", quote_at)
    if start:
        found.append(ShellWord(piece, is_bare, start))
    if len(found) > _MOST_WORDS:
        raise ActionError(f"more than {_MOST_WORDS} words", column)
    return found


def check_program(found: list[ShellWord], column: int) -> None:
    """The first word must be the name of a program. ActionError."""
    if not found:
        raise ActionError("name the program", column, "exec uptime")
    first = found[0]
    if first.text in SHELL_WORDS:
        raise ActionError(
            f"`{first.text}` is a word that a shell reads itself, no program; write the program's whole path",
            first.column,
        )
    if not _PROGRAM.fullmatch(first.text):
        raise ActionError("the program is written out: letters, digits, _ . / + -", first.column)


def quoted(word: str) -> str:
    """A word as it is written: bare if it can be, else in single quotes, in double ones, or in both."""
    if PLAIN.fullmatch(word) and word != "..." and word[0] not in "=%":
        return word
    if "'" not in word:
        return f"'{word}'"
    if all(_is_inner(character, '"') and character != '"' for character in word):
        return f'"{word}"'
    return '"\'"'.join(f"'{piece}'" if piece else "" for piece in word.split("'"))


def named(character: str) -> str:
    """A character for a person's eyes."""
    return f"`{character}`" if character.isprintable() else f"U+{ord(character):04X}"


def _is_inner(character: str, quote: str) -> bool:
    is_read = _SINGLE.fullmatch(character) is not None and character not in "\\!"
    return is_read and (quote == "'" or character not in "$`")
