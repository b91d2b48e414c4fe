"""`hozon serve` under load from many clients, beside nginx serving the same files: `make bench-serve`.

Needs wrk and nginx (Debian's packages of these names). Both servers run on this machine, one after the other,
with the clients beside them, so that the figures tell of the ratio alone.
"""

from __future__ import annotations

import argparse
import getpass
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

KIB, MIB = 1024, 1024 * 1024
SIZES = [(4 * KIB, 200), (64 * KIB, 200), (MIB, 100), (16 * MIB, 8)]

# Its workers are the user's, as the files are.
NGINX = """
user {user};
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
daemon off;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    keepalive_requests 1000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{ listen 127.0.0.1:{port}; root {root}; }}
}}
"""

# Each request is for the next of the paths.
SCRIPT = """
local paths = {{ {paths} }}
local number = 0
request = function()
    number = number + 1
    return wrk.format("GET", paths[number % #paths + 1])
end
done = function(summary, latency)
    local errors = summary.errors
    local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
    io.write(string.format("figures %d %d %d %d %d\\n", summary.requests, summary.bytes, summary.duration,
        failed, latency:percentile(99)))
end
"""


class Served:
    """A server that runs, with what its process used most."""

    def __init__(self, process: subprocess.Popen[str], address: str, token: str | None) -> None:
        self.process, self.address, self.token = process, address, token

    def peak_mib(self) -> float:
        """The most memory of the process and its children."""
        most = 0
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for process in [str(self.process.pid), *children]:
            status = Path(f"/proc/{process}/status").read_text()
            found = re.search(r"VmHWM:\s+(\d+) kB", status)
            most += int(found[1]) if found else 0
        return most / 1024

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


def start_hozon(folder: Path) -> Served:
    command = [sys.executable, "-m", "hozon", "serve", str(folder), "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        found = re.search(r"at (http://\S+)", line)
        if found:
            tokens = dict(line.split() for line in (folder / "tokens").read_text().splitlines())
            return Served(process, found[1], tokens["write"])
    raise SystemExit("hozon serve did not start")


def start_nginx(folder: Path, root: Path, port: int) -> Served:
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(user=getpass.getuser(), folder=folder, root=root, port=port))
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    process = subprocess.Popen([program, "-c", str(config), "-p", str(folder)], text=True)
    time.sleep(1)
    return Served(process, f"http://127.0.0.1:{port}", None)


def put_blobs(served: Served) -> dict[int, list[str]]:
    """Uploads blobs, and gives their paths by size."""
    from hozon._hozon import value_digest  # noqa: F401  (fails early where hozon is not built)

    try:
        import blake3
    except ImportError:
        raise SystemExit("the blake3 package is needed: pip install blake3") from None
    paths: dict[int, list[str]] = {}
    for size, count in SIZES:
        for _ in range(count):
            blob = os.urandom(size)
            hexes = blake3.blake3(blob).hexdigest()
            path = f"/v1/blobs/{hexes[:2]}/{hexes[2:]}"
            request = urllib.request.Request(served.address + path, blob, method="PUT")
            request.add_header("Authorization", f"Bearer {served.token}")
            with urllib.request.urlopen(request) as answer:
                assert answer.status == 201
            paths.setdefault(size, []).append(path)
    return paths


def measure(served: Served, paths: list[str], clients: int, seconds: int, folder: Path) -> tuple[float, ...]:
    """Requests and MiB in a second, failures, and the slowest hundredth in milliseconds."""
    script = folder / "paths.lua"
    script.write_text(SCRIPT.format(paths=", ".join(f'"{path}"' for path in paths)))
    command = ["wrk", "-t2", f"-c{clients}", f"-d{seconds}s", "--timeout", "30s", "-s", str(script)]
    if served.token:
        command += ["-H", f"Authorization: Bearer {served.token}"]
    out = subprocess.run([*command, served.address], capture_output=True, text=True, check=True).stdout
    found = re.search(r"figures (\d+) (\d+) (\d+) (\d+) (\d+)", out)
    if not found:
        raise SystemExit(out)
    requests, size, duration, failed, slow = (int(figure) for figure in found.groups())
    return requests / duration * 1e6, size / MIB / duration * 1e6, failed, slow / 1000


def main() -> int:
    """Measures, prints a table, and fails if a request failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--port", type=int, default=8733)
    asked = parser.parse_args()
    failures = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        served = start_hozon(folder / "served")
        try:
            paths = put_blobs(served)
            rows = {
                size: [measure(served, paths[size], asked.clients, asked.seconds, folder)] for size in paths
            }
            hozon_peak = served.peak_mib()
        finally:
            served.stop()
        folder.chmod(0o755)
        other = start_nginx(folder, folder / "served", asked.port)
        try:
            for size in paths:
                rows[size].append(measure(other, paths[size], asked.clients, asked.seconds, folder))
            nginx_peak = other.peak_mib()
        finally:
            other.stop()
    print("| blobs of | hozon, requests/s | MiB/s | p99, ms | nginx, requests/s | MiB/s | p99, ms | ratio |")
    print("|---|---|---|---|---|---|---|---|")
    for size, (own, nginx) in rows.items():
        failures += int(own[2])
        if nginx[2]:
            raise SystemExit("nginx did not serve all of it, so that there is nothing to compare with")
        shown = f"{size // MIB} MiB" if size >= MIB else f"{size // KIB} KiB"
        print(
            f"| {shown} | {own[0]:.0f} | {own[1]:.0f} | {own[3]:.1f} "
            f"| {nginx[0]:.0f} | {nginx[1]:.0f} | {nginx[3]:.1f} | {own[1] / nginx[1]:.2f} |"
        )
    print(
        f"\nfailed requests of hozon: {failures}; "
        f"peak memory: hozon {hozon_peak:.0f} MiB, nginx {nginx_peak:.0f} MiB"
    )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
