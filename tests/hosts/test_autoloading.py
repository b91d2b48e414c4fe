"""`hozon ipython enable`: sessions of an environment load hozon by themselves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hozon.hosts import _autoloading

from ..conftest import Project

# Its prefix is another folder: that of the tests has no sessions that load anything.
SESSION = """
import sys
sys.prefix = sys.argv[1]
from hozon._command import main
sys.argv = ["hozon", "ipython", sys.argv[2]]
print(main())
from IPython import start_ipython
start_ipython(["--no-banner", "--HistoryManager.enabled=False", "-c",
    "print(get_ipython().find_line_magic('hozon') is not None, len(get_ipython().extension_manager.loaded))"])
"""


def loaded(project: Project, word: str) -> tuple[bool, list[str]]:
    """Whether a session loads hozon, and what the command said."""
    pytest.importorskip("IPython")
    project.write("session.py", SESSION)
    lines = project.run("session.py", str(project.folder / "prefix"), word).stdout.splitlines()
    return lines[-1].startswith("True"), lines[:-1]


def test_sessions_load_it_from_enable_to_disable(project: Project) -> None:
    file = project.folder / "prefix" / "etc" / "ipython" / "ipython_config.json"
    is_loaded, said = loaded(project, "status")
    assert not is_loaded
    assert said == [f"sessions of IPython and Jupyter do not load hozon ({file})", "0"]
    is_loaded, said = loaded(project, "enable")
    assert is_loaded
    assert said == [f"sessions of IPython and Jupyter load hozon ({file})", "0"]
    assert loaded(project, "status")[0]
    assert not loaded(project, "disable")[0]
    assert not file.exists()


def test_what_else_stands_in_the_file_stays(tmp_path: Path) -> None:
    file = tmp_path / "ipython_config.json"
    before = {"InteractiveShellApp": {"extra_extensions": ["autoreload"]}, "Other": {"a": 1}}
    file.write_text(json.dumps(before))
    _autoloading.enable(str(file))
    _autoloading.enable(str(file))
    extensions = json.loads(file.read_text())["InteractiveShellApp"]["extra_extensions"]
    assert extensions == ["autoreload", "hozon"]
    assert _autoloading.is_enabled(str(file))
    _autoloading.disable(str(file))
    assert json.loads(file.read_text()) == before
    assert [path.name for path in tmp_path.iterdir()] == ["ipython_config.json"]


@pytest.mark.parametrize("text", ["{", "[]", '{"InteractiveShellApp": {"extra_extensions": "x"}}', '{"InteractiveShellApp": 1}'])  # fmt: skip
def test_a_file_that_it_does_not_understand_stays_as_it_is(text: str, tmp_path: Path) -> None:
    file = tmp_path / "ipython_config.json"
    file.write_text(text)
    for change in (_autoloading.enable, _autoloading.disable):
        with pytest.raises(_autoloading.ConfigurationError, match=str(file)):
            change(str(file))
    assert file.read_text() == text


def test_a_wrong_word_shows_how_it_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    assert _autoloading.main(["nonsense"]) == 2
    assert "usage: hozon ipython enable" in capsys.readouterr().err
    assert _autoloading.main(["--help"]) == 0
    assert "usage: hozon ipython enable" in capsys.readouterr().out
