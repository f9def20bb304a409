// Users: the list, and one user with everything about them.

import {$, api, ApiError, busy, complain, confirm, count, dialog, el, fill, icon, moment, notice, person, secret, tabs, timeElement, toast, url} from "./base.js";
import {bound, costCentreNames, Draft, formOf, leave, me, nameTokens, officeTokens, remember, saveBar, siteNames} from "./forms.js";
import {crumbs, listPage, pageHead} from "./lists.js";
import {removeEntry, renameEntry} from "./entry_actions.js";

const app = $("#app");
const role = document.body.dataset.role;
const administers = role === "user_admin" || role === "super_admin";
const LABELS = {
  status: {enabled: "Enabled", invited: "Invited", not_activated: "Not activated", disabled: "Disabled", unassigned: "Unassigned", inventory: "Inventory"},
  role: {user: "User", user_admin: "User administrator", super_admin: "Super administrator"},
  type: {person: "Person", limited: "Limited (room, lobby)", forwarding: "Forwarding only", shared: "Shared phone (hot desk)"},
};
const BADGES = {enabled: "good", invited: "accent", not_activated: "warn", disabled: "bad", unassigned: "", inventory: ""};
const options = (name) => Object.entries(LABELS[name]);

function list() {
  fill(app, pageHead("Users", app.dataset.text, administers || role === "manager" ? el("a", {class: "button primary", href: "/admin/users/new"}, icon("plus"), "Add a user") : null), el("div", {id: "list"}));
  listPage($("#list"), {
    collection: "/users",
    label: "Users",
    placeholder: "Search name, extension, number, e-mail",
    columns: [
      {label: "Name", sort: "name", cell: (user) => person(user.name, user.extension)},
      {label: "Numbers", cell: (user) => (user.numbers ?? []).join(", "), className: "mono small"},
      {label: "Site", cell: (user) => user.location ?? ""},
      {label: "Type", cell: (user) => (user.type && user.type !== "person" ? el("span", {class: "badge"}, LABELS.type[user.type]) : "")},
      {label: "Role", cell: (user) => (user.role && user.role !== "user" ? el("span", {class: "badge accent"}, LABELS.role[user.role]) : "")},
      {label: "Status", cell: (user) => el("span", {class: `badge ${BADGES[user.status ?? "enabled"]}`}, LABELS.status[user.status ?? "enabled"])},
    ],
    filters: [
      {name: "site", label: "All sites", options: siteNames},
      {name: "cost_centre", label: "All cost centres", options: costCentreNames},
      {name: "type", label: "All types", options: options("type")},
      {name: "role", label: "All roles", options: options("role")},
      {name: "status", label: "All states", options: options("status")},
    ],
    href: (user) => url`/admin/users/${user.extension}`,
    nothing: {icon: "users", title: "Nobody is here yet", text: "Begin with an executive and the assistants: they get extensions and phones in one go.", action: el("a", {class: "button primary", href: "/admin#start"}, "Set up the first office")},
    loaded: (data) => remember(data.items),
  });
}

// --- one user --------------------------------------------------------------------------------------------------------------------

const grid = (...children) => el("div", {class: "form-grid"}, ...children);

function personPanel(draft) {
  const f = (description) => bound(draft, description);
  return el("div", {class: "stack"}, grid(
    draft.isNew ? f({path: "extension", label: "Extension", required: true, hint: "What colleagues dial, for example 683."}) : null,
    f({path: "name", label: "Name", required: true, hint: "What other phones show."}),
    f({path: "type", kind: "choice", label: "Type", standard: "person", options: options("type"), hint: "Limited: no voicemail, queue or conference, works at once. Shared: belongs to nobody until somebody logs in with *90."}),
    f({path: "email", kind: "email", label: "E-mail", placeholder: "name@example.com"}),
    f({path: "location", kind: "site", label: "Site", none: "No site"}),
    administers ? f({path: "cost_centre", kind: "cost_centre", label: "Cost centre", none: "None"}) : null,
    f({path: "emergency_location", label: "Emergency location", hint: "Where help is to go; empty: that of the site."}),
    f({path: "time_zone", kind: "zone", label: "Time zone", placeholder: "As the organisation", hint: "Such as Europe/Berlin."}),
  ), draft.isNew ? f({path: "password", label: "SIP password", hint: "For the phone. Leave it empty for a random one, which is shown once after saving."}) : null);
}

