// One executive: assistants, filter, ringing with its preview, what comes after, calls on behalf, coverage.

import {api, ApiError, complain, debounce, el, fill, icon, notice, tabs, url} from "./base.js";
import {bound, callerGroupNames, Draft, formOf, nameOf, saveBar} from "./forms.js";
import {pageHead} from "./lists.js";
import {assistantsPanel} from "./assistants.js";
import {filteringPanel} from "./criteria.js";
import {coverageCard} from "./coverage.js";
import {ringPlan, rules} from "./ring_plan.js";
import {removeEntry} from "./entry_actions.js";

export const LABELS = {
  assistants: "Assistants", caller_id: "Caller ID", "filtering.enabled": "Filtering", "filtering.mode": "Filter", "filtering.type": "Which calls", "filtering.criteria": "Criteria",
  "alerting.mode": "Ringing", "alerting.ring_seconds": "Ring time", "alerting.executive": "The executive's own phones", "rollover.action": "When nobody answers", confidential: "Confidential contacts",
};

/** Shows the editor in `root`. `self`: the executive looks at their own; `created(extension)`: where a new one leads. */
export async function executiveEditor(root, draft, {self = false, back = null, removable = false, created = null} = {}) {
  const extension = draft.body.extension;
  const user = await api("GET", url`/users/${extension}`).then(({data}) => data, (error) => { if (error.status === 404 || error.status === 403) return {}; throw error; });
  const numbers = () => [extension, ...(user.numbers ?? [])];
  const title = user.name || (await nameOf(extension).catch(() => "")) || extension;
  const draw = () => {
    draft.redraw();
    const coverage = coverageCard(extension);
    const preview = previewCard(draft, extension, numbers);
    const sequential = () => draft.get("alerting.mode") === "sequential";
    const items = [
      {id: "assistants", label: "Assistants", panel: assistantsPanel(draft, {sequential})},
      {id: "filter", label: "Filter", panel: filteringPanel(draft, {numbers})},
      {id: "ringing", label: "Ringing", panel: ringingPanel(draft)},
      {id: "nobody", label: "No answer", panel: rolloverPanel(draft)},
      {id: "behalf", label: "On behalf", panel: behalfPanel(draft, user)},
    ];
    const bar = saveBar(draft, {
      label: draft.isNew ? "Make an executive" : "Save",
      remove: removable && !draft.isNew ? removeEntry(draft, `the delegation of ${title}`, "/admin/executives") : null,
      discarded: draw,
      saved: async () => { if (created && wasNew) return created(extension); await coverage.reload(); },
    });
    const wasNew = draft.isNew;
    const form = formOf(draft, bar, tabs("Parts of the delegation", items).node);
    fill(root, back, pageHead(self ? "My delegation" : title, self ? "Who takes your calls, and how." : `Executive, extension ${extension}`,
      el("a", {class: "button", href: url`/simulator?to=${extension}`}, icon("simulator"), "Simulate a call")),
    el("div", {class: "split"}, el("div", {class: "card"}, form), el("div", {class: "stack sticky"}, preview, coverage)));
  };
  const check = debounce(() => draft.check().catch(complain), 700);
  draft.always((path) => { if (path === "") draw(); else check(); });
  draw();
  document.title = `${self ? "My delegation" : title} · b2bua`;
}

const grid = (...children) => el("div", {class: "form-grid"}, ...children);

function ringingPanel(draft) {
  const f = (description) => bound(draft, description);
  const sequential = (body) => body.alerting?.mode === "sequential";
  const own = (body) => body.alerting?.executive ?? "none";
  return el("section", {class: "stack"}, el("h2", {}, "How phones ring"),
    f({path: "alerting.mode", kind: "segmented", label: "The assistants ring", standard: "ring_all", options: [["ring_all", "All together"], ["sequential", "One after the other"]]}),
    grid(
      f({path: "alerting.ring_seconds", kind: "number", label: "Ring time", unit: "seconds", standard: 30, min: 1, max: 7200, hint: "Together: for all. One after the other: for each."}),
      f({path: "alerting.minimum_seconds", kind: "number", label: "Ring at least", unit: "seconds", standard: 0, min: 0, max: 7200, hint: "Before the call goes on, however few are there."}),
      f({path: "alerting.executive", kind: "choice", label: "The executive's own phones", standard: "none", options: [["none", "stay silent"], ["first", "ring first, then the assistants"], ["together", "ring along"], ["splash", "give one short ring"], ["silent", "show the call without a sound"]]}),
      f({path: "alerting.executive_seconds", kind: "number", label: "The executive rings for", unit: "seconds", min: 1, hint: "Empty: as long as one assistant.", shown: (body) => own(body) === "first"}),
      f({path: "alerting.splash_seconds", kind: "number", label: "The short ring lasts", unit: "seconds", standard: 2, min: 0.5, max: 60, shown: (body) => own(body) === "splash"}),
    ),
    el("h3", {class: "section-title"}, "What the assistants' phones show"),
    grid(
      f({path: "alerting.name", kind: "choice", label: "Name", standard: "originator_executive", options: [["originator_executive", "Caller → Executive"], ["executive_originator", "Executive ← Caller"], ["originator", "Caller"], ["executive", "Executive"], ["custom", "A text of your own"]]}),
      f({path: "alerting.custom_name", label: "The text", shown: (body) => body.alerting?.name === "custom"}),
      f({path: "alerting.name_prefix", label: "Put before the name", placeholder: "[Boss] "}),
      f({path: "alerting.number", kind: "choice", label: "Number", standard: "originator", options: [["originator", "of the caller"], ["executive", "of the executive"], ["custom", "another one"]]}),
      f({path: "alerting.custom_number", label: "The number", shown: (body) => body.alerting?.number === "custom"}),
    ));
}

