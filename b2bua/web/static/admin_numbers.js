// The inventory of outside numbers (E17): which are used, which are free, and where they lead.

import {$, ApiError, el, fill, notice} from "./base.js";
import {bound, Draft, formOf, saveBar} from "./forms.js";
import {listPage, pageHead} from "./lists.js";

const app = $("#app");
const PLACES = {users: "users", groups: "groups", services: "services", conferences: "conferences"};
const WORDS = {users: "user", groups: "group", services: "service", conferences: "conference"};

async function start() {
  const ranges = document.body.dataset.role === "super_admin" ? await rangesCard() : null;
  const place = el("div", {});
  fill(app, pageHead("Numbers", app.dataset.text), el("div", {class: "stack"}, ranges, place));
  listPage(place, {collection: "/numbers", label: "Numbers", placeholder: "Search digits", columns: [
    {label: "Number", cell: (item) => el("code", {}, item.number)},
    {label: "Leads to", cell: (item) => (item.owner ? el("a", {href: `/admin/${PLACES[item.owner.kind]}/${encodeURIComponent(item.owner.key)}`, dir: "auto"}, `${item.owner.name || item.owner.key} (${WORDS[item.owner.kind]} ${item.owner.key})`) : el("span", {class: "badge good"}, "free"))},
    {label: "Notes", cell: (item) => el("span", {}, item.owner?.main ? el("span", {class: "badge"}, "main number") : null, " ", item.inventory ? null : el("span", {class: "badge warn"}, "not in the inventory"))},
  ], filters: [{name: "free", label: "All numbers", options: [["true", "Only free ones"]]}],
  nothing: {icon: "numbers", title: "No numbers yet", text: "Write the ranges that your carrier has given you; then you see which numbers are free."}});
}

async function rangesCard() {
  const draft = await Draft.load("/organisation", "");
  const card = el("div", {class: "card"});
  const draw = () => {
    draft.redraw();
    const bar = saveBar(draft, {discarded: draw, saved: () => location.reload()});
    bar.classList.remove("bar");
    fill(card, formOf(draft, bar, bound(draft, {path: "number_inventory", kind: "lines", label: "Ranges of the organisation", add: "Add a range", placeholder: "+6221500600-699", hint: "First and last number, or a single one."})));
  };
  draft.always((path) => { if (path === "") draw(); });
  draw();
  return card;
}

start().catch((error) => fill(app, notice("bad", error instanceof ApiError ? error.message : "This page cannot be shown.")));
