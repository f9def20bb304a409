// The inventory of phones (E8): whose they are, which are on the shelf, swapping and releasing them.

import {$, api, ApiError, busy, complain, dialog, el, empty, fill, icon, notice, person, tabs, timeElement, toast, url} from "./base.js";
import {bound, Draft, field, formOf, leave, nameOf, saveBar, siteNames} from "./forms.js";
import {crumbs, listPage, pageHead} from "./lists.js";
import {removeEntry, renameEntry} from "./entry_actions.js";

const app = $("#app");
const grid = (...children) => el("div", {class: "form-grid"}, ...children);

function whose(extension) {
  if (!extension) return el("span", {class: "badge"}, "on the shelf");
  const made = el("bdi", {}, extension);
  nameOf(extension).then((found) => { if (found) made.textContent = `${found} (${extension})`; }, () => {});
  return made;
}

function list() {
  const add = el("a", {class: "button primary", href: "/admin/phones/new"}, icon("plus"), "Add a phone");
  const inventory = el("div");
  const desks = el("div", {class: "stack"}, el("p", {class: "loading"}, "Looking at the shared phones …"));
  fill(app, pageHead("Phones", app.dataset.text, add), tabs("Phones", [{id: "inventory", label: "Inventory", panel: inventory}, {id: "hot-desks", label: "Hot desks", panel: desks}]).node);
  hotDesks(desks).catch(complain);
  listPage(inventory, {collection: "/phones", label: "Phones", placeholder: "Search MAC, name, model, user", columns: [
    {label: "Name", sort: "name", cell: (item) => item.name},
    {label: "MAC", cell: (item) => el("code", {}, item.mac)},
    {label: "Model", cell: (item) => item.model ?? ""},
    {label: "User", cell: (item) => whose(item.user)},
    {label: "Site", cell: (item) => item.site ?? ""},
  ], filters: [{name: "site", label: "All sites", options: siteNames}], href: (item) => url`/admin/phones/${item.mac}`,
  rowActions: (item, reload) => el("span", {class: "row"},
    el("button", {class: "button small", type: "button", "aria-label": `Swap ${item.name}`, on: {click: () => swap(item).then((done) => done && reload())}}, icon("swap"), "Swap"),
    item.user ? el("button", {class: "button small", type: "button", "aria-label": `Release ${item.name}`, on: {click: (event) => busy(event.currentTarget, async () => { await api("POST", url`/phones/${item.mac}/release`); toast(`${item.name} is on the shelf`, {kind: "good"}); reload(); })}}, "Release") : null),
  nothing: {icon: "phone", title: "No phones in the inventory yet", text: "Phones work without it. Here you note which device is whose, so that it can be swapped and released.", action: add.cloneNode(true)}});
}

/** Shared phones: who has logged in with *90, until when; and the way to log them out. */
async function hotDesks(place) {
  const {data} = await api("GET", "/hot-desks");
  if (!data.items.length) {
    fill(place, el("div", {class: "card"}, empty("phone", "No shared phones", "A user of the type “Shared phone” belongs to nobody until somebody logs in there with *90, the extension and the PIN.", el("a", {class: "button", href: "/admin/users/new"}, "Add a shared phone"))));
    return;
  }
  const row = (item) => el("tr", {}, el("td", {class: "lead"}, el("a", {class: "row-link", href: url`/admin/users/${item.extension}`}, person(item.name, item.extension))), el("td", {"data-label": "Site"}, item.location ?? ""),
    el("td", {"data-label": "Logged in"}, item.user ? el("bdi", {}, `${item.user_name ?? ""} (${item.user})`) : el("span", {class: "badge"}, "free")), el("td", {"data-label": "Until"}, item.until ? timeElement(item.until) : ""),
    el("td", {class: "actions-cell"}, item.user ? el("button", {class: "button small", type: "button", "aria-label": `Log out ${item.user_name ?? item.user}`, on: {click: (event) => busy(event.currentTarget, async () => { await api("POST", url`/hot-desks/${item.extension}/log-out`); toast(`${item.name} is free`, {kind: "good"}); await hotDesks(place); })}}, "Log out") : null));
  fill(place, el("div", {class: "card flush table-frame"}, el("table", {class: "cards", "aria-label": "Shared phones"}, el("thead", {}, el("tr", {}, ...["Phone", "Site", "Logged in", "Until", "Actions"].map((each) => el("th", {scope: "col"}, each)))), el("tbody", {}, ...data.items.map(row)))),
    el("p", {class: "hint"}, "Log in: *90, the extension, *, the PIN. Log out: *91. After 24 hours it happens by itself. Emergency calls stay those of the phone."));
}

/** Two phones change hands. */
async function swap(phone) {
  const {data} = await api("GET", "/phones?limit=500");
  const others = data.items.filter((each) => each.mac !== phone.mac);
  if (!others.length) { toast("There is no other phone to swap with.", {kind: "warn"}); return false; }
  const control = el("select", {}, ...others.map((each) => el("option", {value: each.mac}, `${each.name} (${each.user ?? "on the shelf"})`)));
  return dialog({title: `Swap ${phone.name}`, body: el("div", {class: "stack"}, el("p", {}, "Each of the two phones gets the user of the other."), field("Swap with", control)),
    actions: [{label: "Cancel", value: false}, {label: "Swap", value: true, kind: "primary", run: async () => { await api("POST", url`/phones/${phone.mac}/swap`, {with: control.value}); toast("Swapped", {kind: "good"}); }}]});
}

function edit(draft) {
  draft.redraw();
  const f = (description) => bound(draft, description);
  const wasNew = draft.isNew;
  const title = wasNew ? "Add a phone" : draft.body.name;
  const bar = saveBar(draft, {discarded: () => edit(draft), label: wasNew ? "Add" : "Save", saved: (entry) => { if (wasNew) leave(draft, url`/admin/phones/${entry.mac}`); else edit(draft); }});
  fill(app, crumbs(["/admin/phones", "Phones"]), pageHead(title, wasNew ? "" : draft.body.mac, ...(wasNew ? [] : [renameEntry(draft, "MAC address", (to) => url`/admin/phones/${to}`), removeEntry(draft, title, "/admin/phones")])),
    el("div", {class: "card"}, formOf(draft, bar, grid(
      wasNew ? f({path: "mac", label: "MAC address", placeholder: "00:15:65:aa:bb:cc", required: true}) : null, f({path: "name", label: "Name", placeholder: "Reception desk"}), f({path: "model", label: "Model", placeholder: "Yealink T54W"}),
      f({path: "user", kind: "user", label: "User", free: true, placeholder: "On the shelf"}), f({path: "site", kind: "site", label: "Site", none: "No site"})))));
  document.title = `${title} · b2bua`;
}

async function start() {
  if (app.dataset.mode === "list") return list();
  const draft = app.dataset.mode === "new" ? new Draft({collection: "/phones"}) : await Draft.load("/phones", app.dataset.key);
  draft.always((path) => { if (path === "") edit(draft); });
  edit(draft);
}

start().catch((error) => fill(app, notice("bad", error instanceof ApiError ? error.message : "This page cannot be shown.")));
