// One image: verdict, reasons, evidence, the model's words, the file. The order is that of REPORT.md, section 3.
const panel = (() => {
  const rows = (items) => h("dl", { class: "rows" }, items.map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, bdi(value)))));
  const quiet = (...children) => h("p", { class: "quiet" }, children);
  // An opened image is the page's only subject; on paper and alone it stands below the report's own headline.
  let levels = ["h3", "h4"];
  const part = (title, ...children) => [h(levels[1], { class: "part" }, title), ...children];

  const scale = (view) => {
    const { bar, number } = view;
    const zone = (name, x, width, extra) => svg("rect", { class: name, x, y: 14, width, height: 10, ...extra });
    return [
      svg(
        "svg",
        { class: "scale", role: "img", "aria-label": `${number.caption}: ${number.value}. ${bar.legend}` },
        zone("z-real", 0, bar.low),
        zone("z-inconclusive", bar.low, bar.width, { fill: "url(#hatch)" }),
        zone("z-fake", bar.high, bar.rest),
        zone("outline", 0, "100%"),
        svg(
          "svg",
          { class: "pointer", x: bar.position, y: 0, width: 1, height: 30, overflow: "visible" },
          svg("path", { d: "M-6 0H6L0 9Z" }),
          svg("path", { d: "M-.75 8H.75V29H-.75Z" }),
        ),
      ),
      h("p", { class: "ends", "aria-hidden": "true" }, ["0", "0.5", "1"].map((end) => h("span", null, end))),
      quiet(bar.legend),
    ];
  };

  const number = (view) =>
    h(
      "div",
      { class: "number" },
      h("p", { class: "figure" }, h("span", { class: "value" }, view.number.value), " ", h("span", { class: "caption" }, view.number.caption)),
      view.bar && scale(view),
      h("ul", { class: "meaning" }, view.number.meaning.map((sentence) => h("li", null, sentence))),
    );

  const reasons = (view) =>
    part(
      "Why",
      view.reasons.length
        ? h(
            "ul",
            { class: "reasons" },
            view.reasons.map((reason) =>
              h(
                "li",
                { class: reason.conflict ? "conflict" : null },
                reason.conflict && [shape("conflict"), " ", h("b", null, "Contradiction."), " "],
                `${reason.text} `,
                h("span", { class: "source" }, reason.source),
              ),
            ),
          )
        : quiet("No reason was recorded."),
      quiet(`The verdict rests on ${view.basis}.`),
    );

  const failure = (view) =>
    h(
      "div",
      { class: "failure" },
      h("p", { class: "message" }, view.failure.message),
      view.failure.hint && h("p", null, h("b", null, "What to do:"), ` ${view.failure.hint}`),
      quiet("Step: ", view.failure.step, ". Code: ", h("code", null, view.failure.code), ". This file was not examined; nothing here says whether it is AI-generated."),
    );

  const evidenceRow = (item) =>
    h(
      "tr",
      { class: `s-${item.supports_key}${item.contradicts ? " against" : ""}` },
      h("td", { "data-label": "Read by" }, item.reader),
      h(
        "td",
        null,
        item.contradicts && h("span", { class: "flag" }, shape("conflict"), "Contradicts the verdict"),
        h("b", null, item.name),
        item.status !== "found" && h("span", { class: "failed" }, ` ${item.status}`),
        item.value && h("code", null, bdi(item.value)),
        item.note && h("span", { class: "note" }, item.note),
      ),
      h("td", { "data-label": "Speaks for" }, item.supports),
      h("td", { "data-label": "How much it carries" }, item.strength, item.forgery && h("span", { class: "note" }, item.forgery)),
    );

  const evidence = (view, image) =>
    part(
      "What the file says",
      view.evidence.length
        ? h(
            "div",
            { class: "wide", tabindex: "0", role: "region", "aria-label": `Evidence in ${image.path}` },
            h(
              "table",
              { class: "evidence" },
              h("thead", null, h("tr", null, ["Read by", "What was found", "Speaks for", "How much it carries"].map((name) => h("th", { scope: "col" }, name)))),
              h("tbody", null, view.evidence.map(evidenceRow)),
            ),
          )
        : quiet("Nothing about its origin was found in the file. Missing metadata proves nothing."),
      view.prompt && h("figure", { class: "prompt" }, h("figcaption", null, "The prompt that stands in the file"), h("blockquote", null, h("p", null, bdi(view.prompt)))),
      view.silent && quiet(`Looked for and not found: ${view.silent}.`),
      view.not_run && quiet(`Not run: ${view.not_run}.`),
    );

  const stage = (item) =>
    h(
      "figure",
      null,
      h("figcaption", null, item.title, !item.complete && h("span", { class: "failed" }, " not finished by the model")),
      item.text ? h("blockquote", null, h("p", null, bdi(item.text))) : quiet("The model wrote nothing here."),
    );

  // Claims are told below the words that they are taken from, never mixed into them.
  const claims = (view) =>
    view.claims.length
      ? [
          quiet("Sentence by sentence. A mark says what a check found, not whether the sentence is true of the picture:"),
          h(
            "ol",
            { class: "claims" },
            view.claims.map((claim) =>
              h(
                "li",
                { class: `m-${claim.mark}` },
                h("q", null, bdi(claim.text)),
                " ",
                h("span", { class: "mark" }, claim.word),
                h(
                  "span",
                  { class: "note" },
                  claim.attribute && `${claim.attribute}. `,
                  claim.speaks_for && !claim.attribute && `Argues for ${claim.speaks_for}. `,
                  claim.note,
                  claim.change && ` With the parts that it depends on hidden, the number moves by ${claim.change}.`,
                  claim.text_change && ` Without the sentence, the number after the text moves by ${claim.text_change}.`,
                ),
              ),
            ),
          ),
        ]
      : [];

  const stages = (view) =>
    part(
      "What the model says it saw",
      view.stages.length
        ? [quiet(view.stages_intro), h("div", { class: "stages" }, view.stages.map(stage)), claims(view)]
        : quiet("No text was asked for: the model gave its score only."),
    );

  const stability = (view) => {
    if (!view.stability.length) return [];
    const flips = view.stability.filter((item) => item.flips).length;
    const about = flips
      ? `${flips} of ${view.stability.length} other encodings of this picture get another verdict from the number alone.`
      : `All ${view.stability.length} other encodings of this picture get the same verdict from the number alone.`;
    const line = (item) =>
      h(
        "tr",
        null,
        h("th", { scope: "row" }, item.encoding),
        h("td", null, svg("svg", { class: "strip", "aria-hidden": "true" },
          svg("line", { x1: 0, x2: "100%", y1: 8, y2: 8 }),
          view.bar && svg("rect", { x: view.bar.low, width: view.bar.width, y: 3, height: 10, fill: "url(#hatch)" }),
          svg("circle", { cx: item.position, cy: 8, r: 5 }))),
        h("td", { class: "p" }, item.value),
        h("td", { class: `v-${item.key}` }, h("span", { class: "verdict" }, shape(item.key), item.word), item.flips && h("b", null, " another verdict")),
      );
    return part(
      "Does it hold when the picture is encoded anew",
      h("p", null, about),
      h("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "The number under other encodings" },
        h("table", { class: "stability" }, h("thead", null, h("tr", null, ["Encoding", "0 to 1", "Number", "Verdict of the number"].map((name) => h("th", { scope: "col" }, name)))), h("tbody", null, view.stability.map(line)))),
    );
  };

  const decision = (view) =>
    view.decision
      ? part(
          "What an examiner decided",
          h("p", { class: view.decision.differs ? "flag" : null }, view.decision.differs && shape("conflict"), h("span", null, h("b", null, view.decision.word), view.decision.differs && " (the machine took the other side)")),
          view.decision.by && quiet(bdi(view.decision.by)),
          view.decision.note && h("p", { class: "said" }, bdi(view.decision.note)),
          quiet("A person’s decision, beside the machine’s verdict and never in its place. The name is what was typed."),
        )
      : [];

  const same = (view) =>
    view.same.length
      ? part(
          "The same picture",
          quiet("Other files of this scan hold the same picture, or nearly so (other size, compression or format):"),
          h("ul", { class: "same" }, view.same.map(([id, path]) => h("li", null, h("a", { href: `#${id}` }, bdi(path))))),
        )
      : [];

  // Boxes lie over the picture itself, which may be narrower than its frame.
  const regions = (view, made, over) => {
    const boxes = view.claims.flatMap((claim, number) => claim.regions.map((region) => ({ number: number + 1, region })));
    if (!boxes.length) return;
    for (const { number, region } of boxes) {
      const box = h("span", { class: "box", "aria-hidden": "true" }, String(number));
      [box.style.left, box.style.top, box.style.width, box.style.height] = region;
      over.append(box);
    }
    const shown = h("input", { type: "checkbox", checked: true });
    shown.addEventListener("change", () => over.classList.toggle("bare", !shown.checked));
    made.append(
      h("p", { class: "mine scripted" }, h("label", null, shown, " show where the score reacts")),
      quiet("Dashed boxes, numbered like the sentences under “What the model says it saw”: hiding such a part moves the number. That is where the score reacts, no proof of anything there."),
    );
  };

  const figure = (image, view, printed) => {
    const over = h("div", { class: "over" }, picture(image, true));
    const frame = h("div", { class: "frame" }, over);
    const made = h("figure", { class: "look" }, frame);
    if (!image.thumb) return made;
    regions(view, made, over);
    const preview = over.firstChild;
    const about = h("figcaption", { class: "quiet" });
    made.append(about);
    let told = false;
    const tell = () => {
      if (told) return; // a picture that is complete at once may still announce that it was loaded
      told = true;
      over.style.setProperty("--ratio", preview.naturalWidth / preview.naturalHeight);
      over.style.setProperty("--natural", `${preview.naturalWidth}px`);
      about.textContent = `A re-encoded preview, ${preview.naturalWidth} × ${preview.naturalHeight} pixels: traces of generation and of editing cannot be judged in it. Look at the file itself.`;
      if (printed || preview.naturalWidth <= preview.clientWidth) return;
      const toggle = h("button", { type: "button", class: "zoom", "aria-pressed": "false" }, "1 : 1");
      toggle.addEventListener("click", () => {
        const large = made.classList.toggle("large");
        toggle.setAttribute("aria-pressed", String(large));
        if (large) fill(frame, { tabindex: "0", role: "region", "aria-label": "Preview in its full size" }, []);
        else for (const name of ["tabindex", "role", "aria-label"]) frame.removeAttribute(name);
      });
      made.append(toggle);
    };
    const soon = () => requestAnimationFrame(tell); // when it stands in the page and has a width
    if (preview.complete && preview.naturalWidth) soon();
    preview.addEventListener("load", soon, { once: true });
    if (printed) preview.decode?.().then(tell, () => {});
    return made;
  };

  const mine = (image) => {
    const now = noteOf(image);
    const seen = h("input", { type: "checkbox", id: "seen", checked: now.seen });
    const note = h("textarea", { id: "note", rows: "3", maxlength: "4000", spellcheck: "true" }, now.note);
    seen.addEventListener("change", () => keep(image, { seen: seen.checked }));
    note.addEventListener("input", () => keep(image, { note: note.value }));
    // A report of one image has no list with a button above it.
    const alone = root.classList.contains("single") && h("button", { type: "button", id: "save-note" }, "Save notes");
    if (alone) alone.addEventListener("click", saveNotes);
    const where = alone ? "“Save notes” writes" : "“Save notes” above the list writes";
    return part(
      "Your notes",
      h("p", { class: "mine" }, h("label", null, seen, " looked at ", h("kbd", null, "space"))),
      h("p", { class: "mine" }, h("label", { for: "note" }, "Note ", h("kbd", null, "n")), note),
      alone && h("p", { class: "mine" }, alone),
      quiet(
        notes.kept
          ? `Kept in this browser only, and never part of the record; ${where} them to a file.`
          : "This browser keeps nothing for this page: save your notes to a file before you close it.",
      ),
    );
  };

  return (image, printed = false) => {
    levels = root.classList.contains("reading") && !printed ? ["h1", "h2"] : ["h3", "h4"];
    const view = panelOf(image);
    const title = `${printed ? "paper" : "open"}-title${printed ? `-${image.id}` : ""}`;
    return h(
      "article",
      { class: `opened v-${image.key}`, "aria-labelledby": title },
      figure(image, view, printed),
      h(
        "div",
        { class: "panel" },
        h("p", { class: "verdict" }, shape(image.key), h("span", null, view.headline)),
        image.conflict && h("p", { class: "flag" }, shape("conflict"), "Contradiction"),
        h(levels[0], { id: title, class: "title", tabindex: printed ? null : "-1" }, bdi(image.path)),
        view.failure ? failure(view) : [number(view), reasons(view)],
        decision(view),
        evidence(view, image),
        view.failure ? [] : [stages(view), stability(view)],
        part("The file", rows(view.facts)),
        same(view),
        part("What to do next", h("ul", { class: "next" }, view.next_steps.map((step) => h("li", null, step)))),
        printed ? (noteOf(image).note ? part("Note of the reader", h("p", { class: "said" }, noteOf(image).note)) : []) : mine(image),
      ),
    );
  };
})();
