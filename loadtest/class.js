// One class, as k6 sees it: a tutor, PUPILS pupils who draw, move their pens and autosave, everybody checked.
// Fails (exit code 99) when an answer is wrong, a stroke is lost or doubled, or a latency threshold is crossed.
//
//   k6 run -e M4SH_URL=http://127.0.0.1:8080 loadtest/class.js
//
// M4SH_URL   the server                                  (http://127.0.0.1:8080)
// EMAIL, PASSWORD  an existing tutor; absent: one is registered
// PUPILS     pupils, each with a socket and a solo board (8)
// SECONDS    how long they draw                          (15)
// The defaults keep within the server's default budgets, one run a minute; raise M4SH_RATES_* for more.
import http from 'k6/http';
import exec from 'k6/execution';
import { check, fail } from 'k6';
import { Counter, Trend } from 'k6/metrics';

// `k6/websockets` is the newer name of the same module; older releases only know the experimental one.
let sockets;
try {
  sockets = require('k6/websockets');
} catch (_) {
  sockets = require('k6/experimental/websockets');
}
const { WebSocket } = sockets;

const URL = (__ENV.M4SH_URL || 'http://127.0.0.1:8080').replace(/\/$/, '');
const API = `${URL}/api/v1`;
const PUPILS = Number(__ENV.PUPILS || 8);
const SECONDS = Number(__ENV.SECONDS || 15);
const DRAIN_MS = 5000;
const CURSOR_MS = 100;
const STROKE_MS = 500;
const AUTOSAVE_MS = 2000;

const acceptedMs = new Trend('m4sh_accepted_ms', true);
const savedMs = new Trend('m4sh_saved_ms', true);
const autosaveMs = new Trend('m4sh_autosave_ms', true);
const strokes = new Counter('m4sh_strokes');
const cursorsSeen = new Counter('m4sh_cursors_seen');
const unanswered = new Counter('m4sh_unanswered');
const unexpectedCloses = new Counter('m4sh_unexpected_closes');
const refusals = new Counter('m4sh_refusals');

export const options = {
  scenarios: {
    class: { executor: 'per-vu-iterations', vus: PUPILS, iterations: 1, maxDuration: `${SECONDS + 60}s` },
  },
  setupTimeout: '180s',
  thresholds: {
    checks: ['rate==1'],
    http_req_failed: ['rate==0'],
    m4sh_accepted_ms: ['p(99)<250'],
    m4sh_saved_ms: ['p(99)<1500'],
    m4sh_autosave_ms: ['p(99)<500'],
    m4sh_strokes: ['count>0'],
    m4sh_cursors_seen: ['count>0'],
    m4sh_unanswered: ['count==0'],
    m4sh_unexpected_closes: ['count==0'],
    m4sh_refusals: ['count==0'],
  },
};

