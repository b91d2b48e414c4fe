"""The list of published notebooks is complete; running them is `make published`, which downloads them."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from published.listing import FORMATS, LIST, archives, notebooks

TEXT = LIST.read_text()
README = Path(__file__).parents[1] / "README.md"

# Which licences let anybody run and quote what they cover.
FREE = re.compile(r"BSD|MIT|Apache|PSF|Python Software Foundation")


def test_there_are_at_least_25_notebooks_of_each_format() -> None:
    counts = Counter(notebook.format for notebook in notebooks(TEXT))
    assert sorted(counts) == sorted(FORMATS)
    assert min(counts.values()) >= 25


def test_at_most_a_tenth_cannot_be_compared_and_each_says_why() -> None:
    for form in FORMATS:
        of_form = [notebook for notebook in notebooks(TEXT) if notebook.format == form]
        listed = [notebook.differs for notebook in of_form if notebook.differs]
        assert 10 * len(listed) <= len(of_form)
        assert all(len(reason.split()) > 3 for reason in listed)


def test_reasons_of_live_runs_are_of_notebooks_of_the_list() -> None:
    labels = {notebook.label for notebook in notebooks(TEXT)}
    reasons = tomllib.loads(TEXT)["live"]
    assert set(reasons) <= labels
    live = {notebook.label: notebook.differs for notebook in notebooks(TEXT, is_live=True)}
    assert {label: live[label] for label in reasons} == reasons


def test_no_notebook_stands_there_twice() -> None:
    labels = [notebook.label for notebook in notebooks(TEXT)]
    assert len(labels) == len(set(labels))


@pytest.mark.parametrize("archive", archives(TEXT).values(), ids=lambda archive: archive.name)
def test_archives_are_pinned_and_free(archive: object) -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", archive.sha256)  # type: ignore[attr-defined]
    assert FREE.search(archive.license)  # type: ignore[attr-defined]


def test_the_readme_names_every_source_and_notebook() -> None:
    readme = README.read_text()
    for archive in archives(TEXT).values():
        assert f"{archive.package} {archive.version}" in readme
    for notebook in notebooks(TEXT):
        assert f"`{notebook.path}`" in readme
        assert notebook.differs in readme
