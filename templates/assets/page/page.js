// The page: state, address, keys. The address keeps filters, order and the open image.
root.classList.add("js");
const MINE = { seen: "looked at", unseen: "not looked at", noted: "with a note" };
const state = { q: "", sort: "attention", layout: "grid", mine: new Set(), chosen: new Map() };
let current = null;
let listHash = "";
let listScroll = 0;

const isFiltered = () => Boolean(state.q || state.mine.size || [...state.chosen.values()].some((set) => set.size));
const chosenOf = (group) => state.chosen.get(group.key) || new Set();

const passes = (image, group, place) => {
  const chosen = chosenOf(group);
  if (!chosen.size) return true;
  const tags = image.tags[place];
  const has = (value) => tags.includes(group.values.indexOf(value));
  return group.every ? [...chosen].every(has) : [...chosen].some(has);
};
const isMine = (image, name) => {
  const { seen, note } = noteOf(image);
  return name === "seen" ? seen : name === "unseen" ? !seen : Boolean(note);
};

// What a chip counts: the images that would be left if it were the only one chosen of its group.
const filter = () => {
  const found = finder(state.q);
  const counts = store.groups.map((group) => new Uint32Array(group.values.length));
  const mine = Object.fromEntries(Object.keys(MINE).map((name) => [name, 0]));
  const shown = [];
  for (const image of sortedBy(state.sort)) {
    if (!found(image)) continue;
    let failed = -1;
    let failures = 0;
    store.groups.forEach((group, place) => {
      if (!passes(image, group, place)) {
        failed = place;
        failures += 1;
      }
    });
    const own = !state.mine.size || [...state.mine].some((name) => isMine(image, name));
    if (own && failures === 0) shown.push(image);
    if (failures === 0) for (const name of Object.keys(MINE)) if (isMine(image, name)) mine[name] += 1;
    if (!own || failures > 1) continue;
    store.groups.forEach((group, place) => {
      const counted = failures === 0 || (failed === place && !group.every);
      if (counted) for (const tag of image.tags[place]) counts[place][tag] += 1;
    });
  }
  return { shown, counts, mine };
};

const show = () => {
  const { shown, counts, mine } = filter();
  store.groups.forEach((group, place) => {
    const chosen = chosenOf(group);
    if (group.key === "folder") {
      $("folder").value = [...chosen][0] || "";
      return;
    }
    group.values.forEach((value, number) => {
      const chip = group.chips[number];
      chip.setAttribute("aria-pressed", String(chosen.has(value)));
      chip.lastChild.textContent = count(counts[place][number]);
      if (chosen.has(value)) chip.hidden = false;
      chip.classList.toggle("empty", !counts[place][number] && !chosen.has(value));
    });
  });
  for (const chip of document.querySelectorAll("[data-mine]")) {
    chip.setAttribute("aria-pressed", String(state.mine.has(chip.dataset.mine)));
    chip.lastChild.textContent = count(mine[chip.dataset.mine]);
  }
  $("mine").hidden = !state.mine.size && !Object.keys(notes.of).length;
  for (const button of document.querySelectorAll("[data-layout]")) {
    button.setAttribute("aria-pressed", String(button.dataset.layout === state.layout));
  }
  if ($("q").value !== state.q) $("q").value = state.q;
  $("sort").value = state.sort;
  $("clear").hidden = !isFiltered();
  $("nothing").hidden = shown.length > 0;
  const total = count(store.images.length);
  $("shown").textContent = isFiltered() ? `${count(shown.length)} of ${total} shown` : `${total} shown`;
  list.show(shown, state.layout === "list");
};

const hashOfState = () => {
  const parts = new URLSearchParams();
  for (const [key, values] of state.chosen) for (const value of values) parts.append(key, value);
  for (const name of state.mine) parts.append("mine", name);
  if (state.q) parts.set("q", state.q);
  if (state.sort !== "attention") parts.set("sort", state.sort);
  if (state.layout !== "grid") parts.set("layout", state.layout);
  return parts.toString();
};

