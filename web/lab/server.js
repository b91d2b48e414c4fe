// A server of JupyterLab for each worker, with nothing of the person's own settings, and notebooks in a folder
// of its own.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";

import { test as base } from "@playwright/test";

const PYTHON = path.resolve(process.env.PYTHON ?? "../.venv/bin/python");
const TOKEN = "for-tests";

async function freePort() {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

class Lab {
  async start() {
    this.folder = mkdtempSync(path.join(tmpdir(), "hozon-lab-"));
    this.notebooks = path.join(this.folder, "notebooks");
    mkdirSync(this.notebooks);
    writeFileSync(path.join(this.notebooks, "pyproject.toml"), "[project]\nname = 'example'\n");
    this.address = `http://127.0.0.1:${await freePort()}`;
    const own = (name) => path.join(this.folder, name);
    const settings = {
      HOME: this.folder,
      HOZON_HOME: own("hozon"),
      JUPYTER_CONFIG_DIR: own("config"),
      JUPYTER_DATA_DIR: own("data"),
      JUPYTER_RUNTIME_DIR: own("runtime"),
      JUPYTERLAB_WORKSPACES_DIR: own("workspaces"),
      JUPYTERLAB_SETTINGS_DIR: own("settings"),
      IPYTHONDIR: own("ipython"),
    };
    const options = [
      "--no-browser",
      `--ServerApp.port=${new URL(this.address).port}`,
      `--IdentityProvider.token=${TOKEN}`,
      "--ServerApp.allow_root=True",
      "--LabApp.news_url=None",
      "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
      "--LabApp.expose_app_in_browser=True",
    ];
    this.log = "";
    this.server = spawn(PYTHON, ["-m", process.env.APPLICATION ?? "jupyterlab", ...options], {
      cwd: this.notebooks,
      env: { ...process.env, ...settings },
    });
    for (const stream of [this.server.stdout, this.server.stderr]) {
      stream.on("data", (data) => (this.log += data));
    }
    await this.answers();
  }

  async answers() {
    for (;;) {
      if (this.server.exitCode !== null) throw new Error(`JupyterLab has ended:\n${this.log}`);
      const reply = await fetch(`${this.address}/api/status?token=${TOKEN}`).catch(() => undefined);
      if (reply?.ok) return;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  async stop() {
    this.server.kill();
    if (this.server.exitCode === null) await once(this.server, "exit");
    rmSync(this.folder, { recursive: true, force: true });
  }

  async api(method, resource, body) {
    const headers = { Authorization: `token ${TOKEN}` };
    await fetch(`${this.address}/api/${resource}`, { method, headers, body: JSON.stringify(body) });
  }

  write(name, sources) {
    const cells = sources.map((source, number) => ({
      cell_type: "code",
      id: `cell-${number}`,
      metadata: {},
      execution_count: null,
      outputs: [],
      source,
    }));
    const kernelspec = { name: "python3", display_name: "Python 3", language: "python" };
    const notebook = { nbformat: 4, nbformat_minor: 5, metadata: { kernelspec }, cells };
    writeFileSync(path.join(this.notebooks, name), JSON.stringify(notebook));
  }

  read(name) {
    return readFileSync(path.join(this.notebooks, name), "utf-8");
  }

  url(name) {
    return `${this.address}/lab/tree/${name}?token=${TOKEN}`;
  }
}

/** A notebook that is open in the page. */
export class OpenNotebook {
  constructor(page, lab, name) {
    Object.assign(this, { page, lab, name });
  }

  cell(number) {
    return this.page.locator(".jp-Notebook .jp-CodeCell").nth(number);
  }

  badge(number) {
    return this.cell(number).locator(".hozon-label");
  }

  explanation(number) {
    return this.cell(number).locator(".hozon-explanation");
  }

  command(name, options = {}) {
    return this.page.evaluate(([name, options]) => window.jupyterapp.commands.execute(name, options), [name, options]);
  }

  runAll() {
    return this.command("notebook:run-all-cells");
  }

  /** Runs one cell, and waits until it has ended. */
  async run(number) {
    await this.cell(number).locator(".jp-InputPrompt").click();
    await this.command("notebook:run-cell");
  }

  async restart() {
    await this.page.evaluate(() => window.jupyterapp.shell.currentWidget.sessionContext.restartKernel());
  }

  /** Types a text in the place of a cell's. */
  async type(number, text) {
    await this.cell(number).locator(".cm-content").click();
    await this.page.keyboard.press("Control+A");
    await this.page.keyboard.insertText(text);
  }

  async save() {
    await this.command("docmanager:save");
    return this.lab.read(this.name);
  }
}

export const test = base.extend({
  theme: ["JupyterLab Light", { option: true }],

  lab: [
    async ({}, use) => {
      const lab = new Lab();
      await lab.start();
      await use(lab);
      await lab.stop();
    },
    { scope: "worker" },
  ],

  // What the page complains of, as far as it has to do with hozon.
  complaints: async ({ page }, use) => {
    const complaints = [];
    const note = (text) => /hozon|comm\b/i.test(text) && complaints.push(text);
    page.on("console", (message) => ["error", "warning"].includes(message.type()) && note(message.text()));
    page.on("pageerror", (error) => note(`${error.message}\n${error.stack}`));
    await use(complaints);
  },

  // Opens a notebook of some cells, in the theme of the project.
  open: async ({ page, lab, theme, complaints }, use, info) => {
    await use(async (...sources) => {
      const name = `${info.testId}.ipynb`;
      lab.write(name, sources);
      await page.goto(lab.url(name));
      const notebook = new OpenNotebook(page, lab, name);
      await notebook.cell(0).waitFor();
      await page.waitForFunction(
        () => window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === "idle",
      );
      await notebook.command("apputils:change-theme", { theme });
      return notebook;
    });
    for (const complaint of complaints) throw new Error(complaint);
  },
});
