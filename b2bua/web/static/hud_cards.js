// What stands beside the calls: executives with their settings, oneself, and colleagues.

import {avatar, busy, el, fill, icon, moment, name} from "./base.js";
import {arrange} from "./hud_calls.js";
import {PRESENCE} from "./hud_words.js";

/** An avatar with the presence as a dot. */
function face(who, presence) {
  const [kind, word] = PRESENCE[presence] ?? ["", ""];
  return el("span", {class: "face"}, avatar(who), presence ? el("span", {class: `dot ${kind}`, title: word}) : null);
}

function said(presence) {
  return PRESENCE[presence]?.[1] ?? "";
}

/** A switch that asks the server and stays as the server says. */
function setting(label, on, hint, change) {
  const input = el("input", {type: "checkbox", role: "switch", checked: on});
  input.addEventListener("change", async () => {
    const wanted = input.checked;
    input.checked = !wanted; // it turns when the server has done it
    await busy(input, () => change(wanted));
  });
  return el("label", {class: "switch small-switch"}, input, el("span", {class: "track", "aria-hidden": "true"}), el("span", {}, label, hint ? el("small", {}, hint) : null));
}

const list = (names) => names.map((each, index) => [index ? ", " : "", name(each)]);

/** `actions`: set(feature, values), callAs(extension), dial(number). */
export class Cards {
  #place;
  #state;
  #actions;
  #made = new Map();

