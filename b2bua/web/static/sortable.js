// A list whose items are put in order: with the pointer (mouse, pen, finger) by the grip, with the keyboard by space, arrows, space.

import {$$, announce} from "./base.js";

/**
 * Makes `list` (ul or ol) sortable by the elements with data-grip in its items. `name(index)` is read out, `moved(from, to)` is told at the end;
 * it redraws the list, and focuses the grip of `to` when asked by `focus(index)`.
 */
export function sortable(list, {name, moved}) {
  let lifted = null;
  const items = () => [...list.children];
  const indexOf = (element) => items().indexOf(element.closest("li"));

  // --- pointer
  list.addEventListener("pointerdown", (event) => {
    const grip = event.target.closest("[data-grip]");
    if (!grip || !list.contains(grip) || event.button !== 0) return;
    event.preventDefault();
    grip.focus();
    drag(event, grip.closest("li"), grip);
  });

  function drag(start, item, grip) {
    const from = indexOf(item);
    let offset = start.clientY;
    let to = from;
    grip.setPointerCapture(start.pointerId);
    item.classList.add("lifted");
    const move = (event) => {
      item.style.translate = `0 ${event.clientY - offset}px`;
      const box = item.getBoundingClientRect();
      const middle = box.top + box.height / 2;
      const [before, after] = [item.previousElementSibling, item.nextElementSibling];
      const top = box.top - (event.clientY - offset);
      if (before && middle < before.getBoundingClientRect().top + before.getBoundingClientRect().height / 2) before.before(item);
      else if (after && middle > after.getBoundingClientRect().top + after.getBoundingClientRect().height / 2) after.after(item);
      else return;
      item.style.translate = "0 0";
      offset += item.getBoundingClientRect().top - top;
      item.style.translate = `0 ${event.clientY - offset}px`;
      to = indexOf(item);
    };
    const end = (event) => {
      grip.removeEventListener("pointermove", move);
      grip.removeEventListener("pointerup", end);
      grip.removeEventListener("pointercancel", end);
      item.classList.remove("lifted");
      item.style.translate = "";
      if (event.type === "pointercancel") { put(item, from); return; }
      if (to !== from) { moved(from, to); announce(`${name(to)} is now in place ${to + 1} of ${items().length}`); }
    };
    grip.addEventListener("pointermove", move);
    grip.addEventListener("pointerup", end);
    grip.addEventListener("pointercancel", end);
  }

  function put(item, place) {
    const others = items().filter((each) => each !== item);
    if (place >= others.length) list.append(item); else others[place].before(item);
  }

  // --- keyboard
  list.addEventListener("keydown", (event) => {
    const grip = event.target.closest?.("[data-grip]");
    if (!grip) return;
    const item = grip.closest("li");
    if (event.key === " " || event.key === "Enter") {
      event.preventDefault();
      if (lifted?.item === item) drop();
      else lift(item);
    } else if (lifted && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
      event.preventDefault();
      step(event.key === "ArrowUp" ? -1 : 1, grip);
    } else if (lifted && event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      put(lifted.item, lifted.from);
      const where = lifted.from;
      settle();
      grip.focus();
      announce(`Back in place ${where + 1}`, true);
    } else if (lifted && event.key === "Tab") drop();
  });

  function lift(item) {
    if (lifted) drop();
    lifted = {item, from: indexOf(item)};
    item.classList.add("keyboard-lifted");
    announce(`${name(lifted.from)} lifted, place ${lifted.from + 1} of ${items().length}. Arrow up and down move, space drops, Escape puts back.`, true);
  }

  function step(way, grip) {
    const place = indexOf(lifted.item);
    const to = place + way;
    if (to < 0 || to >= items().length) return;
    if (way < 0) lifted.item.previousElementSibling.before(lifted.item);
    else lifted.item.nextElementSibling.after(lifted.item);
    grip.focus();
    announce(`Place ${to + 1} of ${items().length}`, true);
  }

  function drop() {
    const {item, from} = lifted;
    const to = indexOf(item);
    settle();
    if (to !== from) moved(from, to);
    announce(`Dropped in place ${to + 1}`, true);
    $$("[data-grip]", list)[to]?.focus();
  }

  function settle() {
    lifted.item.classList.remove("keyboard-lifted");
    lifted = null;
  }
}
