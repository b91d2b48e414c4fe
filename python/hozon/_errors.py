"""hozon's exceptions and its warning."""

from __future__ import annotations


class HozonError(Exception):
    """The parent of hozon's exceptions."""


class StoreError(HozonError):
    """The store could not do what was asked."""


class NotSavedError(HozonError, KeyError):
    """`hozon.load` found nothing under the name."""

    def __str__(self) -> str:
        return str(self.args[0])


class BlockError(HozonError):
    """A `with` block cannot be cached where it stands."""


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


class HozonWarning(UserWarning):
    """Something that hozon cannot see, store or use. The program's own result is right all the same."""
