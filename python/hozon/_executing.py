"""Runs the code of one cell, as its host does: positions, top-level `await`, interrupts, tracebacks."""

from __future__ import annotations
import __future__

import ast
import contextlib
import contextvars
import linecache
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from hozon import _figures, _open_figures

if TYPE_CHECKING:
    from types import CodeType, FrameType

    from hozon._displaying import Displays

_FUTURES = {name: getattr(__future__, name).compiler_flag for name in __future__.all_feature_names}
_COROUTINE = 0x80  # inspect.CO_COROUTINE; inspect takes long to load


class Executed(NamedTuple):
    """How the code of a cell ended.

    Attributes:
        end: "done", "failed" (an exception, also one of the compiler), "stopped" (`mo.stop`, and
            `sys.exit(0)` outside of Jupyter), "interrupted".
        error: What was raised; None where it ended well.
    """

    end: str
    error: BaseException | None = None


class _Cell(NamedTuple):
    """What `execute` was given."""

    source: str
    namespace: dict[str, Any]
    filename: str
    first_line: int
    shows_last: bool
    displays: Displays


class _Process:
    """What cells of one process leave for the cells after them."""

    future_flags = 0
    # The event loop of cells; None until one needs it.
    loop: Any = None
    # Of the cell that runs, or ran last.
    source = ""
    # Whether code of a cell runs, that an interrupt may be raised in.
    is_running = False
    # Whether an interrupt has come while none did.
    is_interrupted = False


def note_futures(source: str) -> None:
    """Carries a restored cell's `from __future__` over to the cells that are executed after it."""
    if "__future__" not in source:
        return
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    _Process.future_flags |= _future_flags(tree)


def _future_flags(tree: ast.Module) -> int:
    flags = 0
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
            for alias in statement.names:
                flags |= _FUTURES.get(alias.name, 0)
    return flags


def execute(
    source: str,
    *,
    namespace: dict[str, Any],
    filename: str,
    first_line: int,
    shows_last: bool,
    has_magics: bool,
    displays: Displays,
) -> Executed:
    """Runs a cell, inside of `displays`, which is active already. What it raises is shown, not raised.

    A child process that the cell forks and that comes out of its code ends here, as it would at the end
    of a script.

    Args:
        source: The code, from column 0.
        first_line: The line of the file that the source begins at, from 1.
        shows_last: Whether the value of a last expression is shown.
        has_magics: Whether IPython has to run it.
    """
    cell = _Cell(source, namespace, filename, first_line, shows_last, displays)
    register_source(source, filename, first_line)
    _Process.source = source
    process = os.getpid()
    error: BaseException | None
    with _Interruptible():
        try:
            error = _ran(cell, has_magics)
        except BaseException as raised:
            error = raised
        finally:
            _Process.is_running = False
    if os.getpid() != process:
        _leave_child(error)
    return _ended(error, displays)


def _ran(cell: _Cell, has_magics: bool) -> BaseException | None:
    """Compiles and runs a cell. Gives what it raised; an interrupt may be raised all the same."""
    source = _to_the_left(cell.source) if cell.displays.host == "jupyter" else cell.source
    try:
        shell = _shell(cell.namespace, has_magics)
        if shell is not None:
            shell.before_cell(source)
            source = shell.rewritten(source) if has_magics else source
        codes = compiled(source, cell.filename, cell.first_line, cell.shows_last)
    except Exception as error:
        return error
    _Process.is_running = True
    if _Process.is_interrupted:
        forget_interrupt()
        raise KeyboardInterrupt
    # What magic commands show, and keep from being shown, goes by the hook of the shell.
    with shell.display_trap if has_magics else contextlib.nullcontext():
        return _run_all(codes, cell)


def _to_the_left(source: str) -> str:
    """A cell that is indented as a whole, as IPython takes it: to the left by its first line."""
    if not source[:1].isspace():
        return source
    lines = source.split("\n")
    first = next((line for line in lines if line.strip()), "")
    indent = first[: len(first) - len(first.lstrip())]
    return "\n".join(line.removeprefix(indent) for line in lines)


