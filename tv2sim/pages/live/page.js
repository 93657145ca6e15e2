// The page of a replay: follows its events, shows how it stands, and asks it to pause, to change its speed or to
// play again.

import { Chart, levelsOf, rateOf } from "./charts.js";
import { get, make, number, percent, say, seconds, videos } from "./dom.js";
import { calm } from "./motion.js";
import { Pipeline } from "./pipeline.js";

const SPEEDS = ["0.5", "1", "2", "5", "10", "20", "50", "100", "max"];
const OVER = ["finished", "stopped", "failed"];
const LATE = 0.1; // wall seconds of lag that are worth a warning

const pipeline = new Pipeline();
const levels = new Chart(get("levels"));
const rates = new Chart(get("rates"));

let snapshot = null; // how it stood when it was heard of last,
let heard = 0; // at this time of the page's own clock
let rows = []; // the levels so far
let names = ""; // of them
let steerable = false;
let seed = "";
let lost = false;
let fresh = false; // whether there is something that is still to be shown
let shown = 0; // the simulated time that is shown

// -- what goes on -----------------------------------------------------------------------------------------

let pause = 1000; // ms before another try

function listen() {
  const source = new EventSource("events");
  source.onmessage = (event) => {
    const told = JSON.parse(event.data);
    ({ snapshot, steerable, seed } = told);
    if (names !== (names = told.levels.names.join())) {
      levels.show(levelsOf(told.levels.names, snapshot.pipeline.encoders_total));
      rates.show(rateOf(told.levels.names));
    }
    rows.length = Math.min(rows.length, told.levels.start);
    for (const row of told.levels.rows) rows.push(row);
    [heard, lost, fresh, pause] = [performance.now(), false, true, 1000];
    if (isOver() && !snapshot.restartable) source.close();
  };
  source.onerror = () => {
    source.close();
    [lost, fresh] = [true, true];
    setTimeout(listen, pause);
    pause = Math.min(2 * pause, 10_000);
  };
}

const isOver = () => OVER.includes(snapshot.phase);

/** Whether simulated time goes on by itself. */
const going = () => !lost && snapshot.phase === "running" && !snapshot.paused && snapshot.speed !== "max";

/** Return the simulated time: what was heard of last, and what has gone by since. */
function time() {
  if (!going()) return snapshot.time;
  const gone = Math.min((performance.now() - heard) / 1000, 2.5);
  const guess = snapshot.time + gone * snapshot.speed;
  // news that was slow to come does not turn time back
  return shown > guess && shown - guess < snapshot.speed ? shown : guess;
}

// -- showing it -------------------------------------------------------------------------------------------

function show() {
  document.querySelector("main").hidden = false;
  const { pipeline: now, speed } = snapshot;
  shown = time();
  showPhase();
  showControls();
  const part = snapshot.replication === 0 ? "" : `, replication ${snapshot.replication}`;
  for (const [name, text] of Object.entries({
    catalogue: snapshot.catalogue, strategy: `strategy ${snapshot.strategy}`, seed: `seed ${seed}${part}`,
  })) {
    say(get(name), text);
    get(name).title = text; // it may be too long to be shown whole
  }
  say(get("in-words"), snapshot.strategy_in_words);
  document.title = `${snapshot.strategy}, ${snapshot.catalogue}: tv2sim replay`;
  showFurther(now.further);
  for (const cell of document.querySelectorAll("[data-count]")) {
    const name = cell.dataset.count;
    say(cell, number(now.stats[name] ?? now.further[name] ?? now[name]));
  }
  showRate(now);
  showProgress(now.client);
  const lag = `${(1000 * snapshot.lag_max).toFixed(snapshot.lag_max < 0.01 ? 1 : 0)} ms`;
  say(get("pace"), `speed ${speed === "max" ? "max" : `${speed} ×`}, lag at most ${lag}`);
  get("pace").classList.toggle("late", snapshot.lag_max > LATE);
  // the faster time goes, the less of it may pass on the way
  pipeline.show(now, snapshot.startup_mean, shown, speed === "max" ? 160 : Math.max(160, 400 / speed ** 0.4));
  levels.draw(rows, shown);
  rates.draw(rows, shown);
  showEvents(now.events);
}

function showPhase() {
  const { phase, paused, ending } = snapshot ?? { phase: "unknown" };
  const says = {
    unknown: "Connecting",
    waiting: "Waiting for the first video",
    running: paused ? "Paused" : "Running",
    finished: ending === "completed" ? "Finished: every video has its outcome" : `Finished: ${ending}`,
    stopped: "Stopped",
    failed: "Failed: the program that replays says why",
  };
  say(get("phase"), lost ? "Connection lost, trying again" : says[phase]);
  get("phase").className = lost ? "lost" : phase === "running" && paused ? "paused" : phase;
}