function headers(token, more) {
  return { headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}`, ...more } };
}

function post(path, token, body, status) {
  const params = token ? headers(token) : { headers: { 'Content-Type': 'application/json' } };
  const answer = http.post(`${API}${path}`, JSON.stringify(body), params);
  if (!check(answer, { [`POST ${path.replace(/[0-9a-f-]{36}/g, '{id}')} answers ${status}`]: (r) => r.status === status })) {
    fail(`POST ${path}: ${answer.status} ${answer.body}`);
  }
  return answer.json();
}

function uuid() {
  return 'xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx'.replace(/x/g, () => Math.floor(Math.random() * 16).toString(16));
}

function register(role) {
  const person = { email: `k6-${uuid()}@example.com`, password: `k6-${uuid()}`, first_name: 'K6', last_name: role, role };
  const login = post('/auth/register/', null, person, 201);
  return { ...person, id: login.user.id, token: login.access };
}

function logIn(email, password) {
  const login = post('/auth/login/', null, { email, password }, 200);
  check(login, {
    'a login says how long its token lives': (l) => l.expires_in > 0 && l.refresh.length > 0,
    'a login names its user': (l) => l.user.email === email,
  });
  return login;
}

export function setup() {
  let tutor;
  if (__ENV.EMAIL) {
    const login = logIn(__ENV.EMAIL, __ENV.PASSWORD || '');
    if (login.user.role !== 'tutor') fail(`${__ENV.EMAIL} is no tutor`);
    tutor = { id: login.user.id, token: login.access };
  } else {
    tutor = register('tutor');
    tutor.token = logIn(tutor.email, tutor.password).access;
  }
  const wrong = http.post(`${API}/auth/login/`, JSON.stringify({ email: 'nobody@example.com', password: 'wrong password' }), {
    headers: { 'Content-Type': 'application/json' },
    responseCallback: http.expectedStatuses(401),
  });
  check(wrong, { 'a wrong password answers 401': (r) => r.status === 401 });

  const room = post('/classrooms/', tutor.token, { name: 'k6 class' }, 201);
  const session = post(`/classrooms/${room.id}/sessions/`, tutor.token, { name: 'k6 lesson' }, 201);
  const pupils = [];
  for (let i = 0; i < PUPILS; i += 1) {
    const pupil = register('student');
    post('/classrooms/join/', pupil.token, { invite_code: room.invite_code }, 200);
    pupils.push({ id: pupil.id, token: pupil.token });
  }
  return { pupils, path: `/ws/classroom/${room.id}/session/${session.id}/`, board: session.board_id };
}

function stroke(id) {
  const points = [];
  for (let i = 0; i < 8; i += 1) points.push({ x: Math.round(Math.random() * 900), y: Math.round(Math.random() * 500) });
  return { op: 'add', kind: 'stroke', value: { id, tool: 'pen', color: '#1d4ed8', size: 3, opacity: 1, points } };
}

// Autosaves a solo board of the pupil's own: the last ETag goes back verbatim, as the web client does it.
class Autosave {
  constructor(token) {
    this.token = token;
    const answer = http.post(`${API}/solo/sessions/`, JSON.stringify({ name: 'k6 board', state: {} }), headers(token));
    check(answer, {
      'a new board answers 201': (r) => r.status === 201,
      'a new board has an ETag': (r) => /^W\/"rev:\d+"$/.test(r.headers.Etag || ''),
    });
    this.url = `${API}/solo/sessions/${answer.json('id')}`;
    this.etag = answer.headers.Etag;
    this.rev = answer.json('rev');
    this.drawn = [];
    this.busy = false;
  }

  async save() {
    if (this.busy) return;
    this.busy = true;
    const id = `solo-${uuid()}`;
    const body = JSON.stringify({ rev: this.rev, ops: [stroke(id)], client_ts: new Date().toISOString() });
    const began = Date.now();
    const answer = await http.asyncRequest('PATCH', `${this.url}/diff/`, body, headers(this.token, { 'If-Match': this.etag }));
    autosaveMs.add(Date.now() - began);
    const saved = check(answer, {
      'an autosave answers 200': (r) => r.status === 200,
      'its ETag is the next one': (r) => r.headers.Etag === `W/"rev:${this.rev + 1}"`,
      'it says the next rev and a digest': (r) => r.status === 200 && r.json('next_rev') === this.rev + 1 && r.json('digest') !== undefined,
    });
    if (saved) {
      this.stale = this.etag;
      this.etag = answer.headers.Etag;
      this.rev += 1;
      this.drawn.push(id);
    }
    this.busy = false;
  }

  async finish() {
    if (this.stale) {
      const params = headers(this.token, { 'If-Match': this.stale });
      params.responseCallback = http.expectedStatuses(412);
      const body = JSON.stringify({ rev: this.rev, ops: [stroke('late')] });
      const answer = await http.asyncRequest('PATCH', `${this.url}/diff/`, body, params);
      check(answer, { 'a stale If-Match answers 412 with the server\'s rev': (r) => r.status === 412 && r.json('server_rev') === this.rev });
    }
    const read = await http.asyncRequest('GET', `${this.url}/`, null, headers(this.token));
    check(read, {
      'the board is read back': (r) => r.status === 200 && r.json('rev') === this.rev && r.headers.Etag === this.etag,
      'it holds every autosaved stroke once': (r) => sameIds(strokeIds(r), this.drawn),
    });
  }
}

function strokeIds(answer) {
  const pages = answer.json('state.pages') || [];
  return pages.flatMap((page) => (page.strokes || []).map((item) => item.id));
}

function sameIds(found, wanted) {
  return found.length === wanted.length && wanted.every((id) => found.filter((other) => other === id).length === 1);
}

export default function (data) {
  const me = data.pupils[(exec.vu.idInTest - 1) % data.pupils.length];
  const client = uuid();
  const autosave = new Autosave(me.token);
  const ws = new WebSocket(URL.replace(/^http/, 'ws') + data.path, ['m4sh.json', `bearer.${me.token}`]);
  const waiting = new Map();
  const unsaved = new Map();
  const drawn = [];
  const timers = [];
  let rev = -1;
  let dense = true;
  let count = 0;
  let welcomed = false;
  let leaving = false;
  let ponged = false;

  const say = (frame) => ws.send(JSON.stringify(frame));

  function draw() {
    const id = `${client.slice(0, 8)}-${count}`;
    count += 1;
    waiting.set(id, Date.now());
    drawn.push(id);
    strokes.add(1);
    const frame = { t: 'ops', id, ops: [stroke(id)] };
    say(frame);
    // Every fifth batch is resent blindly: it must get the same answer and have no second effect.
    if (count % 5 === 0) say(frame);
  }

  function next(got) {
    dense = dense && got === rev + 1;
    rev = got;
  }

  const answered = new Map();
  const hear = {
    welcome(frame) {
      welcomed = true;
      rev = frame.rev;
      check(frame, {
        'welcome says who I am': (f) => f.you.user === me.id && f.you.can !== undefined,
        'welcome has epoch, rev, saved, roster and the state': (f) =>
          Number.isInteger(f.epoch) && Number.isInteger(f.rev) && Number.isInteger(f.saved) && Array.isArray(f.roster) && f.state !== undefined,
      });
      const cursor = () => say({ t: 'cursor', x: Math.round(Math.random() * 900), y: Math.round(Math.random() * 500), page: 'page-1', tool: 'pen' });
      timers.push(setInterval(cursor, CURSOR_MS), setInterval(draw, STROKE_MS), setInterval(() => autosave.save(), AUTOSAVE_MS));
      say({ t: 'ping', n: 7 });
      setTimeout(() => timers.splice(0).forEach(clearInterval), SECONDS * 1000);
      setTimeout(leave, SECONDS * 1000 + 200);
    },
    accepted(frame) {
      if (answered.has(frame.id)) {
        check(frame, { 'a resent batch gets the same answer': (f) => f.rev === answered.get(f.id) });
        return;
      }
      acceptedMs.add(Date.now() - waiting.get(frame.id));
      unsaved.set(frame.rev, waiting.get(frame.id));
      waiting.delete(frame.id);
      answered.set(frame.id, frame.rev);
      next(frame.rev);
    },
    ops(frame) {
      next(frame.rev);
    },
    saved(frame) {
      for (const [at, sent] of unsaved) {
        if (at <= frame.rev) {
          savedMs.add(Date.now() - sent);
          unsaved.delete(at);
        }
      }
    },
    cursors(frame) {
      cursorsSeen.add(frame.c.filter(([user]) => user !== me.id).length);
    },
    pong(frame) {
      ponged = frame.n === 7;
    },
    refused(frame) {
      refusals.add(1, { code: frame.code });
      console.error(`refused: ${JSON.stringify(frame)}`);
    },
  };

  // Waits until everything is answered and saved, looks at the board over REST, and goes.
  let patience = DRAIN_MS;
  function leave() {
    if ((waiting.size > 0 || unsaved.size > 0 || autosave.busy) && patience > 0) {
      patience -= 100;
      setTimeout(leave, 100);
      return;
    }
    unanswered.add(waiting.size + unsaved.size);
    check(null, {
      'every batch was accepted and saved': () => waiting.size === 0 && unsaved.size === 0,
      'revisions came one after the other': () => dense,
      'ping was answered': () => ponged,
    });
    finish();
  }

  async function finish() {
    try {
      await autosave.finish();
      const read = await http.asyncRequest('GET', `${API}/solo/sessions/${data.board}/`, null, headers(me.token));
      const mine = read.status === 200 ? strokeIds(read).filter((id) => id.startsWith(client.slice(0, 8))) : [];
      check(read, {
        'the class board is read back': (r) => r.status === 200,
        'it holds each of my strokes once': () => sameIds(mine, drawn),
      });
    } finally {
      leaving = true;
      ws.close(1000);
    }
  }

  ws.onopen = () => say({ t: 'hello', client });
  ws.onmessage = (event) => {
    const frame = JSON.parse(event.data);
    if (hear[frame.t]) hear[frame.t](frame);
  };
  // k6 also calls a close frame without a code, in answer to ours, an error.
  ws.onerror = (event) => {
    if (!leaving) console.error(`socket: ${event.error}`);
  };
  ws.onclose = (event) => {
    timers.splice(0).forEach(clearInterval);
    if (leaving) return;
    unexpectedCloses.add(1, { code: String(event.code) });
    check(welcomed, { 'the socket was welcomed': (was) => was });
    console.error(`closed with ${event.code} ${event.reason || ''}`);
  };
}
