// The own account: PIN, signed-in browsers, tokens for programs.
import {$, api, busy, complain, confirm, dialog, el, empty, fill, secret, timeElement, toast, url} from "./base.js";
import {filled, onSubmit, refused} from "./account_forms.js";

const account = document.body.dataset.account;
const pinForm = $("#pin-form");

async function showPin() {
  const {data} = await api("GET", url`/accounts/${account}`);
  const words = data.pin_must_change ? "Your PIN came from a reset: choose your own before you use it." : data.has_pin ? "You have a PIN." : "You have none.";
  $("#pin-state").textContent = words;
}

async function showSessions() {
  const {data} = await api("GET", "/sessions");
  $("#end-others").hidden = data.items.length < 2;
  fill($("#sessions"), data.items.map((each) => el("div", {class: "browser"},
    el("div", {title: each.agent}, el("bdi", {}, browser(each.agent)), " ", each.current ? el("span", {class: "badge accent"}, "this one") : null,
      el("p", {class: "hint"}, "Signed in ", timeElement(each.created), ", last used ", timeElement(each.seen))),
    each.current ? null : el("button", {class: "button small", type: "button", on: {click: (event) => busy(event.currentTarget, () => endSession(each))}}, "Sign out", el("span", {class: "hidden"}, ` ${browser(each.agent)}`)))));
}

/** "Firefox on Linux" from what a browser calls itself; that itself when it says neither. */
function browser(agent) {
  const find = (table) => table.find(([mark]) => agent.includes(mark))?.[1] ?? "";
  const program = find([["Firefox/", "Firefox"], ["Edg/", "Edge"], ["OPR/", "Opera"], ["Chrome/", "Chrome"], ["Safari/", "Safari"]]);
  const system = find([["Android", "Android"], ["iPhone", "iPhone"], ["iPad", "iPad"], ["Windows", "Windows"], ["Mac OS", "macOS"], ["Linux", "Linux"]]);
  return program && system ? `${program} on ${system}` : agent || "An unnamed browser";
}

async function endSession(each) {
  await api("DELETE", url`/sessions/${each.id}`);
  toast("That browser is signed out.", {kind: "good"});
  await showSessions();
}

async function showTokens() {
  const {data} = await api("GET", "/tokens");
  fill($("#tokens"), data.items.length ? data.items.map((each) => el("div", {class: "browser"},
    el("div", {}, el("bdi", {}, each.name), " ", el("span", {class: each.scope === "write" ? "badge warn" : "badge"}, each.scope === "write" ? "may change" : "may read"),
      el("p", {class: "hint"}, each.used ? ["Last used ", timeElement(each.used)] : "Never used", each.expires ? [", valid until ", timeElement(each.expires)] : ", valid until it is revoked")),
    el("button", {class: "button small danger", type: "button", on: {click: (event) => busy(event.currentTarget, () => revoke(each))}}, "Revoke", el("span", {class: "hidden"}, ` ${each.name}`)))) : empty("key", "No tokens", "Make one for each program that uses the API for you."));
}

async function revoke(each) {
  if (!await confirm("Revoke this token?", `The program that uses “${each.name}” comes in no more.`, {yes: "Revoke", danger: true})) return;
  await api("DELETE", url`/tokens/${each.id}`);
  await showTokens();
}

async function makeToken() {
  const form = el("form", {class: "stack", novalidate: true},
    el("div", {class: "field"}, el("label", {for: "token-name"}, "What is it for?"), el("input", {id: "token-name", name: "name", type: "text", maxlength: "60", autocomplete: "off", required: true, "aria-describedby": "token-name-problem"}), el("p", {class: "problem", id: "token-name-problem", hidden: true})),
    el("div", {class: "field"}, el("label", {for: "token-scope"}, "It may"), el("select", {id: "token-scope", name: "scope"}, el("option", {value: "read"}, "read what I may see"), el("option", {value: "write"}, "also change what I may change"))),
    el("div", {class: "field"}, el("label", {for: "token-days"}, "Valid for"), el("select", {id: "token-days", name: "days"}, el("option", {value: "30"}, "30 days"), el("option", {value: "365"}, "a year"), el("option", {value: ""}, "until I revoke it"))));
  form.addEventListener("submit", (event) => event.preventDefault());
  let made = null;
  const run = async () => {
    if (!filled(form, {name: "Write what the token is for."})) return false;
    const {name, scope, days} = form.elements;
    try {
      made = (await api("POST", "/tokens", {name: name.value.trim(), scope: scope.value, days: days.value ? Number(days.value) : null})).data;
    } catch (failure) {
      if (failure.findings?.length) { refused(form, failure); return false; }
      throw failure;
    }
    return true;
  };
  if (await dialog({title: "Make a token", body: form, actions: [{label: "Cancel", value: null}, {label: "Make it", value: true, kind: "primary", run}]}) !== true) return;
  await showTokens();
  await dialog({title: "The token", body: el("div", {class: "stack"}, el("p", {}, "Copy it now; it is not shown again. The program sends it as ", el("code", {}, "Authorization: Bearer …"), "."), secret(made.token)), actions: [{label: "I have it", value: null, kind: "primary"}]});
}

if (pinForm) {
  onSubmit(pinForm, async () => {
    if (!filled(pinForm, {pin: "Write 4 to 10 digits."})) return;
    try {
      await api("PUT", url`/accounts/${account}/pin`, {pin: pinForm.elements.pin.value.trim()});
      pinForm.reset();
      toast("Your PIN is changed.", {kind: "good"});
      await showPin();
    } catch (failure) {
      if (failure.findings?.length) refused(pinForm, failure);
      else complain(failure);
    }
  });
  showPin().catch(complain);
}
$("#end-others").addEventListener("click", (event) => busy(event.currentTarget, async () => {
  await api("DELETE", "/sessions");
  toast("Every other browser is signed out.", {kind: "good"});
  await showSessions();
}));
$("#new-token").addEventListener("click", (event) => busy(event.currentTarget, makeToken));
showSessions().catch(complain);
showTokens().catch(complain);
