// The page of a notebook as a person might have it: everything can be seen, at each width, light and dark.
import AxeBuilder from "@axe-core/playwright";

import { expect, test } from "./pages.js";

const cellWith = (page, code) => page.locator("section.cell", { has: page.locator("pre.code", { hasText: code }) });

test("nothing is wrong, and nothing is loaded", async ({ page, open, listener }) => {
  const requests = [];
  page.on("request", (request) => requests.push(request.url()));
  const { problems } = await open("sample");
  await page.waitForTimeout(300);
  expect(problems).toEqual([]);
  expect(requests.filter((address) => !/^(file|data|about):/.test(address))).toEqual([]);
  expect(listener.heard).toEqual([]);
});

test("every kind of output is seen", async ({ page, open }) => {
  await open("sample");
  const seen = [
    page.getByRole("heading", { name: "Orders by region" }),
    page.getByRole("heading", { name: "What the regions order" }),
    page.locator("math").first(),
    page.getByRole("cell", { name: "open since" }).or(page.getByRole("columnheader", { name: "open since" })),
    page.getByText("120 rows from 2 regions", { exact: true }),
    page.getByRole("columnheader", { name: "first day" }),
    page.getByText("Text(0, 0.5, 'orders')"),
    page.getByRole("link", { name: "cell-10.pdf" }),
    page.locator(".outputs .math math"),
    page.getByText("South overtakes north on day 48."),
    page.locator(".json").getByText("planned"),
    page.getByText("application/vnd.plotly.v1+json"),
    page.getByText("application/vnd.vegalite.v5+json"),
    page.getByText("This output cannot be shown here"),
    page.getByText("100%|██████████| 5/5 [00:02<00:00]"),
    page.getByText("stderr", { exact: true }),
    page.locator(".text .f1", { hasText: "KeyError" }).first(),
    page.getByText("Text that is neither code"),
    page.getByText("The data of this image/png is damaged."),
  ];
  for (const one of seen) await expect(one).toBeVisible();
  await expect(page.getByText("60%|")).toHaveCount(0);
});

test("images are drawn", async ({ page, open }) => {
  await open("sample");
  const images = page.locator("img");
  await expect(images).toHaveCount(6);
  for (const image of await images.all()) {
    await image.scrollIntoViewIfNeeded();
    await expect(image).toBeVisible();
    expect(await image.evaluate((one) => one.complete && one.naturalWidth > 0)).toBe(true);
    expect(await image.getAttribute("alt")).not.toBe("");
  }
});

test("frames show their content as tall as it is", async ({ page, open }) => {
  await open("sample");
  const frames = page.locator("iframe");
  await expect(frames).toHaveCount(3);
  const words = ["10.74", "Bars of each region", "Words of a widget"];
  for (const [place, text] of words.entries()) {
    await expect(page.frameLocator("iframe").nth(place).getByText(text)).toBeVisible();
    const frame = await (await frames.nth(place).elementHandle()).contentFrame();
    await expect
      .poll(() => frame.evaluate(() => document.documentElement.scrollHeight - innerHeight))
      .toBeLessThanOrEqual(1);
    expect((await frames.nth(place).boundingBox()).height).toBeLessThan(400);
  }
});

test("a plot that is a script runs when it is asked to", async ({ page, open }) => {
  const { problems } = await open("sample");
  const plot = cellWith(page, "figure.show()").locator(".output").first();
  const drawn = plot.frameLocator("iframe").getByText("drawn by its script");
  await expect(drawn).toHaveCount(0);
  await plot.getByRole("button", { name: "Run its script" }).click();
  await expect(drawn).toBeVisible();
  await expect.poll(async () => (await plot.locator("iframe").boundingBox()).height).toBeLessThan(440);
  expect(problems).toEqual([]);
});

