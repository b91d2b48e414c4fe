"""What a computation shows is recorded, and replaying it shows the same."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import io
import logging
import pickle
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from hozon import HozonWarning, _replaying
from hozon._replaying import Recording, replay


@contextlib.contextmanager
def recorded(**settings: Any) -> Iterator[Recording]:
    recording = Recording(**settings)
    recording.start()
    try:
        yield recording
    finally:
        recording.stop()


def texts(recording: Recording) -> list[tuple[str, str]]:
    """The text events: stream and text."""
    return [event[1:3] for event in recording.events() or [] if event[0] in ("text", "bytes")]


def replayed(events: Any) -> tuple[str, str]:
    """What replaying events in another process would write."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        replay(pickle.loads(pickle.dumps(events)))
    return out.getvalue(), err.getvalue()


# Text --------------------------------------------------------------------------------------------


def test_text_is_passed_on_and_replayed(capsys: pytest.CaptureFixture[str]) -> None:
    with recorded() as recording:
        print("one", 2)
        print("trouble", file=sys.stderr)
        sys.stdout.writelines(["a", "b"])
    assert capsys.readouterr() == ("one 2\nab", "trouble\n")
    assert replayed(recording.events()) == ("one 2\nab", "trouble\n")


def test_silence_has_no_events() -> None:
    with recorded() as recording:
        sys.stdout.flush()
    assert recording.events() is None
    replay(None)


def test_order_of_the_two_streams_is_kept() -> None:
    with recorded() as recording:
        print("1")
        print("2", file=sys.stderr)
        print("3")
    assert texts(recording) == [("stdout", "1\n"), ("stderr", "2\n"), ("stdout", "3\n")]


def test_streams_are_put_back() -> None:
    before = sys.stdout, sys.stderr
    recording = Recording()
    recording.start()
    assert sys.stdout is not before[0]
    recording.stop()
    recording.stop()
    assert (sys.stdout, sys.stderr) == before
    assert sys.stdout is before[0]
    assert sys.stderr is before[1]


def test_a_stream_that_the_computation_leaves_stays() -> None:
    before, left = sys.stdout, io.StringIO()
    recording = Recording()
    recording.start()
    try:
        sys.stdout = left
        recording.stop()
        assert sys.stdout is left
    finally:
        sys.stdout = before


def test_text_that_the_computation_redirects_is_not_its_output() -> None:
    inside = io.StringIO()
    with recorded() as recording:
        with contextlib.redirect_stdout(inside):
            print("caught")
        print("shown")
    assert inside.getvalue() == "caught\n"
    assert texts(recording) == [("stdout", "shown\n")]


def test_write_may_be_replaced_and_put_back() -> None:
    """As `mo.redirect_stdout` does, once in another."""
    stream, there, further = io.StringIO(), io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(stream), recorded():
        before = sys.stdout.write
        sys.stdout.write = there.write  # type: ignore[method-assign]
        within = sys.stdout.write
        sys.stdout.write = further.write  # type: ignore[method-assign]
        print("further")
        sys.stdout.write = within  # type: ignore[method-assign]
        print("there")
        sys.stdout.write = before  # type: ignore[method-assign]
        print("shown")
    assert (stream.getvalue(), there.getvalue(), further.getvalue()) == ("shown\n", "there\n", "further\n")


def test_text_that_is_redirected_around_is_recorded_and_passed_on() -> None:
    around = io.StringIO()
    with contextlib.redirect_stdout(around):
        with recorded() as recording:
            print("seen")
        assert sys.stdout is around
    assert around.getvalue() == "seen\n"
    assert texts(recording) == [("stdout", "seen\n")]


def test_a_computation_inside_a_redirection_of_another() -> None:
    around = io.StringIO()
    with recorded() as outer:
        with contextlib.redirect_stdout(around), recorded() as inner:
            print("inside")
        print("outside")
    assert around.getvalue() == "inside\n"
    assert texts(inner) == [("stdout", "inside\n")]
    assert texts(outer) == [("stdout", "outside\n")]


def test_text_of_an_inner_computation_belongs_to_the_outer_too() -> None:
    with recorded() as outer:
        print("before")
        with recorded() as inner:
            print("inner")
        replay(inner.events())
    assert texts(inner) == [("stdout", "inner\n")]
    assert texts(outer) == [("stdout", "before\ninner\ninner\n")]


