"""Downloads source archives by pip, checks them and takes them apart, in a folder that git ignores."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from listing import Archive

CACHE = Path(__file__).parents[2] / ".published"
BACKEND = Path(__file__).with_name("backend.py")

# The build systems of the archives, for which `backend.py` stands in.
_BACKENDS = (
    "mesonpy",
    "setuptools.build_meta",
    "hatchling.build",
    "flit_core.buildapi",
    "uv_build",
    "maturin",
)


def folder_of(archive: Archive) -> Path:
    """The folder of an archive's files; downloads it if it is not there. Raises `ValueError` for another hash."""
    folder = CACHE / "sources" / archive.name
    if not folder.is_dir():
        _unpack(_archive_file(archive), archive, folder)
    return folder


def _archive_file(archive: Archive) -> Path:
    archives = CACHE / "archives"
    archives.mkdir(parents=True, exist_ok=True)
    found = _by_hash(archives, archive)
    if found is None:
        _download(archive, archives)
        found = _by_hash(archives, archive)
    if found is None:
        raise ValueError(f"{archive.name}: what pip downloaded has not the hash that list.toml gives")
    return found


def _by_hash(folder: Path, archive: Archive) -> Path | None:
    stem = archive.name.lower().replace("-", "_")
    for path in folder.iterdir():
        if path.name.lower().replace("-", "_").startswith(stem):
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() == archive.sha256:
                    return path
    return None


def _download(archive: Archive, folder: Path) -> None:
    print(f"downloading {archive.package} {archive.version}", file=sys.stderr)
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-binary", ":all:", "--dest", str(folder)]
    with tempfile.TemporaryDirectory() as backends:
        _write_backends(Path(backends))
        subprocess.run(
            [sys.executable, "-m", "pip", "download", *options, f"{archive.package}=={archive.version}"],
            env=os.environ | {"PYTHONPATH": backends},
            check=True,
        )


def _write_backends(folder: Path) -> None:
    for name in _BACKENDS:
        package, _, module = name.partition(".")
        if module:
            (folder / package).mkdir()
            (folder / package / "__init__.py").touch()
        shutil.copy(BACKEND, folder / f"{name.replace('.', '/')}.py")


def _unpack(path: Path, archive: Archive, folder: Path) -> None:
    """Takes an archive apart, whole or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as part:
        with tarfile.open(path) as opened:
            opened.extractall(part, filter="data")
        (only,) = Path(part).iterdir()
        only.rename(folder)
