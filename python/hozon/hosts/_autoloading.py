"""`hozon ipython enable`: IPython and Jupyter load hozon in every session of an environment.

They read `etc/ipython/ipython_config.json` in the folder of their environment. Its list of extra extensions
is beside the one that people set in profiles, so neither takes the other's place.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

USAGE = """\
usage: hozon ipython enable | disable | status

Has every session of IPython and Jupyter in this environment load hozon, as `%load_ext hozon` does, or not.
Whole cells are kept from the first one on where `cells = true` stands in the configuration; else from
`%hozon on`.
"""

_SECTION, _LIST, _NAME = "InteractiveShellApp", "extra_extensions", "hozon"


class ConfigurationError(Exception):
    """The file holds something that hozon does not dare to change."""


def configuration_file() -> str:
    """The file that sessions of this environment read."""
    return os.path.join(sys.prefix, "etc", "ipython", "ipython_config.json")


def is_enabled(file: str) -> bool:
    """Whether sessions load hozon. Raises `ConfigurationError`."""
    return _NAME in _extensions(_read(file), file)


def enable(file: str) -> None:
    """Has sessions load hozon. Raises `ConfigurationError` and `OSError`, and has changed nothing then."""
    configuration = _read(file)
    extensions = _extensions(configuration, file)
    if _NAME not in extensions:
        configuration.setdefault(_SECTION, {})[_LIST] = [*extensions, _NAME]
        _write(file, configuration)


def disable(file: str) -> None:
    """The other way round; what else stands in the file stays."""
    configuration = _read(file)
    extensions = _extensions(configuration, file)
    if _NAME not in extensions:
        return
    section = configuration[_SECTION]
    section[_LIST] = [name for name in extensions if name != _NAME]
    if not section[_LIST]:
        del section[_LIST]
    if not section:
        del configuration[_SECTION]
    if configuration:
        _write(file, configuration)
    else:
        os.remove(file)


def _read(file: str) -> dict[str, Any]:
    try:
        with open(file, encoding="utf-8") as opened:
            configuration = json.load(opened)
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise ConfigurationError(f"{file} is no JSON ({error}); it is left as it is") from None
    if not isinstance(configuration, dict):
        raise ConfigurationError(f"{file} holds no configuration of IPython; it is left as it is")
    return configuration


def _extensions(configuration: dict[str, Any], file: str) -> list[str]:
    section = configuration.get(_SECTION, {})
    extensions = section.get(_LIST, []) if isinstance(section, dict) else None
    if not isinstance(extensions, list):
        raise ConfigurationError(f"{file}: `{_SECTION}.{_LIST}` is no list; it is left as it is")
    return extensions


def _write(file: str, configuration: dict[str, Any]) -> None:
    """Puts a file in the place of another, whole."""
    folder = os.path.dirname(file)
    os.makedirs(folder, exist_ok=True)
    descriptor, written = tempfile.mkstemp(dir=folder, suffix=".json.new")
    try:
        with open(descriptor, "w", encoding="utf-8") as opened:
            json.dump(configuration, opened, indent=2)
            opened.write("\n")
        os.chmod(written, 0o644)
        os.replace(written, file)
    except BaseException:
        os.unlink(written)
        raise


def main(arguments: Sequence[str]) -> int:
    """`hozon ipython`; gives the exit code."""
    if list(arguments) in (["-h"], ["--help"]):
        print(USAGE, end="")
        return 0
    if len(arguments) != 1 or arguments[0] not in ("enable", "disable", "status"):
        print(USAGE, end="", file=sys.stderr)
        return 2
    file = configuration_file()
    try:
        if arguments[0] == "enable":
            enable(file)
        elif arguments[0] == "disable":
            disable(file)
        state = "load" if is_enabled(file) else "do not load"
    except (ConfigurationError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"sessions of IPython and Jupyter {state} hozon ({file})")
    return 0
