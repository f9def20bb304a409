// Import and export: uploads a file for a dry run, shows how far it is and what came of it, applies, cancels and rolls back.

import {$, announce, api, ApiError, busy, complain, confirm, count, el, empty, fill, notice, query, timeElement, toast, url} from "./base.js";

const RUNNING = new Set(["reading", "checking", "applying"]);
const ASK_EVERY = 400;
const MANY = 200;
const LABELS = {
  reading: ["Reading", "accent"], checking: ["Checking", "accent"], checked: ["Ready to apply", "good"], refused: ["Has errors", "bad"], applying: ["Applying", "accent"],
  applied: ["Applied", "good"], failed: ["Failed", "bad"], cancelled: ["Cancelled", ""], rolled_back: ["Rolled back", "warn"],
};
const COUNTS = {created: "Created", changed: "Changed", removed: "Removed", unchanged: "Rows unchanged", left_out: "Rows with errors"};
const WOULD = {...COUNTS, created: "Would be created", changed: "Would be changed", removed: "Would be removed"};
const DONE = new Set(["applied", "rolled_back"]);
const counted = (data) => Object.entries(DONE.has(data.state) ? COUNTS : WOULD);

const upload = $("#upload");
const file = $("#file");
const drop = $("#drop");
const chosen = $("#chosen").textContent;
let current = null;
let turn = 0;

// --- choosing a file -------------------------------------------------------------------------------------------------------------

function showChosen() {
  const [one] = file.files;
  $("#chosen").textContent = one ? `${one.name}, ${(one.size / 1024).toLocaleString("en", {maximumFractionDigits: 0})} KiB` : chosen;
}

file.addEventListener("change", showChosen);
for (const type of ["dragenter", "dragover"]) drop.addEventListener(type, (event) => { event.preventDefault(); drop.classList.add("over"); });
for (const type of ["dragleave", "drop"]) drop.addEventListener(type, () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  if (!event.dataTransfer.files.length) return;
  file.files = event.dataTransfer.files;
  showChosen();
});
// A file that misses the place would replace the page.
for (const type of ["dragover", "drop"]) window.addEventListener(type, (event) => event.preventDefault());

upload.addEventListener("submit", (event) => {
  event.preventDefault();
  const [one] = file.files;
  if (!one) return complain(new ApiError(0, null, "Choose a file first."));
  if (one.size > Number(upload.dataset.most)) return complain(new ApiError(0, null, `The file is larger than ${Number(upload.dataset.most) >> 20} MiB: split it.`));
  const values = new FormData(upload);
  const options = {dry_run: true, mode: values.get("mode"), update: values.get("update"), delete_missing: values.has("delete_missing")};
  const sent = new FormData();
  sent.append("options", JSON.stringify(options));
  sent.append("file", one);
  return busy($("#check"), async () => {
    const {data} = await api("POST", "/imports", sent, {timeout: 300_000});
    await follow(data.id);
  });
});

// --- following an import ---------------------------------------------------------------------------------------------------------

async function follow(id) {
  const mine = ++turn;
  $("#result").hidden = false;
  $("#filter").value = "";
  for (;;) {
    const {data} = await api("GET", url`/imports/${id}`);
    if (mine !== turn) return;
    show(data);
    if (!RUNNING.has(data.state)) break;
    await new Promise((done) => { setTimeout(done, ASK_EVERY); });
  }
  $("#result-title").focus();
  announce(`${LABELS[current.state][0]}. ${told(current)}`);
  await showPast();
}

function show(data) {
  current = data;
  const [label, kind] = LABELS[data.state] ?? [data.state, ""];
  const running = RUNNING.has(data.state);
  $("#result-title").textContent = data.file;
  fill($("#state"), el("span", {class: `badge ${kind}`}, label));
  $("#words").textContent = data.words;
  $("#running").hidden = !running;
  if (running) progress(data, label);
  fill($("#notes"), data.notes.map((text) => notice("info", text)));
  fill($("#counts"), running ? null : counted(data).filter(([key]) => key in data.counts).map(([key, text]) => el("div", {}, el("dt", {}, text), el("dd", {}, data.counts[key].toLocaleString("en")))));
  fill($("#result-actions"), ...actions(data));
  showProblems(data);
  showChanges(data);
}

function progress(data, label) {
  const bar = $("#progress");
  $("#progress-words").textContent = data.state === "reading" ? `${label}: ${count(data.rows, "row")}` : `${label}: ${data.checked.toLocaleString("en")} of ${count(data.rows, "row")}`;
  if (data.state === "reading" || !data.rows) bar.removeAttribute("value");
  else bar.value = data.checked / data.rows;
}

function told(data) {
  const parts = counted(data).filter(([key]) => data.counts[key]).map(([key, text]) => `${text}: ${data.counts[key]}`);
  return [data.words, ...parts].filter(Boolean).join(". ");
}