function callsPanel(draft) {
  const f = (description) => bound(draft, description);
  const target = {free: true, placeholder: "Extension, number or sip:…", hint: ""};
  return el("div", {class: "stack"},
    grid(
      f({path: "numbers", kind: "lines", label: "Outside numbers", badge: "main", type: "tel", add: "Add a number", placeholder: "+6221500676"}),
      el("div", {class: "stack"}, f({path: "dnd", kind: "switch", label: "Do not disturb", hint: "Until a phone says otherwise (*78, *79)."}),
        f({path: "devices.order", kind: "segmented", label: "Phones ring", standard: "together", options: [["together", "Together"], ["apps_first", "Apps first"], ["desk_first", "Desk first"]]}),
        f({path: "devices.rings", kind: "number", label: "Rings of the first ones", standard: 3, min: 0, hint: "6 seconds each; 0 leaves them out.", shown: (body) => (body.devices?.order ?? "together") !== "together"}))),
    el("h2", {class: "section-title"}, "Forwarding of the own calls"),
    el("p", {class: "muted small"}, "Delegated calls that an assistant misses are never forwarded from here."),
    grid(
      f({path: "forwarding.always", kind: "user", label: "Always", ...target}),
      f({path: "forwarding.busy", kind: "user", label: "When busy", ...target}),
      f({path: "forwarding.no_answer", kind: "user", label: "When nobody answers", ...target}),
      f({path: "forwarding.unreachable", kind: "user", label: "When no phone is reachable", ...target}),
      f({path: "forwarding.no_answer_seconds", kind: "number", label: "Rings before that", unit: "seconds", standard: 20, min: 1}),
    ),
    el("h2", {class: "section-title"}, "As an assistant"),
    grid(
      f({path: "divert.enabled", kind: "switch", label: "Divert filtered calls", hint: "Calls for executives go to the number instead."}),
      f({path: "divert.to", kind: "user", label: "Divert to", ...target}),
      f({path: "hours", kind: "schedule", label: "Working hours", none: "None", hint: "They count where a delegation respects them."}),
    ));
}

function rightsPanel(draft) {
  const f = (description) => bound(draft, description);
  return el("div", {class: "stack"}, grid(
    f({path: "role", kind: "choice", label: "Role", standard: "user", options: options("role"), hint: "User administrators look after users and all that belongs to them; super administrators also after the organisation."}),
    f({path: "self_service", kind: "switch", label: "Self-service", standard: true, hint: "May change their own forwarding, diverting and do not disturb on the page."}),
  ), el("h2", {class: "section-title"}, "Manager of"), el("p", {class: "muted small"}, "Managers sign in as themselves and look after the users of these sites, and the members of these groups, queues and services."),
  grid(
    f({path: "manages.sites", kind: "tokens", label: "Sites", tokens: nameTokens(siteNames, "Site")}),
    f({path: "manages.groups", kind: "tokens", label: "Groups, queues and services", tokens: officeTokens("Group, queue or service")}),
  ));
}

