// Forms over entries of the API: fields that are bound to paths in a draft, and the bar that saves it.

import {$, $$, announce, complain, el, fill, icon} from "./base.js";
import {copy} from "./bodies.js";
import {callerTokens, combobox, costCentreNames, findUsers, freshId, nameOf, scheduleNames, siteNames, userPicker} from "./people.js";

export * from "./bodies.js";
export * from "./draft.js";
export * from "./people.js";

// --- fields ----------------------------------------------------------------------------------------------------------------------

/** A field around a control: label, control, hint. `control` gets the id. */
export function field(label, control, {path = "", hint = "", className = "", group = false} = {}) {
  const input = control.matches?.("input, select, textarea") ? control : $("input, select, textarea", control);
  const wrapper = el(group ? "fieldset" : "div", {class: `field ${className}`.trim(), data: path ? {path} : {}});
  if (group) wrapper.append(el("legend", {}, label));
  else if (input) {
    input.id ||= freshId();
    wrapper.append(el("label", {for: input.id}, label));
  } else wrapper.append(el("span", {class: "label"}, label));
  wrapper.append(control);
  if (hint) {
    const id = freshId("hint");
    wrapper.append(el("p", {class: "hint", id}, hint));
    input?.setAttribute("aria-describedby", id);
  }
  return wrapper;
}

/**
 * A field bound to a path of a draft. kind: text, email, tel, number, area, switch, choice, segmented, lines, user, users, callers, schedule, when,
 * date. Others: label, hint, standard (what counts where nothing is written), options, unit, placeholder, required, className, disabled.
 */
export function bound(draft, description) {
  const made = KINDS_OF_FIELDS[description.kind ?? "text"](draft, description);
  made.dataset.path = description.path;
  if (description.shown) {
    const look = () => { made.hidden = !description.shown(draft.body); };
    draft.onChange(look);
    look();
  }
  return made;
}

const KINDS_OF_FIELDS = {
  text: (draft, its) => input(draft, its, "text"),
  email: (draft, its) => input(draft, its, "email"),
  tel: (draft, its) => input(draft, its, "tel"),
  number: numberField,
  area: areaField,
  switch: switchField,
  choice: choiceField,
  segmented: segmentedField,
  lines: linesField,
  user: userField,
  users: usersField,
  tokens: tokensField,
  callers: (draft, its) => tokensField(draft, {...its, tokens: callerTokens(its)}),
  schedule: (draft, its) => namesField(draft, {...its, load: scheduleNames}),
  site: (draft, its) => suggestedField(draft, {...its, load: siteNames}),
  cost_centre: (draft, its) => suggestedField(draft, {...its, load: costCentreNames}),
  zone: (draft, its) => suggestedField(draft, {...its, load: async () => Intl.supportedValuesOf?.("timeZone") ?? []}),
  when: whenField,
};

function input(draft, its, type) {
  const control = el("input", {type, value: draft.get(its.path) ?? "", placeholder: its.placeholder, required: its.required, disabled: its.disabled, maxlength: its.most ?? 256, autocomplete: "off", dir: its.dir, class: its.size});
  control.addEventListener("input", () => draft.set(its.path, control.value.trim() === "" ? undefined : control.value, its.standard));
  return field(its.label, control, its);
}

function numberField(draft, its) {
  const value = draft.get(its.path);
  const control = el("input", {type: "number", value: value ?? "", min: its.min, max: its.max, step: its.step ?? "any", placeholder: its.standard ?? its.placeholder, disabled: its.disabled, class: "short", inputmode: "decimal"});
  control.addEventListener("input", () => draft.set(its.path, control.value === "" ? undefined : Number(control.value), undefined));
  return field(its.unit ? `${its.label} (${its.unit})` : its.label, control, its);
}

function areaField(draft, its) {
  const control = el("textarea", {rows: its.rows ?? 3, placeholder: its.placeholder, value: draft.get(its.path) ?? ""});
  control.addEventListener("input", () => draft.set(its.path, control.value, its.standard));
  return field(its.label, control, its);
}

function switchField(draft, its) {
  const standard = its.standard ?? false;
  const control = el("input", {type: "checkbox", role: "switch", checked: draft.get(its.path) ?? standard, disabled: its.disabled});
  control.addEventListener("change", () => draft.set(its.path, control.checked, standard));
  const wrapper = el("div", {class: `field ${its.className ?? ""}`}, el("label", {class: "switch"}, control, el("span", {class: "track", "aria-hidden": "true"}), el("span", {}, its.label, its.hint ? el("small", {}, its.hint) : null)));
  return wrapper;
}

