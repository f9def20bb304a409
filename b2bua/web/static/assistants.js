// The assistants of an executive: order, rights, ring times, scope, times; the limit counted as they are added.

import {$, announce, api, avatar, count, el, fill, icon, notice, query} from "./base.js";
import {bound, copy, freshId, nameOf, organisation, userPicker} from "./forms.js";
import {sortable} from "./sortable.js";

export const RIGHTS = {
  receive: ["Takes calls", "Filtered calls ring the assistant."],
  call: ["Calls as the executive", "With the executive's caller ID."],
  pick_up_held: ["Picks up held calls", "Which the executive or a colleague holds."],
  join: ["Joins calls", "Barge-in: a conference of three."],
  listen: ["Listens", "Without being heard."],
  whisper: ["Whispers", "Heard by the executive only."],
  manage: ["Manages", "Changes this delegation on the page, without being an administrator."],
  opt: ["Opts in and out", "By phone: #65 and #66."],
};
const STANDARD = ["receive", "call", "pick_up_held", "join", "opt"];

/** As the list keeps it: a bare extension is short for all defaults. */
const entryOf = (item) => (typeof item === "string" ? {extension: item} : item);
const shortOf = (entry) => (Object.keys(entry).length === 1 ? entry.extension : entry);

/** The panel. `sequential()` says whether ring times of each count; `changed` is called after each change. */
export function assistantsPanel(draft, {sequential, own = false}) {
  const list = el("ol", {class: "sortable", "aria-label": "Assistants in ring order"});
  const counter = el("div", {class: "limit-count", role: "status"});
  const problem = el("div", {"aria-live": "polite"});
  const open = new Set();
  let limits = {assistants_per_executive: 10, executives_per_assistant: 10};
  const items = () => (draft.get("assistants") ?? []).map(entryOf);
  const write = (values) => draft.set("assistants", values.length ? values.map(shortOf) : undefined);

  const draw = (focus = "") => {
    const entries = items();
    fill(list, ...entries.map((entry, index) => assistantItem(draft, entry, index, {open, own, sequential, replace: (changed) => write(items().map((each, place) => (place === index ? changed : each))), remove: () => removeAt(index), draw})));
    const most = limits.assistants_per_executive;
    const meter = el("span", {class: `meter ${entries.length >= most ? "full" : ""}`, "aria-hidden": "true"}, el("span"));
    meter.firstChild.style.width = `${Math.min(100, (entries.length / most) * 100)}%`;
    fill(counter, meter, el("span", {class: entries.length > most ? "bad-text" : ""}, `${entries.length} of ${count(most, "assistant")}`));
    hint.hidden = entries.length < 2;
    none.hidden = entries.length > 0;
    if (focus) $(`[data-extension="${CSS.escape(focus)}"] [data-grip]`, list)?.focus();
  };
  const removeAt = (index) => {
    const [gone] = items().slice(index, index + 1);
    write(items().filter((_, place) => place !== index));
    draw();
    announce(`${gone.extension} removed`);
    $("input", picker)?.focus();
  };
  const add = async (item) => {
    const extension = item.value;
    if (!extension) return;
    const reason = await refusal(extension);
    fill(problem, reason ? notice("bad", reason) : null);
    if (reason) { announce(reason, true); return; }
    write([...items(), {extension}]);
    open.add(extension);
    draw(extension);
    announce(`${item.label} added as assistant ${items().length} of at most ${limits.assistants_per_executive}`);
  };
  /** Why this one cannot be added; "" when they can. The server says the same when it is saved. */
  const refusal = async (extension) => {
    const entries = items();
    if (entries.some((each) => each.extension === extension)) return `${extension} is an assistant here already.`;
    if (extension === draft.body.extension) return "An executive cannot be their own assistant.";
    if (entries.length >= limits.assistants_per_executive) return `No more than ${count(limits.assistants_per_executive, "assistant")} for an executive: remove one first, or ask for a higher limit (Organisation, limits).`;
    const [works, shown] = await Promise.all([worksFor(extension), nameOf(extension).catch(() => "")]);
    const others = works.filter((each) => each !== draft.body.extension);
    if (others.length >= limits.executives_per_assistant) return `${shown || extension} works for ${count(others.length, "executive")} already, and no more than ${limits.executives_per_assistant} are allowed: ${others.join(", ")}.`;
    return "";
  };
  const picker = userPicker({label: "Add an assistant", placeholder: "Add an assistant: name or extension", choose: add, filter: (user) => user.extension !== draft.body.extension && (user.type ?? "person") === "person"});
  const none = el("p", {class: "muted"}, "Nobody yet. Filtered calls go straight to what is set under “When nobody answers”.");
  const hint = el("p", {class: "hint"}, "Drag by the dots, or press space on them and use the arrow keys. One after the other they ring in this order.");
  sortable(list, {
    name: (index) => $("bdi", list.children[index])?.textContent ?? "",
    moved: (from, to) => {
      const values = items();
      values.splice(to, 0, ...values.splice(from, 1));
      write(values);
      draw(values[to].extension);
    },
  });
  draft.onChange((path) => { if (path.startsWith("alerting")) draw(); });
  organisation().then((found) => { limits = {...limits, ...(found.limits ?? {})}; draw(); }, () => {});
  const panel = el("section", {class: "stack", data: {path: "assistants"}}, el("div", {class: "row spread"}, el("h2", {}, "Assistants"), counter), hint, none, list, el("div", {class: "row"}, el("div", {class: "grow"}, picker)), problem);
  draw();
  return panel;
}

async function worksFor(extension) {
  const {data} = await api("GET", `/executives?${query({assistant: extension, limit: 100})}`).catch(() => ({data: {items: []}}));
  return data.items.map((each) => each.extension);
}