def test_the_stream_behaves_as_the_one_that_it_stands_for() -> None:
    binary = io.BytesIO()
    original = io.TextIOWrapper(binary, encoding="latin-1", newline="\n")
    with contextlib.redirect_stdout(original), recorded() as recording:
        stream: Any = sys.stdout
        assert isinstance(stream, io.TextIOWrapper)
        assert stream == original
        assert (stream.encoding, stream.isatty(), stream.closed) == ("latin-1", False, False)
        assert repr(stream) == repr(original)
        with pytest.raises(io.UnsupportedOperation):
            stream.fileno()
        stream.reconfigure(encoding="utf-8")
        assert original.encoding == "utf-8"
        with pytest.raises(AttributeError):
            stream.no_such_attribute  # noqa: B018
        with pytest.raises(TypeError):
            stream.write(b"bytes")
        with pytest.raises(TypeError):
            pickle.dumps(stream)
        assert stream.write("äh") == 2
        stream.flush()
        stream.buffer.write(b"\xff")
        stream.custom = 1
        assert original.custom == 1  # type: ignore[attr-defined]
    assert binary.getvalue() == "äh".encode() + b"\xff"
    assert texts(recording) == [("stdout", "äh"), ("stdout", b"\xff")]


def test_bytes_are_replayed_where_there_is_only_text() -> None:
    assert replayed([("bytes", "stdout", "ä\n".encode())]) == ("ä\n", "")


def test_a_flush_is_replayed() -> None:
    class Stream(io.StringIO):
        flushed = ""

        def flush(self) -> None:
            self.flushed = self.getvalue()

    with recorded() as recording:
        print("go", end="", flush=True)
        print("\ron", end="", flush=True)
        print("!", end="")
    stream = Stream()
    with contextlib.redirect_stdout(stream):
        replay(recording.events())
    assert (stream.getvalue(), stream.flushed) == ("go\ron!", "")
    stream = Stream()
    with contextlib.redirect_stdout(stream), recorded() as recording:
        print("go", end="", flush=True)
    with contextlib.redirect_stdout(Stream()) as target:
        replay(recording.events())
    assert target.flushed == "go"


def test_a_generator_is_not_fed_by_its_consumer() -> None:
    recording = Recording()
    before = sys.stdout
    recording.start()
    print("1")
    recording.pause()
    assert sys.stdout is before
    print("of the consumer")
    recording.resume()
    print("2")
    recording.stop()
    assert texts(recording) == [("stdout", "1\n2\n")]


def test_too_much_text_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_replaying, "MOST_TEXT", 100)
    with recorded() as recording:
        for _ in range(3):
            sys.stdout.write("x" * 40)
        sys.stdout.write("more")
    assert recording.too_much is not None
    with pytest.raises(RuntimeError, match="text"):
        recording.events()


# Threads and tasks -------------------------------------------------------------------------------


def in_thread(function: Any) -> None:
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()


def test_threads_without_computations_feed_all_that_are_active() -> None:
    with recorded() as recording:
        in_thread(lambda: print("helper"))
    assert texts(recording) == [("stdout", "helper\n")]


def test_a_thread_with_a_computation_feeds_only_that() -> None:
    other = Recording()

    def work() -> None:
        other.start()
        print("of the other")
        other.stop()

    with recorded() as recording:
        in_thread(work)
        print("of this")
    assert texts(other) == [("stdout", "of the other\n")]
    assert texts(recording) == [("stdout", "of this\n")]


def test_stopping_in_any_order_restores() -> None:
    before = sys.stdout
    first, second = Recording(), Recording()
    first.start()
    second.start()
    first.stop()
    print("second")
    second.stop()
    assert sys.stdout is before
    assert first.events() is None
    assert texts(second) == [("stdout", "second\n")]


def test_tasks_do_not_feed_each_other() -> None:
    async def work(name: str, pauses: int) -> list[tuple[str, str]]:
        with recorded(is_task=True) as recording:
            for _ in range(pauses):
                print(name)
                await asyncio.sleep(0)
            await asyncio.gather(asyncio.create_task(child(name)))
        return texts(recording)

    async def child(name: str) -> None:
        print(f"child of {name}")

    async def bystander() -> None:
        for _ in range(5):
            print("bystander")
            await asyncio.sleep(0)

    async def main() -> Any:
        return await asyncio.gather(work("a", 2), work("b", 3), bystander())

    a, b, _ = asyncio.run(main())
    assert a == [("stdout", "a\na\nchild of a\n")]
    assert b == [("stdout", "b\nb\nb\nchild of b\n")]


