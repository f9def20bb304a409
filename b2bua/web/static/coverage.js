// The coverage calendar of an executive: who takes the filtered calls in a week, and the gaps; as a drawing and as text.

import {api, el, fill, icon, notice, query, url} from "./base.js";

const DAY = 24 * 60;
const NAMES = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/** A card with the week; `reload()` asks again. */
export function coverageCard(extension) {
  const body = el("div", {class: "stack"}, el("p", {class: "loading"}, "Looking at the week …"));
  const title = el("span", {class: "nowrap", "aria-live": "polite"});
  let week = "";
  const load = async () => {
    try {
      const {data} = await api("GET", `${url`/coverage/${extension}`}?${query({week})}`);
      week = data.week;
      title.textContent = `${data.days[0]} – ${data.days[6]}`;
      fill(body, ...draw(data));
    } catch (error) { fill(body, notice(error.status === 404 ? "info" : "warn", error.status === 404 ? "The calendar shows the week once the executive has been saved." : error.message)); }
  };
  const step = (days) => {
    const day = new Date(`${week}T12:00:00Z`);
    day.setUTCDate(day.getUTCDate() + days);
    week = day.toISOString().slice(0, 10);
    load();
  };
  load();
  const node = el("section", {class: "card stack"},
    el("div", {class: "row spread"}, el("h2", {}, "Coverage"),
      el("div", {class: "row"}, el("button", {class: "icon-button", type: "button", "aria-label": "The week before", on: {click: () => step(-7)}}, icon("left")), title, el("button", {class: "icon-button", type: "button", "aria-label": "The next week", on: {click: () => step(7)}}, icon("right")),
        el("button", {class: "button small", type: "button", on: {click: () => { week = ""; load(); }}}, "This week"))),
    el("p", {class: "muted small"}, "Who takes the filtered calls as agreed: rights, approval, times of cover and working hours."), body);
  node.reload = load;
  return node;
}

function draw(data) {
  const now = data.now.slice(0, 10);
  const minute = Number(data.now.slice(11, 13)) * 60 + Number(data.now.slice(14, 16));
  const rows = data.days.flatMap((day, index) => {
    const spans = data.spans.filter((span) => span.from_minute < (index + 1) * DAY && span.to_minute > index * DAY);
    const track = el("div", {class: "week-track"}, ...spans.map((span) => spanBar(span, index)));
    if (day === now) {
      const line = el("span", {class: "week-now", "aria-hidden": "true"});
      line.style.insetInlineStart = `${(minute / DAY) * 100}%`;
      track.append(line);
    }
    return [el("div", {class: `week-day ${day === now ? "today" : ""}`}, `${NAMES[index]} `, el("span", {class: "muted small"}, day.slice(8))), track];
  });
  return [
    data.gaps.length ? notice("warn", el("p", {}, el("strong", {}, data.gaps.length === 1 ? "One gap this week" : `${data.gaps.length} gaps this week`)), el("ul", {}, ...data.gaps.map((gap) => el("li", {}, gap)))) : notice("good", "Somebody is there all week."),
    el("div", {class: "week", "aria-hidden": "true"}, ...rows, el("span"), el("div", {class: "week-hours"}, ...["0", "6", "12", "18", "24"].map((hour) => el("span", {}, hour)))),
    el("details", {class: "more"}, el("summary", {}, "The week as a table"), el("div", {class: "table-frame"}, el("table", {class: "cards"}, el("thead", {}, el("tr", {}, el("th", {scope: "col"}, "When"), el("th", {scope: "col"}, "Who"))),
      el("tbody", {}, ...data.spans.map((span) => el("tr", {}, el("td", {class: "lead"}, span.text), el("td", {"data-label": "Who", dir: "auto"}, span.gap ? el("span", {class: "badge warn"}, "gap") : null, " ", span.who))))))),
    el("p", {class: "hint"}, `Times of ${data.time_zone}.`),
  ];
}

function spanBar(span, index) {
  const from = Math.max(0, span.from_minute - index * DAY);
  const to = Math.min(DAY, span.to_minute - index * DAY);
  const kind = span.gap ? "gap" : span.assistants.some((each) => each.limited) ? "partial" : "";
  const bar = el("div", {class: `week-span ${kind}`, title: `${span.text}: ${span.who}`}, span.assistants.length ? span.assistants.map((each) => each.name.split(" ")[0]).join(", ") : "nobody");
  bar.style.insetInlineStart = `${(from / DAY) * 100}%`;
  bar.style.width = `${((to - from) / DAY) * 100}%`;
  return bar;
}
