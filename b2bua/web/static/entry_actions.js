// What can be done with an entry besides changing it: giving it another key, and removing it with a look at who names it.

import {api, ApiError, busy, dialog, el, icon, notice, toast} from "./base.js";
import {field, kindName, leave, words} from "./forms.js";

/** A button that renames the entry (its key: extension, name, number), wherever it is named. */
export function renameEntry(draft, what, href) {
  return el("button", {class: "button", type: "button", on: {click: async () => {
    const control = el("input", {type: "text", value: draft.path.split("/").pop() ? decodeURIComponent(draft.path.split("/").pop()) : "", autocomplete: "off"});
    const place = el("div", {class: "stack"}, field(`New ${what}`, control), el("p", {class: "hint"}, "Everything that names it follows: delegations, groups, forwardings."));
    let to = "";
    await dialog({title: `Change the ${what}`, body: place, actions: [{label: "Cancel", value: null}, {label: "Change", value: true, kind: "primary", run: async () => {
      to = control.value.trim();
      await api("POST", `${draft.path}/rename`, {to}, {etag: draft.etag});
      leave(draft, href(to));
    }}]});
  }}}, icon("edit"), `Change ${what}`);
}

/** A button that removes the entry; where others name it, it says who, and asks. */
export function removeEntry(draft, shown, back) {
  return el("button", {class: "button danger", type: "button", on: {click: (event) => busy(event.currentTarget, async () => {
    let found = [];
    try {
      await api("DELETE", `${draft.path}?check=true`, null, {etag: draft.etag}).then(({data}) => { found = data?.findings ?? []; });
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 409)) throw error;
      found = error.findings;
    }
    const text = found.length ? el("div", {class: "stack"}, notice("warn", el("p", {}, "It is named elsewhere. Removing it takes it out there, too:"), el("ul", {}, ...found.slice(0, 12).map((each) => el("li", {}, `${kindName(each.kind)} ${each.key}${each.field ? `, ${words(each.field)}` : ""}`)), found.length > 12 ? el("li", {}, `and ${found.length - 12} more`) : null))) : el("p", {}, "It cannot be brought back, except from the audit by hand.");
    const sure = await dialog({title: `Remove ${shown}?`, body: text, actions: [{label: "Cancel", value: false}, {label: "Remove", value: true, kind: "danger"}]});
    if (!sure) return;
    await api("DELETE", `${draft.path}?references=remove`, null, {etag: draft.etag});
    toast(`${shown} is removed`, {kind: "good"});
    leave(draft, back);
  })}}, icon("delete"), "Remove");
}
