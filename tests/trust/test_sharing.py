"""Keys, trust, export and import with the command, between people on one machine."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import Project

CODE = """
    import hozon

    @hozon.persistent_cache("team.slow")
    def slow(x):
        print("computing", x)
        return [x] * 5000

    @hozon.persistent_cache("private.slow")
    def private(x):
        print("computing privately", x)
        return x

    print(slow(3)[0], private(4), hozon.save(lambda: {"a": 1}, "team.table"))
    """


class Person:
    """Someone with a copy of the project, a store, and keys of their own."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.joinpath(name).mkdir()
        self.project = Project(folder / name / "project", folder / name / "home")
        self.project.write("main.py", CODE)

    def computes(self) -> list[str]:
        return [line for line in self.project.lines() if line.startswith("computing")]

    def hozon(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = self.project.run("-m", "hozon", *words, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def key(self) -> str:
        return self.hozon("keys", "--public").stdout.strip()


@pytest.fixture
def people(tmp_path: Path) -> tuple[Person, Person]:
    return Person(tmp_path, "ana"), Person(tmp_path, "bob")


ALL = ["computing 3", "computing privately 4"]


def test_what_ana_computed_bob_need_not_until_he_revokes_her_key(people: tuple[Person, Person]) -> None:
    ana, bob = people
    assert ana.computes() == ALL
    file = str(bob.project.folder / "ana.hozon")
    assert ana.hozon("export", "team.slow", "private.slow", "team.table", "-o", file).stdout.startswith(
        "wrote 3 results"
    )
    assert "would take 0 results" in bob.hozon("import", file, "--dry-run", code=1).stdout
    assert not bob.project.store.exists()
    refused = bob.hozon("import", file, code=1)
    assert refused.stdout.startswith("took 0 results")
    assert "not trusted" in refused.stderr
    assert bob.hozon("trust", "list").stderr.startswith("nobody is trusted")
    bob.hozon("trust", "add", ana.key(), "--name", "ana", "--scope", "team.*")
    assert "would take 2 results" in bob.hozon("import", file, "--dry-run", code=1).stdout
    taken = bob.hozon("import", file, code=1)
    assert taken.stdout.startswith("took 2 results")
    assert "other computations only" in taken.stderr
    assert 'hozon.load("team.table")' in taken.stderr
    assert bob.project.main("import hozon\nprint(hozon.load('team.table'))") == ["{'a': 1}"]
    bob.project.write("main.py", CODE)
    assert bob.computes() == ALL[1:]
    assert ana.key() in bob.hozon("show", "team.slow").stdout
    assert "removed here: 2 results" in bob.hozon("trust", "revoke", "ana").stdout
    listed = json.loads(bob.hozon("trust", "list", "--json").stdout)
    assert [(key["name"], bool(key["revoked"])) for key in listed["keys"]] == [("ana", True)]
    assert bob.computes() == ALL[:1]
    assert "revoked" in bob.hozon("import", file, code=1).stderr
    assert "stays so" in bob.hozon("trust", "add", ana.key(), "--name", "ana", code=1).stderr
    assert "stays so" in bob.hozon("trust", "remove", "ana", code=1).stderr


def test_a_running_process_uses_nothing_of_a_key_that_is_revoked_meanwhile(
    people: tuple[Person, Person],
) -> None:
    ana, bob = people
    ana.computes()
    file = str(bob.project.folder / "ana.hozon")
    ana.hozon("export", "team.slow", "-o", file)
    bob.hozon("trust", "add", ana.key(), "--name", "ana")
    bob.hozon("import", file)
    text = CODE.replace(
        "print(slow",
        """
    import subprocess, sys
    slow(3)
    slow(3)
    trust = [sys.executable, "-m", "hozon", "trust"]
    print(subprocess.run([*trust, "remove", "ana"], stdout=subprocess.PIPE, stderr=subprocess.PIPE).returncode)
    slow(3)
    print(slow""",
    )
    assert bob.project.main(text)[:2] == ["0", "computing 3"]


def test_an_own_entry_needs_no_trust_on_another_machine_of_ones_own(people: tuple[Person, Person]) -> None:
    ana, bob = people
    ana.computes()
    file = str(bob.project.folder / "own.hozon")
    ana.hozon("export", "team.slow", "-o", file)
    bob.project.home.mkdir(parents=True, exist_ok=True)
    shutil.copy(ana.project.home / "signing.key", bob.project.home)
    assert bob.hozon("import", file).stdout.startswith("took 1 result")
    assert bob.computes() == ALL[1:]


def test_nothing_in_a_project_says_whom_to_trust(people: tuple[Person, Person]) -> None:
    ana, bob = people
    ana.computes()
    file = str(bob.project.folder / "ana.hozon")
    ana.hozon("export", "team.slow", "-o", file)
    line = f"ana {ana.key()}\n"
    for place in (bob.project.folder, bob.project.store, bob.project.store / "v1"):
        place.mkdir(exist_ok=True)
        (place / "trust").write_text(line)
    bob.hozon("import", file, code=1)
    for setting in ("trust", "signing_key", "keys"):
        bob.project.write("pyproject.toml", f"[tool.hozon]\n{setting} = ['{ana.key()}']\n")
        assert "not one of" in bob.hozon("import", file, code=2).stderr
    bob.project.write("pyproject.toml", "")
    assert bob.computes() == ALL


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs ssh-keygen")
def test_keys_of_ssh_sign_and_are_trusted(people: tuple[Person, Person]) -> None:
    ana, bob = people
    ana.computes()
    path = ana.project.folder.parent / "id_ed25519"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ana@laptop", "-f", path], check=True
    )
    ana.hozon("keys", "--ssh", str(path))
    file = str(bob.project.folder / "ana.hozon")
    ana.hozon("export", "team.slow", "-o", file)
    bob.hozon("import", file, code=1)
    assert bob.hozon("trust", "add", f"{path}.pub").stdout.startswith("ana@laptop is trusted")
    bob.hozon("import", file)
    assert bob.computes() == ALL[1:]
    assert (
        ana.hozon("keys", "--own", "--public").stdout
        != ana.hozon("keys", "--ssh", str(path), "--public").stdout
    )
    locked = ana.project.folder.parent / "locked"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", locked], check=True)
    assert "passphrase" in ana.hozon("keys", "--ssh", str(locked), code=3).stderr


def test_what_is_no_key_is_refused_with_what_to_do(people: tuple[Person, Person]) -> None:
    ana, _bob = people
    for given in (["nothing"], ["ssh-rsa", "AAAA"], ["hozon-ed25519", "AAAA"]):
        assert "hozon keys --public" in ana.hozon("trust", "add", *given, code=2).stderr
    assert "--name" in ana.hozon("trust", "add", *_stranger().split(), code=2).stderr
    ana.hozon("trust", "add", *_stranger().split(), "--name", "eve")
    assert "no key is named bob" in ana.hozon("trust", "remove", "bob", code=1).stderr
    ana.hozon("trust", "remove", "eve")
    trust = ana.project.home / "trust"
    trust.write_text("what is this\n")
    assert "line 1" in ana.hozon("trust", "list", code=3).stderr
    assert "mend or remove" in ana.hozon("trust", "add", *_stranger().split(), "--name", "eve", code=3).stderr
    assert trust.read_text() == "what is this\n"


def test_a_key_is_revoked_whatever_the_store_is_like(people: tuple[Person, Person]) -> None:
    ana, _bob = people
    ana.hozon("trust", "add", *_stranger().split(), "--name", "eve")
    ana.project.store.write_text("no store")
    told = ana.hozon("trust", "revoke", *_stranger().split())
    assert "is revoked" in told.stdout
    assert "nothing is removed here" in told.stderr
    [key] = json.loads(ana.hozon("trust", "list", "--json").stdout)["keys"]
    assert (key["name"], bool(key["revoked"])) == ("eve", True)


def test_a_file_that_is_no_export_or_damaged_changes_nothing(people: tuple[Person, Person]) -> None:
    ana, bob = people
    ana.computes()
    file = bob.project.folder / "ana.hozon"
    ana.hozon("export", "team.slow", "-o", str(file))
    bob.hozon("trust", "add", ana.key(), "--name", "ana")
    content = file.read_bytes()
    for other in (content[:-1], content + b"x", content[:5000], b"", b"PK\x03\x04"):
        file.write_bytes(other)
        assert "nothing is taken" in bob.hozon("import", str(file), code=1).stderr
    assert "cannot be read" in bob.hozon("import", "absent", code=1).stderr
    assert bob.computes() == ALL
    assert "wrote 1 result" in ana.hozon("export", "team.slow", "-o", "beside.hozon").stdout
    assert "no entry has the name" in ana.hozon("export", "absent", "-o", "x", code=1).stderr
    assert "cannot be written" in ana.hozon("export", "team.slow", "-o", "no/folder/x", code=3).stderr


def _stranger() -> str:
    """The key of RFC 8032's first test."""
    import base64

    key = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    return f"hozon-ed25519 {base64.b64encode(key).decode()}"
