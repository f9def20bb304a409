// Bodies of entries as data: paths into them, what differs between two, and their words for people.

/** "assistants[0].rights" as ["assistants", 0, "rights"]. */
export function parts(path) {
  return [...path.matchAll(/[^.[\]]+/g)].map(([part]) => (/^\d+$/.test(part) ? Number(part) : part));
}

export function get(body, path) {
  return parts(path).reduce((value, part) => value?.[part], body);
}

/** Sets the value at `path`; undefined takes the key away, and with it what is empty around it. */
export function set(body, path, value) {
  const keys = parts(path);
  const last = keys.pop();
  const chain = [body];
  for (const [index, key] of keys.entries()) {
    const here = chain.at(-1);
    if (here[key] === undefined || here[key] === null || typeof here[key] !== "object") {
      if (value === undefined) return;
      here[key] = typeof (keys[index + 1] ?? last) === "number" ? [] : {};
    }
    chain.push(here[key]);
  }
  const target = chain.at(-1);
  if (value !== undefined) target[last] = value;
  else {
    delete target[last];
    for (let index = keys.length - 1; index >= 0; index--) {
      if (typeof keys[index] === "number" || Array.isArray(chain[index + 1]) || Object.keys(chain[index + 1]).length) break;
      delete chain[index][keys[index]];
    }
  }
}

export const copy = (value) => (value === undefined ? undefined : structuredClone(value));

export function same(one, other) {
  if (one === other) return true;
  if (one === null || other === null || typeof one !== "object" || typeof other !== "object" || Array.isArray(one) !== Array.isArray(other)) return false;
  const keys = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...keys].every((key) => same(one[key], other[key]));
}

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

/** What leads from `before` to `after` as a merge patch (RFC 7396); undefined when nothing does. */
export function patch(before, after) {
  const made = {};
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [old, now] = [before[key], after[key]];
    if (same(old, now)) continue;
    if (now === undefined || now === null) { if (old !== undefined && old !== null) made[key] = null; }
    else if (isObject(old) && isObject(now)) { const inner = patch(old, now); if (inner) made[key] = inner; }
    else made[key] = now;
  }
  return Object.keys(made).length ? made : undefined;
}

/** The paths at which two bodies differ: within mappings key by key, lists as wholes. */
export function differences(before = {}, after = {}, prefix = "") {
  const found = [];
  for (const key of new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])) {
    const path = prefix ? `${prefix}.${key}` : key;
    const [old, now] = [before?.[key], after?.[key]];
    if (same(old ?? null, now ?? null)) continue;
    if (isObject(old ?? {}) && isObject(now ?? {}) && (isObject(old) || isObject(now))) found.push(...differences(old ?? {}, now ?? {}, path));
    else found.push(path);
  }
  return found;
}

const MASKED = new Set(["password", "digest", "pin"]);

/** A key or path as people read it: on_behalf.sticky_hours → On behalf, sticky hours. */
export function words(path) {
  const text = String(path).replace(/\[(\d+)\]/g, (_, place) => ` ${Number(place) + 1}`).replaceAll(".", ", ").replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const KINDS = {users: "User", executives: "Executive", groups: "Group", services: "Service", duty_profiles: "Duty profile", conferences: "Conference", phones: "Phone", sites: "Site", cost_centres: "Cost centre", schedules: "Schedule", caller_groups: "Caller group", organisation: "Organisation", what_if: "What-if case"};

/** What an entry of this kind is called. */
export const kindName = (kind) => KINDS[kind] ?? words(kind);

/** A value as a few words. */
export function shown(value) {
  if (value === undefined || value === null || value === "") return "–";
  if (value === true) return "yes";
  if (value === false) return "no";
  if (Array.isArray(value)) return value.length ? value.map(shown).join(" · ") : "none";
  if (isObject(value)) {
    const lead = value.extension ?? value.name ?? value.number;
    const rest = Object.entries(value).filter(([key]) => !MASKED.has(key) && !(lead !== undefined && value[key] === lead)).map(([key, each]) => `${key.replaceAll("_", " ")}: ${shown(each)}`);
    return [lead, rest.length ? (lead === undefined ? rest.join(", ") : `(${rest.join(", ")})`) : null].filter((part) => part !== undefined && part !== null).join(" ");
  }
  return String(value);
}

