// Small things that every part of the page needs. Whatever comes from a catalogue is text, never markup.

export const get = (id) => document.getElementById(id);

/** Make an element with a class, in a parent if one is given. */
export function make(kind, name, parent) {
  const element = document.createElement(kind);
  if (name) element.className = name;
  parent?.append(element);
  return element;
}

/** Show a text, touching the page only if it is another one. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Let a container have just these children, in this order. */
export function arrange(container, children) {
  children.forEach((child, index) => {
    if (container.children[index] !== child) container.insertBefore(child, container.children[index] ?? null);
  });
  while (container.children.length > children.length) container.lastElementChild.remove();
}

/**
 * Let each of these stay in the cell that it has, and the others take the first that are free. `cells` has
 * an element or null for each cell; return what is to be shown.
 */
export function keep(cells, items) {
  const wanted = new Set(items);
  cells.forEach((cell, index) => wanted.delete(cell) || (cells[index] = null));
  for (const item of wanted) {
    const free = cells.indexOf(null);
    cells[free < 0 ? cells.length : free] = item;
  }
  while (cells.at(-1) === null) cells.pop();
  return cells.map((cell) => cell ?? make("div", "gap"));
}

const whole = new Intl.NumberFormat("en");

export const number = (value) => whole.format(value);

export const seconds = (value, digits = 1) => `${value.toFixed(digits)} s`;

export const videos = (count) => (count === 1 ? "1 video" : `${number(count)} videos`);

/** A share in percent; what is below 100 % is never shown as that. */
export function percent(share) {
  return share === 1 ? "100 %" : `${(Math.floor(share * 1000) / 10).toFixed(1)} %`;
}
