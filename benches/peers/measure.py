"""One step of one workload for one peer, in this process; `run.py` starts it. Its last line is JSON."""

from __future__ import annotations

import json
import os
import sys
import warnings

from peers import PEERS
from workloads import WORKLOADS, Missing


def main() -> None:
    name, peer, folder, step = sys.argv[1:]
    workload = WORKLOADS[name]
    warnings.simplefilter("ignore")
    try:
        if peer == "floor":
            assert workload.floor is not None
            answer = workload.floor()._asdict()
        elif step == "prepare":
            assert workload.prepare is not None
            workload.prepare(PEERS[peer](folder))
            answer = {}
        else:
            answer = workload.measure(PEERS[peer](folder))._asdict()
    except Missing as missing:
        answer = {"missing": str(missing)}
    except Exception as error:
        answer = {"missing": f"{type(error).__name__}: {error}"[:200]}
    print("\n" + json.dumps(answer), flush=True)
    # What peers do at the end of a process is no part of it; what they have in hand is written.
    if step == "measure":
        os._exit(0)


if __name__ == "__main__":
    main()
