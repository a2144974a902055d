"use strict";
// Sentences of a model only ever become text: nothing here reads them as markup.
const $ = (id) => document.getElementById(id);
let current = null;

const ask = async (path, body) => {
  const answer = await fetch(
    path,
    body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) },
  );
  const value = await answer.json().catch(() => ({ error: "the marking has ended" }));
  if (!answer.ok) throw new Error(value.error || "the marking has ended");
  return value;
};

const told = (fault) => {
  $("fault").textContent = fault instanceof TypeError ? "The marking has ended: start it again." : fault.message;
};

const sentence = (text, number) => {
  const group = document.createElement("fieldset");
  const legend = document.createElement("legend");
  legend.textContent = text;
  group.append(legend);
  for (const mark of [1, 2, 3, 4, 5]) {
    const label = document.createElement("label");
    const choice = document.createElement("input");
    choice.type = "radio";
    choice.name = `sentence-${number}`;
    choice.value = mark;
    choice.checked = current.marks[number] === mark;
    label.append(choice, ` ${mark} `);
    group.append(label);
  }
  return group;
};

const groups = () => [...$("sentences").querySelectorAll("fieldset")];
const marked = (group) => Number(group.querySelector("input:checked")?.value ?? 0);

const show = async (at) => {
  current = await ask(`annotation/${at}`);
  $("fault").textContent = "";
  $("progress").textContent = `${current.done} of ${current.total} marked; number ${current.at + 1}`;
  $("bar").max = current.total;
  $("bar").value = current.done;
  $("rater").textContent = current.rater;
  $("state").textContent = current.marks.length ? "Marked." : "";
  $("sentences").replaceChildren(...current.sentences.map(sentence));
  $("no-picture").hidden = true;
  $("picture").hidden = false;
  $("picture").alt = `Picture ${current.at + 1}`;
  $("picture").src = `picture/${current.at}`;
  groups()[0]?.querySelector("input").focus();
};

const save = async () => {
  const marks = groups().map(marked);
  const open = marks.indexOf(0);
  if (open >= 0) {
    groups()[open].querySelector("input").focus();
    throw new Error("Each sentence needs a mark.");
  }
  const { next } = await ask("decide", { at: current.at, of: current.of, marks });
  await show(next ?? current.at);
  if (next === null) $("state").textContent += " All are marked: end with Ctrl-C in the terminal.";
};

const step = (by) => show((current.at + by + current.total) % current.total);
const actions = { save, back: () => step(-1), forward: () => step(1) };
let busy = false;
const run = async (name) => {
  if (busy || !current) return;
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
  if (event.ctrlKey || event.metaKey || event.altKey || !/^[1-5]$/.test(event.key)) return;
  const group = event.target.closest("fieldset") ?? groups().find((each) => !marked(each));
  if (!group) return;
  event.preventDefault();
  group.querySelector(`input[value="${event.key}"]`).checked = true;
  (group.nextElementSibling?.querySelector("input") ?? $("save")).focus();
});
ask("next")
  .then(({ next }) => show(next ?? 0))
  .catch(told);
