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

  // --- sorting: rising, falling, then as it was
  const compare = (one, other) => {
    const [a, b] = [Number(one), Number(other)];
    return Number.isNaN(a) || Number.isNaN(b) ? String(one).localeCompare(String(other)) : a - b;
  };
  for (const table of all("table:has(thead button)")) {
    const rows = all("tbody tr", table);
    const headings = all("thead th", table);
    headings.forEach((heading, column) => heading.firstElementChild.addEventListener("click", () => {
      const next = { ascending: "descending", descending: "" }[heading.getAttribute("aria-sort")] ?? "ascending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      if (next) heading.setAttribute("aria-sort", next);
      const value = (row) => row.cells[column].dataset.value;
      const sorted = next ? [...rows].sort((one, other) => {
        const [a, b] = [value(one), value(other)];
        if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
        return next === "ascending" ? compare(a, b) : compare(b, a);
      }) : rows;
      table.tBodies[0].append(...sorted);
    }));
  }

  // --- frames that scroll sideways fade where there is more
  for (const frame of all(".scroll")) {
    const tell = () => frame.classList.toggle("more", frame.scrollWidth - frame.clientWidth - frame.scrollLeft > 4);
    frame.addEventListener("scroll", tell, { passive: true });
    new ResizeObserver(tell).observe(frame);
  }

  // --- charts
  const rowsOf = ({ strategy, label, columns }) => {
    const names = Object.keys(columns);
    return columns.y.map((_, place) =>
      Object.fromEntries([["strategy", strategy], ["label", label], ...names.map((name) => [name, columns[name][place]])]));
  };
  const datasets = Object.fromEntries(Object.entries(data.figures).map(([name, figure]) =>
    [name, Object.fromEntries(Object.entries(figure.datasets).map(([part, lines]) => [part, lines.flatMap(rowsOf)]))]));
  const pressed = (group) => group.find((button) => button.getAttribute("aria-pressed") === "true");
  const press = (group, chosen) => group.forEach((button) => button.setAttribute("aria-pressed", button === chosen));
  const chips = all(".chip");
  const axes = all("[data-axis]");
  const isOn = (chip) => chip.getAttribute("aria-pressed") === "true";
  const shown = () => chips.filter(isOn).map((chip) => chip.dataset.strategy);
  // Names stand beside their lines where there is room; else their numbers do, which are those of the buttons above.
  const ROOM_FOR_NAMES_PX = 700;
  const isWide = (frame) => frame.clientWidth >= ROOM_FOR_NAMES_PX;
  let views = [];
  let drawing = 0;
  const draw = async () => {
    const mine = ++drawing;
    const axis = pressed(axes)?.dataset.axis;
    views.forEach(({ view }) => view.finalize());
    views = [];
    for (const frame of all("[data-figure]")) {
      const { specs } = data.figures[frame.dataset.figure];
      const spec = structuredClone(specs[axis] ?? Object.values(specs)[0]);
      spec.datasets = { ...spec.datasets, ...datasets[frame.dataset.figure] };
      const wide = isWide(frame);
      spec.params.find((param) => param.name === "named").value = wide;
      spec.params.find((param) => param.name === "shown").value = shown();
      spec.autosize = { type: "fit-x", contains: "padding" };
      spec.padding = { left: 4, top: 6, bottom: 4, right: 4 };
      // Expressions are interpreted, so the page needs no leave to make code of text.
      const options = { actions: false, ast: true, renderer: "svg", tooltip: { theme: "custom", disableDefaultStyle: true } };
      const { view } = await vegaEmbed(frame, spec, options);
      if (mine !== drawing) return view.finalize();
      views.push({ view, frame, wide });
    }
    document.documentElement.dataset.drawn = axis ?? "";
  };
  axes.forEach((button) => button.addEventListener("click", () => { press(axes, button); draw(); }));
  chips.forEach((chip) => chip.addEventListener("click", () => {
    // A strategy may have a button in two sections.
    const on = !isOn(chip);
    chips.filter((each) => each.dataset.strategy === chip.dataset.strategy)
      .forEach((each) => each.setAttribute("aria-pressed", on));
    views.forEach(({ view }) => view.signal("shown", shown()).run());
  }));
  addEventListener("resize", () => { if (views.some(({ frame, wide }) => wide !== isWide(frame))) draw(); });
  draw();

  // --- reconstructions
  const { stages, windows, strategies } = data.reconstructions;
  if (!stages) return;
  const slider = document.getElementById("stage");
  const cards = document.getElementById("cards");
  slider.max = stages.length - 1;
  slider.value = slider.max;
  slider.disabled = stages.length < 2;
  const opened = strategies.map((_, place) => place < (innerWidth < 760 ? 1 : 3));

  // The space before the first word would only push it off the margin.
  const piece = ([whole, tag], place) => {
    const text = place ? whole : whole.trimStart();
    return tag ? element(tag === "noise" ? "mark" : "span", { text, className: tag }) : document.createTextNode(text);
  };
  const card = ({ label, seed, number, colour, windows: of }, place, window) => {
    const text = of[window];
    const said = text && text.said[text.at[Number(slider.value)]];
    const where = said
      ? `after step ${said.step.toLocaleString("en")}` + (said.right === null ? "" : ` · ${Math.round(said.right * 100)} % of the text right`)
      : "has not come to this window";
    const head = element("summary", {}, [
      element("i", { className: "badge", style: `--k:${colour}`, text: number }),
      element("b", { text: label }), element("span", { text: seed }), element("span", { text: where })]);
    const rows = said
      ? [["Original", text.original], ["Encoder reads", text.source], ["Model said", said.pieces], ["Should say", text.target]]
      : [];
    const made = element("details", { className: "card" }, [head, element("dl", {}, rows.flatMap(([name, texts]) =>
      [element("dt", { text: name }), element("dd", { dir: "auto" }, texts.map(piece))]))]);
    made.open = opened[place];
    made.addEventListener("toggle", () => { opened[place] = made.open; });
    return made;
  };
  const buttons = windows.map((window, index) =>
    element("button", { text: `Window ${index + 1}`, type: "button", title: window, "aria-pressed": index === 0 }));
  const tell = () => {
    const window = windows[buttons.indexOf(pressed(buttons))];
    document.querySelector(".stage output").textContent = `${Math.round(stages[Number(slider.value)] * 100)} %`;
    cards.replaceChildren(...strategies.map((strategy, place) => card(strategy, place, window)));
  };
  buttons.forEach((button) => button.addEventListener("click", () => { press(buttons, button); tell(); }));
  document.getElementById("windows").append(...buttons);
  slider.addEventListener("input", tell);
  tell();

  // On paper everything is open.
  addEventListener("beforeprint", () => all("details", cards).forEach((made) => { made.open = true; }));
})();
