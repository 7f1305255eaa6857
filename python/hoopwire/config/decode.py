"""TOML values -> Structs, noting every problem instead of stopping at the first.

Walks the types of `model.settings`, so a new field there needs nothing here. Paths become absolute.
"""

import os
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from hoopwire.config.positions import Key
from hoopwire.config.problem import Report, nearest, quoted
from hoopwire.config.units import parse_bytes, parse_seconds
from hoopwire.model.settings import Settings
from hoopwire.model.units import Bytes, Seconds


class Parts(msgspec.Struct, kw_only=True):
    """What could be made of the file; what could not is none, and in the report."""

    fields: dict[str, Any]
    paths: list[tuple[Key, str, str]]
    """Key, what is expected there (`file`, `secret`, `directory`, `place`), absolute path."""

    def settings(self) -> Settings:
        """The whole; only when the report is empty."""
        return Settings(**self.fields)


class _Invalid:
    """A value that could not be decoded."""


_INVALID = _Invalid()
TAG = "protocol"
"""The key that says which of several Structs a table is."""
_KINDS = {bool: "true or false", int: "a whole number", str: "text", dict: "a table", list: "an array"}

_EXPECTED = {**_KINDS, float: "a number"}


def decode(document: dict[str, Any], folder: str, report: Report) -> Parts:
    """Decode a whole document. Relative paths are taken from `folder`."""
    parts = Parts(fields={}, paths=[])
    decoder = _Decoder(folder, report, parts.paths)
    fields = decoder.fields(document, Settings, ())
    parts.fields = {name: None if value is _INVALID else value for name, value in fields.items()}
    return parts


def _kind(value: object) -> str:
    for type_, name in _KINDS.items():
        if isinstance(value, type_):
            return name
    return {"float": "a fraction"}.get(type(value).__name__, "a date or time")


