// Everything that is set up once.
const chip = (attributes, mark, word) =>
  h("button", { type: "button", "aria-pressed": "false", ...attributes, class: `chip ${attributes.class || ""}` }, mark, `${word} `, h("b", null));

const MOST_CHIPS = 6; // of one row; the others wait behind a button

const makeFilters = () => {
  for (const group of store.groups) {
    if (group.key === "folder") {
      $("folder").append(...group.values.map((value, place) => h("option", { value }, group.words[place])));
      $("folder-label").hidden = false;
      continue;
    }
    group.chips = group.values.map((value, place) => {
      const mark = group.key === "verdict" ? shape(value) : value === "conflict" ? shape("conflict") : null;
      const own = group.key === "verdict" ? `v-${value}` : null;
      const made = chip({ class: own, "data-group": group.key, "data-value": value }, mark && [mark, " "], group.words[place]);
      made.addEventListener("click", () => {
        const chosen = chosenOf(group);
        if (!chosen.delete(value)) chosen.add(value);
        state.chosen.set(group.key, chosen);
        changed();
      });
      return made;
    });
    const label = `filter-${group.key}`;
    const rest = group.chips.slice(MOST_CHIPS);
    const more = rest.length > 1 && h("button", { type: "button", class: "more-chips", "aria-expanded": "false" }, `${rest.length} more`);
    if (more) {
      const fold = (folded) => {
        for (const one of rest) one.hidden = folded && one.getAttribute("aria-pressed") !== "true";
        more.setAttribute("aria-expanded", String(!folded));
        more.textContent = folded ? `${rest.length} more` : "fewer";
      };
      more.addEventListener("click", () => fold(more.getAttribute("aria-expanded") === "true"));
      fold(true);
    }
    $("filters").append(
      h("div", { class: "chips", role: "group", "aria-labelledby": label }, h("span", { class: "chips-title", id: label }, group.title), group.chips, more),
    );
  }
  for (const [name, word] of Object.entries(MINE)) {
    const made = chip({ "data-mine": name }, null, word);
    made.addEventListener("click", () => {
      if (!state.mine.delete(name)) state.mine.add(name);
      changed();
    });
    $("mine").insertBefore(made, $("save-notes"));
  }
};

const listen = () => {
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
  $("folder").addEventListener("change", (event) => {
    state.chosen.set("folder", new Set(event.target.value ? [event.target.value] : []));
    changed();
  });
  $("clear").addEventListener("click", () => {
    readState("");
    changed();
    $("q").focus();
  });
  $("save-notes").addEventListener("click", saveNotes);
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
  if (store.images.length && !current && !root.dataset.print) {
    $("paper").replaceChildren(...toPrint(list.shown, isFiltered(), MOST_PRINTED));
  }
});
window.addEventListener("afterprint", () => {
  if (!root.dataset.print) $("paper")?.replaceChildren();
});

document.addEventListener("DOMContentLoaded", () => {
  if (!$("items")) return;
  if (!load()) {
    $("no-data").hidden = false;
    return;
  }
  loadNotes();
  $("save-digests")?.addEventListener("click", () => save("SHA256SUMS", "text/plain", panels().manifest));
  if (root.dataset.print) {
    for (const folded of document.querySelectorAll("details")) folded.open = true;
    $("paper").replaceChildren(...toPrint([], false, Infinity));
    $("main").append(appendix());
    return;
  }
  if (store.images.length === 1) {
    root.classList.add("single");
    current = store.images[0];
    $("open").replaceChildren(panel(current));
    document.addEventListener("keydown", onKey);
    $("help-close").addEventListener("click", () => $("help").close());
    return;
  }
  $("tools").hidden = false;
  $("items").hidden = false;
  history.scrollRestoration = "manual";
  makeFilters();
  list.start($("items"));
  listen();
  readState("");
  show();
  route();
  // While nobody waits: what the first search would otherwise have to do.
  (window.requestIdleCallback || setTimeout)(searching);
});
