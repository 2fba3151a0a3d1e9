// The sequence diagram: only the rows in view are in the page, however many there are.
const HEIGHT = 30;
let shown = null;
let visible = [];
let tops = [];
const opened = new Map();
const filter = { text: "", groups: new Set(), link: null };
let focused = null;

function layOut() {
  tops = new Float64Array(visible.length + 1);
  visible.forEach((row, index) => {
    tops[index + 1] = tops[index] + HEIGHT + (opened.has(row) ? opened.get(row) + 8 : 0);
  });
  $("rows").style.height = `${tops[visible.length] + 16}px`;
}

function firstAt(top) {
  let [low, high] = [0, visible.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (tops[middle + 1] <= top) low = middle + 1; else high = middle;
  }
  return low;
}

const descriptors = { 29: "error", 35: "received", 36: "accepted", 37: "rejected", 38: "released", 39: "modified", 40: "source", 41: "target", 48: "coordinator", 52: "transactional-state" };
const choices = {
  role: { false: "sender", true: "receiver" },
  snd_settle_mode: { 0: "unsettled", 1: "settled", 2: "mixed" },
  rcv_settle_mode: { 0: "first", 1: "second" },
};

/** A value as a short text. A composite has its name and its fields. */
function cell(value) {
  if (value === null || typeof value !== "object") return String(value);
  if (value.fields && value.descriptor !== undefined) {
    const set = Object.entries(value.fields).map(([name, inner]) => `${name.replaceAll("_", "-")}: ${cell(inner)}`);
    const name = descriptors[value.descriptor] || value.descriptor;
    return set.length ? `${name} { ${set.join(", ")} }` : String(name);
  }
  if (Array.isArray(value)) return `[${value.map(cell).join(", ")}]`;
  return `{ ${Object.entries(value).map(([name, inner]) => `${name}: ${cell(inner)}`).join(", ")} }`;
}

function fieldsOf(row) {
  const table = element("table");
  const add = (name, value) => table.append(element("tr", "", element("td", "", name), element("td", "", cell(value))));
  for (const [name, value] of Object.entries(row.f || {})) add(name.replaceAll("_", "-"), choices[name] ? choices[name][value] ?? value : value);
  if (row.p) add("payload", `${row.p} bytes`);
  add("on the wire", `${row.z} bytes at offset ${row.o}${row.c === undefined ? "" : `, channel ${row.c}`}`);
  if (row.l) add("link after it", `credit ${row.l[1]}${row.l[2] === null ? "" : `, available ${row.l[2]}`}${row.l[3] === null ? "" : `, delivery-count ${row.l[3]}`}`);
  if (row.s) add("session after it", `window: client’s ${row.s[1]}, server’s ${row.s[2]}; unsettled: client’s ${row.s[3]}, server’s ${row.s[4]}`);
  return element("div", "fields", table);
}

function draw(row, index) {
  const minor = row.n === "empty" || row.n === "flow" || row.n === "disposition";
  const classes = ["row", row.isFinding ? `finding ${row.k}` : row.d ? "down" : "up", minor ? "minor" : "", row.broken ? "broken" : "", opened.has(row) ? "open" : "", row === focused ? "focus" : ""];
  const made = element("div", classes.filter(Boolean).join(" "));
  made.style.top = `${tops[index]}px`;
  made.style.setProperty("--tone", row.tone);
  if (row.session) {
    made.style.setProperty("--session", sessionTone(row.session));
    made.classList.add("in-session");
  }
  made.append(element("span", "when", seconds(row.t)));
  if (row.gap >= 1000 && !row.isFinding) made.append(element("span", "gap", `+${row.gap >= 1e6 ? `${(row.gap / 1e6).toFixed(1)} s` : `${(row.gap / 1000).toFixed(0)} ms`}`));
  if (row.isFinding) {
    const mark = row.k === "violation" ? "✕ " : "‖ ";
    made.append(element("div", "note", element("span", "section", `${mark}${row.f.section}`), row.text));
    return made;
  }
  const label = element("span", "label", element("b", "", row.n), row.text ? element("i", "", `  ${row.text}`) : null);
  label.title = `${row.n} ${row.text}`;
  made.append(element("div", "arrow", label));
  if (row.c !== undefined) made.append(element("span", "channel", `ch ${row.c}`));
  made.append(element("span", "size", row.z.toLocaleString("en")));
  made.addEventListener("click", (event) => {
    if (event.target.closest(".fields")) return;
    toggle(row);
  });
  if (opened.has(row)) made.append(fieldsOf(row));
  made.style.height = `${tops[index + 1] - tops[index]}px`;
  return made;
}

