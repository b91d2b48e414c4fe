import { expect } from "@playwright/test";

import { test } from "./server.js";

const ON = "%load_ext hozon\n%hozon on";
const SLOW = "import time\ntime.sleep(0.3)\nx = 2";

test("a badge says what came of a cell, after a restart and after an edit, and why", async ({ open, page }) => {
  const notebook = await open(ON, SLOW, "y = x + 1\ny", "z = y", "1 / 0");
  await notebook.runAll();
  await expect(notebook.badge(1)).toHaveText(/^ran · stored · \d+ ms$/);
  await expect(notebook.badge(4)).toHaveText(/^ran · not stored/);
  await expect(notebook.badge(4)).toHaveAttribute("title", /it raised ZeroDivisionError/);
  await expect(notebook.badge(0)).toHaveCount(0);

  await notebook.restart();
  await expect(notebook.badge(1)).toHaveCount(0);
  await notebook.runAll();
  await expect(notebook.badge(1)).toHaveText(/^restored · \d+ ms saved$/);
  await expect(notebook.badge(2)).toHaveText(/^restored/);
  await notebook.badge(1).click();
  await expect(notebook.explanation(1)).toContainText("nothing that it depends on has changed");
  await notebook.screenshot("restored");
  await page.keyboard.press("Escape");
  await expect(notebook.explanation(1)).toBeHidden();

  await notebook.type(1, SLOW.replace("2", "3"));
  await expect(notebook.badge(1)).toHaveText("edited");
  await expect(notebook.badge(2)).toHaveText("stale · reads x");
  await expect(notebook.badge(3)).toHaveText("stale · reads y");
  await notebook.screenshot("edited");
  await notebook.type(1, SLOW);
  await expect(notebook.badge(1)).toHaveText(/^restored/);
  await expect(notebook.badge(3)).toHaveText(/^restored/);

  await notebook.type(1, SLOW.replace("2", "3"));
  await notebook.run(1);
  await expect(notebook.badge(1)).toHaveText(/^ran · stored/);
  await expect(notebook.badge(2)).toHaveText("stale · x changed");
  await expect(notebook.badge(3)).toHaveText("stale · reads y");
  await notebook.run(2);
  await expect(notebook.badge(2)).toHaveText(/^ran · stored/);
  await notebook.badge(2).click();
  await expect(notebook.explanation(2).locator("li")).toHaveText("x: 2 → 3");
  await notebook.screenshot("why");

  expect(await notebook.save()).not.toMatch(/badge|restored|stale|"hozon"/);
});

test("a page that is loaded anew has the badges, and the notebook is not changed by them", async ({ open, page }) => {
  const notebook = await open(ON, SLOW, "y = x + 1");
  await notebook.runAll();
  await expect(notebook.badge(2)).toBeVisible();
  await notebook.type(1, `${SLOW}0`);
  await notebook.save();
  await notebook.reload();
  await expect(notebook.badge(1)).toHaveText("edited");
  await expect(notebook.badge(2)).toHaveText("stale · reads x");
  expect(await page.evaluate(() => window.jupyterapp.shell.currentWidget.context.model.dirty)).toBe(false);
  // It hears of later cells, too.
  await notebook.run(1);
  await expect(notebook.badge(1)).toHaveText(/^ran · stored/);
  await expect(notebook.badge(2)).toHaveText("stale · x changed");
});

test("what a cell makes of an explanation is text", async ({ open, page }) => {
  const hostile = 'raise type("<img src=x onerror=window.reached=1>", (Exception,), {})()';
  const notebook = await open(ON, "1", hostile);
  await notebook.runAll();
  await notebook.badge(2).click();
  await expect(notebook.explanation(2)).toContainText("<img src=x");
  await expect(notebook.explanation(2).locator("img")).toHaveCount(0);
  expect(await page.evaluate(() => window.reached)).toBeUndefined();
});

test("a badge is reached and opened by keys", async ({ open, page }) => {
  const notebook = await open(ON, "x = 1");
  await notebook.runAll();
  await notebook.badge(1).focus();
  await page.keyboard.press("Enter");
  await expect(notebook.explanation(1)).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(notebook.explanation(1)).toBeHidden();
  await page.keyboard.press("Space");
  await expect(notebook.explanation(1)).toBeVisible();
});

test("cells that come into view later, or move, have their badges", async ({ open, page }) => {
  const cells = Array.from({ length: 60 }, (_, number) => `value_${number} = 1\n\n\n\n`);
  const notebook = await open(ON, ...cells);
  // The notebook then has only those cells in the page that are in view.
  await notebook.set("@jupyterlab/notebook-extension:tracker", { windowingMode: "full" });
  await notebook.reload();
  await expect(notebook.cellOf("value_0 =")).toBeVisible();
  await expect(notebook.cellOf("value_59 =")).toHaveCount(0);
  await notebook.runAll();
  await expect(notebook.cellOf("value_59 =").locator(".hozon-label")).toBeVisible();
  const at = (position) => notebook.evaluate((content, position) => content.scrollToItem(position, "start"), position);
  for (const position of [60, 1, 30]) {
    await at(position);
    await expect(notebook.cellOf(`value_${position - 1} =`).locator(".hozon-label")).toBeVisible();
  }
  await notebook.evaluate((content) => (content.activeCellIndex = 30));
  await notebook.command("notebook:move-cell-up");
  await expect(notebook.cellOf("value_29 =").locator(".hozon-label")).toHaveCount(1);
  await expect(notebook.cellOf("value_28 =").locator(".hozon-label")).toHaveCount(1);
});

test("without hozon, or when it is switched off, there are no badges", async ({ open }) => {
  const notebook = await open("x = 1\nx", "%load_ext hozon", "%hozon on", "y = 2\ny", "%hozon off");
  await notebook.runAll();
  await expect(notebook.badge(3)).toBeVisible();
  await expect(notebook.badge(0)).toHaveCount(0);
  await expect(notebook.cell(4).locator(".jp-InputPrompt")).toHaveText("[5]:");
  await notebook.run(3);
  await expect(notebook.cell(3).locator(".jp-InputPrompt.jp-InputArea-prompt")).toHaveText("[6]:");
  await expect(notebook.badge(3)).toHaveCount(0);
});

test("each view of a notebook has the badges", async ({ open, page }) => {
  const notebook = await open(ON, "x = 1");
  await notebook.runAll();
  await expect(page.locator(".hozon-label")).toHaveCount(1);
  await notebook.command("docmanager:clone");
  await expect(page.locator(".hozon-label")).toHaveCount(2);
});
