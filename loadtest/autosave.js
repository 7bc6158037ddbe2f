// The existing web client's autosave, under load: each person has a board open in two tabs, saves changes by diff, now
// and then a whole state, meets conflicts between the tabs and recovers by the tag of a read, tells heartbeats, and reads
// at the end whether every stroke that an answer called saved is there once.
//
//   k6 run -e M4SH_URL=http://127.0.0.1:8080 loadtest/autosave.js
//
// M4SH_URL   the server                                  (http://127.0.0.1:8080)
// PEOPLE     people, each with one board in two tabs     (4)
// SECONDS    how long they work                          (10)
// PAUSE_MS   between two saves of one tab                (1000; the client waits 3000 to 5000)
// The defaults keep within the server's default budgets (solo_diff 120/min for each person).
import http from 'k6/http';
import { check, fail, sleep } from 'k6';
import { Counter, Trend } from 'k6/metrics';

const API = `${(__ENV.M4SH_URL || 'http://127.0.0.1:8080').replace(/\/$/, '')}/api/v1`;
const PEOPLE = Number(__ENV.PEOPLE || 4);
const SECONDS = Number(__ENV.SECONDS || 10);
const PAUSE_MS = Number(__ENV.PAUSE_MS || 1000);
const DIFF_LIMIT = 512 * 1024;
const STREAM_LIMIT = 2 * 1024 * 1024;

const diffMs = new Trend('m4sh_diff_ms', true);
const streamMs = new Trend('m4sh_stream_ms', true);
const conflicts = new Counter('m4sh_conflicts');
const saves = new Counter('m4sh_saves');
const lost = new Counter('m4sh_lost_strokes');
const doubled = new Counter('m4sh_doubled_strokes');
const givenUp = new Counter('m4sh_given_up');

export const options = {
  scenarios: {
    autosave: { executor: 'per-vu-iterations', vus: PEOPLE, iterations: 1, maxDuration: `${SECONDS + 60}s` },
  },
  thresholds: {
    checks: ['rate==1'],
    m4sh_diff_ms: ['p(99)<500'],
    m4sh_stream_ms: ['p(99)<1000'],
    m4sh_saves: ['count>0'],
    m4sh_conflicts: ['count>0'],
    m4sh_lost_strokes: ['count==0'],
    m4sh_doubled_strokes: ['count==0'],
    m4sh_given_up: ['count==0'],
  },
};

const expected = http.expectedStatuses(200, 201, 204, 409, 412);

function uuid() {
  return 'xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx'.replace(/x/g, () => Math.floor(Math.random() * 16).toString(16));
}

export function setup() {
  const people = [];
  for (let i = 0; i < PEOPLE; i += 1) {
    const person = { email: `k6-${uuid()}@example.com`, password: `k6-${uuid()}`, first_name: 'K6', last_name: 'Saver', role: 'student' };
    const answer = http.post(`${API}/auth/register/`, JSON.stringify(person), { headers: { 'Content-Type': 'application/json' } });
    if (answer.status !== 201) fail(`register: ${answer.status} ${answer.body}`);
    people.push(answer.json('access'));
  }
  return { people };
}

function stroke(id) {
  const points = Array.from({ length: 24 }, (_, i) => ({ x: i * 3, y: Math.round(Math.random() * 400) }));
  return { id, tool: 'pen', color: '#1f2937', size: 3, opacity: 1, points };
}

/** One tab: the save coordinator of the client, with its own idea of the revision. */
class Tab {
  constructor(person, board, name) {
    this.url = `${API}/solo/sessions/${board}/`;
    this.person = person;
    this.name = name;
    this.rev = 0;
    this.tag = null;
    this.count = 0;
    this.kept = [];
  }

