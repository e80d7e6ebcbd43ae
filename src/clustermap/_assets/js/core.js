"use strict";
// Text from data reaches the page as text nodes only: there is no markup from strings in these scripts.
var clustermap = (function () {
  const data = JSON.parse(document.getElementById("clustermap-data").textContent);
  const NONE = "–";

  function el(tag, attributes, ...children) {
    const node = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (value === null || value === undefined || value === false) continue;
      if (key === "on") for (const [event, call] of Object.entries(value)) node.addEventListener(event, call);
      else if (key === "look") Object.assign(node.style, value);
      else node.setAttribute(key, value === true ? "" : value);
    }
    node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
    return node;
  }

  const byId = (id) => document.getElementById(id);
  const name = (text) => el("span", { class: "name" }, text);

  function integers(text) {
    const raw = atob(text), out = [];
    let value = 0, place = 1;
    for (let i = 0; i < raw.length; i++) {
      const byte = raw.charCodeAt(i);
      value += (byte & 127) * place;
      if (byte & 128) place *= 128;
      else {
        out.push(value % 2 ? -(value + 1) / 2 : value / 2);
        value = 0;
        place = 1;
      }
    }
    return out;
  }

  // [longitude, latitude] steps in hundred-thousandths of a degree -> running totals in degrees
  function walk(text) {
    const steps = integers(text), n = steps.length / 2;
    const lon = new Float64Array(n), lat = new Float64Array(n);
    let x = 0, y = 0;
    for (let i = 0; i < n; i++) {
      lon[i] = (x += steps[2 * i]) / 1e5;
      lat[i] = (y += steps[2 * i + 1]) / 1e5;
    }
    return { lon, lat, n };
  }

  function shapes(packed) {
    const at = walk(packed.data);
    let k = 0;
    return packed.sizes.map((rings) => rings.map((size) => {
      const ring = [];
      for (const end = k + size; k < end; k++) ring.push([at.lat[k], at.lon[k]]);
      return ring;
    }));
  }

  function show(kind, value) {
    if (value === null || value === undefined || value === "") return NONE;
    if (kind === "text") return String(value);
    if (kind === "p") return value < 0.0001 ? value.toExponential(1) : value.toFixed(4);
    if (kind === "ratio") return value.toFixed(2).replace("-", "−");
    if (kind === "share") return (100 * value).toFixed(0) + " %";
    return value.toLocaleString("en-GB", { maximumFractionDigits: 1 });
  }

  // The rounded figure, with the exact one for machines.
  function figure(kind, value) {
    const words = show(kind, value);
    return kind === "text" || words === NONE ? name(words) : el("data", { value: String(value) }, words);
  }

  const state = { sector: data.sectors[0].id, theme: data.themes.length ? data.themes[0].id : "", area: null, cluster: null };
  const listeners = [];
  const changed = (what) => listeners.forEach((listen) => listen(what));
  const onChange = (listen) => listeners.push(listen);

  function choose(part) {
    Object.assign(state, part);
    changed(Object.keys(part));
  }

  function filling() {
    const theme = data.themes.find((t) => t.id === state.theme);
    const sectors = theme ? theme.sectors : {};
    return theme ? { theme, own: held(sectors, state.sector) || held(sectors, "") || null } : { theme: null, own: null };
  }

  // A sector may be called "constructor".
  const held = (record, key) => (Object.prototype.hasOwnProperty.call(record, key) ? record[key] : undefined);
  const figures = () => held(data.facts, state.sector) || held(data.facts, "") || {};
  const clusters = () => (data.clusters ? data.clusters.rows : [])
    .map((row, index) => ({ ...row, index }))
    .filter((row) => row.sector === state.sector || row.sector === "" || state.sector === "");
  const clustersOf = (area) => clusters().filter((row) => row.areas.includes(area));
  const authoritiesOf = (area) => data.authorities
    .map((set) => ({ label: set.label, names: set.of[area].map((i) => set.names[i]) }))
    .filter((set) => set.names.length);

  return {
    data, el, byId, name, walk, shapes, show, figure, state, choose, onChange, filling, figures, clusters,
    clustersOf, authoritiesOf, NONE, layers: {},
  };
})();
