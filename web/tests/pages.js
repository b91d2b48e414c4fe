// Pages as the example program makes them, opened from disk as a person does, and a server that hears
// every attempt to reach the network.
import { execFileSync } from "node:child_process";
import dgram from "node:dgram";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import net from "node:net";
import { pathToFileURL } from "node:url";

import { test as base } from "@playwright/test";

const PROGRAM = process.env.HOZON_PAGE ?? "../target/fast/examples/page";

class Listener {
  heard = [];

  async start() {
    this.server = net.createServer((socket) => {
      const place = this.heard.push("a connection") - 1;
      socket.on("data", (data) => {
        this.heard[place] = data.toString("latin1").split("\r\n")[0];
        socket.end("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
      });
      socket.on("error", () => {});
    });
    await once(this.server.listen(0, "127.0.0.1"), "listening");
    const { port } = this.server.address();
    this.datagrams = dgram.createSocket("udp4", () => this.heard.push("a datagram"));
    await once(this.datagrams.bind(port, "127.0.0.1"), "listening");
    this.address = `http://127.0.0.1:${port}`;
  }

  stop() {
    this.server.close();
    this.datagrams.close();
  }
}

export const test = base.extend({
  // One for each worker, since the browser is told its port when it starts.
  listener: [
    async ({}, use) => {
      const listener = new Listener();
      await listener.start();
      await use(listener);
      listener.stop();
    },
    { scope: "worker" },
  ],

  // The names that the pages have lead to the listener. Not every name does: Chromium has errands of its own.
  browser: [
    async ({ playwright, launchOptions, listener }, use) => {
      const { host } = new URL(listener.address);
      const names = ["*.example", "cdn.plot.ly", "cdn.jsdelivr.net", "unpkg.com"];
      const args = [`--host-resolver-rules=${names.map((name) => `MAP ${name} ${host}`).join(", ")}`];
      const browser = await playwright.chromium.launch({ ...launchOptions, args });
      await use(browser);
      await browser.close();
    },
    { scope: "worker" },
  ],

  /** Opens a page, and keeps what it complains of in `problems`. */
  open: async ({ page, listener }, use, testInfo) => {
    const problems = [];
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) problems.push(message.text());
    });
    page.on("pageerror", (error) => problems.push(String(error)));
    const open = async (kind, ...words) => {
      const file = testInfo.outputPath(`${kind}.html`);
      writeFileSync(file, execFileSync(PROGRAM, [kind, ...words], { maxBuffer: 1 << 28 }));
      listener.heard.length = 0;
      await page.goto(pathToFileURL(file).href);
      return { problems, file };
    };
    await use(open);
  },
});

export { expect } from "@playwright/test";
