// Groups and queues, services, and duty profiles.

import {$, ApiError, el, fill, icon, notice, person, tabs, url} from "./base.js";
import {bound, Draft, formOf, leave, me, nameOf, officeNames, officeTokens, saveBar, userPicker} from "./forms.js";
import {crumbs, listPage, pageHead} from "./lists.js";
import {removeEntry, renameEntry} from "./entry_actions.js";
import {sortable} from "./sortable.js";

const app = $("#app");
const {topic, mode, key} = app.dataset;
const role = document.body.dataset.role;
const administers = role === "user_admin" || role === "super_admin";
const grid = (...children) => el("div", {class: "form-grid"}, ...children);
const memberNames = (list) => (list ?? []).map((each) => each.extension ?? each.group ?? (each.extensions ? each.extensions.join(", ") : each));

function namesLine(extensions) {
  const made = el("span", {}, extensions.length ? extensions.slice(0, 5).join(", ") : el("span", {class: "badge warn"}, "nobody"));
  if (extensions.length) officeNames().then((offices) => Promise.all(extensions.slice(0, 4).map(async (each) => offices.get(each) ?? ((await nameOf(each)) || each)))).then((names) => fill(made, names.flatMap((each, index) => [index ? ", " : "", el("bdi", {}, each)]), extensions.length > 4 ? `, and ${extensions.length - 4} more` : ""), () => {});
  return made;
}

// --- lists -----------------------------------------------------------------------------------------------------------------------

function list() {
  const add = administers ? el("a", {class: "button primary", href: `/admin/${topic}/new`}, icon("plus"), `Add a ${app.dataset.one}`) : null;
  const place = el("div", {});
  if (topic === "groups") {
    fill(app, pageHead(app.dataset.title, app.dataset.text, add), place);
    listPage(place, {collection: "/groups", label: "Groups", columns: [
      {label: "Name", sort: "name", cell: (item) => person(item.name, item.extension)},
      {label: "Type", cell: (item) => el("span", {class: "badge"}, item.type === "queue" ? "queue" : "group")},
      {label: "Members", cell: (item) => namesLine(memberNames(item.members))},
      {label: "Numbers", cell: (item) => (item.numbers ?? []).join(", "), className: "mono small"},
    ], filters: [{name: "type", label: "Groups and queues", options: [["group", "Groups"], ["queue", "Queues"]]}], href: (item) => url`/admin/groups/${item.extension}`,
    nothing: {icon: "groups", title: "No groups yet", text: "A group has an extension of its own and rings its members; a queue lets callers wait.", action: add}});
    return;
  }
  const duty = el("div", {});
  const items = [{id: "services", label: "Services", panel: place}, {id: "duty", label: "Duty profiles", panel: duty}];
  const addDuty = administers ? el("a", {class: "button", href: "/admin/duty-profiles/new"}, icon("plus"), "Add a duty profile") : null;
  fill(app, pageHead(app.dataset.title, app.dataset.text, addDuty, administers ? el("a", {class: "button primary", href: "/admin/services/new"}, icon("plus"), "Add a service") : null), tabs("Services and duty", items).node);
  listPage(place, {collection: "/services", label: "Services", columns: [
    {label: "Name", sort: "name", cell: (item) => person(item.name, item.extension)},
    {label: "Agents", cell: (item) => namesLine(memberNames(item.agents))},
    {label: "Numbers", cell: (item) => (item.numbers ?? []).join(", "), className: "mono small"},
    {label: "On behalf", cell: (item) => (item.enabled === false ? el("span", {class: "badge"}, "off") : el("span", {class: "badge good"}, "on"))},
  ], href: (item) => url`/admin/services/${item.extension}`, nothing: {icon: "service", title: "No services yet", text: "A service, such as a help desk, can be called and spoken for like an executive.", action: null}});
  listPage(duty, {collection: "/duty-profiles", label: "Duty profiles", columns: [
    {label: "Name", sort: "name", cell: (item) => item.name},
    {label: "Code", cell: (item) => el("code", {}, `#69${item.code}`)},
    {label: "Agents", cell: (item) => namesLine(item.agents ?? [])},
    {label: "Responsible for", cell: (item) => namesLine(item.responsible_for ?? [])},
    {label: "Active by itself", cell: (item) => (item.active === false ? "no" : "yes")},
  ], href: (item) => url`/admin/duty-profiles/${item.name}`, nothing: {icon: "schedule", title: "No duty profiles yet", text: "With one, agents say by phone when they are on duty, and for what.", action: addDuty}});
}

