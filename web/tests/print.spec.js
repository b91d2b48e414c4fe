// The page on paper.
import { statSync } from "node:fs";

import { expect, test } from "./pages.js";

// The width of A4 less its margins, in pixels of CSS.
test.use({ viewport: { width: 718, height: 1000 } });

test("paper is white, has no controls, and shows what was folded", async ({ page, open }) => {
  await open("sample");
  await page.emulateMedia({ media: "print" });
  const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  expect(ground).toBe("rgb(255, 255, 255)");
  const ink = await page.evaluate(() => getComputedStyle(document.body).color.match(/\d+/g).map(Number));
  expect(Math.max(...ink)).toBeLessThan(80);
  for (const control of [".theme", ".strip", ".contents"]) await expect(page.locator(control)).toBeHidden();
  await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
  await expect(page.getByText("clean() changed (shop.py:12)")).toBeVisible();
  await expect(page.getByText("epoch 5000"), "nobody wants a hundred sheets").toBeHidden();
  await page.evaluate(() => dispatchEvent(new Event("afterprint")));
  await page.emulateMedia({ media: "screen" });
  await expect(page.getByText("clean() changed (shop.py:12)")).toBeHidden();
});

test("nothing is cut off at the edge of the paper", async ({ page, open }) => {
  await open("sample");
  await page.emulateMedia({ media: "print" });
  await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
  const cut = await page.evaluate(() =>
    [...document.querySelectorAll("pre, table, img, iframe, section, .json")]
      .filter((one) => one.checkVisibility() && !one.closest("td"))
      // A table of so many columns cannot be made narrower.
      .filter((one) => !one.matches("table") || one.rows[0].cells.length < 20)
      .filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
      .map((one) => one.outerHTML.slice(0, 80)),
  );
  expect(cut).toEqual([]);
  const scrolling = await page.evaluate(() =>
    [...document.querySelectorAll("pre")]
      .filter((one) => one.checkVisibility() && one.scrollWidth > one.clientWidth + 1)
      .map((one) => one.textContent.slice(0, 40)),
  );
  expect(scrolling).toEqual([]);
});

test("it makes a document of some sheets", async ({ page, open }, testInfo) => {
  await open("sample");
  const path = testInfo.outputPath("sample.pdf");
  await page.pdf({ path, format: "A4", margin: { top: "15mm", bottom: "15mm", left: "10mm", right: "10mm" } });
  expect(statSync(path).size).toBeGreaterThan(50_000);
});
