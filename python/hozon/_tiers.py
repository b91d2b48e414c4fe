"""Which tiers stand behind a store, by the user's word: loaded where anything names one.

A project's file may name tiers; they are used only where the user has consented (`hozon trust tier ADDRESS`),
since whoever answers there sees which results are asked for, and gets those that are sent.
"""

from __future__ import annotations

import os
import sys

from hozon._config import data_folder, project_tiers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_VARIABLES = ("AWS_", "AZURE_", "GOOGLE_")
_TRUE = {"1", "true", "yes", "on"}


def configured(folder: str) -> tuple[dict[str, Any] | None, list[str]]:
    """What stands behind the store in a folder, and what the user should know of it."""
    addresses, notes = _addresses(folder)
    if not addresses:
        return None, notes
    settings = {
        "addresses": addresses,
        "variables": [(name, value) for name, value in os.environ.items() if name.startswith(_VARIABLES)],
        "tokens": _tokens(notes),
        "token": os.environ.get("HOZON_TIER_TOKEN"),
        "certificates": _certificates(notes),
        "plain_http": _is_set("HOZON_TIERS_PLAIN_HTTP"),
        "read_only": _is_set("HOZON_TIERS_READ_ONLY"),
    }
    return settings, notes


def _is_set(name: str) -> bool:
    return os.environ.get(name, "").lower() in _TRUE


def _addresses(folder: str) -> tuple[list[str], list[str]]:
    named = os.environ.get("HOZON_TIERS")
    if named is not None:
        return [_normal(part) for part in named.replace(",", " ").split()], []
    consented = read_consents()
    addresses = [address for address, everywhere in consented.items() if everywhere]
    try:
        asked = [_normal(address) for address in project_tiers(folder)]
    except (TypeError, ValueError) as error:
        return addresses, [f"the project's tiers are not used: {error}"]
    addresses += [address for address in asked if address in consented and address not in addresses]
    return addresses, [_unused(address) for address in asked if address not in consented]


def _unused(address: str) -> str:
    shown = "".join(character if character.isprintable() else "?" for character in address)
    if "@" in shown or "?" in shown:
        shown = "(an address with more than a place in it)"
    return f"the project names the tier {shown}, which is not used: `hozon trust tier ADDRESS` allows it"


def _normal(address: str) -> str:
    address = address.strip().rstrip("/")
    return os.path.expanduser(address) if address.startswith("~") else address


def consents_file() -> str:
    """Where the user's consents are kept: an address on each line, with `everywhere` behind some."""
    return os.path.join(data_folder(), "tiers")


def read_consents() -> dict[str, bool]:
    """The tiers that the user allows, and whether they are used for every project."""
    consents = {}
    for line in _lines(consents_file()):
        address, _, everywhere = line.partition(" ")
        consents[address] = everywhere.strip() == "everywhere"
    return consents


def _lines(file: str) -> list[str]:
    try:
        with open(file, encoding="utf-8") as opened:
            lines = [line.strip() for line in opened]
    except (OSError, UnicodeDecodeError):
        return []
    return [line for line in lines if line and not line.startswith("#")]


def _tokens(notes: list[str]) -> list[tuple[str, str]]:
    """The user's tokens: an address and a token on each line of a file that nobody else reads."""
    file = os.path.join(data_folder(), "tier_tokens")
    try:
        if os.name == "posix" and os.stat(file).st_mode & 0o077:
            notes.append(f"others may read {file}, so that its tokens are not used: chmod 600 {file}")
            return []
    except OSError:
        return []
    pairs = [line.split() for line in _lines(file)]
    return [(_normal(pair[0]), pair[1]) for pair in pairs if len(pair) == 2]


def _certificates(notes: list[str]) -> bytes | None:
    file = os.environ.get("HOZON_TIERS_CERTIFICATES")
    if not file:
        return None
    try:
        with open(file, "rb") as opened:
            return opened.read(1 << 20)
    except OSError as error:
        notes.append(f"the certificates of HOZON_TIERS_CERTIFICATES cannot be read: {error.strerror}")
        return None


def main(arguments: list[str]) -> int:
    """`hozon trust tier [ADDRESS [--everywhere | --remove]]`."""
    options = [argument for argument in arguments if argument.startswith("--")]
    places = [argument for argument in arguments if not argument.startswith("--")]
    if set(options) - {"--everywhere", "--remove"} or len(options) > 1 or len(places) > 1:
        print("usage: hozon trust tier [ADDRESS [--everywhere | --remove]]", file=sys.stderr)
        return 2
    consents = read_consents()
    if not places:
        for address, everywhere in consents.items():
            print(address, "everywhere" if everywhere else "where a project names it")
        return 0
    address = _normal(places[0])
    if "@" in address or "?" in address or any(c.isspace() or not c.isprintable() for c in address):
        print("error: an address of a tier has no user, password or query", file=sys.stderr)
        return 2
    if "--remove" in options:
        if consents.pop(address, None) is None:
            print("error: that tier is not allowed anyway", file=sys.stderr)
            return 1
    else:
        consents[address] = "--everywhere" in options
    _write(consents)
    return 0


def _write(consents: dict[str, bool]) -> None:
    os.makedirs(data_folder(), mode=0o700, exist_ok=True)
    lines = [
        f"{address} everywhere\n" if everywhere else f"{address}\n"
        for address, everywhere in consents.items()
    ]
    temporary = f"{consents_file()}.{os.getpid()}.tmp"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as opened:
        opened.writelines(lines)
    os.replace(temporary, consents_file())
