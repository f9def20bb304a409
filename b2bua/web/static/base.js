// What every page uses: the API, messages, dialogs, and elements made without markup. Everything that comes from people or the network
// goes into the page as text; nothing here, and nothing that uses it, assigns markup.

// --- elements --------------------------------------------------------------------------------------------------------------------

const REFUSED = new Set(["innerHTML", "outerHTML", "style", "srcdoc"]);
const SVG = "http://www.w3.org/2000/svg";

/**
 * An element: el("button", {class: "button", type: "button", on: {click: save}}, icon("plus"), "Add").
 * Attributes that are null, undefined or false are left out; true stands for an empty one. `on` has the listeners, `data` the data-* attributes,
 * `value` and `checked` are set as properties. Children are nodes, texts, numbers, lists of them, or null.
 */
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (REFUSED.has(name) || /^on./.test(name)) throw new TypeError(`el() sets no ${name}`);
    if (name === "on") for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
    else if (name === "data") Object.assign(made.dataset, value);
    else if (name === "value" || name === "checked" || name === "indeterminate") made[name] = value;
    else if (value === null || value === undefined || value === false) continue;
    else if ((name === "href" || name === "src") && !/^(\/(?!\/)|#|\?|sip:|tel:|mailto:|blob:)/i.test(value)) throw new TypeError(`el() links to no ${value}`);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...flat(children));
  return made;
}

function flat(children) {
  return children.flat(Infinity).filter((each) => each !== null && each !== undefined && each !== false).map((each) => (each instanceof Node ? each : String(each)));
}

/** Puts other children into `node`. */
export function fill(node, ...children) {
  node.replaceChildren(...flat(children));
  return node;
}

/** An SVG element, with attributes and children. */
export function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null && value !== undefined) made.setAttribute(name, String(value));
  made.append(...flat(children));
  return made;
}

/** One of the icons of icons.html. With `label` it is read out, without it is decoration. */
export function icon(name, label = "") {
  const made = svg("svg", label ? {class: "icon", role: "img", "aria-label": label} : {class: "icon", "aria-hidden": "true"});
  made.append(svg("use", {href: `#i-${name}`}));
  return made;
}

export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

/** A name from people, kept apart from the text around it whichever way it is written. */
export function name(text, tag = "bdi") {
  return el(tag, {dir: "auto"}, text);
}

/** A circle with the initials of a name. */
export function avatar(text, tag = "span") {
  const made = el(tag, {class: "avatar", "aria-hidden": "true"});
  return initials(made, text);
}

function initials(node, text) {
  const words = String(text).trim().split(/\s+/u).filter((word) => /[\p{L}\p{N}]/u.test(word));
  const letters = [...words].map((word) => [...word.replace(/^[^\p{L}\p{N}]+/u, "")][0] ?? "");
  node.textContent = (letters.length > 1 ? letters[0] + letters.at(-1) : letters[0] ?? "?").toUpperCase();
  let sum = 0;
  for (const letter of String(text)) sum = (sum * 31 + letter.codePointAt(0)) % 9973;
  node.dataset.hue = String((sum % 6) + 1);
  return node;
}

/** Avatar, name and a second line. */
export function person(who, second = "") {
  return el("span", {class: "person"}, avatar(who), el("span", {class: "person-text"}, name(who), second ? el("small", {}, second) : null));
}

/** A switch: an input of type checkbox with a track; `hint` is a second line. */
export function toggle(label, {checked = false, hint = "", disabled = false, change = null} = {}) {
  const input = el("input", {type: "checkbox", role: "switch", checked, disabled});
  if (change) input.addEventListener("change", () => change(input.checked, input));
  return el("label", {class: "switch"}, input, el("span", {class: "track", "aria-hidden": "true"}), el("span", {}, label, hint ? el("small", {}, hint) : null));
}

/** A notice with an icon; kind: info, good, warn, bad. */
export function notice(kind, ...children) {
  const icons = {info: "info", good: "check", warn: "warn", bad: "warn"};
  return el("div", {class: `notice ${kind}`}, icon(icons[kind] ?? "info"), el("div", {class: "grow"}, ...children));
}

/** What stands where there is nothing yet. */
export function empty(iconName, title, text, ...actions) {
  return el("div", {class: "empty"}, icon(iconName), el("h2", {}, title), text ? el("p", {}, text) : null, actions.length ? el("div", {class: "row"}, ...actions) : null);
}

// --- texts -----------------------------------------------------------------------------------------------------------------------

