// The m4sh board page: a whole client of the live protocol, without a build step or a dependency. Beside it only the
// server's own table of budgets, by which it paces itself.
// Sections: 1 the document · 2 what is not saved yet · 3 the conversation · 4 accounts · 5 the screen · 6 the start.
// The rules it follows are in docs/SPEC.md; docs/tasks/write-a-client.md tells the same story in words.

import { BUDGETS } from './budgets.js';

// ---- 1. The document: a pure reducer -----------------------------------------------------------------------------
// state = {pages: [{id, name, strokes: [], assets: [], shapes: [], texts: []}], activePageId, meta, ...}

const LISTS = { stroke: 'strokes', asset: 'assets', shape: 'shapes', text: 'texts' };
const same = (a, b) => String(a) === String(b);

/** The document after `ops`; its arguments stay as they are. What cannot be done any more is skipped: the server has the say. */
export const apply = (state, ops) => ops.reduce(applyOne, state ?? {});

function applyOne(state, { op, kind, id, page_id, value, patch, unset }) {
  const change = patch && Object.keys(patch).length ? patch : value;
  if (kind === 'state') return op === 'add' ? value : fold(state, op, id, change); // only the server writes these
  state = withPages(state);
  if (kind === 'meta') return { ...state, meta: fold(state.meta, op, id, change) };
  if (kind === 'page') return { ...state, pages: edit(state.pages, op, id, value, change, unset) };
  const target = page_id ?? value?.page_id ?? state.activePageId;
  const on = (page) => ({ ...page, [LISTS[kind]]: edit(page[LISTS[kind]] ?? [], op, id, value, change, unset) });
  return LISTS[kind] ? { ...state, pages: state.pages.map((page) => (same(page.id, target) ? on(page) : page)) } : state;
}

function fold(object = {}, op, id, change) {
  if (op !== 'remove') return { ...object, ...change };
  const { [id]: _gone, ...rest } = object;
  return rest;
}

function edit(list, op, id, value, change, unset = []) { // an undo takes out members that were not there before
  if (op === 'add') return list.some((item) => same(item.id, value.id)) ? list : [...list, value];
  if (op === 'remove') return list.filter((item) => !same(item.id, id));
  const left = (item) => Object.fromEntries(Object.entries(item).filter(([key]) => !unset.includes(key)));
  return list.map((item) => (same(item.id, id) ? { ...left(item), ...change, id: item.id } : item));
}

function withPages(state) {
  const pages = state.pages?.length ? state.pages : [{ id: state.activePageId ?? 'page-1' }];
  const whole = pages.every((page) => page.strokes && page.assets) ? pages : pages.map((page) => ({ strokes: [], assets: [], ...page }));
  return state.pages === whole && state.activePageId ? state : { ...state, pages: whole, activePageId: state.activePageId ?? whole[0].id };
}

// ---- 2. What is not saved yet ------------------------------------------------------------------------------------
// `base` is the server's document at `rev`. `unsaved` are our batches in order, each with an id that it keeps for ever:
// the server does a batch once, however often it arrives. A batch leaves the list when the `saved` watermark passes its rev.

const nowhere = () => ({
  path: null, socket: null, online: false, stopped: false, tries: 0, // the connection
  epoch: null, rev: 0, saved: 0, base: {}, view: null, stuck: false, // the board
  unsaved: [], flying: null, hold: 0, // ours; `flying` is the id that waits for its answer, `hold` the time before which nothing is sent
  me: null, can: {}, people: new Map(), budgets: {},
});
const live = nowhere();
const MOST = { ops: 100, bytes: 60_000 }; // the server takes 100 operations and 64 KiB in one frame

const uuid = () => {
  const b = crypto.getRandomValues(new Uint8Array(16)); // crypto.randomUUID needs https; a school's LAN may not have it
  b[6] = (b[6] & 15) | 64;
  b[8] = (b[8] & 63) | 128;
  return [...b].map((x, i) => ([4, 6, 8, 10].includes(i) ? '-' : '') + x.toString(16).padStart(2, '0')).join('');
};
const client = (sessionStorage.client ??= uuid()); // this tab, kept across reloads: half of a batch's identity

