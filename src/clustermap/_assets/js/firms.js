"use strict";
// Firms on a canvas: projected once at zoom 0, scaled when drawn. A layer draws the firms that `shown` accepts, in the
// colour that the style sheet gives to its name: the legend takes it from there too.
clustermap.firmPlaces = function (firms) {
  const at = clustermap.walk(firms.data), x = new Float64Array(at.n), y = new Float64Array(at.n);
  for (let i = 0; i < at.n; i++) {
    const s = Math.sin((at.lat[i] * Math.PI) / 180);
    x[i] = 256 * (at.lon[i] / 360 + 0.5);
    y[i] = 256 * (0.5 - Math.log((1 + s) / (1 - s)) / (4 * Math.PI));
  }
  const bits = Object.entries(firms.of).map(([sector, text]) => [sector, Uint8Array.from(atob(text), (c) => c.charCodeAt(0))]);
  // Whether a firm is of a sector; of any, where none is chosen.
  const of = (i, sector) => bits.some(([id, b]) => (sector === "" || id === sector) && (b[i >> 3] >> (7 - (i & 7))) & 1);
  return { n: at.n, x, y, of };
};
clustermap.firmLayer = function (map, places, className, strength, shown) {
  const { x, y, n } = places;
  const canvas = clustermap.el("canvas", { class: "firms " + className, "aria-hidden": "true" });
  const colour = getComputedStyle(document.documentElement).getPropertyValue("--" + className);
  let drawn = 0;

  function draw() {
    const size = map.getSize(), ratio = window.devicePixelRatio || 1, scale = map.getZoomScale(map.getZoom(), 0);
    const origin = map.getPixelBounds().min, radius = Math.max(1, Math.min(4, (map.getZoom() - 4) * 0.6));
    L.DomUtil.setPosition(canvas, map.containerPointToLayerPoint([0, 0]));
    canvas.width = size.x * ratio;
    canvas.height = size.y * ratio;
    canvas.style.width = size.x + "px";
    canvas.style.height = size.y + "px";
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    pen.fillStyle = colour;
    pen.globalAlpha = strength;
    pen.beginPath();
    drawn = 0;
    for (let i = 0; i < n; i++) {
      const px = x[i] * scale - origin.x, py = y[i] * scale - origin.y;
      if (px < -4 || py < -4 || px > size.x + 4 || py > size.y + 4 || !shown(i)) continue;
      pen.moveTo(px + radius, py);
      pen.arc(px, py, radius, 0, 6.2832);
      drawn++;
    }
    pen.fill();
    canvas.dataset.drawn = drawn;
  }

  const Firms = L.Layer.extend({
    onAdd() {
      map.getPane("cm-firms").appendChild(canvas);
      map.on("moveend zoomend viewreset resize", draw);
      draw();
    },
    onRemove() {
      canvas.remove();
      map.off("moveend zoomend viewreset resize", draw);
    },
  });
  const layer = new Firms();
  layer.draw = draw;
  layer.count = () => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += shown(i) ? 1 : 0;
    return sum;
  };
  layer.nearest = function (point) {
    const scale = map.getZoomScale(map.getZoom(), 0), origin = map.getPixelBounds().min;
    let best = null, least = 64;
    for (let i = 0; i < n; i++) {
      const dx = x[i] * scale - origin.x - point.x, dy = y[i] * scale - origin.y - point.y, far = dx * dx + dy * dy;
      if (far < least && shown(i)) {
        least = far;
        best = i;
      }
    }
    return { i: best, far: least };
  };
  return layer;
};
