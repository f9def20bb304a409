// Who and what there is to choose from: names of users, groups, schedules … asked once, and boxes to type in that offer them.

import {all, api, complain, debounce, el, fill, name as nameNode, query, url} from "./base.js";

let numbered = 0;
export const freshId = (word = "field") => `${word}-${++numbered}`;

const known = new Map();

/** Remembers whom lists have named. */
export function remember(users) {
  for (const each of users) known.set(each.extension, each.name);
}

/** The name of an extension; "" when there is no such user. */
export function nameOf(extension) {
  const found = /^[A-Za-z0-9._]{1,8}$/.test(extension) ? known.get(extension) : "";
  if (typeof found === "string") return Promise.resolve(found);
  if (found) return found;
  const asked = api("GET", url`/users/${extension}`).then(({data}) => data.name ?? "", (error) => {
    known.delete(extension);
    if (error.status === 404 || error.status === 403) return "";
    throw error;
  }).then((name) => { known.set(extension, name); return name; });
  known.set(extension, asked);
  return asked;
}

const once = (work) => { let made; return () => (made ??= work().catch((error) => { made = undefined; throw error; })); };
export const scheduleNames = once(async () => (await all("/schedules")).map((each) => each.key));
export const callerGroupNames = once(async () => (await all("/caller-groups")).map((each) => each.key));
export const siteNames = once(async () => (await all("/sites")).map((each) => each.name));
export const costCentreNames = once(async () => (await all("/cost-centres").catch((error) => { if (error.status === 403) return []; throw error; })).map((each) => each.name));
/** The names of groups and services by extension. */
export const officeNames = once(async () => new Map((await Promise.all([all("/groups"), all("/services")])).flat().map((each) => [each.extension, each.name])));
/** Who looks: role, sites, offices. */
export const me = once(async () => (await api("GET", "/me")).data);
export const organisation = once(async () => (await api("GET", "/organisation")).data);

/** Users whose name or extension has `text` in it. */
export async function findUsers(text, {limit = 12, filter = null, signal = null} = {}) {
  const {data} = await api("GET", `/users?${query({search: text, limit})}`, null, {signal});
  remember(data.items);
  return filter ? data.items.filter(filter) : data.items;
}

/**
 * A box to type in that offers a list (ARIA combobox). `find(text, signal)` answers [{value, label, detail}]; `choose(item)` takes one, or
 * {value: text} for what was typed where `free`.
 */
export function combobox({label, find, choose, value = "", placeholder = "", free = false, keep = false, disabled = false}) {
  const listId = freshId("list");
  const box = el("input", {type: "text", role: "combobox", "aria-label": label, "aria-expanded": "false", "aria-controls": listId, "aria-autocomplete": "list", autocomplete: "off", placeholder, value, disabled, dir: "auto"});
  const list = el("ul", {class: "options", role: "listbox", id: listId, "aria-label": label, hidden: true});
  let items = [];
  let active = -1;
  let asked = null;
  const open = (yes) => { list.hidden = !yes; box.setAttribute("aria-expanded", String(yes)); if (!yes) { active = -1; box.removeAttribute("aria-activedescendant"); } };
  const mark = (index) => {
    active = index;
    [...list.children].forEach((option, place) => option.setAttribute("aria-selected", String(place === index)));
    const option = list.children[index];
    if (option?.id) box.setAttribute("aria-activedescendant", option.id);
    option?.scrollIntoView({block: "nearest"});
  };
  const take = (item) => {
    open(false);
    box.value = keep ? item.text ?? item.label : "";
    choose(item);
  };
  const draw = (found) => {
    items = found;
    fill(list, ...found.map((item) => {
      const option = el("li", {role: "option", id: freshId("option"), "aria-selected": "false"}, nameNode(item.label), item.detail ? el("small", {class: "muted"}, item.detail) : null);
      option.addEventListener("pointerdown", (event) => { event.preventDefault(); take(item); });
      return option;
    }), found.length ? null : el("li", {class: "muted", role: "option", "aria-disabled": "true", "aria-selected": "false"}, "Nobody and nothing like that"));
    open(document.activeElement === box);
    mark(found.length && box.value.trim() ? 0 : -1);
  };
  const ask = debounce(async () => {
    asked?.abort();
    asked = new AbortController();
    try { draw(await find(box.value.trim(), asked.signal)); } catch (error) { if (error.name !== "AbortError") complain(error); }
  }, 150);
  box.addEventListener("input", ask);
  box.addEventListener("focus", ask);
  box.addEventListener("blur", () => {
    open(false);
    if (free && box.value.trim() && !keep) take({value: box.value.trim(), label: box.value.trim()});
    else if (free && keep) choose({value: box.value.trim(), label: box.value.trim(), typed: true});
  });
  box.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) return ask();
      mark((active + (event.key === "ArrowDown" ? 1 : -1) + items.length) % Math.max(1, items.length));
    } else if (event.key === "Enter") {
      if (!list.hidden && items[active]) { event.preventDefault(); take(items[active]); }
      else if (free && box.value.trim()) { event.preventDefault(); take({value: box.value.trim(), label: box.value.trim()}); }
    } else if (event.key === "Escape" && !list.hidden) { event.stopPropagation(); event.preventDefault(); open(false); }
  });
  return el("div", {class: "combobox"}, box, list);
}