function toggle(row) {
  if (opened.delete(row)) return refresh();
  opened.set(row, 120);
  refresh();
  const fields = document.querySelector(`[data-index="${row.index}"] .fields`);
  if (fields) opened.set(row, fields.offsetHeight);
  refresh();
}

function paint() {
  const scroll = $("scroll"), rows = $("rows");
  const first = Math.max(0, firstAt(scroll.scrollTop) - 8);
  const last = Math.min(visible.length, firstAt(scroll.scrollTop + scroll.clientHeight) + 9);
  const made = [];
  for (let index = first; index < last; index++) {
    const row = draw(visible[index], index);
    row.dataset.index = visible[index].index;
    made.push(row);
  }
  rows.replaceChildren(...made);
  paintMap();
}

function refresh() {
  layOut();
  paint();
}

function apply() {
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
  visible = shown.rows.filter((row) =>
    (filter.groups.size === 0 || filter.groups.has(row.group)) &&
    (filter.link === null || row.link === filter.link) &&
    words.every((word) => row.words.includes(word) || (word[0] === "#" && isDelivery(row, word.slice(1)))));
  const all = visible.length === shown.rows.length;
  $("shown").textContent = all ? "" : `${visible.length.toLocaleString("en")} of ${shown.rows.length.toLocaleString("en")}`;
  $("scroll").scrollTop = 0;
  refresh();
}

/** True for the frames about a delivery, so that `#5` finds the disposition of 3 to 9 too. */
function isDelivery(row, text) {
  const number = Number(text), fields = row.f || {};
  if (text === "" || Number.isNaN(number)) return false;
  if (row.n === "transfer") return fields.delivery_id === number;
  return row.n === "disposition" && fields.first <= number && number <= (fields.last === undefined ? fields.first : fields.last);
}

function jump(row) {
  if (!visible.includes(row)) {
    filter.text = ""; filter.link = null; filter.groups.clear();
    $("search").value = "";
    showKinds(); showLinks();
    apply();
  }
  focused = row;
  $("scroll").scrollTop = Math.max(0, tops[visible.indexOf(row)] - $("scroll").clientHeight / 2);
  paint();
}

/** The strip beside the diagram: every row by its colour, findings across its width. */
function paintMap() {
  const canvas = $("map"), style = getComputedStyle(document.body), ratio = window.devicePixelRatio || 1;
  const height = canvas.clientHeight, context = canvas.getContext("2d");
  canvas.width = 14 * ratio;
  canvas.height = height * ratio;
  context.scale(ratio, ratio);
  const colour = (value) => style.getPropertyValue(value.replace(/var\(|\)/g, ""));
  const full = tops[visible.length] || 1;
  const scale = Math.min(1, height / full);
  visible.forEach((row, index) => {
    if (row.isFinding) return;
    context.fillStyle = colour(row.tone);
    context.globalAlpha = 0.55;
    context.fillRect(row.d ? 2 : 6, tops[index] * scale, 6, Math.max(1, HEIGHT * scale - 1));
  });
  context.globalAlpha = 1;
  visible.forEach((row, index) => {
    if (!row.isFinding) return;
    context.fillStyle = colour(row.k === "violation" ? "--bad" : "--slow");
    context.fillRect(0, tops[index] * scale, 14, Math.max(3, HEIGHT * scale - 1));
  });
  context.strokeStyle = colour("--text");
  context.globalAlpha = 0.6;
  context.strokeRect(0.5, $("scroll").scrollTop * scale + 0.5, 13, Math.max(6, $("scroll").clientHeight * scale - 1));
}
