"""The action for GitHub and the template for GitLab: their scripts, run as those would run them."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from ..conftest import Project

yaml = pytest.importorskip("yaml", reason="PyYAML comes with marimo")

ROOT = Path(__file__).parents[2] / "ci"
ACTION = yaml.safe_load((ROOT / "github/action.yml").read_text(encoding="utf-8"))
GITLAB = yaml.safe_load((ROOT / "gitlab/hozon.yml").read_text(encoding="utf-8"))[".hozon"]
KEY = base64.b64encode(b"k" * 32).decode()

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="the scripts are for bash")

MAIN = """
    import hozon

    @hozon.persistent_cache
    def f(x):
        print("RAN", x)
        return x

    f(1)
"""


class Runner(Project):
    """A checkout on a fresh machine of a CI; the folder that the CI keeps is copied in and out."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        super().__init__(folder / "project", folder / "home")
        self.write("main.py", MAIN)
        self.variables = {
            **{name: value for name, value in os.environ.items() if not name.startswith("HOZON_")},
            "PATH": os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]]),
            "HOME": str(self.home),
            "RUNNER_TEMP": str(folder / "temp"),
            "GITHUB_ENV": str(folder / "env"),
            "GITHUB_STEP_SUMMARY": str(folder / "summary"),
        }

    def bash(self, script: str, **variables: str) -> str:
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", script],
            cwd=self.folder,
            env=self.variables | variables,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def ran(self) -> bool:
        return "RAN" in self.bash("python main.py", HOZON_REPLAY="0")

    def github(self, step: str, *, read_only: bool = False, **inputs: str) -> None:
        """Runs the scripts of the action, as far as their conditions say."""
        given = {name: str(of.get("default", "")) for name, of in ACTION["inputs"].items()}
        given |= {"step": step, "seal-key": KEY, "read-only": str(read_only).lower(), **inputs}
        for part in ACTION["runs"]["steps"]:
            if "run" in part and holds(part["if"], given):
                environment = part.get("env", {})
                self.bash(part["run"], **{name: filled(text, given) for name, text in environment.items()})
                self.take_over()

    def take_over(self) -> None:
        file = Path(self.variables["GITHUB_ENV"])
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        self.variables |= dict(line.split("=", 1) for line in lines)

    def gitlab(self, part: str, **variables: str) -> str:
        given = {**GITLAB["variables"], **variables}
        given["HOZON_HOME"] = str(self.home)
        return self.bash("\n".join(GITLAB[part]), **given)

    def take(self, other: Runner) -> None:
        shutil.copytree(other.folder / ".hozon-ci", self.folder / ".hozon-ci")


def holds(condition: str, given: dict[str, str]) -> bool:
    """Whether a condition of the action holds: `inputs.a == 'x' && inputs.b != 'y'`."""
    for part in condition.split(" && "):
        name, operator, value = part.split(" ")
        assert operator in ("==", "!=")
        if (given[name.removeprefix("inputs.")] == value.strip("'")) != (operator == "=="):
            return False
    return True


def filled(text: str, given: dict[str, str]) -> str:
    assert text.startswith("${{ inputs.")
    return given[text.removeprefix("${{ inputs.").removesuffix(" }}")]


@pytest.fixture
def runner(tmp_path: Path) -> Any:
    return lambda name: Runner(tmp_path / name)


def test_github(runner: Any) -> None:
    first, second = runner("first"), runner("second")
    first.github("restore")
    assert first.ran()
    first.github("save")
    second.take(first)
    second.github("restore")
    assert not second.ran()
    second.github("save", read_only=True)
    summary = Path(second.variables["GITHUB_STEP_SUMMARY"]).read_text(encoding="utf-8")
    assert summary.startswith("### hozon\n\nrestored 1 result ")
    assert "Nothing was computed." in summary


def test_github_for_pull_requests_and_forks(runner: Any) -> None:
    pull_request, fork = runner("pull_request"), runner("fork")
    for one, inputs in ((pull_request, {}), (fork, {"seal-key": ""})):
        one.github("restore", **inputs)
        assert one.ran()
        one.github("save", read_only=one is pull_request, **inputs)
        assert not (one.folder / ".hozon-ci").exists()


def test_a_seal_key_that_is_none_is_an_error(runner: Any) -> None:
    with pytest.raises(AssertionError, match="must be 32 bytes in base64"):
        runner("one").github("restore", **{"seal-key": "c2hvcnQ="})


def test_texts_of_inputs_never_stand_in_a_script() -> None:
    for part in ACTION["runs"]["steps"]:
        assert "${{" not in part.get("run", ""), part["name"]


def test_gitlab(runner: Any) -> None:
    first, second = runner("first"), runner("second")
    first.variables["HOZON_HOME"] = str(first.home)
    second.variables["HOZON_HOME"] = str(second.home)
    first.gitlab("before_script", HOZON_SEAL_KEY=KEY)
    assert first.ran()
    first.gitlab("after_script", HOZON_SEAL_KEY=KEY)
    second.take(first)
    second.gitlab("before_script", HOZON_SEAL_KEY=KEY)
    assert not second.ran()
    before = sorted((second.folder / ".hozon-ci").rglob("*"))
    said = second.gitlab("after_script", HOZON_SEAL_KEY=KEY, CI_PIPELINE_SOURCE="merge_request_event")
    assert "restored 1 result" in said
    assert sorted((second.folder / ".hozon-ci").rglob("*")) == before
    assert not second.home.exists(), "the key is gone"
