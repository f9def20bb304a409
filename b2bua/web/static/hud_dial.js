// Whom to call, and as whom: a box that finds colleagues by name while one types.

import {api, avatar, busy, debounce, el, fill, icon, name, query} from "./base.js";

const LIKE_A_NUMBER = /^[+*#0-9][0-9*#()\s./-]*$/;
const MOST = 7;

/** A text field with suggestions (the combobox pattern): `pick({extension, name})` when one is chosen. */
export function finder(label, state, pick, attributes = {}) {
  const id = `find-${Math.random().toString(36).slice(2)}`;
  const input = el("input", {type: "text", role: "combobox", "aria-label": label, "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": id, placeholder: "Name or number", maxlength: "80", spellcheck: "false", enterkeyhint: "go", ...attributes});
  const options = el("ul", {role: "listbox", id, class: "suggestions", "aria-label": "Suggestions", hidden: true});
  let shown = [];
  let at = -1;
  let asked = 0;

  const close = () => {
    options.hidden = true;
    at = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const choose = (person) => {
    input.value = person.name;
    input.dataset.number = person.extension;
    close();
    pick?.(person);
  };
  const mark = (to) => {
    at = shown.length ? (to + shown.length) % shown.length : -1;
    [...options.children].forEach((each, index) => each.setAttribute("aria-selected", String(index === at)));
    if (at >= 0) {
      input.setAttribute("aria-activedescendant", options.children[at].id);
      options.children[at].scrollIntoView({block: "nearest"});
    }
  };
  const show = (people) => {
    shown = people.slice(0, MOST);
    at = -1;
    fill(options, shown.map((each, index) => el("li", {role: "option", id: `${id}-${index}`, "aria-selected": "false", on: {pointerdown: (event) => { event.preventDefault(); choose(each); }}}, avatar(each.name), el("span", {class: "grow"}, name(each.name)), el("span", {class: "muted"}, each.extension))));
    options.hidden = !shown.length;
    input.setAttribute("aria-expanded", String(shown.length > 0));
  };
  const known = (text) => {
    const wanted = text.toLocaleLowerCase();
    const all = [...state.executives.values(), ...state.people.values()];
    const found = new Map(all.filter((each) => each.name.toLocaleLowerCase().includes(wanted) || each.extension.startsWith(wanted)).map((each) => [each.extension, each]));
    found.delete(state.me.extension);
    return [...found.values()];
  };
  const ask = debounce(async (text, mine) => {
    try {
      const {data} = await api("GET", `/users?${query({search: text, limit: MOST})}`, null, {stay: true});
      if (mine !== asked || input.value.trim() !== text || document.activeElement !== input) return;
      const found = new Map([...known(text), ...data.items].map((each) => [each.extension, each]));
      found.delete(state.me.extension);
      if (at < 0) show([...found.values()]);
    } catch {
      // the suggestions from this page stay
    }
  }, 180);

  input.addEventListener("input", () => {
    delete input.dataset.number;
    const text = input.value.trim();
    asked += 1;
    if (text.length < 1) return close();
    show(known(text));
    if (text.length > 1) ask(text, asked);
    return undefined;
  });
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (options.hidden) return;
      event.preventDefault();
      mark(at + (event.key === "ArrowDown" ? 1 : at < 0 ? 0 : -1));
    } else if (event.key === "Enter" && at >= 0 && !options.hidden) {
      event.preventDefault();
      choose(shown[at]);
    } else if (event.key === "Escape" && !options.hidden) {
      event.stopPropagation();
      event.preventDefault();
      close();
    }
  });

  /** What is to be dialled; "" when a name fits nobody. */
  const number = () => {
    if (input.dataset.number) return input.dataset.number;
    const text = input.value.trim();
    if (LIKE_A_NUMBER.test(text)) return text.replace(/[\s()./-]/g, "");
    return shown[0] && shown[0].name.toLocaleLowerCase().startsWith(text.toLocaleLowerCase()) && text ? shown[0].extension : text.includes("@") ? text : "";
  };
  return {node: el("div", {class: "finder"}, icon("search"), input, options), input, number, close};
}

/** The box above the calls. `dial(number, as)` places the call. */
export class Dial {
  #form;
  #state;
  #as = el("select", {id: "dial-as", "aria-label": "Call as"});
  #finder;
  #chosen = null;
  #signature = "";
  #button = el("button", {class: "button primary", type: "submit"}, icon("calls"), "Call");

  constructor(form, state, dial) {
    [this.#form, this.#state] = [form, state];
    this.#finder = finder("Name or number to call", state, () => this.#button.focus(), {id: "dial-number"});
    fill(form, el("label", {class: "dial-as"}, el("span", {}, "Call as"), this.#as), this.#finder.node, this.#button);
    this.#as.addEventListener("change", () => { this.#chosen = this.#as.value; });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const number = this.#finder.number();
      if (!number) {
        this.#finder.input.focus();
        return;
      }
      busy(this.#button, async () => {
        await dial(number, this.#as.value, this.#finder.input.value);
        this.#finder.input.value = "";
        delete this.#finder.input.dataset.number;
        this.#finder.close();
      });
    });
  }

  /** Who may be spoken for. */
  show() {
    const {me} = this.#state;
    const may = me.may_call_as ?? [];
    const signature = JSON.stringify([may, me.call_as?.executive ?? ""]);
    if (signature === this.#signature) return;
    this.#signature = signature;
    if (this.#chosen !== null && this.#chosen !== me.extension && !may.some((each) => each.extension === this.#chosen)) this.#chosen = null;
    const value = this.#chosen ?? me.call_as?.executive ?? me.extension;
    fill(this.#as, el("option", {value: me.extension, selected: value === me.extension}, "Myself"), may.map((each) => el("option", {value: each.extension, selected: value === each.extension}, each.name)));
    this.#as.closest("label").hidden = !may.length;
  }

  /** As whom the next call goes out. */
  callAs(extension) {
    this.#chosen = extension;
    this.#as.value = extension;
    this.focus();
  }

  /** As whom it goes out as things are. */
  get as() {
    return this.#as.value;
  }

  focus() {
    this.#finder.input.focus();
    this.#finder.input.select();
    this.#form.scrollIntoView({block: "nearest"});
  }
}
