// Lists of entries: search, filters, sorting and paging over the API's cursors, as a table that becomes cards on a phone.

import {$, api, complain, count, debounce, el, empty, fill, icon, query} from "./base.js";

/**
 * columns: [{label, cell(item), sort, className}]; the first is the lead of a card. filters: [{name, label, options: [[value, label]] or an async function}].
 * href(item): where a row leads. nothing: {icon, title, text, action}.
 */
export function listPage(root, {collection, columns, filters = [], href = null, nothing, placeholder = "Search", parameters = {}, rowActions = null, label = "Entries", loaded = null}) {
  const state = {search: new URLSearchParams(location.search).get("search") ?? "", sort: "", after: "", before: [], values: Object.fromEntries(new URLSearchParams(location.search))};
  const body = el("tbody");
  const frame = el("div", {class: "table-frame"});
  const pager = el("div", {class: "pager"});
  const box = el("input", {type: "search", "aria-label": placeholder, placeholder, value: state.search, autocomplete: "off"});
  const selects = filters.map((each) => filterSelect(each, state, () => restart()));
  const heads = columns.map((each) => el("th", {scope: "col"}, each.sort ? el("button", {type: "button", on: {click: () => sortBy(each.sort)}}, each.label, icon("down")) : each.label));
  const table = el("table", {class: "cards", "aria-label": label}, el("thead", {}, el("tr", {}, ...heads, rowActions ? el("th", {scope: "col"}, el("span", {class: "hidden"}, "Actions")) : null)), body);
  let asked = 0;
  const load = async () => {
    const mine = ++asked;
    try {
      const {data} = await api("GET", `${collection}?${query({limit: 50, sort: state.sort, after: state.after, search: state.search, ...parameters, ...chosen()})}`);
      if (mine === asked) draw(data);
    } catch (error) {
      if (mine !== asked) return;
      fill(frame, empty("warn", "The list cannot be shown", error.message));
      complain(error);
    }
  };
  const chosen = () => Object.fromEntries(filters.map((each) => [each.name, state.values[each.name] ?? ""]));
  const filtered = () => state.search !== "" || Object.values(chosen()).some(Boolean);
  const restart = () => {
    state.after = "";
    state.before = [];
    history.replaceState(null, "", `?${query({search: state.search, ...chosen()})}`.replace(/^\?$/, location.pathname));
    load();
  };
  const sortBy = (sort) => {
    state.sort = state.sort === sort ? `-${sort}` : state.sort === `-${sort}` ? "" : sort;
    columns.forEach((each, index) => {
      const way = each.sort && state.sort.replace("-", "") === each.sort ? (state.sort.startsWith("-") ? "descending" : "ascending") : null;
      if (way) heads[index].setAttribute("aria-sort", way); else heads[index].removeAttribute("aria-sort");
    });
    restart();
  };
  const draw = (data) => {
    loaded?.(data);
    if (!data.items.length) {
      fill(frame, filtered() ? empty("search", "Nothing found", "Nothing here is like that. Look at the search and the filters.", el("button", {class: "button", type: "button", on: {click: clear}}, "Show everything"))
        : empty(nothing.icon, nothing.title, nothing.text, ...[nothing.action].flat().filter(Boolean)));
    } else {
      fill(body, ...data.items.map((item) => row(item)));
      if (!table.isConnected) fill(frame, table);
    }
    tools.hidden = !data.items.length && !filtered();
    const from = state.before.length * 50;
    fill(pager, el("span", {role: "status"}, data.items.length ? `${from + 1}–${from + data.items.length} of ${count(data.total, "entry", "entries")}` : ""),
      el("span", {class: "row"},
        el("button", {class: "button small", type: "button", disabled: !state.before.length, on: {click: () => { state.after = state.before.pop(); load(); }}}, icon("left"), "Previous"),
        el("button", {class: "button small", type: "button", disabled: !data.next, on: {click: () => { state.before.push(state.after); state.after = data.next; load(); }}}, "Next", icon("right"))));
    pager.hidden = data.total <= 50 && !state.before.length;
  };
  const row = (item) => {
    const link = href?.(item);
    const cells = columns.map((each, index) => {
      const content = each.cell(item);
      const inner = index === 0 && link ? el("a", {href: link, class: "row-link"}, content) : content;
      return el("td", {class: [index === 0 ? "lead" : "", each.className ?? ""].join(" ").trim() || null, "data-label": index === 0 ? null : each.label}, inner);
    });
    const made = el("tr", {class: link ? "clickable" : null}, ...cells, rowActions ? el("td", {class: "actions-cell"}, rowActions(item, load)) : null);
    if (link) made.addEventListener("click", (event) => { if (!event.target.closest("a, button, input, label")) location.assign(link); });
    return made;
  };
  const clear = () => {
    state.search = box.value = "";
    for (const each of filters) delete state.values[each.name];
    selects.forEach((select) => { $("select", select).value = ""; });
    restart();
  };
  box.addEventListener("input", debounce(() => { state.search = box.value.trim(); restart(); }, 250));
  const tools = el("div", {class: "tools"}, el("div", {class: "search"}, icon("search"), box), ...selects);
  fill(root, el("div", {class: "card flush"}, tools, frame, pager));
  load();
  return {load};
}

function filterSelect(its, state, changed) {
  const control = el("select", {"aria-label": its.label});
  const offer = (options) => {
    fill(control, el("option", {value: ""}, its.label), ...options.map((each) => (Array.isArray(each) ? each : [each, each])).map(([value, label]) => el("option", {value}, label)));
    control.value = state.values[its.name] ?? "";
    wrapper.hidden = !options.length;
  };
  const wrapper = el("div", {}, control);
  if (typeof its.options === "function") its.options().then(offer, complain);
  else offer(its.options);
  control.addEventListener("change", () => { state.values[its.name] = control.value; changed(); });
  return wrapper;
}

/** The head of a page: title, text, buttons at the right. */
export function pageHead(title, text, ...actions) {
  return el("div", {class: "page-head"}, el("div", {}, el("h1", {}, title), text ? el("p", {}, text) : null), el("div", {class: "row"}, ...actions));
}

/** The way back above a title. */
export function crumbs(...links) {
  return el("nav", {class: "crumbs", "aria-label": "Where this is"}, ...links.flatMap(([href, text], index) => [index ? " / " : null, el("a", {href}, text)]));
}
