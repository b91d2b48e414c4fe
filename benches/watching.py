"""What a first run costs with hozon beside one without: computations in fresh processes, interleaved.

    make bench-watching            or: python benches/watching.py [--rounds 5] [--quick] [--only WORDS]

A first run pays for the key, for watching what the computation reads, and for storing its result. Each run
is a fresh process with an empty store. The target: at most 5 % over the plain run, plus 1 ms a computation.

Ratios are medians of those of neighbouring runs, by the clock and by the processor's time. Where other
programs run meanwhile, the processor's time is what to go by; it leaves out the waiting for files.
"""

from __future__ import annotations

import argparse
import operator
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
    # No work at all: what a computation costs before it has begun and after it has ended.
    "one tiny call": ("", "return x * 2 + 1", "f()"),
    "a tiny call, libraries loaded": (
        "import numpy, pandas\n",
        "return x * 2 + 1",
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
started, used = time.perf_counter(), time.process_time()
{call}
print(time.perf_counter() - started, time.process_time() - used)
"""

# What is installed has its bytecode: compiling hozon anew in every process is no cost of a first run.
# One thread for linear algebra: several that wait for each other are at the mercy of other programs.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
ENVIRONMENT |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def seconds(name: str, which: str, size: int) -> tuple[float, float]:
    """The time of one first run in a fresh process: by the clock, and the processor's."""
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
    by_clock, used = map(float, done.stdout.split()[-2:])
    return by_clock, used


def is_there(name: str) -> bool:
    return (
        name != "scikit-learn fit"
        or not subprocess.run(
            [sys.executable, "-c", "import sklearn"], capture_output=True, check=False
        ).returncode
    )


def measure(name: str, size: int, rounds: int) -> None:
    """Measures one computation and prints its line."""
    times: dict[str, list[tuple[float, float]]] = {"plain": [], "hozon": []}
    seconds(name, "hozon", size // 10)
    for _ in range(rounds):
        for which, found in times.items():
            found.append(seconds(name, which, size))
    call = COMPUTATIONS[name][2]
    calls = size // 20 if call.startswith("for") else 1
    line = f"{name:30}"
    for kind in (0, 1):
        plain, cached = ([one[kind] for one in found] for found in times.values())
        ratio = statistics.median(map(operator.truediv, cached, plain))
        more = statistics.median(map(operator.sub, cached, plain)) / calls
        is_met = more <= statistics.median(plain) / calls * 0.05 + 1e-3
        told = f"{statistics.median(plain):9.4f} s {ratio:9.2f} {1e3 * more:9.2f} ms"
        line += f"{told} {'met' if is_met else 'NO ':3} |"
    print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="a tenth of the size: to see that it works")
    parser.add_argument("--only", default="", help="computations whose names hold these words")
    options = parser.parse_args()
    size = 10_000 if options.quick else 100_000
    columns = f"{'plain':>11} {'ratio':>9} {'more a call':>12} ok? |"
    print(f"{'by the clock | processor':30}{columns}{columns}")
    for name in COMPUTATIONS:
        if options.only not in name:
            continue
        if is_there(name):
            measure(name, size, options.rounds)
        else:
            print(f"{name:30} (not installed)")


if __name__ == "__main__":
    main()
