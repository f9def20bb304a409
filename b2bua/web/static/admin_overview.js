// The overview: figures of the organisation, what needs a look, and the wizard that takes a newcomer from nothing to the first delegated call.

import {$, api, ApiError, busy, complain, copyButton, count, el, fill, icon, notice, person, secret, timeElement, toast, url} from "./base.js";
import {field, freshId, kindName, showFindings, userPicker} from "./forms.js";
import {pageHead} from "./lists.js";

const app = $("#app");
const administers = app.dataset.administers === "yes";

async function overview() {
  const totals = Object.fromEntries(await Promise.all([["users", "/users"], ["executives", "/executives"], ["groups", "/groups"], ["phones", "/phones"]].map(async ([name, path]) => [name, (await api("GET", `${path}?limit=1`)).data.total])));
  if (!totals.executives && administers) return welcome(totals);
  const cards = [["users", "Users", "users", "/admin/users"], ["executives", "Executives", "delegation", "/admin/executives"], ["groups", "Groups and queues", "groups", "/admin/groups"], ["phones", "Phones in the inventory", "phone", "/admin/phones"]];
  const office = el("div", {class: "grid"}, el("p", {class: "loading"}, "Looking at the executives …"));
  const changes = el("div", {class: "stack"});
  fill(app, pageHead("Administration", "", administers ? el("button", {class: "button primary", type: "button", on: {click: () => wizard()}}, icon("plus"), "Executive with assistants") : null),
    el("div", {class: "stack"},
      el("div", {class: "grid small-cells"}, ...cards.map(([name, label, iconName, href]) => el("a", {class: "card", href}, el("span", {class: "row muted"}, icon(iconName), label), el("div", {class: "figure"}, totals[name].toLocaleString("en"))))),
      el("h2", {class: "section-title"}, "Coverage this week"), office, administers ? changes : null));
  await Promise.all([coverageOf(office), administers ? latestChanges(changes) : null]);
}

async function latestChanges(place) {
  const {data} = await api("GET", "/audit?limit=6");
  if (!data.items.length) return;
  fill(place, el("h2", {class: "section-title"}, "Latest changes"), el("div", {class: "card flush"}, ...data.items.map((row) => el("div", {class: "case-row"}, el("span", {class: `badge ${{created: "good", removed: "bad"}[row.action] ?? "accent"}`}, row.action), el("span", {class: "grow", dir: "auto"}, `${kindName(row.kind)} ${row.key}`), el("span", {class: "muted small"}, "by ", el("bdi", {}, row.actor)), el("span", {class: "muted small nowrap"}, timeElement(row.at)))),
    el("div", {class: "pager"}, el("span"), el("a", {href: "/admin/audit"}, "All changes"))));
}

async function coverageOf(place) {
  const {data} = await api("GET", "/executives?limit=12");
  const weeks = await Promise.all(data.items.map((each) => api("GET", url`/coverage/${each.extension}`).then(({data: week}) => week, () => null)));
  const shown = weeks.filter(Boolean).sort((one, other) => other.gaps.length - one.gaps.length);
  fill(place, ...shown.map((week) => el("a", {class: "card", href: administers ? url`/admin/executives/${week.executive}` : url`/my-delegation/${week.executive}`},
    el("div", {class: "row spread"}, person(week.name, week.executive), week.gaps.length ? el("span", {class: "badge warn"}, icon("warn"), count(week.gaps.length, "gap")) : el("span", {class: "badge good"}, icon("check"), "covered")),
    week.gaps.length ? el("p", {class: "small muted", dir: "auto"}, week.gaps[0]) : null)), shown.length ? null : el("p", {class: "muted"}, "No executives here."));
}

function welcome(totals) {
  fill(app, el("div", {class: "card hero"},
    el("h2", {}, "Welcome. Let's set up the first office."),
    el("p", {}, "An executive and at least two assistants: they get extensions and SIP passwords, you enter those in three phones, and call. It takes five minutes."),
    el("div", {class: "row"}, el("button", {class: "button primary", type: "button", id: "start", on: {click: () => wizard()}}, icon("plus"), "Add an executive with assistants"),
      el("a", {class: "button", href: "/imports"}, icon("upload"), "Import people from a spreadsheet"))),
  totals.users ? el("p", {class: "muted"}, `${count(totals.users, "user is", "users are")} here already; nobody of them is an executive.`) : null);
}

// --- the wizard ------------------------------------------------------------------------------------------------------------------

const STEPS = ["The people", "Connect the phones", "Call"];