def _run_all(codes: list[CodeType], cell: _Cell) -> BaseException | None:
    value = None
    for code in codes:
        with _open_figures.listening():
            value, error = _run(code, cell)
        if error is not None:
            return error
    if cell.shows_last:
        cell.displays.show_result(value)
    return None


def _shell(namespace: dict[str, Any], is_needed: bool) -> Any:
    """The shell of IPython if it runs, or is needed. Raises `ModuleNotFoundError` where there is none."""
    if not is_needed:
        return getattr(sys.modules.get("hozon.hosts._shell"), "running", None)
    try:
        from hozon.hosts._shell import shell_of
    except ImportError as error:
        raise ModuleNotFoundError(
            "this cell has magic commands, which IPython runs, and IPython cannot be imported "
            f"({error}): pip install ipython",
            name="IPython",
        ) from None
    return shell_of(namespace)


def compiled(source: str, filename: str, first_line: int, shows_last: bool) -> list[CodeType]:
    """The code objects of a cell: its statements, and its last expression if that is shown.

    Raises what the compiler raises, its lines those of the file.
    """
    flags = _Process.future_flags | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        tree: ast.Module = compile(source, filename, "exec", flags | ast.PyCF_ONLY_AST, dont_inherit=True)
    except SyntaxError as error:
        _move(error, first_line - 1)
        raise
    if first_line > 1:
        ast.increment_lineno(tree, first_line - 1)
    _Process.future_flags |= _future_flags(tree)
    flags |= _Process.future_flags
    last = tree.body[-1] if tree.body and shows_last else None
    codes = []
    try:
        if isinstance(last, ast.Expr):
            del tree.body[-1]
            codes = [compile(ast.Expression(last.value), filename, "eval", flags, dont_inherit=True)]
        return [compile(tree, filename, "exec", flags, dont_inherit=True), *codes]
    except SyntaxError as error:
        if error.text is None and error.lineno is not None:
            error.text = linecache.getline(filename, error.lineno)
        raise


def _move(error: SyntaxError, lines: int) -> None:
    """Gives an error of the parser, which saw the cell alone, the lines of the file."""
    if error.lineno is not None:
        error.lineno += lines
    if error.end_lineno is not None:
        error.end_lineno += lines


