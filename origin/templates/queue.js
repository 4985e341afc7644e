// Says how the line goes on without loading the page again: a reader's place on it is not lost, and a screen reader
// hears only what has changed. Without this file the page loads itself anew.
const line = document.getElementById("line");
const say = (id, text) => {
  const place = document.getElementById(id);
  if (place.textContent !== text) place.textContent = text;
};

function show(facts) {
  say("ahead", String(facts.ahead));
  say("ahead-words", facts.ahead === 1 ? "person is" : "people are");
  say("estimate", (facts.estimate.startsWith("about") ? "in " : "") + facts.estimate);
  say("later", facts.is_later ? "It has become slower than we thought; you have kept your place." : "");
  const progress = document.getElementById("progress");
  progress.max = Math.max(1, facts.ahead_at_first);
  progress.value = facts.ahead_at_first - facts.ahead;
  for (const left of facts.stock) {
    const text = document.querySelector(`#left [data-variant="${left.variant_id}"] strong`);
    if (text && left.available !== null) text.textContent = `${left.available} left`;
  }
}

async function look() {
  let seconds = Number(line.dataset.lookSeconds);
  try {
    const answer = await fetch("/checkout/queue", { headers: { Accept: "application/json" }, cache: "no-store" });
    seconds = Number(answer.headers.get("Retry-After")) || seconds;
    if (answer.ok) {
      const facts = await answer.json();
      if (facts.status !== "waiting") {
        location.replace("/checkout/queue");
        return;
      }
      show(facts);
      seconds = facts.look_seconds;
    }
  } catch {
    // The network is away for a moment: the place is kept, and the next look finds it.
  }
  setTimeout(look, seconds * 1000);
}
setTimeout(look, Number(line.dataset.lookSeconds) * 1000);
