// Executives: the list, and one of them in the editor.

import {$, ApiError, count, el, fill, icon, notice, person, url} from "./base.js";
import {leave, nameOf, userPicker} from "./forms.js";
import {crumbs, listPage, pageHead} from "./lists.js";
import {executiveEditor, loadExecutive, newExecutive} from "./executive.js";

const app = $("#app");
const back = () => crumbs(["/admin/executives", "Executives"]);
const MODES = {ring_all: "together", sequential: "one after the other"};

function list() {
  fill(app, pageHead("Executives", app.dataset.text, el("a", {class: "button", href: "/admin#start"}, icon("plus"), "Executive with new assistants"), el("a", {class: "button primary", href: "/admin/executives/new"}, icon("plus"), "Make somebody an executive")), el("div", {id: "list"}));
  listPage($("#list"), {
    collection: "/executives",
    label: "Executives",
    columns: [
      {label: "Executive", sort: "key", cell: (item) => lazyPerson(item.extension)},
      {label: "Assistants", cell: (item) => lazyNames((item.assistants ?? []).map((each) => each.extension ?? each))},
      {label: "Rings", cell: (item) => MODES[item.alerting?.mode ?? "ring_all"]},
      {label: "Filter", cell: (item) => (item.filtering?.enabled === false ? el("span", {class: "badge warn"}, "off") : el("span", {class: "badge good"}, item.filtering?.mode === "criteria" ? count(item.filtering.criteria?.length ?? 0, "criterion", "criteria") : {all: "all calls", internal: "colleagues", external: "outside"}[item.filtering?.type ?? "all"]))},
    ],
    href: (item) => url`/admin/executives/${item.extension}`,
    nothing: {icon: "delegation", title: "No executives yet", text: "An executive's calls go to assistants. Set up the first one with two assistants in one go.", action: el("a", {class: "button primary", href: "/admin#start"}, "Add an executive with assistants")},
  });
}

function lazyPerson(extension) {
  const made = el("span", {}, person(extension, extension));
  nameOf(extension).then((found) => { if (found) fill(made, person(found, extension)); }, () => {});
  return made;
}

function lazyNames(extensions) {
  const made = el("span", {}, extensions.length ? extensions.join(", ") : el("span", {class: "badge warn"}, "nobody"));
  if (extensions.length) Promise.all(extensions.slice(0, 4).map((each) => nameOf(each).then((found) => found || each))).then((names) => fill(made, names.flatMap((each, index) => [index ? ", " : "", el("bdi", {}, each)]), extensions.length > 4 ? `, and ${extensions.length - 4} more` : ""), () => {});
  return made;
}

function choose() {
  const picker = userPicker({label: "Who", placeholder: "Name or extension", choose: (item) => location.assign(url`/admin/executives/${item.value}`), filter: (user) => (user.type ?? "person") === "person"});
  fill(app, back(), pageHead("Make somebody an executive", "Choose who it is. To add new people together with their phones, use “Executive with new assistants”."), el("div", {class: "card stack"}, el("div", {class: "field medium"}, el("span", {class: "label"}, "Who"), picker)));
  $("input", picker).focus();
}

async function edit(extension) {
  let draft;
  try {
    draft = await loadExecutive(extension);
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
    const name = await nameOf(extension);
    if (!name) throw error;
    draft = newExecutive(extension);
  }
  if (draft.isNew) {
    const name = await nameOf(extension);
    fill(app, back(), pageHead(name, `Extension ${extension}`), notice("info", `${name} is no executive yet. Give them an assistant and save.`));
  }
  await executiveEditor(app, draft, {back: back(), removable: true, created: (key) => leave(draft, url`/admin/executives/${key}`)});
}

async function start() {
  if (app.dataset.mode === "list") return list();
  if (app.dataset.mode === "new") return choose();
  await edit(app.dataset.key);
}

start().catch((error) => fill(app, back(), notice("bad", error instanceof ApiError ? error.message : "This page cannot be shown.")));
