// A notebook whose every text and output is made to break out.
import { pathToFileURL } from "node:url";

import { expect, test } from "./pages.js";

// Long enough for refreshes, timers and connections that a page makes of its own accord.
const LONG = 2500;

const runAll = async (page) => {
  const buttons = page.getByRole("button", { name: "Run its script" });
  for (let left = await buttons.count(); left > 0; left--) await buttons.first().click();
};

test("the listener hears what a page does that may load", async ({ page, listener }) => {
  const heard = async (html) => {
    listener.heard.length = 0;
    await page.setContent(html);
    await page.waitForTimeout(500);
    return listener.heard.length;
  };
  expect(await heard(`<img src="${listener.address}/image.png">`)).toBeGreaterThan(0);
  expect(await heard(`<img src="http://elsewhere.example/image.png">`)).toBeGreaterThan(0);
  expect(await heard(`<iframe src="http://other.example/frame">`)).toBeGreaterThan(0);
});

test("nothing reaches the network", async ({ page, open, listener }) => {
  await open("hostile", listener.address);
  await page.waitForTimeout(LONG);
  expect(listener.heard).toEqual([]);
});

test("a script that is run loads nothing either", async ({ page, open, listener }) => {
  await open("hostile", listener.address);
  await runAll(page);
  await expect(page.frameLocator("iframe.live[title='Output of cell 14']").getByText("tried everything")).toBeVisible();
  await page.waitForTimeout(LONG);
  expect(listener.heard).toEqual([]);
});

test("nothing reaches the page, be it run or not", async ({ page, open, context }) => {
  const dialogs = [];
  page.on("dialog", (dialog) => {
    dialogs.push(dialog.message());
    void dialog.dismiss();
  });
  await page.addInitScript(() => {
    if (top !== self) return;
    self.messages = [];
    addEventListener("message", ({ data, source }) => self.messages.push([data, source === self]));
  });
  const { file } = await open("hostile", "http://hostile.example");
  await page.waitForTimeout(500);
  expect(await page.evaluate(() => self.messages)).toEqual([]);
  await runAll(page);
  await expect(page.frameLocator("iframe.live[title='Output of cell 13']").getByText("ran in its frame")).toBeVisible();
  await page.waitForTimeout(LONG);

  expect(await page.title()).not.toBe("reached");
  expect(page.url()).toBe(pathToFileURL(file).href);
  expect(await page.evaluate(() => self.reached)).toBe(undefined);
  expect(context.pages()).toHaveLength(1);
  expect(dialogs).toEqual([]);
  // The one frame whose script may run says so once; it could say anything, and nobody obeys.
  const said = (await page.evaluate(() => self.messages)).filter(([data]) => data === "reached");
  expect(said).toEqual([["reached", false]]);
});

test("the elements of the page are its own", async ({ page, open }) => {
  await page.addInitScript(() => {
    self.sandboxes = () => [...new Set([...document.querySelectorAll("iframe")].map((one) => one.getAttribute("sandbox")))].sort();
  });
  await open("hostile", "http://hostile.example");
  const found = await page.evaluate(() => ({
    scripts: document.querySelectorAll("script").length,
    active: document.querySelectorAll("object, embed, form, link:not([href='data:,']), base, video, audio, foreignObject").length,
    handlers: [...document.querySelectorAll("*")].filter((one) =>
      one.getAttributeNames().some((name) => name.startsWith("on")),
    ).length,
    addresses: [...document.querySelectorAll("[src]")].filter((one) => !one.src.startsWith("data:image/")).length,
    links: [...document.querySelectorAll("a[href]")].map((one) => one.protocol).filter((one) => !/^(https?|data|file):$/.test(one)),
    sandboxes: sandboxes(),
  }));
  expect(found).toEqual({
    scripts: 1,
    active: 0,
    handlers: 0,
    addresses: 0,
    links: [],
    sandboxes: ["allow-same-origin allow-popups allow-popups-to-escape-sandbox"],
  });
  await runAll(page);
  // `allow-same-origin` beside `allow-scripts` would undo all of it.
  expect(await page.evaluate(() => sandboxes())).toEqual([
    "allow-same-origin allow-popups allow-popups-to-escape-sandbox",
    "allow-scripts",
  ]);
  expect(await page.locator("iframe.live").evaluateAll((frames) => frames.filter((one) => one.contentDocument))).toEqual([]);
});

test("a frame covers nothing but its own place", async ({ page, open }) => {
  await open("hostile", "http://hostile.example");
  await page.waitForTimeout(500);
  const heights = await page.locator("iframe").evaluateAll((frames) => frames.map((one) => one.offsetHeight));
  expect(Math.max(...heights)).toBeLessThanOrEqual(6002);
  const corner = await page.evaluate(() => document.elementFromPoint(5, 5)?.tagName);
  expect(["BODY", "HTML", "MAIN"]).toContain(corner);
});

test("what deceives a reader is shown as it is", async ({ page, open }) => {
  await open("hostile", "http://hostile.example");
  expect(await page.locator("h1").first().innerText()).toContain("\\u{202e}");
  // Prose may turn its direction, as languages do; code and what programs print may not.
  const turning = await page.evaluate(() =>
    [...document.querySelectorAll("header, .contents, .bar, .why, pre, .json, img")]
      .filter((one) => one.outerHTML.includes("\u202e"))
      .map((one) => one.outerHTML.slice(0, 80)),
  );
  expect(turning).toEqual([]);
});
