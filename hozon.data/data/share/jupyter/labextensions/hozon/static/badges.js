// Shows at each cell what hozon's kernel side (`_badges.py`) tells of it. The notebook's model is only read.
// What the kernel sends is shown as text, whatever it is.

const TARGET = "hozon.badges";

export function activate(tracker, styles) {
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = styles;
  document.head.append(link);
  const start = panel => panel.context.ready.then(() => new NotebookBadges(panel));
  tracker.forEach(start);
  tracker.widgetAdded.connect((_, panel) => start(panel));
}

// By the session of a notebook, which all its views share.
const sessions = new WeakMap();

/** What a kernel tells of the cells of a notebook. */
class Session {
  /** The one of a session's context, made if there is none. */
  static of(context) {
    if (!sessions.has(context)) sessions.set(context, new Session(context));
    return sessions.get(context);
  }

  constructor(context) {
    this.views = new Set();
    context.kernelChanged.connect((_, { newValue }) => this.follow(newValue));
    context.statusChanged.connect((_, status) => {
      if (["restarting", "autorestarting", "dead"].includes(status)) this.clear();
    });
    this.follow(context.session?.kernel);
  }

  /** Hears what a kernel tells, from now on and of the cells that it has run already. */
  async follow(kernel) {
    this.clear();
    if (!kernel) return;
    kernel.registerCommTarget(TARGET, (comm, message) => {
      this.listen(comm);
      this.hear(message);
    });
    try {
      // If this page has been loaded anew, the kernel has opened its comm long ago.
      const { content } = await kernel.requestCommInfo({ target_name: TARGET });
      const open = Object.keys(content.comms ?? {});
      for (const id of open) {
        if (!kernel.hasComm(id)) this.listen(kernel.createComm(TARGET, id));
      }
      if (open.length) kernel.createComm(TARGET).open();
    } catch {
      // The kernel is gone, or its comms belong to another notebook.
    }
  }

  listen(comm) {
    comm.onMsg = message => this.hear(message);
    comm.onClose = () => this.clear();
  }

  hear({ content: { data } }) {
    for (const [id, told] of Object.entries(data.cells ?? {})) {
      if (told) this.told.set(id, told);
      else this.told.delete(id);
    }
    this.changed = new Map(Object.entries(data.stale ?? {}));
    this.refresh();
  }

  clear() {
    // By the id of each cell: what came of it; and a name that it has read and that has another value now.
    this.told = new Map();
    this.changed = new Map();
    this.refresh();
  }

  refresh() {
    for (const view of this.views) view.refresh();
  }
}

/** The badges of one view of a notebook. */
class NotebookBadges {
  constructor(panel) {
    this.panel = panel;
    // Cells that had not been drawn when they got a badge.
    this.awaited = new WeakSet();
    this.session = Session.of(panel.sessionContext);
    this.session.views.add(this);
    panel.disposed.connect(() => this.session.views.delete(this));
    panel.context.model.contentChanged.connect(this.refresh, this);
    panel.content.activeCellChanged.connect(this.refresh, this);
    this.refresh();
  }

  refresh() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      if (!this.panel.isDisposed) this.draw();
    });
  }

  draw() {
    const cells = this.panel.content.widgets.filter(cell => cell.model?.type === "code");
    const marks = this.marks(cells);
    for (const cell of cells) {
      const told = this.session.told.get(cell.model.id);
      // While a cell is out of view, this is no part of the page.
      const wrapper = cell.inputArea?.parent?.node;
      if (wrapper) show(wrapper, told, marks.get(cell.model.id));
      else if (told) this.await(cell);
    }
  }

  /** A notebook draws cells when they come into view. */
  await(cell) {
    if (this.awaited.has(cell)) return;
    this.awaited.add(cell);
    cell.ready.then(() => this.refresh());
  }

  /** What is to be known of cells since they ran: by the id of each, a word and a sentence. */
  marks(cells) {
    const marks = new Map();
    for (const [id, name] of this.session.changed) marks.set(id, nameChanged(name));
    for (const { model } of cells) {
      const told = this.session.told.get(model.id);
      if (told && told.text !== model.sharedModel.getSource()) marks.set(model.id, EDITED);
    }
    for (let count = -1; count !== marks.size; ) {
      count = marks.size;
      for (const [id, { reads }] of this.session.told) {
        if (marks.has(id)) continue;
        const found = Object.entries(reads ?? {}).find(([, giver]) => giver !== id && marks.has(giver));
        if (found) marks.set(id, nameMayChange(found[0]));
      }
    }
    return marks;
  }
}