/** Add a counter for each of those that the scenario has. */
function showFurther(further) {
  for (const name of Object.keys(further)) {
    if (document.querySelector(`[data-count="${name}"]`) !== null) continue;
    const counter = make("div", "", get("counters"));
    make("dt", "", counter).textContent = name;
    make("dd", "", counter).dataset.count = name;
  }
}

function showRate({ on_time_rate: rate, stats, settled }) {
  say(get("rate"), rate === null ? "–" : percent(rate));
  const text = `${number(stats.published)} of ${videos(settled)} published in time`;
  say(get("rate-of"), rate === null ? "no video has its outcome yet" : text);
}

function showProgress({ taken, left }) {
  const bar = get("progress");
  const known = left !== null;
  bar.hidden = !known;
  if (known) {
    bar.firstElementChild.style.transform = `scaleX(${taken / Math.max(taken + left, 1)})`;
    bar.setAttribute("aria-valuemax", taken + left);
    bar.setAttribute("aria-valuenow", taken);
  }
  const of = known ? ` of ${videos(taken + left)}` : taken === 1 ? " video" : " videos";
  say(get("taken"), `${number(taken)}${of} offered${known ? "" : ", more may come"}`);
}

const HAPPENED = {
  offered: "offered", encoding_started: "encoding", encoded: "encoded", queued: "queued", assigned: "assigned",
  published: "published", failed: "failed", publisher_started: "started", publisher_ready: "ready",
  publisher_ended: "ended", publisher_failed: "failed", encoder_failed: "failed", encoder_repaired: "is back", publisher_retired: "retired",
};

function showEvents(events) {
  const list = get("events");
  while (list.children.length < events.length) {
    const entry = make("li", "", list);
    for (const name of ["at", "what-happened", "whose"]) make("span", name, entry);
  }
  events.forEach((one, index) => {
    const [at, what, whose] = list.children[index].children;
    const resources = /^(publisher|encoder)_/.test(one.event);
    say(at, seconds(one.time, 2));
    say(what, `${resources ? one.resource : `video ${one.row}`} ${HAPPENED[one.event] ?? one.event}`);
    say(whose, resources ? "" : one.title);
  });
}

let drawn = 0; // when a frame was last shown to somebody who wants nothing to move

function frame(at) {
  requestAnimationFrame(frame);
  if (snapshot === null) {
    if (fresh) showPhase();
  } else if (fresh) {
    show();
  } else if (!going() || (calm() && at - drawn < 500)) {
    return;
  }
  [fresh, drawn] = [false, at];
  if (snapshot === null) return;
  shown = time();
  say(get("time"), seconds(shown));
  pipeline.live(shown);
}

// -- steering it ------------------------------------------------------------------------------------------

const token = () => new URLSearchParams(location.hash.slice(1)).get("token");
let chosen = null; // the speed that the list shows
let refused = "";

function showControls() {
  const [over, again] = [isOver(), snapshot.restartable];
  const may = steerable && token() !== null;
  const ended = over && (lost || !again);
  get("controls").hidden = ended || !may;
  const to = over ? "play it again" : "pause it";
  const way = steerable ? `View only. To ${to}, open the address that the replay has printed.` : "View only.";
  say(get("hint"), refused || way);
  get("hint").hidden = ended || (may && refused === "");
  get("pause").hidden = over;
  say(get("pause"), snapshot.paused ? "Resume" : "Pause");
  get("again").hidden = !again;
  get("again").classList.toggle("other", !over);
  say(get("again"), over ? "Play again" : "Start over");
  if (chosen !== snapshot.speed) showSpeed(String((chosen = snapshot.speed)));
}

function showSpeed(speed) {
  const values = [...new Set([...SPEEDS, speed])];
  values.sort((one, other) => Number(one === "max") - Number(other === "max") || one - other);
  const options = values.map((value) => new Option(value === "max" ? "max" : `${value} ×`, value));
  get("speed").replaceChildren(...options);
  get("speed").value = speed;
}

async function ask(wish) {
  try {
    const headers = { "X-Replay-Token": token(), "Content-Type": "application/json" };
    const answer = await fetch("control", { method: "POST", headers, body: JSON.stringify(wish) });
    refused = answer.ok ? "" : "The replay has refused: open the address that it has printed.";
  } catch {
    refused = "The replay could not be reached.";
  }
  if (refused !== "") chosen = null;
  fresh = true;
}

get("pause").addEventListener("click", () => ask({ action: snapshot.paused ? "resume" : "pause" }));
get("again").addEventListener("click", () => ask({ action: "restart" }));
get("speed").addEventListener("change", ({ target }) => {
  ask({ action: "speed", speed: target.value === "max" ? "max" : Number(target.value) });
});
addEventListener("hashchange", () => ([refused, fresh] = ["", true]));
addEventListener("resize", () => (fresh = true));

showPhase();
listen();
requestAnimationFrame(frame);
