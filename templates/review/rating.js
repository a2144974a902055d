import { $, handIn, isShortcut, item, start, steps } from "./frame.js";

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
    choice.checked = item.marks[number] === mark;
    label.append(choice, ` ${mark} `);
    group.append(label);
  }
  return group;
};

const groups = () => [...$("sentences").querySelectorAll("fieldset")];
const marked = (group) => Number(group.querySelector("input:checked")?.value ?? 0);

const draw = () => {
  $("rater").textContent = item.rater;
  $("state").textContent = item.marks.length ? "Marked." : "";
  $("sentences").replaceChildren(...item.sentences.map(sentence));
  groups()[0]?.querySelector("input").focus();
};

const save = async () => {
  const marks = groups().map(marked);
  const open = marks.indexOf(0);
  if (open >= 0) {
    groups()[open].querySelector("input").focus();
    throw new Error("Each sentence needs a mark.");
  }
  await handIn({ marks });
};

document.addEventListener("keydown", (event) => {
  if (isShortcut(event) || !/^[1-5]$/.test(event.key)) return;
  const group = event.target.closest("fieldset") ?? groups().find((each) => !marked(each));
  if (!group) return;
  event.preventDefault();
  group.querySelector(`input[value="${event.key}"]`).checked = true;
  (group.nextElementSibling?.querySelector("input") ?? $("save")).focus();
});
start(draw, { ...steps, save });
