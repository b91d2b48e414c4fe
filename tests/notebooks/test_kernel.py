"""The process that runs cells: its life, its death, and what cells do to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hozon._notebooks import KernelDied, KernelProcess

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends signals")

HERE = Path(__file__).parent


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., KernelProcess]]:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.delenv("MPLBACKEND", raising=False)
    started = []

    def make(**settings: Any) -> KernelProcess:
        whole = {"path": str(tmp_path / "notebook.py"), "class": "answering:Notebook", **settings}
        started.append(KernelProcess(whole))
        return started[-1]

    yield make
    for process in started:
        process.close()


def run(process: KernelProcess, source: str, on_shown: Any = None, **more: Any) -> dict[str, Any]:
    return process.ask({"do": "run", "source": textwrap.dedent(source), **more}, on_shown)


def text(reply: dict[str, Any], stream: str = "stdout") -> str:
    outputs = reply["outputs"]
    return "".join(output["text"] for output in outputs if output.get("name") == stream)


def value(reply: dict[str, Any]) -> str:
    assert reply["end"] == "done", reply
    return reply["outputs"][-1]["data"]["text/plain"]


# What cells find ---------------------------------------------------------------------------------


def test_cells_run_as_the_main_program(start, tmp_path) -> None:
    (tmp_path / "beside.py").write_text("x = 7")
    (tmp_path / "else").mkdir()
    process = start(arguments=["--fast"], working_directory=str(tmp_path / "else"))
    source = "import sys, os, beside, __main__; y = 1\n__name__, __file__, sys.argv, os.getcwd(), beside.x"
    file = str(tmp_path / "notebook.py")
    found = eval(value(run(process, source)))
    assert found == ("__main__", file, [file, "--fast"], str(tmp_path / "else"), 7)
    assert eval(value(run(process, "__main__.y, sys.path[0]"))) == (1, str(tmp_path))


def test_modules_beside_the_notebook_are_not_taken_for_those_that_hozon_uses(start, tmp_path) -> None:
    for name in ("json", "queue", "ast", "hozon"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('not this one')")
    assert value(run(start(working_directory=str(tmp_path)), "1 + 1")) == "2"


def test_names_of_ipython_are_there_in_jupyter_alone(start, tmp_path) -> None:
    source = "[name in dir(__builtins__) for name in ('display', 'get_ipython')], '__file__' in globals()"
    assert value(run(start(), source)) == "([False, False], True)"
    jupyter = start(host="jupyter", path=str(tmp_path / "notebook.ipynb"))
    assert value(run(jupyter, source)) == "([True, True], False)"


def test_input_is_empty(start) -> None:
    reply = run(start(), "input()")
    assert reply["end"] == "failed"
    assert reply["outputs"][-1]["ename"] == "EOFError"


def test_displays_of_ipython_are_outputs_in_every_host(start) -> None:
    source = """
    from IPython.display import HTML, display, clear_output
    display(HTML("<b>gone</b>"))
    clear_output()
    handle = display(HTML("<b>one</b>"), display_id=True)
    handle.update(HTML("<b>two</b>"))
    """
    for host in ("jupyter", "marimo", "script"):
        outputs = run(start(host=host), source)["outputs"]
        found = [(output["output_type"], output["data"]["text/html"]) for output in outputs]
        assert found == [("display_data", "<b>two</b>"), ("update_display_data", "<b>two</b>")], host


def test_magic_commands_and_plain_cells_share_all(start) -> None:
    process = start(host="jupyter")
    run(process, "x = 20")
    reply = run(process, "%time y = x + 1\n!echo from a shell\nget_ipython().user_ns['y']", has_magics=True)
    assert "Wall time" in text(reply)
    assert "from a shell" in text(reply)
    assert value(reply) == "21"
    captured = run(process, "%%capture got\nprint('inside'); 5", has_magics=True)
    assert captured["outputs"] == []
    assert value(run(process, "got.stdout, y, 'open' in globals()")) == "('inside\\n', 21, False)"


def test_libraries_find_that_they_are_in_a_kernel(start) -> None:
    process = start(host="jupyter")
    source = "hasattr(get_ipython(), 'kernel'), 'IPKernelApp' in get_ipython().config, type(get_ipython())"
    assert value(run(process, source)) == "(True, True, ipykernel.zmqshell.ZMQInteractiveShell)"


def test_events_of_ipython_are_had_around_every_cell(start) -> None:
    process = start(host="jupyter")
    run(
        process,
        "seen = []\nget_ipython().events.register('pre_run_cell', lambda info: seen.append(info.raw_cell))",
    )
    run(process, "seen.append('ran')")
    assert value(run(process, "seen")) == "[\"seen.append('ran')\", 'ran', 'seen']"


# Figures -----------------------------------------------------------------------------------------

_PLOT = "import matplotlib.pyplot as plt\nfigure = plt.figure()\nplt.plot([1, 2])\nNone"


def kinds(reply: dict[str, Any]) -> list[str]:
    assert reply["end"] == "done", reply
    return [next(iter(output["data"].keys() & {"image/png"}), "other") for output in reply["outputs"]]


def test_figures_are_shown_as_their_host_does(start) -> None:
    jupyter = start(host="jupyter")
    assert kinds(run(jupyter, _PLOT)) == ["image/png"]
    assert value(run(jupyter, "plt.get_fignums()")) == "[]"
    assert kinds(run(jupyter, _PLOT + "\nplt.show()")) == ["image/png"]
    assert kinds(run(jupyter, "plt.ioff(); plt.plot([1]); None")) == []
    marimo = start(host="marimo")
    assert kinds(run(marimo, _PLOT)) == []
    assert kinds(run(marimo, _PLOT + "\nplt.gca()")) == ["image/png"]
    script = start()
    assert kinds(run(script, _PLOT)) == []
    assert value(run(script, "plt.get_fignums()")) == "[1]"
    assert kinds(run(script, "plt.show()")) == ["image/png"]


def test_settings_of_jupyters_own_backend_count(start) -> None:
    process = start(host="jupyter")
    reply = run(process, "%config InlineBackend.figure_format = 'svg'\n" + _PLOT, has_magics=True)
    assert "image/svg+xml" in reply["outputs"][-1]["data"]
    assert "image/svg+xml" in run(process, _PLOT)["outputs"][-1]["data"]


def test_figures_are_shown_where_jupyters_own_backend_is_not(start, monkeypatch) -> None:
    monkeypatch.setenv("MPLBACKEND", "module://hozon.hosts._matplotlib")
    process = start(host="jupyter")
    assert kinds(run(process, _PLOT)) == ["image/png"]
    assert value(run(process, "plt.get_fignums()")) == "[]"
    assert kinds(run(process, _PLOT + "\nplt.show()")) == ["image/png"]
    assert kinds(run(process, "get_ipython(); plt.plot([1]); None")) == ["image/png"]
    assert kinds(run(process, "plt.ioff(); plt.plot([1]); None")) == []
    plt_again = "%matplotlib inline\nplt.close('all')\nplt.ion()\n" + _PLOT
    assert kinds(run(process, plt_again, has_magics=True)) == ["image/png"]


def test_names_of_last_results_are_the_cells_own(start) -> None:
    process = start(host="jupyter")
    run(process, "_ = 'mine'; get_ipython()")
    assert value(run(process, "_, '__' in globals(), 'open' in globals()")) == "('mine', False, False)"


def test_a_backend_that_the_person_has_set_stays(start, monkeypatch) -> None:
    monkeypatch.setenv("MPLBACKEND", "svg")
    assert value(run(start(host="jupyter"), "import matplotlib\nmatplotlib.get_backend()")) == "'svg'"


def test_matplotlib_is_not_loaded_for_nothing(start) -> None:
    assert (
        value(run(start(), "import sys\n'matplotlib' in sys.modules, 'IPython' in sys.modules"))
        == "(False, False)"
    )


def test_outputs_of_marimo_are_shown(start) -> None:
    source = """
    import marimo as mo
    mo.output.append("one")
    print("text")
    mo.output.replace("two")
    mo.output.append(mo.md("**three**"))
    """
    outputs = run(start(host="marimo"), source)["outputs"]
    assert [output["output_type"] for output in outputs] == ["stream", "display_data", "display_data"]
    assert outputs[1]["data"]["text/plain"] == "'two'"
    assert "<strong>three</strong>" in str(outputs[2]["data"])


def test_outputs_of_marimo_as_they_are_in_the_end(start) -> None:
    source = """
    import marimo as mo
    print("gone")
    mo.output.clear_console()
    print("text")
    mo.output.append(1)
    mo.output.append(2)
    mo.output.replace_at_index("first", 0)
    for _ in mo.status.progress_bar(range(2)):
        pass
    with mo.status.spinner(remove_on_exit=True):
        pass
    """
    outputs = run(start(host="marimo"), source)["outputs"]
    assert text({"outputs": outputs}) == "text\n"
    shown = [output["data"] for output in outputs if output["output_type"] == "display_data"]
    assert [data["text/plain"] for data in shown[:2]] == ["'first'", "2"]
    assert "data-progress='2'" in shown[2]["text/html"]
    assert len(shown) == 3


def test_a_figure_that_is_shown_stands_with_the_text(start) -> None:
    source = """
    import matplotlib.pyplot as plt
    plt.plot([1])
    plt.show()
    'the value'
    """
    outputs = run(start(host="marimo"), source)["outputs"]
    assert [output["output_type"] for output in outputs] == ["display_data", "execute_result"]
    assert outputs[0]["metadata"]["marimo"] == {"channel": "media"}


# Streams -----------------------------------------------------------------------------------------


def test_twenty_megabytes_are_cut_and_do_not_hang(start) -> None:
    source = """
    import os, subprocess, sys
    line = b"x" * 999 + b"\\n"
    for _ in range(10_000):
        os.write(1, line)
    subprocess.run([sys.executable, "-c", "print('y' * 10_000_000)"], check=True)
    """
    reply = run(start(), source)
    assert reply["end"] == "done"
    assert len(text(reply)) == 8 * 1024 * 1024
    assert reply["left_out"] == 20_000_001 - 8 * 1024 * 1024
    assert "MB more of text are left out" in text(reply, "stderr")


@pytest.mark.parametrize(
    "close", ["os.close(1); os.close(2)", "sys.stdout.close(); sys.stderr.close()", "sys.stdout = None"]
)
def test_closed_streams_harm_no_cell_after(start, close: str) -> None:
    process = start()
    assert run(process, f"import os, sys; {close}")["end"] == "done"
    reply = run(process, "print('python'); os.write(1, b'descriptor\\n'); None")
    assert text(reply) == "python\ndescriptor\n"


def test_a_stream_that_a_cell_has_put_stays(start) -> None:
    process = start()
    run(process, "import io, sys; sys.stdout = io.StringIO()")
    assert run(process, "print('into it')")["outputs"] == []
    assert value(run(process, "sys.stdout.getvalue()")) == "'into it\\n'"


def test_a_handler_of_logs_writes_to_the_cell_that_logs(start) -> None:
    process = start()
    run(process, "import logging; logging.basicConfig(format='%(message)s')")
    assert text(run(process, "logging.warning('late')"), "stderr") == "late\n"


# Children and threads ----------------------------------------------------------------------------


def test_a_fork_that_falls_out_of_a_cell_does_not_answer(start) -> None:
    process = start()
    source = "import os\nx = 1\npid = os.fork()\nif not pid: x = 2; print('child', flush=True)\nelse: status = os.waitpid(pid, 0)[1]\n"
    reply = run(process, source)
    assert text(reply) == "child\n"
    assert value(run(process, "x, status")) == "(1, 0)"


def test_a_fork_that_fails_says_so(start) -> None:
    source = "import os\npid = os.fork()\nif not pid: 1 / 0\nos.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])"
    reply = run(start(), source)
    assert value(reply) == "1"
    assert "ZeroDivisionError" in text(reply, "stderr")


def test_what_cells_leave_running_keeps_nothing_alive(start) -> None:
    process = start()
    reply = run(
        process,
        """
        import os, threading, time, subprocess, sys
        threading.Thread(target=time.sleep, args=(1000,)).start()
        fork = os.fork()
        if not fork:
            time.sleep(1000)
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
        [fork, child.pid, os.getpid()]
        """,
    )
    *left, own = eval(value(reply))
    try:
        process.close()
        with pytest.raises(ProcessLookupError):
            os.kill(own, 0)
    finally:
        for pid in left:
            os.kill(pid, signal.SIGKILL)


def test_a_dead_process_is_noticed_though_its_pipes_are_held(start) -> None:
    process = start()
    # A fork that Python does not know of keeps the pipes open.
    source = "import ctypes, os, time\npid = ctypes.PyDLL(None).fork()\nif not pid: time.sleep(1000)\npid"
    pid = int(value(run(process, source)))
    try:
        with pytest.raises(KernelDied, match="exit code 3"):
            run(process, "os._exit(3)")
    finally:
        os.kill(pid, signal.SIGKILL)


def test_pools_of_processes_work(start) -> None:
    source = """
    import concurrent.futures, multiprocessing
    pool = concurrent.futures.ProcessPoolExecutor(2, multiprocessing.get_context("fork"))
    list(pool.map(abs, [-1, -2]))
    """
    assert value(run(start(), source)) == "[1, 2]"


def test_what_a_cell_registers_for_the_end_is_done(start, tmp_path) -> None:
    process = start()
    run(process, f"import atexit; atexit.register(open, {str(tmp_path / 'end')!r}, 'w')")
    process.close()
    assert (tmp_path / "end").exists()


# Deaths ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import os; os._exit(3)", "exit code 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL .*memory"),
        ("import os; os.write(2, b'last words\\n'); os.abort()", "(?s)SIGABRT.*last words"),
        ("import ctypes; ctypes.string_at(0)", "(?s)SIGSEGV.*Segmentation fault.*in <module>"),
        ("import os; os.closerange(3, 100)", "exit code 70"),
    ],
)
def test_a_death_is_told(start, source: str, told: str) -> None:
    process = start()
    with pytest.raises(KernelDied, match=told):
        run(process, source)
    with pytest.raises(KernelDied):
        run(process, "1")


def test_faults_of_hozons_own_are_replies(start) -> None:
    process = start()
    assert "a fault of hozon's own" in process.ask({"do": "fail"})["error"]
    assert "not JSON serializable" in process.ask({"do": "stuff"})["error"]
    assert value(run(process, "1")) == "1"


def test_what_cannot_begin_says_why(start) -> None:
    with pytest.raises(KernelDied, match=r"(?s)could not begin.*such settings"):
        start(fails=True).ask({"do": "run"})
    with pytest.raises(KernelDied, match=r"(?s)could not begin.*FileNotFoundError"):
        start(working_directory="/not/there").ask({"do": "run"})


def test_an_answerer_needs_no_more_than_answer(start) -> None:
    reply = start(**{"class": "answering:WithoutShown"}).ask({})
    assert reply["settings"]["class"] == "answering:WithoutShown"


@pytest.mark.parametrize("how", ["kill", "end"])
def test_it_ends_with_the_process_that_asks(tmp_path, how: str) -> None:
    main = tmp_path / "main.py"
    main.write_text(
        textwrap.dedent(
            f"""
            import os, signal, threading
            from hozon._notebooks import KernelProcess
            process = KernelProcess({{"path": {str(tmp_path / "n.py")!r}, "class": "answering:Notebook"}})
            print(process._process.pid, flush=True)
            source = "import time\\nprint('started')\\nwhile True: time.sleep(1000)"
            def shown(output):
                os.kill(os.getpid(), signal.SIGKILL) if {how!r} == "kill" else os._exit(0)
            process.ask({{"do": "run", "source": source}}, shown)
            """
        )
    )
    path = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
    # The process of the cells holds this pipe as well: it is at its end when both are gone.
    done = subprocess.run(
        [sys.executable, main], env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.PIPE, timeout=60
    )
    pid = int(done.stdout)
    while _is_alive(pid):
        os.sched_yield() if hasattr(os, "sched_yield") else None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        # Where nobody waits for orphans, it stays as a zombie.
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


# Interrupts --------------------------------------------------------------------------------------


def interrupt(output: dict[str, Any]) -> None:
    """As a terminal does when someone presses Ctrl-C, once the cell has said something."""
    if output.get("name") == "stdout":
        os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize(
    "wait",
    [
        "while True: pass",
        "import time; time.sleep(1000)",
        "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(1000)'])",
        "import asyncio; await asyncio.sleep(1000)",
        "import asyncio; asyncio.run(asyncio.sleep(1000))",
    ],
)
def test_the_first_interrupt_ends_the_cell(start, wait: str) -> None:
    process = start()
    source = f"try:\n    print('started')\n    {wait}\nfinally:\n    left = True"
    reply = run(process, source, interrupt)
    assert reply["end"] == "interrupted"
    assert process.interrupted
    assert reply["outputs"][-1]["ename"] == "KeyboardInterrupt"
    assert value(run(process, "left")) == "True"
    assert not process.interrupted


def test_the_second_interrupt_ends_the_process(start) -> None:
    process = start()
    source = """
    while True:
        try:
            print("waiting", flush=True)
            while True: pass
        except KeyboardInterrupt:
            pass
    """
    with pytest.raises(KernelDied, match="as it was told"):
        run(process, source, interrupt)
    assert process.interrupted


def test_an_interrupt_is_the_cells_whatever_handler_one_before_has_set(start) -> None:
    process = start()
    run(process, "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)")
    assert run(process, "print('started')\nwhile True: pass", interrupt)["end"] == "interrupted"


def test_an_interrupt_before_the_cell_is_not_lost(start) -> None:
    process = start()
    before = signal.getsignal(signal.SIGINT)
    original = process._begin

    def begin() -> None:
        interrupt({"name": "stdout"})
        original()

    process._begin = begin  # type: ignore[method-assign]
    assert run(process, "x = 1")["end"] == "interrupted"
    assert signal.getsignal(signal.SIGINT) is before
    assert run(process, "x = 1")["end"] == "done"


def test_a_failing_listener_ends_the_process(start) -> None:
    process = start()
    with pytest.raises(ZeroDivisionError):
        run(process, "print('shown')\nwhile True: pass", lambda output: 1 / 0)
    with pytest.raises(KernelDied):
        run(process, "1")


def test_outputs_come_as_they_are_shown(start) -> None:
    seen: list[dict[str, Any]] = []
    source = "print('one')\ndisplay_it()\nprint('two', end='')"
    process = start()
    run(
        process,
        "from IPython.display import display\ndef display_it(): display({'text/plain': 'it'}, raw=True)",
    )
    reply = run(process, source, seen.append)
    assert seen == reply["outputs"]
    assert [output["output_type"] for output in seen] == ["stream", "display_data", "stream"]
