// Paper: an open image alone; otherwise the images that a filter shows, or those that need attention, each whole.
const MOST_PRINTED = 300;

const toPrint = (chosen, filtered, most) => {
  const wanted = filtered ? chosen : store.images.filter((image) => image.urgent || image.key === "error");
  const printed = wanted.slice(0, most);
  const left = store.images.length - printed.length;
  const which = filtered ? "Images that the filter shows" : "Images that need attention";
  const about = `${which}: ${count(printed.length)} of ${count(store.images.length)}.${
    printed.length < wanted.length ? ` ${count(wanted.length - printed.length)} more of them are left out here: set a filter to print them.` : ""
  }${left ? " All others are in the list of results only." : ""}`;
  return [h("p", { class: "about" }, about), ...printed.map((image) => panel(image, true))];
};

const appendix = () =>
  h(
    "section",
    { class: "appendix", "aria-labelledby": "appendix-title" },
    h("h2", { id: "appendix-title" }, "All results"),
    h(
      "table",
      null,
      h("thead", null, h("tr", null, ["File", "Result", "Number", "SHA-256"].map((name) => h("th", { scope: "col" }, name)))),
      h(
        "tbody",
        null,
        [...sortedBy("name")].map((image) =>
          h("tr", null, h("td", null, bdi(image.path)), h("td", { class: `v-${image.key}` }, text(image.short)), h("td", { class: "p" }, image.value || "—"), h("td", null, h("code", null, image.sha))),
        ),
      ),
    ),
  );