/** 1 assistant, 2 assistants. */
export function count(number, one, many = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

/** Seconds as 0:05, 12:34, 1:02:03. */
export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** A time (seconds since the epoch, ISO text or Date) as people write it; today without the day. */
export function moment(at, {seconds = false, day = "auto"} = {}) {
  const when = at instanceof Date ? at : new Date(typeof at === "number" ? at * 1000 : at);
  const time = when.toLocaleTimeString([], {hour: "2-digit", minute: "2-digit", ...(seconds ? {second: "2-digit"} : {})});
  const sameDay = when.toDateString() === new Date().toDateString();
  if (day === "never" || (day === "auto" && sameDay)) return time;
  return `${when.toLocaleDateString([], {weekday: "short", day: "numeric", month: "short", ...(when.getFullYear() === new Date().getFullYear() ? {} : {year: "numeric"})})}, ${time}`;
}

/** <time> with the exact time as its title. */
export function timeElement(at, options = {}) {
  const when = new Date(typeof at === "number" ? at * 1000 : at);
  return el("time", {datetime: when.toISOString(), title: when.toLocaleString()}, moment(when, options));
}

// --- the API ---------------------------------------------------------------------------------------------------------------------

export const API = "/api/v1";

/** What the server refused. `findings` [{kind, key, field, text}] says which field is wrong; `current` (412) is the entry as it is now. */
export class ApiError extends Error {
  constructor(status, data, fallback = "the server did not answer as expected") {
    super(data?.detail ?? fallback);
    this.status = status;
    this.data = data ?? {};
    this.findings = Array.isArray(this.data.findings) ? this.data.findings : [];
    this.current = this.data.current ?? null;
    this.retryAfter = Number(this.data.retry_after ?? 0);
  }
}

const csrf = document.querySelector('meta[name="csrf"]')?.content ?? "";

/**
 * Asks the API: const {data, etag} = await api("PATCH", `/users/${extension}`, {name}, {etag}). `path` stands under /api/v1. `body` is sent as
 * JSON, a FormData as it is. Raises ApiError, also (status 0) when the server cannot be reached or `timeout` milliseconds are over. A sign-in that
 * is over leads to the sign-in page, unless `stay`.
 */
export async function api(method, path, body, {etag = "", signal = null, timeout = 30_000, stay = false, headers = {}} = {}) {
  const asked = {method, headers: {Accept: "application/json", ...headers}, credentials: "same-origin", signal: within(timeout, signal)};
  if (body instanceof FormData) asked.body = body;
  else if (body !== undefined && body !== null) {
    asked.body = JSON.stringify(body);
    asked.headers["Content-Type"] = method === "PATCH" ? "application/merge-patch+json" : "application/json";
  }
  if (etag) asked.headers["If-Match"] = quoted(etag);
  if (method !== "GET" && csrf) asked.headers["X-CSRF-Token"] = csrf;
  let answer;
  try {
    answer = await fetch(path.startsWith("/api/") ? path : API + path, asked);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, null, method === "GET" ? "The server cannot be reached; try again." : UNKNOWN);
  }
  const data = await content(answer);
  if (answer.status === 401 && !stay) {
    const here = location.pathname + location.search;
    location.assign(`/sign-in?next=${encodeURIComponent(here)}`);
  }
  if (!answer.ok) {
    const error = new ApiError(answer.status, data, `${answer.status} ${answer.statusText}`);
    error.retryAfter = Number(answer.headers.get("Retry-After") ?? 0);
    throw error;
  }
  return {status: answer.status, data, etag: answer.headers.get("ETag") ?? "", location: answer.headers.get("Location") ?? ""};
}

