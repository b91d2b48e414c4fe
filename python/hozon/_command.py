"""The `hozon` command: hands the terminal and the environment over to the native part."""

from __future__ import annotations

import os
import sys


def main() -> int:
    """Runs the command with the arguments of this process; gives its exit code."""
    if sys.argv[1:2] == ["audit"]:
        from hozon._auditing import main as audit

        return audit(sys.argv[2:])
    from hozon._config import resolve
    from hozon._hozon import run_command
    from hozon._runtime import seal_key_file

    try:
        folder = resolve(None, {}, name=None, when=None).folder
    except (ValueError, NotImplementedError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    width = os.get_terminal_size(1).columns if os.isatty(1) else None
    return run_command(sys.argv, folder, seal_key_file(), width, os.isatty(0), _user())


def _user() -> str:
    """Who uses the command, as the system knows them: for the records of what a person accepts."""
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown user"


if __name__ == "__main__":
    sys.exit(main())