  params(extra) {
    const revision = this.tag ? { 'If-Match': this.tag } : { 'X-Rev': String(this.rev) };
    return {
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${this.person}`, ...revision },
      responseCallback: expected,
      ...extra,
    };
  }

  send(ops, state) {
    const diff = JSON.stringify({ rev: this.rev, ops, client_ts: new Date().toISOString() });
    if (ops.length > 0 && diff.length <= DIFF_LIMIT) {
      const answer = http.patch(`${this.url}diff/`, diff, this.params({ tags: { name: 'diff' } }));
      diffMs.add(answer.timings.duration);
      return answer;
    }
    const whole = JSON.stringify({ state });
    if (whole.length > STREAM_LIMIT) return null;
    // The worker compresses what is large.
    const answer = http.post(`${this.url}save-stream/`, whole, this.params({ tags: { name: 'save-stream' }, compression: 'gzip' }));
    streamMs.add(answer.timings.duration);
    return answer;
  }

  learn(answer) {
    const body = answer.json();
    check(body, {
      'a save names the next revision': (b) => Number.isInteger(b.next_rev),
      'a save names a time': (b) => Boolean(b.server_ts || b.updated_at),
    });
    check(answer, { 'a save has a tag of its revision': (a) => a.headers.Etag === `W/"rev:${body.next_rev}"` });
    this.rev = body.next_rev;
    this.tag = answer.headers.Etag;
    saves.add(1);
    return true;
  }

  /** Saves; after a conflict once more with what a read said. A second conflict is the next call's business. */
  save(ops, state) {
    const first = this.send(ops, state);
    if (first && (first.status === 200 || first.status === 204)) return this.learn(first);
    if (!first || (first.status !== 409 && first.status !== 412)) {
      givenUp.add(1);
      return false;
    }
    conflicts.add(1);
    check(first, { 'a conflict names the revision of the server': (a) => Number.isInteger(a.json('server_rev')) });
    this.read();
    sleep(0.05 + Math.random() * 0.1);
    const second = this.send(ops, state);
    return second.status === 200 ? this.learn(second) : false;
  }

  read() {
    const now = http.get(this.url, { headers: { Authorization: `Bearer ${this.person}` }, tags: { name: 'detail' } });
    check(now, { 'a read has a tag that names its revision': (a) => a.headers.Etag === `W/"rev:${a.json('rev')}"` });
    // `json()` would give arrays that cannot grow.
    const board = JSON.parse(now.body);
    this.rev = board.rev;
    this.tag = now.headers.Etag;
    return board.state;
  }

  draw() {
    const ids = [0, 1, 2].map(() => `${this.name}-${(this.count += 1)}`);
    if (this.save(ids.map((id) => ({ op: 'add', kind: 'stroke', value: stroke(id) })), null)) this.kept.push(...ids);
  }

  /** What the board store does in its stable mode: all it has, as it just read it, with one stroke more. */
  store() {
    const state = this.read();
    const id = `${this.name}-${(this.count += 1)}`;
    state.pages[0].strokes.push(stroke(id));
    // A conflict here is not repeated: the original would send the server's state back.
    const answer = this.send([], state);
    if (answer && answer.status === 200 && this.learn(answer)) {
      check(answer, { 'a state with a new stroke is a change': (a) => a.json('detail') === 'accepted' });
      this.kept.push(id);
    } else conflicts.add(1);
  }

  heartbeat() {
    const body = JSON.stringify({ heartbeat: true, client_ts: Date.now(), token: this.person });
    const answer = http.post(`${this.url}beacon/`, body, { headers: { 'Content-Type': 'text/plain' }, tags: { name: 'beacon' } });
    check(answer, { 'a beacon is heard': (a) => a.status === 204 });
  }
}

export default function (data) {
  const person = data.people[(__VU - 1) % data.people.length];
  const state = { pages: [{ id: 'page-1', name: 'Page 1', strokes: [], shapes: [], texts: [], assets: [] }], currentPageIndex: 0 };
  const made = http.post(`${API}/solo/sessions/`, JSON.stringify({ name: 'Autosave', state }), {
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${person}` },
  });
  if (!check(made, { 'a board is made': (a) => a.status === 201 })) fail(made.body);
  const tabs = ['left', 'right'].map((name) => new Tab(person, made.json('id'), name));
  const end = Date.now() + SECONDS * 1000;
  for (let round = 1; Date.now() < end; round += 1) {
    for (const tab of tabs) {
      if (round % 5 === 0) tab.store();
      else tab.draw();
      sleep(PAUSE_MS / 1000 / tabs.length);
    }
    if (round % 4 === 0) tabs[0].heartbeat();
  }
  const seen = new Map();
  for (const page of tabs[0].read().pages) for (const item of page.strokes) seen.set(item.id, (seen.get(item.id) || 0) + 1);
  for (const id of tabs.flatMap((tab) => tab.kept)) if (!seen.has(id)) lost.add(1);
  for (const times of seen.values()) if (times > 1) doubled.add(1);
}
