"""What a computation does beside giving a result is done again on a hit, in another process."""

from __future__ import annotations

import pytest

from ..conftest import Project

# name, what the function does, what is printed after its call
EFFECTS = [
    ("sets a variable", "os.environ['WHICH'] = 'set'", "os.environ.get('WHICH')"),
    ("deletes a variable", "del os.environ['GIVEN']", "os.environ.get('GIVEN')"),
    ("draws from random", "random.random()", "random.random()"),
    ("seeds random", "random.seed(5)", "random.random()"),
    ("draws from numpy", "np.random.rand()", "np.random.rand()"),
    ("prints", "print('text')", "x"),
    ("warns", "warnings.warn('a warning')", "x"),
    ("logs", "logging.getLogger('local').warning('a record')", "x"),
    ("changes an argument", "x.append(2)", "x"),
    ("changes a global", "ITEMS.append(2)", "ITEMS"),
    ("binds a global", "global NAME; NAME = 'new'", "NAME"),
    ("changes an array", "ARRAY[0] = 7", "ARRAY.tolist()"),
]


@pytest.mark.parametrize(("name", "done", "shown"), EFFECTS, ids=[row[0] for row in EFFECTS])
def test_what_is_done_is_done_again(project: Project, name: str, done: str, shown: str) -> None:
    project.write(
        "main.py",
        f"""
        import hozon, logging, os, random, sys, warnings
        import numpy as np
        ITEMS, NAME, ARRAY = [1], "old", np.zeros(2)
        random.seed(1)
        np.random.seed(1)
        @hozon.persistent_cache
        def f(x):
            {done}
        x = [1]
        f(x)
        print({shown})
        print(f.cache_info().hits, file=sys.stderr)
        """,
    )
    settings = {"GIVEN": "there", "HOZON_REPLAY": "1"}
    plain = project.run(HOZON_DISABLE="1", **settings)
    cold, warm = project.run(**settings), project.run(**settings)
    assert (cold.stdout, warm.stdout) == (plain.stdout, plain.stdout)
    assert cold.stderr.splitlines()[-1] == "0"
    assert warm.stderr.splitlines()[-1] == "1", "the second run must be a hit"
    assert warm.stderr.splitlines()[:-1] == cold.stderr.splitlines()[:-1]