def test_another_context_of_the_same_call_belongs_to_it() -> None:
    with recorded() as recording:
        contextvars.Context().run(print, "elsewhere")
    assert texts(recording) == [("stdout", "elsewhere\n")]


# Warnings ----------------------------------------------------------------------------------------


class OddWarning(UserWarning):
    def __init__(self, code: int, detail: str) -> None:
        super().__init__(code, detail)
        self.detail = detail

    def __str__(self) -> str:
        return f"odd: {self.detail}"


def shown_by(function: Any, action: Any = "always") -> list[warnings.WarningMessage]:
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter(action)
        function()
    return list(shown)


def events_of(function: Any) -> Any:
    recording = Recording()

    def run() -> None:
        recording.start()
        try:
            function()
        finally:
            recording.stop()

    shown_by(run)
    return recording.events()


def described(shown: list[warnings.WarningMessage]) -> list[Any]:
    return [(one.category, str(one.message), one.filename, one.lineno) for one in shown]


@pytest.mark.parametrize(
    "message",
    [DeprecationWarning("old"), OddWarning(3, "detail"), UserWarning(object), UserWarning("a", 1)],
    ids=str,
)
def test_a_warning_is_passed_on_and_replayed(message: Warning) -> None:
    def warn() -> None:
        warnings.warn(message, stacklevel=1)

    plain = shown_by(warn)
    events = events_of(warn)
    assert described(shown_by(lambda: replay(events))) == described(plain)
    with recorded() as recording:
        passed = shown_by(warn)
    assert described(passed) == described(plain)
    assert recording.events() is None, "caught inside"


def test_a_category_that_has_no_name_is_replayed_as_its_base() -> None:
    class Local(RuntimeWarning):
        pass

    events = pickle.loads(pickle.dumps(events_of(lambda: warnings.warn("here", Local, stacklevel=1))))
    (shown,) = shown_by(lambda: replay(events))
    assert (shown.category, str(shown.message)) == (RuntimeWarning, "here")


def test_the_filters_of_the_hit_decide() -> None:
    events = events_of(lambda: warnings.warn("no", stacklevel=1))
    assert shown_by(lambda: replay(events), "ignore") == []
    with pytest.raises(UserWarning, match="no"):
        shown_by(lambda: replay(events), "error")

    def module_is_ignored() -> None:
        warnings.filterwarnings("ignore", module=__name__.replace(".", r"\."))
        replay(events)

    assert shown_by(module_is_ignored) == []


def test_a_warning_is_replayed_once_for_each_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(globals(), "__warningregistry__", raising=False)
    monkeypatch.setattr(_replaying, "_registries", {})
    events = events_of(lambda: warnings.warn("again", stacklevel=1))
    monkeypatch.delitem(globals(), "__warningregistry__", raising=False)

    def twice() -> None:
        replay(events)
        replay(events)

    assert len(shown_by(twice, "default")) == 1
    assert len(shown_by(twice, "always")) == 2


