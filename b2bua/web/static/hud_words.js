// What a call is called: its contact, what is going on, and which buttons it has. Reads calls as the server sends them.

import {avatar, el, icon} from "./base.js";

export const PRESENCE = {
  available: ["good", "Available"],
  ringing: ["accent", "Ringing"],
  on_call: ["bad", "On a call"],
  do_not_disturb: ["warn", "Do not disturb"],
  not_registered: ["", "No phone"],
};

/** A picture for a contact: initials for a name, a sign for a number and for whom one may not see. */
export function portrait({name, hidden = false}) {
  if (!hidden && /\p{L}/u.test(name)) return avatar(name);
  return el("span", {class: "avatar faceless", "aria-hidden": "true"}, icon(hidden ? "lock" : "calls"));
}

/** Whether `me` is in the call. */
export const isMine = (call, me) => Boolean(me) && (call.parties ?? []).some((each) => each.extension === me);

/** Whether it was `me`, or the office, who called. */
function goesOut(call, me) {
  const caller = call.caller;
  return Boolean(caller?.extension) && (caller.extension === me || Boolean(call.on_behalf_of) || Boolean(call.actor));
}

/** The other side, {name, number}: who calls, or who is called. */
export function contactOf(call, me) {
  if (call.level === "closed") return {name: "Private call", number: "", hidden: true};
  if (call.room) return {name: `Conference ${call.room}`, number: ""};
  if (goesOut(call, me)) {
    const party = call.parties.find((each) => each.extension !== call.caller.extension && each.extension !== me && each.role === "talk");
    const number = call.called === "Private" ? "" : call.called;
    return {name: party?.name || call.names[call.called] || number || "Private", number: party?.number || number, hidden: call.called === "Private"};
  }
  const gone = call.parties.length > 0 && !call.parties.some((each) => each.number === call.caller.number && each.name === call.caller.name);
  const left = gone ? call.parties.find((each) => !each.extension) ?? call.parties.find((each) => each.extension !== me) : null;
  const shown = left ?? call.caller;
  const anonymous = shown.number === "anonymous";
  const hidden = shown.name === "Private" && !shown.number;
  return {name: shown.name || (anonymous ? "Anonymous caller" : shown.number) || "Unknown caller", number: anonymous ? "" : shown.number, hidden};
}

/** Which group it stands in. */
export function sectionOf(call, me) {
  if (isMine(call, me) || (call.state === "dialling" && call.caller?.extension === me)) return "mine";
  if (call.state === "ringing") return "ringing";
  if (call.state === "held") return "held";
  return call.state === "parked" ? "parked" : "others";
}

export const SECTIONS = [["ringing", "Ringing"], ["mine", "My calls"], ["held", "On hold"], ["parked", "Parked"], ["others", "In progress"]];

const CHIP = {
  dialling: ["accent", "Dialling"],
  ringing: ["accent", "Ringing"],
  talking: ["good", "Live"],
  held: ["warn", "On hold"],
  parked: ["warn", "Parked"],
  conference: ["good", "Conference"],
};

/** Colour and word for the state. */
export function chipOf(call) {
  const [kind, word] = CHIP[call.state];
  return [kind, call.state === "parked" && call.slot ? `Parked ${call.slot}` : word];
}

const list = (names) => (names.length > 1 ? `${names.slice(0, -1).join(", ")} and ${names.at(-1)}` : names[0] ?? "");

