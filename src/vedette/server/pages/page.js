import {Live} from './live.js';

const API = '/api/v1', HOURS = 24, CLIP_S = 600;
const $ = id => document.getElementById(id);
const player = $('player');
const names = new Map();

const make = (tag, text = '', className = '') => Object.assign(document.createElement(tag), {textContent: text, className});
const STATES = {ok: 'all is well', starting: 'starting', degraded: 'not all is well', failed: 'something has failed', off: 'off'};
const HOUR = {hour: '2-digit', minute: '2-digit', hourCycle: 'h23'};
const hour = time => new Date(time).toLocaleTimeString([], HOUR);
const clock = time => new Date(time).toLocaleTimeString([], {...HOUR, second: '2-digit'});
const day = time => new Date(time).toLocaleDateString([], {weekday: 'short', day: 'numeric', month: 'short'});

async function ask(path) {
  const answer = await fetch(API + path);
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail);
  return body;
}

// Cameras

const cards = new Map();
const inView = new IntersectionObserver(entries => entries.forEach(({target, isIntersecting}) => {
  target.inView = isIntersecting;
  decide(target);
}), {rootMargin: '200px'});

function decide(card) {
  if (card.inView && !document.hidden) card.live.start(); else card.live.stop();
}

function add(camera) {
  const card = $('card').content.cloneNode(true).firstElementChild;
  const note = card.querySelector('.note'), video = card.querySelector('video');
  card.live = new Live(camera.id, video, ({why, transcoded, mime}) => {
    note.textContent = mime && !why ? '' : (transcoded ? 'transcoded: ' : '') + why;
  });
  card.querySelector('.picture').onclick = () => {
    const large = card.classList.toggle('large');
    for (const other of cards.values()) if (other !== card) other.classList.remove('large');
    if (large) card.scrollIntoView({block: 'nearest'});
  };
  cards.set(camera.id, card);
  $('cameras').append(card);
  inView.observe(card);
  $('moment').camera.append(new Option(camera.name, camera.id));
  names.set(camera.id, camera.name);
  return card;
}

async function showCameras() {
  const {cameras} = await ask('/cameras');
  for (const camera of cameras) {
    const card = cards.get(camera.id) ?? add(camera);
    const size = camera.streams.filter(s => s.codec).map(s => `${s.name} ${s.width}\u00d7${s.height} ${s.codec}`).join(', ');
    card.querySelector('b').textContent = camera.name;
    Object.assign(card.querySelector('.state'), {textContent: camera.state, className: `state ${camera.state}`});
    card.querySelector('small').textContent = camera.text || size;
  }
  if (!cameras.length) $('cameras').replaceChildren(make('p', 'No cameras are configured.', 'none'));
}

// What is wrong, and what was found

async function showTroubles() {
  const [health, {alarms}] = await Promise.all([ask('/health'), ask('/alarms')]);
  Object.assign($('state'), {textContent: STATES[health.state], className: `state ${health.state}`});
  $('alarms').replaceChildren(...alarms.filter(a => !a.cleared).map(a => make('li', `${clock(a.raised)}  ${a.text}`)));
}

async function showIncidents() {
  const {incidents} = await ask('/incidents?limit=20');
  $('incidents').replaceChildren(...incidents.map(found => {
    const row = make('li'), play = make('button', 'Play');
    const times = found.events === 1 ? '' : ` (${found.events} events)`;
    play.setAttribute('aria-label', `Play ${clock(found.opened)}`);
    play.onclick = () => playFrom(found.camera, Date.parse(found.opened) - 5000);
    const what = make('span', `${names.get(found.camera) ?? found.camera}: ${found.rules.join(', ')}${times}`);
    row.append(make('small', `${day(found.opened)} ${clock(found.opened)}`), what, make('b', found.severity, found.severity), play);
    return row;
  }));
  if (!incidents.length) $('incidents').append(make('li', 'None yet.', 'none'));
}

// The past

