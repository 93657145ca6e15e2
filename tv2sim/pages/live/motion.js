// Things glide from where they were to where they are now.

const SHORT = 120; // ms
const MOST = 24; // things that go to another stage at a time: where they are more, nobody can follow them

const still = matchMedia("(prefers-reduced-motion: reduce)");

/** Whether the viewer wants nothing to move. */
export const calm = () => still.matches;

export class Motion {
  #root;
  #width = 0;
  #places = new Map(); // of each element: where the middle of its upper edge belongs, from the root's corner
  #moving = new Map(); // of each element that is on its way: its animation
  #seen = new Map(); // of each of those: where it was seen last

  constructor(root) {
    this.#root = root;
  }

  /** Look where everything is, before it is put elsewhere; say whether the page has another shape than before. */
  before() {
    this.#seen.clear();
    const width = this.#root.clientWidth;
    if (width !== this.#width) {
      this.#width = width;
      this.#places.clear(); // everything is elsewhere at once
      for (const element of this.#moving.keys()) this.forget(element);
      return true;
    }
    const origin = this.#root.getBoundingClientRect();
    for (const element of this.#moving.keys()) {
      const box = element.getBoundingClientRect();
      this.#seen.set(element, { x: (box.left + box.right) / 2 - origin.left, y: box.top - origin.top });
    }
    return false;
  }

  /**
   * Let what has come to another stage glide there in so many milliseconds, and what stands in a line move up.
   * What is new comes from `source` if it is a video, and else appears where it is.
   */
  after(elements, duration, source) {
    if (calm()) return;
    const places = new Map();
    for (const element of elements) places.set(element, this.#place(element));
    const known = this.#places.size > 0;
    const begin = known ? this.#place(source) : null;
    const moves = [];
    let crossing = 0;
    for (const [element, place] of places) {
      const old = this.#places.get(element);
      if (!known || (old !== undefined && old.x === place.x && old.y === place.y)) continue;
      const from = this.#seen.get(element) ?? old ?? (element.words ? begin : null);
      if (old?.stage !== place.stage) {
        crossing += 1;
        moves.push([element, place, from, duration]);
      } else if (this.#moving.has(element) || "line" in place.stage.dataset) {
        moves.push([element, place, from, this.#left(element)]);
      }
    }
    for (const [element, place, from, time] of moves) {
      if (crossing > MOST) {
        this.forget(element);
      } else if (from) {
        this.#move(element, { transform: `translate(${from.x - place.x}px, ${from.y - place.y}px)` }, time);
      } else {
        this.#move(element, { transform: "scale(0.5)", opacity: 0 }, time);
      }
    }
    this.#places = places;
  }

  #place(element) {
    const place = { x: element.offsetWidth / 2, y: 0, stage: element.parentElement };
    for (let at = element; at !== null && at !== this.#root; at = at.offsetParent) {
      place.x += at.offsetLeft;
      place.y += at.offsetTop;
    }
    return place;
  }

  /** Return how long something takes that stays in its stage: if it is on its way, no longer than it was to be. */
  #left(element) {
    const animation = this.#moving.get(element);
    if (animation === undefined) return SHORT;
    return Math.max(animation.effect.getTiming().duration - animation.currentTime, SHORT);
  }

  #move(element, from, duration) {
    this.#moving.get(element)?.cancel();
    const animation = element.animate([from, { transform: "none", opacity: 1 }], {
      duration, easing: "cubic-bezier(0.3, 0, 0.2, 1)",
    });
    this.#moving.set(element, animation);
    element.classList.add("moving");
    animation.onfinish = () => {
      if (this.#moving.get(element) === animation) this.forget(element);
    };
  }

  /** Let something that is no longer there, or has arrived, stay where it is. */
  forget(element) {
    this.#moving.get(element)?.cancel();
    this.#moving.delete(element);
    element.classList.remove("moving");
  }
}