const readState = (hash) => {
  const parts = new URLSearchParams(hash);
  for (const group of store.groups) {
    state.chosen.set(group.key, new Set(parts.getAll(group.key).filter((value) => group.values.includes(value))));
  }
  state.mine = new Set(parts.getAll("mine").filter((name) => Object.hasOwn(MINE, name)));
  state.q = parts.get("q") || "";
  state.sort = Object.hasOwn(orders, parts.get("sort")) ? parts.get("sort") : "attention";
  state.layout = parts.get("layout") === "list" ? "list" : "grid";
};

const changed = () => {
  listHash = hashOfState();
  history.replaceState(null, "", listHash ? `#${listHash}` : "#images");
  const top = $("tools").offsetTop + $("tools").offsetHeight;
  if (window.scrollY > top) window.scrollTo(0, top);
  show();
};

const open = (image) => {
  if (!current) listScroll = window.scrollY;
  current = image;
  root.classList.add("reading");
  $("open").replaceChildren(panel(image));
  $("reader").hidden = false;
  const place = list.shown.indexOf(image);
  $("where").textContent = place < 0 ? "" : `${count(place + 1)} of ${count(list.shown.length)}`;
  $("previous").disabled = place <= 0;
  $("next").disabled = place < 0 || place === list.shown.length - 1;
  window.scrollTo(0, 0);
  $("open-title").focus({ preventScroll: true });
};

const close = () => {
  if (!current) return;
  const image = current;
  current = null;
  root.classList.remove("reading");
  $("reader").hidden = true;
  $("open").replaceChildren();
  list.layout();
  window.scrollTo(0, listScroll);
  list.refresh(image);
  const place = list.shown.indexOf(image);
  if (place >= 0) list.focus(place);
};

const back = () => {
  history.pushState(null, "", listHash ? `#${listHash}` : "#images");
  show();
  close();
};

const route = () => {
  const hash = location.hash.slice(1);
  const image = store.byId.get(hash);
  if (image) {
    if (!list.shown.includes(image)) {
      readState("");
      listHash = "";
      show();
    }
    open(image);
    return;
  }
  const wasOpen = Boolean(current);
  if (hash.includes("=")) {
    listHash = hash;
    readState(hash);
  }
  // The list is drawn before the image is closed, so that its element in the list can get the focus.
  show();
  close();
  if (wasOpen) return;
  if (hash.includes("=")) $("images").scrollIntoView();
  else if (hash) $(hash)?.scrollIntoView();
};

const step = (by) => {
  const { shown } = list;
  if (!shown.length) return;
  const place = current ? shown.indexOf(current) : list.focused();
  const next = Math.min(shown.length - 1, Math.max(0, place + by));
  if (!current) list.focus(next);
  else if (shown[next] !== current) location.hash = shown[next].id;
};

const toggleSeen = () => {
  const image = current || list.shown[list.focused()];
  if (!image) return false;
  keep(image, { seen: !noteOf(image).seen });
  if (current) $("seen").checked = noteOf(image).seen;
  else list.refresh(image);
  $("mine").hidden = false;
  return true;
};

const takeNote = () => {
  const image = current || list.shown[list.focused()];
  if (!image) return;
  if (!current) {
    history.pushState(null, "", `#${image.id}`);
    open(image);
  }
  $("note").focus();
};

const onKey = (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || $("help").open) return;
  const inField = event.target.closest("input:not([type=checkbox]), select, textarea");
  if (event.key === "Escape" && current && !root.classList.contains("single")) {
    if (inField) return inField.blur();
    return back();
  }
  if (inField) return;
  const doing = { j: () => step(1), k: () => step(-1), n: takeNote, "?": () => $("help").showModal() }[event.key];
  if (doing) {
    event.preventDefault();
    doing();
  } else if (event.key === "/" && !current) {
    event.preventDefault();
    $("q").focus();
  } else if (event.key === " " && !event.target.closest("button, summary, input") && toggleSeen()) {
    event.preventDefault();
  }
};
