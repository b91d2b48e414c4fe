"""The `hozon` command: hands the terminal and the environment over to the native part."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def main() -> int:
    """Runs the command with the arguments of this process; gives its exit code."""
    if sys.argv[1:2] == ["audit"]:
        from hozon._auditing import main as audit

        return audit(sys.argv[2:])
    if sys.argv[1:2] == ["ipython"]:
        from hozon.hosts._autoloading import main as ipython

        return ipython(sys.argv[2:])
    if sys.argv[1:3] == ["trust", "tier"] and not {"-h", "--help"} & set(sys.argv):
        from hozon._tiers import main as tier

        return tier(sys.argv[3:])
    from hozon._config import resolve, store_bound
    from hozon._hozon import run_command, tier_warnings
    from hozon._runtime import seal_key_file

    try:
        folder = resolve(None, {}, name=None, when=None).folder
    except (TypeError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    code = run_command(
        sys.argv,
        folder,
        seal_key_file(),
        store_bound,
        _tiers_of,
        _width(1),
        _width(2),
        os.isatty(0),
        _user(),
        _LazyHost(),
    )
    for said in tier_warnings():
        print(f"note: {said}", file=sys.stderr)
    return code


def _tiers_of(folder: str) -> dict[str, Any] | None:
    """What stands behind a store; what the user should know of that is told."""
    from hozon._config import may_have_tiers

    if not may_have_tiers(folder):
        return None
    from hozon._tiers import configured

    tiers, notes = configured(folder)
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    return tiers


def _width(descriptor: int) -> int | None:
    """The columns of the terminal that a standard stream is, if it is one."""
    return os.get_terminal_size(descriptor).columns if os.isatty(descriptor) else None


class _LazyHost:
    """Loads what notebooks need when a notebook is asked for."""

    def __getattr__(self, name: str) -> Any:
        from hozon._hosting import Host

        host = Host()
        self.settings, self.start = host.settings, host.start
        return getattr(host, name)


def _user() -> str:
    """Who uses the command, as the system knows them: for the records of what a person accepts.

    As `getpass.getuser`; loading that module takes longer.
    """
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        if os.environ.get(name):
            return os.environ[name]
    try:
        import pwd

        return pwd.getpwuid(os.getuid())[0]
    except (AttributeError, KeyError, ImportError):
        return "unknown user"


if __name__ == "__main__":
    sys.exit(main())
