"use strict";
(function () {
  // The frame may have had no size while the scripts ran (a notebook's hidden tab).
  const map = clustermap_map;
  const top = document.querySelector(".top");
  const measure = () => document.documentElement.style.setProperty("--top", top.offsetHeight + "px");
  new ResizeObserver(measure).observe(top);
  measure();
  let touched = false;
  map.on("mousedown touchstart keydown wheel", () => { touched = true; });
  new ResizeObserver(() => { map.invalidateSize({ animate: false }); if (!touched) clustermap.first(); }).observe(map.getContainer());
  document.documentElement.dataset.ready = "yes";
})();
