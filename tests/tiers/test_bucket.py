"""Three users with keys of their own and a bucket of a real S3 server: `make test-tiers`.

`HOZON_TEST_MOTO` names a Python that has moto's server: an environment of its own, since it is much.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .machines import Machine

pytestmark = pytest.mark.skipif(
    "HOZON_TEST_MOTO" not in os.environ, reason="needs moto's server: make test-tiers"
)

# The value is another one at each run, so that it tells whose it is.
PROGRAM = """
    import secrets, sys, time, warnings
    import hozon

    warnings.simplefilter("ignore")

    @hozon.persistent_cache
    def drawn(number):
        time.sleep(0.12)
        return number, secrets.token_hex(8), bytes(300_000)

    for number in range(int(sys.argv[1]) if len(sys.argv) > 1 else 1):
        value = drawn(number)
        assert (value[0], len(value[1]), value[2]) == (number, 16, bytes(300_000))
        print(value[1], flush=True)
"""

SERVER = """
import logging, sys, threading
import boto3
from moto.server import ThreadedMotoServer

logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=int(sys.argv[1]), verbose=False)
server.start()
host, port = server.get_host_and_port()
bucket = boto3.client(
    "s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1",
    aws_access_key_id="testing", aws_secret_access_key="testing",
)
bucket.create_bucket(Bucket="team")
print(port, flush=True)
threading.Event().wait()
"""


class Bucket:
    """An S3 server with a bucket that is empty at each start."""

    def __init__(self) -> None:
        self.port = 0
        self.start()

    def start(self) -> None:
        command = [os.environ["HOZON_TEST_MOTO"], "-c", SERVER, str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=60)

    def variables(self) -> dict[str, str]:
        return {
            "HOZON_TIERS": "s3://team/results",
            "AWS_ENDPOINT": f"http://127.0.0.1:{self.port}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
        }


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    served = Bucket()
    yield served
    served.kill()


@pytest.fixture
def people(tmp_path: Path, bucket: Bucket) -> tuple[Machine, Machine, Machine]:
    """Bob trusts Ada; nobody trusts Mallory."""
    ada, bob, mallory = (Machine(tmp_path, name, PROGRAM) for name in ("ada", "bob", "mallory"))
    for person in (ada, bob, mallory):
        person.variables = bucket.variables()
    bob.trusts(ada, "ada")
    return ada, bob, mallory


def values(person: Machine, count: int = 1) -> list[str]:
    ran = person.run(sys.executable, "program.py", str(count))
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.split()


def cleared(person: Machine) -> Machine:
    person.command("clear", "--all", "--yes")
    return person


def test_a_hostile_writer_is_never_believed_and_keeps_nobody_out(
    people: tuple[Machine, Machine, Machine],
) -> None:
    ada, bob, mallory = people
    hers = values(mallory)
    made = values(bob)
    assert made != hers, "whom nobody trusts gives nothing, be she the first"
    of_ada = values(ada)
    assert of_ada not in (hers, made)
    assert values(cleared(bob)) == of_ada, "a result that bob trusts is found beside mallory's"
    assert mallory.run(sys.executable, "-m", "hozon", "push", "drawn").returncode == 0
    assert values(cleared(bob)) == of_ada
    bob.trusts(mallory, "mallory")
    assert values(cleared(bob)) in (of_ada, hers)


def test_of_a_revoked_signer_nothing_is_served_any_more(people: tuple[Machine, Machine, Machine]) -> None:
    ada, bob, _ = people
    of_ada = values(ada, 3)
    assert values(bob, 3) == of_ada
    bob.command("trust", "revoke", "ada")
    again = values(bob, 3)
    assert set(again).isdisjoint(of_ada), "neither the bucket's nor the local copies"
    assert values(bob, 3) == again
    assert values(cleared(ada), 3) == of_ada, "what she sent is still hers"


def test_a_server_that_is_killed_and_started_again_costs_no_answer(
    people: tuple[Machine, Machine, Machine], bucket: Bucket
) -> None:
    ada, bob, _ = people
    running = ada.start(sys.executable, "program.py", "12")
    assert running.stdout is not None
    made = [running.stdout.readline().strip() for _ in range(4)]
    bucket.kill()
    made += [running.stdout.readline().strip() for _ in range(4)]
    bucket.start()
    rest, said = running.communicate(timeout=100)
    assert running.returncode == 0, said
    made += rest.split()
    assert len(made) == 12
    assert values(ada, 12) == made, "nothing of hers is lost"
    # The bucket is empty since then, but for what came after: all of it is sent again.
    ada.command("push", "drawn")
    assert ada.notes() == []
    assert values(bob, 12) == made
    bucket.kill()
    assert values(bob, 12) == made
    assert len(set(values(cleared(bob), 12)) - set(made)) == 12, "with the server gone, he computes"
