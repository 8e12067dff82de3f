// Moves the slider of the map through the days on which it changed, and follows an upload that is being checked;
// the place on the page is kept.
const slider = document.getElementById("slider");
const ticks = [...document.querySelectorAll("[data-tick]")];
let newest = 0;

async function show(href) {
  const mine = ++newest;
  const parts = document.querySelectorAll("[data-part]");
  if (!document.querySelector("[data-poll]")) parts.forEach((part) => part.toggleAttribute("data-waiting", true));
  const answer = await fetch(href);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (mine !== newest) return; // a later move was faster
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