// --- forms -----------------------------------------------------------------------------------------------------------------------

function ringing(draft) {
  const f = (description) => bound(draft, description);
  return el("section", {class: "stack"}, f({path: "alerting.mode", kind: "segmented", label: "Phones ring", standard: "ring_all", options: [["ring_all", "All together"], ["sequential", "One after the other"]]}), grid(
    f({path: "alerting.ring_seconds", kind: "number", label: "Ring time", unit: "seconds", standard: 30, min: 1, max: 7200}),
    f({path: "alerting.name", kind: "choice", label: "Phones show", standard: "originator_executive", options: [["originator_executive", "Caller → Name"], ["executive_originator", "Name ← Caller"], ["originator", "Caller"], ["executive", "Name"], ["custom", "A text of your own"]]}),
    f({path: "alerting.custom_name", label: "The text", shown: (body) => body.alerting?.name === "custom"}),
    f({path: "alerting.name_prefix", label: "Put before the name"}),
    f({path: "alerting.number", kind: "choice", label: "Number", standard: "originator", options: [["originator", "of the caller"], ["executive", "of this extension"], ["custom", "another one"]]}),
    f({path: "alerting.custom_number", label: "The number", shown: (body) => body.alerting?.number === "custom"}),
  ));
}

function overflow(draft, queue) {
  const action = draft.get("rollover.action");
  if (action && typeof action === "object") {
    const [[word, target]] = Object.entries(action);
    for (const body of [draft.body, draft.base]) body.rollover = {...body.rollover, action: word, [word]: target};
  }
  const f = (description) => bound(draft, description);
  const word = (body) => body.rollover?.action ?? "hangup";
  return el("section", {class: "stack", data: {path: "rollover"}}, f({path: "rollover.action", kind: "choice", label: queue ? "When it is full, or the wait is over" : "When nobody answers", none: "Hang up (nothing has been decided)", options: [["hangup", "Hang up"], ["forward", "Forward to a number"], ["voicemail", "Go to a mailbox"]]}), grid(
    f({path: "rollover.forward", kind: "user", label: "Forward to", free: true, placeholder: "Extension or outside number", shown: (body) => word(body) === "forward"}),
    f({path: "rollover.voicemail", label: "Mailbox", placeholder: "sip:vm@192.0.2.9:5060", shown: (body) => word(body) === "voicemail"}),
    f({path: "rollover.after_seconds", kind: "number", label: "After", unit: "seconds", min: 0, max: 7200, hint: "Empty: when everybody has rung.", shown: () => !queue}),
  ));
}

