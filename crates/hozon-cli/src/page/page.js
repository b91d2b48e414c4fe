"use strict";
// The page reads well without this: it switches the theme, fits frames to their content, and opens what is
// folded for print.
const root = document.documentElement;
const button = document.querySelector(".theme");
const dark = matchMedia("(prefers-color-scheme: dark)");
let chosen = null;
const showTheme = () => {
  const isDark = chosen ? chosen === "dark" : dark.matches;
  button.setAttribute("aria-label", isDark ? "Use the light theme" : "Use the dark theme");
  button.textContent = isDark ? "Light" : "Dark";
  if (chosen) root.dataset.theme = chosen;
};
button.hidden = false;
button.addEventListener("click", () => {
  chosen = (chosen ? chosen === "dark" : dark.matches) ? "light" : "dark";
  showTheme();
});
dark.addEventListener("change", showTheme);
showTheme();

const fitted = new WeakMap();
const fit = (frame, height) => {
  const before = fitted.get(frame);
  const times = before?.width === frame.clientWidth ? before.times + 1 : 0;
  // Content that grows with its frame would make it grow for ever.
  if (times > 30) return;
  fitted.set(frame, { width: frame.clientWidth, times });
  frame.style.height = `${Math.min(Math.max(Math.ceil(height), 24), 6000) + 2}px`;
};
// Nothing runs in these, so the page may look into them.
for (const frame of document.querySelectorAll("iframe.frame")) {
  const watch = () => {
    const content = frame.contentDocument?.documentElement;
    if (!content) return;
    const measure = () => fit(frame, content.getBoundingClientRect().height);
    new ResizeObserver(measure).observe(content);
    measure();
  };
  frame.addEventListener("load", watch);
  watch();
}

// An output that is drawn by its own script, in a frame that has nothing in common with the page.
const live = [];
for (const button of document.querySelectorAll("button.run")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const still = button.nextElementSibling;
    const frame = document.createElement("iframe");
    frame.className = "frame live";
    frame.title = still.title;
    frame.referrerPolicy = "no-referrer";
    frame.setAttribute("sandbox", "allow-scripts");
    frame.srcdoc = still.dataset.live;
    still.replaceWith(frame);
    live.push(frame);
    button.remove();
  });
}
addEventListener("message", ({ source, data }) => {
  const height = data?.frameHeight;
  const frame = live.find((one) => one.contentWindow === source);
  if (frame && Number.isFinite(height)) fit(frame, height);
});

const folded = () => document.querySelectorAll("details:not(.more, .fold):not([open])");
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...folded()];
  for (const details of opened) details.open = true;
});
addEventListener("afterprint", () => {
  for (const details of opened) details.open = false;
});