const UNKNOWN = "The server did not answer. It is not known whether the change was made: load the page again, and look.";
const quoted = (etag) => (/^(W\/)?"/.test(etag) ? etag : `"${etag}"`);

function within(timeout, signal) {
  const limit = AbortSignal.timeout(timeout);
  return signal ? AbortSignal.any([signal, limit]) : limit;
}

async function content(answer) {
  if (answer.status === 204) return null;
  const type = answer.headers.get("Content-Type") ?? "";
  try {
    return /json/.test(type) ? await answer.json() : await answer.text();
  } catch {
    return null;
  }
}

/** Every item of a list, page by page. */
export async function all(path, parameters = {}, most = 20_000) {
  const items = [];
  for (let after = ""; items.length < most; ) {
    const {data} = await api("GET", `${path}?${query({limit: 500, ...parameters, after})}`);
    items.push(...data.items);
    if (!data.next) break;
    after = data.next;
  }
  return items;
}

/** A query without what is empty. */
export function query(parameters) {
  const made = new URLSearchParams();
  for (const [key, value] of Object.entries(parameters)) if (value !== "" && value !== null && value !== undefined) made.append(key, String(value));
  return made.toString();
}

/** A path with its parts escaped: url`/users/${extension}`. */
export function url(texts, ...parts) {
  return texts.reduce((made, text, index) => made + encodeURIComponent(parts[index - 1]) + text);
}

// --- messages --------------------------------------------------------------------------------------------------------------------

/** Reads something out to those who do not see the page; `urgent` interrupts. */
export function announce(text, urgent = false) {
  const place = document.getElementById(urgent ? "alarms" : "announcements");
  if (!place) return;
  const line = el("p", {}, text);
  place.append(line);
  setTimeout(() => line.remove(), 10_000);
}

/** A message in the corner, also read out. kind: info, good, warn, bad. `action` is {label, run}. A bad one stays until it is closed. */
export function toast(text, {kind = "info", action = null, stay = kind === "bad"} = {}) {
  const place = document.getElementById("toasts");
  const close = () => made.remove();
  const made = el("div", {class: `toast ${kind}`},
    el("div", {class: "toast-text"}, text),
    action ? el("button", {class: "button small quiet", type: "button", on: {click: () => { close(); action.run(); }}}, action.label) : null,
    el("button", {class: "icon-button small", type: "button", "aria-label": "Close this message", on: {click: close}}, icon("close")));
  (document.querySelector("dialog[open]:last-of-type") ?? document.body).append(place);
  place.append(made);
  while (place.children.length > 4) place.firstChild.remove();
  announce(text, kind === "bad");
  if (!stay) setTimeout(close, action ? 12_000 : 6_000);
  return close;
}

/** Says what went wrong. */
export function complain(error) {
  if (error instanceof ApiError && error.status === 401) return;
  if (error?.name === "AbortError") return;
  if (!(error instanceof ApiError)) console.error(error);
  const findings = error.findings?.map((each) => each.text).join(" ") ?? "";
  toast(error instanceof ApiError ? [error.message, findings].filter(Boolean).join(" ") : "Something on this page went wrong; load it again.", {kind: "bad"});
}

/** Runs `work` while `button` shows that it is busy; says what goes wrong. Answers what `work` answers, undefined when it failed. */
export async function busy(button, work) {
  if (button?.getAttribute("aria-busy") === "true") return undefined;
  button?.setAttribute("aria-busy", "true");
  try {
    return await work();
  } catch (error) {
    complain(error);
    return undefined;
  } finally {
    button?.removeAttribute("aria-busy");
  }
}

// --- dialogs ---------------------------------------------------------------------------------------------------------------------

/**
 * A modal dialog. `actions` are {label, value, kind: "primary" | "danger" | ""}: the answer is the value of the one that was chosen, null when it
 * was closed. With `run` an action first runs that (await); when it raises or answers false, the dialog stays open. The focus goes back to
 * where it was.
 */
export function dialog({title, body, actions = [{label: "Close", value: null}], wide = false, opened = null}) {
  return new Promise((resolve) => {
    const before = document.activeElement;
    const heading = `dialog-${Math.random().toString(36).slice(2)}`;
    let answer = null;
    const close = (value) => { answer = value; made.close(); };
    const foot = actions.map((each) => {
      const button = el("button", {class: `button ${each.kind === "danger" ? "danger primary" : each.kind ?? ""}`, type: "button"}, each.label);
      button.addEventListener("click", async () => {
        if (each.run && (await busy(button, async () => (await each.run()) !== false)) !== true) return;
        close(each.value);
      });
      return button;
    });
    const made = el("dialog", {class: wide ? "wide" : null, "aria-labelledby": heading},
      el("div", {class: "dialog-head"}, el("h2", {id: heading}, title), el("button", {class: "icon-button small", type: "button", "aria-label": "Close", on: {click: () => close(null)}}, icon("close"))),
      el("div", {class: "dialog-body"}, body),
      actions.length ? el("div", {class: "dialog-foot"}, ...foot) : null);
    made.addEventListener("close", () => {
      document.body.append(document.getElementById("toasts"));
      made.remove();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
      resolve(answer);
    });
    document.body.append(made);
    made.showModal();
    ($("[autofocus]", made) ?? $(".dialog-body :is(input, select, textarea)", made) ?? foot.at(-1))?.focus();
    opened?.(close, made);
  });
}

/** Asks yes or no. */
export async function confirm(title, text, {yes = "Yes", danger = false} = {}) {
  const body = text instanceof Node ? text : el("p", {}, text);
  return (await dialog({title, body, actions: [{label: "Cancel", value: false}, {label: yes, value: true, kind: danger ? "danger" : "primary"}]})) === true;
}

/** A button that copies a text. */
export function copyButton(text, label = "Copy") {
  const button = el("button", {class: "icon-button small", type: "button", "aria-label": label, title: label}, icon("copy"));
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      fill(button, icon("check"));
      announce("Copied");
      setTimeout(() => fill(button, icon("copy")), 2000);
    } catch {
      toast("The browser does not let this page copy; select the text and copy it.", {kind: "warn"});
    }
  });
  return button;
}

