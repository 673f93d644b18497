// What a mark of a chart says, on the pointer and on the arrow keys. Vega wrote it on each mark for screen readers.
"use strict";

const MARK = '[role="graphics-symbol"][aria-roledescription]:not([aria-roledescription="axis"]):not([aria-roledescription="legend"])[aria-label]';

function tipOf(drawing) {
  let tip = drawing.querySelector(".tip");
  if (tip === null) {
    tip = document.createElement("div");
    tip.className = "tip";
    tip.setAttribute("role", "status");
    drawing.append(tip);
  }
  return tip;
}

function show(mark) {
  const drawing = mark.closest(".drawing");
  const tip = tipOf(drawing);
  const [box, around] = [mark.getBoundingClientRect(), drawing.getBoundingClientRect()];
  tip.textContent = mark.getAttribute("aria-label").slice(0, 300);
  tip.hidden = false;
  const left = Math.min(box.left + box.width / 2 - around.left + 8, around.width - tip.offsetWidth);
  tip.style.left = `${Math.max(0, left)}px`;
  tip.style.top = `${Math.max(0, box.top - around.top - tip.offsetHeight - 6)}px`;
}

function hide(drawing) {
  for (const mark of drawing.querySelectorAll(".chosen")) mark.classList.remove("chosen");
  const tip = drawing.querySelector(".tip");
  if (tip !== null) tip.hidden = true;
}

document.addEventListener("pointerover", (event) => {
  const drawing = event.target.closest?.(".drawing");
  if (!drawing) return;
  const mark = event.target.closest(MARK);
  if (mark === null) hide(drawing);
  else show(mark);
});

document.addEventListener("pointerout", (event) => {
  const drawing = event.target.closest?.(".drawing");
  if (drawing && !drawing.contains(event.relatedTarget)) hide(drawing);
});

document.addEventListener("focusout", (event) => {
  const drawing = event.target.closest?.(".drawing");
  if (drawing) hide(drawing);
});

document.addEventListener("keydown", (event) => {
  const chart = event.target.closest?.("svg.chart");
  if (!chart) return;
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  const drawing = chart.closest(".drawing");
  if (event.key === "Escape") hide(drawing);
  if (step === undefined) return;
  event.preventDefault();
  const marks = [...chart.querySelectorAll(MARK)];
  if (marks.length === 0) return;
  const at = marks.findIndex((mark) => mark.classList.contains("chosen"));
  const next = at < 0 ? (step > 0 ? 0 : marks.length - 1) : (at + step + marks.length) % marks.length;
  hide(drawing);
  marks[next].classList.add("chosen");
  show(marks[next]);
});
