// Keeps a page of an active run up to date: reads the page again and replaces the parts that changed, so that the
// keyboard, the scroll position and what is folded open stay where they are. Ends when the run has ended.
"use strict";

const SECONDS = Number(document.getElementById("live").dataset.seconds ?? 3);
const LONGEST = 60;

let pause = SECONDS;

function say(text) {
  const place = document.getElementById("trouble");
  place.hidden = text === "";
  if (place.textContent !== text) place.textContent = text;
}

function keep(part) {
  const kept = new Map();
  for (const element of part.querySelectorAll("[data-keep]")) {
    const atEnd = element.scrollTop + element.clientHeight >= element.scrollHeight - 4;
    kept.set(element.dataset.keep, { open: element.open, top: element.scrollTop, left: element.scrollLeft, atEnd });
  }
  return kept;
}

function restore(part, kept) {
  for (const element of part.querySelectorAll("[data-keep]")) {
    const was = kept.get(element.dataset.keep);
    if (was === undefined) continue;
    if (was.open !== undefined) element.open = was.open;
    element.scrollLeft = was.left;
    // Who reads the end of a log goes on reading its end.
    element.scrollTop = was.atEnd ? element.scrollHeight : was.top;
  }
}

function focusables(part) {
  return [...part.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]")];
}

function replace(old, fresh) {
  const kept = keep(old);
  const focused = focusables(old).indexOf(document.activeElement);
  old.replaceWith(fresh);
  restore(fresh, kept);
  if (focused >= 0) focusables(fresh)[focused]?.focus({ preventScroll: true });
}

// Whether a part is as it was, but for what a reader did to it: folded open, pointed at.
function same(old, fresh) {
  const plain = old.cloneNode(true);
  for (const tip of plain.querySelectorAll(".tip")) tip.remove();
  for (const mark of plain.querySelectorAll(".chosen")) mark.classList.remove("chosen");
  for (const mark of plain.querySelectorAll('[class=""]')) mark.removeAttribute("class");
  for (const folded of plain.querySelectorAll("details[open]")) folded.removeAttribute("open");
  return plain.isEqualNode(fresh);
}

function update(live, fresh) {
  const parts = new Map([...live.children].map((part) => [part.dataset.part, part]));
  let previous = null;
  for (const part of [...fresh.children]) {
    const old = parts.get(part.dataset.part);
    parts.delete(part.dataset.part);
    let current = part;
    if (old === undefined) {
      if (previous === null) live.prepend(part);
      else previous.after(part);
    } else if (old.dataset.still !== undefined || same(old, part)) {
      current = old;
    } else {
      replace(old, part);
    }
    previous = current;
  }
  for (const gone of parts.values()) gone.remove();
  live.dataset.active = fresh.dataset.active;
}

async function refresh(live) {
  let response;
  try {
    response = await fetch(location.href, { headers: { "X-Refresh": "1" }, cache: "no-store", redirect: "error" });
  } catch {
    say("Airflow does not answer; this page shows what was known before. Trying again.");
    return true;
  }
  if (response.status === 401) {
    say("You are no longer signed in to Airflow; this page shows what was known before. Reload it to sign in.");
    return false;
  }
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const fresh = page.getElementById("live");
  if (fresh === null) {
    const main = page.querySelector("main");
    const passing = response.status >= 500 && main?.dataset.passing !== "false";
    const title = main?.querySelector("h1")?.textContent ?? "Airflow gave no useful answer";
    say(`${title}; this page shows what was known before.${passing ? " Trying again." : " Reload it for more."}`);
    return passing;
  }
  say("");
  update(live, fresh);
  document.title = page.title;
  pause = SECONDS;
  return live.dataset.active === "true";
}

function wait(live) {
  setTimeout(async () => {
    if (document.hidden) {
      document.addEventListener("visibilitychange", () => wait(live), { once: true });
      return;
    }
    const before = pause;
    if (!(await refresh(live))) return;
    if (!document.getElementById("trouble").hidden) pause = Math.min(LONGEST, before * 2);
    wait(live);
  }, pause * 1000);
}

const live = document.getElementById("live");
for (const log of live.querySelectorAll("pre[data-keep]")) log.scrollTop = log.scrollHeight;
if (live.dataset.active === "true") wait(live);
