"""Each way to read a file: the file is seen, and nothing that is not an input of the program's."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hozon._hozon import Watch
from never_stale.watched import watch

NATIVE = pytest.mark.skipif(not Watch.sees_native(), reason="native reads are not seen on this system")

Reader = Callable[[Path], Any]


def _opened(name: str, **how: Any) -> Reader:
    def read(folder: Path) -> None:
        with open(folder / name, **how) as file:
            file.read()

    return read


def _os_open(folder: Path) -> None:
    file = os.open(folder / "a.csv", os.O_RDONLY)
    os.read(file, 10)
    os.close(file)


def _mapped(folder: Path) -> None:
    import mmap

    with open(folder / "a.csv", "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert mapped[0]


def _zip(folder: Path) -> None:
    import zipfile

    with zipfile.ZipFile(folder / "a.zip") as archive:
        archive.read("inside")


def _tar(folder: Path) -> None:
    import tarfile

    with tarfile.open(folder / "a.tar") as archive:
        archive.getnames()


def _gzip(folder: Path) -> None:
    import gzip

    with gzip.open(folder / "a.gz") as file:
        file.read()


def _copied(folder: Path) -> None:
    import shutil
    import tempfile

    with tempfile.TemporaryDirectory() as other:
        shutil.copy(folder / "a.csv", other)


def _run_path(folder: Path) -> None:
    import runpy

    runpy.run_path(str(folder / "a.py"))


def _numpy_memmap(folder: Path) -> None:
    import numpy

    numpy.load(folder / "a.npy", mmap_mode="r")


def _numpy(name: str) -> Reader:
    def read(folder: Path) -> None:
        import numpy

        numpy.load(folder / name)

    return read


def _numpy_text(folder: Path) -> None:
    import numpy

    numpy.genfromtxt(folder / "a.csv", delimiter=",")


def _numpy_bytes(folder: Path) -> None:
    import numpy

    numpy.fromfile(folder / "a.csv", dtype="u1")


def _pandas(name: str, file: str, **how: Any) -> Reader:
    def read(folder: Path) -> None:
        import pandas

        getattr(pandas, name)(folder / file, **how)

    return read


def _arrow(module: str, name: str, file: str) -> Reader:
    def read(folder: Path) -> None:
        import importlib

        getattr(importlib.import_module(module), name)(str(folder / file))

    return read


def _arrow_file(folder: Path) -> None:
    import pyarrow

    with pyarrow.OSFile(str(folder / "a.csv")) as file:
        file.read()


def _arrow_map(folder: Path) -> None:
    import pyarrow

    with pyarrow.memory_map(str(folder / "a.csv")) as file:
        file.read()


def _arrow_dataset(folder: Path) -> None:
    import pyarrow.dataset

    pyarrow.dataset.dataset(str(folder / "a.parquet")).to_table()


def _polars(name: str, file: str) -> Reader:
    def read(folder: Path) -> None:
        import polars

        frame = getattr(polars, name)(folder / file)
        if name.startswith("scan"):
            frame.collect()

    return read


def _duckdb(query: str) -> Reader:
    def read(folder: Path) -> None:
        import duckdb

        with duckdb.connect() as connection:
            connection.execute(query.format(folder=folder)).fetchall()

    return read


def _h5py(folder: Path) -> None:
    import h5py

    with h5py.File(folder / "a.h5") as file:
        file["x"][:]


def _scipy(folder: Path) -> None:
    import scipy.io

    scipy.io.loadmat(folder / "a.mat")


def _image(folder: Path) -> None:
    import PIL.Image

    with PIL.Image.open(folder / "a.png") as image:
        image.load()


def _matplotlib_image(folder: Path) -> None:
    import matplotlib.image

    matplotlib.image.imread(folder / "a.png")


def _joblib(folder: Path) -> None:
    import joblib

    joblib.load(folder / "a.joblib")


def _tomllib(folder: Path) -> None:
    import tomllib

    with open(folder / "a.toml", "rb") as file:
        tomllib.load(file)


def _configparser(folder: Path) -> None:
    import configparser

    configparser.ConfigParser().read(folder / "a.ini")


def _sqlite(folder: Path) -> None:
    import sqlite3

    connection = sqlite3.connect(folder / "a.db")
    assert connection.execute("SELECT * FROM t").fetchall() == [(1,)]
    connection.close()


def _sqlite_by_url(folder: Path) -> None:
    import sqlite3

    connection = sqlite3.connect(f"file:{folder}/a.db?mode=ro", uri=True)
    assert connection.execute("SELECT * FROM t").fetchall() == [(1,)]
    connection.close()


# Each reader, the one file that it reads, and whether only the import tables show it.
READERS: list[tuple[str, Reader, str, bool]] = [
    ("open", _opened("a.csv"), "a.csv", False),
    ("open unbuffered", _opened("a.csv", mode="rb", buffering=0), "a.csv", False),
    ("os.open", _os_open, "a.csv", False),
    ("pathlib", lambda folder: (folder / "a.csv").read_bytes(), "a.csv", False),
    ("mmap", _mapped, "a.csv", False),
    ("zipfile", _zip, "a.zip", False),
    ("tarfile", _tar, "a.tar", False),
    ("gzip", _gzip, "a.gz", False),
    ("shutil.copy", _copied, "a.csv", False),
    ("runpy", _run_path, "a.py", False),
    ("tomllib", _tomllib, "a.toml", False),
    ("configparser", _configparser, "a.ini", False),
    ("sqlite3", _sqlite, "a.db", False),
    ("sqlite3 by URL", _sqlite_by_url, "a.db", True),
    ("numpy.load", _numpy("a.npy"), "a.npy", False),
    ("numpy.load npz", _numpy("a.npz"), "a.npz", False),
    ("numpy.load mapped", _numpy_memmap, "a.npy", False),
    ("numpy.genfromtxt", _numpy_text, "a.csv", False),
    ("numpy.fromfile", _numpy_bytes, "a.csv", False),
    ("pandas.read_csv", _pandas("read_csv", "a.csv"), "a.csv", False),
    ("pandas.read_csv pyarrow", _pandas("read_csv", "a.csv", engine="pyarrow"), "a.csv", False),
    ("pandas.read_json", _pandas("read_json", "a.json", lines=True), "a.json", False),
    ("pandas.read_pickle", _pandas("read_pickle", "a.pickle"), "a.pickle", False),
    ("pandas.read_parquet", _pandas("read_parquet", "a.parquet"), "a.parquet", True),
    ("pandas.read_feather", _pandas("read_feather", "a.feather"), "a.feather", False),
    ("pyarrow.parquet", _arrow("pyarrow.parquet", "read_table", "a.parquet"), "a.parquet", True),
    ("pyarrow.feather", _arrow("pyarrow.feather", "read_table", "a.feather"), "a.feather", True),
    ("pyarrow.csv", _arrow("pyarrow.csv", "read_csv", "a.csv"), "a.csv", True),
    ("pyarrow.json", _arrow("pyarrow.json", "read_json", "a.json"), "a.json", True),
    ("pyarrow.OSFile", _arrow_file, "a.csv", True),
    ("pyarrow.memory_map", _arrow_map, "a.csv", True),
    ("pyarrow.dataset", _arrow_dataset, "a.parquet", True),
    ("polars.read_csv", _polars("read_csv", "a.csv"), "a.csv", True),
    ("polars.read_parquet", _polars("read_parquet", "a.parquet"), "a.parquet", True),
    ("polars.read_ipc", _polars("read_ipc", "a.feather"), "a.feather", True),
    ("polars.read_ndjson", _polars("read_ndjson", "a.json"), "a.json", True),
    ("polars.scan_csv", _polars("scan_csv", "a.csv"), "a.csv", True),
    ("polars.scan_parquet", _polars("scan_parquet", "a.parquet"), "a.parquet", True),
    ("duckdb parquet", _duckdb("SELECT * FROM '{folder}/a.parquet'"), "a.parquet", True),
    ("duckdb csv", _duckdb("SELECT * FROM read_csv('{folder}/a.csv')"), "a.csv", True),
    ("h5py", _h5py, "a.h5", True),
    ("scipy.io", _scipy, "a.mat", False),
    ("PIL", _image, "a.png", False),
    ("matplotlib.image", _matplotlib_image, "a.png", False),
    ("joblib", _joblib, "a.joblib", False),
]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file of each kind, old enough to have a stamp that tells."""
    folder = tmp_path_factory.mktemp("readers").resolve()
    _make_files(folder)
    # Once without a watch: what a library loads on demand has nothing to do with the file.
    for _, read, _, _ in READERS:
        read(folder)
    time.sleep(0.1)
    return folder


