// The keys of a web service on demand, and the form that tries it.
"use strict";

const PAGE = { "X-Azureml-Page": "services" };

async function keysOf(address) {
  const response = await fetch(address, { method: "POST", headers: PAGE, cache: "no-store", redirect: "error" });
  if (!response.ok) throw new Error(response.status === 403 ? "You may not see the keys." : `Airflow answered ${response.status}.`);
  return response.json();
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-keys], [data-fill]");
  if (!button) return;
  const trouble = document.getElementById("keys-trouble") ?? document.getElementById("answer");
  try {
    const keys = await keysOf(button.dataset.keys ?? button.dataset.fill);
    if (button.dataset.fill) {
      button.form.elements.key.value = keys.primary;
      return;
    }
    const list = document.getElementById("keys");
    for (const place of list.querySelectorAll("[data-key]")) place.textContent = keys[place.dataset.key];
    list.hidden = false;
    button.disabled = true;
  } catch (error) {
    trouble.textContent = error.message;
    trouble.hidden = false;
  }
});

function valueOf(input) {
  const text = input.value;
  if (input.dataset.kind === "string") return text;
  if (text.trim() === "") return null;
  if (input.dataset.kind === "boolean") return text === "true";
  const number = Number(text);
  return Number.isFinite(number) ? number : text; // the service says what it thinks of it
}

function bodyOf(form) {
  const inputs = [...form.querySelectorAll("[data-name]")];
  if (inputs.length === 0) return form.elements.body.value;
  const row = Object.fromEntries(inputs.map((input) => [input.dataset.name, valueOf(input)]));
  const method = form.elements.method.value;
  return JSON.stringify(method === "predict" ? { data: [row] } : { data: [row], method });
}

function line(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}

async function score(form) {
  const key = form.elements.key?.value.trim();
  const headers = { ...PAGE, "Content-Type": "application/json", ...(key ? { "X-Service-Authorization": `Bearer ${key}` } : {}) };
  const response = await fetch(form.dataset.score, { method: "POST", headers, body: bodyOf(form), redirect: "error" });
  const milliseconds = response.headers.get("X-Service-Milliseconds");
  if (milliseconds === null && response.status === 401) throw new Error("You are no longer signed in to Airflow.");
  if (milliseconds === null && response.status === 403) throw new Error("You may not try web services from here.");
  let text = await response.text();
  try {
    let value = JSON.parse(text);
    if (typeof value === "string") value = JSON.parse(value);
    text = JSON.stringify(value, null, 2);
  } catch {
    // shown as it came
  }
  const took = milliseconds === null ? "" : ` in ${milliseconds} ms`;
  return [line("p", `${response.status}${took}`), line("pre", text)];
}

const form = document.getElementById("try");
form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const answer = document.getElementById("answer");
  try {
    answer.replaceChildren(...(await score(form)));
  } catch (error) {
    answer.replaceChildren(line("p", error.message));
  }
});
