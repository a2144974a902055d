/* The report works without this script; with it, images become cards that can be filtered, sorted and opened. */
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const $ = (id) => document.getElementById(id);
  const state = { verdict: new Set(), mark: new Set(), kind: new Set(), q: "", sort: "attention", layout: "grid" };
  const texts = new WeakMap();
  let items = [];
  let sorted = "attention";
  let shown = [];
  let current = null;
  let listHash = "";
  let listScroll = 0;

  const numberOf = (item, name, missing) => (item.dataset[name] === "" ? missing : Number(item.dataset[name]));
  const byName = (a, b) => a.dataset.name.localeCompare(b.dataset.name, "en", { numeric: true });
  const orders = {
    attention: (a, b) => a.index - b.index,
    name: (a, b) => byName(a.item, b.item),
    high: (a, b) => numberOf(b.item, "p", -1) - numberOf(a.item, "p", -1) || a.index - b.index,
    low: (a, b) => numberOf(a.item, "p", 2) - numberOf(b.item, "p", 2) || a.index - b.index,
    size: (a, b) => numberOf(b.item, "size", 0) - numberOf(a.item, "size", 0) || a.index - b.index,
  };

  // Numbers are left out: a search for "07" means a name, not a digest or a size.
  const textOf = (item) => {
    if (!texts.has(item)) {
      const parts = item.querySelectorAll(".head, .reasons, .evidence, .stages, .failure");
      texts.set(item, [...parts].map((part) => part.textContent).join(" ").toLowerCase());
    }
    return texts.get(item);
  };

  const holds = (item, word) => textOf(item).includes(word) || (word.length > 5 && item.dataset.sha.startsWith(word));

  const matches = (item) => {
    const { verdict, mark, kind, q } = state;
    if (verdict.size && !verdict.has(item.dataset.verdict)) return false;
    if (kind.size && !kind.has(item.dataset.kind)) return false;
    const marks = item.dataset.mark.split(" ");
    if ([...mark].some((name) => !marks.includes(name))) return false;
    return q.toLowerCase().split(/\s+/).every((word) => holds(item, word));
  };

  const isFiltered = () => Boolean(state.verdict.size || state.mark.size || state.kind.size || state.q);

  const show = () => {
    if (state.sort !== sorted) {
      items.sort(orders[state.sort]);
      // Moving a thousand images is slow, so it is done only when the order is another one.
      $("items").append(...items.map((entry) => entry.item));
      sorted = state.sort;
    }
    shown = [];
    for (const { item } of items) {
      const visible = matches(item);
      if (item.hidden === visible) item.hidden = !visible;
      if (visible) shown.push(item);
    }
    root.classList.toggle("list", state.layout === "list");
    for (const chip of document.querySelectorAll(".chip")) {
      chip.setAttribute("aria-pressed", String(state[chip.dataset.group].has(chip.dataset.value)));
    }
    for (const button of document.querySelectorAll("[data-layout]")) {
      button.setAttribute("aria-pressed", String(button.dataset.layout === state.layout));
    }
    $("q").value = state.q;
    $("sort").value = state.sort;
    $("clear").hidden = !isFiltered();
    $("nothing").hidden = shown.length > 0;
    const total = items.length.toLocaleString("en");
    $("shown").textContent = isFiltered() ? `${shown.length.toLocaleString("en")} of ${total} shown` : `${total} shown`;
  };

  const hashOfState = () => {
    const parts = new URLSearchParams();
    for (const group of ["verdict", "mark", "kind"]) if (state[group].size) parts.set(group, [...state[group]].join(","));
    if (state.q) parts.set("q", state.q);
    if (state.sort !== "attention") parts.set("sort", state.sort);
    if (state.layout !== "grid") parts.set("layout", state.layout);
    return parts.toString();
  };

  const readState = (hash) => {
    const parts = new URLSearchParams(hash);
    for (const group of ["verdict", "mark", "kind"]) {
      state[group] = new Set((parts.get(group) || "").split(",").filter(Boolean));
    }
    state.q = parts.get("q") || "";
    state.sort = Object.hasOwn(orders, parts.get("sort")) ? parts.get("sort") : "attention";
    state.layout = parts.get("layout") === "list" ? "list" : "grid";
  };

  const changed = () => {
    const hash = hashOfState();
    listHash = hash;
    history.replaceState(null, "", hash ? `#${hash}` : "#images");
    show();
  };

  const open = (item) => {
    if (!root.classList.contains("reading")) listScroll = window.scrollY;
    if (current) current.classList.remove("current");
    current = item;
    item.classList.add("current");
    root.classList.add("reading");
    const place = shown.indexOf(item);
    $("reader").hidden = false;
    $("where").textContent = place < 0 ? "" : `${(place + 1).toLocaleString("en")} of ${shown.length.toLocaleString("en")}`;
    $("previous").disabled = place <= 0;
    $("next").disabled = place < 0 || place === shown.length - 1;
    window.scrollTo(0, 0);
    item.querySelector(".open").focus({ preventScroll: true });
  };

  const close = () => {
    if (!current) return;
    const item = current;
    current = null;
    item.classList.remove("current");
    root.classList.remove("reading");
    $("reader").hidden = true;
    window.scrollTo(0, listScroll);
    item.querySelector(".open").focus({ preventScroll: true });
  };

  const back = () => {
    history.pushState(null, "", listHash ? `#${listHash}` : "#images");
    close();
  };

  const route = () => {
    let hash = location.hash.slice(1);
    const target = hash && !hash.includes("=") ? $(hash) : null;
    if (target && target.classList.contains("item")) {
      if (target.hidden) {
        readState("");
        listHash = "";
        show();
      }
      open(target);
      return;
    }
    close();
    if (hash.includes("=")) {
      listHash = hash;
      readState(hash);
      show();
      $("images").scrollIntoView();
    } else if (target) {
      target.scrollIntoView();
    }
  };

  const step = (by) => {
    if (!shown.length) return;
    const here = current || document.activeElement.closest(".item");
    const place = shown.indexOf(here);
    const next = shown[Math.min(shown.length - 1, Math.max(0, place + by))];
    if (current) {
      if (next !== current) location.hash = next.id;
    } else {
      next.querySelector(".open").focus();
    }
  };

  const onKey = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || $("help").open) return;
    if (event.key === "Escape" && current) return back();
    if (event.target.closest("input, select, textarea")) return;
    if (event.key === "j") step(1);
    else if (event.key === "k") step(-1);
    else if (event.key === "?") $("help").showModal();
    else if (event.key === "/" && !current) {
      event.preventDefault();
      $("q").focus();
    }
  };

  const listen = () => {
    for (const chip of document.querySelectorAll(".chip")) {
      chip.addEventListener("click", () => {
        const chosen = state[chip.dataset.group];
        if (!chosen.delete(chip.dataset.value)) chosen.add(chip.dataset.value);
        changed();
      });
    }
    for (const button of document.querySelectorAll("[data-layout]")) {
      button.addEventListener("click", () => {
        state.layout = button.dataset.layout;
        changed();
      });
    }
    $("q").addEventListener("input", (event) => {
      state.q = event.target.value;
      changed();
    });
    $("sort").addEventListener("change", (event) => {
      state.sort = event.target.value;
      changed();
    });
    $("clear").addEventListener("click", () => {
      for (const group of ["verdict", "mark", "kind"]) state[group].clear();
      state.q = "";
      changed();
      $("q").focus();
    });
    $("back").addEventListener("click", (event) => {
      event.preventDefault();
      back();
    });
    $("previous").addEventListener("click", () => step(-1));
    $("next").addEventListener("click", () => step(1));
    $("help-open").addEventListener("click", () => $("help").showModal());
    $("help-close").addEventListener("click", () => $("help").close());
    document.addEventListener("keydown", onKey);
    window.addEventListener("hashchange", route);
  };

  window.addEventListener("beforeprint", () => {
    for (const folded of document.querySelectorAll("details")) folded.open = true;
  });
  document.addEventListener("DOMContentLoaded", () => {
    items = [...document.querySelectorAll(".item")].map((item, index) => ({ item, index }));
    if (items.length < 2) return;
    root.classList.toggle("many", items.length > 200);
    document.querySelector(".tools").hidden = false;
    history.scrollRestoration = "manual";
    listen();
    show();
    route();
  });
})();
