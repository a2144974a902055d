// Paper: an open image alone; otherwise the images that a filter shows, or those that need attention, each whole. Of many
// that need attention, those that are merely inconclusive become a sheet of previews: nobody reads a page for each.
const MOST_PRINTED = 300;
const MOST_WHOLE = 60;

const toPrint = (chosen, filtered, most) => {
  const wanted = filtered ? chosen : store.images.filter((image) => image.urgent || image.key === "error");
  const sheeted = (image) => !filtered && wanted.length > MOST_WHOLE && image.key === "inconclusive" && !image.conflict;
  const open = wanted.filter(sheeted);
  const whole = wanted.filter((image) => !sheeted(image));
  const printed = whole.slice(0, most);
  const left = store.images.length - printed.length - open.length;
  const which = filtered ? "Images that the filter shows" : "Images that need attention";
  const about = `${which}: ${count(printed.length + open.length)} of ${count(store.images.length)}.${
    open.length ? ` Behind those that are printed whole, ${count(open.length)} inconclusive ones stand as previews: open or filter them on the screen to print them whole.` : ""
  }${
    printed.length < whole.length ? ` ${count(whole.length - printed.length)} more of them are left out here: set a filter to print them.` : ""
  }${left ? " All others are in the list of results only." : ""}`;
  return [h("p", { class: "about" }, about), ...printed.map((image) => panel(image, true)), ...(open.length ? [sheet(open)] : [])];
};

const sheet = (images) =>
  h(
    "section",
    { class: "sheet", "aria-labelledby": "sheet-title" },
    h("h3", { id: "sheet-title" }, `Inconclusive: ${count(images.length)}`),
    h(
      "ol",
      null,
      images.map((image) =>
        h("li", null, h("div", { class: "frame" }, picture(image, true)), h("p", { class: "name" }, bdi(image.path)), h("p", { class: "p" }, image.value || "—"), h("p", { class: "lead" }, text(image.lead))),
      ),
    ),
  );

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
