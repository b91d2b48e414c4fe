"""Skips the body of a `with` block: raises at its first instruction, for the manager's exit to swallow.

From Python 3.12 on an instruction event local to the code object does it (`sys.monitoring`), which
leaves debuggers and coverage alone. On 3.11 opcode tracing of the one frame does it; the trace
functions that were there before are restored at the exit.

Line events would not do: bodies on the line of the `with`, or that begin with `try`, escape them.
"""

from __future__ import annotations

import sys
from types import FunctionType, MethodType, NoneType

from hozon._records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType
    from typing import Any

# Whether the local names of a running function can be deleted from outside.
CAN_DELETE = sys.version_info < (3, 12)


class SkipBody(BaseException):
    """Leaves a body that is not to run. Only the block that raised it ends it."""


class Exit(Record):
    """Where a body can be left before it has begun.

    Attributes:
        offset: The instruction, in bytes, before which to raise.
        unbound: The name that `as` would have been given there, if that has not happened yet.
        of_module: Whether that name is declared `global`.
    """

    offset: int
    unbound: str | None = None
    of_module: bool = False


def find_exit(
    code: CodeType, entered: int, extent: tuple[int, int, int, int], managers_after: int
) -> Exit | None:
    """Where the body of the manager entered at `entered` can be left; None where it cannot be.

    The best place is right behind the manager's entry, where the name of `as` is about to be bound.
    Where other managers are still to be entered, or the target is no plain name, it is the first
    instruction of the body; but on 3.11 a `try` that opens a body begins outside of the `with`'s reach.
    """
    import dis

    instructions = list(dis.get_instructions(code))
    behind = next(instruction for instruction in instructions if instruction.offset > entered)
    if managers_after == 0 and behind.opname == "POP_TOP":
        return Exit(offset=behind.offset)
    if managers_after == 0 and behind.opname.startswith(
        ("STORE_FAST", "STORE_NAME", "STORE_GLOBAL", "STORE_DEREF")
    ):
        names = behind.argval
        name = str(names[0] if isinstance(names, tuple) else names)
        return Exit(offset=behind.offset, unbound=name, of_module=behind.opname == "STORE_GLOBAL")
    first = _first_of_body(code, extent)
    stretches = _stretches_of_exits(code, instructions)
    own = min((entry for entry in stretches if entry[0] > entered), default=None)
    here = max(
        (entry for entry in stretches if entry[0] <= first < entry[1]),
        key=lambda entry: entry[2],
        default=None,
    )
    reaches = own is not None and here is not None and here[2] >= own[2]
    return Exit(offset=first) if reaches else None


def _first_of_body(code: CodeType, extent: tuple[int, int, int, int]) -> int:
    start, end = extent[:2], extent[2:]
    for index, (line, end_line, column, end_column) in enumerate(code.co_positions()):
        if line is None or column is None or end_line is None or end_column is None:
            continue
        if start <= (line, column) and (end_line, end_column) <= end:
            return 2 * index
    return -1


def has_positions(code: CodeType) -> bool:
    """Whether the columns of instructions are known (not so under `-X no_debug_ranges`)."""
    return any(column is not None for _, _, column, _ in code.co_positions())


