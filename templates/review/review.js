"use strict";
// Texts of annotators and names of files only ever become text or values of fields: nothing here reads them as markup.
const $ = (id) => document.getElementById(id);
let current = null;

const ask = async (path, body) => {
  const answer = await fetch(
    path,
    body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) },
  );
  const value = await answer.json().catch(() => ({ error: "the review has ended" }));
  if (!answer.ok) throw new Error(value.error || "the review has ended");
  return value;
};

const told = (fault) => {
  $("fault").textContent = fault instanceof TypeError ? "The review has ended: start it again." : fault.message;
};

const fields = () => [...$("attributes").querySelectorAll("textarea")];

const field = (attribute, number) => {
  const label = document.createElement("label");
  label.htmlFor = `attribute-${number}`;
  label.textContent = attribute.name;
  const text = document.createElement("textarea");
  text.id = `attribute-${number}`;
  text.rows = 2;
  text.maxLength = 4000;
  text.value = attribute.text;
  return [label, text];
};

const show = async (at) => {
  const found = await ask(`annotation/${at}`);
  current = found;
  $("fault").textContent = "";
  $("progress").textContent = `${found.done} of ${found.total} reviewed; number ${found.at + 1}`;
  $("bar").max = found.total;
  $("bar").value = found.done;
  $("image").textContent = found.image;
  $("label").textContent = found.label;
  $("source").textContent = found.source;
  $("state").textContent = found.decision ? `Decided: ${found.decision} (${found.reviewer}).` : "";
  $("caption").value = found.caption;
  $("note").value = found.note;
  $("attributes").replaceChildren(...found.attributes.flatMap(field));
  $("no-picture").hidden = true;
  $("picture").hidden = false;
  $("picture").alt = `Picture ${found.image}`;
  $("picture").src = `picture/${found.at}`;
};

const decide = async (decision) => {
  if (!current) return;
  if (!$("reviewer").value.trim()) {
    $("fault").textContent = "Give your name first.";
    $("reviewer").focus();
    return;
  }
  const attributes = Object.fromEntries(fields().map((text, at) => [current.attributes[at].name, text.value]));
  const { next } = await ask("decide", {
    at: current.at,
    of: current.of,
    decision,
    caption: $("caption").value,
    attributes,
    reviewer: $("reviewer").value,
    note: $("note").value,
  });
  await show(next ?? current.at);
  if (next === null) $("state").textContent += " All are reviewed: end with Ctrl-C in the terminal.";
};

const step = (by) => current && show((current.at + by + current.total) % current.total);
const nextOpen = async () => {
  const { next } = await ask("next");
  if (next !== null) await show(next);
};

const actions = {
  accept: () => decide("accept"),
  edit: () => decide("edit"),
  reject: () => decide("reject"),
  back: () => step(-1),
  forward: () => step(1),
  open: nextOpen,
};
const keys = { a: "accept", e: "edit", r: "reject", ArrowLeft: "back", ArrowRight: "forward", n: "open" };
let busy = false;
const run = async (name) => {
  if (busy) return;
  busy = true;
  try {
    await actions[name]();
  } catch (fault) {
    told(fault);
  }
  busy = false;
};

for (const name of Object.keys(actions)) $(name).addEventListener("click", () => run(name));
$("form").addEventListener("submit", (event) => event.preventDefault());
$("picture").addEventListener("error", () => {
  $("picture").hidden = true;
  $("no-picture").hidden = false;
});
document.addEventListener("keydown", (event) => {
  const writing = event.target.closest("textarea, input");
  if (writing && event.key === "Escape") writing.blur();
  if (writing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (keys[event.key]) {
    event.preventDefault();
    run(keys[event.key]);
  }
});
ask("next")
  .then(({ next }) => show(next ?? 0))
  .catch(told);
