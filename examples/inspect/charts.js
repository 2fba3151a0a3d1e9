// The panel at the side: findings, links, charts, legend. At the end everything is put together.
const WIDTH = 336, TALL = 56;
const svg = (tag, attributes) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
};

/** Steps of a series, at most four points for each column of the chart. */
function steps(points, end, most, width = WIDTH) {
  const x = (time) => (end ? (time / end) * width : 0);
  const y = (value) => TALL - 3 - (value / (most || 1)) * (TALL - 8);
  let path = "", column = -1, low = 0, high = 0, last = 0;
  const flush = () => {
    if (column < 0) return;
    path += `V${y(low).toFixed(1)}V${y(high).toFixed(1)}V${y(last).toFixed(1)}`;
  };
  for (const [time, value] of points) {
    const at = Math.round(x(time) * 2) / 2;
    if (at !== column) {
      flush();
      path += column < 0 ? `M${at} ${y(value).toFixed(1)}` : `H${at}`;
      column = at; low = value; high = value;
    }
    low = Math.min(low, value); high = Math.max(high, value); last = value;
  }
  flush();
  return `${path}H${width}`;
}

const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/** Draws series over time. They have one scale, or each its own if one is far larger. */
function chart(title, series, findings) {
  const end = shown.last;
  const highest = series.map((each) => each.points.reduce((max, point) => Math.max(max, point[1]), 0));
  const most = Math.max(1, ...highest);
  const scales = highest.map((high) => (high * 50 < most ? Math.max(1, high) : most));
  const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${TALL}`, preserveAspectRatio: "none", role: "img", "aria-label": title });
  const x = (time) => (end ? (time / end) * WIDTH : 0);
  for (const finding of findings) {
    if (finding.k !== "stall") continue;
    const start = x(finding.t - finding.f.seconds * 1e6);
    picture.append(svg("rect", { class: "band", x: start, y: 0, width: Math.max(1.5, x(finding.t) - start), height: TALL }));
  }
  series.forEach((each, index) => {
    if (!each.points.length) return;
    const path = steps(each.points, end, scales[index]);
    const area = svg("path", { class: "area", d: `${path}V${TALL}H${x(each.points[0][0])}Z` });
    area.style.fill = each.tone;
    const line = svg("path", { d: path, "stroke-dasharray": each.dashed ? "4 3" : "none" });
    line.style.stroke = each.tone;
    picture.append(...(each.dashed ? [line] : [area, line]));
  });
  for (const finding of findings) {
    if (finding.k === "violation") picture.append(svg("line", { class: "fault", x1: x(finding.t), x2: x(finding.t), y1: 0, y2: TALL }));
  }
  const cursor = svg("line", { class: "cursor", x1: 0, x2: 0, y1: 0, y2: TALL, visibility: "hidden" });
  picture.append(cursor);
  const value = element("span", "value");
  const at = (time) => series.map((each) => {
    let found = "–";
    for (const [moment, number] of each.points) { if (moment > time) break; found = number; }
    return `${each.name} ${found}`;
  }).join(" · ");
  const rest = () => { value.textContent = series.map((each, index) => `${each.name} ≤ ${compact.format(highest[index])}`).join(" · "); cursor.setAttribute("visibility", "hidden"); };
  rest();
  const timeAt = (event) => { const box = picture.getBoundingClientRect(); return ((event.clientX - box.left) / box.width) * end; };
  picture.addEventListener("mousemove", (event) => {
    const time = timeAt(event);
    value.textContent = `${seconds(time)} s · ${at(time)}`;
    cursor.setAttribute("x1", x(time)); cursor.setAttribute("x2", x(time)); cursor.setAttribute("visibility", "visible");
  });
  picture.addEventListener("mouseleave", rest);
  picture.addEventListener("click", (event) => {
    const time = timeAt(event);
    const row = visible.find((each) => each.t >= time) || visible[visible.length - 1];
    if (row) jump(row);
  });
  return element("figure", "chart", element("figcaption", "", element("span", "", title), value), picture);
}

function showCharts() {
  const links = new Map(), sessions = new Map();
  for (const row of shown.rows) {
    if (row.l) (links.get(row.l[0]) || links.set(row.l[0], []).get(row.l[0])).push(row);
    if (row.s) (sessions.get(row.s[0]) || sessions.set(row.s[0], []).get(row.s[0])).push(row);
  }
  const made = [];
  const series = (rows, of, index) => rows.map((row) => [row.t, row[of][index] || 0]);
  for (const [id, rows] of [...sessions].slice(0, 8)) {
    const mine = shown.findings.filter((row) => row.k === "stall" ? row.f.session === id && !row.f.link : false);
    const kind = (name) => mine.filter((row) => row.n === name);
    const up = "var(--c1)", down = "var(--c4)";
    made.push(chart(`Session ${id}: window`, [
      { name: "client’s", tone: up, points: series(rows, "s", 1) }, { name: "server’s", tone: down, dashed: true, points: series(rows, "s", 2) }], kind("Window")));
    if (rows.some((row) => row.s[3] || row.s[4])) made.push(chart(`Session ${id}: unsettled`, [
      { name: "client’s", tone: up, points: series(rows, "s", 3) }, { name: "server’s", tone: down, dashed: true, points: series(rows, "s", 4) }], kind("Unsettled")));
  }
  for (const [id, rows] of [...links].slice(0, 16)) {
    const mine = shown.findings.filter((row) => row.link === id);
    const lines = [{ name: "credit", tone: tone(id), points: series(rows, "l", 1) }];
    if (rows.some((row) => row.l[2] !== null)) lines.push({ name: "available", tone: "var(--slow)", dashed: true, points: rows.filter((row) => row.l[2] !== null).map((row) => [row.t, row.l[2]]) });
    made.push(chart(`Link “${short(shown.links.get(id).name, 30)}”`, lines, mine));
  }
  $("charts").querySelector(".list").replaceChildren(...made);
  $("charts").hidden = made.length === 0;
}

function showFindings() {
  const list = shown.findings.slice(0, 200).map((row) => {
    const name = row.link && shown.links.get(row.link);
    const about = [row.k === "stall" ? `waits for the ${row.f.waits_for}` : `by the ${row.d ? "server" : "client"}`, name ? `link “${short(name.name, 40)}”` : ""];
    const item = element("div", `item ${row.k}`, element("span", `badge ${row.k}`, row.f.section), element("span", "what", row.text, element("small", "", about.filter(Boolean).join(", "))), element("time", "", seconds(row.t)));
    item.addEventListener("click", () => jump(row));
    return item;
  });
  if (!list.length) list.push(element("div", "none", "No rule broken, and nobody waits."));
  if (shown.findings.length > 200) list.push(element("div", "none", `and ${shown.findings.length - 200} more`));
  $("findings").querySelector(".list").replaceChildren(...list);
}

function showLinks() {
  const list = [...shown.links.values()].slice(0, 200).map((link) => {
    const route = `session ${link.session}, ${link.sender} sends${link.source || link.target ? `: ${short(link.source || "–", 30)} → ${short(link.target || "–", 30)}` : ""}`;
    const item = element("div", filter.link === link.id ? "item on" : "item", element("span", "dot"), element("span", "what", link.name, element("small", "", route)));
    item.style.setProperty("--tone", tone(link.id));
    item.addEventListener("click", () => { filter.link = filter.link === link.id ? null : link.id; showLinks(); apply(); });
    return item;
  });
  $("links").hidden = !list.length;
  $("links").querySelector(".list").replaceChildren(...list);
}

function showKinds() {
  const made = ["connection", "session", "link", "flow", "transfer", "disposition", "findings"].map((name) => {
    const button = element("button", "", name);
    button.setAttribute("aria-pressed", filter.groups.has(name));
    button.addEventListener("click", () => { if (!filter.groups.delete(name)) filter.groups.add(name); showKinds(); apply(); });
    return button;
  });
  $("kinds").replaceChildren(...made);
}

function showLegend() {
  const sessions = [...new Set(shown.rows.map((row) => row.session).filter(Boolean))];
  const key = (colour, text, mark) => {
    const made = element("div", "key", mark || element("span", "bar"), text);
    made.style.setProperty("--tone", colour);
    return made;
  };
  $("legend").querySelector(".list").replaceChildren(
    key("var(--c0)", "frames of the connection"),
    ...sessions.slice(0, 4).map((id) => key(sessionTone(id), `frames of session ${id}, and the stripe beside all of its frames`)),
    key("var(--c1)", "frames of a link, in the link’s colour"),
    key("var(--bad)", "breaks the standard, with the section", element("span", "badge violation", "✕ 2.6.7")),
    key("var(--slow)", "a wait that was too long", element("span", "badge stall", "‖ 2.6.7")),
    key("", "Click a frame for its fields, a link or a kind to filter, a chart to go there. #5 finds delivery 5.", element("span")));
}

function show(index) {
  shown = prepare(data.connections[index]);
  focused = null; opened.clear(); filter.link = null;
  $("client").textContent = `client ${shown.client}`;
  $("server").textContent = `server ${shown.server}`;
  const count = (test) => shown.rows.filter(test).length;
  const fact = (number, name, className) => element("span", className || "", element("b", "", number.toLocaleString("en")), ` ${number === 1 ? name : `${name}s`}`);
  const violations = count((row) => row.k === "violation"), stalls = count((row) => row.k === "stall");
  $("facts").replaceChildren(
    fact(count((row) => !row.isFinding), "frame"), element("span", "", element("b", "", seconds(shown.last)), " s"), fact(shown.links.size, "link"),
    fact(violations, "violation", violations ? "bad" : ""), fact(stalls, "stall", stalls ? "slow" : ""));
  showFindings(); showLinks(); showCharts(); showKinds(); showLegend();
  apply();
}

function start() {
  data.connections.forEach((connection, index) => {
    const option = element("option", "", `${connection.number}: ${connection.client} → ${connection.server}`);
    option.value = index;
    $("connection").append(option);
  });
  $("connection").hidden = data.connections.length < 2;
  $("connection").addEventListener("change", (event) => show(Number(event.target.value)));
  let waiting = 0;
  $("search").addEventListener("input", (event) => { clearTimeout(waiting); waiting = setTimeout(() => { filter.text = event.target.value; apply(); }, 120); });
  let due = false;
  $("scroll").addEventListener("scroll", () => { if (!due) { due = true; requestAnimationFrame(() => { due = false; paint(); }); } });
  window.addEventListener("resize", paint);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
  $("map").addEventListener("click", (event) => {
    const full = tops[visible.length], height = $("map").clientHeight;
    $("scroll").scrollTop = event.offsetY / Math.min(1, height / full) - $("scroll").clientHeight / 2;
  });
  if (data.notes.length) {
    $("notes").hidden = false;
    $("notes").querySelector(".list").replaceChildren(...data.notes.map((note) => element("div", "none", note)));
  }
  if (data.connections.length) show(0);
}
start();
