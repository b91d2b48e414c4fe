"""`hozon stats`: what hits take, and where caching does not pay."""

from __future__ import annotations

import json

from ..conftest import Project

PROGRAM = """
    import sys, time, hozon

    @hozon.persistent_cache
    def pays(x):
        time.sleep(0.2)
        return x

    @hozon.persistent_cache
    def does_not_pay(x):
        return len(x)

    pays(1)
    does_not_pay(list(range(300_000)))
    """


def test_what_hits_take_and_where_caching_does_not_pay(project: Project) -> None:
    project.write("program.py", PROGRAM)
    for _ in range(3):
        project.run("program.py")
    told = json.loads(project.run("-m", "hozon", "stats", "--json").stdout)
    hits = {named["name"]: named["hits"] for named in told["names"]}
    for of_name in hits.values():
        assert of_name["count"] == 2
        assert min(of_name["key_seconds"], of_name["look_seconds"], of_name["value_seconds"]) > 0
    assert told["hits"]["count"] == 4
    text = project.run("-m", "hozon", "stats").stdout
    assert "a hit takes" in text
    assert "caching does not pay for does_not_pay: a hit takes" in text
    assert "for pays" not in text


def test_runs_and_hits_from_memory_are_no_hits_of_the_disk(project: Project) -> None:
    project.write("program.py", PROGRAM + "\n    pays(1); pays(1)\n")
    project.run("program.py")
    told = json.loads(project.run("-m", "hozon", "stats", "--json").stdout)
    assert told["hits"]["count"] == 0
    assert told["uses"] == 2
