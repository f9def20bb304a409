// What holds for everybody: name, time zone, limits, roles, parking.

import {$, ApiError, el, fill, notice} from "./base.js";
import {bound, Draft, formOf, saveBar} from "./forms.js";
import {pageHead} from "./lists.js";

const app = $("#app");
const grid = (...children) => el("div", {class: "form-grid"}, ...children);

function edit(draft) {
  draft.redraw();
  const f = (description) => bound(draft, description);
  const bar = saveBar(draft, {discarded: () => edit(draft), saved: () => edit(draft)});
  const zone = f({path: "time_zone", kind: "zone", label: "Time zone", placeholder: "UTC", hint: "Of schedules and times, unless a user has another."});
  fill(app, pageHead("Organisation", app.dataset.text), el("div", {class: "card"}, formOf(draft, bar,
    grid(f({path: "organisation", label: "Name"}), zone),
    el("h2", {class: "section-title"}, "Limits"),
    grid(f({path: "limits.assistants_per_executive", kind: "number", label: "Assistants of an executive", standard: 10, min: 1, max: 1000, step: 1}), f({path: "limits.executives_per_assistant", kind: "number", label: "Executives of an assistant", standard: 10, min: 1, max: 1000, step: 1})),
    el("h2", {class: "section-title"}, "Roles"),
    grid(
      f({path: "roles", kind: "choice", label: "Executives as assistants", standard: "strict", options: [["strict", "Not allowed"], ["acyclic", "Allowed, but no circles"]]}),
      f({path: "same_location", kind: "switch", label: "Assistants are at their executive's site"}),
      f({path: "delegating_members", kind: "switch", label: "Members of groups may delegate", hint: "And be assistants; delegation comes first."}),
      f({path: "acceptance", kind: "switch", label: "New assistants must accept", hint: "Until then the delegation waits and does nothing."})),
    el("h2", {class: "section-title"}, "Parking and pick-up"),
    grid(
      f({path: "parking.slots", label: "Park slots", placeholder: "701-750", hint: "First and last; *68 parks, dialling the slot retrieves."}),
      f({path: "parking.recall_seconds", kind: "number", label: "A parked call comes back after", unit: "seconds", standard: 45, min: 1}),
      f({path: "parking.ring_seconds", kind: "number", label: "And rings there for", unit: "seconds", standard: 30, min: 1}),
      f({path: "pick_up", kind: "choice", label: "Whose ringing phones *97 takes", standard: "group", options: [["group", "Of the own groups"], ["location", "Also of the own site"], ["organisation", "Everybody's"]], hint: "Besides those of the own office."})))));
}

async function start() {
  const draft = await Draft.load("/organisation", "");
  draft.always((path) => { if (path === "") edit(draft); });
  edit(draft);
}

start().catch((error) => fill(app, notice("bad", error instanceof ApiError ? error.message : "This page cannot be shown.")));