// Words ---------------------------------------------------------------------------------------------------

const EDITED = { kind: "edited", label: "edited", sentence: "Its text has changed since." };

const nameChanged = name => ({
  kind: "stale",
  label: `stale · ${name} changed`,
  sentence: `It reads ${name}, which has another value now.`,
});

const nameMayChange = name => ({
  kind: "stale",
  label: `stale · reads ${name}`,
  sentence: `It reads ${name}, which comes from a cell that is edited or stale.`,
});

// Less is not worth a word, in seconds.
const LEAST = 0.05;

function duration(seconds) {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const all = Math.round(seconds);
  if (all < 60) return `${all} s`;
  const minutes = Math.floor(all / 60);
  if (minutes < 60) return `${minutes} min ${all % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** What stands on the badge of a cell, and what explains it. */
function words({ state, seconds, why }) {
  const time = duration(Number(seconds));
  const isLong = seconds >= LEAST;
  if (state === "restored") {
    return {
      label: isLong ? `restored · ${time} saved` : "restored",
      sentence: `Restored: nothing that it depends on has changed. It did not run; its last run took ${time}.`,
      lines: [],
    };
  }
  const isStored = state === "stored";
  return {
    label: ["ran", isStored ? "stored" : "not stored", ...(isLong ? [time] : [])].join(" · "),
    sentence: `Ran in ${time}. ${isStored ? "Its results are stored." : "Nothing of it is stored."}`,
    lines: Array.isArray(why) ? why.map(String) : [],
  };
}

// Elements ------------------------------------------------------------------------------------------------

function element(tag, className, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

/** Shows a cell's badge, or takes it away. */
function show(wrapper, told, mark) {
  const shown = wrapper.querySelector(":scope > .hozon-badge");
  if (!told) {
    shown?.remove();
    return;
  }
  const badge = shown ?? newBadge(wrapper);
  const { label, sentence, lines } = words(told);
  const content = JSON.stringify([mark, label, sentence, lines]);
  if (badge.dataset.content === content) return;
  badge.dataset.content = content;
  badge.dataset.kind = mark?.kind ?? told.state;
  const [button, explanation] = badge.children;
  button.textContent = mark?.label ?? label;
  button.title = [mark?.sentence, sentence, ...lines].filter(Boolean).join("\n");
  explanation.replaceChildren(...explained(mark, sentence, lines));
}

function explained(mark, sentence, lines) {
  const parts = mark ? [element("p", "hozon-mark", mark.sentence)] : [];
  parts.push(element("p", "", sentence));
  if (lines.length) {
    const list = element("ul", "");
    list.append(...lines.map(line => element("li", "", line)));
    parts.push(list);
  }
  return parts;
}

function newBadge(wrapper) {
  const badge = element("span", "hozon-badge");
  const button = element("button", "hozon-label");
  const explanation = element("div", "hozon-explanation");
  // Enter and space press the button; JupyterLab has other uses for them.
  badge.dataset.lmSuppressShortcuts = "true";
  button.type = "button";
  button.popoverTargetElement = explanation;
  explanation.popover = "auto";
  explanation.addEventListener("toggle", () => place(explanation, button));
  badge.append(button, explanation);
  wrapper.append(badge);
  return badge;
}

/** Puts an explanation below its badge; above it where there is no room. */
function place(explanation, button) {
  const at = button.getBoundingClientRect();
  const { width, height } = explanation.getBoundingClientRect();
  const right = Math.min(window.innerWidth - at.right, window.innerWidth - width - 8);
  const isBelow = at.bottom + 4 + height <= window.innerHeight;
  explanation.style.right = `${right}px`;
  explanation.style.top = `${isBelow ? at.bottom + 4 : Math.max(8, at.top - 4 - height)}px`;
}
