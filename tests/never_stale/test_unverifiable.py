"""What nobody can verify is noted, warned of once, and accepted by a word; the result is stored all the same."""

from __future__ import annotations

import pytest

from ..conftest import Project

BODIES = [
    ("network", "import socket\ntry:\n    socket.create_connection(('127.0.0.1', 9), 0.2)\nexcept OSError:\n    pass\nreturn 1"),
    ("subprocess", "import subprocess, sys\nreturn subprocess.run([sys.executable, '-c', '']).returncode"),
    ("subprocess", "import os\nreturn os.system('true')"),
    ("clock", "return time.time() > 0"),
    ("identity", "return id(x) > 0"),
    ("identity", "return os.getpid() > 0"),
    ("randomness", "import uuid\nreturn len(str(uuid.uuid4()))"),
    ("randomness", "import os\nreturn len(os.urandom(4))"),
    ("randomness", "import secrets\nreturn len(secrets.token_hex())"),
    ("randomness", "import numpy as np\nreturn np.random.default_rng().random() < 2"),
    ("append", "with open('log.txt', 'a') as log:\n    log.write('.')\nreturn 1"),
]  # fmt: skip


@pytest.mark.parametrize(("word", "body"), BODIES)
def test_it_is_warned_of_once_and_allowed_by_a_word(project: Project, word: str, body: str) -> None:
    project.write("log.txt", "before\n")
    lines = body.replace("\n", "\n    ")
    text = "import hozon, os, time\n@hozon.persistent_cache{}\ndef f(x):\n    print('RAN')\n    {}\nf(1)\nf(1)\nf(2)\n"
    project.write("main.py", text.format("", lines))
    said = project.run()
    assert said.stderr.count(f'allow=["{word}"]') == 1, said.stderr
    assert said.stdout.count("RAN") == 2
    project.write("main.py", text.format(f"(allow={word!r})", lines))
    assert project.run().stderr == ""


def test_what_takes_time_is_no_clock(project: Project) -> None:
    project.write(
        "main.py",
        """
        import hozon, time
        @hozon.persistent_cache
        def f(x):
            started = time.perf_counter()
            time.sleep(0.001)
            return time.perf_counter() > started
        print(f(1))
        """,
    )
    assert project.run().stderr == ""
