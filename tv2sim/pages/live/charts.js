// Two charts over simulated time, drawn as SVG in the size of their boxes: bands, one below the other, so that
// no curve hides another and each is named where it is.

import { number, percent, say } from "./dom.js";

const [LEFT, RIGHT, AXIS, NAME, GAP] = [34, 8, 36, 18, 8]; // px
const [USUAL, BAND] = [4, 54]; // bands for which there is room, and px of each further one

const LEVELS = {
  encoders_busy: ["encoding", "encoders busy"],
  encoders_down: ["down", "encoders down"],
  publishing_queue: ["queue", "publishing queue"],
  publishers_starting: ["starting", "publishers starting"],
  publishers_ready: ["ready", "publishers ready"],
  publishers_busy: ["busy", "publishers busy"],
};

/** Return the bands of the levels that rows have; `names` are those of the columns after the time. */
export function levelsOf(names, encoders) {
  const hidden = encoders === 0 ? ["encoders_busy"] : [];
  const there = Object.entries(LEVELS).filter(([column]) => names.includes(column) && !hidden.includes(column));
  return there.map(([column, [name, label]]) => {
    const at = 1 + names.indexOf(column);
    return { name, label, of: (row) => row[at], shown: number };
  });
}

/** Return the band of the on-time rate. */
export function rateOf(names) {
  const outcomes = ["published", "failed", "refused"].filter((name) => names.includes(name));
  const columns = outcomes.map((name) => 1 + names.indexOf(name));
  const of = (row) => {
    const settled = columns.reduce((sum, column) => sum + row[column], 0);
    return settled > 0 ? (100 * row[columns[0]]) / settled : null;
  };
  const shown = (value) => percent(value / 100).replace(" %", "");
  return [{ name: "rate", label: "published in time, %:", most: 100, of, shown }];
}

export class Chart {
  #box;
  #svg;
  #axes;
  #bands = [];
  #drawn = "";

  constructor(box) {
    this.#box = box;
    this.#svg = drawing("svg", box, { role: "img" });
    this.#axes = drawing("g", this.#svg);
  }

  /** Have these bands from now on. */
  show(series) {
    for (const one of this.#bands) for (const element of [one.name, one.area, one.curve]) element.remove();
    const more = Math.max(0, series.length - USUAL);
    this.#box.style.height = more > 0 ? `calc(${more * BAND}px + var(--chart))` : "";
    this.#bands = series.map((one) => {
      const name = drawing("text", this.#svg, { class: "name" });
      name.textContent = `${one.label} `;
      return {
        ...one, name, value: drawing("tspan", name),
        area: drawing("path", this.#svg, { class: `area ${one.name}` }),
        curve: drawing("path", this.#svg, { class: `curve ${one.name}` }),
      };
    });
  }

  /** Draw the rows, and how things stand up to now. */
  draw(rows, time) {
    const [width, height] = [this.#box.clientWidth, this.#box.clientHeight];
    if (width === 0) return;
    const until = ceiling(Math.max(time, 10));
    const x = (value) => LEFT + (value / until) * (width - LEFT - RIGHT);
    const each = (height - AXIS + GAP) / this.#bands.length;
    const tops = this.#bands.map((one) => one.most ?? ceiling(Math.max(4, highest(rows, one.of))));
    const y = (band, value) => (band + 1) * each - GAP - (value / tops[band]) * (each - GAP - NAME);
    this.#scale([width, height, until, ...tops].join(), width, height, until, tops, x, y);
    this.#bands.forEach((one, band) => {
      const path = steps(rows, one.of, x, (value) => y(band, value), time);
      one.curve.setAttribute("d", path);
      one.area.setAttribute("d", path === "" ? "" : `${path}V${y(band, 0)}H${path.slice(1).split(" ")[0]}Z`);
      const value = rows.length > 0 ? one.of(rows.at(-1)) : null;
      say(one.value, value === null ? "–" : one.shown(value));
    });
    const says = this.#bands.map((one) => one.name.textContent).join(", ");
    this.#svg.setAttribute("aria-label", `from 0 to ${Math.round(time)} s; now: ${says}`);
  }

  /** Draw the axes anew, if they are others than before. */
  #scale(key, width, height, until, tops, x, y) {
    if (key === this.#drawn) return;
    this.#drawn = key;
    this.#svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.#axes.replaceChildren();
    tops.forEach((top, band) => {
      this.#bands[band].name.setAttribute("x", LEFT);
      this.#bands[band].name.setAttribute("y", y(band, top) - 6);
      for (const value of ticks(top, (y(band, 0) - y(band, top)) / 30)) {
        drawing("path", this.#axes, { class: "grid", d: `M${LEFT} ${y(band, value)}H${width - RIGHT}` });
        write(this.#axes, number(value), { x: LEFT - 6, y: y(band, value) + 4, "text-anchor": "end" });
      }
    });
    const bottom = height - AXIS;
    for (const value of ticks(until, Math.min(8, width / 60))) {
      drawing("path", this.#axes, { class: "grid", d: `M${x(value)} ${bottom}v5` });
      write(this.#axes, number(value), { x: x(value), y: bottom + 17, "text-anchor": "middle" });
    }
    write(this.#axes, "simulated time (s)", { x: (LEFT + width - RIGHT) / 2, y: height - 3, "text-anchor": "middle" });
  }
}

function drawing(kind, parent, attributes = {}) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", kind);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  parent.append(element);
  return element;
}

function write(parent, text, attributes) {
  drawing("text", parent, attributes).textContent = text;
}

function highest(rows, of) {
  let most = 0;
  for (const row of rows) most = Math.max(most, of(row));
  return most;
}

/** Return the next round number that is at least this. */
function ceiling(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 1.2, 1.6, 2, 2.5, 3, 4, 5, 6, 8, 10].find((factor) => factor * power >= value) * power;
}

/** Return round numbers from 0 up to an end, about so many steps; at least the two ends. */
function ticks(end, wanted) {
  const rough = end / Math.max(wanted, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, [1, 2, 5, 10].find((factor) => factor * power >= rough - 1e-9) * power);
  if (2 * step > end) return [0, end];
  return Array.from({ length: Math.floor(end / step + 1e-9) + 1 }, (_, index) => index * step);
}

/** Return the path of a step function; of what falls into one pixel, the extent. */
function steps(rows, of, x, y, until) {
  let path = "";
  let [column, low, high, last] = [NaN, 0, 0, 0];
  const finish = () => {
    if (low !== high) path += `V${low}V${high}V${last}`;
  };
  for (const row of rows) {
    const value = of(row);
    if (value === null) continue;
    const [at, height] = [Math.round(x(row[0])), Math.round(10 * y(value)) / 10];
    if (path === "") {
      path = `M${at} ${height}`;
      [column, low, high] = [at, height, height];
    } else if (at !== column) {
      finish();
      path += `H${at}`;
      [column, low, high] = [at, Math.min(last, height), Math.max(last, height)];
    } else {
      [low, high] = [Math.min(low, height), Math.max(high, height)];
    }
    last = height;
  }
  finish();
  return path === "" ? "" : `${path}H${Math.round(10 * x(until)) / 10}`;
}
