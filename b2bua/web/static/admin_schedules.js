// Schedules: weekly hours, holidays and days with hours of their own; drawn as a week while they are written.

import {$, ApiError, el, fill, icon, notice} from "./base.js";
import {Draft, field, formOf, leave, saveBar} from "./forms.js";
import {crumbs, listPage, pageHead} from "./lists.js";
import {removeEntry, renameEntry} from "./entry_actions.js";

const app = $("#app");
const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const NAMES = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const href = (name) => `/admin/schedules/${encodeURIComponent(name)}`;

const hoursText = (hours) => Object.entries(hours ?? {}).map(([days, text]) => `${days} ${text}`).join("; ");

function list() {
  const add = el("a", {class: "button primary", href: "/admin/schedules/new"}, icon("plus"), "Add a schedule");
  fill(app, pageHead("Schedules", app.dataset.text, add), el("div", {id: "list"}));
  listPage($("#list"), {collection: "/schedules", label: "Schedules", columns: [
    {label: "Name", sort: "key", cell: (item) => item.key},
    {label: "Hours", cell: (item) => hoursText(item.value?.hours) || "closed"},
    {label: "Holidays", cell: (item) => (item.value?.holidays ?? []).map((each) => each.name || each.date || each).join(", ")},
  ], href: (item) => href(item.key), nothing: {icon: "schedule", title: "No schedules yet", text: "Office hours and holidays, to be used in filters and as working hours.", action: add.cloneNode(true)}});
}

/** Rows of two texts over a mapping or a list at `path`. */
function rows(draft, path, {labels, placeholders, add, read, write, title, hint, dates = false}) {
  const list = el("div", {class: "stack tight"});
  let values = read(draft.get(path));
  const changed = () => draft.set(path, write(values));
  const draw = (focus = false) => {
    fill(list, ...values.map((pair, index) => {
      const boxes = pair.map((text, column) => {
        const box = el("input", {type: dates && column === 0 ? "text" : "text", value: text, placeholder: placeholders[column], "aria-label": `${labels[column]} ${index + 1}`, autocomplete: "off"});
        box.addEventListener("input", () => { values[index][column] = box.value; changed(); });
        return box;
      });
      const place = Array.isArray(draft.get(path)) ? `${path}[${index}]` : `${path}.${pair[0]}`;
      return el("div", {class: "field", data: {path: place}}, el("div", {class: "hours-row"}, ...boxes, el("button", {class: "icon-button", type: "button", "aria-label": `Remove ${pair[0] || "this line"}`, on: {click: () => { values = values.filter((_, at) => at !== index); changed(); draw(); }}}, icon("close"))));
    }));
    if (focus) $("input", list.lastElementChild)?.focus();
  };
  draw();
  return field(title, el("div", {class: "stack tight"}, list, el("div", {}, el("button", {class: "button small", type: "button", on: {click: () => { values.push(["", ""]); draw(true); }}}, icon("plus"), add))), {path, hint, group: true});
}

const pairs = (mapping) => Object.entries(mapping ?? {}).map(([key, value]) => [key, String(value)]);
const mapping = (values) => { const made = Object.fromEntries(values.filter(([key]) => key.trim()).map(([key, value]) => [key.trim(), value.trim() || "closed"])); return Object.keys(made).length ? made : undefined; };

// --- the week, drawn --------------------------------------------------------------------------------------------------------------

function daysOf(text) {
  return text.toLowerCase().split(",").flatMap((part) => {
    const [first, last = first] = part.split("-").map((each) => DAYS.indexOf(each.trim()));
    if (first < 0 || last < 0) return [];
    return Array.from({length: ((last - first + 7) % 7) + 1}, (_, step) => (first + step) % 7);
  });
}

function periodsOf(text) {
  return String(text).split(",").flatMap((part) => {
    const found = /^\s*(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})\s*$/.exec(part);
    if (!found) return [];
    const [start, end] = [Number(found[1]) * 60 + Number(found[2]), Number(found[3]) * 60 + Number(found[4])];
    return [[start, end || 1440]];
  });
}

