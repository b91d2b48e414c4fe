"""What code shows, as outputs of nbformat 4."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
import threading
from typing import Any

import pytest

from hozon import _displaying
from hozon._displaying import Displays, current, display, error_output, mime_bundle, plain_text

only_posix = pytest.mark.skipif(os.name != "posix", reason="descriptors are not seen there")


def stream(name: str, text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def said(error: list[BaseException]) -> list[str]:
    return [type(one).__name__ for one in error]


# Text --------------------------------------------------------------------------------------------


def test_text_is_merged_while_it_goes_to_one_stream() -> None:
    with Displays() as displays:
        print("one")
        print("two", end="\r")
        print("three", file=sys.stderr)
        sys.stdout.write("")
        sys.stdout.buffer.write("fü".encode())
    assert displays.outputs == [
        stream("stdout", "one\ntwo\r"),
        stream("stderr", "three\n"),
        stream("stdout", "fü"),
    ]


@only_posix
def test_what_goes_to_the_descriptors_is_text_in_its_place() -> None:
    with Displays() as displays:
        print("python")
        os.write(1, b"c\n")
        print("python again")
        subprocess.run([sys.executable, "-c", "print('program')"], check=True)
        os.write(2, b"bad byte \xff\n")
        print("end")
    assert displays.outputs == [
        stream("stdout", "python\nc\npython again\nprogram\n"),
        stream("stderr", "bad byte \ufffd\n"),
        stream("stdout", "end\n"),
    ]


@only_posix
def test_what_c_keeps_in_its_buffers_comes_at_the_end() -> None:
    ctypes = pytest.importorskip("ctypes")
    with Displays() as displays:
        ctypes.CDLL(None).puts(b"from c")
        print("python")
    # When it comes is C's own affair: its buffer is kept full unless the process began at a terminal.
    assert sorted(displays.outputs[0]["text"].splitlines()) == ["from c", "python"]


@only_posix
def test_a_program_may_open_its_stream_anew() -> None:
    with Displays() as displays:
        print("first")
        os.write(1, b"a line that is longer\n")
        print("second")
        with open("/dev/stdout", "w") as file:
            file.write("short\n")
        print("third")
    assert displays.outputs == [stream("stdout", "first\na line that is longer\nsecond\nshort\nthird\n")]


@only_posix
def test_descriptors_and_streams_are_put_back() -> None:
    before = os.fstat(1).st_ino, os.fstat(2).st_ino, sys.stdout, sys.stderr
    for _ in range(3):
        with Displays():
            pass
    assert (os.fstat(1).st_ino, os.fstat(2).st_ino, sys.stdout, sys.stderr) == before
    assert current() is None


def test_displays_inside_of_displays_take_what_is_theirs() -> None:
    with Displays() as outer:
        print("outer")
        with Displays() as inner:
            print("inner")
        print("outer again")
    assert inner.outputs == [stream("stdout", "inner\n")]
    assert outer.outputs == [stream("stdout", "outer\nouter again\n")]


def test_text_of_threads_is_taken() -> None:
    with Displays() as displays:
        threads = [threading.Thread(target=print, args=("x" * 50,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert displays.outputs[0]["text"].count("x") == 400


def test_too_much_text_is_cut_with_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_displaying, "MOST_TEXT", 1024 * 1024)
    with Displays() as displays:
        for _ in range(3):
            print("x" * 499_999)
        display({"text/plain": "kept"}, raw=True)
    assert len(displays.outputs[0]["text"]) == 1024 * 1024
    assert displays.outputs[1]["data"] == {"text/plain": "kept"}
    assert displays.left_out == 1_500_000 - 1024 * 1024
    assert displays.outputs[-1] == stream(
        "stderr", "\n[hozon: 0.5 MB more of text are left out, 1 MiB are kept]\n"
    )


@only_posix
def test_the_file_of_a_descriptor_does_not_grow_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_displaying, "MOST_TEXT", 1000)
    piece = b"x" * 1_000_000
    with Displays() as displays:
        for _ in range(20):
            os.write(1, piece)
            print("look")
            assert os.fstat(1).st_size == 0
    assert displays.left_out == 20 * 1_000_005 - 1000


def test_a_stream_is_one_of_text() -> None:
    with Displays():
        out = sys.stdout
        assert (out.encoding, out.isatty(), out.writable(), out.readable()) == ("utf-8", False, True, False)
        assert out.fileno() == 1
        out.reconfigure(line_buffering=True)
        with pytest.raises(TypeError, match="must be str"):
            out.write(b"bytes")
        with pytest.raises(io.UnsupportedOperation):
            out.read()


def test_lone_surrogates_are_spelled_out() -> None:
    with Displays() as displays:
        print("\udcff")
        display({"text/plain": "\udcff"}, raw=True)
    assert displays.outputs[0]["text"] == "\\udcff\n"
    json.dumps(displays.outputs, ensure_ascii=False).encode()


# Displays ----------------------------------------------------------------------------------------


def test_displays_stand_between_the_text_around_them() -> None:
    with Displays() as displays:
        print("before")
        display(1, 2)
        displays.show_result("three")
        displays.show_result(None)
        print("after")
    kinds = [output["output_type"] for output in displays.outputs]
    assert kinds == ["stream", "display_data", "display_data", "execute_result", "stream"]
    assert displays.outputs[3] == {
        "output_type": "execute_result",
        "execution_count": None,
        "data": {"text/plain": "'three'"},
        "metadata": {},
    }


def test_a_display_can_be_updated() -> None:
    with Displays() as displays:
        handle = display(1, display_id=True)
        assert handle is not None
        handle.display(2)
        handle.update(3)
        display(4, display_id="mine")
    *shown, update = displays.outputs
    assert [output["data"]["text/plain"] for output in shown] == ["3", "3", "4"]
    assert update["transient"] == {"display_id": handle.display_id}


def test_updates_of_displays_of_other_cells_are_kept_the_last_of_each() -> None:
    with Displays() as displays:
        display(1, display_id="one", update=True)
        display(2, display_id="two", update=True)
        displays.clear()
        display(3, display_id="one", update=True)
    found = [(output["transient"]["display_id"], output["data"]["text/plain"]) for output in displays.outputs]
    assert found == [("one", "3"), ("two", "2")]
    assert {output["output_type"] for output in displays.outputs} == {"update_display_data"}


def test_clearing_takes_away_what_was_shown() -> None:
    with Displays() as displays:
        print("gone")
        displays.clear()
        print("kept until more comes")
        displays.clear(wait=True)
        display(1)
        displays.clear(wait=True)
    assert [output["data"]["text/plain"] for output in displays.outputs] == ["1"]


def test_outside_of_displays_it_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert display(1, "two") is None
    assert capsys.readouterr().out == "1 two\n"


def test_outputs_are_told_as_they_come() -> None:
    told: list[dict[str, Any]] = []
    with Displays(on_shown=told.append) as displays:
        print("a")
        display(1, display_id="one")
        display(2, display_id="one", update=True)
        displays.clear()
        print("b")
    assert [one["output_type"] for one in told] == [
        "stream",
        "display_data",
        "update_display_data",
        "clear_output",
        "stream",
    ]
    assert told[2]["transient"] == {"display_id": "one"}


@pytest.mark.parametrize(("host", "shown"), [("marimo", ["a\n", "2"]), ("jupyter", ["a\n", "1", "2"])])
def test_in_marimo_the_last_value_takes_the_place_of_displays(host: str, shown: list[str]) -> None:
    with Displays(host) as displays:
        print("a")
        display(1)
        displays.show_result(2)
        displays.show_result(None)
    found = [output.get("text") or output["data"]["text/plain"] for output in displays.outputs]
    assert found == shown


def test_elements_of_marimo_in_a_structure_are_shown() -> None:
    class Element:
        def __repr__(self) -> str:
            return "element"

        def _mime_(self) -> tuple[str, str]:
            return "text/html", "<b>it</b>"

    value = [{"one": Element()}, "<"]
    data, _ = mime_bundle(value, "marimo")
    assert data["text/plain"] == "[{'one': element}, '<']"
    assert "&#x27;one&#x27;: <b>it</b>" in data["text/html"]
    assert "<div>&#x27;&lt;&#x27;</div>" in data["text/html"]
    assert mime_bundle(value, "jupyter")[0].keys() == {"text/plain"}
    assert mime_bundle(["<"], "marimo")[0].keys() == {"text/plain"}


# Errors ------------------------------------------------------------------------------------------


def test_an_exception_with_methods_that_fail_is_told() -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            raise ValueError("no text")

    output = error_output(Odd())
    assert output["ename"] == "Odd"
    assert "ValueError" in output["evalue"]
    assert output["traceback"]
    json.dumps(output)


def test_a_long_text_of_an_exception_is_cut() -> None:
    output = error_output(ValueError("x" * 10_000_000))
    assert len(json.dumps(output)) < 1_000_000


def test_an_error_is_shown_once() -> None:
    error = ValueError("once")
    with Displays() as displays:
        displays.show_error(error)
        displays.show_error(error)
    assert len(displays.outputs) == 1


# Representations ---------------------------------------------------------------------------------


class Rich:
    def __repr__(self) -> str:
        return "Rich()"

    def _repr_html_(self) -> str:
        return "<b>rich</b>"

    def _repr_png_(self) -> Any:
        return b"\x89PNG", {"width": 3}

    def _repr_latex_(self) -> None:
        return None

    def _repr_json_(self) -> Any:
        raise NotImplementedError

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {"application/x.rich+json": {"a": (1, float("nan")), 2: {3}}}


@pytest.mark.parametrize("host", ["script", "jupyter", "marimo"])
def test_methods_give_representations(host: str) -> None:
    data, metadata = mime_bundle(Rich(), host)
    assert data == {
        "text/plain": "Rich()",
        "text/html": "<b>rich</b>",
        "image/png": base64.b64encode(b"\x89PNG").decode(),
        "application/x.rich+json": {"a": [1, None], "2": [3]},
    }
    assert metadata == {"image/png": {"width": 3}}


def test_classes_and_objects_that_answer_every_name_have_text_alone() -> None:
    class Anything:
        def __getattr__(self, name: str) -> Any:
            return lambda *_, **__: "anything"

        def __repr__(self) -> str:
            return "Anything()"

    assert mime_bundle(Anything())[0] == {"text/plain": "Anything()"}
    assert list(mime_bundle(Rich)[0]) == ["text/plain"]


def test_faulty_methods_are_reported_and_the_rest_is_given() -> None:
    class Faulty(Rich):
        def __repr__(self) -> str:
            raise RuntimeError

        def _repr_html_(self) -> str:
            return str(1 // 0)

    errors: list[BaseException] = []
    data, _ = mime_bundle(Faulty(), "script", errors.append)
    assert said(errors) == ["RuntimeError", "ZeroDivisionError"]
    assert sorted(data) == ["application/x.rich+json", "image/png"]
    with Displays() as displays:
        display(Faulty())
    assert [output.get("ename") for output in displays.outputs] == ["RuntimeError", "ZeroDivisionError", None]
    assert displays.outputs[1]["traceback"][0].startswith("Traceback")
    assert "_mime.py" not in str(displays.outputs[1]["traceback"])


def test_an_interrupt_goes_through() -> None:
    class Slow:
        def __repr__(self) -> str:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mime_bundle(Slow())


def test_a_value_may_display_itself() -> None:
    class Own:
        def _ipython_display_(self) -> None:
            print("I do it")

    with Displays() as displays:
        displays.show_result(Own())
    assert displays.outputs == [stream("stdout", "I do it\n")]


def test_marimos_protocol() -> None:
    class Mime:
        def _mime_(self) -> tuple[str, str]:
            return "image/png", "data:image/png;base64,QUJD"

    class Bundle:
        def _mime_(self) -> tuple[str, str]:
            parts = {"text/html": "<i>i</i>", "__metadata__": {}}
            return "application/vnd.marimo+mimebundle", json.dumps(parts)

    class Other:
        def _display_(self) -> Any:
            return Rich()

    assert mime_bundle(Mime())[0]["image/png"] == "QUJD"
    assert mime_bundle(Bundle())[0]["text/html"] == "<i>i</i>"
    assert mime_bundle(Other())[0]["text/html"] == "<b>rich</b>"


def test_values_of_marimo() -> None:
    marimo = pytest.importorskip("marimo")
    for host in ("marimo", "jupyter"):
        data, _ = mime_bundle(marimo.md("**bold**"), host)
        assert (
            "<strong>bold</strong>" in data["text/html"] or "<strong>bold</strong>" in data["text/markdown"]
        )


def test_frames_of_pandas() -> None:
    pandas = pytest.importorskip("pandas")
    data, _ = mime_bundle(pandas.DataFrame({"a": [1, 2]}))
    assert "<table" in data["text/html"]
    assert data["text/plain"].split() == ["a", "0", "1", "1", "2"]


def test_figures_of_matplotlib() -> None:
    figures = pytest.importorskip("matplotlib.figure")
    figure = figures.Figure()
    assert "image/png" not in mime_bundle(figure)[0]
    axes = figure.subplots()
    png = base64.b64decode(mime_bundle(figure)[0]["image/png"])
    assert png.startswith(b"\x89PNG")
    assert "image/png" not in mime_bundle(axes, "jupyter")[0]
    assert "image/png" in mime_bundle(axes, "marimo")[0]
    assert "image/png" in mime_bundle(axes.bar([1], [2]), "marimo")[0]
    assert "image/png" in mime_bundle(axes.plot([1]), "marimo")[0]
    assert "image/png" in mime_bundle(axes.boxplot([[1, 2]]), "marimo")[0]
    assert "image/png" not in mime_bundle([*axes.plot([1]), 1], "marimo")[0]
    assert "image/png" not in mime_bundle([], "marimo")[0]


def test_numbers_of_numpy_are_json() -> None:
    numpy = pytest.importorskip("numpy")

    class Numbers:
        def _repr_json_(self) -> Any:
            return {"one": numpy.float64(0.5), "many": numpy.arange(2), "none": numpy.float32("nan")}

    data = mime_bundle(Numbers())[0]["application/json"]
    assert data == {"one": 0.5, "many": [0, 1], "none": None}


def test_long_text_of_a_value_is_cut() -> None:
    text = mime_bundle("x" * 3_000_000)[0]["text/plain"]
    assert len(text) < 1_100_000
    assert text.endswith("more characters are left out]")


def _function() -> None: ...


class Plain: ...


class OwnList(list[int]): ...


class OwnRepr(dict[str, int]):
    def __repr__(self) -> str:
        return "own"


@pytest.mark.parametrize(
    "value",
    [
        1,
        1.5,
        None,
        "text",
        b"bytes",
        "two\nlines",
        [],
        [1, "a"],
        list(range(60)),
        ["x" * 30] * 4,
        ("a",),
        {"key": [1, 2]},
        {f"key {n}": n for n in range(30)},
        {3, 1, 2},
        frozenset({2, 1}),
        range(3),
        _function,
        Plain,
        OwnList([1]),
        OwnRepr(a=1),
        ValueError("told"),
        [[1] * 30] * 5,
        list(range(2000)),
    ],
)
def test_text_in_jupyter_is_what_ipython_writes(value: Any) -> None:
    pretty = pytest.importorskip("IPython.lib.pretty").pretty
    assert plain_text(value, "jupyter") == pretty(value)


def test_text_without_ipython_is_broken_into_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "IPython.lib.pretty", None)
    assert plain_text(Plain, "jupyter") == repr(Plain)
    assert max(map(len, plain_text(list(range(60)), "jupyter").splitlines())) <= 79
