"""Runs random programs with the cache and without it, edit after edit, and compares all that can be seen.

    python tests/oracle/run.py --edits 5000 --seed 1 [--with files,env] [--jobs 2]

Each run is a fresh process. A failure prints a line that plays it again. Ends with 1 if there was one.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from oracle.programs import FEATURES, Program, edit, program

# What this hozon keeps faithfully. The others wait for traces, replay and changes in place.
SUPPORTED = FEATURES
EDITS_A_PROGRAM = 20
# Parts that make the whole module around count.
COMPUTED = ("getattr", "eval")
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR")


@dataclass(frozen=True)
class Seen:
    """All that a run shows: text, files written, whether the body ran."""

    text: str
    files: tuple[tuple[str, str], ...]
    ran: bool
    failed: str = ""

    def same_as(self, other: Seen) -> bool:
        return (self.text, self.files, bool(self.failed)) == (other.text, other.files, bool(other.failed))


@dataclass
class Tally:
    edits: int = 0
    harmless: int = 0
    harmless_hits: int = 0
    failures: int = 0

    def add(self, other: Tally) -> None:
        for name in vars(self):
            setattr(self, name, getattr(self, name) + getattr(other, name))


def run(folder: Path, made: Program, *, disabled: bool) -> Seen:
    for old in folder.glob("out_*.txt"):
        old.unlink()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "main.py"],
        cwd=folder,
        env={
            **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
            "HOZON_HOME": str(folder / "home"),
            "HOZON_DISABLE": "1" if disabled else "0",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": _hozon(),
            **made.environment,
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    written = tuple(sorted((path.name, path.read_text()) for path in folder.glob("out_*.txt")))
    return Seen(done.stdout, written, "RAN" in done.stderr, done.stderr[-1000:] if done.returncode else "")


def _hozon() -> str:
    import hozon

    return str(Path(hozon.__file__).parents[1])


def write(folder: Path, made: Program) -> None:
    files = made.files()
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
    # The process must be sure to start after the change.
    time.sleep(0.03)


def try_program(seed: int, edits: int, features: set[str], quiet: bool = False) -> Tally:
    """Runs one program and its edits, the store kept from one to the next."""
    tally = Tally()
    rng = random.Random(seed)
    made = program(seed, features)
    folder = Path(tempfile.mkdtemp(prefix="oracle-"))
    try:
        write(folder, made)
        before = run(folder, made, disabled=False)
        history: list[str] = []
        for number in range(edits):
            history.append(edit(made, rng))
            write(folder, made)
            plain, cached = run(folder, made, disabled=True), run(folder, made, disabled=False)
            tally.edits += 1
            if not cached.same_as(plain):
                tally.failures += 1
                _report(seed, number + 1, features, history, plain, cached, folder, made)
                break
            if _is_harmless(made, history[-1]) and plain.same_as(before):
                tally.harmless += 1
                tally.harmless_hits += not cached.ran
                if cached.ran and not quiet:
                    print(f"needless: --seed {seed} --edits {number + 1}: {history[-1]}", flush=True)
            before = plain
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return tally


def _is_harmless(made: Program, what: str) -> bool:
    """Whether the edit cannot matter. A name that is new in a module can, where names are computed."""
    name, _, kind = what.rpartition(": ")
    if kind in ("added", "moved"):
        around = next(
            parts for parts in (made.main, *made.modules.values()) if any(p.name == name for p in parts)
        )
        return not any(part.kind in COMPUTED for part in around)
    return kind in ("comment", "spaces")


def _report(
    seed: int,
    edits: int,
    features: set[str],
    history: list[str],
    plain: Seen,
    cached: Seen,
    folder: Path,
    made: Program,
) -> None:
    print(
        f"\nDIFFERENT: python tests/oracle/run.py --one {seed} --edits {edits} --with {','.join(sorted(features))}"
    )
    print("  last edits:", *history[-3:], sep="\n    ")
    print(f"  without the cache: {plain.text!r} {plain.files} {plain.failed}")
    print(f"  with the cache:    {cached.text!r} {cached.files} {cached.failed}")
    for name, text in made.files().items():
        if name.endswith(".py") and text:
            print(f"  ---- {name}\n" + "\n".join("  " + line for line in text.splitlines()))
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edits", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--one", type=int, help="the seed of one program, as a failure prints it")
    parser.add_argument("--with", dest="features", default=",".join(SUPPORTED))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    features = {name for name in options.features.split(",") if name}
    if features - set(FEATURES):
        parser.error(f"features are {', '.join(FEATURES)}")
    if options.one is not None:
        return int(try_program(options.one, options.edits, features).failures > 0)
    rounds = -(-options.edits // EDITS_A_PROGRAM)
    seeds = [options.seed * 1_000_000 + number for number in range(rounds)]
    total, started = Tally(), time.monotonic()
    with ThreadPoolExecutor(options.jobs) as pool:
        for tally in pool.map(lambda seed: try_program(seed, EDITS_A_PROGRAM, features), seeds):
            total.add(tally)
    share = 100 * total.harmless_hits / max(total.harmless, 1)
    print(
        f"{total.edits} edits of {rounds} programs in {time.monotonic() - started:.0f} s: "
        f"{total.failures} different; {total.harmless_hits} of {total.harmless} harmless edits hit ({share:.1f} %)"
    )
    return int(total.failures > 0 or share < 95)


if __name__ == "__main__":
    sys.exit(main())