/** Members or agents: a list in ring order. */
function people(draft, what, {direction = false} = {}) {
  const list = el("ol", {class: "sortable", "aria-label": "In ring order"});
  const items = () => draft.get(what) ?? [];
  const write = (values) => draft.set(what, values.length ? values : undefined);
  const keyOf = (each) => (typeof each === "string" ? each : each.extension ?? each.group ?? (each.extensions ?? []).join(", "));
  const draw = (focus = -1) => {
    fill(list, ...items().map((item, index) => {
      const shown = keyOf(item);
      const label = el("bdi", {}, shown);
      if (item.group) officeNames().then((offices) => { if (offices.has(shown)) label.textContent = offices.get(shown); }, () => {});
      else if (typeof item === "string" || item.extension) nameOf(shown).then((found) => { if (found) label.textContent = found; }, () => {});
      const change = (values) => write(items().map((each, place) => (place === index ? tidy({...(typeof each === "string" ? {extension: each} : each), ...values}) : each)));
      const seconds = el("input", {type: "number", min: 1, max: 7200, class: "short", value: item.ring_seconds ?? "", placeholder: "as all", "aria-label": `${shown} rings for so many seconds`});
      seconds.addEventListener("input", () => change({ring_seconds: seconds.value ? Number(seconds.value) : undefined}));
      const way = direction ? el("select", {"aria-label": `Direction of ${shown}`}, ...[["", "as the service"], ["both", "in and out"], ["in", "in"], ["out", "out"]].map(([value, text]) => el("option", {value}, text))) : null;
      if (way) { way.value = item.direction ?? ""; way.addEventListener("change", () => change({direction: way.value || undefined})); }
      return el("li", {data: {path: `${what}[${index}]`}}, el("div", {class: "sort-head"}, el("button", {class: "icon-button grip", type: "button", "aria-label": `Move ${shown}`, data: {grip: ""}}, icon("grip")), el("span", {class: "place-number"}, index + 1),
        el("span", {class: "person"}, el("span", {class: "person-text"}, label, el("small", {}, item.group ? `members of group ${item.group}` : shown))), way, draft.get("alerting.mode") === "sequential" ? seconds : null,
        el("button", {class: "icon-button", type: "button", "aria-label": `Remove ${shown}`, on: {click: () => { write(items().filter((_, place) => place !== index)); draw(); }}}, icon("close"))));
    }));
    if (focus >= 0) $("[data-grip]", list.children[focus])?.focus();
  };
  const tidy = (entry) => {
    const left = Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== undefined));
    return Object.keys(left).length === 1 && left.extension ? left.extension : left;
  };
  sortable(list, {name: (index) => $("bdi", list.children[index])?.textContent ?? "", moved: (from, to) => { const values = [...items()]; values.splice(to, 0, ...values.splice(from, 1)); write(values); draw(to); }});
  draft.onChange((path) => { if (path === "alerting.mode") draw(); });
  const problem = el("div", {"aria-live": "polite"});
  const picker = userPicker({label: "Add somebody", placeholder: "Add: name or extension", choose: (item) => {
    const limited = item.user && (item.user.type ?? "person") !== "person";
    fill(problem, items().some((each) => keyOf(each) === item.value) ? notice("warn", `${item.label} is in the list already.`) : limited ? notice("warn", `${item.label} is a ${item.user.type} extension, which cannot be a member.`) : null);
    if (!problem.childElementCount) { write([...items(), item.value]); draw(items().length - 1); }
  }});
  draw();
  return el("section", {class: "stack", data: {path: what}}, list, picker, problem);
}

function groupItems(draft) {
  const f = (description) => bound(draft, description);
  const queue = (draft.get("type") ?? "group") === "queue";
  return [
    {id: "general", label: "General", panel: grid(
      draft.isNew ? f({path: "extension", label: "Extension", required: true}) : null, f({path: "name", label: "Name"}),
      f({path: "type", kind: "segmented", label: "Type", standard: "group", options: [["group", "Group"], ["queue", "Queue"]]}),
      f({path: "location", kind: "site", label: "Site", none: "No site"}), f({path: "numbers", kind: "lines", label: "Outside numbers", badge: "main", type: "tel", add: "Add a number"}))},
    {id: "members", label: "Members", panel: people(draft, "members")},
    {id: "ringing", label: "Ringing", panel: ringing(draft)},
    {id: "overflow", label: queue ? "Overflow" : "When nobody answers", panel: el("div", {class: "stack"}, queue ? grid(
      f({path: "maximum_wait", kind: "number", label: "Longest wait", unit: "seconds", standard: 300, min: 1, max: 7200}), f({path: "capacity", kind: "number", label: "Callers that may wait", min: 1, hint: "Empty: any number."})) : null, overflow(draft, queue))},
    {id: "managers", label: "Managers", panel: el("div", {class: "stack"}, el("p", {class: "muted"}, "They sign in as themselves and change members, ringing and overflow of this one."), f({path: "managers", kind: "users", label: "Managers"}))},
  ];
}

