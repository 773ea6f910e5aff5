"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const all = (query, from = document) => [...from.querySelectorAll(query)];

  // Text from a corpus goes in by textContent only, so it is never read as HTML.
  const element = (name, { text, className, ...attributes } = {}, children = []) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };

  // --- light and dark
  document.getElementById("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const isDark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = isDark ? "light" : "dark";
  });

  // --- copying
  for (const button of all("[data-copy]")) {
    button.addEventListener("click", async () => {
      const said = button.textContent;
      try {
        await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
        button.textContent = "Copied";
      } catch {
        button.textContent = "The browser does not let the page copy";
      }
      setTimeout(() => { button.textContent = said; }, 1500);
    });
  }

  // --- sorting the table of results
  const table = document.getElementById("results");
  const compare = (one, other) => {
    const [a, b] = [Number(one), Number(other)];
    return Number.isNaN(a) || Number.isNaN(b) ? String(one).localeCompare(String(other)) : a - b;
  };
  all("thead th", table).forEach((heading, column) => {
    heading.firstElementChild.addEventListener("click", () => {
      const isRising = heading.getAttribute("aria-sort") !== "ascending";
      all("thead th", table).forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", isRising ? "ascending" : "descending");
      const value = (row) => row.cells[column].dataset.value;
      const rows = all("tbody tr", table).sort((one, other) => {
        const [a, b] = [value(one), value(other)];
        if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
        return isRising ? compare(a, b) : compare(b, a);
      });
      table.tBodies[0].append(...rows);
    });
  });

  // --- charts
  let views = [];
  const shown = () => all(".chip[aria-pressed=true]").map((chip) => chip.dataset.strategy);
  const draw = async (axis) => {
    views.forEach((view) => view.finalize());
    views = [];
    for (const frame of all("[data-figure]")) {
      const figure = data.figures[frame.dataset.figure];
      const spec = structuredClone(figure.specs[axis]);
      spec.datasets = { ...spec.datasets, ...figure.datasets };
      const options = { actions: false, renderer: "svg", tooltip: { theme: "custom", disableDefaultStyle: true } };
      const { view } = await vegaEmbed(frame, spec, options);
      view.signal("shown", shown()).run();
      views.push(view);
    }
  };
  const press = (group, chosen) => group.forEach((button) => button.setAttribute("aria-pressed", button === chosen));
  const axes = all("[data-axis]");
  axes.forEach((button) => button.addEventListener("click", () => {
    press(axes, button);
    draw(button.dataset.axis);
  }));
  all(".chip").forEach((chip) => chip.addEventListener("click", () => {
    chip.setAttribute("aria-pressed", chip.getAttribute("aria-pressed") !== "true");
    views.forEach((view) => view.signal("shown", shown()).run());
  }));
  draw("tokens");

  // --- reconstructions
  const { stages, windows, strategies } = data.reconstructions;
  if (!stages) return;
  const section = document.getElementById("reconstructions");
  const slider = document.getElementById("stage");
  const cards = document.getElementById("cards");
  section.hidden = false;
  slider.max = stages.length - 1;
  slider.value = slider.max;
  slider.disabled = stages.length < 2;

  // The space before the first word would only push it off the margin.
  const piece = ([whole, tag], place) => {
    const text = place ? whole : whole.trimStart();
    return tag ? element(tag === "noise" ? "mark" : "span", { text, className: tag }) : document.createTextNode(text);
  };
  const card = ({ label, seed, colour, windows: of }, window) => {
    const text = of[window];
    const said = text && text.said[text.at[Number(slider.value)]];
    const place = said
      ? `after step ${said.step.toLocaleString("en")}` + (said.right === null ? "" : ` · ${Math.round(said.right * 100)} % of the text right`)
      : "has not come to this window";
    const head = element("header", {}, [
      element("i", { className: "dot", style: `background:${colour}` }),
      element("b", { text: label }), element("span", { text: seed }), element("span", { text: place })]);
    const rows = said
      ? [["Original", text.original], ["Encoder reads", text.source], ["Model said", said.pieces], ["Should say", text.target]]
      : [];
    return element("article", { className: "card" }, [head, element("dl", {}, rows.flatMap(([name, texts]) =>
      [element("dt", { text: name }), element("dd", { dir: "auto" }, texts.map(piece))]))]);
  };
  const buttons = windows.map((window, index) =>
    element("button", { text: `Window ${index + 1}`, type: "button", title: window, "aria-pressed": index === 0 }));
  const tell = () => {
    const window = windows[buttons.findIndex((button) => button.getAttribute("aria-pressed") === "true")];
    section.querySelector("output").textContent = `${Math.round(stages[Number(slider.value)] * 100)} %`;
    cards.replaceChildren(...strategies.map((strategy) => card(strategy, window)));
  };
  buttons.forEach((button) => button.addEventListener("click", () => { press(buttons, button); tell(); }));
  document.getElementById("windows").append(...buttons);
  slider.addEventListener("input", tell);
  tell();
})();
