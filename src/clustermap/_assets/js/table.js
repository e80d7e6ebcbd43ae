"use strict";
(function () {
  const cm = clustermap, { data, el, byId, name, figure, state } = cm;
  const FIRST = 400;
  let order = { column: null, down: true }, all = data.areas.codes.length <= FIRST;

  function sorted() {
    const rows = data.areas.codes.map((_, i) => i);
    if (order.column === null) return rows;
    const own = order.column === "name" ? data.areas.names : cm.figures()[order.column] || [];
    const sign = order.down ? -1 : 1, blank = (v) => v === null || v === undefined || v === "";
    return rows.sort((a, b) => {
      if (blank(own[a]) || blank(own[b])) return blank(own[a]) - blank(own[b]) || a - b;
      return (own[a] < own[b] ? -sign : own[a] > own[b] ? sign : 0) || a - b;
    });
  }

  function header(label, id, kind) {
    const arrow = order.column === id ? (order.down ? " ↓" : " ↑") : "";
    const sort = () => { order = { column: id, down: order.column === id ? !order.down : id !== "name" }; draw(); };
    return el("th", { scope: "col", class: kind && kind !== "text" ? "right" : null, "aria-sort": order.column === id ? (order.down ? "descending" : "ascending") : null },
      el("button", { type: "button", class: "sort name", on: { click: sort } }, label + arrow));
  }

  function row(i, columns, own) {
    const pick = () => {
      cm.choose({ area: i, cluster: null });
      cm.frame([i]);
      byId("map").scrollIntoView({ block: "center" });
    };
    return el("tr", { "data-code": data.areas.codes[i], class: state.area === i ? "chosen" : null },
      el("th", { scope: "row" }, el("button", { type: "button", class: "link name", on: { click: pick } }, data.areas.names[i])),
      el("td", {}, name(data.areas.codes[i])),
      columns.map((c) => el("td", { class: c.kind === "text" ? null : "right" }, figure(c.kind, own[c.id][i]))),
      data.clusters ? el("td", { class: "words" }, name(cm.clustersOf(i).map((c) => c.label).join(", "))) : null,
      data.authorities.map((set) => el("td", { class: "words" }, name(set.of[i].map((k) => set.names[k]).join(", ")))));
  }

  function draw() {
    const own = cm.figures(), columns = data.columns.filter((c) => own[c.id]);
    const shown = all ? sorted() : sorted().slice(0, FIRST);
    const head = el("tr", {}, header("Area", "name"), el("th", { scope: "col" }, "Code"),
      columns.map((c) => header(c.label, c.id, c.kind)), data.clusters ? el("th", { scope: "col" }, "Clusters") : null,
      data.authorities.map((set) => el("th", { scope: "col", class: "name" }, set.label)));
    const sector = data.sectors.find((s) => s.id === state.sector);
    byId("table").replaceChildren(
      el("caption", {}, data.areas.codes.length + " areas", sector && sector.label ? [", ", name(sector.label)] : null),
      el("thead", {}, head), el("tbody", {}, shown.map((i) => row(i, columns, own))));
    byId("more").hidden = all;
  }

  byId("figures-note").textContent = "Every figure of the map. A name shows its area on the map; a heading sorts.";
  byId("figures").hidden = !data.areas.codes.length;
  byId("more").addEventListener("click", () => { all = true; draw(); });
  cm.onChange((what) => {
    if (what.includes("sector")) draw();
    if (what.includes("area")) {
      byId("table").querySelectorAll("tr.chosen").forEach((tr) => tr.classList.remove("chosen"));
      if (state.area === null) return;
      const code = data.areas.codes[state.area];
      [...byId("table").rows].filter((tr) => tr.dataset.code === code).forEach((tr) => tr.classList.add("chosen"));
    }
  });
  draw();
})();