/** A combobox for one user. */
export function userPicker({label, choose, placeholder = "Name or extension", filter = null, value = "", keep = false, free = false}) {
  return combobox({
    label, placeholder, value, keep, free,
    find: async (text, signal) => (await findUsers(text, {filter, signal})).map((each) => ({value: each.extension, label: each.name, detail: each.extension, text: `${each.name} (${each.extension})`, user: each})),
    choose,
  });
}
const CALLER_WORDS = {any: "Anybody", internal: "Colleagues", external: "Everybody outside", anonymous: "Anonymous callers", unavailable: "Callers without a number"};

export function callerTokens(its = {}) {
  return {
    find: async (text, signal) => {
      const wanted = text.toLowerCase();
      const fits = (each) => each.label.toLowerCase().includes(wanted) || each.value.includes(wanted);
      const fixed = its.fixed ?? Object.entries(CALLER_WORDS).map(([value, label]) => ({value, label, detail: value}));
      const groups = (await callerGroupNames().catch(() => [])).filter((each) => each !== its.not).map((value) => ({value, label: value, detail: "caller group"}));
      const users = wanted ? (await findUsers(text, {limit: 6, signal})).map((each) => ({value: each.extension, label: each.name, detail: each.extension})) : [];
      const typed = /^\+?[0-9 ().\-/]{3,}\*?$/.test(text) ? [{value: text, label: text.endsWith("*") ? `All numbers ${text}` : `The number ${text}`}] : [];
      return [...typed, ...fixed.filter(fits), ...groups.filter(fits), ...users].slice(0, 14);
    },
    label: async (value) => CALLER_WORDS[value] ?? (/^[0-9]{2,5}$/.test(value) ? await nameOf(value).then((found) => (found ? `${found} (${value})` : value)) : value),
    placeholder: "Colleague, caller group, +4930…, +4930*",
    free: true,
  };
}

/** Tokens of names that `load` lists. */
export function nameTokens(load, placeholder) {
  return {
    find: async (text) => (await load()).filter((each) => each.toLowerCase().includes(text.toLowerCase())).slice(0, 20).map((value) => ({value, label: value})),
    label: async (value) => value,
    placeholder,
    free: false,
  };
}

/** Groups, queues and services, and with `executives` those, too. */
export function officeTokens(placeholder, {executives = false} = {}) {
  const load = once(async () => {
    const [groups, services, bosses] = await Promise.all([all("/groups"), all("/services"), executives ? all("/executives") : []]);
    const named = [...groups, ...services].map((each) => ({value: each.extension, label: each.name, detail: each.extension}));
    return [...named, ...(await Promise.all(bosses.map(async (each) => ({value: each.extension, label: (await nameOf(each.extension)) || each.extension, detail: `executive ${each.extension}`}))))];
  });
  return {
    find: async (text) => (await load()).filter((each) => `${each.label} ${each.value}`.toLowerCase().includes(text.toLowerCase())).slice(0, 20),
    label: async (value) => { const found = (await load()).find((each) => each.value === value); return found ? `${found.label} (${value})` : value; },
    placeholder,
    free: false,
  };
}
