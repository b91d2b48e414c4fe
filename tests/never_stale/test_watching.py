"""What a watch sees of a computation: all that it reads, and nothing that is not its input."""

from __future__ import annotations

import os
import random
import sys
import threading
import uuid
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hozon._watching import Watching, resume_watching, suspend_watching
from never_stale.watched import Seen, watch


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a file, which is the working directory."""
    folder = tmp_path.resolve()
    (folder / "a.txt").write_text("one\n")
    (folder / "b.txt").write_text("two\n")
    (folder / "sub").mkdir()
    (folder / "sub" / "c.txt").write_text("three\n")
    monkeypatch.chdir(folder)
    return folder


def test_a_file_that_is_read_is_seen_with_its_name_place_and_stamp(data: Path) -> None:
    seen = watch(lambda: Path("a.txt").read_text(), data)
    (item,) = seen.all["read"]
    about = os.stat("a.txt")
    assert item["named"] == "a.txt"
    assert item["path"] == str(data / "a.txt")
    assert not item["moved"]
    assert item["stamp"] == (about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns)


def test_an_idle_computation_has_no_inputs(data: Path) -> None:
    seen = watch(lambda: sum(range(10)), data)
    assert {name: value for name, value in seen.all.items() if value} == {}


def test_a_young_file_is_digested_and_an_old_one_is_not(data: Path) -> None:
    import time

    (data / "young.txt").write_text("now")
    young = watch(lambda: Path("young.txt").read_text(), data)
    time.sleep(0.1)
    old = watch(lambda: Path("young.txt").read_text(), data)
    assert young.all["read"][0]["digest"] is not None
    assert old.all["read"][0]["digest"] is None


class TestWriting:
    def test_a_file_that_is_written_and_then_read_is_no_input(self, data: Path) -> None:
        def compute() -> None:
            Path("new.txt").write_text("x")
            Path("new.txt").read_text()
            Path("a.txt").write_text("y")
            Path("a.txt").read_text()

        seen = watch(compute, data)
        assert seen.read == []
        assert seen.written == ["a.txt", "new.txt"]
        assert [item["existed_before"] for item in seen.all["written"]] == [True, False]

    def test_a_file_that_is_read_and_then_written_is_an_input(self, data: Path) -> None:
        def compute() -> None:
            text = Path("a.txt").read_text()
            Path("a.txt").write_text(text + "more")

        seen = watch(compute, data)
        assert (seen.read, seen.written) == (["a.txt"], ["a.txt"])
        assert seen.all["written"][0]["read_before"]

    def test_appending_is_told_from_writing(self, data: Path) -> None:
        def compute() -> None:
            with open("a.txt", "a") as file:
                file.write("more")

        seen = watch(compute, data)
        assert seen.read == []
        assert [(item["appended"], item["read_before"]) for item in seen.all["written"]] == [(True, False)]

    def test_what_is_appended_to_and_then_read_is_an_input_as_it_was(self, data: Path) -> None:
        before = os.stat("a.txt").st_size

        def compute() -> None:
            with open("a.txt", "a") as file:
                file.write("more")
            Path("a.txt").read_text()

        seen = watch(compute, data)
        assert seen.read == ["a.txt"]
        assert seen.all["read"][0]["stamp"][1] == before
        assert seen.all["written"][0]["read_before"]

    def test_opening_for_update_reads_and_writes(self, data: Path) -> None:
        def compute() -> None:
            with open("a.txt", "r+") as file:
                file.seek(1)
                file.write("!")

        seen = watch(compute, data)
        assert (seen.read, seen.written) == (["a.txt"], ["a.txt"])

    def test_opening_for_update_without_a_write_only_reads(self, data: Path) -> None:
        os.utime("a.txt")
        import time

        time.sleep(0.1)
        seen = watch(lambda: open("a.txt", "r+").close(), data)
        assert (seen.read, seen.written) == (["a.txt"], [])

    def test_files_that_come_and_go_leave_nothing(self, data: Path) -> None:
        import tempfile

        def compute() -> None:
            with tempfile.TemporaryDirectory(dir=".") as folder:
                Path(folder, "x").write_text("x")
                os.listdir(folder)
                Path(folder, "x").read_text()

        tempfile.gettempdir()
        seen = watch(compute, data)
        assert (seen.read, seen.listed, seen.written, seen.absent) == ([], [], [], [])

    def test_a_file_renamed_onto_its_name_is_written(self, data: Path) -> None:
        def compute() -> None:
            Path("a.tmp").write_text("new")
            os.replace("a.tmp", "a.txt")
            Path("a.txt").read_text()

        seen = watch(compute, data)
        assert (seen.read, seen.written) == ([], ["a.txt"])

    def test_a_file_that_is_moved_is_read(self, data: Path) -> None:
        def compute() -> None:
            os.rename("a.txt", "z.txt")
            Path("z.txt").read_text()

        seen = watch(compute, data)
        assert seen.read == ["a.txt"]
        assert seen.written == ["a.txt", "z.txt"]
        assert [item["gone"] for item in seen.all["written"]] == [True, False]

    def test_what_it_removes_itself_is_not_absent(self, data: Path) -> None:
        def compute() -> None:
            os.remove("a.txt")
            assert not os.path.exists("a.txt")

        seen = watch(compute, data)
        assert seen.absent == []
        assert seen.written == ["a.txt"]


class TestLooking:
    @pytest.mark.parametrize(
        ("look", "part"),
        [
            (lambda: os.path.exists("a.txt"), "kind"),
            (lambda: os.path.isfile("a.txt"), "kind"),
            (lambda: os.path.isdir("a.txt"), "kind"),
            (lambda: os.path.islink("a.txt"), "kind"),
            (lambda: Path("a.txt").exists(), "kind"),
            (lambda: Path("a.txt").is_file(), "kind"),
            (lambda: os.access("a.txt", os.F_OK), "kind"),
            (lambda: os.access("a.txt", os.R_OK), "permissions"),
            (lambda: os.path.getsize("a.txt"), "size"),
            (lambda: os.path.getmtime("a.txt"), "times"),
            (lambda: os.stat("a.txt").st_mtime, "times"),
            (lambda: Path("a.txt").stat(), "times"),
        ],
    )
    def test_a_status_counts_as_far_as_it_is_looked_at(self, data: Path, look, part: str) -> None:
        seen = watch(look, data)
        assert seen.statuses == [("a.txt", part)]
        assert seen.read == []

    @pytest.mark.parametrize(
        "look",
        [
            lambda: os.path.exists("none.txt"),
            lambda: Path("none.txt").is_file(),
            lambda: os.access("none.txt", os.R_OK),
            lambda: pytest.raises(FileNotFoundError, open, "none.txt"),
            lambda: pytest.raises(FileNotFoundError, open, "none.txt", "r+"),
            lambda: pytest.raises(FileNotFoundError, os.stat, "none.txt"),
            lambda: pytest.raises(FileNotFoundError, os.listdir, "none.txt"),
            lambda: pytest.raises(FileNotFoundError, os.remove, "none.txt"),
        ],
    )
    def test_what_is_not_there_is_absent(self, data: Path, look) -> None:
        seen = watch(look, data)
        assert seen.absent == ["none.txt"]
        assert seen.written == []

    @pytest.mark.parametrize(
        "look",
        [
            lambda: os.listdir("sub"),
            lambda: list(os.scandir("sub")),
            lambda: list(Path("sub").iterdir()),
            lambda: list(Path("sub").glob("*.txt")),
            lambda: __import__("glob").glob("sub/*.txt"),
            lambda: list(os.walk("sub")),
        ],
    )
    def test_a_folder_that_is_listed(self, data: Path, look) -> None:
        seen = watch(look, data)
        assert seen.listed == ["sub"]
        assert seen.read == []

    def test_the_folder_of_a_descriptor_is_found(self, data: Path) -> None:
        def compute() -> None:
            folder = os.open("sub", os.O_RDONLY)
            try:
                file = os.open("c.txt", os.O_RDONLY, dir_fd=folder)
                os.close(file)
                os.stat("c.txt", dir_fd=folder)
                os.listdir(folder)
            finally:
                os.close(folder)

        seen = watch(compute, data)
        assert seen.read == ["sub/c.txt"]
        assert seen.statuses == [("sub/c.txt", "times")]
        assert seen.listed == ["sub"]
        assert seen.absent == []

    def test_a_relative_name_after_a_change_of_folder_is_marked(self, data: Path) -> None:
        def compute() -> None:
            open("a.txt").close()
            os.chdir("sub")
            open("c.txt").close()
            os.chdir("..")

        seen = watch(compute, data)
        assert [(item["named"], item["moved"]) for item in seen.all["read"]] == [
            ("a.txt", False),
            ("c.txt", True),
        ]
        assert seen.read == ["a.txt", "sub/c.txt"]

    def test_the_working_directory_counts_where_it_is_asked_for(self, data: Path) -> None:
        assert watch(lambda: os.getcwd(), data).all["working_directory"]
        assert watch(lambda: os.path.abspath("a.txt"), data).all["working_directory"]
        assert watch(lambda: Path.cwd(), data).all["working_directory"]
        assert not watch(lambda: Path("a.txt").read_text(), data).all["working_directory"]


class TestEnvironment:
    def test_names_that_are_read_count_set_or_not(self, data: Path) -> None:
        def compute() -> None:
            os.environ.get("HOZON_TEST_UNSET")
            os.getenv("HOME")
            _ = "PATH" in os.environ

        seen = watch(compute, data)
        assert seen.environment == {"HOZON_TEST_UNSET", "HOME", "PATH"}
        assert not seen.all["whole_environment"]

    @pytest.mark.parametrize(
        "look",
        [
            lambda: dict(os.environ),
            lambda: os.environ.copy(),
            lambda: list(os.environ.items()),
            lambda: len(os.environ),
            lambda: repr(os.environ),
        ],
    )
    def test_all_of_it(self, data: Path, look) -> None:
        assert watch(look, data).all["whole_environment"]

    def test_what_it_has_set_itself_is_no_input(self, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOZON_TEST_SET", "before")

        def compute() -> None:
            os.environ["HOZON_TEST_SET"] = "1"
            assert os.environ["HOZON_TEST_SET"] == "1"

        seen = watch(compute, data)
        assert seen.environment == set()
        assert seen.all["environment_written"] == {"HOZON_TEST_SET"}


class TestAttribution:
    def test_threads_that_watch_nothing_tell_everybody(self, data: Path) -> None:
        def compute() -> None:
            thread = threading.Thread(target=lambda: Path("a.txt").read_text())
            thread.start()
            thread.join()

        assert watch(compute, data).read == ["a.txt"]

    def test_of_two_threads_that_watch_only_the_earlier_sees_the_other(self, data: Path) -> None:
        """The earlier one may have given the later one its work."""
        first_has_begun, both = threading.Event(), threading.Barrier(2)
        seen: dict[str, Seen] = {}

        def work(name: str) -> None:
            def compute() -> None:
                first_has_begun.set()
                both.wait()
                open(name).close()
                both.wait()

            seen[name] = watch(compute, data)

        threads = [threading.Thread(target=work, args=(name,)) for name in ("a.txt", "b.txt")]
        threads[0].start()
        first_has_begun.wait()
        threads[1].start()
        for thread in threads:
            thread.join()
        assert sorted(seen["a.txt"].read) == ["a.txt", "b.txt"]
        assert seen["b.txt"].read == ["b.txt"]

    def test_what_is_nested_counts_for_what_is_around_it(self, data: Path) -> None:
        inner: list[Seen] = []

        def compute() -> None:
            open("a.txt").close()
            inner.append(watch(lambda: open("b.txt").close(), data))

        outer = watch(compute, data)
        assert outer.read == ["a.txt", "b.txt"]
        assert inner[0].read == ["b.txt"]

    def test_a_pause_is_not_recorded(self, data: Path) -> None:
        watching = Watching(True)
        watching.start()
        open("a.txt").close()
        watching.pause()
        open("b.txt").close()
        watching.resume()
        open("sub/c.txt").close()
        watching.stop()
        watching.stop()
        assert Seen(watching.watch.observations(), data).read == ["a.txt", "sub/c.txt"]

    def test_a_suspended_thread_is_not_recorded(self, data: Path) -> None:
        def compute() -> None:
            suspend_watching()
            suspend_watching()
            open("a.txt").close()
            os.environ.get("HOME")
            resume_watching()
            open("b.txt").close()
            resume_watching()
            open("sub/c.txt").close()

        seen = watch(compute, data)
        assert seen.read == ["sub/c.txt"]
        assert seen.environment == set()

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
    def test_a_child_goes_on_with_what_its_own_thread_began(self, data: Path) -> None:
        begun, done = threading.Event(), threading.Event()

        def other() -> None:
            begun.set()
            done.wait()

        thread = threading.Thread(target=lambda: watch(other, data))
        thread.start()
        begun.wait()
        mine = Watching(True)
        mine.start()
        child = os.fork()
        if child == 0:
            status = 1
            try:
                open("a.txt").close()
                mine.stop()
                seen = Seen(mine.watch.observations(), data)
                status = 0 if seen.read == ["a.txt"] and _stand_ins_are_gone() else 2
            finally:
                os._exit(status)
        _, status = os.waitpid(child, 0)
        mine.stop()
        done.set()
        thread.join()
        assert os.waitstatus_to_exitcode(status) == 0
        seen = Seen(mine.watch.observations(), data)
        assert seen.read == []
        assert seen.unverifiable == {"fork": set()}


class TestWhatNobodyCanVerify:
    def test_programs(self, data: Path) -> None:
        import subprocess

        seen = watch(lambda: subprocess.run([sys.executable, "-c", ""], check=True), data)
        assert seen.unverifiable == {"subprocess": {os.path.basename(sys.executable)}}
        assert watch(lambda: os.system("true"), data).unverifiable == {"subprocess": {"true"}}

    def test_processes_of_multiprocessing(self, data: Path) -> None:
        import multiprocessing

        def compute() -> None:
            process = multiprocessing.get_context("spawn").Process(target=os.getpid)
            process.start()
            process.join()

        assert "subprocess" in watch(compute, data).unverifiable

    def test_work_given_to_processes_that_run_already(self, data: Path) -> None:
        import multiprocessing
        import multiprocessing.pool

        with multiprocessing.get_context("spawn").Pool(1) as pool:
            pool.apply(os.getpid)
            seen = watch(lambda: pool.apply(os.getpid), data)
            pool.close()
            pool.join()
        assert seen.unverifiable == {"subprocess": {"Pool"}}
        with multiprocessing.pool.ThreadPool(1) as threads:
            seen = watch(lambda: threads.apply((data / "a.txt").read_text), data)
            threads.close()
            threads.join()
        assert seen.unverifiable == {}
        assert seen.read == ["a.txt"]

    def test_hosts(self, data: Path) -> None:
        import socket

        def compute() -> None:
            with socket.socket() as client:
                client.settimeout(1)
                with pytest.raises(ConnectionRefusedError):
                    client.connect(("127.0.0.1", 1))

        assert watch(compute, data).unverifiable == {"network": {"127.0.0.1"}}

    def test_a_url_tells_its_host_and_no_secret(self, data: Path) -> None:
        import urllib.error
        import urllib.request

        def compute() -> None:
            with pytest.raises(urllib.error.URLError):
                urllib.request.urlopen("http://user:secret@localhost:1/token", timeout=1)

        details = watch(compute, data).unverifiable["network"]
        assert "localhost:1" in details
        assert not any("secret" in detail or "token" in detail for detail in details)

    def test_at_most_eight_details_are_kept(self, data: Path) -> None:
        def compute() -> None:
            for number in range(20):
                os.system(f"true{number} 2>/dev/null")

        assert len(watch(compute, data).unverifiable["subprocess"]) == 8

    @pytest.mark.parametrize(
        "draw",
        [
            lambda: os.urandom(1),
            lambda: __import__("uuid").uuid4(),
            lambda: __import__("secrets").token_hex(),
            lambda: random.SystemRandom().random(),
            lambda: Path("/dev/urandom").open("rb").close(),
        ],
    )
    def test_randomness(self, data: Path, draw) -> None:
        seen = watch(draw, data)
        assert list(seen.unverifiable) == ["randomness"]
        assert seen.read == []


class TestImports:
    def test_an_import_is_no_input(self, data: Path) -> None:
        (data / "configured.py").write_text(
            "import os\nVALUE = os.environ.get('HOZON_TEST_UNSET')\nopen('a.txt').close()\n"
        )

        def compute() -> None:
            import configured

            assert configured.VALUE is None

        sys.path.insert(0, str(data))
        try:
            seen = watch(compute, data)
        finally:
            sys.path.remove(str(data))
            del sys.modules["configured"]
        assert {name: value for name, value in seen.all.items() if value} == {}

    def test_the_traceback_of_a_failed_import_stays_short(self, data: Path) -> None:
        import traceback

        lines: list[str] = []

        def compute() -> None:
            try:
                import hozon_test_missing  # noqa: F401
            except ImportError as error:
                lines.extend(traceback.format_exception(error))

        watch(compute, data)
        assert len([line for line in lines if line.startswith("  File")]) == 1

    def test_lines_that_a_warning_shows_are_no_input(self, data: Path) -> None:
        import linecache
        import traceback

        def compute() -> None:
            try:
                raise ValueError
            except ValueError:
                traceback.format_exc()

        linecache.clearcache()
        seen = watch(compute, data)
        assert (seen.read, seen.statuses) == ([], [])


class TestStandIns:
    def test_they_are_there_while_something_is_watched(self, data: Path) -> None:
        original = os.stat
        during = []
        watch(lambda: during.append(os.stat), data)
        assert during[0] is not original
        assert _stand_ins_are_gone()

    def test_they_are_gone_after_an_error(self, data: Path) -> None:
        with pytest.raises(ZeroDivisionError):
            watch(lambda: 1 / 0, data)
        assert _stand_ins_are_gone()

    def test_what_somebody_puts_in_between_stays(self, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        import functools

        watching = Watching(True)
        watching.start()
        ours = os.stat
        theirs = functools.partial(ours)
        os.stat = theirs
        try:
            watching.stop()
            assert os.stat is theirs
            assert os.stat("a.txt").st_size == 4
            assert watch(lambda: os.stat("a.txt"), data).statuses == [("a.txt", "times")]
            assert os.stat is theirs
        finally:
            os.stat = ours.__reduce__()[1][0]

    def test_they_look_pickle_and_digest_as_the_originals(self, data: Path) -> None:
        import pickle

        from hozon._hozon import value_digest

        original = os.stat
        digest = value_digest(original)

        def compute() -> None:
            assert os.stat in os.supports_follow_symlinks
            assert os.stat == original
            assert value_digest(os.stat) == digest
            assert os.stat.__name__ == "stat"
            assert pickle.loads(pickle.dumps(os.stat)) is original
            with pytest.raises(KeyError) as raised:
                os.environ["HOZON_TEST_UNSET"]
            assert raised.traceback[-1].name == "__getitem__"

        watch(compute, data)


def _stand_ins_are_gone() -> bool:
    from hozon import _watching

    return not any(
        isinstance(vars(stand_in.holder).get(stand_in.name), _watching.Observed)
        for stand_in in _watching._stand_ins.made
    )


def _with_unset_seed() -> None:
    seed = None
    np.random.RandomState(seed)


@pytest.mark.parametrize(
    ("draws", "is_unseeded"),
    [
        (lambda: np.random.RandomState(1), False),
        (lambda: np.random.default_rng(1), False),
        (lambda: np.random.RandomState(), True),
        (_with_unset_seed, True),
        (lambda: np.random.default_rng(), True),
        (lambda: uuid.uuid4(), True),
        (lambda: os.urandom(1), True),
    ],
)
def test_randomness_of_the_system(draws: Callable[[], object], is_unseeded: bool) -> None:
    watching = Watching(True)
    watching.start()
    draws()
    watching.stop()
    assert ("randomness" in watching.watch.observations()["unverifiable"]) is is_unseeded