test("each cell tells what became of it, and why", async ({ page, open }) => {
  await open("sample");
  const badges = await page.locator(".cell .badge").allInnerTexts();
  const words = badges.map((badge) => badge.replace(/\s+/g, " ").trim());
  for (const word of ["Restored saved 4 min 11 s", "Ran 2.2 s", "Ran, not stored 1.3 s", "Failed after 4.0 ms", "Skipped", "Disabled", "To run"]) {
    expect(words).toContain(word);
  }
  const coloured = cellWith(page, "background_gradient");
  const second = coloured.getByText("clean() changed (shop.py:12)");
  await expect(second).toBeHidden();
  await coloured.locator("summary").focus();
  await page.keyboard.press("Enter");
  await expect(second).toBeVisible();
});

test("a mark in the strip leads to its cell", async ({ page, open }) => {
  await open("sample");
  await page.getByRole("link", { name: /: Failed$/ }).click();
  await expect(cellWith(page, 'east = orders["east"]')).toBeInViewport();
});

test("long outputs and hidden code are folded", async ({ page, open }) => {
  await open("sample");
  const last = page.getByText("epoch 5000");
  await expect(last).toBeHidden();
  await page.getByText(/^Show all: .* of 5.001/).click();
  await expect(last).toBeVisible();
  const hidden = page.locator("pre.code", { hasText: "secret" });
  await expect(hidden).toBeHidden();
  await page.getByText("Code", { exact: true }).click();
  await expect(hidden).toBeVisible();
});

test("the page is no wider than the window", async ({ page, open }) => {
  await open("sample");
  await page.evaluate(() => document.querySelectorAll("details").forEach((details) => (details.open = true)));
  const { width, content, beyond } = await page.evaluate(() => ({
    width: document.documentElement.clientWidth,
    content: document.documentElement.scrollWidth,
    beyond: [...document.querySelectorAll("section, header, .output, .bar, iframe, img")]
      .filter((one) => one.getBoundingClientRect().right > document.documentElement.clientWidth)
      .map((one) => one.outerHTML.slice(0, 80)),
  }));
  expect(content).toBe(width);
  expect(beyond).toEqual([]);
});

test("wide content can be scrolled", async ({ page, open }) => {
  await open("sample");
  const table = cellWith(page, /^wide$/).locator(".html");
  const code = page.locator("pre.code", { hasText: "wide = [1, 2, 3]" });
  for (const box of [table, code]) {
    expect(await box.evaluate((one) => one.scrollWidth > one.clientWidth)).toBe(true);
    expect(await box.evaluate((one) => getComputedStyle(one).overflowX)).toBe("auto");
  }
});

test("the theme is the system's, until another one is chosen", async ({ page, open, colorScheme }) => {
  await open("sample");
  const isDark = () =>
    page.evaluate(() => {
      const [red] = getComputedStyle(document.body).backgroundColor.match(/[\d.]+/g);
      return Number(red) < 100;
    });
  expect(await isDark()).toBe(colorScheme === "dark");
  await page.getByRole("button", { name: /^Use the .* theme$/ }).click();
  expect(await isDark()).toBe(colorScheme !== "dark");
});

test("axe finds nothing against it", async ({ page, open }) => {
  await open("sample");
  await page.evaluate(() =>
    document.querySelectorAll("details:not(.more)").forEach((details) => (details.open = true)),
  );
  // What stands in a frame is the output's own affair, and so are the empty corners of tables.
  const { violations } = await new AxeBuilder({ page })
    .exclude("iframe")
    .disableRules("empty-table-header")
    .analyze();
  const said = violations.flatMap(({ id, nodes }) =>
    nodes.slice(0, 3).map(({ html, any }) => `${id}: ${html.slice(0, 120)} ${any[0]?.message ?? ""}`),
  );
  expect(said).toEqual([]);
});

test.describe("without scripts", () => {
  test.use({ javaScriptEnabled: false });

  test("the page can be read", async ({ page, open }) => {
    await open("sample");
    await expect(page.getByText("120 rows from 2 regions", { exact: true })).toBeVisible();
    await expect(page.locator("button:visible")).toHaveCount(0);
    await cellWith(page, "background_gradient").locator("summary").click();
    await expect(page.getByText("clean() changed (shop.py:12)")).toBeVisible();
  });
});