const shelf = () => `unsaved ${session?.user.id} ${live.path}`;
const keep = () => { try { sessionStorage[shelf()] = JSON.stringify(live.unsaved); } catch { /* full: memory still has it */ } };
const view = () => (live.view ??= withPages(apply(live.base, live.unsaved.flatMap((batch) => (batch.rev === null ? batch.ops : [])))));
const changed = () => { live.view = null; render(); };

// How we spend the server's budgets, counted as it counts them: a bucket is full again at `fullAt`, and each unit takes
// `period_ms / count` of that. What the welcome tells wins over the table that came with this page.
const spent = new Map();
function pace(name, cost = 1) { // spends, and returns 0; or returns the milliseconds until it may
  const { count, period_ms: period, burst } = live.budgets[name] ?? BUDGETS[name];
  const each = period / count, now = Date.now();
  const fullAt = Math.max(spent.get(name) ?? 0, now) + each * Math.min(cost, burst);
  const wait = Math.ceil(fullAt - now - each * burst);
  if (wait > 0) return wait;
  spent.set(name, fullAt);
  return 0;
}

function push(ops) { // while one batch is under way the next one gathers; what was sent once never changes
  const last = live.unsaved.at(-1);
  const together = last && !last.sent ? [...last.ops, ...ops] : null;
  if (together && together.length <= MOST.ops && JSON.stringify(together).length <= MOST.bytes) last.ops = together;
  else live.unsaved.push({ id: uuid(), ops, rev: null, sent: false });
  keep();
  changed();
  pump();
}

function pump() { // one batch at a time, so that they are ordered as they were drawn
  if (!live.online || live.flying || Date.now() < live.hold) return;
  const next = live.unsaved.find((batch) => batch.rev === null);
  if (!next) return;
  const frame = JSON.stringify({ t: 'ops', id: next.id, ops: next.ops });
  const wait = pace('ws_ops') || pace('ws_bytes', frame.length); // while we wait the batch goes on gathering
  if (wait) return hold(wait);
  next.sent = true;
  live.flying = next.id;
  keep();
  send(frame);
}

function hold(wait) {
  live.hold = Date.now() + wait;
  setTimeout(pump, wait + 5);
}

function take(rev, ops) { // rev is dense: a gap means that our copy is wrong, so we ask for a new one
  if (rev <= live.rev) return;
  if (rev !== live.rev + 1 || !ops) { live.epoch = null; live.socket?.close(); return; }
  live.base = apply(live.base, ops);
  live.rev = rev;
}

function settle(id, rev) { // the server has told where one of our batches stands
  const batch = live.unsaved.find((one) => one.id === id);
  if (batch) batch.rev = rev;
  if (live.flying === id) live.flying = null;
}

function forgetSaved() {
  live.unsaved = live.unsaved.filter((batch) => batch.rev === null || batch.rev > live.saved);
  keep();
}

// ---- 3. The conversation -----------------------------------------------------------------------------------------

