"""Reading the settings: the TOML file, secrets in files of their own, the environment."""

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr, ValidationError

from certwatch.errors import SettingsError
from certwatch.settings import Settings

PREFIX = "CERTWATCH_"
DEFAULT_FILE = "certwatch.toml"


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
    except ValueError as error:
        raise SettingsError(f"{path}: not valid TOML: {error}") from None


def _variables(environ: Mapping[str, str]) -> Iterator[tuple[tuple[str, ...], tuple[str, str]]]:
    """(key path, (variable, value)) of each variable that names a setting; ``_FILE`` is read."""
    for name, value in sorted(environ.items()):
        if name.startswith(PREFIX) and "__" not in name:
            _refuse_single_underscore(name)
        if not name.startswith(PREFIX) or "__" not in name:
            continue
        keys = tuple(name.removeprefix(PREFIX).lower().split("__"))
        target = keys[-1].removesuffix("_file")
        if target != keys[-1] and _is_secret((*keys[:-1], target)):
            yield (*keys[:-1], target), (name, _secret(name, value))
        else:
            yield keys, (name, value)


def _refuse_single_underscore(name: str) -> None:
    section, _, key = name.removeprefix(PREFIX).lower().partition("_")
    if section in Settings.model_fields and key in _siblings((section,)):
        meant = f"{PREFIX}{section}__{key}".upper()
        raise SettingsError(f"{name}: unknown variable; did you mean {meant}?")


def _is_secret(keys: tuple[str, ...]) -> bool:
    """Whether a key holds a secret, or several."""
    model: Any = Settings
    for key in keys:
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return False
        field = model.model_fields.get(key)
        model = field.annotation if field else None
    return model in (SecretStr, tuple[SecretStr, ...])


def _secret(name: str, path: str) -> str:
    """What a file holds; several secrets stand on lines of their own."""
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text, or no file name"
        raise SettingsError(f"{name}: the file {path} cannot be read ({reason})") from None
    return ",".join(text.splitlines())


def _put(data: dict[str, Any], keys: tuple[str, ...], value: str, name: str) -> None:
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
