// The draft of an entry: edited in place, checked and saved by the API, and never over what somebody else has changed meanwhile.

import {$, $$, announce, api, ApiError, dialog, el, fill, notice, toast} from "./base.js";
import {copy, differences, get, patch, same, set, shown, words} from "./bodies.js";

const HIDDEN = new Set(["revision", "warnings"]);

/**
 * An entry that is being edited. `path` is its address below /api/v1, "" for a new one, which goes to `collection`. `draft` is edited through
 * `set`; listeners hear each change. `keyed`: the body is {value} and the key stands beside it (schedules, caller groups).
 */
export class Draft {
  constructor({collection, path = "", body = {}, etag = "", labels = {}}) {
    Object.assign(this, {collection, path, etag, labels});
    this.take(body, etag);
    this.owners = new Set();
    this.listeners = new Set();
    this.findings = [];
    this.root = null;
  }

  static async load(collection, key, options = {}) {
    const path = key === "" ? collection : `${collection}/${encodeURIComponent(key)}`;
    const {data, etag} = await api("GET", path);
    return new Draft({collection, path, body: data, etag, ...options});
  }

  take(body, etag) {
    const clean = Object.fromEntries(Object.entries(body).filter(([key]) => !HIDDEN.has(key)));
    this.base = copy(clean);
    this.body = copy(clean);
    this.etag = etag || (body.revision === undefined ? "" : `"${body.revision}"`);
  }

  get isNew() { return !this.path; }
  get dirty() { return !same(this.base, this.body); }
  get(path) { return get(this.body, path); }

  /** `standard`: what counts where nothing is written; it is not written then, unless it was before. */
  set(path, value, standard) {
    const plain = value === "" || value === null ? undefined : value;
    set(this.body, path, same(plain, standard) && get(this.base, path) === undefined ? undefined : plain);
    this.tell(path);
  }

  tell(path = "") {
    for (const listener of [...this.owners, ...this.listeners]) listener(path);
  }

  /** Hears every change, however often the form is drawn anew. */
  always(listener) { this.owners.add(listener); }

  /** Hears every change until the form is drawn anew. */
  onChange(listener) { this.listeners.add(listener); }

  /** The form is about to be drawn anew: whoever has listened for the one before is gone with it. */
  redraw() { this.listeners.clear(); }

  /** What speaks against the draft, asked of the server without saving. */
  async check() {
    try {
      if (this.isNew) await api("POST", `${this.collection}?check=true`, this.body).then(({data}) => this.show(data?.findings ?? []));
      else {
        const changes = patch(this.base, this.body);
        if (!changes) return this.show([]);
        const {data} = await api("PATCH", `${this.path}?check=true`, changes, {etag: this.etag});
        this.show(data?.findings ?? []);
      }
    } catch (error) {
      if (error instanceof ApiError && error.status === 422) this.show(error.findings);
      else if (!(error instanceof ApiError && [412, 403, 0].includes(error.status))) throw error;
    }
    return this.findings;
  }

  /** Shows findings at the fields in `root`; those without a field stand above all. */
  show(findings, focus = false) {
    this.findings = findings;
    if (this.root) showFindings(this.root, findings, focus);
  }

  /** Saves. Answers the entry as it is then, null when it was not saved; what went wrong has been told. */
  async save() {
    this.show([]);
    try {
      return await this.send();
    } catch (error) {
      if (error instanceof ApiError && error.status === 422 && error.findings.length) {
        this.show(error.findings, true);
        toast(error.findings.length === 1 ? error.findings[0].text : "Some fields need another look; nothing was saved.", {kind: "bad"});
        return null;
      }
      if (error instanceof ApiError && error.status === 412 && error.current) return this.settle(error.current);
      throw error;
    }
  }

  async send() {
    if (this.isNew) {
      const {data, etag} = await api("POST", this.collection, this.body);
      this.take(data, etag);
      return data;
    }
    const changes = patch(this.base, this.body);
    if (!changes) { toast("Nothing has changed."); return this.body; }
    const {data, etag} = await api("PATCH", this.path, changes, {etag: this.etag});
    this.take(data, etag);
    toast("Saved. The next call goes by it.", {kind: "good"});
    for (const each of data.warnings ?? []) toast(each.text ?? String(each), {kind: "warn"});
    return data;
  }