const hear = {
  welcome(f) { // the answer to hello: either the tail after our rev, or a whole document
    Object.assign(live, { online: true, welcomed: Date.now(), me: f.you.user, can: f.you.can, budgets: f.budgets ?? {} });
    Object.assign(live, { saved: f.saved, stuck: false, flying: null, hold: 0 });
    live.people = new Map(f.roster.map((person) => [person.user, person]));
    if (f.resumed) for (const { rev, id, ops } of f.ops) { take(rev, ops); settle(id, rev); }
    else Object.assign(live, { base: f.state, rev: f.rev }); // also the roll-back: what a lost epoch accepted is not in it
    live.epoch = f.epoch;
    for (const batch of live.unsaved) batch.rev = null; // ask again for all that is not known to be saved, with the same ids
    notice('');
    pump();
    say({ t: 'status', state: document.hidden ? 'away' : 'active' });
  },
  ops: (f) => take(f.rev, f.ops),
  accepted(f) { // ordered, not yet saved; for a repeat the rev is one that we may already have
    take(f.rev, f.ops ?? live.unsaved.find((batch) => batch.id === f.id)?.ops); // what the server wrote for us (undo, a stroke) comes with it
    settle(f.id, f.rev);
    forgetSaved();
    pump();
  },
  tail(f) { // we read too slowly: all that was left out meanwhile, in one frame
    for (const { rev, id, ops } of f.ops) { take(rev, ops); settle(id, rev); }
    caughtUp(f);
  },
  snapshot(f) { // the same where the whole document is smaller. Answers to our own batches follow
    Object.assign(live, { base: f.state, rev: f.rev, epoch: f.epoch });
    caughtUp(f);
  },
  saved(f) { live.saved = f.rev; forgetSaved(); },
  refused(f) { // nothing changed. With a time to wait it is worth another try, with the same id
    if (f.id && f.id === live.flying) live.flying = null;
    if (f.id && f.retry_after_ms) {
      hold(f.retry_after_ms);
    } else if (f.id) {
      live.unsaved = live.unsaved.filter((batch) => batch.id !== f.id);
      keep();
    }
    notice(f.detail ?? f.code);
    pump();
  },
  journal(f) { live.stuck = f.state === 'waiting'; },
  can(f) { live.can = f.can; notice(f.why ?? ''); },
  joined(f) { live.people.set(f.user, f); },
  left(f) { live.people.delete(f.user); forgetCursor(f.user); },
  status(f) { const person = live.people.get(f.user); if (person) person.status = f.status ?? f.state; },
  cursors(f) { for (const [user, x, y, page] of f.c) if (user !== live.me) moveCursor(user, x, y, page); },
  bring(f) { showPage(f.page); },
  budget(f) {
    const used = f.retry_after_ms ? 'used up' : `used to ${Math.round(f.used * 100)} %`;
    notice(`Slower, please: the budget ${f.class} is ${used}.`);
  },
  ended() { notice('The lesson is over.'); },
  bye(f) { live.bye = f; },
};

function caughtUp(f) {
  live.people = new Map(f.roster.map((person) => [person.user, person]));
  live.saved = f.saved;
  forgetSaved();
  pump();
}

const CLOSES = { // what each code asks of a client; any other is a lost connection, so: come back
  4400: { stop: 'The server did not understand this page.' },
  4401: { renew: true },
  4403: { stop: 'You may not enter this board.' },
  4404: { stop: 'There is no such board.' },
  4408: {},
  4409: { stop: 'This board is open in a newer tab.' },
  4410: { stop: 'The lesson is over.' },
  4426: { stop: 'This page is too old for the server: please reload it.' },
  4429: { wait: 5_000 },
  4503: {}, // the server is leaving, or the board moved
  4508: {}, // we read too slowly: come back and resume
};

const send = (text) => live.socket?.readyState === WebSocket.OPEN && live.socket.send(text);
const say = (frame) => send(JSON.stringify(frame));

async function connect() {
  clearTimeout(live.timer);
  const path = live.path;
  let token;
  try { token = await freshToken(); } catch { return lost(1006); }
  if (!token || live.socket || live.path !== path) return;
  const socket = new WebSocket(location.origin.replace(/^http/, 'ws') + path, ['m4sh.json', `bearer.${token}`]); // never in the URL
  live.socket = socket;
  live.heard = Date.now();
  socket.onopen = () => say({ t: 'hello', client, resume: live.epoch === null ? undefined : { epoch: live.epoch, rev: live.rev } });
  socket.onclose = ({ code }) => { if (live.socket === socket) lost(code); };
  socket.onmessage = ({ data }) => {
    if (live.socket !== socket) return;
    live.heard = Date.now();
    const frame = JSON.parse(data);
    hear[frame.t]?.(frame); // frames of a newer server are none of our business
    if (frame.t !== 'cursors' && frame.t !== 'pong') changed();
  };
}

