"use strict";
(() => {
  // What belongs together shares a data-link within its card. A click holds it; another, or Escape, lets go.
  const cards = [...document.querySelectorAll("#objectives article")];
  let held = null;
  const light = (element) => {
    const card = element && element.closest("article");
    for (const other of cards) {
      other.classList.toggle("pointing", other === card);
      for (const lit of other.querySelectorAll(".on")) lit.classList.remove("on");
    }
    if (!card) return;
    for (const part of card.querySelectorAll("[data-link]")) {
      part.classList.toggle("on", part.dataset.link === element.dataset.link);
    }
  };
  const linked = (event) => event.target.closest("[data-link]");
  document.addEventListener("pointerover", (event) => {
    if (event.pointerType === "mouse" && !held) light(linked(event));
  });
  document.addEventListener("focusin", (event) => { if (!held) light(linked(event)); });
  document.addEventListener("click", (event) => {
    const element = linked(event);
    const isSame = held && element && held.dataset.link === element.dataset.link && held.closest("article") === element.closest("article");
    held = isSame ? null : element;
    light(held);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") light(held = null);
    if (event.key === "Enter" && linked(event)) event.target.click();
  });
})();
