// The heads-up display: keeps what the server tells in `state`, shows it, and turns clicks and keys into commands.

import {announce, api, busy, complain, dialog, el, fill, icon, toast, url} from "./base.js";
import {CallList} from "./hud_calls.js";
import {Cards, Me, People} from "./hud_cards.js";
import {Dial, finder} from "./hud_dial.js";
import {Events} from "./hud_events.js";
import {Recent} from "./hud_recent.js";
import {HELP, shortcuts, shortcutsOn, switchShortcuts} from "./hud_keys.js";
import {contactOf, isMine, officeOf, ringingText} from "./hud_words.js";

const state = {
  me: {extension: document.body.dataset.extension},
  executives: new Map(),
  people: new Map(),
  calls: new Map(),
  offset: 0,
  /** The server's time, seconds since the epoch. */
  now: () => Date.now() / 1000 + state.offset,
};
const at = (id) => document.getElementById(id);

// --- what is done ----------------------------------------------------------------------------------------------------------------

const actions = {
  async set(feature, values = {}) {
    const {data} = await api("POST", "/settings", {feature, ...values});
    toast(data.words, {kind: "good"});
  },
  logOut: async (desk) => {
    await api("POST", url`/hot-desks/${desk.extension}/log-out`);
    toast(`You have logged out at ${desk.name}`, {kind: "good"});
  },
  callAs: (extension) => { shown("calls"); dial.callAs(extension); },
  dial: (number, who, button) => busy(button, () => place(number, dial.as, who)),
};

async function place(number, as, who = "") {
  const {data} = await api("POST", "/calls", {number, as: as || null});
  toast(`Calling ${who || number}: ${data.words}`, {kind: "good"});
}

/** Orders something of the server; 202 means that phones ring for it first. */
async function command(call, name, values = {}) {
  const {status, data} = await api("POST", url`/calls/${call.id}/commands`, {command: name, ...values});
  if (status === 202 && data.words) toast(`${data.words[0].toUpperCase()}${data.words.slice(1)}: pick up to go on`, {kind: "info"});
}

async function order(call, name, button, party) {
  if (name === "push") return push(call);
  if (name === "transfer") return transfer(call);
  const values = party ? {party: party.extension ?? party.number} : name === "whisper" && call.owner ? {target: call.owner} : {};
  return busy(button, () => command(call, name, values));
}

function push(call) {
  const executive = call.names[call.executive ?? call.on_behalf_of] ?? "the executive";
  const note = el("textarea", {id: "push-note", maxlength: "200", rows: "3", autofocus: true, placeholder: "What is it about?"});
  const announced = el("input", {type: "checkbox", id: "push-announced"});
  const body = el("div", {class: "stack"},
    el("p", {}, "The phone rings with the caller's number; the caller hears music meanwhile, and comes back to you when nobody answers."),
    el("div", {class: "field"}, el("label", {for: "push-note"}, "Note"), note, el("span", {class: "hint"}, "Shown before the call is answered.")),
    el("label", {class: "check"}, announced, el("span", {}, "Speak first", el("small", {}, "You stay in the call until you hang up."))));
  note.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey) return;
    event.preventDefault();
    note.closest("dialog").querySelector(".dialog-foot .primary").click();
  });
  return dialog({title: `Send to ${executive}`, body, actions: [{label: "Cancel", value: null}, {label: "Send", value: true, kind: "primary", run: () => command(call, "push", {note: note.value.trim(), announced: announced.checked})}]});
}

function transfer(call) {
  const found = finder("Name or number to transfer to", state, null, {autofocus: true});
  const send = () => {
    const target = found.number();
    if (target) return command(call, "transfer", {target});
    found.input.focus();
    return false;
  };
  found.input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.defaultPrevented) return;
    event.preventDefault(); // else it would also press the button to which the focus goes back
    found.input.closest("dialog").querySelector(".dialog-foot .primary").click();
  });
  const body = el("div", {class: "stack finder-room"}, el("p", {}, `${contactOf(call, state.me.extension).name} is put through to:`), found.node);
  return dialog({title: "Transfer", body, actions: [{label: "Cancel", value: null}, {label: "Transfer", value: true, kind: "primary", run: send}]});
}

// --- what is shown ---------------------------------------------------------------------------------------------------------------

const dial = new Dial(at("dial"), state, place);
const calls = new CallList(at("calls"), state, order);
const cards = new Cards(at("executives"), state, actions);
const me = new Me(at("me"), state, actions);
const people = new People(at("people"), state, actions);
const recent = new Recent(at("recent"), state, actions);

let due = false;
const what = new Set();

