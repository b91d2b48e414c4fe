// Cells in `marimo edit`: restored after a restart of the kernel, run again after an edit; and told so.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, test as base } from "@playwright/test";

const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

const NOTEBOOK = `import marimo

app = marimo.App()


@app.cell
def _():
    import marimo as mo
    import time
    return mo, time


@app.cell
def _(time):
    time.sleep(1)
    open("slow.txt", "a").write("x")
    x = 5
    return (x,)


@app.cell
def _(mo, x):
    mo.output.append(mo.md(f"**{x + 1} is above**"))
    print("the text")
    return


@app.cell
def _(mo):
    slider = mo.ui.slider(1, 9, value=4)
    slider
    return (slider,)


@app.cell
def _(mo, slider):
    mo.md(f"the slider is at {slider.value}")
    return


@app.cell
def _(mo):
    import base64
    image = mo.image(base64.b64decode("${PIXEL}"))
    image
    return (image,)


@app.cell
def _(image, mo):
    mo.output.append(image)
    return


if __name__ == "__main__":
    app.run()
`;
// As marimo counts the cells of a file.
const [IMPORTS, SLOW, SHOWS, SLIDER, READS, IMAGE, AGAIN] = ["Hbol", "MJUe", "vblA", "bkHC", "lEQa", "PKri", "Xref"];

const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

const test = base.extend({
  // A folder with the notebook, and a server of marimo in it: `settings` are variables of its environment.
  start: async ({ page }, use) => {
    const folder = mkdtempSync(join(tmpdir(), "hozon-marimo-"));
    const begun = [];
    writeFileSync(join(folder, "notebook.py"), NOTEBOOK);
    writeFileSync(join(folder, "pyproject.toml"), "[tool.marimo.runtime]\nauto_instantiate = true\n");
    await use(async (settings) => {
      const port = await freePort();
      const options = ["--headless", "--no-token", "--no-sandbox", "--skip-update-check", "--port", `${port}`];
      const server = spawn(process.env.MARIMO ?? "marimo", ["edit", ...options, "notebook.py"], {
        cwd: folder,
        env: { ...process.env, HOZON_HOME: join(folder, "home"), ...settings },
        stdio: "ignore",
        detached: true,
      });
      begun.push(server);
      await expect(async () => {
        await page.goto(`http://127.0.0.1:${port}/`);
      }).toPass();
      return folder;
    });
    for (const server of begun) process.kill(-server.pid, "SIGTERM");
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 500 });
  },
});

const cell = (page, id) => page.locator(`#cell-${id}`);
const badge = (page, id) => cell(page, id).locator(":scope > .hozon-badge");

const restart = async (page) => {
  await page.keyboard.press("Control+k");
  await page.getByRole("dialog").getByRole("combobox").fill("Restart kernel");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Confirm Restart" }).click();
};

test("cells are restored after a restart, and run after an edit", async ({ page, start }) => {
  const folder = await start({ HOZON_CELLS: "1" });
  const slow = () => readFileSync(join(folder, "slow.txt"), "utf8");

  await expect(badge(page, SLOW)).toHaveText("ran: first run");
  await expect(badge(page, SHOWS)).toHaveText("ran: first run");
  await expect(cell(page, SHOWS)).toContainText("6 is above");

  await expect(cell(page, IMAGE).locator("img")).toHaveAttribute("src", /@file/);

  await restart(page);
  await expect(badge(page, SLOW)).toHaveText("restored · 1.0 s saved");
  await expect(badge(page, SHOWS)).toHaveText(/^restored · .* saved$/);
  await expect(cell(page, SHOWS)).toContainText("6 is above");
  await expect(cell(page, SHOWS)).toContainText("the text");
  expect(slow()).toBe("x");

  // The first kernel has served the image as a file, which ended with it.
  for (const id of [IMAGE, AGAIN]) {
    await expect(badge(page, id)).toHaveText(/^restored/);
    await expect(cell(page, id).locator("img")).toHaveJSProperty("naturalWidth", 1);
    await expect(cell(page, id).locator("img")).toHaveAttribute("src", /^data:image/);
  }

  // What only running makes is made: the slider lives, and moves what depends on it.
  await expect(badge(page, SLIDER)).toHaveText(/^ran/);
  await expect(cell(page, READS)).toContainText("the slider is at 4");
  await cell(page, SLIDER).getByRole("slider").press("ArrowRight");
  await expect(cell(page, READS)).toContainText("the slider is at 5");

  await cell(page, SLOW).locator(".cm-content").fill('time.sleep(1)\nopen("slow.txt", "a").write("x")\nx = 6');
  await cell(page, SLOW).locator(".cm-content").press("Control+Enter");
  await expect(cell(page, SHOWS)).toContainText("7 is above");
  await expect(badge(page, SLOW)).toHaveText(/^ran: the code changed/);
  await expect(badge(page, SHOWS)).toHaveText("ran: x: 5 → 6");
  await expect(badge(page, IMPORTS)).toHaveText(/^restored/);
  expect(slow()).toBe("xx");
});

test("a page of marimo is as it was where cells are not kept", async ({ page, start }) => {
  await start({ HOZON_CELLS: "0" });
  await expect(cell(page, SHOWS)).toContainText("6 is above");
  expect(await page.locator("script[src*=hozon]").count()).toBe(0);
  await expect(page.locator(".hozon-badge")).toHaveCount(0);
});
