// Single keys for what is done all day. They can be switched off (WCAG 2.1.4), and never count while one types.

const KEY = "hud-keys";
const KEYS = {
  j: "next", ArrowDown: "next", k: "previous", ArrowUp: "previous", a: "take", r: "retrieve", h: "hold", p: "park", u: "push", b: "join", l: "listen",
  w: "whisper", t: "transfer", g: "give_back", x: "lock", e: "end", "/": "dial", "?": "help",
};

export const HELP = [
  [["j", "k"], "Next and previous call"],
  [["a"], "Pick up, resume or join in"],
  [["h"], "Hold and resume"],
  [["p"], "Park"],
  [["r"], "Retrieve a parked call"],
  [["u"], "Send to the executive, with a note"],
  [["g"], "Give back what you have just answered"],
  [["t"], "Transfer"],
  [["b"], "Barge in"],
  [["l"], "Listen"],
  [["w"], "Whisper"],
  [["x"], "Make private, and end that"],
  [["e"], "Hang up"],
  [["/"], "Call somebody"],
  [["?"], "These keys"],
];

export const shortcutsOn = () => localStorage.getItem(KEY) !== "off";

export function switchShortcuts(on) {
  localStorage.setItem(KEY, on ? "on" : "off");
}

/** `work` by name. Arrow keys count only where a call has the focus. */
export function shortcuts(work) {
  document.addEventListener("keydown", (event) => {
    const {target, key} = event;
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || event.isComposing) return;
    if (document.querySelector("dialog[open]") || target.closest?.("input, select, textarea, [contenteditable], details[open] .menu-panel")) return;
    if (key.startsWith("Arrow") && !target.closest?.(".call")) return;
    if (key !== "?" && key !== "/" && !key.startsWith("Arrow") && !shortcutsOn()) return;
    if (!shortcutsOn() && key.length === 1) return;
    const name = KEYS[key];
    if (!name || (event.repeat && name !== "next" && name !== "previous")) return;
    event.preventDefault();
    work[name]();
  });
}