function phonesPanel(draft) {
  const panel = el("div", {class: "stack"}, el("p", {class: "loading"}, "Looking for phones …"));
  const extension = draft.body.extension;
  const load = async () => {
    try {
      const [{data}, {data: shared}] = await Promise.all([api("GET", url`/users/${extension}/phones`), api("GET", "/hot-desks")]);
      draw(data.items ?? data, shared.items.filter((each) => each.user && [each.user, each.extension].includes(extension)));
    } catch (error) {
      fill(panel, notice("warn", error.message));
    }
  };
  const desk = (each) => el("div", {class: "row"}, el("p", {class: "grow"}, each.extension === extension ? "Logged in: " : "Logged in at: ", el("bdi", {}, each.extension === extension ? `${each.user_name ?? ""} (${each.user})` : `${each.name} (${each.extension})`), each.until ? [", until ", timeElement(each.until)] : null),
    el("button", {class: "button small", type: "button", on: {click: (event) => busy(event.currentTarget, async () => { await api("POST", url`/hot-desks/${each.extension}/log-out`); toast(`${each.name} is free`, {kind: "good"}); await load(); })}}, "Log out"));
  const draw = (phones, desks) => fill(panel,
    desks.length ? el("div", {class: "stack tight", role: "group", "aria-label": "Shared phones"}, ...desks.map(desk)) : null,
    phones.length ? el("div", {class: "table-frame"}, el("table", {class: "cards", "aria-label": "Registered phones"}, el("thead", {}, el("tr", {}, ...["Phone", "Account", "Address", "Registered until"].map((each) => el("th", {scope: "col"}, each)))),
      el("tbody", {}, ...phones.map((each) => el("tr", {}, el("td", {class: "lead"}, each.user_agent || "Unknown phone", each.app ? el("span", {class: "badge"}, "app") : null), el("td", {"data-label": "Account", class: "mono"}, each.account), el("td", {"data-label": "Address", class: "mono"}, `${each.address} ${each.transport}`), el("td", {"data-label": "Until"}, each.expires ? timeElement(each.expires) : "always"))))))
      : notice("info", "No phone of this user is registered now."),
    el("div", {class: "row"}, el("button", {class: "button", type: "button", on: {click: (event) => busy(event.currentTarget, newPassword)}}, icon("key"), "New SIP password"), el("button", {class: "button quiet", type: "button", on: {click: (event) => busy(event.currentTarget, load)}}, icon("refresh"), "Look again")),
    el("p", {class: "hint"}, "The new password is random and shown once. Phones with the old one register no more."));
  const newPassword = async () => {
    if (!(await confirm("Give a new SIP password?", "Phones with the present one cannot register any more, until the new one is entered there.", {yes: "New password"}))) return;
    const {data} = await api("POST", url`/users/${extension}/sip-password`);
    await showOnce("The new SIP password", data.password, "Enter it in the phone now: it is not shown again.");
  };
  load();
  return panel;
}

const showOnce = (title, text, hint) => dialog({title, body: el("div", {class: "stack"}, secret(text), el("p", {class: "muted"}, hint)), actions: [{label: "I have it", value: true, kind: "primary"}]});

function accountPanel(draft) {
  const panel = el("div", {class: "stack"}, el("p", {class: "loading"}, "Looking at the account …"));
  const extension = draft.body.extension;
  const path = (what = "") => url`/accounts/${extension}` + what;
  const load = async () => {
    try { draw((await api("GET", path())).data); } catch (error) { fill(panel, notice(error.status === 404 ? "info" : "warn", error.message)); }
  };
  const act = (label, iconName, work, kind = "") => el("button", {class: `button ${kind}`, type: "button", on: {click: (event) => busy(event.currentTarget, async () => { await work(); await load(); })}}, icon(iconName), label);
  const draw = (state) => {
    const invited = state.invited_until && state.invited_until * 1000 > Date.now();
    fill(panel,
      el("dl", {class: "facts"},
        el("dt", {}, "Status"), el("dd", {}, el("span", {class: `badge ${BADGES[state.status]}`}, LABELS.status[state.status] ?? state.status)),
        el("dt", {}, "Password"), el("dd", {}, state.has_password ? (state.must_change ? "set, must be changed at sign-in" : "set") : "none yet"),
        el("dt", {}, "PIN"), el("dd", {}, state.has_pin ? (state.pin_must_change ? "set, must be changed" : "set") : "none"),
        el("dt", {}, "Invitation"), el("dd", {}, invited ? `valid until ${moment(state.invited_until, {day: "always"})}` : "none"),
        el("dt", {}, "Last sign-in"), el("dd", {}, state.signed_in ? timeElement(state.signed_in, {day: "always"}) : "never"),
        el("dt", {}, "Signed in now"), el("dd", {}, state.sessions ? count(state.sessions, "browser") : "nowhere")),
      el("div", {class: "row"},
        act(invited ? "Send the invitation again" : "Invite", "mail", async () => {
          const {data} = await api("POST", path("/invitation"));
          await dialog({title: "The invitation", body: el("div", {class: "stack"}, el("p", {}, "Send this link to the user. It is valid for 24 hours and shown once; a later one replaces it."), secret(data.link ?? data.url)), actions: [{label: "Done", value: true, kind: "primary"}]});
        }, state.has_password ? "" : "primary"),
        act("Reset the password", "key", async () => { const {data} = await api("POST", path("/password-reset")); await showOnce("The new password", data.password, "It must be changed at the next sign-in, and is not shown again."); }),
        act("Reset the PIN", "lock", async () => { const {data} = await api("POST", path("/pin-reset")); await showOnce("The new PIN", data.pin, "For shared phones (*90). It must be changed, and is not shown again."); }),
        state.status === "disabled" ? act("Enable", "check", () => api("POST", path("/enable")).then(() => { toast("Enabled", {kind: "good"}); reload(draft); }))
          : act("Disable", "close", async () => { if (await confirm("Disable this user?", "They can neither sign in nor be reached, and their phones register no more. Everything about them stays.", {yes: "Disable", danger: true})) { await api("POST", path("/disable")); toast("Disabled"); reload(draft); } }, "danger")));
  };
  load();
  return panel;
}

