// The data of the report: rows for the list, panels whose numbers stand for texts, and the search over both.
const store = { run: "", groups: [], images: [], strings: [], manifest: "" };
const SEARCHED = ["headline", "reasons", "evidence", "prompt", "stages", "failure"];
let lowered = null;

const load = () => {
  const element = $("data");
  const data = element ? JSON.parse(element.textContent) : window.fakescanData;
  if (element) element.remove();
  if (!data || (root.dataset.of && root.dataset.of !== window.fakescanDataOf)) return false;
  Object.assign(store, data);
  for (const [index, image] of store.images.entries()) image.index = index;
  store.byId = new Map(store.images.map((image) => [image.id, image]));
  return true;
};

const decoded = (value) => {
  if (typeof value === "number") return store.strings[value];
  if (Array.isArray(value)) return value.map(decoded);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, decoded(item)]));
};
const panelOf = (image) => decoded(image.panel);
const text = (place) => store.strings[place];

const collect = (value, into) => {
  if (typeof value === "number") into.push(value);
  else if (value && typeof value === "object") for (const item of Object.values(value)) collect(item, into);
};
const placesOf = (image) => {
  if (!image.places) {
    const found = [image.lead];
    for (const name of SEARCHED) collect(image.panel[name], found);
    image.places = Uint32Array.from(found);
  }
  return image.places;
};

// Each text is searched once, however many images share it. Digests need six characters, so that "07" means a name.
const finder = (query) => {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return () => true;
  lowered ||= store.strings.map((item) => item.toLowerCase());
  const hits = words.map((word) => {
    const hit = new Uint8Array(lowered.length);
    for (let place = 0; place < lowered.length; place += 1) if (lowered[place].includes(word)) hit[place] = 1;
    return hit;
  });
  return (image) => {
    image.lower ||= image.path.toLowerCase();
    return words.every(
      (word, number) =>
        image.lower.includes(word) ||
        (word.length > 5 && image.sha.startsWith(word)) ||
        placesOf(image).some((place) => hits[number][place]),
    );
  };
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
