// A finished call as a row, and why it went where it went; for the history and beside the live calls.

import {api, busy, complain, dialog, duration, el, icon, name, query, timeElement, url} from "./base.js";
import {portrait} from "./hud_words.js";

const OUTCOME = {
  answered: ["good", "Answered"],
  missed: ["bad", "Missed"],
  cancelled: ["warn", "Given up"],
  busy: ["warn", "Busy"],
  refused: ["bad", "Refused"],
  failed: ["bad", "Failed"],
};

const seconds = (iso) => Date.parse(iso) / 1000;

/** Who the other side was: {name, number, out}; `me` is whose view it is. A caller from outside has the name that came with the call, and
 * always the number beside it, `outside`: anybody can give themselves any name. */
export function otherOf(row, names, me) {
  const out = row.direction === "outgoing" || (row.direction === "internal" && (row.caller === me || row.actor === me)) || row.on_behalf_of !== null;
  const number = out ? row.called : row.caller;
  if (number === "private") return {name: "Private", number: "", out, hidden: true};
  const outside = row.direction === "incoming" && !out;
  const known = outside ? row.caller_name : names[number];
  return {name: known || number || "Unknown", number: known ? number : "", out, outside};
}

/** What it was, in a few words with names: "for Olivia Boss, answered by Sam Secretary". */
export function toldOf(row, names, me, own = true) {
  const called = (number) => (own && number === me ? "you" : names[number] || number);
  const answered = row.answered_by ? (row.answered_by === "private" ? "" : `answered by ${called(row.answered_by)}`) : "";
  if (row.on_behalf_of) return row.on_behalf_of === me ? `as ${called(me)}, by ${called(row.actor)}` : `as ${called(row.on_behalf_of)}${row.actor && row.actor !== me ? `, by ${called(row.actor)}` : ""}`;
  if (row.executive) return [row.executive === me ? "delegated" : `for ${called(row.executive)}`, answered || (row.outcome === "answered" ? "" : "nobody answered")].filter(Boolean).join(", ");
  if (row.note && !/^(for|on behalf|delegated|confidential)/.test(row.note)) return row.note;
  return row.answered_by && row.answered_by !== row.called && row.answered_by !== me ? answered : "";
}

/** The same where there is little room. */
function shortOf(row, names, me) {
  if (!row.executive || row.on_behalf_of) return "";
  const first = (number) => (number === me ? "you" : (names[number] || number).split(" ")[0]);
  const whose = row.executive === me ? "" : `for ${names[row.executive] || row.executive}`;
  const end = row.answered_by && row.answered_by !== "private" ? `${first(row.answered_by)} answered` : row.outcome === "answered" ? "" : OUTCOME[row.outcome]?.[1].toLowerCase();
  return [whose, end].filter(Boolean).join(", ");
}

/** The time, of another day with the day. */
function shortTime(iso) {
  const when = new Date(iso);
  const today = when.toDateString() === new Date().toDateString();
  const text = today ? when.toLocaleTimeString([], {hour: "2-digit", minute: "2-digit"}) : when.toLocaleDateString([], {day: "numeric", month: "short"});
  return el("time", {datetime: iso, title: when.toLocaleString()}, text);
}

/** The row. `again(number, name)` calls back, null where that makes no sense. */
export function historyRow(row, names, me, {again = null, as = "", compact = false, own = true} = {}) {
  const other = otherOf(row, names, me);
  const [kind, word] = OUTCOME[row.outcome] ?? ["", row.outcome];
  const told = toldOf(row, names, me, own);
  const sign = other.out ? "outgoing" : row.outcome === "answered" ? "incoming" : "missed";
  const talked = row.answered ? duration(seconds(row.ended) - seconds(row.answered)) : "";
  const label = `${other.out ? "Call to" : "Call from"} ${other.name}`;
  const redial = other.out ? row.called : row.caller;
  const number = other.number && (!compact || other.outside) ? el("span", {class: "muted history-number"}, el("bdi", {dir: "ltr"}, other.number)) : null;
  return el("li", {class: `history-row ${row.outcome === "answered" ? "" : "not-answered"}`, data: {call: row.id}},
    compact ? el("span", {class: `direction ${kind}`, title: `${other.out ? "Outgoing" : "Incoming"}: ${word}`}, icon(sign)) : el("span", {class: "direction-face"}, portrait(other), el("span", {class: `direction ${kind}`}, icon(sign))),
    el("div", {class: "grow history-text"},
      el("p", {class: "history-who"}, el("strong", {}, el("span", {class: "hidden"}, other.out ? "To " : "From "), name(other.name)), number),
      el("p", {class: "small muted"}, compact ? [shortTime(row.started), told ? [" · ", name(shortOf(row, names, me) || told)] : row.outcome === "answered" ? "" : ` · ${word}`] : name(told || (other.out ? "Outgoing" : "Incoming")))),
    compact ? null : el("div", {class: "history-when"}, timeElement(row.started, {day: "never"}), el("span", {class: "small muted"}, el("span", {class: `badge ${kind}`}, word), talked ? ` ${talked}` : "")),
    el("div", {class: "row tight nowrap history-buttons"},
      again && /^[+0-9][0-9]*$/.test(redial) ? el("button", {class: "icon-button small", type: "button", "aria-label": `Call ${other.name}`, title: "Call", on: {click: (event) => again(redial, other.name, event.currentTarget)}}, icon("calls")) : el("span", {class: "button-place"}),
      el("button", {class: "button small quiet", type: "button", "aria-label": `Why? ${label}`, on: {click: (event) => busy(event.currentTarget, () => why(row, {as, label}))}}, "Why?")));
}

/** Opens the explanation of a call. */
export async function why(row, {as = "", label = "This call"} = {}) {
  const parameters = query({as});
  const {data} = await api("GET", url`/history/${row.id}/explanation` + (parameters ? `?${parameters}` : ""));
  const [head, ...rest] = data.text.split("\n");
  const story = rest.slice(rest.indexOf("What happened then:") + 1).map((line) => line.trim()).filter(Boolean);
  const between = rest.slice(0, rest.indexOf("What happened then:"));
  const plan = between.slice(afterRules(between)).filter((line, index, lines) => line.trim() || (lines[index - 1] ?? "").trim());
  const body = el("div", {class: "why"},
    el("p", {class: "why-head"}, name(head, "span")),
    data.rules.length ? [el("h3", {}, "What was decided"), el("ol", {class: "why-rules"}, data.rules.map(rule))] : null,
    plan.join("").trim() ? el("pre", {class: "why-plan", tabindex: "0"}, plan.join("\n").trim()) : null,
    el("h3", {}, "What happened"),
    el("ol", {class: "why-story"}, story.map((line) => {
      const [, at, text] = /^(\d\d:\d\d:\d\d)\s+(.*)$/.exec(line) ?? [null, "", line];
      return el("li", {}, at ? el("time", {class: "mono"}, at) : null, name(text, "span"));
    })));
  dialog({title: `Why? ${label}`, body, wide: true}).catch(complain);
}

/** Where, after the list of rules, the plan begins. */
function afterRules(lines) {
  const start = lines.findIndex((line) => line.startsWith("The rules"));
  if (start < 0) return 0;
  const end = lines.findIndex((line, index) => index > start && !line.trim());
  return end < 0 ? lines.length : end + 1;
}

function rule(each) {
  return el("li", {class: each.matched ? "matched" : ""}, icon(each.matched ? "check" : "close", each.matched ? "matched" : "not matched"), el("span", {}, el("strong", {}, name(each.rule)), ": ", name(each.reason, "span")));
}