function week(hours) {
  const tracks = NAMES.map(() => el("div", {class: "week-track"}));
  const put = (day, from, to, text) => {
    const bar = el("div", {class: "week-span"}, text);
    bar.style.insetInlineStart = `${(from / 1440) * 100}%`;
    bar.style.width = `${((to - from) / 1440) * 100}%`;
    tracks[day % 7].append(bar);
  };
  for (const [days, text] of Object.entries(hours ?? {})) for (const day of daysOf(days)) for (const [from, to] of periodsOf(text)) {
    const clock = (minutes) => `${Math.floor(minutes / 60)}${minutes % 60 ? `:${String(minutes % 60).padStart(2, "0")}` : ""}`;
    if (to > from) put(day, from, to, `${clock(from)}–${clock(to)}`);
    else { put(day, from, 1440, `${clock(from)}–`); put(day + 1, 0, to, `–${clock(to)}`); }
  }
  return el("div", {class: "week", "aria-hidden": "true"}, ...NAMES.flatMap((name, index) => [el("div", {class: "week-day"}, name), tracks[index]]), el("span"), el("div", {class: "week-hours"}, ...["0", "6", "12", "18", "24"].map((hour) => el("span", {}, hour))));
}

function edit(draft) {
  draft.redraw();
  const wasNew = draft.isNew;
  const title = wasNew ? "Add a schedule" : draft.body.key;
  const picture = el("div", {});
  const look = () => fill(picture, week(draft.get("value.hours")));
  draft.onChange(look);
  look();
  const bar = saveBar(draft, {discarded: () => edit(draft), label: wasNew ? "Add" : "Save", saved: (entry) => { if (wasNew) leave(draft, href(entry.key)); else edit(draft); }});
  const nameBox = el("input", {type: "text", value: draft.get("key") ?? "", placeholder: "office", autocomplete: "off"});
  nameBox.addEventListener("input", () => draft.set("key", nameBox.value));
  fill(app, crumbs(["/admin/schedules", "Schedules"]), pageHead(title, "", ...(wasNew ? [] : [renameEntry(draft, "name", href), removeEntry(draft, title, "/admin/schedules")])),
    el("div", {class: "split"}, el("div", {class: "card"}, formOf(draft, bar,
      wasNew ? field("Name", nameBox, {path: "key"}) : null,
      rows(draft, "value.hours", {title: "Weekly hours", labels: ["Days", "Hours"], placeholders: ["mon-fri", "08:00-12:00, 13:00-17:00"], add: "Days with hours", read: pairs, write: mapping, hint: "Days such as mon-fri or mon, wed; hours such as 22:00-06:00 go over midnight. Days that are not named are closed."}),
      rows(draft, "value.holidays", {title: "Holidays", labels: ["Day", "Name of the holiday"], placeholders: ["12-25 or 2027-03-10..2027-03-12", "Christmas"], add: "Holiday",
        read: (values) => (values ?? []).map((each) => (typeof each === "string" ? [each, ""] : [String(each.date ?? ""), each.name ?? ""])),
        write: (values) => { const made = values.filter(([day]) => day.trim()).map(([day, text]) => (text.trim() ? {date: day.trim(), name: text.trim()} : day.trim())); return made.length ? made : undefined; }}),
      rows(draft, "value.exceptions", {title: "Days with hours of their own", labels: ["Day", "Hours"], placeholders: ["2026-12-24", "08:00-12:00 or closed"], add: "Day", read: pairs, write: mapping}))),
    el("section", {class: "card stack sticky"}, el("h2", {}, "The week"), picture)));
  document.title = `${title} · b2bua`;
}

async function start() {
  if (app.dataset.mode === "list") return list();
  const draft = app.dataset.mode === "new" ? new Draft({collection: "/schedules", body: {value: {hours: {"mon-fri": "08:00-17:00"}}}}) : await Draft.load("/schedules", app.dataset.key);
  draft.always((path) => { if (path === "") edit(draft); });
  edit(draft);
}

start().catch((error) => fill(app, notice("bad", error instanceof ApiError ? error.message : "This page cannot be shown.")));
