"""Real environments with real distributions in them, made without a network."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import textwrap
import zipfile
from pathlib import Path

import hozon

# A build backend that is one file of the project itself, so that pip needs no other package.
_BACKEND = """
import json, pathlib, zipfile
META = json.loads(pathlib.Path("meta.json").read_text())
def _wheel(folder, files):
    name = f"{META['name']}-{META['version']}-py3-none-any.whl"
    info = f"{META['name']}-{META['version']}.dist-info"
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\\nName: {META['name']}\\nVersion: {META['version']}\\n"
    files[f"{info}/WHEEL"] = "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    record = "".join(f"{path},,\\n" for path in [*files, f"{info}/RECORD"])
    files[f"{info}/RECORD"] = record
    with zipfile.ZipFile(pathlib.Path(folder) / name, "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
    return name
def build_wheel(folder, config_settings=None, metadata_directory=None):
    root = pathlib.Path("src")
    return _wheel(folder, {str(path.relative_to(root)): path.read_text() for path in root.rglob("*.py")})
def build_editable(folder, config_settings=None, metadata_directory=None):
    return _wheel(folder, {f"{META['name']}.pth": str(pathlib.Path("src").resolve())})
def get_requires_for_build_wheel(config_settings=None):
    return []
get_requires_for_build_editable = get_requires_for_build_wheel
"""


class Environment:
    """A virtual environment with this hozon in it, and what is installed there by pip."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
        self.python = str(folder / "venv" / "bin" / "python")
        version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        self.packages = folder / "venv" / "lib" / version / "site-packages"
        (self.packages / "hozon.pth").write_text(f"{Path(hozon.__file__).parents[1]}\n")

    def install(self, name: str, version: str, files: dict[str, str | bytes]) -> None:
        """Installs a wheel, in place of whatever version is there: what pip does, without its second."""
        self.uninstall(name)
        with zipfile.ZipFile(self._wheel(name, version, files)) as wheel:
            wheel.extractall(self.packages)

    def install_folder(
        self, name: str, version: str, files: dict[str, str], *, editable: bool = False
    ) -> Path:
        """Installs a project from its folder. Returns where its sources are."""
        project = self.folder / "projects" / name
        write(project / "src", files)
        write(
            project,
            {
                "backend.py": _BACKEND,
                "meta.json": json.dumps({"name": name, "version": version}),
                "pyproject.toml": "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n",
            },
        )
        chosen = ["--editable"] if editable else []
        self._pip("install", "--force-reinstall", "--no-build-isolation", *chosen, str(project))
        return project / "src"

    def uninstall(self, name: str) -> None:
        for record in self.packages.glob(f"{name}-*.dist-info/RECORD"):
            for line in record.read_text().splitlines():
                (self.packages / line.partition(",")[0]).unlink(missing_ok=True)
            record.parent.rmdir()

    def _pip(self, command: str, *arguments: str) -> None:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", self.python]
        offline = ["--no-index", "--no-deps", "--quiet"]
        done = subprocess.run([*pip, command, *offline, *arguments], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    def _wheel(self, name: str, version: str, files: dict[str, str | bytes]) -> str:
        tag = "py3-none-any"
        path = self.folder / "wheels" / f"{name}-{version}-{tag}.whl"
        path.parent.mkdir(exist_ok=True)
        info = f"{name}-{version}.dist-info"
        all_files: dict[str, str | bytes] = {
            **{
                path: textwrap.dedent(text) if isinstance(text, str) else text for path, text in files.items()
            },
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
            f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: {tag}\n",
        }
        record = "".join(f"{file},,\n" for file in [*all_files, f"{info}/RECORD"])
        with zipfile.ZipFile(path, "w") as wheel:
            for file, content in {**all_files, f"{info}/RECORD": record}.items():
                wheel.writestr(file, content)
        return str(path)


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(textwrap.dedent(text), encoding="utf-8")


def extension() -> tuple[str, bytes]:
    """The name and content of some extension module that Python brings as a file of its own."""
    folder = Path(sysconfig.get_config_var("DESTSHARED"))
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    for name in ("_bisect", "_heapq", "_statistics", "_random", "_json"):
        file = folder / f"{name}{suffix}"
        if file.exists():
            return file.name, file.read_bytes()
    raise FileNotFoundError(f"no extension module in {folder}")
