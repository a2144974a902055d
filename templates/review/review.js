import { $, ask, handIn, isShortcut, item, run, show, start, steps } from "./frame.js";

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

const draw = () => {
  $("image").textContent = item.image;
  $("label").textContent = item.label;
  $("source").textContent = item.source;
  $("state").textContent = item.decision ? `Decided: ${item.decision} (${item.reviewer}).` : "";
  $("caption").value = item.caption;
  $("note").value = item.note;
  $("attributes").replaceChildren(...item.attributes.flatMap(field));
};

const decide = async (decision) => {
  if (!$("reviewer").value.trim()) {
    $("reviewer").focus();
    throw new Error("Give your name first.");
  }
  const texts = [...$("attributes").querySelectorAll("textarea")];
  await handIn({
    decision,
    caption: $("caption").value,
    attributes: Object.fromEntries(texts.map((text, at) => [item.attributes[at].name, text.value])),
    reviewer: $("reviewer").value,
    note: $("note").value,
  });
};

const nextOpen = async () => {
  const { next } = await ask("next");
  if (next !== null) await show(next);
};

const actions = {
  ...steps,
  accept: () => decide("accept"),
  edit: () => decide("edit"),
  reject: () => decide("reject"),
  open: nextOpen,
};
const keys = { a: "accept", e: "edit", r: "reject", ArrowLeft: "back", ArrowRight: "forward", n: "open" };

document.addEventListener("keydown", (event) => {
  const writing = event.target.closest("textarea, input");
  if (writing && event.key === "Escape") writing.blur();
  if (writing || isShortcut(event) || !keys[event.key]) return;
  event.preventDefault();
  run(actions[keys[event.key]]);
});
start(draw, actions);