const ACTIONS = {hangup: "Hang up (the caller hears that nobody is there)", executive: "Ring the executive's own phones", forward: "Forward to a number", voicemail: "Go to a mailbox", no_answer: "As if the executive had not answered (own forwarding)"};

/** The target may stand beside the action or in it ({forward: NUMBER}); here it is always beside it. */
function rolloverPanel(draft) {
  const action = draft.get("rollover.action");
  if (action && typeof action === "object") {
    const [[word, target]] = Object.entries(action);
    for (const body of [draft.body, draft.base]) body.rollover = {...body.rollover, action: word, [word]: target};
  }
  const f = (description) => bound(draft, description);
  const word = (body) => body.rollover?.action ?? "hangup";
  const panel = el("section", {class: "stack", data: {path: "rollover"}}, el("h2", {}, "When nobody answers"),
    f({path: "rollover.action", kind: "choice", label: "Then", none: "Hang up (nothing has been decided)", options: Object.entries(ACTIONS)}),
    grid(
      f({path: "rollover.forward", kind: "user", label: "Forward to", free: true, placeholder: "Extension or outside number", shown: (body) => word(body) === "forward"}),
      f({path: "rollover.voicemail", label: "Mailbox", placeholder: "sip:vm@192.0.2.9:5060", shown: (body) => word(body) === "voicemail"}),
      f({path: "rollover.after_seconds", kind: "number", label: "After", unit: "seconds", min: 0, max: 7200, hint: "From the beginning of ringing. Empty: when everybody has rung."}),
    ),
    notice("info", "When no assistant is left to ring, this happens at once."));
  draft.onChange((path) => {
    if (path !== "rollover.action") return;
    if (word(draft.body) !== "forward") draft.body.rollover && delete draft.body.rollover.forward;
    if (word(draft.body) !== "voicemail") draft.body.rollover && delete draft.body.rollover.voicemail;
  });
  return panel;
}

const SHOWN = [["executive", "as the executive"], ["assistant", "as “Assistant for Executive”"], ["self", "as the assistant"]];

function behalfPanel(draft, user) {
  const f = (description) => bound(draft, description);
  const own = user.numbers ?? [];
  return el("section", {class: "stack"}, el("h2", {}, "When an assistant calls as the executive"),
    grid(
      f({path: "caller_id", kind: "choice", label: "Caller ID", none: own.length ? `The main number (${own[0]})` : "The extension: there is no outside number", options: own.map((each) => [each, each])}),
      f({path: "on_behalf.outside", kind: "choice", label: "People outside see the call", standard: "executive", options: SHOWN}),
      f({path: "on_behalf.inside", kind: "choice", label: "Colleagues see the call", standard: "self", options: SHOWN}),
      f({path: "on_behalf.sticky_hours", kind: "number", label: "“Call as …” ends after", unit: "hours", standard: 0, min: 0, max: 168, hint: "0: it stays until it is cleared."}),
      f({path: "on_behalf.callback_hours", kind: "number", label: "Who calls back reaches that assistant for", unit: "hours", standard: 0, min: 0, max: 168, hint: "0: never."}),
    ),
    classes(draft),
    el("h3", {class: "section-title"}, "During a call"),
    grid(
      f({path: "slot", label: "Own park slot", placeholder: "None", hint: "Two to eight digits; *68 of the executive's calls parks there."}),
      f({path: "recall_seconds", kind: "number", label: "A call sent back rings for", unit: "seconds", standard: 20, min: 1, max: 120}),
      f({path: "join_tone", kind: "switch", label: "A tone when somebody joins", standard: true}),
      f({path: "time_zone", kind: "zone", label: "Time zone", placeholder: "That of the user"}),
    ));
}

