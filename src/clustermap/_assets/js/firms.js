"use strict";
// All firms on one canvas: projected once at zoom 0, scaled when drawn.
clustermap.firmLayer = function (map, firms) {
  const { walk, el } = clustermap;
  const at = walk(firms.data), x = new Float64Array(at.n), y = new Float64Array(at.n);
  for (let i = 0; i < at.n; i++) {
    const s = Math.sin((at.lat[i] * Math.PI) / 180);
    x[i] = 256 * (at.lon[i] / 360 + 0.5);
    y[i] = 256 * (0.5 - Math.log((1 + s) / (1 - s)) / (4 * Math.PI));
  }
  const canvas = el("canvas", { class: "firms", "aria-hidden": "true" });
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
    pen.fillStyle = "rgba(17, 94, 89, 0.55)";
    pen.beginPath();
    drawn = 0;
    for (let i = 0; i < at.n; i++) {
      const px = x[i] * scale - origin.x, py = y[i] * scale - origin.y;
      if (px < -4 || py < -4 || px > size.x + 4 || py > size.y + 4) continue;
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
  layer.nearest = function (point) {
    const scale = map.getZoomScale(map.getZoom(), 0), origin = map.getPixelBounds().min;
    let best = null, least = 64;
    for (let i = 0; i < at.n; i++) {
      const dx = x[i] * scale - origin.x - point.x, dy = y[i] * scale - origin.y - point.y;
      if (dx * dx + dy * dy < least) {
        least = dx * dx + dy * dy;
        best = i;
      }
    }
    return best;
  };
  return layer;
};
