"""JSON Schema (draft 2020-12) of the config file, made from the Structs, so that editors complete it.

    python -m hoopwire.config.schema > python/hoopwire/config/hoopwire.schema.json

It says what the decoder says of one value at a time; what must hold between values is left to `load`.
"""

import ast
import inspect
import json
import sys
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from hoopwire.config.units import DURATION_PATTERN, SIZE_PATTERN
from hoopwire.model import settings as common
from hoopwire.model.ssh import settings as ssh
from hoopwire.model.units import Bytes, Seconds

SCHEMA_ID = "urn:hoopwire:config"
_MODULES = (common, ssh)


def schema() -> dict[str, Any]:
    """The schema as a JSON document."""
    descriptions = _descriptions()
    definitions: dict[str, Any] = {}
    for module in _MODULES:
        for name, struct in vars(module).items():
            if getattr(struct, "__module__", "") == module.__name__ and isinstance(struct, type):
                definitions[name] = _table(struct, descriptions[name])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "hoopwire configuration",
        **definitions.pop("Settings"),
        "$defs": definitions,
    }


def _table(struct: type[msgspec.Struct], descriptions: dict[str, str]) -> dict[str, Any]:
    hints = get_type_hints(struct, include_extras=True)
    fields = msgspec.structs.fields(struct)
    properties: dict[str, Any] = {}
    for field in fields:
        properties[field.name] = {**_type(hints[field.name]), "description": descriptions[field.name]}
        default = field.default
        if not isinstance(default, msgspec.Struct | None) and default is not msgspec.NODEFAULT:
            properties[field.name]["default"] = _written(default)
    return {
        "description": descriptions[""],
        "type": "object",
        "additionalProperties": False,
        "required": [field.name for field in fields if field.required],
        "properties": properties,
    }


def _type(type_: Any) -> dict[str, Any]:
    origin, arguments = get_origin(type_), get_args(type_)
    if origin in (Union, UnionType):
        arms = [_type(arm) for arm in arguments if arm is not NoneType]
        return arms[0] if len(arms) == 1 else {"anyOf": arms}
    if origin is Annotated:
        return {"type": "string", "minLength": 1}
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _type(arguments[1])}
    if origin is tuple:
        return {"type": "array", "items": _type(arguments[0])}
    if issubclass(type_, msgspec.Struct):
        return {"$ref": f"#/$defs/{type_.__name__}"}
    return dict(_PLAIN[type_])


_PLAIN: dict[type, dict[str, Any]] = {
    Seconds: {"type": "string", "pattern": DURATION_PATTERN, "examples": ["90s", "15m", "1h"]},
    Bytes: {"type": "string", "pattern": SIZE_PATTERN, "examples": ["64KiB", "64MiB", "1GiB"]},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
}


def _written(default: Any) -> Any:
    """A default as one would write it in the file."""
    if isinstance(default, Seconds):
        unit, size = next(
            (u, s) for u, s in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)) if default % s == 0
        )
        return f"{int(default / size)}{unit}"
    if isinstance(default, Bytes):
        steps = (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1))
        unit, size = next((u, s) for u, s in steps if default % s == 0)
        return f"{default // size}{unit}"
    return list(default) if isinstance(default, tuple) else default


def _descriptions() -> dict[str, dict[str, str]]:
    """The text under each field of each Struct, and under `""` the Struct's own, from the model's source."""
    found: dict[str, dict[str, str]] = {}
    for node in (node for module in _MODULES for node in ast.parse(inspect.getsource(module)).body):
        if not isinstance(node, ast.ClassDef):
            continue
        texts = found[node.name] = {"": ast.get_docstring(node) or ""}
        for field, text in zip(node.body, node.body[1:], strict=False):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(text, ast.Expr)
                and isinstance(text.value, ast.Constant)
            ):
                texts[field.target.id] = inspect.cleandoc(str(text.value.value))
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(schema(), indent=2) + "\n")