def register_source(source: str, filename: str, first_line: int) -> None:
    """Lets tracebacks and `inspect.getsource` find the text of a cell, at its lines of the file.

    Cells of one file share an entry of the line cache.
    """
    lines = [line + "\n" for line in source.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    entry = linecache.cache.get(filename)
    known = list(entry[2]) if entry is not None and len(entry) == 4 and entry[1] is None else []
    begin = first_line - 1
    known.extend(["\n"] * (begin - len(known)))
    known[begin : begin + len(lines)] = lines
    # Without a time, the line cache does not look at the file itself any more.
    linecache.cache[filename] = (sum(map(len, known)), None, known, filename)


# Running -----------------------------------------------------------------------------------------


def _run(code: CodeType, cell: _Cell) -> tuple[Any, BaseException | None]:
    """The value of code, which is None for statements, or what it raised."""
    if code.co_flags & _COROUTINE or _needs_loop(cell):
        return _in_loop(code, cell.namespace)
    try:
        return eval(code, cell.namespace), None
    except BaseException as error:
        return None, error


def _needs_loop(cell: _Cell) -> bool:
    """In Jupyter a loop runs around every cell; it is only made where a cell could tell."""
    return cell.displays.host == "jupyter" and (_Process.loop is not None or "asyncio" in cell.source)


def _in_loop(code: CodeType, namespace: dict[str, Any]) -> tuple[Any, BaseException | None]:
    """Runs code in the event loop. Tasks that it leaves go on while the next cells' code is in the loop."""
    import asyncio

    loop = _Process.loop
    if loop is None or loop.is_closed():
        loop = _Process.loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    task = loop.create_task(_as_coroutine(code, namespace))
    try:
        value, error, context = loop.run_until_complete(task)
    except BaseException as interrupt:
        _cancel(loop, task)
        return None, interrupt
    for variable, held in context.items():
        if variable.get(None) is not held:
            variable.set(held)
    return value, error


async def _as_coroutine(
    code: CodeType, namespace: dict[str, Any]
) -> tuple[Any, BaseException | None, contextvars.Context]:
    """The value of code, or what it raised, with the context that it left."""
    value, raised = None, None
    try:
        value = eval(code, namespace)
        if code.co_flags & _COROUTINE:
            value = await value
    except BaseException as error:
        raised = error
    return value, raised, contextvars.copy_context()


def _cancel(loop: Any, task: Any) -> None:
    """Ends a task that an interrupt has left in the middle, so that its `finally` clauses run."""
    if task.done():
        return
    task.cancel()
    try:
        loop.run_until_complete(task)
    except BaseException:
        # Another interrupt; the task stays where it is.
        return


# Ends --------------------------------------------------------------------------------------------


def _ended(error: BaseException | None, displays: Displays) -> Executed:
    """Shows what the cell raised, and its figures."""
    if error is None:
        end = "done"
    elif is_stop(error):
        end = "stopped"
        displays.show_result(getattr(error, "output", None))
    elif isinstance(error, SystemExit) and displays.host != "jupyter" and error.code in (None, 0):
        end = "stopped"
    else:
        displays.show_error(error)
        end = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
    shell = _shell({}, False)
    if shell is not None:
        shell.after_cell(error)
    _figures.end(displays)
    return Executed(end, error)


def is_stop(error: BaseException) -> bool:
    """Whether an exception is that of marimo's `mo.stop`."""
    cls = type(error)
    return cls.__name__ == "MarimoStopError" and cls.__module__.partition(".")[0] == "marimo"


def _leave_child(error: BaseException | None) -> None:
    """Ends a forked process that has come to the end of its parent's cell. It must not store or answer."""
    status = 0
    if isinstance(error, SystemExit) and (error.code is None or isinstance(error.code, int)):
        status = error.code or 0
    elif error is not None:
        from hozon._errors_shown import traceback_lines

        print("\n".join(traceback_lines(error)), file=sys.stderr)
        status = 1
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(status & 0xFF)


# Interrupts --------------------------------------------------------------------------------------


class _Interruptible:
    """While a cell runs, SIGINT raises `KeyboardInterrupt`, whatever handler an earlier cell has left."""

    def __init__(self) -> None:
        self._before: Any = None
        self._is_main = threading.current_thread() is threading.main_thread()

    def __enter__(self) -> None:
        if self._is_main:
            self._before = signal.signal(signal.SIGINT, _raise_in_cell)

    def __exit__(self, *error: object) -> None:
        if self._is_main and self._before is not None:
            signal.signal(signal.SIGINT, self._before)


def be_interruptible() -> None:
    """Has SIGINT reach the code of cells alone, for all the life of this process."""
    signal.signal(signal.SIGINT, _raise_in_cell)


def was_interrupted() -> bool:
    """Whether an interrupt is waiting for the next cell."""
    return _Process.is_interrupted


def forget_interrupt() -> None:
    """What was interrupted is done."""
    _Process.is_interrupted = False


def is_running() -> bool:
    """Whether code of a cell runs, and not hozon's own around it."""
    return _Process.is_running


def running_source() -> str:
    """The text of the cell that runs; of the last one if none does."""
    return _Process.source


def _raise_in_cell(number: int, frame: FrameType | None) -> None:
    """hozon's own code around cells is not interrupted: it would lose what they have done. What comes
    then is for the next cell that is executed."""
    if _Process.is_running:
        raise KeyboardInterrupt
    _Process.is_interrupted = True
