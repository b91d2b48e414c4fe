"""hozon's exceptions and its warning."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class HozonError(Exception):
    """The parent of hozon's exceptions."""


class StoreError(HozonError):
    """The store could not do what was asked."""


class NotSavedError(HozonError, KeyError):
    """`hozon.load` found nothing under the name."""

    def __str__(self) -> str:
        return str(self.args[0])


class NotebookError(HozonError):
    """A notebook cannot be run as it was asked for."""


class CellError(NotebookError):
    """Cells of a notebook failed or cannot run. `__cause__` is the exception of the first one, if it could
    leave the process of the cells; its traceback is a note of this exception.

    Attributes:
        number: The first such cell, from 1.
        namespace: What the other cells have given, by name.
    """

    def __init__(self, message: str, number: int, namespace: dict[str, Any]) -> None:
        super().__init__(message)
        self.number = number
        self.namespace = namespace

    def __reduce__(self) -> Any:
        # What the cells gave may not be for pickling.
        return type(self), (self.args[0], self.number, {}), {"__notes__": getattr(self, "__notes__", [])}


class UnavailableError(HozonError, KeyError):
    """A name of a notebook has a value that cannot leave the process of the cells."""

    def __str__(self) -> str:
        return str(self.args[0])


class BlockError(HozonError):
    """A `with` block cannot be cached where it stands."""


class SourceChanged(HozonError):
    """Code that runs was loaded from a text that its file does not hold any more."""


class NoDigestError(TypeError):
    """A library's value that has no digest, in hozon's own words."""


class UndigestibleError(HozonError, TypeError):
    """An input of a computation has no digest, so that no key can be made.

    Attributes:
        name: The argument or variable.
        type_name: The type that has no digest; it may be of something inside the input.
    """

    def __init__(self, kind: str, name: str, inside: str, type_name: str, why: str, computation: str) -> None:
        self.name = name
        self.type_name = type_name
        what = f"{type_name}" if not inside else f"{type_name}, at {name}{inside}"
        outs = [
            "close over it: a global goes by the code that made it",
            f"leave it out with ignore=[{name.split('[')[0]!r}], if it cannot matter",
            f"give its type a digest: hozon.register_digest({type_name}, function), or "
            "a method __hozon_digest__",
        ]
        if kind == "variable":
            outs[0] = "make it at the top level of a module, so that it goes by the code that made it"
            outs[1] = "pass it as an argument and leave it out with ignore=[...], if it cannot matter"
        ways = "; ".join(f"({number}) {out}" for number, out in enumerate(outs, 1))
        super().__init__(f"{kind} `{name}` of {computation} has no digest: {what} ({why}). Ways out: {ways}")


# What Python says about types, functions, modules and files: names, and no values.
_SAYS_NAMES_ALONE = (
    r"cannot pickle '[\w.]+' object.{0,30}",
    r"Can't pickle <(function|class|built-in function) [\w.<>' ]+>: "
    r"(it's not|attribute lookup|import of module)[\w.<>' ]+",
    r"Can't get (local object|attribute|local attribute) '[\w.<>]+'.*",
    r"No module named '[\w.]+'.*",
    r"(module|type object) '[\w.]+' has no attribute '\w+'.*",
    r"'[\w.]+' object has no attribute '\w+'.*",
    r"cannot import name '\w+' from '[\w.]+'.*",
    r"`\w+` is defined in the block: .*",
    r"[\w.<>:]+ can only be found by hozon",
    r"it (is a widget|holds an element of marimo's page), which only running its cell makes",
    r"pin_local_libs is .*, but the local module `[\w.]+` has no version: .*",
    r"the program that loads a result does not define [\w.<>]+, which the result needs",
)


def said(error: BaseException) -> str:
    """What may be passed on of an exception of other code: its type, and its text where that tells no
    values. A value may be a secret, and an exception may quote it."""
    import re

    name = type(error).__name__
    if isinstance(error, (HozonError, OSError, MemoryError)):
        return f"{name}: {error}"
    try:
        text = str(error)
    except Exception:
        return name
    is_safe = any(re.fullmatch(pattern, text) for pattern in _SAYS_NAMES_ALONE)
    return f"{name}: {text}" if is_safe else name


class HozonWarning(UserWarning):
    """Something that hozon cannot see, store or use. The program's own result is right all the same."""