class _Decoder:
    def __init__(self, folder: str, report: Report, paths: list[tuple[Key, str, str]]) -> None:
        self._folder = folder
        self._report = report
        self._paths = paths

    def fields(self, table: dict[str, Any], struct: type[msgspec.Struct], key: Key) -> dict[str, Any]:
        """Every field of the Struct, decoded or defaulted; `_INVALID` where that failed."""
        hints = get_type_hints(struct, include_extras=True)
        known = {field.name: field for field in msgspec.structs.fields(struct)}
        meant: set[str | None] = set()
        for name in table:
            if name not in known:
                missing = [field for field in known if field not in table]
                close = nearest(name, missing) or nearest(name, known)
                meant.add(close)
                self._report.add((*key, name), "unknown key", close)
        values: dict[str, Any] = {}
        for name, field in known.items():
            if name in table:
                values[name] = self.value(table[name], hints[name], (*key, name))
            elif field.required:
                if name not in meant:
                    self._report.add((*key, name), "required, but missing")
                values[name] = _INVALID
            else:
                default = field.default
                values[name] = field.default_factory() if default is msgspec.NODEFAULT else default
                self._note_default_path(hints[name], values[name], (*key, name), values)
        return values

    def value(self, value: Any, type_: Any, key: Key) -> Any:
        """One value of the type, or `_INVALID` with the problem reported."""
        origin = get_origin(type_)
        if origin in (Union, UnionType):
            arm = self._arm(value, type_, key)
            return _INVALID if arm is _INVALID else self.value(value, arm, key)
        if origin is Annotated:
            return self._path(value, get_args(type_)[1].extra["path"], key)
        if origin is Literal:
            return self._choice(value, get_args(type_), key)
        if origin is dict:
            return self._dict(value, get_args(type_)[1], key)
        if origin is tuple:
            return self._tuple(value, get_args(type_)[0], key)
        if type_ is Seconds or type_ is Bytes:
            return self._unit(value, type_, key)
        if issubclass(type_, msgspec.Struct):
            return self._struct(value, type_, key)
        return self._plain(value, type_, key)

    def _struct(self, value: Any, type_: type[msgspec.Struct], key: Key) -> Any:
        if not self._is(value, dict, key):
            return _INVALID
        fields = self.fields(value, type_, key)
        return _INVALID if _INVALID in fields.values() else type_(**fields)

    def _dict(self, value: Any, element: Any, key: Key) -> Any:
        if not self._is(value, dict, key):
            return _INVALID
        decoded = {name: self.value(item, element, (*key, name)) for name, item in value.items()}
        return {name: None if item is _INVALID else item for name, item in decoded.items()}

    def _tuple(self, value: Any, element: Any, key: Key) -> Any:
        if not self._is(value, list, key):
            return _INVALID
        decoded = tuple(self.value(item, element, (*key, index)) for index, item in enumerate(value))
        if _INVALID not in decoded:
            return decoded
        if isinstance(element, type) and issubclass(element, msgspec.Struct):
            # The sound ones among them can still be checked.
            return tuple(None if item is _INVALID else item for item in decoded)
        return _INVALID

    def _plain(self, value: Any, type_: type, key: Key) -> Any:
        if type_ is float and type(value) is int and abs(value) < 2**53:
            return float(value)
        if not self._is(value, type_, key):
            return _INVALID
        if type_ is str and any(ord(character) < 32 or ord(character) == 127 for character in value):
            self._report.add(key, "has a control character")
            return _INVALID
        return value

    def _choice(self, value: Any, choices: tuple[str, ...], key: Key) -> Any:
        if not self._is(value, str, key):
            return _INVALID
        if value in choices:
            return value
        listed = ", ".join(quoted(choice) for choice in choices)
        self._report.add(key, f"{quoted(value)} is none of: {listed}", nearest(value, choices))
        return _INVALID

    def _unit(self, value: Any, type_: type, key: Key) -> Any:
        parse = parse_seconds if type_ is Seconds else parse_bytes
        try:
            return parse(value if isinstance(value, str) else "")
        except ValueError as error:
            self._report.add(key, str(error))
            return _INVALID

    def _path(self, value: Any, kind: str, key: Key) -> Any:
        path = self._plain(value, str, key)
        if path is _INVALID:
            return _INVALID
        if not path:
            self._report.add(key, "an empty path")
            return _INVALID
        absolute = os.path.normpath(os.path.join(self._folder, path))
        self._paths.append((key, kind, absolute))
        return absolute

    def _note_default_path(self, type_: Any, value: Any, key: Key, values: dict[str, Any]) -> None:
        """A default that is a relative path stands in the folder of the file, too."""
        if get_origin(type_) is Annotated and isinstance(value, str):
            values[str(key[-1])] = self._path(value, get_args(type_)[1].extra["path"], key)

    def _arm(self, value: Any, union: Any, key: Key) -> Any:
        """The member of a union to decode by: arrays go to the tuple, tables to the Struct, the rest on.

        Of several Structs it is the one whose `protocol` is what the table says, or else that has a default.
        """
        arms = [arm for arm in get_args(union) if arm is not NoneType]
        structs = [arm for arm in arms if isinstance(arm, type) and issubclass(arm, msgspec.Struct)]
        if isinstance(value, dict) and structs:
            return structs[0] if len(structs) == 1 else self._tagged(value, structs, key)
        tuples = [arm for arm in arms if get_origin(arm) is tuple]
        others = [arm for arm in arms if get_origin(arm) is not tuple]
        return (tuples if isinstance(value, list) and tuples else others or tuples)[0]

    def _tagged(self, value: dict[str, Any], structs: list[type[msgspec.Struct]], key: Key) -> Any:
        by_tag = {get_args(get_type_hints(struct)[TAG])[0]: struct for struct in structs}
        if TAG not in value:
            defaults = {
                field.default
                for struct in structs
                for field in msgspec.structs.fields(struct)
                if field.name == TAG and not field.required
            }
            return by_tag[next(iter(defaults))]
        chosen = self._choice(value[TAG], tuple(by_tag), (*key, TAG))
        return _INVALID if chosen is _INVALID else by_tag[chosen]

    def _is(self, value: Any, type_: type, key: Key) -> bool:
        # bool is an int to Python, but not to anyone who writes a config file.
        if isinstance(value, type_) and (type_ is not int or not isinstance(value, bool)):
            return True
        self._report.add(key, f"expected {_EXPECTED[type_]}, found {_kind(value)}")
        return False
