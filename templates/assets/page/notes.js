// What the reader has looked at and noted. It stays in this browser until it is saved to a file.
const notes = { of: {}, kept: true };

const notesKey = () => `fakescan:${store.run}`;
const loadNotes = () => {
  try {
    const found = JSON.parse(localStorage.getItem(notesKey()) || "{}");
    for (const [id, item] of Object.entries(found)) {
      if (store.byId.has(id)) notes.of[id] = { seen: item.seen === true, note: String(item.note || "") };
    }
  } catch {
    notes.kept = false;
  }
};
const noteOf = (image) => notes.of[image.id] || { seen: false, note: "" };
const keep = (image, change) => {
  const item = { ...noteOf(image), ...change };
  if (item.seen || item.note) notes.of[image.id] = item;
  else delete notes.of[image.id];
  try {
    localStorage.setItem(notesKey(), JSON.stringify(notes.of));
  } catch {
    notes.kept = false;
  }
};
const saveNotes = () => {
  const items = store.images
    .filter((image) => notes.of[image.id])
    .map((image) => ({ path: image.path, sha256: image.sha, looked_at: noteOf(image).seen, note: noteOf(image).note }));
  save("notes.json", "application/json", `${JSON.stringify({ scan: store.run, notes: items }, null, 2)}\n`);
};
