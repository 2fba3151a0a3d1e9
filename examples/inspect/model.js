// The data, and what is read out of it once: names, colours, searchable texts.
const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);

/** Makes an element. All text goes in as text: names are the peers', and nothing of theirs is markup. */
function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  for (const child of children) if (child !== null && child !== undefined) made.append(child);
  return made;
}
const seconds = (micros) => (micros / 1e6).toFixed(micros < 1e9 ? 4 : 3);
const plural = (count, name) => `${count.toLocaleString("en")} ${name}${count === 1 ? "" : "s"}`;
const tone = (id) => `var(--c${id ? ((id - 1) % 8) + 1 : 0})`;
const sessionTone = (id) => `var(--s${((id - 1) % 4) + 1})`;
const range = (first, last) => (last === undefined || last === first ? `#${first}` : `#${first}–${last}`);
const short = (text, most = 48) => (String(text).length > most ? `${String(text).slice(0, most)}…` : String(text));
const stateName = (state) => {
  if (state === null || typeof state !== "object") return "";
  const names = { 35: "received", 36: "accepted", 37: "rejected", 38: "released", 39: "modified", 51: "declared", 52: "transactional" };
  const known = { "amqp:accepted:list": "accepted", "amqp:rejected:list": "rejected", "amqp:released:list": "released", "amqp:modified:list": "modified", "amqp:received:list": "received" };
  return names[state.descriptor] || known[state.descriptor] || "";
};
const condition = (fields) => {
  const error = fields.error && (fields.error.fields || fields.error);
  return error ? error.condition : undefined;
};

/** One line about a frame, behind its name. */
function summary(row, links) {
  const fields = row.f || {};
  const link = row.l && links.get(row.l[0]);
  const of = link ? `“${short(link.name, 32)}”` : fields.handle === undefined ? "" : `handle ${fields.handle}`;
  const parts = [];
  switch (row.n) {
    case "open":
      parts.push(`“${short(fields.container_id, 32)}”`);
      if (fields.max_frame_size !== undefined) parts.push(`frames up to ${fields.max_frame_size}`);
      if (fields.idle_time_out) parts.push(`idle ${fields.idle_time_out} ms`);
      break;
    case "begin":
      parts.push(fields.remote_channel === undefined ? "new session" : `answers channel ${fields.remote_channel}`, `window ${fields.incoming_window}`);
      break;
    case "attach": {
      parts.push(`“${short(fields.name, 32)}”`, fields.role ? "receiver" : "sender");
      const end = (value) => (value && (value.fields || value).address) || undefined;
      const source = end(fields.source), target = end(fields.target);
      if (source || target) parts.push(`${short(source || "–", 24)} → ${short(target || "–", 24)}`);
      break;
    }
    case "flow":
      parts.push(of);
      if (fields.link_credit !== undefined && fields.handle !== undefined) parts.push(`credit ${fields.link_credit}`);
      if (fields.available) parts.push(`${fields.available} available`);
      parts.push(`window ${fields.incoming_window}`);
      if (fields.drain) parts.push("drain");
      if (fields.echo) parts.push("echo");
      break;
    case "transfer":
      parts.push(fields.delivery_id === undefined ? "continued" : `#${fields.delivery_id}`, of, `${row.p || 0} B`);
      if (fields.settled) parts.push("settled");
      if (fields.more) parts.push("more");
      if (fields.aborted) parts.push("aborted");
      break;
    case "disposition":
      parts.push(range(fields.first, fields.last), stateName(fields.state), fields.settled ? "settled" : "");
      break;
    case "detach":
      parts.push(of, fields.closed ? "closed" : "", condition(fields));
      break;
    case "end": case "close":
      parts.push(condition(fields));
      break;
    case "sasl-mechanisms":
      parts.push((fields.sasl_server_mechanisms || []).join(", "));
      break;
    case "sasl-init":
      parts.push(fields.mechanism);
      break;
    case "sasl-outcome":
      parts.push(fields.code);
      break;
  }
  return parts.filter((part) => part !== undefined && part !== "").join(" · ");
}

const groups = {
  header: "connection", "sasl-frame": "connection", open: "connection", close: "connection", empty: "connection",
  begin: "session", end: "session", attach: "link", detach: "link", flow: "flow", transfer: "transfer",
  disposition: "disposition", malformed: "findings", violation: "findings", stall: "findings",
};

/** Prepares a connection: rows in the order shown, stalls once each, before the frame that ended them. */
function prepare(connection) {
  const links = new Map(connection.links.map((link) => [link.id, link]));
  const rows = [];
  let frame = null;
  for (const row of connection.rows) {
    const isFinding = row.k === "violation" || row.k === "stall";
    // A stall is listed when it is over, with its whole length; the observation's end ends every one.
    if (row.k === "stall" && !row.f.over) continue;
    if (row.k === "violation" && frame) frame.broken = true;
    row.group = groups[isFinding ? row.k : row.k === "frame" ? row.n : row.k] || "connection";
    row.tone = row.l ? tone(row.l[0]) : isFinding && row.f.link ? tone(row.f.link) : row.s ? sessionTone(row.s[0]) : "var(--c0)";
    row.session = row.s ? row.s[0] : isFinding ? row.f.session || (row.k === "violation" && frame ? frame.session : undefined) : undefined;
    row.text = isFinding ? row.f.text : summary(row, links);
    row.link = row.l ? row.l[0] : isFinding ? (row.k === "violation" && frame && frame.l ? frame.l[0] : row.f.link) : undefined;
    const name = row.link ? links.get(row.link) : null;
    row.words = `${row.n} ${row.text} ${row.f ? JSON.stringify(row.f) : ""} ${name ? `${name.name} ${name.source || ""} ${name.target || ""}` : ""} ${isFinding ? row.f.section : ""}`.toLowerCase();
    row.isFinding = isFinding;
    if (row.k === "stall" && frame && frame.t === row.t && frame === rows[rows.length - 1]) rows.splice(rows.length - 1, 0, row);
    else rows.push(row);
    if (!isFinding) frame = row;
  }
  let before = 0;
  for (const row of rows.filter((row) => !row.isFinding)) {
    row.gap = row.t - before;
    before = row.t;
  }
  const ordered = rows.map((row, index) => Object.assign(row, { index }));
  return { ...connection, links, rows: ordered, findings: ordered.filter((row) => row.isFinding), last: ordered.length ? ordered[ordered.length - 1].t : 0 };
}