async function showPast() {
  const end = Date.now(), start = end - HOURS * 3600e3;
  const query = `start=${new Date(start).toISOString()}&end=${new Date(end).toISOString()}&resolution=300`;
  const rows = await Promise.all([...names].map(async ([id, name]) => row(id, name, await ask(`/cameras/${id}/timeline?${query}`), start, end)));
  const hours = make('div', '', 'hours');
  for (let i = 0; i <= 4; i++) hours.append(make('span', hour(start + i * (end - start) / 4)));
  $('lines').replaceChildren(...rows, hours);
}

function row(id, name, line, start, end) {
  const whole = make('div', '', 'row'), bar = make('div', '', 'bar');
  const mark = (from, to, className, title = '') => {
    const left = Math.max(0, (Date.parse(from) - start) / (end - start));
    const right = Math.min(1, ((to === null ? end : Date.parse(to)) - start) / (end - start));
    const piece = Object.assign(make('i', '', className), {title});
    Object.assign(piece.style, {left: `min(${left * 100}%, 100% - 3px)`, width: `${(right - left) * 100}%`});
    bar.append(piece);
  };
  line.recorded.forEach(span => mark(span.start, span.end, 'recorded'));
  line.gaps.forEach(gap => mark(gap.start, gap.end, gap.wanted ? 'wanted' : 'gap', `${gap.reason} ${gap.text}`));
  line.counts.forEach(one => mark(one.start, new Date(Date.parse(one.start) + 300e3).toISOString(), 'found', `${one.events} events`));
  bar.onclick = event => {
    const box = bar.getBoundingClientRect();
    playFrom(id, start + (event.clientX - box.left) / box.width * (end - start));
  };
  whole.append(make('span', name), bar);
  return whole;
}

function playFrom(camera, from) {
  const to = Math.min(Date.now(), from + CLIP_S * 1000), video = player.querySelector('video');
  const title = time => $('player-title').textContent = `${names.get(camera) ?? camera}, ${day(time)} ${clock(time)}`;
  const say = text => player.querySelector('p').textContent = text;
  title(from);
  say('');
  video.onloadedmetadata = async () => {
    const answer = await fetch(video.src, {method: 'HEAD', headers: {Range: 'bytes=1-'}});
    title(answer.headers.get('Vedette-Starts') ?? from);
  };
  video.onerror = async () => {
    const answer = await fetch(video.src, {headers: {Range: 'bytes=0-0'}});
    say(answer.ok ? 'This browser cannot play it.' : (await answer.json()).detail);
  };
  video.src = `${API}/cameras/${camera}/video.mp4?start=${new Date(from).toISOString()}&end=${new Date(to).toISOString()}`;
  video.play().catch(() => {});
  if (!player.open) player.showModal();
}

player.querySelector('button').onclick = () => player.close();
player.onclose = () => player.querySelector('video').removeAttribute('src');
$('moment').onsubmit = event => {
  event.preventDefault();
  const {camera, time} = event.target;
  playFrom(camera.value, new Date(time.value).getTime());
};

// Everything is asked for now and then; news bring it forward.

const due = {cameras: showCameras, troubles: showTroubles, incidents: showIncidents, past: showPast};
const timers = {};
const soon = (name, wait = 300) => timers[name] ??= setTimeout(async () => {
  await due[name]().catch(() => Object.assign($('state'), {textContent: 'server not reached', className: 'state failed'}));
  timers[name] = undefined;
}, wait);

function listen() {
  const socket = new WebSocket(`ws://${location.host}${API}/events`);
  const brings = {event: ['incidents', 'past'], incident: ['incidents'], alarm: ['troubles'], health: ['cameras', 'troubles'], gap: ['past'], missed: Object.keys(due)};
  socket.onmessage = ({data}) => (brings[JSON.parse(data).type] ?? []).forEach(name => soon(name, 1000));
  socket.onclose = () => setTimeout(listen, 3000);
}

document.onvisibilitychange = () => cards.forEach(decide);
const local = new Date(Date.now() - 60e3 - new Date().getTimezoneOffset() * 60e3);
$('moment').time.value = local.toISOString().slice(0, 19);
await showCameras().catch(() => {});
Object.keys(due).forEach(name => { soon(name, 0); setInterval(() => soon(name), name === 'past' ? 30e3 : 5e3); });
listen();
