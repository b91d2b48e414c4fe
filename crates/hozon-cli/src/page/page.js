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

const frames = [...document.querySelectorAll("iframe.frame")];
const fitted = new Map();
addEventListener("message", (event) => {
  const frame = frames.find((one) => one.contentWindow === event.source);
  const height = event.data && event.data.frameHeight;
  const times = fitted.get(frame) || 0;
  // Content that grows with its frame would make it grow for ever.
  if (!frame || !Number.isFinite(height) || times > 30) return;
  fitted.set(frame, times + 1);
  frame.style.height = `${Math.min(Math.max(height, 24), 6000)}px`;
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
