// The simulator: who calls whom, when and in which state; what would become of it, and why; and the cases that are kept of the answers.

import {$, api, ApiError, busy, complain, confirm, count, debounce, dialog, el, empty, fill, icon, notice, toast, url} from "./base.js";
import {combobox, copy, field, findUsers, nameOf, showFindings} from "./forms.js";
import {pageHead} from "./lists.js";
import {ringPlan, rules} from "./ring_plan.js";

const app = $("#app");
const only = app.dataset.only ? app.dataset.only.split(",") : [];
const given = new URLSearchParams(location.search);
const question = {caller: given.get("from") ?? "+15551234567", dialled: given.get("to") ?? only[0] ?? "", at: given.get("at") ?? "", identity: null, privacy: false, state: null};
const SPECIAL = [["anonymous", "Anonymous", "the number is withheld"], ["unavailable", "No number", "none came with the call"]];
const place = {answer: el("div", {class: "stack", "aria-live": "polite"}), state: el("div", {class: "stack"}), cases: el("div")};
let last = null;

// --- the question ----------------------------------------------------------------------------------------------------------------

const findCaller = async (text, signal) => {
  const wanted = text.toLowerCase();
  const users = await findUsers(text, {limit: 8, signal});
  const lines = /^\d+-\d*$/.test(text) ? [{value: text, label: `The line ${text}`, detail: "delegated line"}] : [];
  const typed = /^\+?[0-9 ().\-/]{6,}$/.test(text) ? [{value: text, label: text, detail: "outside number"}] : [];
  const special = SPECIAL.filter(([value, label]) => value.startsWith(wanted) || label.toLowerCase().startsWith(wanted)).map(([value, label, detail]) => ({value, label, detail}));
  return [...typed, ...lines, ...special, ...users.filter((each) => (each.type ?? "person") === "person").map(asItem)];
};
const asItem = (each) => ({value: each.extension, label: each.name, detail: each.extension, text: `${each.name} (${each.extension})`});
const findCalled = async (text, signal) => {
  const typed = text ? [{value: text, label: text, detail: /^[*#]/.test(text) ? "feature code" : "as dialled"}] : [];
  if (only.length) return [...await Promise.all(only.map(async (each) => ({value: each, label: (await nameOf(each)) || each, detail: each, text: `${(await nameOf(each)) || each} (${each})`}))), ...typed];
  return [...(await findUsers(text, {limit: 8, signal})).map(asItem), ...typed];
};

function box(label, key, find) {
  const made = combobox({label, find, keep: true, free: true, value: question[key], choose: (item) => {
    const value = item.typed && /\(([^()]+)\)$/.test(item.value) ? /\(([^()]+)\)$/.exec(item.value)[1] : item.value;
    if (value === question[key]) return;
    question[key] = value;
    question.state = null;
    ask();
  }});
  const input = $("input", made);
  if (/^\w+$/.test(question[key])) nameOf(question[key]).then((found) => { if (found && input.value === question[key]) input.value = `${found} (${question[key]})`; }, () => {});
  input.addEventListener("keydown", (event) => { if (event.key === "Enter" && event.defaultPrevented === false) input.blur(); });
  return field(label, made, {path: key});
}

function form() {
  const at = el("input", {type: "datetime-local", value: question.at.slice(0, 16)});
  at.addEventListener("change", () => { question.at = at.value; ask(); });
  const now = el("button", {class: "button", type: "button", on: {click: () => { question.at = at.value = ""; ask(); }}}, "Now");
  const privacy = el("input", {type: "checkbox"});
  privacy.addEventListener("change", () => { question.privacy = privacy.checked; ask(); });
  const identity = el("input", {type: "text", placeholder: "None", autocomplete: "off"});
  identity.addEventListener("change", () => { question.identity = identity.value.trim() || null; ask(); });
  const made = el("form", {class: "card stack", novalidate: true}, el("div", {data: {findings: "1"}}),
    el("div", {class: "form-grid"}, box("Who calls", "caller", findCaller), box("Dials", "dialled", findCalled),
      field("When", el("div", {class: "row nowrap-row"}, el("div", {class: "grow"}, at), now), {path: "at", hint: `Empty: now. Times of ${app.dataset.timeZone}.`})),
    el("details", {class: "more"}, el("summary", {}, "More"), el("div", {class: "form-grid"}, field("P-Preferred-Identity", identity, {path: "identity", hint: "As whom the phone wants to call."}), el("div", {class: "field"}, el("label", {class: "check"}, privacy, el("span", {}, "The caller asks for privacy"))))),
    el("div", {data: {path: "state"}}, place.state));
  made.addEventListener("submit", (event) => event.preventDefault());
  return made;
}

// --- the answer ------------------------------------------------------------------------------------------------------------------

let asked = 0;

async function ask() {
  if (!question.dialled) { fill(place.answer, empty("simulator", "What would become of a call?", "Say who calls and what is dialled. Nobody's phone rings.")); return; }
  const mine = ++asked;
  try {
    const {data} = await api("POST", "/simulate", question);
    if (mine !== asked) return;
    last = data;
    showFindings(app, []);
    drawState(data);
    fill(place.answer, answerCard(data), whyCard(data));
  } catch (error) {
    if (mine !== asked) return;
    if (error instanceof ApiError && error.status === 422) { showFindings(app, error.findings); fill(place.answer, notice("warn", error.findings[0]?.text ?? error.message)); }
    else if (error instanceof ApiError) fill(place.answer, notice("bad", error.message));
    else throw error;
  }
}

function answerCard(data) {
  const facts = [
    ["Assistants see", data.summary.assistants_see], ["The called party sees", data.summary.called_sees], ["Outside numbers see", data.summary.outside_sees],
    ["On behalf of", data.summary.on_behalf_of], ["Spoken by", data.summary.actor], ["The phone shows", data.summary.says], ["Remembered", data.summary.sets.join("; ")], ["The caller is told", data.summary.warning], ["Joins", data.summary.joins],
  ].filter(([, value]) => value);
  return el("section", {class: "card stack"}, el("div", {class: "row spread"}, el("h2", {}, heading(data)), el("button", {class: "button", type: "button", on: {click: keep}}, icon("check"), "Keep as a what-if case")),
    ringPlan(data), data.plan.confidential ? notice("info", "The call is confidential: assistants see a private caller.") : null,
    facts.length ? el("dl", {class: "facts"}, ...facts.flatMap(([label, value]) => [el("dt", {}, label), el("dd", {dir: "auto"}, value)])) : null);
}

function heading(data) {
  if (data.plan.action === "refuse") return "The call is refused";
  if (data.plan.action === "set") return "Something is set";
  if (data.plan.action === "join") return "It concerns another call";
  return "Who rings when";
}

const whyCard = (data) => el("section", {class: "card stack"}, el("h2", {}, "Why"), el("p", {class: "muted small"}, "The rules, in the order in which they were looked at."), rules(data),
  el("details", {class: "more"}, el("summary", {}, "As text, to be copied"), el("pre", {class: "plain", tabindex: "0", role: "region", "aria-label": "The explanation as text"}, data.text)));

// --- the state -------------------------------------------------------------------------------------------------------------------

/** Switches for whoever plays a part; the first that is touched makes the state one of its own. */
function drawState(data) {
  const people = data.switches.filter((each) => each.role !== "user" || each.dnd).slice(0, 14);
  const state = question.state ?? data.state;
  const edit = (change) => { const next = copy(question.state ?? data.state); change(next); question.state = next; ask(); };
  const list = (entry, key, value, on) => { const values = (entry[key] ?? []).filter((each) => each !== value); if (on) values.push(value); if (values.length) entry[key] = values; else delete entry[key]; };
  const check = (label, checked, change, disabled = false) => { const input = el("input", {type: "checkbox", checked, disabled}); input.addEventListener("change", () => change(input.checked)); return el("label", {class: "check small"}, input, el("span", {}, label)); };
  fill(place.state,
    el("div", {class: "row spread"}, el("span", {class: "label"}, "What phones have set"), question.state === null ? el("span", {class: "badge good"}, "as it is now") : el("button", {class: "button small quiet", type: "button", on: {click: () => { question.state = null; ask(); }}}, icon("refresh"), "As it is now")),
    people.length ? el("div", {class: "table-frame"}, el("table", {class: "cards", "aria-label": "What phones have set"}, el("tbody", {}, ...people.map((each) => el("tr", {}, el("th", {scope: "row", class: "lead"}, el("bdi", {}, each.name), " ", el("span", {class: "muted"}, each.extension)),
      el("td", {}, el("div", {class: "state-row"},
        each.filter === null ? null : check("Filter on", each.filter, (on) => edit((entry) => { entry.filter = {...entry.filter, [each.extension]: on}; })),
        ...each.works_for.map((boss) => check(each.works_for.length > 1 ? `Opted out for ${boss}` : "Opted out", each.opted_out.includes(boss), (on) => edit((entry) => list(entry, "opted_out", `${each.extension}-${boss}`, on)))),
        check("Do not disturb", each.dnd, (on) => edit((entry) => list(entry, "dnd", each.extension, on)), each.dnd && !(state.dnd ?? []).includes(each.extension)),
        each.works_for.length ? divertBox(each, edit) : null,
        each.duty !== null && each.duty_profiles.length ? dutyBox(each, edit) : null,
        each.role === "caller" || each.call_as ? callAsBox(each, edit) : null))))))) : el("p", {class: "muted small"}, "Nobody here has anything to set."));
}

function divertBox(each, edit) {
  const control = el("input", {type: "text", class: "short", value: each.divert ?? "", placeholder: "no divert", "aria-label": `${each.name} diverts to`});
  control.addEventListener("change", () => edit((entry) => { entry.divert = {...entry.divert, [each.extension]: control.value.trim() || "off"}; }));
  return el("span", {class: "row small"}, "diverts to", control);
}

function dutyBox(each, edit) {
  const control = el("select", {class: "short", "aria-label": `Duty of ${each.name}`}, el("option", {value: "off"}, "off duty"), ...each.duty_profiles.map((name) => el("option", {value: name}, name)));
  control.value = each.duty[0] ?? "off";
  control.addEventListener("change", () => edit((entry) => { entry.duty = {...entry.duty, [each.extension]: control.value}; }));
  return control;
}

function callAsBox(each, edit) {
  const options = [...new Set([...(each.speaks_as ?? each.works_for), each.call_as].filter(Boolean))];
  if (!options.length) return null;
  const control = el("select", {class: "short", "aria-label": `${each.name} calls as`}, el("option", {value: ""}, "as oneself"), ...options.map((value) => el("option", {value}, `as ${value}`)));
  control.value = each.call_as ?? "";
  control.addEventListener("change", () => edit((entry) => { entry.call_as = {...entry.call_as}; if (control.value) entry.call_as[each.extension] = control.value; else delete entry.call_as[each.extension]; if (!Object.keys(entry.call_as).length) delete entry.call_as; }));
  return control;
}

// --- cases -----------------------------------------------------------------------------------------------------------------------

const KEYS = {ring: "who rings when", rollover: "what rings then", after: "the rollover timer", end: "how it ends", assistants_see: "what assistants see", called_sees: "what the called party sees", outside_sees: "what outside numbers see", asserted: "the asserted identity", on_behalf_of: "on behalf of whom", actor: "who speaks", warning: "what the caller is told", sets: "what is remembered", says: "what the phone shows", confidential: "whether it is confidential", joins: "which feature", media: "where the sound goes"};
const says = (value) => !(value === null || value === "" || value === false || (Array.isArray(value) && !value.length));

async function keep() {
  const answer = last;
  const called = (await nameOf(question.dialled).catch(() => "")) || question.dialled;
  const title = el("input", {type: "text", maxlength: 120, value: `${question.caller} calls ${called}`, autofocus: true});
  const standard = new Set(["ring", "rollover", "end"]);
  const checks = Object.entries(KEYS).filter(([key]) => standard.has(key) || says(answer.summary[key])).map(([key, label]) => [key, el("input", {type: "checkbox", checked: standard.has(key) || !["media", "asserted"].includes(key)}), label]);
  const body = el("div", {class: "stack"}, el("div", {data: {findings: "1"}}), field("What the case shows", title, {path: "name"}),
    el("fieldset", {class: "field", data: {path: "keys"}}, el("legend", {}, "What is compared"), el("div", {class: "right-list"}, ...checks.map(([key, input, label]) => el("label", {class: "check"}, input, el("span", {}, label, el("small", {class: "wrap-anywhere", dir: "auto"}, shownValue(answer.summary[key]))))))),
    el("p", {class: "hint"}, "A directory that breaks the case is refused before it is taken over, where the server's configuration names the file of cases."));
  await dialog({title: "Keep as a what-if case", body, wide: true, actions: [{label: "Cancel", value: false}, {label: "Keep", value: true, kind: "primary", run: async () => {
    try {
      const asked = {...question, at: question.at || answer.at.slice(0, 16), time_zone: question.at ? "" : answer.time_zone};
      await api("POST", "/what-if", {...asked, state: question.state ?? answer.state, name: title.value, keys: checks.filter(([, input]) => input.checked).map(([key]) => key)});
      toast("Kept. It is run from now on.", {kind: "good"});
      await loadCases();
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 422) throw error;
      showFindings(body, error.findings);
      return false;
    }
  }}]});
}

const shownValue = (value) => (value === null ? "none" : Array.isArray(value) ? value.join(" · ") || "nobody" : String(value));

const FIRST = 10;
let everything = false;

async function loadCases() {
  const {data} = await api("GET", "/what-if");
  const failed = data.cases.filter((each) => each.result !== "passed");
  const shown = [...failed, ...data.cases.filter((each) => each.result === "passed")];
  const search = el("input", {type: "search", placeholder: "Search the cases", "aria-label": "Search the cases"});
  const list = el("div");
  const draw = () => {
    const wanted = search.value.trim().toLowerCase();
    const found = shown.filter((each) => [each.name, each.from, each.to, each.row].join(" ").toLowerCase().includes(wanted));
    const first = everything || wanted ? found : found.slice(0, Math.max(FIRST, failed.length));
    fill(list, ...first.map(caseRow), found.length ? null : el("p", {class: "loading"}, "No case is like that."),
      first.length < found.length ? el("div", {class: "pager"}, el("button", {class: "button small", type: "button", on: {click: () => { everything = true; draw(); }}}, `Show all ${found.length}`)) : null);
  };
  search.addEventListener("input", debounce(draw, 120));
  const state = data.cases.length === 0 ? null : failed.length ? el("span", {class: "badge bad"}, icon("warn"), `${failed.length} of ${count(data.cases.length, "case")} do not come out as written`) : el("span", {class: "badge good"}, icon("check"), `${count(data.cases.length, "case")} as written`);
  fill(place.cases, el("section", {class: "card flush"}, el("div", {class: "card-head"}, el("div", {class: "row"}, el("h2", {}, "What-if cases"), state),
    el("button", {class: "button small", type: "button", on: {click: (event) => busy(event.currentTarget, async () => { await api("POST", "/what-if/run"); await loadCases(); toast("All cases have been run"); })}}, icon("refresh"), "Run all"),
    el("p", {}, data.guards ? `They stand in ${data.file}. A directory file that breaks one is refused.` : `They are kept in ${data.file}. To have them guard every new directory file, name it as what_if in the server's configuration.`)),
  data.problems.length ? el("div", {class: "case-row"}, notice("bad", el("p", {}, "The file has problems:"), el("ul", {}, ...data.problems.slice(0, 10).map((each) => el("li", {class: "wrap-anywhere"}, each))))) : null,
  data.cases.length > 8 ? el("div", {class: "tools"}, el("div", {class: "search"}, icon("search"), search)) : null,
  data.cases.length ? list : empty("simulator", "No cases yet", "Keep an answer that must stay as it is: it is run again whenever the directory changes.")));
  draw();
}

function caseRow(each) {
  const good = each.result === "passed";
  const detail = good ? null : el("div", {class: "case-detail stack tight"}, ...each.differences.map((difference) => el("div", {class: "change-list"}, el("strong", {class: "field-name"}, KEYS[difference.key] ?? difference.key), el("span", {class: "was", dir: "auto"}, `expected ${shownValue(difference.expected)}`), el("span", {class: "is", dir: "auto"}, `now ${shownValue(difference.got)}`))), each.differences.length ? null : el("p", {class: "bad-text"}, each.text));
  return el("div", {class: "case-row"}, el("span", {class: `badge ${good ? "good" : "bad"}`}, good ? "passes" : each.result === "broken" ? "cannot be read" : "fails"), el("span", {class: "grow"}, el("strong", {dir: "auto"}, each.name), el("br"), el("span", {class: "muted small", dir: "auto"}, `${each.from} calls ${each.to}${each.at ? `, ${String(each.at).slice(0, 16).replace("T", " ")}` : ""}`)),
    el("button", {class: "button small", type: "button", "aria-label": `Look at ${each.name}`, on: {click: () => open(each)}}, "Look"), el("button", {class: "icon-button small", type: "button", "aria-label": `Remove ${each.name}`, on: {click: () => remove(each)}}, icon("delete")), detail);
}

function open(each) {
  Object.assign(question, {caller: String(each.from), dialled: String(each.to), at: each.at ? String(each.at).slice(0, 16) : "", identity: each.identity ?? null, privacy: Boolean(each.privacy), state: each.state ?? {}});
  draw();
  scrollTo({top: 0});
}

async function remove(each) {
  if (!(await confirm("Remove this case?", `“${each.name}” is not run any more.`, {yes: "Remove", danger: true}))) return;
  try { await api("DELETE", url`/what-if/${each.id}`); toast("Removed", {kind: "good"}); await loadCases(); } catch (error) { complain(error); }
}

function draw() {
  fill(app, pageHead("Simulator", "What would become of a call, and why. The same rules that route calls give the answer; nobody's phone rings."),
    el("div", {class: "stack"}, form(), place.answer, place.cases));
  ask().catch(complain);
}

draw();
loadCases().catch(complain);