/** What is going on, as a line of text. */
export function lineOf(call, me) {
  const named = (extension) => (extension === me ? "you" : call.names?.[extension] ?? extension);
  const owner = call.owner ? named(call.owner) : "";
  if (call.level === "closed") return owner ? `${capital(owner)} ${owner === "you" ? "have" : "has"} a call that is locked` : "Locked";
  const ringing = [...new Set(call.ringing.map((each) => (each.extension ? named(each.extension) : each.number)))];
  switch (call.state) {
    case "dialling":
      return call.caller.extension === me ? "Your phone rings: pick it up" : `${capital(owner || call.caller.name)} is dialling`;
    case "ringing":
      if (call.sent_by) return `${capital(named(call.sent_by))} ${call.sent_by === me ? "have" : "has"} sent it; rings at ${list(ringing) || "the executive"}`;
      return ringing.length ? `Rings at ${ringing.includes("you") && ringing.length === 1 ? "your phone" : list(ringing)}` : "Is being put through";
    case "held":
      return owner ? `${capital(owner)} ${owner === "you" ? "have" : "has"} it on hold` : "Waits on hold";
    case "parked":
      return call.parked_by ? `Parked by ${named(call.parked_by)}` : "Parked";
    default: {
      const contact = contactOf(call, me); // stands above the line already
      const talking = call.parties.filter((each) => each.role === "talk" && each.extension && !(each.name === contact.name && each.number === contact.number))
        .map((each) => (each.extension === me ? "you" : call.names?.[each.extension] || each.name || each.extension));
      if (isMine(call, me)) {
        const role = call.parties.find((each) => each.extension === me).role;
        if (role !== "talk") return `You ${role} to ${list(talking) || "the call"}`;
        const others = talking.filter((each) => each !== "you");
        return call.parties.length > 2 && others.length ? `You, with ${list(others)}` : "You are talking";
      }
      return talking.length ? `${capital(list(talking))} ${talking.length > 1 ? "are" : "is"} talking` : "Somebody is talking";
    }
  }
}

export const capital = (text) => (text ? text[0].toUpperCase() + text.slice(1) : "");

/** For whom, or as whom: {word, name}; null when it is a plain call. */
export function officeOf(call, me) {
  if (call.on_behalf_of) return {word: "as", name: call.names[call.on_behalf_of] ?? call.on_behalf_of};
  if (call.executive && call.executive !== me) return {word: "for", name: call.names[call.executive] ?? call.executive};
  return call.executive ? {word: "for", name: "you"} : null;
}

const TAKE = {ringing: "Pick up", held: "Pick up", parked: "Retrieve"};

/** The buttons of a call, in order: {command, label, icon, kind, key}. `now` is the server's time. */
export function buttonsOf(call, me, now) {
  const executive = call.names?.[call.executive ?? call.on_behalf_of];
  const made = {
    take: {label: TAKE[call.state] ?? "Take over", icon: "calls", kind: TAKE[call.state] ? "primary" : "", key: call.state === "parked" ? "r" : "a"},
    resume: {label: "Resume", icon: "resume", kind: "primary", key: "h"},
    hold: {label: "Hold", icon: "hold", kind: "", key: "h"},
    push: {label: executive && call.executive !== me ? `Send to ${executive.split(" ")[0]}` : "Send to executive", icon: "push", kind: "", key: "u"},
    give_back: {label: `Give back`, icon: "swap", kind: "", key: "g"},
    park: {label: "Park", icon: "park", kind: "", key: "p"},
    transfer: {label: "Transfer", icon: "transfer", kind: "", key: "t"},
    lock: {label: "Make private", icon: "lock", kind: "quiet", key: "x", bare: true},
    unlock: {label: "No longer private", icon: "unlock", kind: "quiet", key: "x", bare: true},
    join: {label: "Barge in", icon: "conference", kind: "", key: "b"},
    barge: {label: "Join in", icon: "conference", kind: "primary", key: "b"},
    listen: {label: "Listen", icon: "listen", kind: "quiet", key: "l"},
    whisper: {label: "Whisper", icon: "callers", kind: "quiet", key: "w"},
    end: {label: call.state === "dialling" ? "Cancel" : "Hang up", icon: "hangup", kind: "danger", key: "e"},
  };
  const order = ["take", "resume", "barge", "hold", "push", "give_back", "park", "transfer", "join", "listen", "whisper", "lock", "unlock", "end"];
  return order.filter((command) => call.can.includes(command) && !(command === "give_back" && now > (call.give_back_until ?? 0))).map((command) => ({command, ...made[command]}));
}

/** What is read out when a call begins to ring. */
export function ringingText(call, me) {
  const {name, number} = contactOf(call, me);
  const office = officeOf(call, me);
  const who = number && number !== name ? `${name}, ${number}` : name;
  return `Call from ${who}${office && office.name !== "you" ? ` for ${office.name}` : ""}, ringing`;
}