function actions(data) {
  const effect = (data.counts.created ?? 0) + (data.counts.changed ?? 0) + (data.counts.removed ?? 0);
  const made = [];
  if (RUNNING.has(data.state) && data.state !== "applying") made.push(button("Cancel", "", cancel));
  if (data.state === "checked") {
    made.push(button("Discard", "", cancel));
    if (effect) made.push(button(`Apply ${count(effect, "change")}`, "primary", apply));
  }
  if (data.state === "applied" && effect) made.push(button("Roll back", "danger", (one) => rollBack(data, one)));
  return made;
}

function button(label, kind, work) {
  const made = el("button", {class: `button ${kind}`, type: "button"}, label);
  made.addEventListener("click", () => busy(made, () => work(made)));
  return made;
}

async function cancel() {
  await api("DELETE", url`/imports/${current.id}`);
  await follow(current.id);
}

async function apply() {
  const removed = current.counts.removed;
  if (removed && !(await confirm("Remove users?", `This import removes ${count(removed, "entry", "entries")} of the directory.`, {yes: "Apply", danger: true}))) return;
  await api("POST", url`/imports/${current.id}/apply`);
  await follow(current.id);
  if (current.state === "applied") toast("The import has been applied.", {kind: "good"});
}

async function rollBack(data, force = false) {
  const forced = force === true;
  const text = forced ? "What others have changed since is lost." : "Everything that this import has changed is as it was before; users that it has made are removed.";
  if (!(await confirm("Roll back this import?", text, {yes: "Roll back", danger: true}))) return;
  try {
    const {data: done} = await api("POST", url`/imports/${data.id}/rollback`, {force: forced});
    toast(`Rolled back: ${done.restored} restored, ${done.removed} removed.`, {kind: "good"});
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 409 || !error.data.changed || forced) throw error;
    const names = error.data.changed.slice(0, 10).map((each) => `${each.kind.replaceAll("_", " ")} ${each.key}`).join(", ");
    if (!(await confirm("Changed by others since", `${error.data.changed.length} entries have been changed since the import: ${names}. Restore them all the same?`, {yes: "Restore them too", danger: true}))) return;
    await rollBack(data, true);
    return;
  }
  if (current?.id === data.id) await follow(data.id);
  else await showPast();
}

// --- tables ----------------------------------------------------------------------------------------------------------------------

function showProblems(data) {
  $("#problems").hidden = !data.problems;
  if (!data.problems) return;
  for (const format of ["csv", "xlsx"]) $(`#errors-${format}`).href = `/api/v1/imports/${encodeURIComponent(data.id)}/errors.${format}`;
  const words = $("#filter").value.trim().toLowerCase();
  const found = data.wrong.filter((each) => !words || `${each.row} ${each.column} ${each.value} ${each.text}`.toLowerCase().includes(words));
  fill($("#problem-rows"), found.slice(0, MANY).map((each) => el("tr", {},
    el("td", {class: "number lead"}, each.row ? String(each.row) : "–"), el("td", {"data-label": "Column", class: "mono"}, each.column),
    el("td", {"data-label": "Value"}, el("bdi", {dir: "auto"}, each.value)), el("td", {"data-label": "Problem"}, el("bdi", {dir: "auto"}, each.text)))));
  const shown = Math.min(found.length, MANY);
  $("#problems-told").textContent = shown === data.problems ? count(data.problems, "problem") : `${shown} of ${count(data.problems, "problem")}; the error sheet has all`;
}

$("#filter").addEventListener("input", () => current && showProblems(current));

function showChanges(data) {
  const place = $("#changes");
  place.hidden = !data.changes.length;
  fill($("#change-rows"), data.changes.slice(0, MANY).map((each) => el("tr", {},
    el("td", {class: "number"}, each.row ? String(each.row) : "–"), el("td", {class: "lead"}, `${each.kind.replaceAll("_", " ").replace(/s$/, "")} ${each.key} `, el("bdi", {dir: "auto", class: "muted"}, each.name)),
    el("td", {"data-label": "Change"}, each.action), el("td", {"data-label": "Fields", class: "mono"}, each.fields.join(", ")))));
  const all = (data.counts.created ?? 0) + (data.counts.changed ?? 0) + (data.counts.removed ?? 0);
  $("#changes-told").textContent = data.changes.length < all || all > MANY ? `The first ${Math.min(MANY, data.changes.length)} of ${count(all, "change")}` : count(all, "change");
}

async function showPast() {
  const place = $("#past");
  try {
    const {data} = await api("GET", "/imports");
    fill(place, data.items.length ? pastTable(data.items) : empty("import", "Nothing has been imported yet", "What is imported can be rolled back here."));
  } catch (error) {
    fill(place, el("p", {class: "empty muted"}, error.message));
    complain(error);
  } finally {
    place.removeAttribute("aria-busy");
  }
}

