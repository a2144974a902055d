// The list of images. However many there are, only those near the window exist as elements.
const list = (() => {
  const ALL = 300; // so few are all drawn, so that the browser's own search finds them
  const live = new Map();
  let shown = [];
  let wide = false;
  let box = null;
  let size = { columns: 1, width: 0, row: 1, gap: 0 };

  const rem = () => parseFloat(getComputedStyle(root).fontSize);
  const measure = () => {
    const unit = rem();
    const style = getComputedStyle(box);
    const [least, row, gap] = ["--least", "--row", "--gap"].map((name) => parseFloat(style.getPropertyValue(name)) * unit);
    const columns = wide ? 1 : Math.max(1, Math.floor((box.clientWidth + gap) / (least + gap)));
    size = { columns, width: (box.clientWidth - gap * (columns - 1)) / columns, row, gap };
    box.style.height = `${Math.ceil(shown.length / columns) * row}px`;
  };

  const badges = (image) => {
    const mine = noteOf(image);
    return [
      image.conflict && h("span", { class: "badge flag" }, shape("conflict"), "Contradiction"),
      mine.seen && h("span", { class: "badge seen" }, "✓ looked at"),
      mine.note && h("span", { class: "badge noted" }, "note"),
    ];
  };

  const item = (image) =>
    h(
      "li",
      { class: `item v-${image.key}`, "data-id": image.id },
      h(
        "div",
        { class: "frame" },
        picture(image),
        h("div", { class: "badges" }, badges(image)),
      ),
      h("p", { class: "verdict" }, shape(image.key), h("span", null, text(image.short))),
      h("p", { class: "name" }, h("a", { href: `#${image.id}`, class: "open" }, bdi(image.path))),
      image.value && h("p", { class: image.value.startsWith("model") ? "p by-file" : "p", title: text(image.caption) }, image.value),
      h("p", { class: "lead" }, text(image.lead)),
    );

  const place = (node, index) => {
    const { columns, width, row, gap } = size;
    node.style.width = `${width}px`;
    node.style.transform = `translate(${(index % columns) * (width + gap)}px, ${Math.floor(index / columns) * row}px)`;
    node.setAttribute("aria-setsize", shown.length);
    node.setAttribute("aria-posinset", index + 1);
  };

  const range = () => {
    if (shown.length <= ALL) return [0, shown.length];
    const top = -box.getBoundingClientRect().top;
    const height = window.innerHeight;
    const first = Math.floor((top - height / 2) / size.row) * size.columns;
    const last = Math.ceil((top + 1.5 * height) / size.row) * size.columns;
    return [Math.min(Math.max(0, first), shown.length), Math.min(Math.max(0, last), shown.length)];
  };

  const draw = () => {
    if (!box || !box.offsetParent) return;
    const [first, last] = range();
    for (const [index, node] of live) {
      // An element with the focus stays, or a keyboard user would be thrown to the top of the page.
      if ((index < first || index >= last) && !node.contains(document.activeElement)) {
        node.remove();
        live.delete(index);
      }
    }
    for (let index = first; index < last; index += 1) {
      if (live.has(index)) continue;
      const node = item(shown[index]);
      place(node, index);
      live.set(index, node);
      // Elements stand in the order of the list, for those who hear the page or walk through it with the Tab key.
      let before = index + 1;
      while (before < last && !live.has(before)) before += 1;
      box.insertBefore(node, before < last ? live.get(before) : null);
    }
  };

  const clear = () => {
    box.replaceChildren();
    live.clear();
  };

  return {
    start(element) {
      box = element;
      let waiting = false;
      const soon = () => {
        if (waiting) return;
        waiting = true;
        requestAnimationFrame(() => {
          waiting = false;
          draw();
        });
      };
      window.addEventListener("scroll", soon, { passive: true });
      window.addEventListener("resize", () => this.layout());
    },
    show(images, asList) {
      shown = images;
      wide = asList;
      root.classList.toggle("list", asList);
      clear();
      this.layout();
    },
    layout() {
      if (!box.offsetParent) return;
      measure();
      for (const [index, node] of live) place(node, index);
      draw();
    },
    refresh(image) {
      const node = live.get(shown.indexOf(image));
      if (node) node.querySelector(".badges").replaceChildren(...badges(image).filter(Boolean));
    },
    focus(index) {
      const top = box.getBoundingClientRect().top + window.scrollY + Math.floor(index / size.columns) * size.row;
      const above = $("bar").getBoundingClientRect().bottom;
      const room = window.innerHeight;
      if (top < window.scrollY + Math.max(0, above) || top + size.row > window.scrollY + room) {
        window.scrollTo(0, Math.max(0, top - room / 3));
      }
      draw();
      live.get(index)?.querySelector(".open").focus({ preventScroll: true });
    },
    focused() {
      const id = document.activeElement?.closest?.("[data-id]")?.dataset.id;
      return id ? shown.findIndex((image) => image.id === id) : -1;
    },
    get shown() {
      return shown;
    },
    get columns() {
      return size.columns;
    },
  };
})();
