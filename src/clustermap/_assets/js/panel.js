"use strict";
(function () {
  const cm = clustermap, { data, el, byId, name, figure, state } = cm;
  const CLUSTER_FACTS = [
    ["n_areas", "Areas", "value"], ["n_firms", "Firms", "value"], ["value", "Value", "value"],
    ["expected", "Expected", "value"], ["relative_risk", "Times the expected", "ratio"], ["p", "p", "p"],
    ["p_field", "p against its region", "p"], ["area_km2", "Area in km²", "value"], ["level", "Level (LQ)", "ratio"],
    ["effective", "Effective number of authorities", "ratio"],
  ];
  const rows = (pairs) => el("dl", {}, pairs.map(([term, ...values]) => [el("dt", {}, term), el("dd", {}, values)]));
  const button = (label, call) => el("button", { type: "button", class: "link name", on: { click: call } }, label);
  const back = () => button("← What was found", () => cm.choose({ area: null, cluster: null }));

  function bars(shares) {
    return el("ul", { class: "bars" }, shares.map((row) => el("li", {},
      name(row.name), el("span", { class: "n" }, figure("share", row.share)),
      el("span", { class: "bar", "aria-hidden": "true" }, el("span", { look: { width: 100 * (row.share || 0) + "%" } })))));
  }

  function areaProfile(i) {
    const own = cm.figures();
    const known = data.columns.filter((c) => own[c.id] && !["lower", "upper", "lq"].includes(c.id));
    const listed = known.map((c) => [c.label, figure(c.kind, own[c.id][i])]);
    if (own.lower) listed.splice(2, 0, ["Interval", figure("ratio", own.lower[i]), " to ", figure("ratio", own.upper[i])]);
    const found = cm.clustersOf(i);
    const sector = data.sectors.find((s) => s.id === state.sector);
    return [
      back(),
      el("h2", { class: "name" }, data.areas.names[i]),
      el("p", { class: "quiet" }, name(data.areas.codes[i]), sector && sector.label ? [" · ", name(sector.label)] : null),
      own.lq ? el("p", { class: "big" }, el("span", { id: "area-lq" }, figure("ratio", own.lq[i])), el("small", {}, "location quotient")) : null,
      listed.length ? rows(listed) : null,
      cm.authoritiesOf(i).map((set) => [el("h3", { class: "name" }, set.label),
        el("ul", { class: "plainlist" }, set.names.map((label) => el("li", { class: "name" }, label)))]),
      found.length ? [el("h3", {}, "In clusters"), el("ul", { class: "plainlist" },
        found.map((row) => el("li", {}, button(row.label, () => cm.choose({ area: null, cluster: row.index })))))] : null,
    ];
  }

  function clusterProfile(index) {
    const row = data.clusters.rows[index];
    return [
      back(),
      el("h2", { class: "name" }, row.label),
      row.pairs.length ? el("p", { class: "badge" }, "crosses borders: " + row.authorities.filter((a) => a.known).length + " authorities") : null,
      rows(CLUSTER_FACTS.filter(([key]) => row[key] !== null && row[key] !== undefined)
        .map(([key, label, kind]) => [label, figure(kind, row[key])])),
      row.authorities.length ? [el("h3", {}, "Who shares it"), bars(row.authorities)] : null,
      row.pairs.length ? [el("h3", {}, "Borders it crosses"), el("ul", { class: "plainlist pairs" }, row.pairs.map((pair) => el("li", {},
        name(pair.a), " | ", name(pair.b), el("span", { class: "quiet" }, " ", figure("value", pair.border_km), " km, strength ",
          figure("share", pair.strength), pair.p_crosses !== null ? [", support ", figure("share", pair.p_crosses)] : null))))] : null,
      row.areas.length ? [el("h3", {}, "Areas"), el("ul", { class: "plainlist flow" }, row.areas.map((i) =>
        el("li", {}, button(data.areas.names[i], () => cm.choose({ area: i, cluster: null })))))] : null,
    ];
  }

  function overview() {
    const found = cm.clusters();
    return [
      el("h2", {}, "What was found"),
      data.findings.map((part) => [data.findings.length > 1 ? el("h3", {}, part.about) : null,
        part.sentences.map((sentence) => el("p", { class: "name" }, sentence))]),
      found.length ? [el("h3", {}, "Clusters"), el("ul", { class: "plainlist" }, found.map((row) => el("li", {},
        button(row.label, () => { cm.choose({ area: null, cluster: row.index }); cm.frame(row.areas, true); }),
        el("span", { class: "quiet name" }, " ", row.authorities.length ? row.authorities.map((a) => a.name).join(", ") :
          row.areas.length + " areas"))))] : null,
      el("p", { class: "quiet" }, "Click an area, or a name in the table, to read its figures."),
    ];
  }

  function draw() {
    const parts = state.area !== null ? areaProfile(state.area)
      : state.cluster !== null ? clusterProfile(state.cluster) : overview();
    byId("profile").replaceChildren(...parts.flat(Infinity).filter(Boolean));
    byId("profile").scrollTop = 0;
  }

  function search() {
    const places = new Map();
    const add = (label, part, indices) => { if (label && !places.has(label)) places.set(label, { part, indices }); };
    data.areas.names.forEach((label, i) => add(label, { area: i, cluster: null }, [i]));
    (data.clusters ? data.clusters.rows : []).forEach((row, k) => add(row.label, { area: null, cluster: k }, row.areas));
    data.authorities.forEach((set) => set.names.forEach((label, k) => {
      const members = data.areas.codes.map((_, i) => i).filter((i) => set.of[i].includes(k));
      add(label, { area: members.length === 1 ? members[0] : null, cluster: null }, members);
    }));
    byId("places").replaceChildren(...[...places.keys()].map((label) => {
      const option = el("option", {});
      option.value = label;
      return option;
    }));
    const go = () => {
      const hit = places.get(byId("find").value);
      if (!hit) return;
      cm.choose(hit.part);
      cm.frame(hit.indices, true);
    };
    byId("find").addEventListener("change", go);
    byId("find").addEventListener("input", go);
  }

  function words() {
    byId("title").textContent = data.title;
    byId("lead").textContent = data.lead;
    byId("lead").hidden = !data.lead;
    byId("cautions").replaceChildren(...data.cautions.map((line) => el("li", { class: "name" }, line)));
    byId("sources").replaceChildren(...data.sources.map((line) => el("li", { class: "name" }, line)),
      el("li", {}, "Drawn with clustermap, Folium and Leaflet; this file makes no request",
        data.tiles ? " but for the tiles of " : "", data.tiles ? name(data.tiles.name) : "", "."));
    byId("methods").replaceChildren(...data.methods.map((part) => el("section", {}, el("h3", {}, part.about),
      part.parameters.length ? rows(part.parameters.map(([term, value]) => [name(term), name(value)])) : el("p", {}, "No parameters."))));
    byId("method").hidden = !data.methods.length;
  }

  cm.onChange((what) => {
    if (["area", "cluster", "sector"].some((key) => what.includes(key))) draw();
  });
  words();
  search();
  draw();
})();