const steps = (now) => el("ol", {class: "steps"}, ...STEPS.map((each, index) => el("li", {class: index < now ? "done" : null, "aria-current": index === now ? "step" : null}, el("span", {}, index < now ? icon("check") : index + 1), each)));

async function wizard() {
  const {data: proposal} = await api("GET", "/offices/proposal?people=12");
  const free = [...proposal.extensions];
  const people = [newPerson("executive", free.shift()), newPerson("assistant", free.shift()), newPerson("assistant", free.shift()), {...newPerson("colleague", free.shift()), name: "Colleague"}];
  const rows = el("div", {class: "stack"});
  let limit = 10;
  api("GET", "/organisation").then(({data}) => { limit = data.limits?.assistants_per_executive ?? 10; draw(); }, complain);
  const counter = el("span", {class: "muted", role: "status"});
  const more = el("button", {class: "button", type: "button", on: {click: () => { const place = assistantsOf(people) + 1; people.splice(place, 0, newPerson("assistant", free.shift() ?? "")); draw(); $("input", rows.children[place])?.focus(); }}}, icon("plus"), "Another assistant");
  const draw = () => {
    fill(rows, ...people.map((each, index) => personRow(each, index, people, draw)));
    const assistants = assistantsOf(people);
    counter.textContent = `${assistants} of ${count(limit, "assistant")}`;
    more.disabled = assistants >= limit;
    more.title = more.disabled ? `No more than ${limit} assistants for an executive (Organisation, limits).` : "";
  };
  const group = freshId("mode");
  const mode = el("div", {class: "segmented"}, ...[["ring_all", "All together"], ["sequential", "One after the other"]].map(([value, label], index) => el("label", {}, el("input", {type: "radio", name: group, value, checked: index === 0}), el("span", {}, label))));
  const time = el("input", {type: "number", value: 30, min: 1, max: 7200, class: "short"});
  const rollover = el("select", {}, el("option", {value: "executive"}, "the executive's own phones ring"), el("option", {value: "hangup"}, "the call ends"));
  const button = el("button", {class: "button primary", type: "submit"}, "Make them, and show the phones");
  const form = el("form", {class: "card stack", novalidate: true}, el("div", {data: {findings: "1"}}), rows, el("div", {class: "row spread"}, more, counter), el("hr"),
    el("div", {class: "form-grid"}, field("The assistants' phones ring", mode, {group: true}), field("For (seconds)", time), field("When nobody answers", rollover)),
    el("div", {class: "actions"}, el("a", {class: "button", href: "/admin"}, "Cancel"), button));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const missing = people.flatMap((each, index) => (each.existing || each.name.trim() ? [] : [{field: `${placeOf(index, people)}.name`, text: "Write a name."}]))
      .concat(people.flatMap((each, index) => (each.extension.trim() ? [] : [{field: `${placeOf(index, people)}.extension`, text: "Write an extension."}])));
    showFindings(form, missing, true);
    if (missing.length) return;
    busy(button, async () => {
      const body = {executive: bodyOf(people[0]), assistants: people.filter((each) => each.role === "assistant").map(bodyOf), colleagues: people.filter((each) => each.role === "colleague").map(bodyOf), alerting: {mode: $("input:checked", mode).value, ring_seconds: Number(time.value) || 30}, rollover: rollover.value};
      try {
        const {data} = await api("POST", "/offices", body);
        connect(data);
      } catch (error) {
        if (!(error instanceof ApiError) || error.status !== 422 || !error.findings.length) throw error;
        showFindings(form, error.findings.map((each) => ({...each, field: fieldOf(each, people)})), true);
      }
    });
  });
  draw();
  fill(app, steps(0), pageHead("An executive with assistants", "Extensions are proposed, passwords are made. All of it can be changed later."), form);
  $("input", rows)?.focus();
}

const newPerson = (role, extension) => ({role, name: "", extension, number: "", existing: false});
const bodyOf = (each) => ({extension: each.extension.trim(), name: each.existing ? "" : each.name.trim(), number: each.existing ? "" : each.number.trim(), existing: each.existing});
const assistantsOf = (people) => people.filter((each) => each.role === "assistant").length;
const placeOf = (index, people) => (index === 0 ? "executive" : people[index].role === "assistant" ? `assistants[${index - 1}]` : `colleagues[${index - 1 - assistantsOf(people)}]`);

/** Findings are about entries; in the form they belong to the person. */
function fieldOf(finding, people) {
  const index = people.findIndex((each) => each.extension === finding.key);
  if (finding.kind === "users" && index >= 0) return `${placeOf(index, people)}.${finding.field.startsWith("numbers") ? "number" : finding.field.split(/[.[]/)[0]}`;
  const place = /^assistants\[(\d+)\]/.exec(finding.field);
  return finding.kind === "executives" && place ? `assistants[${place[1]}].name` : finding.kind === "office" ? finding.field : "";
}

