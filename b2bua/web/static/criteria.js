// The filter of an executive: which calls go to the assistants (simple), or a list of criteria with exceptions.

import {$, announce, el, fill, icon} from "./base.js";
import {bound, copy, freshId} from "./forms.js";

const WHEN = [["", "At any time"], ["during", "During a schedule"], ["outside", "Outside a schedule"], ["holidays", "On holidays"]];

export function filteringPanel(draft, {numbers}) {
  const f = (description) => bound(draft, description);
  const criteria = criteriaList(draft, numbers);
  const simple = el("div", {class: "stack"},
    f({path: "filtering.type", kind: "segmented", label: "Which calls go to the assistants", standard: "all", options: [["all", "All"], ["internal", "From colleagues"], ["external", "From outside"]]}));
  const look = () => { simple.hidden = (draft.get("filtering.mode") ?? "simple") !== "simple"; };
  draft.onChange(look);
  look();
  return el("section", {class: "stack"},
    el("h2", {}, "Which calls are filtered"),
    f({path: "filtering.enabled", kind: "switch", label: "Filtering is on", standard: true, hint: "Off: the executive's own phones ring. Phones switch it with #61 and #62."}),
    f({path: "filtering.mode", kind: "segmented", label: "Filter", standard: "simple", options: [["simple", "Simple"], ["criteria", "By criteria"]]}),
    simple, criteria,
    el("div", {class: "form-grid"},
      f({path: "filtering.executives_pass", kind: "switch", label: "Other executives reach the executive directly"}),
      f({path: "confidential", kind: "callers", label: "Confidential contacts", hint: "Ring the executive only; assistants see them as private."})));
}

function criteriaList(draft, numbers) {
  const list = el("div", {class: "stack"});
  const heading = el("h3", {});
  const open = new Set();
  const items = () => draft.get("filtering.criteria") ?? [];
  const write = (values) => draft.set("filtering.criteria", values.length ? values : undefined);
  const draw = () => {
    const simple = (draft.get("filtering.mode") ?? "simple") === "simple";
    heading.textContent = simple ? "Exceptions: whose calls are never filtered" : "Criteria: a call that one of them matches goes to the assistants";
    fill(list, ...items().map((item, index) => criterion(item, index, numbers, {
      open,
      replace: (changed) => write(items().map((each, place) => (place === index ? changed : each))),
      remove: () => { open.clear(); write(items().filter((_, place) => place !== index)); draw(); announce("Removed"); },
      move: (way) => { open.clear(); const values = [...items()]; values.splice(index + way, 0, ...values.splice(index, 1)); write(values); draw(); },
      last: index === items().length - 1,
    })));
    addCriterion.hidden = simple;
  };
  const add = (filter) => { open.add(items().length); write([...items(), filter ? {name: `Criterion ${items().length + 1}`} : {name: "Exception", filter: false}]); draw(); $("input", list.lastElementChild)?.select(); };
  const addCriterion = el("button", {class: "button small", type: "button", on: {click: () => add(true)}}, icon("plus"), "Criterion");
  const addException = el("button", {class: "button small", type: "button", on: {click: () => add(false)}}, icon("plus"), "Exception");
  draft.onChange((path) => { if (path === "filtering.mode") draw(); });
  draw();
  return el("div", {class: "stack", data: {path: "filtering.criteria"}}, heading, list, el("div", {class: "row"}, addCriterion, addException));
}