def _make_files(folder: Path) -> None:
    import gzip
    import sqlite3
    import tarfile
    import zipfile

    import h5py
    import joblib
    import numpy
    import pandas
    import PIL.Image
    import scipy.io

    frame = pandas.DataFrame({"x": [1, 2], "y": ["a", "b"]})
    frame.to_csv(folder / "a.csv", index=False)
    frame.to_json(folder / "a.json", orient="records", lines=True)
    frame.to_parquet(folder / "a.parquet")
    frame.to_feather(folder / "a.feather", compression="uncompressed")
    frame.to_pickle(folder / "a.pickle")
    numpy.save(folder / "a.npy", numpy.arange(3))
    numpy.savez(folder / "a.npz", x=numpy.arange(3))
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.writestr("inside", "text")
    with tarfile.open(folder / "a.tar", "w") as archive:
        archive.add(folder / "a.csv", "inside")
    with gzip.open(folder / "a.gz", "w") as file:
        file.write(b"text")
    with h5py.File(folder / "a.h5", "w") as file:
        file["x"] = [1, 2]
    connection = sqlite3.connect(folder / "a.db")
    connection.executescript("CREATE TABLE t(x); INSERT INTO t VALUES (1)")
    connection.close()
    scipy.io.savemat(folder / "a.mat", {"x": [1]})
    PIL.Image.new("L", (2, 2)).save(folder / "a.png")
    joblib.dump([1], folder / "a.joblib")
    (folder / "a.py").write_text("X = 1\n")
    (folder / "a.toml").write_text("x = 1\n")
    (folder / "a.ini").write_text("[x]\ny = 1\n")