/** on_behalf.classes: {caller group: how the call is shown}. */
function classes(draft) {
  const list = el("div", {class: "stack tight"});
  const items = () => Object.entries(draft.get("on_behalf.classes") ?? {});
  const write = (pairs) => draft.set("on_behalf.classes", pairs.length ? Object.fromEntries(pairs) : undefined);
  const draw = async () => {
    const names = await callerGroupNames().catch(() => []);
    fill(list, ...items().map(([group, word], index) => {
      const which = el("select", {"aria-label": `Caller group ${index + 1}`}, ...[...new Set([group, ...names])].map((each) => el("option", {value: each}, each)));
      which.value = group;
      const how = el("select", {"aria-label": `Calls to ${group} are shown`}, ...SHOWN.map(([value, label]) => el("option", {value}, label)));
      how.value = word === true ? "executive" : word === false ? "self" : word;
      const change = () => { write(items().map((pair, place) => (place === index ? [which.value, how.value] : pair))); };
      which.addEventListener("change", () => { change(); draw(); });
      how.addEventListener("change", change);
      return el("div", {class: "row nowrap-row", data: {path: `on_behalf.classes.${group}`}}, el("div", {class: "grow"}, which), el("div", {class: "grow"}, how), el("button", {class: "icon-button", type: "button", "aria-label": `Remove ${group}`, on: {click: () => { write(items().filter((_, place) => place !== index)); draw(); }}}, icon("close")));
    }), el("div", {}, el("button", {class: "button small", type: "button", disabled: !names.some((each) => !items().some(([group]) => group === each)), on: {click: () => {
      const free = names.find((each) => !items().some(([group]) => group === each));
      if (free) { write([...items(), [free, "assistant"]]); draw(); }
    }}}, icon("plus"), "Another rule for a caller group")));
  };
  draw();
  return el("fieldset", {class: "field", data: {path: "on_behalf.classes"}}, el("legend", {}, "For some destinations"), list);
}

// --- preview ---------------------------------------------------------------------------------------------------------------------

const CALLERS = [["+15551234567", "Somebody outside"], ["colleague", "A colleague"], ["anonymous", "An anonymous caller"]];

function previewCard(draft, extension, numbers) {
  const body = el("div", {class: "stack", "aria-live": "polite"}, el("p", {class: "loading"}, "Working it out …"));
  const who = el("select", {"aria-label": "Who calls"}, ...CALLERS.map(([value, label]) => el("option", {value}, label)));
  let asked = 0;
  const show = async () => {
    const mine = ++asked;
    try {
      const answer = await simulate(draft, who.value, extension, numbers);
      if (mine !== asked) return;
      fill(body, answer === null ? notice("info", "There is no colleague who could call.") : [ringPlan(answer), el("details", {class: "more"}, el("summary", {}, "Why?"), rules(answer))]);
    } catch (error) {
      if (mine !== asked) return;
      if (!(error instanceof ApiError)) throw error;
      fill(body, notice(error.status === 422 ? "warn" : "info", error.status === 422 ? "The preview is back when what is marked has been put right." : error.message));
      if (error.status === 422) draft.show(error.findings.filter((each) => each.kind === "executives"));
    }
  };
  who.addEventListener("change", show);
  const later = debounce(() => show().catch(complain), 350);
  draft.onChange(later);
  show().catch(complain);
  return el("section", {class: "card stack"}, el("div", {class: "row spread"}, el("h2", {}, "Who rings when"), el("div", {}, who)), el("p", {class: "muted small"}, "As it would be now with these settings, saved or not; nobody's phone rings."), body);
}

let colleague = null;

async function simulate(draft, caller, extension) {
  if (caller === "colleague") {
    colleague ??= api("GET", "/users?limit=50").then(({data}) => data.items.filter((each) => (each.type ?? "person") === "person"));
    const taken = new Set([extension, ...(draft.get("assistants") ?? []).map((each) => each.extension ?? each)]);
    const found = (await colleague).find((each) => !taken.has(each.extension));
    if (!found) return null;
    caller = found.extension;
  }
  const changes = draft.dirty || draft.isNew ? [{kind: "executives", key: extension, body: draft.body}] : [];
  return (await api("POST", "/simulate", {caller, dialled: extension, changes})).data;
}

export async function loadExecutive(extension) {
  return Draft.load("/executives", extension, {labels: LABELS});
}

export function newExecutive(extension) {
  return new Draft({collection: "/executives", body: {extension, rollover: {action: "executive"}}, labels: LABELS});
}