/** options: [[value, label]] or [{value, label}] */
const pairs = (options) => options.map((each) => (Array.isArray(each) ? {value: each[0], label: each[1], hint: each[2]} : typeof each === "string" ? {value: each, label: each} : each));

function choiceField(draft, its) {
  const control = el("select", {disabled: its.disabled});
  const options = pairs(its.options);
  const value = draft.get(its.path) ?? its.standard ?? "";
  if (its.none !== undefined) control.append(el("option", {value: ""}, its.none));
  for (const each of options) control.append(el("option", {value: each.value}, each.label));
  if (value !== "" && !options.some((each) => each.value === value)) control.append(el("option", {value}, String(value)));
  control.value = value;
  control.addEventListener("change", () => draft.set(its.path, control.value, its.standard));
  return field(its.label, control, its);
}

function segmentedField(draft, its) {
  const group = freshId("choice");
  const value = draft.get(its.path) ?? its.standard ?? "";
  const control = el("div", {class: "segmented"}, ...pairs(its.options).map((each) => el("label", {},
    el("input", {type: "radio", name: group, value: each.value, checked: each.value === value, disabled: its.disabled, on: {change: () => draft.set(its.path, each.value, its.standard)}}), el("span", {}, each.label))));
  return field(its.label, control, {...its, group: true});
}

/** A list of texts, one on each line of the form. */
function linesField(draft, its) {
  const list = el("div", {class: "stack tight"});
  const items = () => draft.get(its.path) ?? [];
  const write = (values) => draft.set(its.path, values.length ? values : undefined);
  const draw = (focus = -1) => {
    fill(list, ...items().map((value, index) => {
      const control = el("input", {type: its.type ?? "text", value, "aria-label": `${its.label} ${index + 1}`, placeholder: its.placeholder, autocomplete: "off"});
      control.addEventListener("input", () => write(items().map((each, place) => (place === index ? control.value : each))));
      control.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); add(); } });
      return el("div", {class: "field", data: {path: `${its.path}[${index}]`}}, el("div", {class: "row nowrap-row"}, el("div", {class: "grow"}, control),
        its.badge && index === 0 ? el("span", {class: "badge accent"}, its.badge) : null,
        el("button", {class: "icon-button", type: "button", "aria-label": `Remove ${value || "this line"}`, on: {click: () => { write(items().filter((_, place) => place !== index)); draw(); }}}, icon("close"))));
    }));
    if (focus >= 0) $$("input", list)[focus]?.focus();
  };
  const add = () => { write([...items(), ""]); draw(items().length - 1); };
  draw();
  return field(its.label, el("div", {class: "stack tight"}, list, el("div", {}, el("button", {class: "button small", type: "button", on: {click: add}}, icon("plus"), its.add ?? "Add"))), {...its, group: true});
}

function namesField(draft, its) {
  const control = el("select", {disabled: its.disabled});
  const value = draft.get(its.path) ?? "";
  const offer = (names) => {
    fill(control, el("option", {value: ""}, its.none ?? "None"), ...names.map((each) => el("option", {value: each}, each)), value && !names.includes(value) ? el("option", {value}, value) : null);
    control.value = draft.get(its.path) ?? "";
  };
  offer([]);
  its.load().then(offer, complain);
  control.addEventListener("change", () => draft.set(its.path, control.value));
  return field(its.label, control, its);
}

/** A text with suggestions: whatever is written is for the server to judge. */
function suggestedField(draft, its) {
  const list = el("datalist", {id: freshId("names")});
  its.load().then((names) => fill(list, ...names.map((each) => el("option", {value: each}))), complain);
  const made = input(draft, {...its, placeholder: its.none ?? its.placeholder}, "text");
  $("input", made).setAttribute("list", list.id);
  made.append(list);
  return made;
}

/** A date with an optional time: 2026-12-01, or 2026-12-01T08:00. */
function whenField(draft, its) {
  const value = String(draft.get(its.path) ?? "").replace(" ", "T");
  const day = el("input", {type: "date", value: value.slice(0, 10), "aria-label": `${its.label}, day`});
  const clock = el("input", {type: "time", value: value.slice(11, 16), "aria-label": `${its.label}, time (may stay empty)`});
  const write = () => draft.set(its.path, day.value ? (clock.value ? `${day.value}T${clock.value}` : day.value) : undefined);
  day.addEventListener("change", write);
  clock.addEventListener("change", write);
  return field(its.label, el("div", {class: "row nowrap-row"}, el("div", {class: "grow"}, day), el("div", {class: "grow"}, clock)), {...its, group: true});
}