async function lost(code) {
  const { stop, renew: stale, wait = 0 } = CLOSES[code] ?? {};
  if (live.welcomed && Date.now() - live.welcomed > 10_000) live.tries = 0; // a connection that held: start the backoff anew
  const least = Math.max(wait, live.bye?.retry_after_ms ?? 0);
  Object.assign(live, { socket: null, online: false, flying: null, bye: null, welcomed: 0, stopped: Boolean(stop) });
  changed();
  if (stop) return notice(stop);
  try { if (stale && !(await renew())) return; } catch { /* no network: the token is tried again below */ }
  const pause = Math.min(30_000, 500 * 2 ** live.tries++) * (0.5 + Math.random()); // jitter: a class must not come back as one
  clearTimeout(live.timer);
  if (live.path) live.timer = setTimeout(connect, least + pause);
}

setInterval(() => { // a network can die without a word; browsers do not show us the server's pings, so we send our own
  if (!live.socket) return;
  if (Date.now() - live.heard > 30_000) { const dead = live.socket; lost(1006); dead.close(); } else say({ t: 'ping', n: Date.now() });
}, 10_000);
addEventListener('online', () => { if (live.path && !live.socket && !live.stopped) connect(); });
document.addEventListener('visibilitychange', () => say({ t: 'status', state: document.hidden ? 'away' : 'active' }));
addEventListener('beforeunload', (event) => { if (live.unsaved.length) event.preventDefault(); });

function enter(path, hash) {
  leave();
  live.path = path;
  live.unsaved = JSON.parse(sessionStorage[shelf()] ?? '[]').map((batch) => ({ ...batch, rev: null }));
  history.replaceState(null, '', `#${new URLSearchParams({ email: session.user.email, ...hash })}`);
  notice('');
  show('board');
  changed();
  connect();
}

function leave() {
  clearTimeout(live.timer);
  const socket = live.socket;
  Object.assign(live, nowhere());
  socket?.close(1000);
  for (const user of cursors.keys()) forgetCursor(user);
}

// ---- 4. Accounts -------------------------------------------------------------------------------------------------
// The access token lives 15 minutes, each refresh token is good for one use. Both stay in this tab.

let session = JSON.parse(sessionStorage.session ?? 'null'); // {access, refresh, until, user}
let renewing = null;

function remember(answer) {
  session = answer && { ...session, ...answer, until: Date.now() + answer.expires_in * 1000 };
  if (session) sessionStorage.session = JSON.stringify(session);
  else sessionStorage.removeItem('session');
}

async function api(method, path, body) {
  const headers = () => ({ 'Content-Type': 'application/json', ...(session && { Authorization: `Bearer ${session.access}` }) });
  const ask = () => fetch(`/api/v1${path}`, { method, body: body && JSON.stringify(body), headers: headers() });
  let answer = await ask();
  if (answer.status === 401 && session && (await renew())) answer = await ask();
  const content = answer.status === 204 ? null : await answer.json().catch(() => ({}));
  if (!answer.ok) throw Object.assign(new Error(content?.detail ?? `The server answered ${answer.status}.`), { status: answer.status });
  return content;
}

const freshToken = async () => (session && (session.until - Date.now() > 30_000 || (await renew())) ? session.access : null);

function renew() { // one at a time: a refresh token used twice ends the login
  const body = JSON.stringify({ refresh: session?.refresh });
  renewing ??= fetch('/api/v1/auth/refresh/', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body })
    .then(async (answer) => {
      if (answer.ok) remember(await answer.json());
      else if (answer.status === 401) { remember(null); start(); } else throw new Error(`refresh: ${answer.status}`);
      return Boolean(session);
    })
    .finally(() => { renewing = null; });
  return renewing;
}

// ---- 5. The screen -----------------------------------------------------------------------------------------------

const $ = (id) => document.getElementById(id);
const make = (tag, text, more = {}) => Object.assign(document.createElement(tag), { textContent: text }, more);
const button = (text, onclick) => make('button', text, { onclick, type: 'button' });
const notice = (text) => { $('notice').textContent = text; };
const show = (part) => { for (const id of ['login', 'places', 'board']) $(id).hidden = id !== part; render(); };
const cursors = new Map();
const WIDE = 1600, HIGH = 900; // board units
let tool = 'pen', pageId = null, stroke = null, mine = [], pen = { x: 800, y: 450 }; // `pen` is the keyboard's
let asked = false, inked = null, spoke = 0;

