// Keeps the page live: the server sends the same partials that it rendered first, and this module moves the page to them
// without a jump. Without this script the page is complete and stands still.
const page = document.documentElement;
const address = document.body.dataset.live;
const lang = page.lang;
const still = matchMedia("(prefers-reduced-motion: reduce)");
const ago = new Intl.RelativeTimeFormat(lang, { numeric: "auto", style: "short" });
const ACTIVE_MS = 20_000; // so long after a touch, a key or a scroll, rows keep their place
let source, lostTimer, lastTouch = 0, arrived = performance.now();

function roll(node, from, to, final) {
  const digits = to.includes(".") ? 1 : 0;
  const format = new Intl.NumberFormat(lang, { minimumFractionDigits: digits, maximumFractionDigits: digits });
  [from, to] = [Number(from), Number(to)];
  const start = performance.now();
  node.rolling = start;
  const step = (now) => {
    if (node.rolling !== start) return;
    const done = Math.min((now - start) / 500, 1);
    node.textContent = done < 1 ? final.replace(/[\d.,]*\d/, format.format(from + (to - from) * (1 - (1 - done) ** 3))) : final;
    if (done < 1) requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
}

function morph(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) return old.replaceWith(fresh);
  if (old.nodeType !== Node.ELEMENT_NODE) return old.data === fresh.data || (old.data = fresh.data);
  const [from, to] = [old.dataset?.n, fresh.dataset?.n];
  for (const name of old.getAttributeNames()) if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  if ("age" in (old.dataset ?? {})) return;
  if (from && to && from !== to && !still.matches) return roll(old, from, to, fresh.textContent);
  if (from !== undefined && from === to && old.rolling) return;
  if ("keyed" in (old.dataset ?? {})) return morphRows(old, fresh);
  const [before, after] = [[...old.childNodes], [...fresh.childNodes]];
  after.forEach((child, n) => (before[n] ? morph(before[n], child) : old.append(child)));
  before.slice(after.length).forEach((child) => child.remove());
}

function morphRows(old, fresh) {
  const key = (row) => row.dataset.key;
  const mine = new Map([...old.children].map((row) => [key(row), row]));
  const wanted = [...fresh.children].map((row) => {
    const known = mine.get(key(row));
    if (known) morph(known, row);
    mine.delete(key(row));
    return known ?? old.appendChild(row);
  });
  mine.forEach((row) => row.remove());
  if (beingRead(old) || wanted.every((row, n) => old.children[n] === row)) return;
  const tops = new Map(wanted.map((row) => [row, row.getBoundingClientRect().top]));
  old.append(...wanted);
  if (still.matches) return;
  for (const [row, top] of tops) {
    const moved = top - row.getBoundingClientRect().top;
    if (moved) row.animate([{ transform: `translateY(${moved}px)` }, { transform: "none" }], { duration: 600, easing: "ease" });
  }
}

function beingRead(node) {
  const { top, bottom } = node.getBoundingClientRect();
  const seen = bottom > 0 && top < innerHeight;
  return node.contains(document.activeElement) || (seen && performance.now() - lastTouch < ACTIVE_MS);
}

function show({ data }) {
  link("live");
  arrived = performance.now();
  for (const [id, html] of Object.entries(JSON.parse(data))) {
    const fresh = document.createRange().createContextualFragment(html).firstElementChild;
    const old = document.getElementById(id);
    if (old && fresh) morph(old, fresh);
  }
  age();
}

function age() {
  for (const node of document.querySelectorAll("[data-age]")) {
    const seconds = Math.round(Number(node.dataset.age) + (performance.now() - arrived) / 1000);
    node.textContent = `(${ago.format(-seconds, "second")})`;
  }
}

function link(state) {
  clearTimeout(lostTimer);
  page.dataset.link = state;
  document.getElementById("offline").hidden = state !== "offline";
}

function connect() {
  source?.close();
  if (document.hidden) return;
  source = new EventSource(address);
  source.addEventListener("fragments", show);
  source.onerror = () => {
    clearTimeout(lostTimer);
    lostTimer = setTimeout(link, 4_000, "offline");
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, 10_000); // refused, so it will not try by itself
  };
}

if (address) {
  for (const event of ["pointerdown", "pointermove", "keydown", "scroll"]) {
    addEventListener(event, () => (lastTouch = performance.now()), { passive: true });
  }
  document.addEventListener("visibilitychange", connect);
  addEventListener("online", connect);
  addEventListener("pagehide", () => source?.close());
  setInterval(age, 1_000);
  connect();
}