  constructor(place, state, actions) {
    [this.#place, this.#state, this.#actions] = [place, state, actions];
  }

  /** Cards of all executives. Those that are as they were stay untouched. */
  show() {
    const nodes = [...this.#state.executives.values()].map((each) => this.#card(each));
    if (!nodes.length) nodes.push(this.#none());
    keepFocus(this.#place, () => arrange(this.#place, nodes));
  }

  #none() {
    const made = this.#made.get("") ?? {node: el("div", {class: "card"}, el("p", {class: "muted"}, "You work for no executive yet. Whoever manages an executive's delegation can add you as an assistant."))};
    this.#made.set("", made);
    return made.node;
  }

  #card(executive) {
    const presence = this.#state.people.get(executive.extension)?.presence ?? executive.presence;
    const sticky = this.#state.me.call_as?.executive === executive.extension;
    const mayCall = (this.#state.me.may_call_as ?? []).some((each) => each.extension === executive.extension);
    const inSlot = executive.slot ? [...this.#state.calls.values()].some((each) => each.slot === executive.slot) : false;
    const assistants = executive.assistants?.map((each) => ({...each, presence: this.#state.people.get(each.extension)?.presence ?? each.presence})) ?? null;
    const signature = JSON.stringify([{...executive, presence, assistants}, sticky, mayCall, inSlot, executive.own && this.#state.me.dnd]);
    const known = this.#made.get(executive.extension);
    if (known?.signature === signature) return known.node;
    const node = known?.node ?? el("article", {class: "card executive"});
    node.setAttribute("aria-label", executive.name);
    node.classList.toggle("own", executive.own);
    keepFocus(node, () => fill(node, this.#head(executive, presence, mayCall, sticky), this.#switches(executive), this.#facts({...executive, assistants}, inSlot)));
    this.#made.set(executive.extension, {node, signature});
    return node;
  }

  #head(executive, presence, mayCall, sticky) {
    const kinds = {executive: "", group: "Group", service: "Service"};
    const word = kinds[executive.kind] || said(presence);
    return el("div", {class: "executive-head"}, face(executive.name, presence),
      el("div", {class: "grow"}, el("h3", {}, name(executive.name)), el("p", {class: "small muted"}, executive.own ? `You · ${word}` : word, " · ", executive.extension)),
      executive.own ? null : el("div", {class: "row tight"},
        mayCall ? el("button", {class: `button small ${sticky ? "primary" : ""}`, type: "button", data: {key: "as"}, "aria-label": `Call as ${executive.name}`, on: {click: () => this.#actions.callAs(executive.extension)}}, "Call as") : null,
        el("button", {class: "icon-button small", type: "button", data: {key: "call"}, "aria-label": `Call ${executive.name}`, title: `Call ${executive.name}`, on: {click: () => this.#actions.dial(executive.extension, executive.name)}}, icon("calls"))));
  }

  #switches(executive) {
    const {filter, mine} = executive;
    const which = {all: "All calls go to the assistants", internal: "Calls from inside go to the assistants", external: "Calls from outside go to the assistants", criteria: "Calls go to the assistants by rules"};
    const made = [];
    if (executive.own) made.push(disturb(this.#state.me, this.#actions));
    if (filter?.may_switch) made.push(setting("Filter", filter.on, filter.on ? which[filter.calls] : "Every call rings the executive", (on) => this.#actions.set(on ? "filter_on" : "filter_off", {executive: executive.own ? "" : executive.extension})));
    else if (filter) made.push(el("p", {class: "small executive-line"}, icon("filter"), filter.on ? `Filter on: ${which[filter.calls].toLowerCase()}` : "Filter off: calls ring the executive"));
    if (mine?.may_opt) made.push(setting("Take calls", mine.opted_in, mine.opted_in ? (mine.callers ? `Only from ${mine.callers}` : "They ring your phones") : "Your phones stay silent", (on) => this.#actions.set(on ? "opt_in" : "opt_out", {executive: executive.extension})));
    return made.length ? el("div", {class: "executive-switches"}, ...made) : null;
  }

  #facts(executive, inSlot) {
    const lines = [];
    const {coverage, mine} = executive;
    if (executive.missed) lines.push(el("p", {class: "executive-line bad"}, icon("warn"), el("span", {}, "Nobody can be reached now")));
    if (coverage) {
      const day = (at) => moment(at, {day: "auto"});
      const who = coverage.now.map((each) => (each.extension === this.#state.me.extension ? "you" : each.name));
      lines.push(el("p", {class: `executive-line ${coverage.gap ? "warn" : ""}`}, icon("users"), el("span", {}, coverage.gap && !who.length ? "Nobody covers" : ["Covered by ", list(who)], coverage.until ? ` until ${day(coverage.until)}` : "")));
      if (coverage.next_gap) lines.push(el("p", {class: "executive-line"}, icon("schedule"), el("span", {}, `Gap from ${day(coverage.next_gap.start)} to ${day(coverage.next_gap.end)}`)));
    }
    if (mine?.ends) lines.push(el("p", {class: "executive-line"}, icon("schedule"), `You cover until ${moment(mine.ends)}`));
    if (executive.slot && inSlot) lines.push(el("p", {class: "executive-line warn"}, icon("park"), `A call waits in slot ${executive.slot}`));
    const assistants = executive.assistants?.length ? el("ul", {class: "assistants", "aria-label": `Assistants of ${executive.name}`}, executive.assistants.map((each) => el("li", {}, face(each.name, each.presence), el("span", {class: "grow"}, name(each.name), el("small", {}, assistantLine(each)))))) : null;
    return el("div", {class: "executive-facts"}, ...lines, assistants);
  }
}

function disturb(me, actions) {
  return setting("Do not disturb", me.dnd, me.dnd ? "Your phones stay silent" : "", (on) => actions.set(on ? "dnd_on" : "dnd_off"));
}

function assistantLine(each) {
  if (!each.in_force) return "Does not cover now";
  if (!each.receives) return "Is not rung";
  if (!each.opted_in) return "Opted out";
  return each.diverted ? "Diverts to another number" : said(each.presence);
}

/** What somebody sets for themselves. */
export class Me {
  #place;
  #state;
  #actions;
  #signature = "";

  constructor(place, state, actions) {
    [this.#place, this.#state, this.#actions] = [place, state, actions];
  }

  show() {
    const {me} = this.#state;
    const presence = this.#state.people.get(me.extension)?.presence ?? me.presence;
    const own = this.#state.executives.get(me.extension)?.own ?? false; // whose card has the first of these already
    const signature = JSON.stringify([me, presence, own]);
    if (signature === this.#signature || !me.extension) return;
    this.#signature = signature;
    const open = this.#place.querySelector("details")?.open ?? false;
    const parts = [this.#desks(me), this.#callAs(me), this.#more(me, open)];
    const head = el("div", {class: "executive-head"}, face(me.name, presence), el("div", {class: "grow"}, el("h3", {}, name(me.name)), el("p", {class: "small muted"}, said(presence), " · ", me.extension)));
    keepFocus(this.#place, () => fill(this.#place, own && !parts.some(Boolean) ? null : el("article", {class: "card", "aria-label": "My settings"}, own ? null : [head, el("div", {class: "executive-switches"}, disturb(me, this.#actions))], parts)));
  }

  /** Shared phones: where one has logged in, and who has logged in here. */
  #desks(me) {
    const {logged_in: here} = me;
    const lines = (me.desks ?? []).map((each) => el("li", {class: "row tight nowrap"}, el("span", {class: "grow"}, "Logged in at ", name(each.name), el("small", {class: "muted"}, ` (${each.extension})`, each.until ? `, until ${moment(each.until)}` : "")),
      el("button", {class: "button small", type: "button", "aria-label": `Log out at ${each.name}`, data: {key: `desk-${each.extension}`}, on: {click: (event) => busy(event.currentTarget, () => this.#actions.logOut(each))}}, "Log out")));
    if (here) lines.push(el("li", {}, "Logged in: ", name(here.name), el("small", {class: "muted"}, ` (${here.extension})`, here.until ? `, until ${moment(here.until)}` : "")));
    return lines.length ? el("ul", {class: "desks stack tight small", "aria-label": "Shared phones"}, lines) : null;
  }

  #callAs(me) {
    if (!me.may_call_as?.length) return null;
    const chosen = me.call_as?.executive ?? "";
    const select = el("select", {id: "sticky", data: {key: "sticky"}}, el("option", {value: "", selected: chosen === ""}, "Myself"), me.may_call_as.map((each) => el("option", {value: each.extension, selected: each.extension === chosen}, each.name)));
    select.addEventListener("change", async () => {
      const wanted = select.value;
      select.value = chosen;
      await busy(select, () => this.#actions.set(wanted ? "call_as_set" : "call_as_clear", wanted ? {executive: wanted} : {}));
    });
    return el("div", {class: "field sticky-choice"}, el("label", {for: "sticky"}, "My phone calls as"), select, me.call_as?.until ? el("span", {class: "hint"}, `Until ${moment(me.call_as.until)}`) : null);
  }

  #more(me, open) {
    const parts = [this.#divert(me), this.#duty(me)].filter(Boolean);
    if (!parts.length) return null;
    const now = [me.divert?.on ? `diverted to ${me.divert.number}` : "", me.duty?.length ? (me.duty.some((each) => each.active) ? "on duty" : "off duty") : ""].filter(Boolean).join(", ");
    return el("details", {class: "more-settings", open}, el("summary", {data: {key: "more"}}, "Divert", me.duty?.length ? " and duty" : "", now ? el("small", {}, `: ${now}`) : null), el("div", {class: "stack tight"}, ...parts));
  }

  #divert(me) {
    if (!me.divert) return null;
    const input = el("input", {type: "tel", id: "divert-number", value: me.divert.number ?? "", maxlength: "40", placeholder: "Number", data: {key: "divert"}});
    const save = el("button", {class: "button small", type: "submit"}, me.divert.on ? "Change" : "Divert there");
    const form = el("form", {class: "stack tight"}, el("div", {class: "field"}, el("label", {for: "divert-number"}, "Divert delegated calls to"), el("div", {class: "row tight nowrap"}, input, save)),
      me.divert.on ? el("button", {class: "button small", type: "button", data: {key: "undivert"}, on: {click: (event) => busy(event.currentTarget, () => this.#actions.set("divert_off"))}}, "Take calls myself again") : null);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      busy(save, () => this.#actions.set("divert_on", {number: input.value.replace(/[\s()./-]/g, "")}));
    });
    return form;
  }

  #duty(me) {
    if (!me.duty?.length) return null;
    const choose = (code) => (code ? this.#actions.set("duty_on", {code}) : this.#actions.set("duty_off"));
    const chosen = me.duty.find((each) => each.active)?.code ?? "";
    const select = el("select", {id: "duty", data: {key: "duty"}}, el("option", {value: "", selected: chosen === ""}, "Off duty"), me.duty.map((each) => el("option", {value: each.code, selected: each.code === chosen}, each.name)));
    select.addEventListener("change", async () => {
      const wanted = select.value;
      select.value = chosen;
      await busy(select, () => choose(wanted));
    });
    return el("div", {class: "field"}, el("label", {for: "duty"}, "On duty with"), select);
  }
}

/** Colleagues with their presence; whoever is on a call or rings comes first. */
export class People {
  #place;
  #state;
  #actions;
  #made = new Map();
  #list = el("ul", {class: "people"});
  #none = el("p", {class: "muted people-none"}, "Colleagues of your offices stand here.");

  constructor(place, state, actions) {
    [this.#place, this.#state, this.#actions] = [place, state, actions];
    fill(place, this.#list, this.#none);
  }

  show() {
    const shown = [...this.#state.people.values()].filter((each) => each.extension !== this.#state.me.extension && !this.#state.executives.has(each.extension));
    shown.sort((one, other) => one.name.localeCompare(other.name));
    this.#none.hidden = shown.length > 0;
    keepFocus(this.#place, () => arrange(this.#list, shown.map((each) => this.#row(each))));
  }

  #row(person) {
    const signature = JSON.stringify(person);
    const known = this.#made.get(person.extension);
    if (known?.signature === signature) return known.node;
    const node = known?.node ?? el("li");
    keepFocus(node, () => fill(node, face(person.name, person.presence), el("span", {class: "grow"}, name(person.name), el("small", {}, said(person.presence), person.location ? ` · ${person.location}` : "")),
      el("button", {class: "icon-button small", type: "button", data: {key: "call"}, "aria-label": `Call ${person.name}`, title: `Call ${person.name}`, on: {click: () => this.#actions.dial(person.extension, person.name)}}, icon("calls"))));
    this.#made.set(person.extension, {node, signature});
    return node;
  }
}

/** Does `work`, which makes elements anew; the focus goes to the one that stands for the one that had it. */
export function keepFocus(place, work) {
  const focused = place.contains(document.activeElement) ? document.activeElement : null;
  const marked = focused?.closest("[data-key]")?.dataset.key;
  const order = focused ? [...place.querySelectorAll(focused.tagName)].indexOf(focused) : -1;
  work();
  if (!focused || focused.isConnected) {
    if (focused && focused !== document.activeElement) focused.focus({preventScroll: true});
    return;
  }
  const found = marked ? place.querySelector(`[data-key="${CSS.escape(marked)}"]`) : [...place.querySelectorAll(focused.tagName)][order];
  found?.focus({preventScroll: true});
}