/** Shows it with the next frame, however much is told until then. */
function show(...parts) {
  for (const part of parts) what.add(part);
  if (due) return;
  due = true;
  const draw = () => {
    due = false;
    const parts = new Set(what);
    what.clear();
    if (parts.has("calls")) calls.show();
    if (parts.has("cards") || parts.has("people") || parts.has("calls")) cards.show();
    if (parts.has("me") || parts.has("people")) { me.show(); dial.show(); }
    if (parts.has("people")) people.show();
    title();
  };
  if (document.hidden) setTimeout(draw, 0); // frames stand still there
  else requestAnimationFrame(draw);
}

function title() {
  const ringing = [...state.calls.values()].filter((each) => each.state === "ringing" && !each.answered_by).length;
  at("calls-count").textContent = state.calls.size || "";
  const wanted = `${ringing ? `(${ringing}) ` : ""}Calls · b2bua`;
  if (document.title !== wanted) document.title = wanted;
}

const byKey = (items, key) => new Map(items.map((each) => [each[key], each]));

const EVENTS = {
  state(event) {
    state.offset = event.now - Date.now() / 1000;
    state.me = event.me;
    state.executives = byKey(event.executives, "extension");
    state.people = byKey(event.people, "extension");
    const before = state.calls;
    state.calls = byKey(event.calls, "id");
    for (const call of event.calls) news(before.get(call.id), call);
    show("calls", "cards", "me", "people");
    recent.load();
  },
  call({call}) {
    const before = state.calls.get(call.id);
    state.calls.set(call.id, call);
    news(before, call);
    show("calls");
  },
  call_ended({id, outcome, answered_by: by}) {
    const call = state.calls.get(id);
    if (!state.calls.delete(id)) return;
    if (call.state === "ringing") announce(`${contactOf(call, state.me.extension).name}: ${by ? `answered by ${call.names?.[by] ?? by}` : outcome === "cancelled" ? "gave up" : "no answer"}`);
    show("calls");
    recent.soon();
  },
  call_gone({id}) {
    if (state.calls.delete(id)) show("calls");
  },
  executive({executive}) {
    state.executives.set(executive.extension, executive);
    show("cards");
  },
  person({person}) {
    state.people.set(person.extension, person);
    show("people");
  },
  me(event) {
    state.me = event.me;
    show("me", "cards");
  },
  beat(event) {
    state.offset = event.now - Date.now() / 1000;
  },
  directory() {},
};

/** What has happened to a call, for who does not look at the list; once for each thing that happens. */
function news(before, call) {
  const own = state.me.extension;
  if (call.level === "closed") return;
  const rings = call.state === "ringing" && call.caller.extension !== own && !isMine(call, own);
  if (rings && before?.state !== "ringing") {
    announce(ringingText(call, own), call.ringing.some((each) => each.extension === own));
    notify(call);
  }
  const name = contactOf(call, own).name;
  if (before && call.answered_by && before.answered_by !== call.answered_by) {
    const who = call.names[call.answered_by] ?? call.answered_by;
    if (call.executive === own && call.answered_by !== own) toast(`${name}: answered by ${who}`);
    else if (call.executive && call.answered_by !== own) announce(`${name}: answered by ${who}`);
  }
  if (before && before.state !== call.state && call.state === "parked") announce(`${name} is parked${call.slot ? ` in ${call.slot}` : ""}`);
  if (before && before.state !== call.state && call.state === "held" && !isMine(call, own)) announce(`${name} is on hold`);
}

setInterval(() => calls.tick(), 1000);

// --- the connection --------------------------------------------------------------------------------------------------------------

let lostTimer = 0;

function lamp(kind, text) {
  const place = at("lamp");
  if (place.dataset.state === kind) return false;
  place.dataset.state = kind;
  place.querySelector(".lamp-text").textContent = text;
  return true;
}

const LINK = {
  open() {
    clearTimeout(lostTimer);
    lostTimer = 0;
    const was = at("lamp").dataset.state;
    lamp("open", "Live");
    at("lost").hidden = true;
    at("hud").inert = false;
    at("hud").classList.remove("stale");
    if (was === "lost" || was === "elsewhere") announce("Connected again");
  },
  lost() {
    if (lostTimer) return;
    lostTimer = setTimeout(() => {
      lamp("lost", "Reconnecting");
      stale("Connection lost.", "What you see may be out of date. Trying to reach the server again…", "Try now");
    }, 500);
  },
  elsewhere() {
    lamp("elsewhere", "Paused");
    stale("This page is paused.", "You have opened it in more than ten windows.", "Use it here");
  },
  "signed-out"() {
    lamp("signed-out", "Signed out");
    stale("You are signed out.", "", "Sign in");
    api("GET", "/me").catch(() => {}); // 401 leads to the sign-in page
  },
};