function serviceItems(draft) {
  const f = (description) => bound(draft, description);
  const numbers = () => draft.get("numbers") ?? [];
  return [
    {id: "general", label: "General", panel: grid(
      draft.isNew ? f({path: "extension", label: "Extension", required: true}) : null, f({path: "name", label: "Name"}),
      f({path: "location", kind: "site", label: "Site", none: "No site"}), f({path: "numbers", kind: "lines", label: "Outside numbers", badge: "main", type: "tel", add: "Add a number"}))},
    {id: "agents", label: "Agents", panel: el("div", {class: "stack"}, !administers ? null : f({path: "direction", kind: "segmented", label: "Agents take and make calls", standard: "both", options: [["both", "In and out"], ["in", "In"], ["out", "Out"]]}), people(draft, "agents", {direction: true}))},
    {id: "ringing", label: "Ringing", panel: ringing(draft)},
    {id: "overflow", label: "When nobody answers", panel: overflow(draft, false)},
    {id: "behalf", label: "Calls on behalf", panel: grid(
      f({path: "enabled", kind: "switch", label: "Agents may call as the service", standard: true}),
      f({path: "caller_id", kind: "choice", label: "Caller ID", none: numbers().length ? `The main number (${numbers()[0]})` : "The extension", options: numbers().map((each) => [each, each])}),
      f({path: "on_behalf.outside", kind: "choice", label: "People outside see", standard: "executive", options: [["executive", "the service"], ["assistant", "“Agent for Service”"], ["self", "the agent"]]}),
      f({path: "on_behalf.inside", kind: "choice", label: "Colleagues see", standard: "self", options: [["executive", "the service"], ["assistant", "“Agent for Service”"], ["self", "the agent"]]}))},
    {id: "managers", label: "Managers", panel: f({path: "managers", kind: "users", label: "Managers"})},
  ];
}

function dutyItems(draft) {
  const f = (description) => bound(draft, description);
  return [{id: "general", label: "Duty profile", panel: grid(
    draft.isNew ? f({path: "name", label: "Name", required: true}) : null,
    f({path: "code", label: "Code", placeholder: "1", hint: "Dialled after #69 to go on duty with it."}),
    f({path: "active", kind: "switch", label: "Active by itself", standard: true, hint: "Until an agent chooses another by phone."}),
    f({path: "agents", kind: "users", label: "Agents", className: "full"}),
    f({path: "responsible_for", kind: "tokens", label: "Responsible for", className: "full", tokens: officeTokens("Service, group or executive", {executives: true})}))}];
}

const FORMS = {groups: ["extension", groupItems], services: ["extension", serviceItems], "duty-profiles": ["name", dutyItems]};

/** What the manager of a group, queue or service may change of it. */
const MANAGED = new Set(["members", "agents", "ringing", "overflow"]);

async function edit(draft) {
  draft.redraw();
  const [what, all] = FORMS[topic];
  const looksAfter = administers || (await me()).offices.includes(draft.body.extension);
  if (!looksAfter) {
    fill(app, crumbs([`/admin/${topic}`, app.dataset.title]), pageHead(draft.body.name, draft.body.extension ? `Extension ${draft.body.extension}` : ""), notice("info", "You look after others: this one is changed by an administrator, or by its managers."));
    return;
  }
  const items = (each) => all(each).filter((item) => administers || MANAGED.has(item.id));
  const back = topic === "duty-profiles" ? "/admin/services#duty" : `/admin/${topic}`;
  const title = draft.isNew ? `Add a ${app.dataset.one}` : draft.body.name;
  const wasNew = draft.isNew;
  const bar = saveBar(draft, {discarded: () => edit(draft), label: wasNew ? "Add" : "Save", saved: (entry) => { if (wasNew) leave(draft, `/admin/${topic}/${encodeURIComponent(entry[what])}`); else edit(draft); }});
  fill(app, crumbs([back, topic === "duty-profiles" ? "Services and duty" : app.dataset.title]), pageHead(title, wasNew || topic === "duty-profiles" ? "" : `Extension ${draft.body.extension}`,
    ...(wasNew || !administers ? [] : [renameEntry(draft, what, (to) => `/admin/${topic}/${encodeURIComponent(to)}`), removeEntry(draft, draft.body.name, back)])),
  el("div", {class: "card"}, formOf(draft, bar, items(draft).length > 1 ? tabs("Parts", items(draft)).node : items(draft)[0].panel)));
  document.title = `${title} · b2bua`;
}

async function start() {
  if (mode === "list") return list();
  const draft = mode === "new" ? new Draft({collection: `/${topic}`}) : await Draft.load(`/${topic}`, key);
  draft.always((path) => { if (path === "" || path === "type") edit(draft); });
  await edit(draft);
}

start().catch((error) => fill(app, notice("bad", error instanceof ApiError ? error.message : "This page cannot be shown.")));
