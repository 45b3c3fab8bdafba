"use strict";
// Tables and pictures to sort, filter and leaf through. Texts are set as texts; nothing is fetched.
(() => {
  const ROWS = 25;
  const PICTURES = 24;
  const DRAWN = 60; // rows of a plot at most
  const told = JSON.parse(document.getElementById("content").textContent);
  const parts = new Map(); // name of a table -> what can be asked of it

  function make(name, properties = {}, ...children) {
    const { attributes = {}, ...own } = properties;
    const made = Object.assign(document.createElement(name), own);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  function button(words, act, properties = {}) {
    const made = make("button", { type: "button", ...properties }, words);
    made.addEventListener("click", act);
    return made;
  }

  function labelled(words, control, properties = {}) {
    return make("label", properties, words, control);
  }

  const shown = (column, row) => column.words[column.cells[row]];
  const value = (column, row) => (column.numbers ? (column.numbers[row] ?? undefined) : shown(column, row));
  const isWithin = (number, [from, to]) => number !== undefined && number >= from && number <= to;

  // The library holds which rows are left, in which order, and which of them are on the page.
  function makeModel(columns, size, changed) {
    const { createTable, getCoreRowModel, getFilteredRowModel, getSortedRowModel, getPaginationRowModel } = TableCore;
    const table = createTable({
      data: columns[0].cells.map((_, row) => row),
      columns: columns.map((column, place) => ({
        id: String(place),
        accessorFn: (row) => value(column, row),
        sortUndefined: "last",
        sortDescFirst: false,
        sortingFn: column.numbers ? "basic" : "text",
        filterFn: (row, _, asked) =>
          Array.isArray(asked) ? isWithin(value(column, row.original), asked) : shown(column, row.original) === asked,
      })),
      state: {},
      initialState: { pagination: { pageIndex: 0, pageSize: size } },
      onStateChange: () => {},
      renderFallbackValue: "",
      autoResetPageIndex: false,
      getColumnCanGlobalFilter: () => true,
      globalFilterFn: (row, id, words) => shown(columns[Number(id)], row.original).toLowerCase().includes(words),
      getCoreRowModel: getCoreRowModel(),
      getFilteredRowModel: getFilteredRowModel(),
      getSortedRowModel: getSortedRowModel(),
      getPaginationRowModel: getPaginationRowModel(),
    });
    let state = table.initialState;
    const take = (next) => {
      state = typeof next === "function" ? next(state) : next;
      table.setOptions((old) => ({ ...old, state, onStateChange: (later) => (take(later), changed()) }));
    };
    take(state);
    return table;
  }

  function filters(part, title) {
    const { model, columns } = part;
    const search = make("input", { type: "search" });
    const selects = columns.map((column, place) => {
      if (column.kind !== "choice" || column.words.length < 2) return null;
      const options = [...column.words].sort((a, b) => a.localeCompare(b));
      const select = make("select", {}, make("option", { value: "" }, "all"));
      for (const word of options) select.append(make("option", { value: `=${word}` }, word || "(empty)"));
      select.addEventListener("change", () => filter(place, select.value ? select.value.slice(1) : undefined));
      return select;
    });
    const numeric = columns.flatMap((column, place) => (column.numbers ? [[column.label, place]] : []));
    const which = make("select", {}, ...numeric.map(([label, place]) => make("option", { value: place }, label)));
    const ends = ["from", "to"].map(() => make("input", { type: "number", step: "any" }));

    function filter(place, asked) {
      model.setPageIndex(0);
      model.getColumn(String(place)).setFilterValue(asked);
    }
    function range() {
      model.setPageIndex(0);
      const [from, to] = ends.map((end) => (end.value === "" ? null : Number(end.value)));
      const others = model.getState().columnFilters.filter((one) => !Array.isArray(one.value));
      const asked = from === null && to === null ? [] : [{ id: which.value, value: [from ?? -Infinity, to ?? Infinity] }];
      model.setColumnFilters([...others, ...asked]);
    }
    function clear() {
      search.value = "";
      for (const one of [...selects, ...ends]) if (one) one.value = "";
      model.setPageIndex(0);
      model.setGlobalFilter(undefined);
      model.setColumnFilters([]);
    }
    search.addEventListener("input", () => {
      model.setPageIndex(0);
      model.setGlobalFilter(search.value.toLowerCase() || undefined);
    });
    for (const one of [which, ...ends]) one.addEventListener("change", range);
    part.only = (wanted) => {
      clear();
      for (const [label, word] of Object.entries(wanted)) {
        const place = columns.findIndex((column) => column.label === label);
        if (selects[place]) selects[place].value = `=${word}`;
        filter(place, word);
      }
    };
    return make(
      "div",
      { className: "tools", attributes: { role: "group", "aria-label": `Filter: ${title}` } },
      labelled("Search", search),
      ...selects.flatMap((select, place) => (select ? [labelled(columns[place].label, select)] : [])),
      ...(numeric.length ? [labelled("Number", which), labelled("from", ends[0]), labelled("to", ends[1])] : []),
      button("Clear filters", clear),
    );
  }

  function pager(part, noun) {
    const { model } = part;
    const status = make("p", { attributes: { role: "status" } });
    const steps = [
      ["First", () => model.setPageIndex(0), () => model.getCanPreviousPage()],
      ["Previous", () => model.previousPage(), () => model.getCanPreviousPage()],
      ["Next", () => model.nextPage(), () => model.getCanNextPage()],
      ["Last", () => model.setPageIndex(model.getPageCount() - 1), () => model.getCanNextPage()],
    ].map(([words, act, can]) => {
      const made = button(words, act, { attributes: { "aria-label": `${words} page: ${part.title}` } });
      return { made, can };
    });
    part.paged = () => {
      const left = model.getFilteredRowModel().rows.length;
      const every = model.getCoreRowModel().rows.length;
      const { pageIndex, pageSize } = model.getState().pagination;
      const first = pageIndex * pageSize;
      const last = Math.min(first + pageSize, left);
      const of = left === every ? `${every} ${noun}` : `${left} ${noun} that fit, ${every} in all`;
      const said = left ? `${first + 1} to ${last} of ${of}` : `None of ${every} ${noun} fits.`;
      if (status.textContent !== said) status.textContent = said;
      for (const { made, can } of steps) made.disabled = !can();
    };
    return make("div", { className: "pages" }, status, ...steps.map(({ made }) => made));
  }

  // From a row to what else there is of its concept.
  function jumps(from, row) {
    if (!from.about) return [];
    const [suite, concept] = from.about.map((label) =>
      shown(
        from.columns.find((column) => column.label === label),
        row,
      ),
    );
    const key = JSON.stringify([suite, concept]);
    const others = new Map(); // the first of its kind: pictures, scores by the first judge
    for (const one of parts.values()) if (one !== from && one.knows?.has(key) && !others.has(one.word)) others.set(one.word, one);
    const made = [...others.values()].map((one) =>
      button(
        one.word,
        () => {
          one.only({ [one.about[0]]: suite, [one.about[1]]: concept });
          document.getElementById(one.name).focus();
        },
        { attributes: { "aria-label": `${one.word} of ${concept}, ${suite}` } },
      ),
    );
    return made.length ? [make("span", { className: "jumps" }, ...made)] : [];
  }

  function knownPairs(part) {
    if (!part.about) return null;
    const [suite, concept] = part.about.map((label) => part.columns.find((column) => column.label === label));
    return new Set(suite.cells.map((_, row) => JSON.stringify([shown(suite, row), shown(concept, row)])));
  }

  function heading(part, column, place) {
    const id = String(place);
    const sorter = button(column.label, () => (part.model.setPageIndex(0), part.model.getColumn(id).toggleSorting()), {
      className: "sorter",
    });
    const made = make("th", { scope: "col", className: column.numbers ? "number" : "" }, sorter);
    part.sorted.push(() => {
      const order = part.model.getColumn(id).getIsSorted();
      if (order) made.setAttribute("aria-sort", order === "asc" ? "ascending" : "descending");
      else made.removeAttribute("aria-sort");
    });
    return made;
  }

  function cells(part, row) {
    return part.columns.map((column, place) => {
      const words = make("bdi", {}, shown(column, row));
      if (place === 0) return make("th", { scope: "row" }, words, ...jumps(part, row));
      return make("td", { className: column.numbers ? "number" : column.kind }, words);
    });
  }

  function showTable(content) {
    const place = document.querySelector(`[data-part="${content.name}"]`);
    const part = { ...content, sorted: [] };
    part.model = makeModel(part.columns, ROWS, () => part.render());
    part.knows = knownPairs(part);
    parts.set(part.name, part);
    const body = make("tbody");
    const head = make("tr", {}, ...part.columns.map((column, number) => heading(part, column, number)));
    const box = make(
      "div",
      { className: "scroll", tabIndex: 0, attributes: { role: "group", "aria-labelledby": part.name } },
      make("table", { attributes: { "aria-labelledby": part.name } }, make("thead", {}, head), body),
    );
    const plot = part.plotted && part.columns[0].cells.length ? makePlot(part) : null;
    place.append(filters(part, part.title), ...(plot ? [plot.box] : []), box, pager(part, "rows"));
    part.render = () => {
      body.replaceChildren(...part.model.getRowModel().rows.map((row) => make("tr", {}, ...cells(part, row.original))));
      for (const one of part.sorted) one();
      part.paged();
      if (plot) plot.draw();
    };
    return part;
  }

  // A value with its interval, row by row, of one measure.
  function makePlot(part) {
    const { plotted } = part;
    const [measure, middle, low, high] = ["measure", "value", "low", "high"].map((one) =>
      part.columns.find((column) => column.label === plotted[one]),
    );
    const names = part.columns[0];
    const select = make("select", {}, ...[...measure.words].sort().map((one) => make("option", { value: one }, one)));
    select.value = plotted.first;
    const text = make("p", { className: "aside" });
    const place = make("div", { attributes: { role: "img" } });
    const tools = make("div", { className: "tools" }, labelled("Draw", select));
    const box = make("div", { className: "plot" }, tools, text, place);
    let chart = null;

    function rows() {
      const asked = part.model.getSortedRowModel().rows.map((row) => row.original);
      return asked.filter((row) => shown(measure, row) === select.value && middle.numbers[row] !== null);
    }
    function draw() {
      if (chart) chart.destroy();
      chart = null;
      const every = rows();
      const some = every.slice(0, DRAWN);
      place.hidden = !some.length;
      text.textContent = some.length ? sentence(every, some) : `No row that fits has a value of: ${select.value}.`;
      if (!some.length) return;
      place.setAttribute("aria-label", text.textContent);
      const neutral = plotted.neutral[select.value] ?? null;
      const data = [middle, low, high].map((column) => some.map((row) => column.numbers[row]));
      chart = new uPlot(
        settings(
          some.map((row) => shown(names, row)),
          data,
          neutral,
          place,
        ),
        [some.map((_, number) => number), ...data],
        place,
      );
    }
    function sentence(every, some) {
      const ordered = [...some].sort((a, b) => middle.numbers[a] - middle.numbers[b]);
      const end = (row) => `${shown(middle, row)} for ${shown(names, row)}`;
      const cut = some.length < every.length ? `; the first ${some.length} of ${every.length} rows are drawn` : "";
      return `${select.value}: ${end(ordered[0])} to ${end(ordered.at(-1))}, with intervals, in the order of the table${cut}.`;
    }
    select.addEventListener("change", draw);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
    let width = 0;
    new ResizeObserver(() => {
      if (box.clientWidth !== width) draw();
      width = box.clientWidth;
    }).observe(box);
    return { box, draw };
  }

  function settings(names, [values, lows, highs], neutral, place) {
    const style = getComputedStyle(document.body);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    const width = Math.max(240, place.parentElement.clientWidth);
    const longest = width < 600 ? 14 : 32;
    const ends = [...values, ...lows, ...highs, neutral].filter((one) => one !== null);
    const [least, most] = [Math.min(...ends), Math.max(...ends)];
    const room = (most - least || 1) * 0.05;
    const axis = { stroke: colour("ink"), font: `12px ${colour("figure-font")}`, ticks: { show: false } };
    return {
      width,
      height: names.length * 20 + 50,
      legend: { show: false },
      cursor: { show: false },
      padding: [4, 12, 0, 4],
      scales: {
        x: { time: false, ori: 1, dir: -1, range: () => [-0.6, names.length - 0.4] },
        y: { ori: 0, range: () => [least - room, most + room] },
      },
      axes: [
        {
          ...axis,
          side: 3,
          size: longest * 7,
          grid: { show: false },
          splits: () => names.map((_, number) => number),
          values: (_, splits) =>
            splits.map((number) => {
              const letters = [...names[number]];
              return letters.length > longest ? `${letters.slice(0, longest - 1).join("")}…` : names[number];
            }),
        },
        {
          ...axis,
          side: 2,
          grid: { stroke: colour("rule"), width: 1 },
          values: (_, splits) => splits.map((one) => String(Number(one.toFixed(6))).replace("-", "\u2212")),
        },
      ],
      series: [{}, { paths: () => null, points: { show: true, size: 8, fill: colour("cool"), stroke: colour("cool") } }, {}, {}].map(
        (one, number) => (number > 1 ? { show: false } : one),
      ),
      hooks: { drawAxes: [(chart) => intervals(chart, lows, highs, neutral, colour)] },
    };
  }

  function intervals(chart, lows, highs, neutral, colour) {
    const { ctx, bbox } = chart;
    const line = (from, to) => {
      ctx.beginPath();
      ctx.moveTo(...from);
      ctx.lineTo(...to);
      ctx.stroke();
    };
    ctx.save();
    ctx.lineWidth = devicePixelRatio;
    if (neutral !== null) {
      const across = chart.valToPos(neutral, "y", true);
      ctx.strokeStyle = colour("ink");
      line([across, bbox.top], [across, bbox.top + bbox.height]);
    }
    ctx.strokeStyle = colour("cool");
    ctx.lineWidth = 2 * devicePixelRatio;
    lows.forEach((low, number) => {
      if (low === null || highs[number] === null) return;
      const down = chart.valToPos(number, "x", true);
      line([chart.valToPos(low, "y", true), down], [chart.valToPos(highs[number], "y", true), down]);
    });
    ctx.restore();
  }

  function showGallery(content) {
    const part = { ...content, name: "pictures", title: "Pictures", word: "pictures" };
    const place = document.querySelector('[data-part="pictures"]');
    if (!content.jpegs.length) return;
    part.model = makeModel(part.columns, PICTURES, () => part.render());
    part.knows = knownPairs(part);
    parts.set(part.name, part);
    const list = make("ul", { className: content.beside > 1 ? "gallery rows" : "gallery" });
    const all = make("input", { type: "checkbox" });
    const order = make("select", {}, make("option", { value: "" }, "as in the run"));
    part.columns.forEach((column, number) => {
      if (column.kind === "text") return;
      order.append(make("option", { value: `${number}` }, column.label));
      if (column.numbers) order.append(make("option", { value: `-${number}` }, `${column.label}, highest first`));
    });
    order.addEventListener("change", () => {
      const desc = order.value.startsWith("-");
      part.model.setPageIndex(0);
      part.model.setSorting(order.value ? [{ id: desc ? order.value.slice(1) : order.value, desc }] : []);
    });
    all.addEventListener("change", () => part.render());
    place.append(
      filters(part, part.title),
      make(
        "div",
        { className: "tools" },
        labelled("Order", order),
        make("label", { className: "inline" }, all, "Show pictures unblurred"),
      ),
      list,
      pager(part, "pictures"),
    );
    part.render = () => {
      list.replaceChildren(...part.model.getRowModel().rows.map((row) => pictured(part, row.original, all.checked)));
      part.paged();
    };
  }

  function pictured(part, row, open) {
    const known = part.columns.map((column) => [column.label, shown(column, row)]);
    const fact = Object.fromEntries(known);
    const image = make("img", { src: `data:image/jpeg;base64,${part.jpegs[row]}`, width: 96 * part.beside, height: 96 });
    const show = button(image, () => set(show.getAttribute("aria-pressed") === "false"), { className: "show" });
    const set = (pressed) => {
      show.setAttribute("aria-pressed", String(pressed));
      image.alt = `${part.alternative}: ${fact.Prompt}${pressed ? "" : " (blurred)"}`;
    };
    set(open);
    const numbers = part.columns.flatMap((column) =>
      column.numbers && column.label !== "Replicate" ? [make("small", {}, `${column.label} ${shown(column, row)}`)] : [],
    );
    const caption = make("figcaption", {}, make("bdi", {}, fact.Concept), make("small", {}, make("bdi", {}, fact.Prompt)));
    caption.append(...numbers, ...jumps(part, row));
    return make("li", {}, make("figure", {}, show, caption));
  }

  const tables = told.tables.map((table) => showTable({ ...table, word: table.name.replace(/-\d+$/, "") }));
  if (told.gallery) showGallery(told.gallery);
  for (const part of parts.values()) part.render();
  document.documentElement.dataset.ready = String(tables.length);
})();