function line() { // the truth, in a few words
  const n = live.unsaved.length;
  if (!live.online) return ['offline', n ? `offline, ${n} kept` : 'offline'];
  if (live.stuck) return ['stuck', 'the server cannot save right now' + (n ? `, ${n} kept` : '')];
  return n ? ['saving', `saving… ${n}`] : ['saved', 'saved'];
}

function render() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => { asked = false; draw(); });
}

const page = () => { const { pages } = view(); return pages.find(({ id }) => same(id, pageId)) ?? pages[0]; };

function draw() {
  const [kind, text] = line(), here = page();
  Object.assign($('line'), { textContent: text, hidden: !live.path }).dataset.kind = kind;
  $('me').textContent = session ? session.user.first_name || session.user.email : '';
  $('leave').hidden = !live.path;
  $('again').hidden = !live.stopped;
  $('logout').hidden = !session;
  $('roster').replaceChildren(...[...live.people.values()].map((person) => {
    const item = make('li', person.name + (person.user === live.me ? ' (you)' : ''), { title: person.role });
    item.style.setProperty('--color', person.color);
    item.dataset.status = person.status;
    return item;
  }));
  if (!live.path) return;
  if (stroke && !live.can.can_draw) lift();
  const may = (flag) => live.can[flag] || !live.online; // offline nobody knows; the server will say
  for (const [id, flag] of [['pen', 'can_draw'], ['eraser', 'can_erase'], ['undo', 'can_erase']]) $(id).disabled = !may(flag);
  for (const id of ['pen', 'eraser']) $(id).ariaPressed = tool === id;
  $('wet').classList.toggle('watch', !may('can_draw'));
  $('pages').replaceChildren(
    ...view().pages.map((one, i) => {
      const tab = button(one.name ?? `Page ${i + 1}`, () => showPage(one.id));
      return Object.assign(tab, { role: 'tab', ariaSelected: one === here });
    }),
    ...(live.can.can_add_page ? [Object.assign(button('+', addPage), { ariaLabel: 'Add a page' })] : []),
  );
  if (inked !== here) { // pages are never changed in place, so the same object means the same picture
    inked = here;
    const ink = $('ink').getContext('2d');
    ink.clearRect(0, 0, WIDE, HIGH);
    for (const one of here.strokes ?? []) trace(ink, one);
  }
  for (const cursor of cursors.values()) cursor.hidden = cursor.page !== undefined && !same(cursor.page, here.id);
}

function trace(ink, { points = [], color = '#1d2433', size = 3, opacity = 1 }) {
  Object.assign(ink, { strokeStyle: color, globalAlpha: opacity, lineCap: 'round', lineJoin: 'round' });
  points.forEach((to, i) => {
    const from = points[i - 1] ?? to;
    ink.lineWidth = size * (0.5 + (to.pressure ?? 0.5));
    ink.beginPath();
    ink.moveTo(from.x, from.y);
    ink.lineTo(to.x, to.y);
    ink.stroke();
  });
}

function wet() { // my stroke before it is finished, and the keyboard's pen
  const ink = $('wet').getContext('2d');
  ink.clearRect(0, 0, WIDE, HIGH);
  if (stroke) trace(ink, stroke);
  if ($('wet').matches(':focus-visible')) trace(ink, { points: [pen], color: '#3b5bdb', size: 14, opacity: 0.5 });
}