function personRow(each, index, people, draw) {
  const place = placeOf(index, people);
  const extra = each.role === "colleague";
  const bind = (key, control) => { control.addEventListener("input", () => { each[key] = control.value; }); return control; };
  const label = index === 0 ? "Executive" : extra ? "To call from" : `Assistant ${index}`;
  const text = (key, more = {}) => bind(key, el("input", {type: "text", value: each[key], autocomplete: "off", "aria-label": `${label}: ${more.label}`, ...more, label: null}));
  const nameControl = each.existing ? el("div", {class: "row"}, person(each.name, "is here already"), el("button", {class: "button small quiet", type: "button", on: {click: () => { Object.assign(each, newPerson(each.role, ""), {existing: false}); draw(); }}}, "Another"))
    : text("name", {label: "name", placeholder: index === 0 ? "Olivia Boss" : index === 1 ? "Sam Secretary" : "Ana Aide", dir: "auto", maxlength: 128});
  return el("div", {class: "person-row", data: {path: place}, role: "group", "aria-label": label},
    el("span", {class: "role"}, label),
    wrap("Name", nameControl, `${place}.name`, extra ? el("p", {class: "hint"}, "An assistant's own phone reaches the executive directly: it takes another one to try the delegation.") : index > 0 && !each.existing ? existingLink(each, draw) : null),
    wrap("Extension", each.existing ? el("span", {class: "mono"}, each.extension) : text("extension", {label: "extension", inputmode: "numeric", maxlength: 32}), `${place}.extension`),
    wrap("Outside number", each.existing ? el("span", {class: "muted"}, "as it is") : text("number", {label: "outside number", placeholder: "optional", inputmode: "tel", maxlength: 40}), `${place}.number`),
    extra || (assistantsOf(people) > 1 && index > 0) ? el("button", {class: "icon-button", type: "button", "aria-label": `Remove ${label}`, on: {click: () => { people.splice(index, 1); draw(); }}}, icon("close")) : el("span"));
}

const wrap = (label, control, path, after = null) => {
  const input = control.matches("input") ? control : null;
  if (input) input.id ||= freshId();
  return el("div", {class: "field", data: {path}}, input ? el("label", {for: input.id}, label) : el("span", {class: "label"}, label), control, after);
};

function existingLink(each, draw) {
  return el("button", {class: "button quiet small", type: "button", on: {click: (event) => {
    const picker = userPicker({label: "Somebody who is here already", choose: (item) => { Object.assign(each, {name: item.label, extension: item.value, existing: true}); draw(); }, filter: (user) => (user.type ?? "person") === "person"});
    event.currentTarget.replaceWith(picker);
    $("input", picker).focus();
  }}}, "or somebody who is here already");
}

// --- the phones ------------------------------------------------------------------------------------------------------------------

function connect(office) {
  const {connection, people} = office;
  const boss = people[0];
  const cards = people.map((each) => phoneCard(each, connection, boss));
  const server = `${connection.server}:${connection.port}`;
  const own = document.body.dataset.extension;
  const caller = people.find((each) => each.role === "colleague");
  const done = el("div", {class: "card hero", hidden: true},
    el("h2", {}, `The phones are connected. Now call ${boss.extension}.`),
    el("p", {}, `Dial ${boss.extension} on ${caller ? `the phone of ${caller.name} (${caller.extension})` : "the phone of a colleague, who is neither"}: the phones of ${people.filter((each) => each.role === "assistant").map((each) => each.name).join(" and ")} ring, and whoever answers has the call.`),
    own ? el("div", {class: "row"}, el("a", {class: "button primary", href: "/"}, icon("calls"), "Watch the calls")) : null);
  const local = /^(127\.|localhost|::1)/.test(connection.server);
  fill(app, steps(1), pageHead("Connect the phones", "Enter these in softphones or desk phones: those of the assistants and the one to call from are enough to begin. A phone that has registered gets a green tick at once. The passwords are shown only now."),
    el("div", {class: "stack"},
      local ? notice("info", `The server listens on this machine only (${server}): use softphones on this machine, or write the machine's address under listen and aliases in the server's configuration for phones on your network.`) : null,
      el("div", {class: "grid"}, ...cards.map((each) => each.node)), done, invitations(people),
      el("div", {class: "row"}, el("a", {class: "button", href: url`/admin/executives/${boss.extension}`}, "Go on to the delegation"), el("a", {class: "button quiet", href: url`/simulator?to=${boss.extension}`}, "Simulate a call"))));
  addEventListener("beforeunload", (event) => { if (cards.some((each) => each.fresh && !each.registered)) event.preventDefault(); });
  const look = async () => {
    await Promise.all(cards.map((each) => each.look().catch(() => {})));
    const missing = cards.filter((each) => each.needed && !each.registered).length;
    if (done.hidden && missing === 0) {
      done.hidden = false;
      fill($(".steps"), ...steps(2).childNodes);
      toast("The phones are connected", {kind: "good"});
      done.scrollIntoView({block: "center", behavior: "smooth"});
    }
    if (app.isConnected) setTimeout(look, missing ? 1500 : 6000);
  };
  look();
}

