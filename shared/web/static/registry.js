// Moves the slider of the map through the days on which it changed, and follows an upload that is being checked or
// written; the place on the page is kept.
const slider = document.getElementById("slider");
const ticks = [...document.querySelectorAll("[data-tick]")];
let newest = 0;
let writing = false;

async function show(href) {
  const mine = ++newest;
  const parts = document.querySelectorAll("[data-part]");
  if (!document.querySelector("[data-poll]")) parts.forEach((part) => part.toggleAttribute("data-waiting", true));
  const answer = await fetch(href);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (mine !== newest) return; // a later move was faster
  if (writing && !fresh.querySelector("[data-poll]")) return; // it has not begun, or the answer is on its way
  parts.forEach((part) => part.replaceWith(fresh.querySelector(`[data-part="${part.dataset.part}"]`)));
  const [day, other] = [document.getElementById("on"), fresh.getElementById("on")];
  if (day && other) day.value = other.value;
  document.title = fresh.title;
  history.replaceState(null, "", href);
}

function point() {
  const at = ticks[slider.value];
  ticks.forEach((tick) => (tick === at ? tick.setAttribute("aria-current", "true") : tick.removeAttribute("aria-current")));
  slider.setAttribute("aria-valuetext", at.dataset.tick);
  return at.href;
}

if (slider) {
  slider.hidden = false;
  slider.addEventListener("input", point);
  slider.addEventListener("change", () => {
    const href = point();
    show(href).catch(() => location.assign(href));
  });
}

function follow() {
  if (!document.querySelector("[data-poll]")) return;
  setTimeout(() => show(location.href).catch(() => {}).finally(follow), 1_000);
}
follow();

// A commit answers when all is written: meanwhile this page asks how far it is.
document.addEventListener("submit", async (event) => {
  const form = event.target.closest("form[data-commit]");
  if (!form) return;
  event.preventDefault();
  if (writing) return;
  writing = true;
  const said = new URLSearchParams(new FormData(form));
  if (event.submitter?.name) said.append(event.submitter.name, event.submitter.value);
  form.toggleAttribute("data-waiting", true);
  const asking = setInterval(() => show(location.href).catch(() => {}), 1_000);
  try {
    const answer = await fetch(form.action, { method: "POST", body: said });
    if (answer.redirected) return location.assign(answer.url);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.querySelector("main").replaceWith(fresh.querySelector("main"));
    document.title = fresh.title;
    document.querySelector("[role=alert]")?.focus();
  } catch {
    location.reload(); // the page says what became of it
  } finally {
    newest += 1;
    writing = false;
    clearInterval(asking);
  }
});
