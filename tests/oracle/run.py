"""Runs programs with the cache and without it, edit after edit, and compares all that can be seen.

    python tests/oracle/run.py --edits 5000 --seed 1 [--with files,env] [--jobs 2]

Four of five programs are random ones (`programs.py`), the others real ones (`projects.py`). Each run is a
fresh process. The program with the cache and the one without it have a folder each, so that what a run
leaves behind is there at its next. A failure prints a line that plays it again. Ends with 1 if there was
one, or if less than 95 % of the harmless edits were hits. Which edits are harmless, and which are left out,
is said in the two modules; the edit of a program is counted only where its output stays what it was.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))
from oracle.programs import FEATURES, Program, program
from oracle.projects import ENTRIES, Project, project

EDITS_A_PROGRAM = 20
EDITS_A_LINE = 200
# One program of so many is a real one.
REAL_ONES = 5
# A program that takes seconds comes less often.
SLOW = "tumours"
# An edit may make a loop endless. A program that ends without the cache has to end with it; how soon is
# no question here, and the machine may have other work.
MOST_SECONDS = 40
MOST_SECONDS_CACHED = 10 * MOST_SECONDS
ENDLESS = "took too long"
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


class Folders(NamedTuple):
    """Where a program lies: with the cache and without it."""

    cached: Path
    plain: Path


@dataclass
class Tally:
    edits: int = 0
    harmless: int = 0
    harmless_hits: int = 0
    failures: int = 0

    def add(self, other: Tally) -> None:
        for name in vars(self):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def share(self) -> float:
        """How many of a hundred harmless edits were hits."""
        return 100 * self.harmless_hits / max(self.harmless, 1)

    def __str__(self) -> str:
        hits = f"{self.harmless_hits} of {self.harmless} harmless edits hit ({self.share():.1f} %)"
        return f"{self.edits} edits: {self.failures} different; {hits}"


def run(folder: Path, made: Program | Project, *, disabled: bool) -> Seen:
    environment = {
        **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
        "HOZON_HOME": str(folder / "home"),
        "HOZON_DISABLE": "1" if disabled else "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": _hozon(),
        **made.environment,
    }
    command = [sys.executable, "-W", "ignore", "main.py"]
    seconds = MOST_SECONDS if disabled else MOST_SECONDS_CACHED
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        return Seen("", (), False, ENDLESS)
    written = tuple(sorted((path.name, path.read_text()) for path in folder.glob("out_*.txt")))
    return Seen(done.stdout, written, "RAN" in done.stderr, done.stderr[-1000:] if done.returncode else "")


def _hozon() -> str:
    import hozon

    return str(Path(hozon.__file__).parents[1])


def write(folders: Folders, made: Program | Project) -> None:
    for folder in folders:
        for name, text in {**made.files(), **made.once}.items():
            path = folder / name
            if text is None:
                path.unlink(missing_ok=True)
            elif name in made.once or not path.exists() or path.read_text() != text:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
    made.once.clear()
    # The process must be sure to start after the change.
    time.sleep(0.03)


def made_from(seed: int, features: set[str]) -> Program | Project:
    """The program of a seed."""
    number, rest = divmod(seed, REAL_ONES)
    names = [*[name for name in ENTRIES if name != SLOW] * 3, SLOW]
    return program(seed, features) if rest else project(names[number % len(names)])


def try_program(seed: int, edits: int, features: set[str]) -> Tally:
    """Runs one program and its edits, the store kept from one to the next."""
    tally = Tally()
    rng = random.Random(seed)
    made = made_from(seed, features)
    with tempfile.TemporaryDirectory(prefix="oracle-", ignore_cleanup_errors=True) as place:
        folders = Folders(Path(place, "cached"), Path(place, "plain"))
        write(folders, made)
        before = run(folders.plain, made, disabled=True)
        run(folders.cached, made, disabled=False)
        history: list[str] = []
        while tally.edits < edits:
            what, is_harmless = made.edit(rng)
            history.append(what)
            write(folders, made)
            plain = run(folders.plain, made, disabled=True)
            made.failed = bool(plain.failed)
            if plain.failed == ENDLESS:
                continue
            cached = run(folders.cached, made, disabled=False)
            tally.edits += 1
            if not cached.same_as(plain):
                tally.failures += 1
                _report(seed, tally.edits, features, history, plain, cached, made)
                break
            if is_harmless and plain.same_as(before):
                tally.harmless += 1
                tally.harmless_hits += not cached.ran
                if cached.ran:
                    print(f"needless: --one {seed} --edits {tally.edits}: {what}", flush=True)
            before = plain
    return tally


def _report(
    seed: int,
    edits: int,
    features: set[str],
    history: list[str],
    plain: Seen,
    cached: Seen,
    made: Program | Project,
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
    parser.add_argument("--with", dest="features", default=",".join(FEATURES))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    features = {name for name in options.features.split(",") if name}
    if features - set(FEATURES):
        parser.error(f"features are {', '.join(FEATURES)}")
    if options.one is not None:
        tally = try_program(options.one, options.edits, features)
        print(tally)
        return int(tally.failures > 0)
    rounds = -(-options.edits // EDITS_A_PROGRAM)
    seeds = [options.seed * 1_000_000 + number for number in range(rounds)]
    total, started = Tally(), time.monotonic()
    with ThreadPoolExecutor(options.jobs) as pool:
        for tally in pool.map(lambda seed: try_program(seed, EDITS_A_PROGRAM, features), seeds):
            total.add(tally)
            # A long run shows how far it is.
            if total.edits // EDITS_A_LINE > (total.edits - tally.edits) // EDITS_A_LINE:
                print(f"after {time.monotonic() - started:.0f} s, {total}", flush=True)
    print(f"{rounds} programs in {time.monotonic() - started:.0f} s, {total}")
    return int(total.failures > 0 or total.share() < 95)


if __name__ == "__main__":
    sys.exit(main())