/** A secret that is shown once, with a button that copies it. */
export function secret(text, label = "Copy") {
  return el("span", {class: "secret"}, el("code", {}, text), copyButton(text, label));
}

/** Calls `work` when nothing was typed for `wait` milliseconds. */
export function debounce(work, wait = 250) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...values), wait);
  };
}

/** Tabs with arrow keys: [{id, label, panel: Node}]. Answers {node, show(id)}; the chosen tab stands in the address after #. */
export function tabs(label, items, {remember = true} = {}) {
  const buttons = items.map((item) => el("button", {role: "tab", type: "button", id: `tab-${item.id}`, "aria-controls": `panel-${item.id}`, "aria-selected": "false", tabindex: "-1"}, item.label));
  const panels = items.map((item) => el("div", {role: "tabpanel", id: `panel-${item.id}`, "aria-labelledby": `tab-${item.id}`, hidden: true}, item.panel));
  const show = (id, focus = false) => {
    const index = Math.max(0, items.findIndex((item) => item.id === id));
    buttons.forEach((button, place) => {
      button.setAttribute("aria-selected", String(place === index));
      button.tabIndex = place === index ? 0 : -1;
      panels[place].hidden = place !== index;
    });
    if (focus) buttons[index].focus();
    if (remember) history.replaceState(null, "", `#${items[index].id}`);
    items[index].shown?.();
  };
  buttons.forEach((button, index) => {
    button.addEventListener("click", () => show(items[index].id));
    button.addEventListener("keydown", (event) => {
      const to = {ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: items.length - 1}[event.key];
      if (to === undefined) return;
      event.preventDefault();
      show(items[(to + items.length) % items.length].id, true);
    });
  });
  const node = el("div", {}, el("div", {class: "tabs", role: "tablist", "aria-label": label}, ...buttons), ...panels);
  const wanted = remember ? location.hash.slice(1) : "";
  show(items.some((item) => item.id === wanted) ? wanted : items[0].id);
  return {node, show, buttons, panels};
}

// --- the frame -------------------------------------------------------------------------------------------------------------------

function frame() {
  for (const node of $$("[data-initials]")) initials(node, node.dataset.initials);
  for (const input of $$("[data-theme-switch] input")) input.addEventListener("change", () => chooseTheme(input.value));
  const toggleButton = $("[data-nav-toggle]");
  toggleButton?.addEventListener("click", () => {
    const open = $("#navigation").classList.toggle("open");
    toggleButton.setAttribute("aria-expanded", String(open));
  });
  for (const menu of $$("details.menu")) closeWithEscape(menu);
  $("[data-sign-out]")?.addEventListener("click", (event) => busy(event.currentTarget, signOut));
  const here = $(".side a[aria-current]");
  if (here) here.parentElement.scrollLeft = here.offsetLeft - 40;
}

function chooseTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  document.cookie = `theme=${theme}; path=/; max-age=${theme ? 31_536_000 : 0}; samesite=strict`;
}

/** Closes a <details class="menu"> with Escape, or when the focus or a click goes elsewhere. */
function closeWithEscape(menu) {
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    $("summary", menu).focus();
  });
  document.addEventListener("pointerdown", (event) => { if (!menu.contains(event.target)) menu.open = false; });
  menu.addEventListener("focusout", (event) => { if (event.relatedTarget && !menu.contains(event.relatedTarget)) menu.open = false; });
}

async function signOut() {
  await api("DELETE", "/session", null, {stay: true}).catch((error) => { if (error.status !== 401) throw error; });
  location.assign("/sign-in");
}

frame();
