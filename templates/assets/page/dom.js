// Small hands. Text from files and models only ever becomes text: nothing here reads it as markup.
const root = document.documentElement;
const $ = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";

const fill = (element, attributes, children) => {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  for (const child of children.flat(Infinity)) if (child || child === 0) element.append(child);
  return element;
};
const h = (name, attributes, ...children) => fill(document.createElement(name), attributes, children);
const svg = (name, attributes, ...children) => fill(document.createElementNS(SVG, name), attributes, children);

const shape = (key) =>
  svg("svg", { class: "shape", "aria-hidden": "true", focusable: "false" }, svg("use", { href: `#shape-${key}` }));
const bdi = (text) => h("bdi", null, text);
const count = (number) => number.toLocaleString("en");

const picture = (image, eager) =>
  image.thumb
    ? h("img", { src: image.thumb, alt: `Preview of ${image.path}`, decoding: "async", loading: eager ? "eager" : "lazy" })
    : svg(
        "svg",
        { class: "nopic", viewBox: "0 0 160 120", role: "img", "aria-label": `No preview of ${image.path}` },
        svg("use", { href: "#placeholder" }),
      );

const save = (name, type, text) => {
  const address = URL.createObjectURL(new Blob([text], { type }));
  h("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
};
