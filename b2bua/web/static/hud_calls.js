// The list of calls: one row per call, which stays the same element for as long as the call goes on, so that the focus stays where it is.

import {duration, el, fill, icon, name} from "./base.js";
import {SECTIONS, buttonsOf, chipOf, contactOf, isMine, lineOf, officeOf, portrait, sectionOf} from "./hud_words.js";

/** Calls of `state` in `place`. `order(call, command, button, party)` carries a button out. */
export class CallList {
  #place;
  #state;
  #order;
  #rows = new Map();
  #sections = new Map();
  #nothing;

  constructor(place, state, order) {
    [this.#place, this.#state, this.#order] = [place, state, order];
    this.#nothing = el("div", {class: "card calls-none"}, icon("calls"), el("p", {}, el("strong", {}, "No calls")), el("p", {class: "muted"}, "When somebody calls you or one of your executives, the call appears here the moment it rings."));
    for (const [id, title] of SECTIONS) {
      const list = el("ul", {class: "call-rows", "aria-labelledby": `calls-${id}`});
      const count = el("span", {class: "count"});
      this.#sections.set(id, {node: el("section", {class: `calls-section ${id}`, hidden: true}, el("h3", {id: `calls-${id}`, class: "part-title"}, title, " ", count), list), list, count});
    }
    fill(place, this.#nothing, ...[...this.#sections.values()].map((each) => each.node));
    place.addEventListener("focusin", (event) => this.#choose(event.target.closest(".call")));
    place.addEventListener("click", (event) => this.#choose(event.target.closest(".call")));
  }

  /** Shows the calls as they are now. */
  show() {
    const focused = document.activeElement;
    const {calls} = this.#state;
    for (const [id, row] of this.#rows) if (!calls.has(id)) this.#remove(id, row);
    const sorted = [...calls.values()].sort((one, other) => one.started - other.started || (one.id < other.id ? -1 : 1));
    const filled = new Map(SECTIONS.map(([id]) => [id, []]));
    for (const call of sorted) filled.get(sectionOf(call, this.#state.me.extension)).push(this.#row(call).node);
    for (const [id, nodes] of filled) {
      const {node, list, count} = this.#sections.get(id);
      arrange(list, nodes);
      count.textContent = nodes.length || "";
      node.hidden = nodes.length === 0;
    }
    this.#nothing.hidden = calls.size > 0;
    if (focused !== document.activeElement && focused?.isConnected && this.#place.contains(focused)) focused.focus({preventScroll: true});
  }

  /** Once a second: how long, and how long something still may be. */
  tick() {
    const now = this.#state.now();
    for (const {call, time, total} of this.#rows.values()) {
      time.textContent = duration(now - call.since);
      if (total) total.textContent = duration(now - call.started);
    }
    for (const row of this.#rows.values()) if (row.call.give_back_until) this.#buttons(row);
  }

  /** The chosen call; without one what one most likely means: the own call, else what rings. */
  get chosen() {
    const row = this.#place.querySelector(".call.chosen");
    return row ? this.#state.calls.get(row.dataset.call) : null;
  }

  /** Moves the choice and the focus by one. */
  move(step) {
    const rows = [...this.#place.querySelectorAll(".call")];
    if (!rows.length) return;
    const at = rows.findIndex((each) => each.classList.contains("chosen"));
    const to = rows[at < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + step))];
    to.focus();
    to.scrollIntoView({block: "nearest"});
  }

  /** The button for a command of a call, as if it was clicked; false when there is none. */
  press(call, command) {
    const button = this.#rows.get(call.id)?.node.querySelector(`[data-command="${command}"]`);
    if (!button || button.disabled) return false;
    button.click();
    return true;
  }

  #choose(row) {
    if (!row || row.classList.contains("chosen")) return;
    for (const each of this.#place.querySelectorAll(".call.chosen")) each.classList.remove("chosen");
    row.classList.add("chosen");
  }

  #remove(id, row) {
    if (row.node.contains(document.activeElement)) {
      const rows = [...this.#place.querySelectorAll(".call")].filter((each) => each !== row.node);
      (rows[0] ?? document.getElementById("main")).focus({preventScroll: true});
    }
    row.node.remove();
    this.#rows.delete(id);
  }

  #row(call) {
    let row = this.#rows.get(call.id);
    if (!row) {
      row = {made: {}, node: null, who: el("div", {class: "call-who"}), chip: el("span"), line: el("p", {class: "call-line"}), note: el("p", {class: "call-note", hidden: true}), time: el("span", {class: "call-time"}), buttons: el("div", {class: "call-buttons", role: "group"}), parties: el("ul", {class: "call-parties", hidden: true}), face: el("div", {class: "call-face"}), texts: {}, call};
      row.node = el("li", {class: "call", tabindex: "-1", data: {call: call.id}}, row.face,
        el("div", {class: "call-body"}, el("div", {class: "call-head"}, row.who, el("div", {class: "call-state"}, row.chip, row.time)), row.line, row.note, row.parties),
        row.buttons);
      this.#rows.set(call.id, row);
    }
    if (row.call !== call || !row.node.dataset.state) {
      row.call = call;
      this.#update(row);
    }
    return row;
  }

  #update(row) {
    const {call} = row;
    const me = this.#state.me.extension;
    const contact = contactOf(call, me);
    const office = officeOf(call, me);
    const [kind, word] = chipOf(call);
    row.node.dataset.state = call.state;
    row.node.classList.toggle("mine", isMine(call, me));
    const label = [contact.name, office ? `${office.word} ${office.name}` : "", word, lineOf(call, me)].filter(Boolean).join(", ");
    row.node.setAttribute("aria-label", label);
    row.buttons.setAttribute("aria-label", `Actions for ${contact.name}`);
    once(row, "face", contact.name + contact.hidden, () => fill(row.face, portrait(contact)));
    once(row, "who", JSON.stringify([contact, office, call.locked]), () => fill(row.who,
      el("strong", {class: "call-name"}, name(contact.name)),
      contact.number && contact.number !== contact.name ? el("span", {class: "call-number"}, el("bdi", {dir: "ltr"}, contact.number)) : null,
      office ? el("span", {class: `badge ${office.word === "as" ? "warn" : "accent"}`}, `${office.word} `, name(office.name)) : null,
      call.locked ? el("span", {class: "badge"}, icon("lock"), "Private") : null));
    once(row, "chip", kind + word, () => { row.chip.className = `badge ${kind} chip`; row.chip.textContent = word; });
    once(row, "line", lineOf(call, me), (text) => fill(row.line, name(text, "span")));
    once(row, "note", call.note ?? "", (text) => { row.note.hidden = !text; fill(row.note, icon("callers"), el("span", {}, el("span", {class: "hidden"}, "Note: "), name(text))); });
    row.time.textContent = duration(this.#state.now() - call.since);
    row.time.title = `Since ${new Date(call.since * 1000).toLocaleTimeString()}`;
    this.#parties(row, me);
    this.#buttons(row);
  }

  /** Who is in a conference, for who may mute and remove. */
  #parties(row, me) {
    const {call} = row;
    const shown = call.can.includes("mute") ? call.parties : [];
    once(row, "parties", JSON.stringify(shown), () => {
      row.parties.hidden = !shown.length;
      fill(row.parties, shown.map((party) => el("li", {}, el("span", {class: "grow"}, name(party.name || party.number), party.muted ? el("span", {class: "badge warn"}, "Muted") : null),
        party.extension === me ? null : [
          this.#button(call, {command: party.muted ? "unmute" : "mute", label: party.muted ? "Let speak" : "Mute", icon: "mute", kind: "quiet"}, party),
          this.#button(call, {command: "remove", label: "Remove", icon: "close", kind: "quiet"}, party)])));
    });
  }

  #buttons(row) {
    const {call} = row;
    const wanted = buttonsOf(call, this.#state.me.extension, this.#state.now());
    const had = row.made;
    const made = {};
    for (const each of wanted) {
      const old = had[each.command];
      made[each.command] = old?.signature === each.label + each.kind ? old : {signature: each.label + each.kind, node: this.#button(call, each)};
    }
    row.made = made;
    const focused = document.activeElement?.closest?.("[data-command]");
    const lost = focused && row.buttons.contains(focused) && made[focused.dataset.command]?.node !== focused;
    arrange(row.buttons, Object.values(made).map((each) => each.node));
    if (lost) (made[focused.dataset.command]?.node ?? made.resume?.node ?? made.hold?.node ?? row.node).focus({preventScroll: true});
  }

  #button(call, {command, label, icon: sign, kind, key, bare = false}, party = null) {
    const contact = party?.name ?? contactOf(call, this.#state.me.extension).name;
    const button = el("button", {class: `button small ${kind}${bare ? " bare" : ""}`, type: "button", data: {command}, "aria-label": `${label}: ${contact}`, "aria-keyshortcuts": key ?? null, title: key ? `${label} (${key})` : label}, icon(sign), el("span", {class: "button-label"}, label));
    button.addEventListener("click", () => this.#order(this.#state.calls.get(call.id) ?? call, command, button, party));
    return button;
  }
}

/** Does `work(value)` only when `value` is another one than the last time. */
function once(row, key, value, work) {
  if (row.texts[key] === value) return;
  row.texts[key] = value;
  work(value);
}

/** Puts `nodes` into `parent` in this order, moving only what must be moved. */
export function arrange(parent, nodes) {
  const wanted = new Set(nodes);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  nodes.forEach((node, index) => { if (parent.children[index] !== node) parent.insertBefore(node, parent.children[index] ?? null); });
}
