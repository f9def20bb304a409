// Sites and cost centres (E9): two trees, each with a short form.

import {$, all, ApiError, el, empty, fill, icon, notice, tabs} from "./base.js";
import {bound, costCentreNames, Draft, formOf, leave, saveBar, siteNames} from "./forms.js";
import {crumbs, pageHead} from "./lists.js";
import {removeEntry, renameEntry} from "./entry_actions.js";

const app = $("#app");
const {topic, mode, key} = app.dataset;
const role = document.body.dataset.role;
const administers = role === "user_admin" || role === "super_admin";
const href = (kind, name) => `/admin/${kind}/${encodeURIComponent(name)}`;

function tree(kind, items, used) {
  const below = (parent) => items.filter((each) => (each.parent ?? "") === parent);
  const known = new Set(items.map((each) => each.name));
  const roots = items.filter((each) => !each.parent || !known.has(each.parent));
  const branch = (nodes) => el("ul", {class: "tree"}, ...nodes.map((each) => {
    const children = below(each.name);
    return el("li", {}, el("div", {class: "tree-row"}, icon(kind === "sites" ? "site" : "numbers"), el("a", {href: href(kind, each.name), dir: "auto"}, each.name), each.code ? el("span", {class: "badge"}, each.code) : null, each.emergency_location ? el("span", {class: "muted small", dir: "auto"}, each.emergency_location) : null,
      el("a", {class: "small muted", href: `/admin/users?${kind === "sites" ? "site" : "cost_centre"}=${encodeURIComponent(each.name)}`}, "users")), children.length ? branch(children) : null);
  }));
  return roots.length ? branch(roots) : used;
}

async function list() {
  const [sites, costCentres] = await Promise.all([all("/sites"), all("/cost-centres").catch((error) => { if (error.status === 403) return []; throw error; })]);
  const nothing = (kind, text) => empty(kind === "sites" ? "site" : "numbers", kind === "sites" ? "No sites yet" : "No cost centres yet", text);
  const items = [
    {id: "sites", label: `Sites (${sites.length})`, panel: el("div", {class: "card"}, tree("sites", sites, nothing("sites", "Where people work. Users move between them freely; managers look after theirs.")))},
    {id: "cost-centres", label: `Cost centres (${costCentres.length})`, panel: el("div", {class: "card"}, tree("cost-centres", costCentres, nothing("cost-centres", "Who pays for whom, in a tree like that of the book-keeping.")))},
  ];
  fill(app, pageHead("Sites and cost centres", app.dataset.text, ...(administers ? [el("a", {class: "button", href: "/admin/cost-centres/new"}, icon("plus"), "Add a cost centre"), el("a", {class: "button primary", href: "/admin/sites/new"}, icon("plus"), "Add a site")] : [])), tabs("Trees", items).node);
}

/** For managers: what there is to know. */
function glance(site) {
  const facts = [["Part of", site.parent], ["Emergency location", site.emergency_location], ["Code", site.code]].filter(([, value]) => value);
  fill(app, crumbs(["/admin/sites", "Sites and cost centres"]), pageHead(site.name, "", el("a", {class: "button", href: `/admin/users?site=${encodeURIComponent(site.name)}`}, icon("users"), "Users here")),
    el("div", {class: "card"}, facts.length ? el("dl", {class: "facts"}, ...facts.flatMap(([label, value]) => [el("dt", {}, label), el("dd", {dir: "auto"}, value)])) : el("p", {class: "muted"}, "Nothing more is noted about it.")));
}

async function edit(draft) {
  draft.redraw();
  const f = (description) => bound(draft, description);
  const wasNew = draft.isNew;
  const title = wasNew ? `Add a ${app.dataset.one}` : draft.body.name;
  const names = (await (topic === "sites" ? siteNames() : costCentreNames())).filter((each) => each !== draft.body.name);
  const back = topic === "sites" ? "/admin/sites" : "/admin/sites#cost-centres";
  const bar = saveBar(draft, {discarded: () => edit(draft), label: wasNew ? "Add" : "Save", saved: (entry) => { if (wasNew) leave(draft, href(topic, entry.name)); else edit(draft); }});
  fill(app, crumbs([back, "Sites and cost centres"]), pageHead(title, "", ...(wasNew || !administers ? [] : [renameEntry(draft, "name", (to) => href(topic, to)), removeEntry(draft, title, back)])),
    el("div", {class: "card"}, formOf(draft, bar, el("div", {class: "form-grid"},
      wasNew ? f({path: "name", label: "Name", required: true}) : null,
      f({path: "parent", kind: "choice", label: "Part of", none: "Nothing", options: names}),
      ...(topic === "sites" ? [f({path: "emergency_location", label: "Emergency location", hint: "Where help is to go: address and floor."}), f({path: "managers", kind: "users", label: "Managers", hint: "They look after the users here and below."})] : [f({path: "code", label: "Code", hint: "What the book-keeping calls it."})])))));
  document.title = `${title} · b2bua`;
}

async function start() {
  if (mode === "list") return list();
  const draft = mode === "new" ? new Draft({collection: `/${topic}`}) : await Draft.load(`/${topic}`, key);
  if (!administers) return glance(draft.body);
  draft.always((path) => { if (path === "") edit(draft); });
  await edit(draft);
}

start().catch((error) => fill(app, notice("bad", error instanceof ApiError ? error.message : "This page cannot be shown.")));
