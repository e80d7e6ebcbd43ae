"use strict";
// What folium's own children expect to find: a marker's picture, and the two uses they make of jQuery.
L.Icon.Default.imagePath = "";
L.Icon.Default.mergeOptions({ iconUrl: "MARKER", iconRetinaUrl: "MARKER", shadowUrl: "" });
window.$ = window.$ || function (what) {
  if (what === document) return { ready: (call) => call() };
  const holder = document.createElement("template");
  holder.innerHTML = String(what);
  return [holder.content.firstElementChild];
};
