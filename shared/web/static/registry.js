// The slider of the map: moves through the days on which the map changed, without losing the place on the page.
const slider = document.getElementById("slider");
const ticks = [...document.querySelectorAll("[data-tick]")];
let newest = 0;

async function show(href) {
  const mine = ++newest;
  const parts = document.querySelectorAll("[data-part]");
  parts.forEach((part) => part.toggleAttribute("data-waiting", true));
  const answer = await fetch(href);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (mine !== newest) return; // a later move was faster
  parts.forEach((part) => part.replaceWith(fresh.querySelector(`[data-part="${part.dataset.part}"]`)));
  document.getElementById("on").value = fresh.getElementById("on").value;
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
