"""What a first run costs with hozon beside one without: five computations, interleaved, medians.

    make bench-watching            or: python benches/watching.py [--rounds 5] [--quick]

A first run pays for the key, for watching what the computation reads, and for storing its result. Each run
is a fresh process with an empty store. The target: at most 5 % over the plain run, plus 1 ms a computation.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

# name, preparation (not timed), the function's body, calls
COMPUTATIONS: dict[str, tuple[str, str, str]] = {
    "pandas group-by": (
        "import numpy as np, pandas as pd\n"
        "rng = np.random.default_rng(0)\n"
        "frame = pd.DataFrame({'k': rng.integers(0, 100_000, SIZE * 40), 'v': rng.random(SIZE * 40)})\n",
        "return float(frame.groupby('k').v.agg(['mean', 'std', 'median', 'max']).sum().sum())",
        "f()",
    ),
    "linear algebra": (
        "import numpy as np\nmatrix = np.random.default_rng(0).random((SIZE // 100, SIZE // 100))\n",
        "return float(np.linalg.svd(matrix, compute_uv=False).sum())",
        "f()",
    ),
    "scikit-learn fit": (
        "import numpy as np\nfrom sklearn.ensemble import RandomForestClassifier\n"
        "rng = np.random.default_rng(0)\nX = rng.random((SIZE // 20, 20))\ny = (X[:, 0] > 0.5).astype(int)\n",
        "return RandomForestClassifier(n_estimators=50, random_state=0).fit(X, y).score(X, y)",
        "f()",
    ),
    "pure-Python loop": (
        "",
        "total = 0\nfor i in range(SIZE * 100):\n    total += i * i % 7\nreturn total",
        "f()",
    ),
    "many small files": (
        "import pathlib\nfolder = pathlib.Path('files')\nfolder.mkdir()\n"
        "for i in range(SIZE // 50):\n    (folder / f'{i}.txt').write_text('text ' * (i % 100))\n",
        "total = 0\nfor path in sorted(folder.iterdir()):\n    total += len(path.read_text())\nreturn total",
        "f()",
    ),
    "many small cached calls": (
        "",
        "return x * 2 + 1",
        "for i in range(SIZE // 20): f(i)",
    ),
}

PROGRAM = """
import sys, time
SIZE = {size}
{preparation}
def f(x=0):
{body}
if sys.argv[1] == "hozon":
    import hozon
    f = hozon.persistent_cache(f)
started = time.perf_counter()
{call}
print(time.perf_counter() - started)
"""

# What is installed has its bytecode: compiling hozon anew in every process is no cost of a first run.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def seconds(name: str, which: str, size: int) -> float:
    """The time of one first run in a fresh process."""
    preparation, body, call = COMPUTATIONS[name]
    indented = "\n".join("    " + line for line in body.splitlines())
    with tempfile.TemporaryDirectory() as folder:
        program = PROGRAM.format(size=size, preparation=preparation, body=indented, call=call)
        Path(folder, "main.py").write_text(program)
        Path(folder, "pyproject.toml").touch()
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "main.py", which],
            cwd=folder,
            env={**ENVIRONMENT, "HOZON_HOME": str(Path(folder, "home"))},
            capture_output=True,
            text=True,
            check=True,
        )
    return float(done.stdout.split()[-1])


def is_there(name: str) -> bool:
    return (
        name != "scikit-learn fit"
        or not subprocess.run(
            [sys.executable, "-c", "import sklearn"], capture_output=True, check=False
        ).returncode
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="a tenth of the size: to see that it works")
    options = parser.parse_args()
    size = 10_000 if options.quick else 100_000
    print(f"{'a first run':26} {'plain':>10} {'hozon':>10} {'ratio':>7}   more a call")
    for name, (_, _, call) in COMPUTATIONS.items():
        if not is_there(name):
            print(f"{name:26} {'(not installed)':>10}")
            continue
        times: dict[str, list[float]] = {"plain": [], "hozon": []}
        seconds(name, "hozon", 10_000)
        for _ in range(options.rounds):
            for which, found in times.items():
                found.append(seconds(name, which, size))
        plain, cached = (statistics.median(found) for found in times.values())
        calls = size // 20 if call.startswith("for") else 1
        more = 1e3 * (cached - plain) / calls
        verdict = "" if cached <= plain * 1.05 + 1e-3 * calls else "   beyond 5 % + 1 ms"
        print(
            f"{name:26} {plain:9.3f}s {cached:9.3f}s {cached / plain:7.2f}   {more:8.3f} ms{verdict}",
            flush=True,
        )


if __name__ == "__main__":
    main()