def test_the_text_of_a_warning_is_not_recorded_twice(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        with pytest.MonkeyPatch.context() as patch:
            # As it is outside of pytest, which catches all warnings.
            patch.setattr(warnings, "_showwarnmsg_impl", plain_showing)
            with recorded() as recording:
                warnings.warn("to be seen", stacklevel=1)
                print("after")
    assert "to be seen" in capsys.readouterr().err
    assert [event[0] for event in recording.events() or []] == ["warning", "text"]


def plain_showing(message: Any) -> None:
    sys.stderr.write(f"{message.category.__name__}: {message.message}\n")


def test_warnings_by_the_users_own_hook_are_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    got = []
    monkeypatch.setattr(warnings, "showwarning", lambda message, *rest: got.append(str(message)))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        with recorded() as recording:
            warnings.warn("hooked", stacklevel=1)
    assert got == ["hooked"]
    assert [event[3] for event in recording.events() or []] == ["hooked"]


def test_hozons_own_warnings_are_not_recorded() -> None:
    assert events_of(lambda: warnings.warn("the disk is full", HozonWarning, stacklevel=1)) is None


def test_an_inner_warning_belongs_to_the_outer_too() -> None:
    def run() -> None:
        with recorded() as inner:
            warnings.warn("inner", stacklevel=1)
        assert inner.events() == [*(inner.events() or [])]
        replay(inner.events())

    assert [event[3] for event in events_of(run)] == ["inner", "inner"]


# Log records -------------------------------------------------------------------------------------


class Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    logger = logging.getLogger("hozon_test.replaying")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    yield logger
    logger.handlers.clear()
    logger.filters.clear()
    logger.setLevel(logging.NOTSET)
    logger.propagate = True


def formatted(records: list[logging.LogRecord]) -> list[str]:
    formatter = logging.Formatter("{levelname} {name} {funcName} {lineno} {message}", style="{")
    return [formatter.format(record) for record in records]


def test_log_records_are_passed_on_and_replayed(logger: logging.Logger) -> None:
    handler = Kept()
    logger.addHandler(handler)
    with recorded() as recording:
        logger.info("plain")
        logger.warning("with %s and %d", "args", 3, extra={"user": "me", "thing": object()})
        logger.error("with a dict %(a)s", {"a": 1})
        logger.debug("with %s", [1, 2])
        try:
            raise ValueError("inside")
        except ValueError:
            logger.exception("failed")
    events = pickle.loads(pickle.dumps(recording.events()))
    first = formatted(handler.records)
    assert len(first) == 5
    handler.records.clear()
    replay(events)
    assert formatted(handler.records) == first
    assert handler.records[1].args == ("args", 3)
    assert handler.records[1].user == "me"  # type: ignore[attr-defined]
    assert "ValueError: inside" in str(handler.records[4].exc_text)


def test_levels_and_filters_of_the_hit_decide(logger: logging.Logger) -> None:
    with recorded() as recording:
        logger.info("quiet")
        logger.error("loud")
    handler = Kept()
    logger.addHandler(handler)
    logger.setLevel(logging.WARNING)
    replay(recording.events())
    assert [record.getMessage() for record in handler.records] == ["loud"]
    logger.addFilter(lambda record: False)
    replay(recording.events())
    assert len(handler.records) == 1


def test_the_text_of_a_record_is_not_recorded_twice(
    logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    logger.addHandler(logging.StreamHandler(sys.stderr))
    handler = logging.StreamHandler()
    with recorded() as recording:
        handler.setStream(sys.stderr)
        logger.addHandler(handler)
        logger.error("once")
    assert capsys.readouterr().err == "once\nonce\n"
    assert [event[0] for event in recording.events() or []] == ["log"]


def test_logging_that_is_loaded_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "logging")
    with recorded() as recording:
        monkeypatch.setitem(sys.modules, "logging", logging)
        logging.getLogger("hozon_test").error("before")
        _replaying.note_new_libraries()
        logging.getLogger("hozon_test").error("after")
    assert [event[3] for event in recording.events() or [] if event[0] == "log"] == ["after"]
    assert logging.Logger.handle.__module__ == "logging"


# Displays ----------------------------------------------------------------------------------------


def test_displays_are_passed_on_and_replayed(project: Any) -> None:
    program = """
        from traitlets.config import Config
        from IPython.core.interactiveshell import InteractiveShell
        from IPython.display import HTML, clear_output, display, update_display
        from IPython.utils.capture import capture_output
        from hozon._replaying import Recording, replay

        config = Config()
        config.HistoryManager.enabled = False
        shell = InteractiveShell.instance(config=config)
        own = type(shell.display_pub).publish

        recording = Recording()
        with capture_output() as first:
            publisher = shell.display_pub
            recording.start()
            display(HTML("<b>x</b>"))
            display("draft", display_id="one")
            with capture_output():
                display("caught")
            print("between")
            update_display("final", display_id="one")
            recording.stop()
            assert "publish" not in vars(publisher)
        assert len(first.outputs) == 3, first.outputs
        with capture_output() as again:
            replay(recording.events())
        print([sorted(output.data) for output in again.outputs])
        print([output.data["text/plain"] for output in again.outputs][1:])
        print(repr(again.stdout))

        recording = Recording()
        recording.start()
        display("to the terminal")
        clear_output(wait=True)
        recording.stop()
        print([event[0] for event in recording.events()])
    """
    lines = project.main(program, IPYTHONDIR=str(project.folder))
    assert [*lines[:4], lines[-1]] == [
        "[['text/html', 'text/plain'], ['text/plain']]",
        """["'final'"]""",
        """'between\\n'""",
        "'to the terminal'",
        "['display', 'clear output']",
    ]