function userField(draft, its) {
  const value = draft.get(its.path) ?? "";
  const picker = userPicker({label: its.label, keep: true, free: its.free ?? true, value, filter: its.filter, placeholder: its.placeholder,
    choose: (item) => { if (!item.typed || !/\(.+\)$/.test(item.value)) draft.set(its.path, item.value || undefined); }});
  const box = $("input", picker);
  if (value) nameOf(value).then((found) => { if (found && box.value === value) box.value = `${found} (${value})`; }, () => {});
  return field(its.label, picker, its);
}

function usersField(draft, its) {
  return tokensField(draft, {...its, tokens: {
    find: async (text, signal) => (await findUsers(text, {filter: its.filter, signal})).map((each) => ({value: each.extension, label: each.name, detail: each.extension})),
    label: (value) => nameOf(value).then((found) => (found ? `${found} (${value})` : value)),
    placeholder: "Name or extension",
    free: false,
  }});
}

/** A list of values as tokens, with a box to add more. */
function tokensField(draft, its) {
  const {tokens} = its;
  const list = el("ul", {class: "tokens"});
  const items = () => draft.get(its.path) ?? [];
  const write = (values) => { draft.set(its.path, values.length ? values : undefined); draw(); };
  const draw = () => fill(list, ...items().map((value, index) => {
    const text = el("bdi", {}, String(value));
    tokens.label(value).then((found) => { text.textContent = found; }, () => {});
    return el("li", {class: "token", data: {path: `${its.path}[${index}]`}}, text,
      el("button", {class: "icon-button small", type: "button", "aria-label": `Remove ${value}`, on: {click: () => { write(items().filter((_, place) => place !== index)); $("input", wrapper)?.focus(); }}}, icon("close")));
  }));
  const box = combobox({label: `Add to ${its.label}`, find: tokens.find, free: tokens.free, placeholder: its.placeholder ?? tokens.placeholder,
    choose: (item) => { if (item.value && !items().includes(item.value)) { write([...items(), item.value]); announce(`${item.label} added`); } }});
  const wrapper = field(its.label, el("div", {class: "stack tight"}, list, box), {...its, group: true});
  draw();
  draft.onChange((path) => { if (path === "") draw(); });
  return wrapper;
}

// --- saving bar ------------------------------------------------------------------------------------------------------------------

/** Save and discard below a form; warns before the page is left with changes that are not saved. `saved(entry)` follows a good save. */
export function saveBar(draft, {saved = null, discarded = null, label = "Save", remove = null} = {}) {
  const state = el("span", {class: "muted small grow", "aria-live": "polite"});
  const save = el("button", {class: "button primary", type: "submit"}, label);
  const discard = el("button", {class: "button", type: "button", on: {click: () => { draft.body = copy(draft.base); draft.show([]); draft.tell(); discarded?.(); }}}, "Discard");
  const look = () => {
    state.textContent = draft.isNew ? "" : draft.dirty ? "Changes are not saved yet" : "";
    save.disabled = !draft.dirty && !draft.isNew;
    discard.hidden = draft.isNew || !draft.dirty;
  };
  draft.onChange(look);
  look();
  if (!draft.guarded) addEventListener("beforeunload", (event) => { if (draft.dirty && !draft.leaving) event.preventDefault(); });
  draft.guarded = true;
  const bar = el("div", {class: "actions bar"}, state, remove, discard, save);
  bar.save = async () => {
    save.setAttribute("aria-busy", "true");
    try {
      const entry = await draft.save();
      if (entry) {
        look();
        await saved?.(entry);
        if (!bar.isConnected) document.getElementById("main").focus();
      }
    } catch (error) { complain(error); }
    save.removeAttribute("aria-busy");
  };
  return bar;
}

/** A form around nodes: submit saves by the bar. */
export function formOf(draft, bar, ...children) {
  const form = el("form", {novalidate: true, class: "stack"}, el("div", {data: {findings: "1"}}), ...children, bar);
  form.addEventListener("submit", (event) => { event.preventDefault(); bar.save(); });
  draft.root = form;
  return form;
}

/** Goes to another page; changes that are not saved are not asked about. */
export function leave(draft, path) {
  draft.leaving = true;
  location.assign(path);
}