function pastTable(items) {
  const rows = items.map((each) => {
    const [label, kind] = LABELS[each.state] ?? [each.state, ""];
    const parts = counted(each).filter(([key]) => each.counts[key]).map(([key, text]) => `${text}: ${each.counts[key].toLocaleString("en")}`);
    return el("tr", {},
      el("td", {class: "lead"}, el("bdi", {dir: "auto"}, each.file)), el("td", {"data-label": "When", class: "nowrap"}, timeElement(each.started)), el("td", {"data-label": "Who"}, each.account),
      el("td", {"data-label": "State"}, el("span", {class: `badge ${kind}`}, label)), el("td", {"data-label": "What"}, parts.join(", ")),
      el("td", {class: "actions-cell"}, el("button", {class: "button small quiet", type: "button", "aria-label": `Show ${each.file}`, on: {click: () => follow(each.id).catch(complain)}}, "Show"),
        each.state === "applied" ? rollBackButton(each) : null));
  });
  const heads = ["File", "When", "Who", "State", "What"].map((text) => el("th", {scope: "col"}, text));
  return el("div", {class: "table-frame"}, el("table", {class: "cards"}, el("thead", {}, el("tr", {}, heads, el("th", {scope: "col"}, el("span", {class: "hidden"}, "Actions")))), el("tbody", {}, rows)));
}

function rollBackButton(each) {
  const made = button("Roll back", "small", () => rollBack(each));
  made.setAttribute("aria-label", `Roll back ${each.file}`);
  return made;
}

// --- export ----------------------------------------------------------------------------------------------------------------------

const wanted = $("#export");
function link() {
  const filter = query({search: new FormData(wanted).get("search").trim()});
  for (const format of ["csv", "xlsx"]) $(`#export-${format}`).href = `/api/v1/export/users.${format}${filter ? `?${filter}` : ""}`;
}
wanted.addEventListener("input", link);
wanted.addEventListener("submit", (event) => { event.preventDefault(); link(); $("#export-csv").click(); });

// --- many at once ----------------------------------------------------------------------------------------------------------------

const bulk = $("#bulk");
const column = bulk.elements.column;

function bulkForm() {
  const setting = bulk.elements.action.value === "set";
  $("#bulk-set").hidden = !setting;
  $("#bulk-hint").textContent = `Write ${column.selectedOptions[0].dataset.hint}. Empty: take away.`;
}
bulk.addEventListener("change", bulkForm);
bulk.addEventListener("input", () => fill($("#bulk-result")));

function bulkBody() {
  const values = Object.fromEntries(new FormData(bulk));
  const filter = Object.fromEntries(["search", "site", "cost_centre", "status", "type"].map((key) => [key, values[key].trim()]).filter(([, value]) => value));
  if (!Object.keys(filter).length) throw new ApiError(0, null, "Say which users: fill in at least one of the fields.");
  return values.action === "remove" ? {filter, remove: true} : {filter, set: {[values.column]: typed(values.value.trim(), column.selectedOptions[0].dataset.shape)}};
}

function typed(text, shape) {
  if (!text) return null;
  if (shape === "switch") return {true: true, yes: true, false: false, no: false}[text.toLowerCase()] ?? text;
  if (shape === "number") return Number.isNaN(Number(text)) ? text : Number(text);
  if (["list", "assistants", "assistant_of"].includes(shape)) return text.split(";").map((part) => part.trim()).filter(Boolean);
  if (shape === "json" || /^[[{]/.test(text)) return parsed(text);
  return text;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError(0, null, "This is no JSON.");
  }
}

bulk.addEventListener("submit", (event) => {
  event.preventDefault();
  busy($("button[type=submit]", bulk), async () => {
    const body = bulkBody();
    const {data} = await api("POST", "/bulk", {...body, dry_run: true}, {timeout: 120_000});
    showBulk(body, data);
  });
});

function showBulk(body, data) {
  const changes = data.counts.created + data.counts.changed + data.counts.removed;
  const verb = body.remove ? "Remove" : "Change";
  const lines = data.wrong.slice(0, 20).map((each) => el("li", {}, el("strong", {}, [each.value, each.column].filter(Boolean).join(", ")), " ", el("bdi", {dir: "auto"}, each.text)));
  const problems = data.problems ? notice("bad", el("p", {}, `This cannot be done: ${count(data.problems, "problem")}.`), el("ul", {}, lines)) : null;
  const text = `${count(data.users, "user")} chosen; ${count(changes, "entry", "entries")} would change.`;
  const go = button(`${verb} ${count(data.users, "user")}`, body.remove ? "danger" : "primary", async () => {
    if (!(await confirm(`${verb} ${count(data.users, "user")}?`, text, {yes: verb, danger: body.remove === true}))) return;
    await api("POST", "/bulk", {...body, dry_run: false, confirm: data.users}, {timeout: 120_000});
    fill($("#bulk-result"));
    toast(`Done. It can be rolled back below.`, {kind: "good"});
    await showPast();
  });
  fill($("#bulk-result"), problems ?? notice(changes ? "info" : "warn", text), !data.problems && changes ? el("div", {class: "actions"}, go) : null);
}

bulkForm();
showPast();
