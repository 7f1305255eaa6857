"""Completion for bash, zsh and fish, as the text of a file that the shell reads."""

import shlex
from collections.abc import Callable, Iterator

from hoopwire.cli.declared import Declared, Given

_BASH = """\
# bash completion for hoopwire: made by `hoopwire completion bash`
_hoopwire() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} where="" words="" i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "$where/${COMP_WORDS[i]}" in
            @PATHS@) where="$where/${COMP_WORDS[i]}" ;;
        esac
    done
    case "$where $before" in
        @FILES@) words=FILES ;;
        @VALUES@) COMPREPLY=(); return ;;
@CHOICES@    esac
    [ -n "$words" ] || case "$where" in
@WORDS@    esac
    [[ $word = -* ]] || case "$where" in
        @FILE_PLACES@) words=FILES ;;
    esac
    if [ "$words" = FILES ]; then
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -F _hoopwire hoopwire
"""
_ZSH = """\
#compdef hoopwire
# zsh completion for hoopwire: made by `hoopwire completion zsh`
_hoopwire() {
    local where="" word=$words[CURRENT] i
    local -a found
    for ((i = 2; i < CURRENT; i++)); do
        case "$where/$words[i]" in
            @PATHS@) where="$where/$words[i]" ;;
        esac
    done
    case "$where $words[CURRENT-1]" in
        @FILES@) _files; return ;;
        @VALUES@) return ;;
@CHOICES@    esac
    if (( ! $#found )); then
        [[ $word = -* ]] || case "$where" in
            @FILE_PLACES@) _files; return ;;
        esac
        case "$where" in
@WORDS@        esac
    fi
    _describe -o hoopwire found
}
if [ "$funcstack[1]" = "_hoopwire" ]; then _hoopwire "$@"; else compdef _hoopwire hoopwire; fi
"""
_FISH = """\
# fish completion for hoopwire: made by `hoopwire completion fish`
function __hoopwire_at
    set -l paths @PATHS@
    set -l where ''
    for word in (commandline -opc)[2..-1]
        contains -- "$where/$word" $paths; and set where "$where/$word"
    end
    test "$where" = "$argv[1]"
end
complete -c hoopwire -f
"""


def bash(tree: Declared) -> str:
    """For ~/.local/share/bash-completion/completions/hoopwire."""
    words = "".join(
        f"        {shlex.quote(one.path)}) words={shlex.quote(' '.join(dict(_words(one))))} ;;\n"
        for one in tree.all()
    )
    choices = "".join(
        f"        {shlex.quote(place)}) words={shlex.quote(' '.join(given.choices))} ;;\n"
        for place, given in _values(tree)
        if given.choices
    )
    return _filled(_BASH, tree, choices, words)


def zsh(tree: Declared) -> str:
    """For a file `_hoopwire` in a folder of $fpath."""
    words = "".join(
        f"            {shlex.quote(one.path)}) found=({' '.join(map(_zsh_word, _words(one)))}) ;;\n"
        for one in tree.all()
    )
    choices = "".join(
        f"        {shlex.quote(place)}) found=({' '.join(map(shlex.quote, given.choices))}) ;;\n"
        for place, given in _values(tree)
        if given.choices
    )
    return _filled(_ZSH, tree, choices, words)


def fish(tree: Declared) -> str:
    """For ~/.config/fish/completions/hoopwire.fish."""
    lines = [_FISH.replace("@PATHS@", " ".join(one.path for one in tree.all() if one.words))]
    for one in tree.all():
        begin = f"complete -c hoopwire -n {_fish_text(f'__hoopwire_at {_fish_text(one.path)}')}"
        lines += [f"{begin} -a {below.words[-1]} -d {_fish_text(below.summary)}\n" for below in one.below]
        for option in one.options:
            names = " ".join(
                f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in option.flags
            )
            lines.append(f"{begin} {names}{_fish_value(option)} -d {_fish_text(option.summary)}\n")
        for place in one.places:
            if place.is_file:
                lines.append(f"{begin} -F\n")
            elif place.choices:
                lines.append(f"{begin} -a {_fish_text(' '.join(place.choices))}\n")
    return "".join(lines)


SHELLS: dict[str, Callable[[Declared], str]] = {"bash": bash, "zsh": zsh, "fish": fish}


def _words(one: Declared) -> Iterator[tuple[str, str]]:
    """What may come next, and what it is for."""
    for below in one.below:
        yield below.words[-1], below.summary
    for place in one.places:
        for choice in place.choices:
            yield choice, place.summary
    for option in one.options:
        for flag in option.flags:
            yield flag, option.summary


def _values(tree: Declared) -> Iterator[tuple[str, Given]]:
    """`PATH FLAG` of each option with a value."""
    for one in tree.all():
        for option in one.options:
            if option.metavar:
                for flag in option.flags:
                    yield f"{one.path} {flag}", option


def _filled(text: str, tree: Declared, choices: str, words: str) -> str:
    values = list(_values(tree))
    files = [place for place, given in values if given.is_file]
    own = [place for place, given in values if not given.is_file and not given.choices]
    file_places = [one.path for one in tree.all() if any(place.is_file for place in one.places)]
    for name, patterns in (
        ("PATHS", [one.path for one in tree.all() if one.words]),
        ("FILES", files),
        ("VALUES", own),
        ("FILE_PLACES", file_places),
    ):
        text = text.replace(f"@{name}@", "|".join(map(shlex.quote, patterns)))
    return text.replace("@CHOICES@", choices).replace("@WORDS@", words)


def _zsh_word(word: tuple[str, str]) -> str:
    name, summary = word
    return shlex.quote(f"{name.replace(':', chr(92) + ':')}:{summary}")


def _fish_text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _fish_value(option: Given) -> str:
    if option.choices:
        return f" -x -a {_fish_text(' '.join(option.choices))}"
    if option.is_file:
        return " -r -F"
    return " -x" if option.metavar else ""
