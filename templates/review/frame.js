// What the local pages share: they ask their server, show a picture and how far one is, and do one thing at a time.
// Texts of models and people and names of files only ever become text or values of fields: nothing reads them as markup.
export const $ = (id) => document.getElementById(id);
/** What is shown: an item as the server gives it; null until the first one is there. */
export let item = null;
const { work, done } = document.body.dataset;
let draw = null;
let busy = false;

/** The server's answer to a GET, or to a POST where there is a body. */
export const ask = async (path, body) => {
  const answer = await fetch(
    path,
    body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) },
  );
  const value = await answer.json().catch(() => ({ error: `the ${work} has ended` }));
  if (!answer.ok) throw new Error(value.error || `the ${work} has ended`);
  return value;
};

const told = (fault) => {
  $("fault").textContent = fault instanceof TypeError ? `The ${work} has ended: start it again.` : fault.message;
};

/** Show the item at a place. */
export const show = async (at) => {
  item = await ask(`annotation/${at}`);
  $("fault").textContent = "";
  $("progress").textContent = `${item.done} of ${item.total} ${done}; number ${item.at + 1}`;
  $("bar").max = item.total;
  $("bar").value = item.done;
  $("no-picture").hidden = true;
  $("picture").hidden = false;
  $("picture").alt = `Picture ${item.image ?? item.at + 1}`;
  $("picture").src = `picture/${item.at}`;
  draw();
};

/** Hand in what was decided about the item, and go on to the next open one. */
export const handIn = async (decided) => {
  const { next } = await ask("decide", { at: item.at, of: item.of, ...decided });
  await show(next ?? item.at);
  if (next === null) $("state").textContent += ` All are ${done}: end with Ctrl-C in the terminal.`;
};

/** Do what a button is for, unless something is being done. */
export const run = async (action) => {
  if (busy || !item) return;
  busy = true;
  try {
    await action();
  } catch (fault) {
    told(fault);
  }
  busy = false;
};

const step = (by) => show((item.at + by + item.total) % item.total);
/** Actions that every page has. */
export const steps = { back: () => step(-1), forward: () => step(1) };

/** Whether a key is meant for the browser. */
export const isShortcut = (event) => event.ctrlKey || event.metaKey || event.altKey;

/** Begin: `drawItem` fills the page's own fields from `item`, `actions` are by the buttons' ids. */
export const start = (drawItem, actions) => {
  draw = drawItem;
  for (const [id, action] of Object.entries(actions)) $(id).addEventListener("click", () => run(action));
  $("form").addEventListener("submit", (event) => event.preventDefault());
  $("picture").addEventListener("error", () => {
    $("picture").hidden = true;
    $("no-picture").hidden = false;
  });
  ask("next")
    .then(({ next }) => show(next ?? 0))
    .catch(told);
};
