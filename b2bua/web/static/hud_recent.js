// The newest finished calls beside the live ones.

import {api, el, fill} from "./base.js";
import {historyRow} from "./history_rows.js";

const SHOWN = 8;
const WRITTEN = 1200; // the history is written half a second after a call

export class Recent {
  #place;
  #state;
  #actions;
  #timer = 0;
  #asked = 0;
  #ids = "";

  constructor(place, state, actions) {
    [this.#place, this.#state, this.#actions] = [place, state, actions];
  }

  /** Asks for them when they will have been written; many calls that end together are asked for once. */
  soon() {
    if (!this.#timer) this.#timer = setTimeout(() => { this.#timer = 0; this.load(); }, WRITTEN);
  }

  async load() {
    const mine = ++this.#asked;
    try {
      const {data} = await api("GET", `/history?limit=${SHOWN}`, null, {stay: true});
      if (mine === this.#asked) this.#show(data);
    } catch (error) {
      if (mine === this.#asked && !this.#ids) fill(this.#place, el("p", {class: "muted people-none"}, `The history cannot be shown: ${error.message}`));
    }
  }

  #show({items, names}) {
    const ids = items.map((each) => each.id).join();
    if (ids === this.#ids && ids) return;
    this.#ids = ids;
    const again = (number, who, button) => this.#actions.dial(number, who, button);
    fill(this.#place, items.length ? el("ul", {class: "history-list compact"}, items.map((each) => historyRow(each, names, this.#state.me.extension, {again, compact: true}))) : el("p", {class: "muted people-none"}, "No calls yet."));
  }
}
