"""marimo's command, whose kernel writes into `told.json` what came of each cell. The kernel is a process of its
own, which imports this file as its main module."""

import json
import sys
from typing import Any

from hozon.hosts._marimo_cells import MarimoSession

_note = MarimoSession._note


def _note_and_tell(session: MarimoSession, told: Any) -> None:
    _note(session, told)
    found = [
        (place, one.name, one.state, one.seconds, [one.why] if one.why else _why(session, one.number))
        for place, one in enumerate(session.told)
    ]
    with open("told.json", "w") as file:
        json.dump(found, file)


def _why(session: MarimoSession, number: int) -> list[str]:
    return list(session.cells.why(session.store, number))


MarimoSession._note = _note_and_tell  # type: ignore[method-assign]

if __name__ == "__main__":
    from marimo._cli.cli import main

    sys.exit(main())