/** The status lives in the entry, too: what is edited must be based on it. */
async function reload(draft) {
  const {data, etag} = await api("GET", draft.path);
  const changed = draft.dirty ? draft.body : null;
  draft.take(data, etag);
  if (changed) draft.body = {...changed, status: data.status};
  draft.tell("status");
}

async function edit(draft) {
  draft.redraw();
  const items = [
    {id: "person", label: "Person", panel: personPanel(draft)},
    {id: "calls", label: "Numbers and forwarding", panel: callsPanel(draft)},
    ...(administers ? [{id: "rights", label: "Role", panel: rightsPanel(draft)}] : []),
    ...(draft.isNew ? [] : [{id: "phones", label: "Phones", panel: phonesPanel(draft)}, ...(["shared", "limited"].includes(draft.body.type) ? [] : [{id: "account", label: "Sign-in", panel: accountPanel(draft)}])]),
  ];
  const bar = saveBar(draft, {
    label: draft.isNew ? "Add the user" : "Save",
    discarded: () => edit(draft),
    saved: async (entry) => {
      if (!created) return edit(draft);
      if (!chosen) await api("POST", url`/users/${entry.extension}/sip-password`).then(({data}) => showOnce(`SIP password of ${entry.name}`, data.password, `For the phone of extension ${entry.extension}. It is not shown again.`), complain);
      leave(draft, url`/admin/users/${entry.extension}`);
    },
  });
  const created = draft.isNew;
  let chosen = false;
  const save = bar.save;
  bar.save = () => { chosen = Boolean(draft.body.password); return save(); };
  const title = draft.isNew ? "Add a user" : draft.body.name;
  fill(app, crumbs(["/admin/users", "Users"]), pageHead(title, draft.isNew ? "" : `Extension ${draft.body.extension}`,
    draft.isNew ? null : el("a", {class: "button", href: url`/admin/executives/${draft.body.extension}`}, icon("delegation"), "Delegation"),
    draft.isNew ? null : renameEntry(draft, "extension", (key) => url`/admin/users/${key}`), draft.isNew ? null : removeEntry(draft, draft.body.name, "/admin/users")),
  el("div", {class: "card"}, formOf(draft, bar, tabs("Parts of the user", items).node)));
  document.title = `${title} · b2bua`;
}

/** A user whom the manager does not look after: what colleagues see of each other. */
function glance(user) {
  fill(app, crumbs(["/admin/users", "Users"]), pageHead(user.name, `Extension ${user.extension}`), el("div", {class: "card stack"},
    el("dl", {class: "facts"}, ...[["Numbers", (user.numbers ?? []).join(", ")], ["E-mail", user.email], ["Site", user.location]].filter(([, value]) => value).flatMap(([label, value]) => [el("dt", {}, label), el("dd", {}, value)])),
    notice("info", "You look after other sites: this user is changed by an administrator, or by the manager of their site.")));
}

async function start() {
  if (app.dataset.mode === "list") return list();
  const draft = app.dataset.mode === "new" ? new Draft({collection: "/users"}) : await Draft.load("/users", app.dataset.key);
  if (!administers && !draft.isNew && !(await me()).sites.includes(draft.body.location ?? "")) return glance(draft.body);
  draft.always((path) => { if (path === "") edit(draft); });
  await edit(draft);
}

start().catch((error) => fill(app, notice("bad", error instanceof ApiError ? error.message : "This page cannot be shown."), el("p", {}, el("a", {href: "/admin/users"}, "Back to the users"))));
