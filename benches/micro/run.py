"""Instructions that each layer takes for what it does: `make bench-micro`. A report, not a test.

    python benches/micro/run.py BINARY [--profile release] [--write]

valgrind's callgrind counts them in one run of `micro.rs`, so they are the same on a machine that has other
things to do, and on other machines of its kind. They are shown beside those of the last release, which stand
in `baseline.json`, apart for each profile that the binary may be built with; `--write` puts these in their
place. Another compiler gives other counts: then a note says so.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

BASELINE = Path(__file__).with_name("baseline.json")

# A change of less is none: what a name's length does to a memory address.
LEAST_PERCENT = 0.1


def counted(binary: str) -> dict[str, int]:
    """The instructions of each benchmark, by layer and name."""
    if shutil.which("valgrind") is None:
        raise SystemExit("valgrind is missing, which counts the instructions (apt-get install valgrind)")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "callgrind")
        command = [
            *("valgrind", "--tool=callgrind", "--quiet", f"--callgrind-out-file={out}"),
            *("--collect-atstart=no", "--toggle-collect=micro::measured", "--dump-after=micro::measured"),
            binary,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
        found = {}
        for number, line in enumerate(done.stdout.splitlines(), start=1):
            times, name = line.split("\t")
            found[name] = instructions(Path(folder, f"callgrind.{number}")) // int(times)
        return found


def instructions(dump: Path) -> int:
    """The sum of a dump."""
    found = re.search(r"^(?:summary|totals): (\d+)", dump.read_text(), re.MULTILINE)
    if not found:
        raise SystemExit(f"{dump.name} has no sum: another valgrind writes it in another way")
    return int(found[1])


def compiler() -> str:
    return subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout.strip()


def change(now: int, before: int | None) -> str:
    if before is None:
        return "new"
    percent = 100 * (now - before) / before
    return "same" if abs(percent) < LEAST_PERCENT else f"{percent:+.1f} %"


def table(now: dict[str, int], baseline: dict[str, Any]) -> str:
    """A line for each benchmark, and for each that is no more."""
    before: dict[str, int] = baseline.get("instructions", {})
    rows = [("benchmark", "instructions", "change")]
    rows += [(name, f"{count:,}", change(count, before.get(name))) for name, count in now.items()]
    rows += [(name, "-", "gone") for name in before if name not in now]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join(
        f"{name:{widths[0]}}  {count:>{widths[1]}}  {changed:>{widths[2]}}" for name, count, changed in rows
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("binary", help="micro.rs, built")
    parser.add_argument(
        "--profile", default="release", help="which counts of the last release to compare with"
    )
    parser.add_argument("--write", action="store_true", help="make these counts the ones to compare with")
    options = parser.parse_args()
    baselines: dict[str, dict[str, Any]] = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    baseline = baselines.get(options.profile, {})
    now = counted(options.binary)
    print(table(now, baseline))
    if baseline and baseline["compiler"] != compiler():
        print(f"note: the others were counted with {baseline['compiler']}, these with {compiler()}")
    if options.write:
        baselines[options.profile] = {"compiler": compiler(), "instructions": now}
        BASELINE.write_text(json.dumps(baselines, indent=2, ensure_ascii=False) + "\n")
        print(f"written to {BASELINE.name}", file=sys.stderr)


if __name__ == "__main__":
    main()