function stale(headline, text, button) {
  at("lost-title").textContent = headline;
  at("lost-text").textContent = text;
  at("lost-now").textContent = button;
  at("lost").hidden = false;
  at("hud").classList.add("stale");
  announce(`${headline} ${text}`, true);
}

const events = new Events((event) => EVENTS[event.type]?.(event), (link, reason) => LINK[link](reason));
at("lost-now").addEventListener("click", () => (at("lamp").dataset.state === "signed-out" ? location.reload() : events.retry()));

// --- messages of the system ------------------------------------------------------------------------------------------------------

const NOTIFY = "hud-notify";

function notifyButton() {
  const button = at("notify");
  if (!("Notification" in globalThis) || !isSecureContext || Notification.permission === "denied") return;
  const on = Notification.permission === "granted" && localStorage.getItem(NOTIFY) === "on";
  button.hidden = false;
  button.setAttribute("aria-pressed", String(on));
  button.title = on ? "You are notified of calls; click to end that" : "Notify me of calls while I look at something else";
}

at("notify").addEventListener("click", async () => {
  const on = at("notify").getAttribute("aria-pressed") === "true";
  const granted = on || (await Notification.requestPermission()) === "granted";
  localStorage.setItem(NOTIFY, on || !granted ? "off" : "on");
  notifyButton();
  if (!granted) toast("The browser does not allow messages of this page; its settings can change that.", {kind: "warn"});
});
notifyButton();

function notify(call) {
  if (!document.hidden || at("notify").getAttribute("aria-pressed") !== "true") return;
  const {name, number} = contactOf(call, state.me.extension);
  const office = officeOf(call, state.me.extension);
  const message = new Notification(name, {body: [number === name ? "" : number, office ? `${office.word} ${office.name}` : ""].filter(Boolean).join(" "), tag: call.id});
  message.addEventListener("click", () => { window.focus(); message.close(); });
}

// --- keys and small screens ------------------------------------------------------------------------------------------------------

/** Brings a part of the page to the front on a small screen. */
function shown(part) {
  at("hud").dataset.part = part;
  for (const each of document.querySelectorAll(".hud-tabs button")) each.setAttribute("aria-pressed", String(each.dataset.part === part));
}

document.querySelector(".hud-tabs").addEventListener("click", (event) => {
  const part = event.target.closest("button")?.dataset.part;
  if (part) shown(part);
});

/** The call that a key means: the chosen one when it has such a button, else the only sensible one. */
function meant(commands) {
  const has = (call) => call && commands.some((each) => call.can.includes(each));
  if (has(calls.chosen)) return calls.chosen;
  const mine = (call) => isMine(call, state.me.extension);
  return [...state.calls.values()].filter(has).sort((one, other) => mine(other) - mine(one) || one.since - other.since)[0];
}

function press(...commands) {
  const call = meant(commands);
  const done = call && commands.some((each) => calls.press(call, each));
  if (!done) announce("There is no call for that");
}

function help() {
  const on = el("input", {type: "checkbox", checked: shortcutsOn()});
  on.addEventListener("change", () => switchShortcuts(on.checked));
  const body = el("div", {class: "stack"},
    el("p", {}, "Keys mean the call that is chosen (", el("kbd", {}, "j"), " and ", el("kbd", {}, "k"), "), else the call you are in, else the one that has waited longest."),
    el("dl", {class: "keys"}, HELP.map(([keys, text]) => el("div", {}, el("dt", {}, keys.map((each) => el("kbd", {}, each))), el("dd", {}, text)))),
    el("label", {class: "check"}, on, el("span", {}, "Use single keys", el("small", {}, "Switch this off if you speak to your computer or press keys by accident."))));
  dialog({title: "Keys", body}).catch(complain);
}

shortcuts({
  next: () => calls.move(1),
  previous: () => calls.move(-1),
  take: () => press("take", "resume", "barge"),
  retrieve: () => {
    const parked = [...state.calls.values()].filter((each) => each.state === "parked" && each.can.includes("take")).sort((one, other) => one.since - other.since);
    const call = calls.chosen?.state === "parked" ? calls.chosen : parked[0];
    if (!call || !calls.press(call, "take")) announce("No call is parked");
  },
  hold: () => press("hold", "resume"),
  park: () => press("park"),
  push: () => press("push"),
  join: () => press("join", "barge"),
  listen: () => press("listen"),
  whisper: () => press("whisper"),
  transfer: () => press("transfer"),
  give_back: () => press("give_back"),
  lock: () => press("lock", "unlock"),
  end: () => press("end"),
  dial: () => { shown("calls"); dial.focus(); },
  help,
});
at("help").addEventListener("click", help);
fill(at("help"), icon("info"), el("span", {class: "hidden"}, "Keys and help"));
