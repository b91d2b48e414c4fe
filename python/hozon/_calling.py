"""`hozon.run`: what a notebook's names hold, for a program that asks."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from typing import Any


class Namespace(dict[str, "Any"]):
    """The names of a notebook and their values at its end.

    Attributes:
        unavailable: Names that the notebook gives a value which cannot come here, each with the reason: a
            connection, say. To ask for one by `[]` raises `UnavailableError`, which tells it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.unavailable: dict[str, str] = {}

    def __missing__(self, name: str) -> Any:
        if name in self.unavailable:
            from hozon._errors import UnavailableError

            raise UnavailableError(f"`{name}` is not here: {self.unavailable[name]}")
        raise KeyError(name)


def run(path: str | os.PathLike[str], /, **parameters: Any) -> Namespace:
    """Runs a notebook as `hozon run` does, and returns what its names hold at the end.

    Only stale cells run; all other values come from the store, and where nothing is stale, no process is
    started. Settings, store and keys are those of `hozon run` with the same working directory, so that
    each restores what the other has stored. Nothing is printed.

    The cells run in a process of their own, since what this one has loaded and set is in no key. Here,
    values are restored, modules imported, and the statements run that define functions and classes; the
    working directory, `__main__`, options of libraries and random states stay as they are. What cannot
    leave the process of the cells, such as a connection, is not in the result: see
    `Namespace.unavailable`. Values that cells do not store (`# hozon: off`) come as copies.

    Args:
        path: The notebook: marimo, `# %%`, plain script or Jupyter.
        **parameters: Values for names that cells give a value, in place of these, as `-p NAME=VALUE` gives
            them. A text is a text, also where `-p` would take it for a number. They need a digest, and to
            be pickled where no literal says them.

    Raises:
        CellError: Cells failed or cannot run; the others have run. `__cause__` is the exception of the
            first one, if it could be brought here.
        NotebookError: The file is no notebook, or a parameter cannot be used.
        FileNotFoundError: There is no such file.
        KeyboardInterrupt: The run was interrupted; cells that were finished are stored.
    """
    from hozon._receiving import called

    return called(path, parameters)