function assistantItem(draft, entry, index, {open, own, sequential, replace, remove, draw}) {
  const {extension} = entry;
  const label = el("bdi", {dir: "auto"}, extension);
  const picture = avatar(extension);
  const grip = el("button", {class: "icon-button grip", type: "button", "aria-label": `Move ${extension}`, "aria-roledescription": "sortable", data: {grip: ""}}, icon("grip"));
  nameOf(extension).then((found) => {
    if (!found) return;
    label.textContent = found;
    picture.replaceWith(avatar(found));
    grip.setAttribute("aria-label", `Move ${found}`);
    toggleButton.setAttribute("aria-label", `Details of ${found}`);
    removeButton.setAttribute("aria-label", `Remove ${found}`);
  }, () => {});
  const bodyId = freshId("assistant");
  const body = el("div", {class: "sort-body stack", id: bodyId, hidden: !open.has(extension)});
  const toggleButton = el("button", {class: "icon-button", type: "button", "aria-label": `Details of ${extension}`, "aria-expanded": String(open.has(extension)), "aria-controls": bodyId}, icon(open.has(extension) ? "up" : "down"));
  toggleButton.addEventListener("click", () => {
    const now = !open.has(extension);
    if (now) open.add(extension); else open.delete(extension);
    body.hidden = !now;
    toggleButton.setAttribute("aria-expanded", String(now));
    fill(toggleButton, icon(now ? "up" : "down"));
    if (now && !body.childElementCount) details();
  });
  const removeButton = el("button", {class: "icon-button", type: "button", "aria-label": `Remove ${extension}`, on: {click: remove}}, icon("close"));
  const badges = el("span", {class: "row"});
  const look = () => fill(badges, ...badgesOf(current, sequential()));
  let current = entry;
  const details = () => fill(body, ...assistantFields(draft, index, current, own, sequential, (changed) => { current = changed; replace(changed); look(); }));
  if (open.has(extension)) details();
  look();
  return el("li", {data: {path: `assistants[${index}]`, extension}},
    el("div", {class: "sort-head"}, grip, el("span", {class: "place-number", "aria-hidden": "true"}, index + 1),
      el("span", {class: "person"}, picture, el("span", {class: "person-text"}, label, el("small", {}, extension, " "), badges)), toggleButton, removeButton),
    body);
}

function badgesOf(entry, sequential) {
  const rights = entry.rights ?? STANDARD;
  const made = [];
  const badge = (text, kind = "") => made.push(el("span", {class: `badge ${kind}`}, text));
  if (entry.approval === "pending") badge("waits for the answer", "warn");
  if (entry.approval === "declined") badge("declined", "bad");
  if (!rights.includes("receive")) badge("takes no calls");
  if (rights.includes("manage")) badge("manages", "accent");
  if (entry.callers) badge(`only ${entry.callers.join(", ")}`);
  if (sequential && (entry.ring_seconds ?? entry.rings)) badge(entry.ring_seconds ? `${entry.ring_seconds} s` : count(entry.rings, "ring"));
  if (entry.from || entry.until) badge([entry.from ? `from ${entry.from}` : "", entry.until ? `until ${entry.until}` : ""].filter(Boolean).join(" "));
  if (entry.respect_hours) badge("in working hours");
  return made;
}

/** The fields of one assistant work on a draft of their own, so that a bare extension stays one until something is set. */
function assistantFields(draft, index, entry, own, sequential, changed) {
  const path = `assistants[${index}]`;
  const inner = {
    body: copy(entry),
    base: copy(entry),
    listeners: new Set(),
    get(key) { return this.body[key]; },
    set(key, value, standard) {
      const plain = value === "" || value === null ? undefined : value;
      if (plain === undefined || plain === standard) delete this.body[key]; else this.body[key] = plain;
      changed(copy(this.body));
    },
    onChange() { return () => {}; },
  };
  const f = (description) => {
    const made = bound(inner, description);
    made.dataset.path = `${path}.${description.path}`;
    return made;
  };
  const rights = el("fieldset", {class: "field", data: {path: `${path}.rights`}}, el("legend", {}, "Rights"), el("div", {class: "right-list"}, ...Object.entries(RIGHTS).map(([right, [label, hint]]) => {
    const control = el("input", {type: "checkbox", checked: (entry.rights ?? STANDARD).includes(right)});
    control.addEventListener("change", () => {
      const chosen = new Set(inner.body.rights ?? STANDARD);
      if (control.checked) chosen.add(right); else chosen.delete(right);
      const ordered = Object.keys(RIGHTS).filter((each) => chosen.has(each));
      inner.set("rights", ordered.length === STANDARD.length && STANDARD.every((each) => chosen.has(each)) ? undefined : ordered);
    });
    return el("label", {class: "check"}, control, el("span", {}, label, el("small", {}, hint)));
  })));
  return [
    rights,
    el("div", {class: "form-grid"},
      sequential() ? f({path: "ring_seconds", kind: "number", label: "Rings for", unit: "seconds", min: 1, max: 7200, hint: "Empty: as set for everybody."}) : null,
      f({path: "callers", kind: "callers", label: "Only calls from", hint: "Nobody here: everybody's calls."}),
      f({path: "from", kind: "when", label: "Covers from"}),
      f({path: "until", kind: "when", label: "Until", hint: "A day without a time counts whole."}),
      f({path: "respect_hours", kind: "switch", label: "Only in the assistant's working hours"}),
      f({path: "approval", kind: "choice", label: "Approval", standard: "approved", options: [["approved", "Approved"], ["pending", "Waits for the assistant"], ["declined", "Declined"]]}),
    ),
  ];
}