/** Calls are shown to those whom they concern, not to administrators: each gets a link to sign in with. */
function invitations(people) {
  const row = (each) => {
    const place = el("div", {class: "grow"});
    const button = el("button", {class: "button small", type: "button", "aria-label": `Make a sign-in link for ${each.name}`, on: {click: () => busy(button, async () => {
      const {data} = await api("POST", url`/accounts/${each.extension}/invitation`);
      fill(place, secret(data.link, `Copy the link of ${each.name}`));
      button.remove();
    })}}, icon("mail"), "Make a sign-in link");
    place.append(button);
    return el("div", {class: "case-row"}, el("span", {class: "invited"}, person(each.name, `extension ${each.extension}`)), place);
  };
  return el("section", {class: "card flush", "aria-label": "Follow the calls on the page"}, el("div", {class: "card-head"}, el("h2", {}, "Follow the calls on the page"),
    el("p", {}, "The page shows calls to those whom they concern: the executive, the assistants, never to an administrator. Give each of them a link; it is valid for 24 hours and shown once. To watch yourself, open one in a private window: choose a password, sign in, call, and see the call from ringing to the history.")),
  ...people.filter((each) => each.role !== "colleague").map(row));
}

const ROLES = {executive: "Executive (may wait)", assistant: "Assistant", colleague: "To call from"};

function phoneCard(each, connection, boss) {
  const state = el("span", {class: "phone-state", role: "status"}, el("span", {class: "pulse"}), "Waiting for the phone");
  const line = each.lines[0];
  const copyable = (text) => el("span", {class: "row"}, el("code", {}, text), copyButton(text, `Copy ${text}`));
  const node = el("section", {class: "card phone-card", "aria-label": each.name},
    el("div", {class: "row spread"}, person(each.name, `${ROLES[each.role]}, extension ${each.extension}`), state),
    el("dl", {class: "facts"},
      el("dt", {}, "SIP server"), el("dd", {}, copyable(connection.port === 5060 ? connection.server : `${connection.server}:${connection.port}`)),
      connection.domain !== connection.server ? [el("dt", {}, "Domain"), el("dd", {}, copyable(connection.domain))] : null,
      el("dt", {}, "Transport"), el("dd", {}, connection.transports.join(" or ")),
      el("dt", {}, "User name"), el("dd", {}, copyable(each.extension)),
      el("dt", {}, "Password"), el("dd", {}, each.password ? secret(each.password, `Copy the password of ${each.extension}`) : el("span", {class: "muted"}, "as it was: the phone of this user stays as it is"))),
    line ? el("details", {class: "more"}, el("summary", {}, `A second line key that speaks as ${boss.name}`),
      el("dl", {class: "facts"}, el("dt", {}, "User name"), el("dd", {}, copyable(line)), el("dt", {}, "Authentication name"), el("dd", {}, copyable(each.extension)), el("dt", {}, "Password"), el("dd", {}, "the same")),
      el("p", {class: "hint"}, "Optional. Without it: dial #64, the executive's extension, * and the number.")) : null);
  const card = {node, registered: false, needed: each.role !== "executive", fresh: Boolean(each.password), async look() {
    const {data} = await api("GET", url`/users/${each.extension}/phones`);
    const now = data.items.length > 0;
    if (now === this.registered) return;
    this.registered = now;
    node.classList.toggle("registered", now);
    fill(state, el("span", {class: "pulse"}), now ? [icon("check"), `Connected: ${data.items[0].user_agent || "phone"}`] : "Waiting for the phone");
  }};
  return card;
}

async function start() {
  if (location.hash === "#start" && administers) return wizard();
  await overview();
}

addEventListener("hashchange", () => { if (location.hash === "#start") wizard().catch(complain); });
start().catch((error) => fill(app, notice("bad", error instanceof ApiError ? error.message : "This page cannot be shown.")));
