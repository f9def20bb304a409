// The audit: who has changed what, when, from what to what.

import {$, api, ApiError, complain, debounce, el, empty, fill, notice, query, timeElement} from "./base.js";
import {differences, get, kindName, shown, words} from "./forms.js";
import {pageHead} from "./lists.js";

const app = $("#app");
const KINDS = ["users", "executives", "groups", "services", "duty_profiles", "conferences", "phones", "sites", "cost_centres", "schedules", "caller_groups", "organisation", "account", "token", "import", "setting", "what_if"];
const ACTIONS = {created: "good", changed: "accent", removed: "bad"};
const PAGES = {users: "users", executives: "executives", groups: "groups", services: "services", duty_profiles: "duty-profiles", conferences: "conferences", phones: "phones", sites: "sites", cost_centres: "cost-centres", schedules: "schedules", caller_groups: "caller-groups"};

function change(row) {
  const fields = row.before && row.after ? differences(row.before, row.after) : [];
  const body = row.before && row.after ? fields : Object.keys(row.after ?? row.before ?? {});
  const lines = body.slice(0, 40).map((path) => [
    el("span", {class: "muted field-name"}, words(path)),
    el("span", {class: row.before ? "was" : "muted", dir: "auto"}, row.before ? shown(get(row.before, path)) : "–"),
    el("span", {class: row.after ? "is" : "muted", dir: "auto"}, row.after ? shown(get(row.after, path)) : "–"),
  ]);
  return lines.length ? el("div", {class: "change-list"}, el("strong", {}, "Field"), el("strong", {}, "Before"), el("strong", {}, "After"), ...lines.flat()) : el("p", {class: "muted small"}, "No more is noted about it.");
}

function item(row) {
  const what = `${kindName(row.kind)} ${row.key}`.trim();
  const detail = el("details", {class: "more case-detail"}, el("summary", {}, row.before && row.after ? `${differences(row.before, row.after).map(words).join(", ") || "Nothing to be seen"}` : row.after ? "What was made" : "What it was"), el("div", {}));
  detail.addEventListener("toggle", () => { if (detail.open && !detail.lastElementChild.childElementCount) fill(detail.lastElementChild, change(row)); });
  const gone = row.action === "removed" || !PAGES[row.kind];
  return el("div", {class: "case-row"}, el("span", {class: `badge ${ACTIONS[row.action] ?? ""}`}, row.action), gone ? el("strong", {dir: "auto"}, what) : el("a", {href: `/admin/${PAGES[row.kind]}/${encodeURIComponent(row.key)}`, dir: "auto"}, what),
    el("span", {class: "muted small grow"}, "by ", el("bdi", {}, row.actor), row.via && row.via !== "page" ? ` (${row.via})` : ""), el("span", {class: "muted small nowrap"}, timeElement(row.at, {seconds: true})), row.before || row.after ? detail : null);
}

function start() {
  const list = el("div", {});
  const more = el("button", {class: "button", type: "button", hidden: true}, "Older changes");
  const kind = el("select", {"aria-label": "Kind"}, el("option", {value: ""}, "Everything"), ...KINDS.map((each) => el("option", {value: each}, kindName(each))));
  const key = el("input", {type: "search", placeholder: "Extension or name", "aria-label": "Of this entry"});
  const actor = el("input", {type: "search", placeholder: "Who has changed it", "aria-label": "By whom"});
  const given = new URLSearchParams(location.search);
  kind.value = given.get("kind") ?? "";
  key.value = given.get("key") ?? "";
  let after = "";
  const load = async (again) => {
    if (again) after = "";
    try {
      const {data} = await api("GET", `/audit?${query({kind: kind.value, key: key.value.trim(), actor: actor.value.trim(), limit: 50, after})}`);
      if (again) fill(list);
      list.append(...data.items.map(item));
      after = data.next ?? "";
      more.hidden = !data.next;
      if (!list.childElementCount) fill(list, empty("audit", "Nothing was changed", "Every change of the directory, of accounts and tokens will stand here."));
    } catch (error) { if (error.status === 404) fill(list, empty("search", "Nothing found", error.message)); else complain(error); }
  };
  const again = debounce(() => load(true), 250);
  for (const control of [kind, key, actor]) control.addEventListener("input", again);
  more.addEventListener("click", () => load(false));
  fill(app, pageHead("Audit", app.dataset.text), el("div", {class: "card flush"}, el("div", {class: "tools"}, el("div", {}, kind), el("div", {class: "grow medium"}, key), el("div", {class: "grow medium"}, actor)), list, el("div", {class: "pager", }, el("span"), more)));
  load(true);
}

try { start(); } catch (error) { fill(app, notice("bad", error instanceof ApiError ? error.message : "This page cannot be shown.")); throw error; }