function lower(point) {
  if (!live.path || (live.online && !live.can.can_draw)) return;
  stroke = { id: `stroke-${uuid()}`, tool: 'pen', color: $('color').value, size: Number($('size').value), opacity: 1, points: [point] };
}
function lift() {
  if (stroke) { push([{ op: 'add', kind: 'stroke', page_id: page().id, value: stroke }]); mine.push(stroke.id); }
  stroke = null;
  wet();
}
function drag(point) {
  stroke.points.push(point);
  if (stroke.points.length >= 1000) { lift(); lower(point); } // a frame has 64 KiB: a very long line is several strokes
}
function takeOut(ids) {
  const found = (one) => (one.strokes ?? []).filter(({ id }) => ids.has(id));
  const ops = view().pages.flatMap((one) => found(one).map(({ id }) => ({ op: 'remove', kind: 'stroke', id, page_id: one.id })));
  for (let i = 0; i < ops.length; i += MOST.ops) push(ops.slice(i, i + MOST.ops));
}
function erase({ x, y }) {
  const near = (one) => one.points?.some((to, i) => { // distance from the point to a piece of the line
    const from = one.points[i - 1] ?? to, dx = to.x - from.x, dy = to.y - from.y;
    const along = Math.max(0, Math.min(1, ((x - from.x) * dx + (y - from.y) * dy) / (dx * dx + dy * dy || 1)));
    return Math.hypot(x - from.x - along * dx, y - from.y - along * dy) < 8 + (one.size ?? 3) / 2;
  });
  const hit = new Set((page().strokes ?? []).filter(near).map(({ id }) => id));
  if (hit.size && (live.can.can_erase || !live.online)) takeOut(hit);
}
function undo() { const id = mine.pop(); if (id) takeOut(new Set([id])); }
function addPage() {
  const id = `page-${uuid()}`;
  push([{ op: 'add', kind: 'page', value: { id, name: `Page ${view().pages.length + 1}`, strokes: [], assets: [] } }]);
  showPage(id);
}
function showPage(id) { pageId = id; say({ t: 'view', page: String(page().id), x: 0, y: 0, zoom: 1 }); render(); }

function moveCursor(user, x, y, on) {
  const person = live.people.get(user);
  if (!person) return;
  if (!cursors.has(user)) cursors.set(user, $('paper').appendChild(make('div', person.name, { className: 'cursor' })));
  const cursor = cursors.get(user);
  clearTimeout(cursor.timer);
  cursor.timer = setTimeout(() => { cursor.style.opacity = 0; cursor.timer = setTimeout(forgetCursor, 1000, user); }, 5000);
  Object.assign(cursor.style, { left: `${(x / WIDE) * 100}%`, top: `${(y / HIGH) * 100}%`, opacity: 1 });
  cursor.style.setProperty('--color', person.color);
  cursor.page = on ?? undefined;
  cursor.hidden = cursor.page !== undefined && !same(cursor.page, page().id);
}
function forgetCursor(user) { clearTimeout(cursors.get(user)?.timer); cursors.get(user)?.remove(); cursors.delete(user); }

function tellCursor({ x, y }) { // four fifths of what the server takes: it drops the rest, and networks bunch things up
  const { count, period_ms: period } = live.budgets.ws_cursor ?? BUDGETS.ws_cursor;
  if (performance.now() - spoke < (period / count) * 1.25 || pace('ws_cursor')) return;
  spoke = performance.now();
  say({ t: 'cursor', x, y, page: String(page().id), tool });
}

const round = (x, places) => Math.round(x * 10 ** places) / 10 ** places;
function spot(event) {
  const box = $('wet').getBoundingClientRect();
  const x = round(((event.clientX - box.left) / box.width) * WIDE, 1), y = round(((event.clientY - box.top) / box.height) * HIGH, 1);
  const point = { x, y };
  return event.pressure ? { ...point, pressure: round(event.pressure, 2) } : point;
}

$('wet').onpointerdown = (event) => {
  if (!event.isPrimary || event.button) return;
  $('wet').setPointerCapture(event.pointerId);
  if (tool === 'pen') lower(spot(event)); else erase(spot(event));
  wet();
};
$('wet').onpointermove = (event) => {
  if (!event.isPrimary) return;
  tellCursor(spot(event));
  for (const one of event.getCoalescedEvents?.().length ? event.getCoalescedEvents() : [event]) {
    if (stroke) drag(spot(one)); else if (tool === 'eraser' && one.buttons) erase(spot(one));
  }
  if (stroke) wet();
};
$('wet').onpointerup = $('wet').onpointercancel = lift;
$('wet').onblur = lift;
$('wet').onfocus = wet;

