import { expect } from "@playwright/test";

import { test } from "./server.js";

const ON = "%load_ext hozon\n%hozon on";

test("a badge says what came of a cell, and its explanation why", async ({ open, page }, info) => {
  const notebook = await open(
    ON,
    "import time\ntime.sleep(0.3)\nx = 2",
    "y = x + 1\nprint(y)",
    "lines = iter([1])\nlines",
    "1 / 0",
  );
  await notebook.runAll();
  await expect(notebook.badge(1)).toHaveText(/^ran · stored · \d+ ms$/);
  await expect(notebook.badge(2)).toHaveText("ran · stored");
  await expect(notebook.badge(4)).toHaveText("ran · not stored");
  await expect(notebook.badge(0)).toHaveCount(0);

  await notebook.restart();
  await expect(notebook.badge(1)).toHaveCount(0);
  await notebook.runAll();
  await expect(notebook.badge(1)).toHaveText(/^restored · \d+ ms saved$/);
  await expect(notebook.badge(2)).toHaveText("restored");
  await page.screenshot({ path: `/tmp/shots/restored-${info.project.name}.png` });

  await notebook.badge(1).click();
  await expect(notebook.explanation(1)).toBeVisible();
  await expect(notebook.explanation(1)).toContainText("nothing that it depends on has changed");
  await page.screenshot({ path: `/tmp/shots/explained-${info.project.name}.png` });
  await page.keyboard.press("Escape");
  await expect(notebook.explanation(1)).toBeHidden();

  await notebook.type(1, "import time\ntime.sleep(0.3)\nx = 3");
  await expect(notebook.badge(1)).toHaveText("edited");
  await expect(notebook.badge(2)).toHaveText("stale · reads x");
  await page.screenshot({ path: `/tmp/shots/edited-${info.project.name}.png` });
  await notebook.run(1);
  await expect(notebook.badge(1)).toHaveText(/^ran · stored/);
  await expect(notebook.badge(2)).toHaveText("stale · x changed");
  await page.screenshot({ path: `/tmp/shots/stale-${info.project.name}.png` });
  await notebook.badge(1).click();
  await page.screenshot({ path: `/tmp/shots/why-${info.project.name}.png` });
});
