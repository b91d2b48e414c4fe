"""Asynchronous work: pages of a slow server, fetched at the same time, each one once.

The server runs in this same script, on a free port of this machine, and takes its time over each page.
`fetch` is asked for every page three times at once: one task fetches it, the others wait for its result.

On the second run the server is not asked at all. Its address does not enter the keys (`ignore`), since it
changes with every run. hozon cannot see whether a server would give another answer by now: `ttl` says
for how long an answer is good.

    python examples/fetch/fetch.py
"""

from __future__ import annotations

import asyncio
import time

import parsing

import hozon

PAGES = ("python", "rust", "cache", "notebook", "store", "digest")
WAIT_SECONDS = 0.4

served: list[str] = []


@hozon.persistent_cache(ttl="1h", ignore=["port"], allow=["network"])
async def fetch(page: str, port: int) -> str:
    """The text of one page."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET /{page} HTTP/1.0\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer.decode().partition("\r\n\r\n")[2]


@hozon.persistent_cache
async def links(text: str) -> list[str]:
    """Where a page leads."""
    return parsing.links_of(text)


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The server: each page leads to two others."""
    page = (await reader.readline()).decode().split()[1].lstrip("/")
    served.append(page)
    await asyncio.sleep(WAIT_SECONDS)
    place = PAGES.index(page)
    body = f"<h1>{page}</h1>" + "".join(f'<a href="/{PAGES[(place + by) % len(PAGES)]}">' for by in (1, 2))
    writer.write(f"HTTP/1.0 200 OK\r\n\r\n{body}".encode())
    await writer.drain()
    writer.close()


async def one(page: str, port: int) -> list[str]:
    """Fetches a page three times at once, and finds its links."""
    why = fetch.cache_explain(page, port)
    texts = await asyncio.gather(*[fetch(page, port) for _ in range(3)])
    why_links = links.cache_explain(texts[0])
    found: list[str] = await links(texts[0])
    print(f"  fetch {page:<10}{said(why):<28}links: {said(why_links)}")
    return found


def said(why: str) -> str:
    """What happened, in a few words."""
    return "restored" if why == "hit" else "ran, " + "; ".join(line.strip() for line in why.splitlines())


async def main() -> None:
    """All pages at the same time."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        found = await asyncio.gather(*[one(page, port) for page in PAGES])
    print(f"the server was asked {len(served)} times; {sum(map(len, found))} links found")


if __name__ == "__main__":
    began = time.perf_counter()
    asyncio.run(main())
    print(f"own time: {time.perf_counter() - began:.2f} s")
