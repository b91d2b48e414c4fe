"""Libraries that a program does not use cost nothing: hozon does not even look for them."""

from __future__ import annotations

from ..conftest import Project

PROGRAM = """
import sys

KNOWN = {"numpy", "pandas", "polars", "pyarrow", "scipy", "torch", "sklearn", "matplotlib", "PIL", "joblib",
         "IPython", "ipykernel", "ipywidgets", "comm", "jupyter_client", "marimo", "dask", "ray", "pyspark", "pytest"}
asked = set()

class Listener:
    def find_spec(name, *_):
        asked.add(name.partition(".")[0])

sys.meta_path.insert(0, Listener)
import hozon

@hozon.persistent_cache
def kept(x):
    return [x, open(__file__).read()]

@hozon.cache
def quick(x):
    return x

kept(1), kept(1), quick(1), quick(1)
with hozon.cached_context("block"):
    y = 2
hozon.save(lambda: y, "y")
assert hozon.load("y") == 2 and "hozon" in asked
print(sorted(asked & KNOWN))
"""


def test_libraries_that_a_program_does_not_use_are_not_looked_for(project: Project) -> None:
    """At a miss, nor at a hit."""
    assert project.main(PROGRAM) == ["[]"]
    assert project.main(PROGRAM) == ["[]"]
