// What the forms with passwords have in common: problems at their fields, the error that is read out, showing what was typed.
import {$, $$, ApiError} from "./base.js";

/** Says what is wrong with a field, "" that nothing is. */
export function problem(form, field, text) {
  const input = form.elements[field];
  const line = document.getElementById(`${input.id}-problem`);
  if (text) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
  if (line) {
    line.textContent = text;
    line.hidden = !text;
  }
}

/** The error of the whole form, which screen readers say at once; "" for none. */
export function error(form, text) {
  const place = $("#error", form);
  if (!place) return;
  place.textContent = text;
  place.hidden = !text;
}

/** Shows what the server has refused: findings at their fields, everything else above the form. `names` are fields of the form by those of the API. */
export function refused(form, failure, names = {}) {
  if (!(failure instanceof ApiError)) throw failure;
  const here = failure.findings.map((each) => ({field: names[each.field] ?? each.field, text: each.text})).filter((each) => form.elements[each.field]);
  for (const each of here) problem(form, each.field, capital(each.text));
  if (here.length) form.elements[here[0].field].focus();
  else error(form, capital(failure.message));
}

/** Fields that must not be empty: focuses the first that is, and answers whether none is. */
export function filled(form, fields) {
  const missing = Object.keys(fields).filter((each) => !form.elements[each].value);
  for (const each of Object.keys(fields)) problem(form, each, missing.includes(each) ? fields[each] : "");
  if (missing.length) form.elements[missing[0]].focus();
  return !missing.length;
}

/** Whether the password was typed twice the same way. */
export function agree(form) {
  const same = form.elements.password.value === form.elements.again.value;
  problem(form, "again", same ? "" : "These two are not the same.");
  if (!same) form.elements.again.focus();
  return same;
}

/** Runs `work` when the form is sent, once at a time. */
export function onSubmit(form, work) {
  const button = $("[type=submit]", form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.getAttribute("aria-busy") === "true") return;
    error(form, "");
    button.setAttribute("aria-busy", "true");
    try {
      await work();
    } finally {
      button.removeAttribute("aria-busy");
    }
  });
}

/** The boxes that show what was typed. */
export function reveal() {
  for (const box of $$("[data-reveal]")) {
    box.addEventListener("change", () => {
      for (const id of box.dataset.reveal.split(" ")) document.getElementById(id).type = box.checked ? "text" : "password";
    });
  }
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
