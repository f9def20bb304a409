// The connection to the server's events: comes back by itself, and says when it is gone.

import {API} from "./base.js";

const FIRST_WAIT = 250;
const LONGEST_WAIT = 1200;
const SILENCE = 25_000; // the server says something every ten seconds
const SIGNED_OUT = 4401;
const TOO_MANY = 4429;

/**
 * Keeps one WebSocket open. `onEvent(event)` gets each event, first {"type": "state"}, again after each reconnection. `onLink(state, reason)` gets
 * "open", "lost" (and it tries again), "elsewhere" (too many pages are open, and this one waits to be asked) or "signed-out".
 */
export class Events {
  #socket = null;
  #tries = 0;
  #timer = 0;
  #silence = 0;
  #onEvent;
  #onLink;

  constructor(onEvent, onLink) {
    this.#onEvent = onEvent;
    this.#onLink = onLink;
    addEventListener("online", () => this.retry());
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.retry(); });
    addEventListener("pagehide", () => this.#close());
    addEventListener("pageshow", (event) => { if (event.persisted) this.retry(); });
    this.#open();
  }

  /** Tries at once, if it is not connected. */
  retry() {
    if (this.#socket && this.#socket.readyState <= WebSocket.OPEN) return;
    clearTimeout(this.#timer);
    this.#tries = 0;
    this.#open();
  }

  #open() {
    const address = new URL(`${API}/events?batch=1`, location.href);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    const socket = (this.#socket = new WebSocket(address));
    this.#listen();
    socket.addEventListener("message", ({data}) => {
      if (socket !== this.#socket) return;
      this.#listen();
      const told = JSON.parse(data);
      if (told.type === "state" || told.events?.some((each) => each.type === "state")) {
        this.#tries = 0;
        this.#onLink("open");
      }
      for (const event of told.type === "batch" ? told.events : [told]) this.#onEvent(event);
    });
    socket.addEventListener("close", ({code, reason}) => {
      if (socket !== this.#socket) return;
      this.#socket = null;
      clearTimeout(this.#silence);
      if (code === SIGNED_OUT || code === TOO_MANY) this.#onLink(code === TOO_MANY ? "elsewhere" : "signed-out", reason);
      else this.#again();
    });
  }

  /** A line that is dead says nothing, not even that it is. */
  #listen() {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => { this.#close(); this.#again(); }, this.#socket?.readyState === WebSocket.CONNECTING ? 5000 : SILENCE);
  }

  #close() {
    const socket = this.#socket;
    this.#socket = null;
    clearTimeout(this.#silence);
    socket?.close();
  }

  #again() {
    this.#onLink("lost");
    const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.#tries) * (0.6 + 0.4 * Math.random());
    this.#tries += 1;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#open(), wait);
  }
}
