// The pipeline: where every video and every publisher is.

import { arrange, get, keep, make, number, say, seconds, videos } from "./dom.js";
import { Motion } from "./motion.js";

const MANY = 12; // encoders, or publishers in a group: beyond that they are small
const LATEST = 12; // videos that are shown with their outcome
const LISTS = ["queue", "beside", "starting", "ready", "busy", "published", "failed"].map(get);

export class Pipeline {
  #motion = new Motion(get("pipeline"));
  #chips = new Map(); // by video
  #tokens = new Map(); // by publisher
  #slots = []; // by encoder
  #cells = { starting: [], ready: [], busy: [] }; // of each group of publishers
  #now = null;
  #mean = 0;

  /** Show how it stands; `time` is the simulated one. */
  show(pipeline, startupMean, time, duration) {
    this.#now = pipeline;
    this.#mean = startupMean;
    // room for the longest number that may come
    get("pipeline").style.setProperty("--digits", String(pipeline.client.taken).length);
    if (this.#motion.before()) for (const list of LISTS) list.style.minHeight = "";
    const [chips, tokens] = [this.#chips, this.#tokens];
    this.#chips = new Map();
    this.#tokens = new Map();
    const chip = (video) => this.#chip(chips, video, time);
    this.#client(pipeline.client, chip);
    this.#encoders(pipeline, chip);
    this.#waiting("queue", pipeline.queue, pipeline.queue_total, chip);
    this.#waiting("beside", pipeline.beside, pipeline.beside_total, chip);
    this.#publishers(pipeline, tokens, chip);
    this.#out("published", pipeline.published, pipeline.stats.published, chip);
    this.#out("failed", pipeline.failed, pipeline.stats.publish_failed, chip);
    for (const old of [...chips.values(), ...tokens.values()]) {
      old.remove();
      this.#motion.forget(old);
    }
    this.#key();
    this.live(time); // its texts may need room too
    // what was once needed is kept, or all that is below would move up and down
    for (const list of LISTS) {
      const [needed, kept] = [list.offsetHeight, parseFloat(list.style.minHeight) || 0];
      if (needed > kept) list.style.minHeight = `${needed}px`;
    }
    const tokensThatMove = [...this.#tokens.values()].filter((token) => !token.classList.contains("busy"));
    this.#motion.after([...this.#chips.values(), ...tokensThatMove], duration, get("offer"));
  }

  /** Show what changes by itself while time goes on. */
  live(time) {
    if (this.#now === null) return;
    this.#clientLive(time);
    this.#now.encoders.forEach((encoder, index) => {
      const slot = this.#slots[index];
      const done = encoder.video === null ? 0 : (time - encoder.start) / Math.max(encoder.end - encoder.start, 1e-9);
      slot.fill.style.transform = `scaleX(${Math.min(Math.max(done, 0), 1)})`;
      const left = Math.max(encoder.end - time, 0);
      const stands = encoder.down ? "down" : encoder.blocked ? "blocked" : seconds(left);
      say(slot.left, encoder.video === null ? "" : stands);
    });
    for (const publisher of this.#now.publishers) {
      const token = this.#tokens.get(publisher.number);
      const since = Math.max(time - publisher.since, 0);
      say(token.since, seconds(since));
      if (publisher.state === "starting") {
        const share = this.#mean > 0 ? since / (2 * this.#mean) : 0;
        token.fill.style.transform = `scaleX(${Math.min(share, 1)})`;
      }
    }
  }

  // -- videos -------------------------------------------------------------------------------------------

  /** Return the chip of a video: the one that it had, or a new one. */
  #chip(old, video, time) {
    const chip = this.#chips.get(video.row) ?? old.get(video.row) ?? newChip(video);
    old.delete(video.row);
    this.#chips.set(video.row, chip);
    const late = video.deadline !== null && time > video.deadline;
    const deadline = video.deadline === null ? "" : `; to be published by ${seconds(video.deadline)}`;
    const text = `video ${video.row}: ${video.title} (${video.provider}), encodes ${seconds(video.encoding_time ?? 0)}`;
    const title = `${text}${deadline}${late ? ", which has passed" : ""}`;
    if (chip.title !== title) {
      chip.title = title;
      say(chip.words, title);
    }
    chip.late = late;
    return chip;
  }

  #waiting(name, waiting, total, chip) {
    fill(get(name), waiting.map((video) => marked(chip(video), true)));
    say(get(`${name}-count`), number(total));
    more(`${name}-more`, total - waiting.length);
    if (name === "beside" && total > 0) get("beside-block").hidden = false;
  }

