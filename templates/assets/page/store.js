// The data of the report. Rows make the list; panels hold everything else and are read only when they are needed.
const store = { run: "", groups: [], images: [], strings: [] };

const taken = (id, name) => {
  const element = $(id);
  const found = element ? element.textContent : window[name];
  if (element) element.remove();
  else delete window[name];
  return found;
};

const load = () => {
  if (!$("rows") && root.dataset.of !== window.fakescanDataOf) return false;
  const rows = taken("rows", "fakescanRows");
  if (!rows) return false;
  Object.assign(store, JSON.parse(rows));
  for (const [index, image] of store.images.entries()) image.index = index;
  store.byId = new Map(store.images.map((image) => [image.id, image]));
  return true;
};

const panels = (() => {
  let read = null;
  return () => (read ||= JSON.parse(taken("panels", "fakescanPanels")));
})();

const text = (place) => store.strings[place];
const decoded = (value) => {
  if (typeof value === "number") return panels().strings[value];
  if (Array.isArray(value)) return value.map(decoded);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, decoded(item)]));
};
const panelOf = (image) => decoded(panels().panels[image.index]);

// Each text is searched once, however many images share it. Digests need six characters, so that "07" means a name.
const SEARCHED = ["headline", "reasons", "evidence", "prompt", "stages", "failure"];
const searching = (() => {
  let made = null;
  const collect = (value, into) => {
    if (typeof value === "number") into.push(value);
    else if (value && typeof value === "object") for (const item of Object.values(value)) collect(item, into);
  };
  const make = () => {
    const { strings, panels: all } = panels();
    const places = all.map((panel) => {
      const found = [];
      for (const name of SEARCHED) collect(panel[name], found);
      return Uint32Array.from(found);
    });
    return { strings: strings.map((item) => item.toLowerCase()), names: store.images.map((image) => image.path.toLowerCase()), places };
  };
  return () => (made ||= make());
})();

const finder = (query) => {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return () => true;
  const { strings, names, places } = searching();
  const hits = words.map((word) => Uint8Array.from(strings, (item) => item.includes(word)));
  const holds = (image, word, hit) => {
    if (names[image.index].includes(word) || (word.length > 5 && image.sha.startsWith(word))) return true;
    for (const place of places[image.index]) if (hit[place]) return true;
    return false;
  };
  return (image) => words.every((word, number) => holds(image, word, hits[number]));
};

const byName = new Intl.Collator("en", { numeric: true });
const orders = {
  attention: (a, b) => a.index - b.index,
  name: (a, b) => byName.compare(a.path, b.path),
  high: (a, b) => (b.p ?? -1) - (a.p ?? -1) || a.index - b.index,
  low: (a, b) => (a.p ?? 2) - (b.p ?? 2) || a.index - b.index,
  size: (a, b) => b.size - a.size || a.index - b.index,
};
const sortedBy = (() => {
  // Comparing ten thousand names takes a while, so each order is made once.
  const made = {};
  return (name) => (made[name] ||= [...store.images].sort(orders[name]));
})();
