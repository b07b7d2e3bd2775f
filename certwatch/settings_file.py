"""The settings as tables: the commented example file, and which secrets a file holds."""

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from textwrap import wrap
from typing import Any, get_args

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from certwatch.core.durations import format_duration
from certwatch.errors import SettingsError
from certwatch.settings import LATER, Settings

_HEAD = """\
# The settings of certwatch. Every setting is shown with its default: to change one, take away
# the "#" in front of it. An environment variable wins over this file: CERTWATCH_PROBE__TIMEOUT=5s
# is timeout in [probe], and CERTWATCH_SLACK__TOKEN_FILE names a file that holds token of [slack].
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One setting; ``default`` is TOML, "" where there is none."""

    name: str
    default: str
    description: str
    is_required: bool
    is_secret: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table of settings; a ``repeated`` one is written ``[[name]]`` once a row."""

    name: str
    about: str
    repeated: bool
    keys: tuple[Key, ...]

    @property
    def header(self) -> str:
        """As in the file: ``[probe]``, ``[[extra_edges]]``."""
        return f"[[{self.name}]]" if self.repeated else f"[{self.name}]"

    @property
    def is_used(self) -> bool:
        """Whether this version uses any of it."""
        return not all(key.description.endswith(LATER) for key in self.keys)


def tables() -> Iterator[Table]:
    """All settings, in the order of their definition."""
    return _tables(Settings, "", repeated=False)


def example_settings() -> str:
    """A settings file in which everything is explained, and at its default; what no part of this
    version uses is left out."""
    return "\n".join([_HEAD, *(_example(table) for table in tables() if table.is_used)])


def file_secrets(path: Path) -> tuple[str, ...]:
    """The settings of a file that hold a secret, such as ``slack.token``; none without a file.

    Raises SettingsError when it cannot be read.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: cannot be read ({type(error).__name__})") from None
    keys = ((table, key) for table in tables() for key in table.keys if key.is_secret)
    found = ((f"{table.name}.{key.name}", _value(data, table, key)) for table, key in keys)
    return tuple(name for name, value in found if _tells(value))


def _value(data: Any, table: Table, key: Key) -> object:
    for name in (*table.name.split("."), key.name):
        data = data.get(name) if isinstance(data, Mapping) else None
    return data


def _tells(value: object) -> bool:
    """Whether a value would help a thief; the URL of a database without a password would not."""
    if isinstance(value, str) and value.startswith(("sqlite", "postgres")):
        user, at, _ = value.rpartition("@")
        return bool(at) and ":" in user.partition("//")[2]
    return bool(value)


def _tables(model: type[BaseModel], path: str, *, repeated: bool) -> Iterator[Table]:
    fields = model.model_fields
    nested = {name: _section(field.annotation) for name, field in fields.items()}
    own = tuple(_key(name, field) for name, field in fields.items() if nested[name] is None)
    if own:
        yield Table(name=path, about=_about(model), repeated=repeated, keys=own)
    for name, section in nested.items():
        if section is not None:
            deeper = f"{path}.{name}" if path else name
            yield from _tables(section, deeper, repeated=section is not fields[name].annotation)


def _section(annotation: Any) -> type[BaseModel] | None:
    """The table that a field holds once or, in a tuple, any number of times."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_section, get_args(annotation))), None)


def _key(name: str, field: FieldInfo) -> Key:
    default = "" if field.is_required() else field.default
    return Key(
        name=name,
        default="" if default is None or field.is_required() else _toml(default),
        description=field.description or "",
        is_required=field.is_required(),
        is_secret=SecretStr in (field.annotation, *get_args(field.annotation)),
    )


def _about(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split())


def _toml(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case timedelta():
            return f'"{format_duration(value)}"'
        case SecretStr():
            return json.dumps(value.get_secret_value())
        case (str() as host, int() as port):
            return json.dumps(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
        case tuple():
            return f"[{', '.join(map(_toml, value))}]"
        case dict():
            return "{" + ", ".join(f"{_toml(k)} = {_toml(v)}" for k, v in value.items()) + "}"
        case int() | float():
            return str(value)
        case _:
            return json.dumps(str(value))


def _example(table: Table) -> str:
    header = f"#{table.header}" if table.repeated else table.header
    lines = [f"# {table.about}", header]
    for key in table.keys:
        note = f"{key.description} (required)" if key.is_required else key.description
        lines += ["", *wrap(note, 100, initial_indent="# ", subsequent_indent="# ")]
        lines.append(f"#{key.name} = {key.default}".rstrip())
    return "\n".join(lines) + "\n"