  #out(name, latest, total, chip) {
    const cells = []; // each stays in its own until it is the oldest
    latest.forEach((video, index) => (cells[(total - 1 - index) % LATEST] = marked(chip(video), false)));
    fill(get(name), cells);
    say(get(`${name}-count`), number(total));
  }

  // -- the client ---------------------------------------------------------------------------------------

  #client(client, chip) {
    const offered = client.video === null ? [] : [marked(chip(client.video), false)];
    offered.forEach((one) => one.removeAttribute("role"));
    arrange(get("offer"), offered);
  }

  #clientLive(time) {
    const { video, since, left, again } = this.#now.client;
    let text = "between two offers";
    if (video !== null) text = `blocked for ${seconds(Math.max(time - since, 0))}`;
    else if (left === 0) text = "no more videos";
    else if (left === null) text = "waits for a video";
    say(get("client-says"), text);
    const coming = left === null ? "more may come" : left === 0 ? "" : `${number(left)} to come`;
    const refused = again === 0 ? "" : `${number(again)} to be offered again`;
    say(get("client-left"), [coming, refused].filter((text) => text !== "").join(", "));
  }

  // -- the encoders -------------------------------------------------------------------------------------

  #encoders(pipeline, chip) {
    const list = get("encoders");
    const { encoders, encoders_total: total } = pipeline;
    while (this.#slots.length < encoders.length) this.#slots.push(newSlot(this.#slots.length, list));
    while (this.#slots.length > encoders.length) this.#slots.pop().remove();
    list.classList.toggle("many", total > MANY);
    get("pipeline").classList.toggle("without-encoders", total === 0);
    for (const [index, encoder] of encoders.entries()) {
      const slot = this.#slots[index];
      slot.classList.toggle("busy", encoder.video !== null);
      slot.classList.toggle("blocked", encoder.blocked);
      slot.classList.toggle("down", encoder.down);
      const state = encoder.video === null
        ? (encoder.down ? "down" : "free")
        : encoder.down ? "down, with" : encoder.blocked ? "blocked, with" : "encodes";
      say(slot.words, `encoder ${encoder.number}: ${state}`);
      slot.title = encoder.blocked ? `encoder ${encoder.number} is blocked: the publishing queue is full` : "";
      say(slot.name, encoder.video === null ? (encoder.down ? "down" : "") : encoder.video.title);
      const held = encoder.video === null ? null : marked(chip(encoder.video), true);
      held?.removeAttribute("role");
      if (held !== null && held.parentElement !== slot.lane) slot.lane.insertBefore(held, slot.name);
    }
    const counted = { blocked: pipeline.encoders_blocked, down: pipeline.encoders_down };
    const others = Object.entries(counted).map(([what, count]) => (count > 0 ? `, ${number(count)} ${what}` : ""));
    say(get("encoders-count"), `${number(pipeline.encoders_busy)} of ${number(total)} busy${others.join("")}`);
    more("encoders-more", total - encoders.length);
    const { interrupted } = pipeline;
    say(get("interrupted"), interrupted === 0 ? "" : `${videos(interrupted)} to be encoded again`);
    if (interrupted > 0) get("interrupted").classList.add("used"); // from then on it keeps its room
  }

  // -- the publishers -----------------------------------------------------------------------------------

  #publishers(pipeline, old, chip) {
    const groups = { starting: [], ready: [], busy: [] };
    for (const publisher of pipeline.publishers) {
      const token = old.get(publisher.number) ?? newToken(publisher.number);
      old.delete(publisher.number);
      this.#tokens.set(publisher.number, token);
      token.className = `token ${publisher.state}${token.classList.contains("moving") ? " moving" : ""}`;
      token.title = `publisher ${publisher.number}: ${publisher.state} since ${seconds(publisher.since)}`;
      if (publisher.state === "busy" && publisher.video !== null) {
        this.#motion.forget(token); // its video moves
        const held = marked(chip(publisher.video), true);
        held.removeAttribute("role");
        if (held.parentElement !== token) token.append(held);
      }
      groups[publisher.state].push(token);
    }
    for (const [state, tokens] of Object.entries(groups)) {
      const total = pipeline[`publishers_${state}`];
      fill(get(state), keep(this.#cells[state], tokens));
      get(state).classList.toggle("many", total > MANY);
      say(get(`${state}-count`), number(total));
      more(`${state}-more`, total - tokens.length);
    }
    if (pipeline.publishers_busy > 0) get("busy-block").hidden = false;
  }

  #key() {
    const mean = this.#mean > 0 ? `, the mark at the mean of ${+this.#mean.toPrecision(3)} s` : "";
    const bars = `Numbers are videos, and publishers in their boxes. A publisher's bar is its time since it was started${mean}.`;
    say(get("key"), `${bars} A dashed video with “!” has passed its deadline.`);
  }
}

// -- elements ---------------------------------------------------------------------------------------------

function newChip(video) {
  const chip = make("div", "chip");
  const face = make("span", "face", chip);
  face.textContent = video.row;
  face.setAttribute("aria-hidden", "true");
  chip.words = make("span", "unseen", chip);
  return chip;
}

/** Return a chip that is marked if its deadline has passed, where that is still news. */
function marked(chip, news) {
  chip.classList.toggle("late", news && chip.late);
  return chip;
}

function newSlot(index, list) {
  const slot = make("div", "slot", list);
  slot.setAttribute("role", "listitem");
  slot.words = make("span", "unseen", slot);
  const shown = make("span", "number", slot);
  shown.textContent = index;
  shown.setAttribute("aria-hidden", "true");
  slot.lane = make("div", "lane", slot);
  slot.fill = make("div", "", make("div", "track", slot.lane));
  slot.name = make("span", "name", slot.lane);
  slot.name.setAttribute("aria-hidden", "true");
  slot.left = make("span", "left", slot.lane);
  return slot;
}

function newToken(index) {
  const token = make("div", "token");
  token.setAttribute("role", "listitem");
  make("b", "", token).textContent = index;
  token.since = make("span", "since", token);
  token.fill = make("div", "", make("div", "bar", token));
  return token;
}

function fill(list, items) {
  for (const item of items) if (item.className !== "gap") item.setAttribute("role", "listitem");
  arrange(list, items);
}

function more(id, count) {
  say(get(id), count > 0 ? `and ${number(count)} more` : "");
  if (count > 0) get(id).classList.add("used"); // from then on it keeps its room
}
