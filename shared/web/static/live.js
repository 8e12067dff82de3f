// Keeps the page live: the server sends its partials again when they change, and the page is moved to them without a jump.
const [{ lang, dataset: state }, { live: address }] = [document.documentElement, document.body.dataset];
const still = matchMedia("(prefers-reduced-motion: reduce)");
const ago = new Intl.RelativeTimeFormat(lang, { numeric: "auto", style: "short" });
const READING_MS = 20_000; // for so long after a touch, a key or a scroll, rows in sight stay where they are
let source, lost, touched = -READING_MS, arrived = performance.now();

function roll(node, from, to, text) {
  const digits = to.includes(".") ? 1 : 0;
  const { format } = new Intl.NumberFormat(lang, { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const began = (node.rolling = performance.now());
  const frame = (now) => {
    if (node.rolling !== began) return; // a newer number took over
    const left = Math.max(1 - (now - began) / 500, 0) ** 3;
    node.textContent = left ? text.replace(/[\d.,]*\d/, format(to - (to - from) * left)) : text;
    if (left) requestAnimationFrame(frame);
    else node.rolling = 0;
  };
  requestAnimationFrame(frame);
}

function morph(old, fresh) {
  if (old.nodeName !== fresh.nodeName) return old.replaceWith(fresh);
  if (old.nodeType !== Node.ELEMENT_NODE) return old.data === fresh.data || (old.data = fresh.data);
  const { n, age, keyed } = old.dataset;
  for (const name of old.getAttributeNames()) if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name); // what a reader unfolded stays so
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  if (age !== undefined || (old.rolling && n === fresh.dataset.n)) return;
  if (n && fresh.dataset.n && n !== fresh.dataset.n && !still.matches) return roll(old, n, fresh.dataset.n, fresh.textContent);
  old.rolling = 0;
  if (keyed !== undefined) return morphRows(old, [...fresh.children]);
  const [before, after] = [[...old.childNodes], [...fresh.childNodes]];
  after.forEach((child, at) => (before[at] ? morph(before[at], child) : old.append(child)));
  before.slice(after.length).forEach((child) => child.remove());
}

function morphRows(list, fresh) {
  const known = new Map([...list.children].map((row) => [row.dataset.key, row]));
  const wanted = fresh.map((row) => {
    const mine = known.get(row.dataset.key);
    if (mine) morph(mine, row);
    return known.delete(row.dataset.key) ? mine : list.appendChild(row);
  });
  known.forEach((row) => row.remove());
  if (isRead(list) || wanted.every((row, at) => row === list.children[at])) return;
  const tops = wanted.map((row) => row.getBoundingClientRect().top);
  list.append(...wanted);
  wanted.forEach((row, at) => {
    const moved = tops[at] - row.getBoundingClientRect().top;
    if (moved && !still.matches) row.animate([{ transform: `translateY(${moved}px)` }, { transform: "none" }], { duration: 600, easing: "ease" });
  });
}

function isRead(list) {
  const { top, bottom } = list.getBoundingClientRect();
  const touchedInSight = bottom > 0 && top < innerHeight && performance.now() - touched < READING_MS;
  return touchedInSight || list.contains(document.activeElement);
}

function show({ data }) {
  for (const [id, html] of Object.entries(JSON.parse(data))) {
    const old = document.getElementById(id);
    const template = Object.assign(document.createElement("template"), { innerHTML: html });
    if (old) morph(old, template.content.firstElementChild);
  }
  arrived = performance.now();
  link("live");
  tell();
}

function tell() {
  const node = document.querySelector("[data-age]");
  node.textContent = `(${ago.format(-Math.round(+node.dataset.age + (performance.now() - arrived) / 1000), "second")})`;
}

function link(now) {
  lost = clearTimeout(lost);
  state.link = now;
  document.getElementById("offline").hidden = now !== "offline";
}

function reveal() {
  const row = document.getElementById(location.hash.slice(1));
  const fold = row?.closest("details:not([open])"); // not every browser unfolds where a link leads
  if (!fold) return;
  fold.open = true;
  row.scrollIntoView();
}

function connect() {
  source?.close();
  if (document.hidden) return; // nobody looks: no traffic, no battery
  source = new EventSource(address);
  source.addEventListener("fragments", show);
  source.onerror = () => {
    lost ??= setTimeout(link, 4_000, "offline");
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, 10_000); // refused: it will not try again by itself
  };
}

if (address) {
  const touch = () => (touched = performance.now());
  for (const kind of ["pointerdown", "pointermove", "keydown", "scroll"]) addEventListener(kind, touch, { passive: true });
  document.addEventListener("visibilitychange", connect);
  for (const kind of ["pageshow", "online"]) addEventListener(kind, connect); // pageshow comes after the first load, too
  addEventListener("pagehide", () => source?.close());
  addEventListener("hashchange", reveal);
  reveal();
  setInterval(tell, 1_000);
}
