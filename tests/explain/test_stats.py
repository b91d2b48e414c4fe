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


UNWORTHY = """
    import time, hozon

    @hozon.persistent_cache
    def quick(count):
        return [None] * count

    @hozon.persistent_cache
    def slow(count):
        time.sleep(1)
        return [None] * count

    @hozon.persistent_cache
    def small(count):
        return [None] * count

    quick(3_000_000), slow(3_000_000), small(3)
    with hozon.cached_context("block"):
        made = [None] * 3_000_000
    kept = hozon.save(lambda: [None] * 3_000_000, "kept")
    print(*(cached.cache_info().currsize for cached in (quick, slow, small)))
    """


def test_what_is_read_back_slower_than_it_is_computed_is_not_stored(project: Project) -> None:
    project.write("program.py", UNWORTHY)
    ran = project.run("program.py")
    assert (ran.stdout.split(), ran.stderr) == (["0", "1", "1"], "")
    told = json.loads(project.run("-m", "hozon", "stats", "--json").stdout)
    assert {named["name"] for named in told["names"]} == {"slow", "small", "kept"}
    why = "reading it back takes longer than computing it"
    found = sorted((each["name"], each["why"], each["times"]) for each in told["unstored"])
    assert found == [("block", why, 1), ("quick", why, 1)]
    text = project.run("-m", "hozon", "stats").stdout
    assert f"the result of quick was not stored, 1 time: {why}" in text
    assert "of at most" in text
