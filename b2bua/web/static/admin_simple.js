// Conference rooms and caller groups: short lists with short forms.

import {$, ApiError, el, fill, icon, notice} from "./base.js";
import {bound, Draft, formOf, leave, nameOf, saveBar} from "./forms.js";
import {crumbs, listPage, pageHead} from "./lists.js";
import {removeEntry, renameEntry} from "./entry_actions.js";

const app = $("#app");
const {topic, mode, key} = app.dataset;
const grid = (...children) => el("div", {class: "form-grid"}, ...children);

const KINDS = {
  conferences: {
    what: "number", icon: "conference", nothing: "No conference rooms yet", text: "A room is dialled like an extension; everybody who dials it hears each other.",
    title: (body) => body.name || body.number,
    columns: [
      {label: "Name", sort: "name", cell: (item) => item.name || item.number},
      {label: "Number", cell: (item) => el("code", {}, item.number)},
      {label: "Outside numbers", cell: (item) => (item.numbers ?? []).join(", "), className: "mono small"},
      {label: "Moderators", cell: (item) => names(item.moderators ?? [])},
    ],
    fields: (draft, f) => grid(
      draft.isNew ? f({path: "number", label: "Number", required: true, hint: "Two to eight digits."}) : null, f({path: "name", label: "Name"}),
      f({path: "moderators", kind: "users", label: "Moderators", hint: "They may mute and remove others."}),
      f({path: "numbers", kind: "lines", label: "Outside numbers", type: "tel", add: "Add a number"}),
      f({path: "pin", label: "PIN", placeholder: draft.isNew ? "None" : "Unchanged", hint: "Three to twelve digits that everybody but moderators is asked for. It is never shown."})),
  },
  "caller-groups": {
    what: "name", keyed: true, icon: "callers", nothing: "No caller groups yet", text: "The press, the board, the family: name callers once and use them in every filter.",
    title: (body) => body.key,
    columns: [
      {label: "Name", sort: "key", cell: (item) => item.key},
      {label: "Callers", cell: (item) => (item.value ?? []).join(", ")},
    ],
    fields: (draft, f) => grid(
      draft.isNew ? f({path: "key", label: "Name", required: true}) : null,
      f({path: "value", kind: "callers", label: "Callers", className: "full", not: draft.body.key, hint: "Colleagues by extension, numbers, beginnings of numbers (+4930*), groups that stand above."})),
  },
};

function names(extensions) {
  const made = el("span", {}, extensions.join(", "));
  Promise.all(extensions.slice(0, 4).map((each) => nameOf(each).then((found) => found || each))).then((found) => fill(made, found.flatMap((each, index) => [index ? ", " : "", el("bdi", {}, each)])), () => {});
  return made;
}

function list(kind) {
  const add = el("a", {class: "button primary", href: `/admin/${topic}/new`}, icon("plus"), `Add a ${app.dataset.one}`);
  fill(app, pageHead(app.dataset.title, app.dataset.text, add), el("div", {id: "list"}));
  listPage($("#list"), {collection: `/${topic}`, label: app.dataset.title, columns: kind.columns, href: (item) => `/admin/${topic}/${encodeURIComponent(item.key ?? item[kind.what])}`, nothing: {icon: kind.icon, title: kind.nothing, text: kind.text, action: add.cloneNode(true)}});
}

function edit(kind, draft) {
  draft.redraw();
  const title = draft.isNew ? `Add a ${app.dataset.one}` : kind.title(draft.body);
  const wasNew = draft.isNew;
  const href = (to) => `/admin/${topic}/${encodeURIComponent(to)}`;
  const bar = saveBar(draft, {discarded: () => edit(kind, draft), label: wasNew ? "Add" : "Save", saved: (entry) => { if (wasNew) leave(draft, href(entry.key ?? entry[kind.what])); else edit(kind, draft); }});
  fill(app, crumbs([`/admin/${topic}`, app.dataset.title]), pageHead(title, "", ...(wasNew ? [] : [renameEntry(draft, kind.what, href), removeEntry(draft, title, `/admin/${topic}`)])),
    el("div", {class: "card"}, formOf(draft, bar, kind.fields(draft, (description) => bound(draft, description)))));
  document.title = `${title} · b2bua`;
}

async function start() {
  const kind = KINDS[topic];
  if (mode === "list") return list(kind);
  const draft = mode === "new" ? new Draft({collection: `/${topic}`}) : await Draft.load(`/${topic}`, key);
  draft.always((path) => { if (path === "") edit(kind, draft); });
  edit(kind, draft);
}

start().catch((error) => fill(app, notice("bad", error instanceof ApiError ? error.message : "This page cannot be shown.")));