@pytest.mark.parametrize(
    ("read", "name"),
    [pytest.param(*row[1:3], id=row[0], marks=[NATIVE] if row[3] else []) for row in READERS],
)
def test_a_reader_is_seen_and_nothing_else(files: Path, read: Reader, name: str) -> None:
    seen = watch(lambda: read(files), files)
    assert seen.read == [name]
    assert seen.written == []
    assert seen.listed == []
    assert {path for path in seen.absent if path not in ("a.db-wal", "a.db-journal")} == set()
    assert {status for status in seen.statuses if status[0] != name} == set()
    assert seen.unverifiable == {}
    assert not seen.all["whole_environment"]


def test_audit_events_show_the_rest_and_what_else_could_read_is_named(files: Path) -> None:
    """In a process of its own, whose import tables nobody has patched."""
    program = """if True:
        import sys
        from pathlib import Path

        sys.path.insert(0, sys.argv[1])
        from never_stale.test_watching_readers import READERS
        from never_stale.watched import watch

        folder = Path(sys.argv[2])
        for label, read, name, only_native in READERS:
            seen = watch(lambda: read(folder), folder, native=False)
            assert seen.read == ([] if only_native else [name]), (label, seen.all)
            library = {"sqlite3 by URL": "sqlite3"}.get(label, label.partition(".")[0].partition(" ")[0])
            if only_native and library != "pandas":
                assert library in seen.unverifiable["native"], (label, seen.all)
    """
    arguments = [str(Path(__file__).parents[1]), str(files)]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


@NATIVE
def test_a_folder_listed_by_a_native_library_is_seen(files: Path) -> None:
    import polars

    seen = watch(lambda: polars.scan_csv(files / "*.csv").collect(), files)
    assert seen.listed == ["."]
    assert seen.read == ["a.csv"]


@NATIVE
def test_a_file_that_a_native_library_does_not_find_is_absent(files: Path) -> None:
    import pyarrow
    import pyarrow.csv

    seen = watch(
        lambda: pytest.raises(FileNotFoundError, pyarrow.csv.read_csv, str(files / "none.csv")), files
    )
    assert seen.absent == ["none.csv"]


@NATIVE
@pytest.mark.parametrize("library", ["pyarrow", "polars", "duckdb", "h5py"])
def test_what_a_native_library_writes_and_reads_is_no_input(tmp_path: Path, library: str) -> None:
    import duckdb
    import h5py
    import polars
    import pyarrow
    import pyarrow.parquet

    file = tmp_path.resolve() / "new.file"

    def compute() -> None:
        if library == "pyarrow":
            pyarrow.parquet.write_table(pyarrow.table({"x": [1]}), str(file))
            pyarrow.parquet.read_table(str(file))
        elif library == "polars":
            polars.DataFrame({"x": [1]}).write_parquet(file)
            polars.read_parquet(file)
        elif library == "duckdb":
            with duckdb.connect() as connection:
                connection.execute(f"COPY (SELECT 1 AS x) TO '{file}' (FORMAT parquet)")
                connection.execute(f"SELECT * FROM read_parquet('{file}')").fetchall()
        else:
            with h5py.File(file, "w") as new:
                new["x"] = [1]
            with h5py.File(file) as old:
                old["x"][:]

    seen = watch(compute, tmp_path.resolve())
    assert (seen.read, seen.written) == ([], ["new.file"])


@NATIVE
def test_a_library_loaded_by_the_computation_is_seen(tmp_path: Path) -> None:
    """In a process of its own, where nothing native is loaded before."""
    (tmp_path / "a.csv").write_text("x\n1\n")
    program = """if True:
        import sys
        from hozon._watching import Watching

        watching = Watching(True)
        watching.start()
        import pyarrow.csv

        pyarrow.csv.read_csv("a.csv")
        watching.stop()
        seen = watching.watch.observations()
        print([item["named"] for item in seen["read"]], seen["environment"], seen["unverifiable"])
    """
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "['a.csv'] set() {}\n"
