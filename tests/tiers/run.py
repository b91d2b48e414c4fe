"""Runs the tests of tiers that need a real S3 server: `make test-tiers`.

Takes the command that runs them; starts moto's server on a free port, makes the bucket, and names the server
in HOZON_TEST_S3.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys

import boto3
from moto.server import ThreadedMotoServer

BUCKET = "hozon-tests"


def main(command: list[str]) -> int:
    """Runs `command` beside the server and gives its exit code."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        credentials = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
        bucket = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", **credentials)
        bucket.create_bucket(Bucket=BUCKET)
        return subprocess.run(command, env={**os.environ, "HOZON_TEST_S3": endpoint}, check=False).returncode
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
