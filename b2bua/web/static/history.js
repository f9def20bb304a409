// The history: asks for it page by page, with what is searched for.

import {api, complain, debounce, dialog, el, fill, query, toast} from "./base.js";
import {historyRow} from "./history_rows.js";

const PAGE = 50;
const form = document.getElementById("filters");
const place = document.getElementById("rows");
const more = document.getElementById("more");
const told = document.getElementById("told");
const list = el("ul", {class: "history-list"});
let following = null;
let shown = 0;
let day = "";
let asked = 0;
let other = "";

function wanted() {
  const values = Object.fromEntries(new FormData(form));
  if (values.as === "?") values.as = other;
  return values;
}

async function load(older = false) {
  const mine = ++asked;
  place.setAttribute("aria-busy", "true");
  more.disabled = true;
  const parameters = query({...wanted(), limit: PAGE, before: older ? following : ""});
  try {
    const {data} = await api("GET", `/history?${parameters}`);
    if (mine !== asked) return;
    show(data, older);
    document.getElementById("download").href = `/api/v1/history.csv?${query(wanted())}`;
  } catch (error) {
    if (mine !== asked) return;
    if (!older) fill(place, el("p", {class: "empty muted"}, error.message));
    told.textContent = "";
    complain(error);
  } finally {
    if (mine === asked) {
      place.removeAttribute("aria-busy");
      more.disabled = false;
    }
  }
}

function show({items, names, next, extension}, older) {
  const own = extension === place.dataset.extension;
  if (!older) {
    shown = 0;
    day = "";
    fill(list);
    fill(place, list);
  }
  for (const row of items) {
    const on = new Date(row.started).toLocaleDateString([], {weekday: "long", day: "numeric", month: "long", year: "numeric"});
    if (on !== day) list.append(el("li", {class: "history-day"}, el("h2", {}, on)));
    day = on;
    list.append(historyRow(row, names, extension, {own, as: wanted().as, again: place.dataset.extension ? call : null}));
  }
  shown += items.length;
  following = next;
  more.hidden = next === null;
  more.textContent = items.length < PAGE && next !== null ? "Look further back" : "Show older calls";
  told.textContent = shown ? `${shown} ${shown === 1 ? "call" : "calls"}${next === null ? "" : " so far"}` : "";
  if (!shown && next === null) fill(place, el("p", {class: "empty muted"}, "No such calls."));
}

async function call(number, who) {
  try {
    const {data} = await api("POST", "/calls", {number, as: null});
    toast(`Calling ${who}: ${data.words}`, {kind: "good"});
  } catch (error) {
    complain(error);
  }
}

/** An administrator looks at somebody's history; "" when they think better of it. */
async function askWhose() {
  const input = el("input", {type: "text", id: "whose", autofocus: true, maxlength: "40", autocomplete: "off"});
  const body = el("div", {class: "stack"}, el("p", {}, "Calls are private. That you look at somebody's is recorded in the audit; confidential contacts stay hidden."), el("div", {class: "field"}, el("label", {for: "whose"}, "Extension"), input));
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault(); // else it would also press the button to which the focus goes back
    input.closest("dialog").querySelector(".dialog-foot .primary").click();
  });
  const done = await dialog({title: "Whose history?", body, actions: [{label: "Cancel", value: false}, {label: "Show", value: true, kind: "primary", run: () => input.value.trim() !== ""}]});
  return done ? input.value.trim() : "";
}

form.addEventListener("submit", (event) => { event.preventDefault(); load(); });
form.addEventListener("input", debounce((event) => { if (event.target.name === "search") load(); }, 300));
form.addEventListener("change", async (event) => {
  if (event.target.name === "search") return;
  if (event.target.name === "as" && event.target.value === "?") {
    other = await askWhose();
    if (!other && place.dataset.extension) event.target.selectedIndex = 0;
    if (!other && !place.dataset.extension) return;
  }
  load();
});
more.addEventListener("click", () => load(true));

const chosen = new URLSearchParams(location.search);
for (const [key, value] of chosen) if (form.elements[key] && key !== "before") form.elements[key].value = value;
const whoseField = form.elements.as;
if (!place.dataset.extension && whoseField?.value === "?") {
  place.removeAttribute("aria-busy");
  fill(place, el("div", {class: "empty"}, el("p", {}, "This account has no calls of its own."), el("button", {class: "button", type: "button", on: {click: () => whoseField.dispatchEvent(new Event("change", {bubbles: true}))}}, "Look at somebody's calls")));
} else load();