$('wet').onkeydown = (event) => {
  const [dx, dy] = { ArrowLeft: [-10, 0], ArrowRight: [10, 0], ArrowUp: [0, -10], ArrowDown: [0, 10] }[event.key] ?? [0, 0];
  if (event.key === ' ') { if (tool === 'eraser') erase(pen); else if (stroke) lift(); else lower(pen); } else if (!dx && !dy) return;
  event.preventDefault();
  if (dx || dy) {
    pen = { x: Math.max(0, Math.min(WIDE, pen.x + dx)), y: Math.max(0, Math.min(HIGH, pen.y + dy)) };
    if (stroke) drag(pen);
    tellCursor(pen);
  }
  wet();
};
addEventListener('keydown', ({ key, target, ctrlKey, metaKey }) => {
  if (!live.path || target.matches('input') || (ctrlKey || metaKey) !== (key === 'z' && (ctrlKey || metaKey))) return;
  ({ p: () => pick('pen'), e: () => pick('eraser'), z: undo })[key.toLowerCase()]?.();
});
const pick = (name) => { tool = name; render(); };
$('pen').onclick = () => pick('pen');
$('eraser').onclick = () => pick('eraser');
$('undo').onclick = undo;
$('again').onclick = () => { live.stopped = false; notice(''); connect(); };
$('leave').onclick = () => {
  if (live.unsaved.length && !confirm('Not everything is saved. This tab keeps it until you come back to the board. Leave?')) return;
  leave();
  history.replaceState(null, '', '#');
  start();
};
$('logout').onclick = async () => { leave(); await api('POST', '/auth/logout/').catch(() => {}); remember(null); start(); };

// ---- 6. The start ------------------------------------------------------------------------------------------------

async function places() {
  show('places');
  const [classes, boards] = await Promise.all([api('GET', '/classrooms/'), api('GET', '/solo/sessions/')]);
  const item = (content) => { const li = make('li', ''); li.append(content); return li; };
  $('boards').replaceChildren(
    ...boards.results.map(({ id, name }) => item(button(name, () => own(id)))),
    item(button('New board', async () => own((await api('POST', '/solo/sessions/', { name: 'My board' })).id))),
  );
  const lessons = async (room) => ({ room, sessions: (await api('GET', `/classrooms/${room.id}/sessions/`)).results });
  const rooms = await Promise.all(classes.results.map(lessons));
  $('classes').replaceChildren(...rooms.flatMap(({ room, sessions }) => {
    const list = make('ul', '');
    const open = sessions.filter(({ status }) => status === 'active');
    list.append(...open.map(({ id, name }) => item(button(name || 'Lesson', () => join(room.id, id)))));
    const begin = async () => join(room.id, (await api('POST', `/classrooms/${room.id}/sessions/`, { name: 'Lesson' })).id);
    if (['tutor', 'owner'].includes(room.role)) list.append(item(button('Start a lesson', begin)));
    return [make('h3', room.name), list.children.length ? list : make('p', 'No lesson is on.')];
  }));
}

const own = (board) => enter(`/ws/board/${board}/`, { board });
const join = (room, lesson) => enter(`/ws/classroom/${room}/session/${lesson}/`, { class: room, session: lesson });

async function start() {
  const hash = new URLSearchParams(location.hash.slice(1)); // #email=…&class=…&session=… or #email=…&board=…
  if (!session) { leave(); $('login').email.value ||= hash.get('email') ?? ''; show('login'); return; }
  if (hash.get('class') && hash.get('session')) return join(hash.get('class'), hash.get('session'));
  if (hash.get('board')) return own(hash.get('board'));
  await places().catch((error) => notice(error.message));
}

$('login').onsubmit = async (event) => {
  event.preventDefault();
  const { email, password } = Object.fromEntries(new FormData($('login')));
  try { remember(await api('POST', '/auth/login/', { email, password })); } catch (error) { return notice(error.message); }
  $('login').reset();
  notice('');
  start();
};

window.m4sh = { // for tests and curious people: look, do not touch
  get document() { return view(); },
  get position() { return { epoch: live.epoch, rev: live.rev, saved: live.saved }; },
  get online() { return live.online; },
  get unsaved() { return live.unsaved.length; },
  get line() { return line()[1]; },
  get can() { return live.can; },
  get people() { return [...live.people.values()]; },
  get cursors() { return [...cursors.keys()]; },
  drop: () => live.socket?.close(), // a connection that breaks
  apply,
};
start();
