// A ring plan as bars on a time line, drawn from what POST /simulate answers; the same as a text for those who do not see it.

import {el} from "./base.js";

const ROLES = {assistant: "Assistants", executive: "The executive", user: "Users", forward: "Forwarded to", outside: "Outside numbers", voicemail: "Mailbox"};

/** The whole picture: drawing, legend and text. `answer` is that of /simulate. */
export function ringPlan(answer) {
  const {timeline, end} = answer;
  if (!timeline.bars.length) return el("div", {class: "plan"}, el("p", {}, el("strong", {}, end.text)), answer.plan?.warning ? el("p", {class: "muted"}, answer.plan.warning) : null);
  const roles = [...new Set(timeline.bars.map((bar) => bar.role))];
  return el("div", {class: "plan"},
    drawing(timeline, `Who rings when. ${sentence(answer)}`),
    el("div", {class: "legend", "aria-hidden": "true"}, ...roles.map((role) => el("span", {}, el("span", {class: `swatch ${role === "outside" ? "forward" : role}`}), ROLES[role] ?? role)),
      timeline.phases.some((phase) => phase.part === "rollover") ? el("span", {}, el("span", {class: "swatch rollover"}), "When nobody has answered") : null),
    el("p", {class: "muted small"}, sentence(answer)));
}

/** The plan in a sentence or two. */
export function sentence({timeline, end}) {
  const phases = timeline.phases.map((phase, index) => {
    const bars = timeline.bars.filter((bar) => bar.phase === index);
    const who = [...new Set(bars.map((bar) => bar.name))].join(", ");
    const lead = phase.part === "rollover" ? `after ${seconds(phase.start)} ` : phase.start ? `at ${seconds(phase.start)} ` : "";
    return `${lead}${who} ${phase.end === null ? "until the caller hangs up" : `for ${seconds(phase.end - phase.start)}`}`;
  });
  const shown = phases.length > 6 ? [...phases.slice(0, 6), `and ${phases.length - 6} more rounds`] : phases;
  return `${shown.join("; then ")}. ${timeline.open ? "" : end.text}`.replace(/^./, (letter) => letter.toUpperCase());
}

export const seconds = (number) => `${Number(number.toFixed(1))} s`;

function drawing(timeline, label) {
  const share = (time) => `${((time ?? timeline.seconds) / timeline.seconds) * 100}%`;
  const axis = el("div", {class: "plan-axis"}, ...ticks(timeline.seconds).map((time) => at(el("span", {}, seconds(time)), share(time))));
  const rows = rowsOf(timeline).flatMap((row) => [
    el("div", {class: "plan-name"}, el("bdi", {}, row.label), row.detail ? el("small", {}, row.detail) : null),
    el("div", {class: "plan-track"}, ...phases(timeline, share), ...row.bars.map((bar) => barOf(bar, timeline, share)), timeline.open ? null : el("span", {class: "plan-end"})),
  ]);
  return el("div", {class: "plan-chart", role: "img", "aria-label": label}, el("span"), axis, ...rows);
}

const at = (node, left, width = null) => {
  node.style.insetInlineStart = left;
  if (width !== null) node.style.width = width;
  return node;
};

/** Every second stage, and the rollover, on a ground of its own. */
function phases(timeline, share) {
  return timeline.phases.filter((phase, index) => index % 2 === 1 || phase.part === "rollover")
    .map((phase) => at(el("span", {class: `plan-phase ${phase.part}`}), share(phase.start), `${(((phase.end ?? timeline.seconds) - phase.start) / timeline.seconds) * 100}%`));
}

function barOf(bar, timeline, share) {
  const portion = ((bar.end ?? timeline.seconds) - bar.start) / timeline.seconds;
  const text = bar.end === null ? "rings on" : seconds(bar.end - bar.start);
  return at(el("span", {class: `plan-bar ${bar.role} ${bar.alert} ${bar.end === null ? "open" : ""}`, title: describe(bar)}, el("span", {}, text)), share(bar.start), `${portion * 100}%`);
}

/** One row for each who rings, in the order in which they begin. */
function rowsOf(timeline) {
  const rows = new Map();
  for (const bar of timeline.bars) {
    const key = `${bar.extension ?? bar.number} ${bar.devices}`;
    const device = {apps: "apps", desk: "desk phones"}[bar.devices] ?? "";
    const how = {splash: "one short ring", silent: "without a sound"}[bar.alert] ?? "";
    const detail = [device, how, bar.diverted_by ? `instead of ${bar.diverted_by}` : ""].filter(Boolean).join(", ");
    if (!rows.has(key)) rows.set(key, {label: bar.name, detail, bars: []});
    rows.get(key).bars.push(bar);
  }
  return [...rows.values()];
}

function describe(bar) {
  const until = bar.end === null ? "until the caller hangs up" : `to ${seconds(bar.end)}`;
  const how = {splash: "one short ring", silent: "without a sound", recall: "again"}[bar.alert] ?? "";
  return [`${bar.name} from ${seconds(bar.start)} ${until}`, how, bar.diverted_by ? `instead of ${bar.diverted_by}, who diverts` : ""].filter(Boolean).join(", ");
}

function ticks(total) {
  const step = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 1800, 3600].find((each) => total / each <= 6) ?? total / 6;
  return Array.from({length: Math.floor(total / step) + 1}, (_, index) => index * step).filter((time, index, list) => index < list.length - 1 || total - time > -1);
}

/** The rules of the answer as a list. */
export function rules(answer) {
  return el("ol", {class: "plan-rules"}, ...answer.rules.map((rule) => el("li", {}, el("span", {class: `badge ${rule.matched ? "good" : ""}`}, rule.matched ? "yes" : "no"), el("span", {}, el("strong", {dir: "auto"}, rule.rule), " ", el("span", {dir: "auto"}, rule.reason)))));
}
