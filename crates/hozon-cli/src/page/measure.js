const tell = () => {
  const height = Math.ceil(document.documentElement.getBoundingClientRect().height);
  parent.postMessage({ frameHeight: height }, "*");
};
new ResizeObserver(tell).observe(document.documentElement);
addEventListener("load", tell);