function criterion(item, index, numbers, {open, replace, remove, move, last}) {
  const looks = new Set();
  const path = `filtering.criteria[${index}]`;
  const badge = el("span", {class: `badge ${item.filter === false ? "good" : "accent"}`}, item.filter === false ? "reaches the executive" : "goes to the assistants");
  const box = el("div", {class: `criterion ${item.filter === false ? "exception" : "filters"}`, data: {path}});
  const inner = {
    body: copy(item), base: copy(item),
    get(key) { return key === "filter" ? (this.body.filter === false ? "no" : "yes") : this.body[key]; },
    set(key, value, standard) {
      const plain = value === "" || value === null ? undefined : key === "filter" && value === "no" ? false : value;
      if (plain === undefined || plain === standard) delete this.body[key]; else this.body[key] = plain;
      if (key === "filter") fill(badge, plain === false ? "reaches the executive" : "goes to the assistants");
      badge.className = `badge ${this.body.filter === false ? "good" : "accent"}`;
      box.className = `criterion ${this.body.filter === false ? "exception" : "filters"}`;
      replace(copy(this.body));
      for (const look of looks) look();
    },
    onChange() { return () => {}; },
  };
  const f = (description) => { const made = bound(inner, description); made.dataset.path = `${path}.${description.path}`; return made; };
  const whenKey = () => ["during", "outside", "holidays"].find((each) => inner.body[each]) ?? "";
  const schedulePlace = el("div", {class: "field"});
  const drawSchedule = (key) => fill(schedulePlace, key ? f({path: key, kind: "schedule", label: "Schedule", none: "Choose …"}) : null);
  const when = el("select", {"aria-label": "When"}, ...WHEN.map(([value, label]) => el("option", {value}, label)));
  when.value = whenKey();
  when.addEventListener("change", () => {
    const value = inner.body.during ?? inner.body.outside ?? inner.body.holidays;
    for (const each of ["during", "outside", "holidays"]) delete inner.body[each];
    if (when.value && value) inner.body[when.value] = value;
    replace(copy(inner.body));
    for (const look of looks) look();
    drawSchedule(when.value);
  });
  drawSchedule(whenKey());
  const title = item.name || `criterion ${index + 1}`;
  const bodyId = freshId("criterion");
  const text = el("span", {class: "muted small", dir: "auto"}, told(item));
  const label = el("strong", {dir: "auto"}, title);
  const fields = el("div", {class: "stack", id: bodyId, hidden: !open.has(index)},
    el("div", {class: "form-grid"},
      f({path: "name", label: "Name", hint: "It stands in the explanation of calls."}),
      f({path: "filter", kind: "choice", label: "Calls that match", options: [["yes", "go to the assistants"], ["no", "reach the executive"]], standard: "yes", hint: "Whoever reaches the executive by one does, whatever the others say."}),
      f({path: "from", kind: "callers", label: "From", hint: "Nobody here: from everybody."}),
      f({path: "dialled", kind: "tokens", label: "Dialled", tokens: {find: async (typed) => numbers().filter((each) => each.includes(typed)).map((value) => ({value, label: value})), label: async (value) => value, placeholder: "One of the own numbers", free: true}, hint: "Empty: whichever number was called."}),
      el("div", {class: "field"}, el("span", {class: "label"}, "When"), when), schedulePlace),
    f({path: "active", kind: "switch", label: "Active", standard: true}));
  const toggle = el("button", {class: "icon-button small", type: "button", "aria-label": `Details of ${title}`, "aria-expanded": String(open.has(index)), "aria-controls": bodyId}, icon(open.has(index) ? "up" : "down"));
  toggle.addEventListener("click", () => {
    fields.hidden = !fields.hidden;
    if (fields.hidden) open.delete(index); else open.add(index);
    toggle.setAttribute("aria-expanded", String(!fields.hidden));
    fill(toggle, icon(fields.hidden ? "down" : "up"));
  });
  looks.add(() => { label.textContent = inner.body.name || `criterion ${index + 1}`; text.textContent = told(inner.body); });
  return fill(box,
    el("div", {class: "row spread nowrap-row"},
      el("span", {class: "stack tight grow"}, el("span", {class: "row"}, label, badge), text),
      el("span", {class: "row nowrap-row"},
        el("button", {class: "icon-button small", type: "button", disabled: index === 0, "aria-label": `Move ${title} up`, on: {click: () => move(-1)}}, icon("raise")),
        el("button", {class: "icon-button small", type: "button", disabled: last, "aria-label": `Move ${title} down`, on: {click: () => move(1)}}, icon("lower")),
        toggle, el("button", {class: "icon-button small", type: "button", "aria-label": `Remove ${title}`, on: {click: remove}}, icon("close")))),
    fields);
}

/** What a criterion says, in a line. */
function told(item) {
  const said = [
    item.from?.length ? `from ${item.from.join(", ")}` : "from everybody",
    item.dialled?.length ? `to ${item.dialled.join(", ")}` : "",
    item.during ? `during ${item.during}` : "", item.outside ? `outside ${item.outside}` : "", item.holidays ? `on the holidays of ${item.holidays}` : "",
    item.active === false ? "not active" : "",
  ];
  return said.filter(Boolean).join(" · ");
}
