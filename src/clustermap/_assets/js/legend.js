"use strict";
(function () {
  const cm = clustermap, { data, el, byId, state } = cm;

  function swatch(entry) {
    const box = el("span", { class: "swatch" + (entry.pattern ? " pattern-" + entry.pattern : ""), "aria-hidden": "true" });
    box.style.backgroundColor = entry.colour;
    return box;
  }

  function classes() {
    const { theme, own } = cm.filling();
    if (!theme || !own) return [];
    const rows = own.classes.map((entry, k) => ({ entry, n: own.counts[k] })).filter((row) => row.n);
    return [
      el("h2", {}, theme.label),
      el("ul", { class: "classes" }, rows.map(({ entry, n }) =>
        el("li", {}, swatch(entry), el("span", { class: "what name" }, entry.label), el("span", { class: "n" }, String(n))))),
      el("details", {}, el("summary", {}, "What the colours mean"), el("p", { class: "quiet" }, theme.method,
        " The number beside a class counts its areas.")),
    ];
  }

  function overlays() {
    const on = Object.values(cm.layers).filter((layer) => layer.on);
    return on.length ? el("ul", { class: "cues" }, on.map((layer) =>
      el("li", {}, el("span", { class: "cue " + layer.cue, "aria-hidden": "true" }), el("span", { class: "name" }, layer.label),
        layer.count ? el("span", { class: "n" }, layer.count().toLocaleString("en-GB")) : null))) : null;
  }

  function draw() {
    const open = byId("legend").querySelector("details[open]") !== null;
    byId("legend").replaceChildren(...classes(), ...[overlays()].filter(Boolean));
    if (open && byId("legend").querySelector("details")) byId("legend").querySelector("details").open = true;
  }

  function radios(title, group, entries, chosen, pick) {
    if (entries.length < 2) return null;
    return el("fieldset", {}, el("legend", {}, title), entries.map(({ id, label }, k) => el("label", { class: "choice" },
      el("input", { type: "radio", name: group, value: k, checked: id === chosen, on: { change: () => pick(id) } }),
      el("span", { class: "name" }, label || "All"))));
  }

  function controls() {
    const fills = [...data.themes, ...(data.themes.length ? [{ id: "", label: "Nothing" }] : [])];
    byId("controls").replaceChildren(...[
      radios("Sector", "sector", data.sectors, state.sector, (sector) => cm.choose({ sector, cluster: null })),
      radios("Colour the areas by", "theme", fills, state.theme, (theme) => cm.choose({ theme })),
      Object.keys(cm.layers).length ? el("fieldset", {}, el("legend", {}, "Show on top"),
        Object.entries(cm.layers).map(([id, layer]) => el("label", { class: "choice" },
          el("input", { type: "checkbox", checked: layer.on, on: { change: (event) => cm.toggle(id, event.target.checked) } }),
          el("span", { class: "cue " + layer.cue, "aria-hidden": "true" }), el("span", { class: "name" }, layer.label)))) : null,
    ].filter(Boolean));
    byId("controls").hidden = !byId("controls").childElementCount;
  }

  cm.onChange((what) => {
    if (["sector", "theme", "layer"].some((key) => what.includes(key))) draw();
  });
  controls();
  draw();
})();