  /** Somebody else has saved meanwhile: field by field theirs or mine. */
  async settle(current) {
    const theirs = Object.fromEntries(Object.entries(current).filter(([key]) => !HIDDEN.has(key)));
    const mine = differences(this.base, this.body);
    const other = differences(this.base, theirs);
    const conflicts = mine.filter((path) => other.some((each) => overlap(path, each)) && !same(get(this.body, path), get(theirs, path)));
    const merged = copy(theirs);
    for (const path of mine.filter((each) => !conflicts.includes(each))) set(merged, path, copy(get(this.body, path)));
    const choices = new Map(conflicts.map((path) => [path, "mine"]));
    const go = await dialog({
      title: "Changed by somebody else meanwhile",
      wide: true,
      body: conflictTable({base: this.base, mine: this.body, theirs, conflicts, other, choices, labels: this.labels}),
      actions: [{label: "Keep editing", value: false}, {label: "Drop my changes", value: "theirs"}, {label: "Save the result", value: true, kind: "primary"}],
    });
    if (!go) return null;
    for (const [path, choice] of choices) if (choice === "mine") set(merged, path, copy(get(this.body, path)));
    this.take(current, "");
    if (go === "theirs") { this.tell(); announce("Your changes are dropped"); return theirs; }
    this.body = merged;
    this.tell();
    return this.save();
  }
}

const overlap = (one, other) => one === other || one.startsWith(`${other}.`) || other.startsWith(`${one}.`);

function conflictTable({base, mine, theirs, conflicts, other, choices, labels}) {
  const label = (path) => labels[path] ?? words(path);
  const quiet = other.filter((path) => !conflicts.some((each) => overlap(each, path)));
  const row = (path) => {
    const group = `conflict-${path}`;
    const choice = (value, text, body) => el("td", {"data-label": text}, el("label", {class: "radio"},
      el("input", {type: "radio", name: group, value, checked: choices.get(path) === value, on: {change: () => choices.set(path, value)}}),
      el("span", {dir: "auto"}, shown(get(body, path)))));
    return el("tr", {}, el("th", {scope: "row"}, label(path), el("div", {class: "hint"}, "was: ", el("span", {dir: "auto"}, shown(get(base, path))))), choice("mine", "Mine", mine), choice("theirs", "Theirs", theirs));
  };
  return el("div", {class: "stack"},
    el("p", {}, conflicts.length ? "You and somebody else have changed the same fields. Choose for each which one counts; the server has not changed anything of yours yet."
      : "Somebody else has changed other fields of this entry. Your changes fit to theirs; save to keep both."),
    conflicts.length ? el("div", {class: "table-frame"}, el("table", {class: "cards"}, el("thead", {}, el("tr", {}, el("th", {scope: "col"}, "Field"), el("th", {scope: "col"}, "Mine"), el("th", {scope: "col"}, "Theirs"))), el("tbody", {}, ...conflicts.map(row)))) : null,
    quiet.length ? notice("info", el("p", {}, "Also changed by them, and kept:"), el("ul", {}, ...quiet.map((path) => el("li", {}, `${label(path)}: `, el("span", {dir: "auto"}, shown(get(theirs, path))))))) : null);
}

/** Puts each finding below the field whose data-path fits best; the others into [data-findings]. */
export function showFindings(root, findings, focus = false) {
  for (const each of $$(".problem[data-made]", root)) each.remove();
  for (const each of $$("[aria-invalid]", root)) each.removeAttribute("aria-invalid");
  const rest = [];
  let first = null;
  for (const finding of findings) {
    const place = placeOf(root, finding.field ?? "");
    if (!place) { rest.push(finding); continue; }
    const id = `problem-${Math.random().toString(36).slice(2)}`;
    place.append(el("p", {class: "problem", id, data: {made: "1"}}, finding.text));
    const input = $("input:not([type=hidden]), select, textarea", place);
    input?.setAttribute("aria-invalid", "true");
    input?.setAttribute("aria-describedby", [input.getAttribute("aria-describedby"), id].filter(Boolean).join(" "));
    first ??= input ?? place;
  }
  const summary = $("[data-findings]", root);
  if (summary) fill(summary, rest.length ? notice("bad", el("ul", {class: "plain-list"}, ...rest.map((each) => el("li", {}, each.field ? `${words(each.field)}: ${each.text}` : each.text)))) : null);
  if (focus && (first || rest.length)) {
    const panel = first?.closest('[role="tabpanel"][hidden]');
    if (panel) document.getElementById(panel.getAttribute("aria-labelledby"))?.click();
    if (first) first.focus();
    else summary?.scrollIntoView({block: "center"});
  }
  for (const tab of $$('[role="tab"]', root)) {
    const panel = document.getElementById(tab.getAttribute("aria-controls"));
    tab.classList.toggle("has-problem", Boolean(panel && $(".problem[data-made]", panel)));
  }
}

function placeOf(root, field) {
  if (!field) return null;
  for (let path = field; path; path = path.replace(/(\.[^.[\]]+|\[\d+\]|^[^.[\]]+)$/, "")) {
    const found = $(`[data-path="${CSS.escape(path)}"]`, root);
    if (found) return found;
  }
  return null;
}

