"use strict";
var clustermap_map = (function () {
  const cm = clustermap, { data, el, name, shapes, show, state } = cm;
  const SVG = "http://www.w3.org/2000/svg", MANY = 3000, CROWD = 3000; // a crowd of firms would hide the colours: shown when asked for
  const map = L.map("map", { attributionControl: false, zoomControl: false, zoomSnap: 0.25, zoomDelta: 0.5, minZoom: 2 });
  L.control.zoom({ position: "topright" }).addTo(map);
  // The legend covers the south-west: wide maps leave it room.
  const fit = (box, most) => map.fitBounds(box, {
    paddingTopLeft: [map.getSize().x > 860 && data.themes.length ? 310 : 12, 12], paddingBottomRight: [12, 12], maxZoom: most, animate: false,
  });
  const whole = L.latLngBounds(data.bounds);
  const Whole = L.Control.extend({
    onAdd() {
      const bar = el("div", { class: "leaflet-bar" }, el("button", { type: "button", class: "whole", on: { click: () => fit(whole) } }, "Whole map"));
      L.DomEvent.disableClickPropagation(bar);
      return bar;
    },
  });
  new Whole({ position: "topright" }).addTo(map);
  fit(whole);
  map.getContainer().setAttribute("aria-label", "Map; every figure is also in the table below");
  ["areas", "firms", "authorities", "clusters", "borders", "line", "chosen", "towns"].forEach((pane, i) => {
    map.createPane("cm-" + pane).style.zIndex = 400 + 10 * i;
    if (pane !== "areas") map.getPane("cm-" + pane).style.pointerEvents = "none";
  });

  if (data.tiles) {
    L.tileLayer(data.tiles.url, { subdomains: data.tiles.subdomains, maxZoom: data.tiles.max_zoom }).addTo(map);
  }
  const Credit = L.Control.extend({
    onAdd: () => el("div", { class: "credit name" },
      ["Leaflet", data.tiles ? data.tiles.attribution : null, data.cautions.length ? data.cautions[0] : null]
        .filter(Boolean).join(" · ")),
  });
  new Credit({ position: "bottomright" }).addTo(map);
  L.control.scale({ position: "bottomright", imperial: false }).addTo(map);

  function patterns(svg) {
    const make = (tag, attributes, ...children) => {
      const node = document.createElementNS(SVG, tag);
      for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
      node.append(...children);
      return node;
    };
    const marks = {
      rise: ["M-1,1 l2,-2 M0,7 l7,-7 M6,8 l2,-2"], "rise-wide": ["M-1,1 l2,-2 M0,7 l7,-7 M6,8 l2,-2", 1.6],
      fall: ["M-1,6 l2,2 M0,0 l7,7 M6,-1 l2,2"], "fall-wide": ["M-1,6 l2,2 M0,0 l7,7 M6,-1 l2,2", 1.6],
      hatch: ["M0,3.5 h7"], cross: ["M0,3.5 h7 M3.5,0 v7"], dots: ["M3,3.5 h1"],
    };
    const defs = make("defs", {});
    const seen = new Set();
    data.themes.forEach((theme) => Object.values(theme.sectors).forEach((own) => own.classes.forEach((swatch) => {
      const id = patternId(swatch);
      if (!swatch.pattern || seen.has(id)) return;
      seen.add(id);
      const [path, scale] = marks[swatch.pattern];
      const size = 7 * (scale || 1);
      defs.append(make("pattern", { id, width: size, height: size, patternUnits: "userSpaceOnUse" },
        make("rect", { width: size, height: size, fill: swatch.colour }),
        make("path", { d: path, stroke: "#27323d", "stroke-opacity": 0.38, "stroke-width": 1, transform: "scale(" + (scale || 1) + ")" })));
    })));
    svg.prepend(defs);
  }
  const patternId = (swatch) => "cm-" + swatch.pattern + "-" + swatch.colour.slice(1);

  const many = data.areas.codes.length > MANY;
  const renderer = many ? L.canvas({ pane: "cm-areas" }) : L.svg({ pane: "cm-areas", padding: 0.4 });
  const outlines = shapes(data.areas.shapes);
  const areas = outlines.map((rings, i) => L.polygon(rings, {
    renderer, pane: "cm-areas", color: "#ffffff", weight: 0.8, fillOpacity: 1, fillColor: "#eceae4", index: i,
  }));
  areas.forEach((layer) => layer.addTo(map));
  if (!many && areas.length) {
    patterns(renderer._container);
    areas.forEach((layer, i) => {
      layer._path.setAttribute("data-code", data.areas.codes[i]);
      layer._path.setAttribute("role", "img");
      layer._path.setAttribute("aria-label", data.areas.names[i]);
    });
  }

  function paint() {
    const { own } = cm.filling();
    areas.forEach((layer, i) => {
      const swatch = own ? own.classes[own.class[i]] : { colour: "#eceae4" };
      const plain = many || !swatch.pattern;
      layer.setStyle({ fillColor: plain ? swatch.colour : "url(#" + patternId(swatch) + ")", fillOpacity: data.tiles ? 0.72 : 1 });
    });
  }

  function tip(i) {
    const own = cm.figures(), { own: filled } = cm.filling();
    const lines = data.columns.filter((c) => ["lq", "value", "lisa_label"].includes(c.id) && own[c.id])
      .map((c) => el("div", {}, c.label + " ", el("b", { class: "name" }, show(c.kind, own[c.id][i]))));
    return el("div", { class: "tip" }, el("strong", { class: "name" }, data.areas.names[i]), lines,
      filled ? el("div", { class: "quiet" }, filled.classes[filled.class[i]].label) : null,
      cm.clustersOf(i).map((c) => el("div", { class: "quiet name" }, c.label)));
  }

  const chosen = L.layerGroup().addTo(map);
  const outline = (rings, color, weight) => L.polygon(rings, {
    pane: "cm-chosen", interactive: false, fill: false, color, weight, lineJoin: "round",
  });
  const hover = L.layerGroup().addTo(map);
  areas.forEach((layer, i) => {
    layer.bindTooltip(() => tip(i), { sticky: true, direction: "top", offset: [0, -6], opacity: 1 });
    layer.on("mouseover", () => hover.clearLayers().addLayer(outline(outlines[i], "#17202a", 1.6)));
    layer.on("mouseout", () => hover.clearLayers());
    layer.on("click", () => cm.choose({ area: i, cluster: null }));
  });

  // --- layers on top -------------------------------------------------------------------------
  const overlay = (id, label, cue, layer, off) => {
    cm.layers[id] = { label, cue, layer, on: !off };
    if (!off) layer.addTo(map);
  };
  data.authorities.forEach((set, k) => {
    const group = L.layerGroup(shapes(set.shapes).map((rings) => L.polygon(rings, {
      pane: "cm-authorities", interactive: false, fill: false, color: k ? "#6b5f8a" : "#5b6772", weight: 1.15, dashArray: k ? "2 3" : null,
    })));
    overlay("authorities-" + k, set.label, k ? "cue-dotted" : "cue-outline", group);
  });
  const feet = data.clusters ? shapes(data.clusters.shapes) : [];
  const inside = data.clusters ? shapes(data.clusters.borders) : [];
  const groups = { clusters: L.layerGroup(), borders: L.layerGroup() };
  function markClusters() {
    groups.clusters.clearLayers();
    groups.borders.clearLayers();
    cm.clusters().forEach((row) => {
      const common = { pane: "cm-clusters", interactive: false, fill: false, lineJoin: "round" };
      groups.clusters.addLayer(L.polygon(feet[row.index], { ...common, color: "#ffffff", weight: row.inner ? 3 : 5.5 }));
      groups.clusters.addLayer(L.polygon(feet[row.index], {
        ...common, color: "#10243e", weight: row.inner ? 1.2 : 2.6, dashArray: row.inner ? "4 4" : null,
      }));
      inside[row.index].forEach((line) => {
        const cut = { pane: "cm-borders", interactive: false, lineCap: "round" };
        groups.borders.addLayer(L.polyline(line, { ...cut, color: "#ffffff", weight: 6 }));
        groups.borders.addLayer(L.polyline(line, { ...cut, color: "#c2185b", weight: 3, dashArray: "1 6" }));
        groups.borders.addLayer(L.polyline(line, { ...cut, color: "#c2185b", weight: 1.4 }));
      });
    });
  }
  if (data.clusters) {
    overlay("clusters", "Clusters", "cue-cluster", groups.clusters);
    if (inside.some((lines) => lines.length)) overlay("borders", "Borders that clusters cross", "cue-border", groups.borders);
  }
  data.lines.forEach((line, k) => {
    const drawn = shapes(line.shapes)[0], common = { pane: "cm-line", interactive: false };
    overlay("line-" + k, line.label, "cue-line", L.layerGroup([
      L.polyline(drawn, { ...common, color: "#ffffff", weight: 6 }),
      L.polyline(drawn, { ...common, color: "#00695c", weight: 3, dashArray: "10 7" }),
    ]));
  });
  if (data.firms) {
    const places = cm.firmPlaces(data.firms), apart = Object.keys(data.firms.of).length > 0;
    const told = (what) => what + (data.firms.synthetic ? " (synthetic)" : "") + (data.firms.location ? ", by " + data.firms.location : "");
    const add = (id, label, kind, strength, shown) => {
      const layer = cm.firmLayer(map, places, kind, strength, shown);
      overlay(id, told(label), "cue-" + kind, layer, data.themes.length && data.firms.n > CROWD);
      cm.layers[id].count = layer.count;
    };
    add("firms", apart ? "Firms of the sector" : "Firms", "firm", apart ? 0.85 : 0.55, (i) => !apart || places.of(i, state.sector));
    if (apart && !data.firms.left_out) add("others", "Other firms", "firm-other", 0.55, (i) => !places.of(i, state.sector));
    const points = ["firms", "others"].filter((id) => cm.layers[id]).map((id) => cm.layers[id]);
    if (apart) cm.onChange((what) => what.includes("sector") && points.forEach((p) => p.on && p.layer.draw()));
    if (data.firms.names.length) {
      map.on("click", (event) => {
        const found = points.filter((p) => p.on).map((p) => p.layer.nearest(event.containerPoint)).filter((p) => p.i !== null);
        if (!found.length) return;
        const { i } = found.reduce((a, b) => (b.far < a.far ? b : a));
        L.popup({ closeButton: false }).setLatLng(event.latlng).setContent(name(data.firms.names[i])).openOn(map);
      });
    }
  }
  if (data.towns.length) {
    const towns = data.towns.map(([label, lon, lat, rank]) => ({
      rank, at: L.latLng(lat, lon), half: 4 + label.length * (rank === 1 ? 3.7 : 3.2),
      layer: L.marker([lat, lon], {
        pane: "cm-towns", interactive: false, keyboard: false,
        icon: L.divIcon({ className: "town town-" + rank, iconSize: null, html: el("span", { class: "name" }, label) }),
      }),
    }));
    const group = L.layerGroup();
    // Names that would lie on a name of a larger town stay out.
    const thin = () => {
      const taken = [];
      towns.forEach((town) => {
        const p = map.project(town.at);
        const free = map.getZoom() >= 4.5 + town.rank
          && taken.every((t) => Math.abs(t.x - p.x) > t.half + town.half || Math.abs(t.y - p.y) > 15);
        if (free) taken.push({ x: p.x, y: p.y, half: town.half });
        if (free !== group.hasLayer(town.layer)) free ? group.addLayer(town.layer) : group.removeLayer(town.layer);
      });
    };
    map.on("zoomend", thin);
    thin();
    overlay("towns", "Names of towns", "cue-town", group);
  }

  cm.toggle = function (id, on) {
    const entry = cm.layers[id];
    entry.on = on;
    on ? entry.layer.addTo(map) : entry.layer.remove();
    cm.choose({ layer: id });
  };
  // Show some areas with their surroundings; always when asked to go there, else only if they are out of sight.
  cm.frame = function (indices, always) {
    const box = L.latLngBounds([]);
    indices.forEach((i) => box.extend(areas[i].getBounds()));
    if (box.isValid() && (always || !map.getBounds().contains(box))) fit(box.pad(0.5), 10);
  };
  // The first view: where the clusters are, with at least a third of the whole; the whole where there are none.
  cm.first = function () {
    const box = L.latLngBounds([]);
    cm.clusters().forEach((row) => row.areas.forEach((i) => box.extend(areas[i].getBounds())));
    fit(whole);
    if (!box.isValid()) return;
    const wide = box.pad(0.45), tall = (b) => b.getNorth() - b.getSouth(), least = tall(whole) / 3;
    const more = Math.max(0, least / tall(wide) - 1) / 2;
    if (tall(wide) < tall(whole)) fit(wide.pad(more));
  };
  cm.onChange((what) => {
    if (what.includes("sector") || what.includes("theme")) paint();
    if (what.includes("sector")) markClusters();
    if (what.includes("area") || what.includes("cluster")) {
      chosen.clearLayers();
      const rings = state.area !== null ? outlines[state.area] : state.cluster !== null ? feet[state.cluster] : null;
      if (rings) chosen.addLayer(outline(rings, "#ffffff", 6)).addLayer(outline(rings, "#0b5cad", 3.2));
    }
  });
  paint();
  markClusters();
  cm.first();
  return map;
})();