def position_at(code: CodeType, offset: int) -> tuple[int, int] | None:
    """Line and column of the instruction at an offset in bytes."""
    from itertools import islice

    found = next(islice(code.co_positions(), offset // 2, None), None)
    if found is None or found[0] is None or found[2] is None:
        return None
    return found[0], found[2]


def _exception_table(code: CodeType) -> list[tuple[int, int, int, int]]:
    """Start, end, handler and stack depth of each entry of a code object's exception table."""
    table = iter(code.co_exceptiontable)

    def number() -> int:
        byte = next(table)
        value = byte & 63
        while byte & 64:
            byte = next(table)
            value = value << 6 | byte & 63
        return value

    entries: list[tuple[int, int, int, int]] = []
    while True:
        try:
            start = number() * 2
        except StopIteration:
            return entries
        length, handler, depth = number() * 2, number() * 2, number() >> 1
        entries.append((start, start + length, handler, depth))


def _stretches_of_exits(code: CodeType, instructions: list[Any]) -> list[tuple[int, int, int]]:
    """Start, end and depth of each stretch whose exceptions go first to a `with`'s exit."""
    exits = [instruction.offset for instruction in instructions if instruction.opname == "WITH_EXCEPT_START"]
    return [
        (start, end, depth)
        for start, end, handler, depth in _exception_table(code)
        if any(handler <= leave <= handler + 16 for leave in exits)
    ]


class Skip:
    """A body that is to be skipped, from the manager's entry to its exit."""

    def __init__(self, frame: FrameType, leave_at: Exit) -> None:
        self.frame: FrameType | None = frame
        self.leave_at = leave_at
        self.raised = SkipBody()
        _start(self)

    def end(self) -> None:
        """Puts everything back as it was. May be called more than once."""
        if self.frame is not None:
            _stop(self)
            self.frame = None


if sys.version_info >= (3, 12):
    _skips: list[Skip] = []
    _tool: int | None = None

    def _start(skip: Skip) -> None:
        monitoring = sys.monitoring
        _skips.append(skip)
        assert skip.frame is not None
        monitoring.set_local_events(_tool_id(), skip.frame.f_code, monitoring.events.INSTRUCTION)

    def _tool_id() -> int:
        """A tool number that nobody uses; the conventional ones of debuggers and the like come last."""
        global _tool
        if _tool is None:
            free = [number for number in (3, 4, 2, 5, 1, 0) if sys.monitoring.get_tool(number) is None]
            if not free:
                raise RuntimeError("every monitoring tool number of this process is taken")
            _tool = free[0]
            sys.monitoring.use_tool_id(_tool, "hozon")
            sys.monitoring.register_callback(_tool, sys.monitoring.events.INSTRUCTION, _on_instruction)
        return _tool

    def _on_instruction(code: CodeType, offset: int) -> Any:
        frame = sys._getframe(1)
        for skip in reversed(_skips):
            if skip.frame is frame and skip.leave_at.offset == offset:
                raise skip.raised
        return None

    def _stop(skip: Skip) -> None:
        _skips.remove(skip)
        assert skip.frame is not None
        code = skip.frame.f_code
        others = any(other.frame is not None and other.frame.f_code is code for other in _skips)
        if not others:
            sys.monitoring.set_local_events(_tool_id(), code, 0)

else:

    def _start(skip: Skip) -> None:
        frame = skip.frame
        assert frame is not None
        skip.depth = _depth_above(frame)  # type: ignore[attr-defined]
        skip_state = (_tracing(), frame.f_trace, frame.f_trace_opcodes, frame.f_trace_lines)
        skip.before = skip_state  # type: ignore[attr-defined]

        def trace(traced: FrameType, event: str, argument: Any) -> Any:
            if event == "opcode" and traced.f_lasti == skip.leave_at.offset:
                raise skip.raised
            return trace

        frame.f_trace = trace
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        if not isinstance(sys.gettrace(), (FunctionType, MethodType, NoneType)):
            _hide_returns(frame)
        sys.settrace(_no_new_frames)

    def _tracing() -> Callable[[], object]:
        """What puts the trace function of this thread back as it is now.

        `sys.settrace` would not do for one that is written in C (coverage's): it would be called as a
        Python function from then on, and miss the frames that run already.
        """
        trace = sys.gettrace()
        if isinstance(trace, (FunctionType, MethodType, NoneType)):
            return lambda: sys.settrace(trace)
        import ctypes

        api = ctypes.pythonapi
        api.PyThreadState_Get.restype = ctypes.c_void_p
        word = ctypes.sizeof(ctypes.c_void_p)
        state = api.PyThreadState_Get()
        function = ctypes.c_void_p.from_address(state + _C_TRACE_WORD * word).value
        holder = ctypes.c_void_p.from_address(state + (_C_TRACE_WORD + 2) * word).value
        if word != 8 or holder != id(trace) or not function:
            return lambda: sys.settrace(trace)
        return lambda: api.PyEval_SetTrace(ctypes.c_void_p(function), ctypes.py_object(trace))

    def _depth_above(frame: FrameType) -> int:
        """How many frames the caller is above a frame."""
        above, depth = sys._getframe(1), 0
        while above is not frame and above.f_back is not None:
            above, depth = above.f_back, depth + 1
        return depth

    def _hide_returns(frame: FrameType) -> None:
        """Keeps the returns of hozon's own frames above a frame from the trace function: it is not told
        of the calls that lead to its restoring either, but of their returns it is."""
        above = sys._getframe(1)
        while above is not frame and above.f_back is not None:
            above.f_trace = None
            above = above.f_back

    def _call_at_depth(depth: int, frame: FrameType, restore: Callable[[], object]) -> None:
        """Puts the trace function back as deep as it was taken away: coverage counts calls and returns,
        and sees as many returns now as it missed then. `restore` itself is one frame more."""
        if _depth_above(frame) + 1 < depth:
            _call_at_depth(depth, frame, restore)
        else:
            restore()

    # Where `c_tracefunc` stands in the thread state of Python 3.11, the only one that comes here, in
    # words of 8 bytes. `c_traceobj` two words behind it must be the trace function, else this is not it.
    _C_TRACE_WORD = 9

    def _no_new_frames(frame: FrameType, event: str, argument: Any) -> None:
        return None

    def _stop(skip: Skip) -> None:
        frame = skip.frame
        assert frame is not None
        restore, frame_trace, opcodes, lines = skip.before  # type: ignore[attr-defined]
        _call_at_depth(skip.depth, frame, restore)  # type: ignore[attr-defined]
        frame.f_trace = frame_trace
        frame.f_trace_opcodes = opcodes
        frame.f_trace_lines = lines


def bind(frame: FrameType, values: dict[str, Any], gone: list[str], *, is_function: bool) -> None:
    """Gives local names of a frame their values, and deletes others."""
    names = frame.f_locals
    for name, value in values.items():
        names[name] = value
    # A function's own names cannot be deleted from Python 3.12 on; such results are not stored.
    for name in gone if CAN_DELETE or not is_function else ():
        names.pop(name, None)
    if is_function and sys.version_info < (3, 13):
        import ctypes

        ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), ctypes.c_int(1))
