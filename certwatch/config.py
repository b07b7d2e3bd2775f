"""Reading the settings: the TOML file, secrets in files of their own, the environment."""

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr, ValidationError

from certwatch.errors import SettingsError
from certwatch.settings import Settings
from certwatch.settings_file import tables

PREFIX = "CERTWATCH_"
DEFAULT_FILE = "certwatch.toml"

Value = str | list[str]  # of a variable, or of the lines of the file that it names


def load_settings(file: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings in force.

    ``file`` (else ``CERTWATCH_CONFIG``) must exist; without either, ``certwatch.toml`` in this
    folder is read if it is there. Raises SettingsError, naming the file or variable, the key and
    what is allowed.
    """
    named = file or (Path(environ["CERTWATCH_CONFIG"]) if environ.get("CERTWATCH_CONFIG") else None)
    path = named or Path(DEFAULT_FILE)
    data = _read(path) if named or path.exists() else {}
    variables = {}
    for keys, (name, value) in _variables(environ):
        variables.update(
            {keys[: n + 1]: name for n in range(len(keys)) if n or keys[0] not in data}
        )
        _put(data, keys, value, name)
    try:
        return Settings.model_validate(data)
    except ValidationError as error:
        raise SettingsError(_explain(error, path, variables)) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(
            f"{path}: no such settings file; write one with `certwatch --config {path} init`"
        ) from None
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: not UTF-8 text") from None
    except RecursionError:
        raise SettingsError(f"{path}: not valid TOML: nested too deeply") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: not valid TOML: {error}") from None
    except ValueError:  # of int(): so many digits take too long
        raise SettingsError(f"{path}: a number in it has too many digits") from None


def _variables(environ: Mapping[str, str]) -> Iterator[tuple[tuple[str, ...], tuple[str, Value]]]:
    """(key path, (variable, value)) of each variable that names a setting; ``_FILE`` is read."""
    for name, value in sorted(environ.items()):
        if not name.startswith(PREFIX):
            continue
        if "__" not in name:
            _refuse_single_underscore(name)
            continue
        keys = tuple(name.removeprefix(PREFIX).lower().split("__"))
        secret = (*keys[:-1], keys[-1].removesuffix("_file"))
        kind = _type_of(secret) if secret != keys else None
        if kind is SecretStr:
            yield secret, (name, _secret(name, value))
        elif kind == tuple[SecretStr, ...]:
            yield secret, (name, _secret(name, value).splitlines())
        else:
            yield keys, (name, value)


def _refuse_single_underscore(name: str) -> None:
    """A variable that would be a setting with two underscores was meant as one."""
    for table in tables():
        for key in table.keys:
            meant = f"{PREFIX}{table.name}.{key.name}".upper().replace(".", "__")
            for suffix in ("", "_FILE") if key.is_secret else ("",):
                if name == meant.replace("__", "_") + suffix:
                    raise SettingsError(f"{name}: unknown variable; did you mean {meant}{suffix}?")


def _type_of(keys: tuple[str, ...]) -> Any:
    """The type of a setting, None where there is none of this name."""
    model: Any = Settings
    for key in keys:
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return None
        field = model.model_fields.get(key)
        model = field.annotation if field else None
    return model


def _secret(name: str, path: str) -> str:
    """What a file holds, without the white space around it."""
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text, or no file name"
        raise SettingsError(f"{name}: the file {path} cannot be read ({reason})") from None


def _put(data: dict[str, Any], keys: tuple[str, ...], value: Value, name: str) -> None:
    for key in keys[:-1]:
        data = data.setdefault(key, {})
        if not isinstance(data, dict):
            raise SettingsError(f"{name}: {key} is not a table of settings")
    data[keys[-1]] = value


def _explain(error: ValidationError, path: Path, variables: Mapping[tuple[str, ...], str]) -> str:
    """One line per wrong key; pydantic is told to leave the values out, they may be secrets."""
    lines = []
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        keys = tuple(str(part) for part in problem["loc"])
        place = _place(keys, path, variables)
        if problem["type"] == "extra_forbidden":
            allowed = ", ".join(_siblings(keys[:-1]))
            lines.append(f"{place}: unknown setting; allowed here: {allowed}")
        else:
            message = problem["msg"].removeprefix("Value error, ")
            lines.append(f"{place}: {message.replace('Input should be', 'must be')}")
    return "\n".join(lines)


def _place(keys: tuple[str, ...], path: Path, variables: Mapping[tuple[str, ...], str]) -> str:
    for end in range(len(keys), 0, -1):
        if keys[:end] in variables:
            return variables[keys[:end]]
    table = ".".join(keys[:-1])
    return f"{path}: [{table}] {keys[-1]}" if table else f"{path}: {keys[-1]}"


def _siblings(keys: tuple[str, ...]) -> list[str]:
    model: Any = Settings
    for key in keys:
        if isinstance(model, type) and issubclass(model, BaseModel) and key in model.model_fields:
            model = model.model_fields[key].annotation
            while not isinstance(model, type) and getattr(model, "__args__", None):
                model = model.__args__[0]
    fields = getattr(model, "model_fields", {})
    return sorted(fields)
