"use strict";

const UNSEEN = "cannot_tell"; // the one answer that needs no look
const part = (id) => document.getElementById(id);
let told = null; // what the program said last
let shown = false; // whether the picture is unblurred
let busy = false;

function element(name, text, ...children) {
  const made = document.createElement(name);
  made.textContent = text;
  made.append(...children);
  return made;
}

function progress() {
  part("who").textContent = told.rater;
  part("progress").max = told.total;
  part("progress").value = told.done;
  part("count").textContent = `${told.done} of ${told.total}`;
}

function blur() {
  const next = told.next;
  part("picture").classList.toggle("blurred", !shown);
  part("picture").alt = `Picture ${next.place + 1} of ${told.pictures}${shown ? "" : ", blurred"}`;
  part("state").textContent = shown ? "" : "Blurred. Show it to answer.";
  part("show").replaceChildren(element("kbd", "Space"), shown ? " Blur" : " Show the picture");
  for (const button of part("answers").children) button.disabled = !shown && button.dataset.label !== UNSEEN;
}

function ask() {
  const next = told.next;
  part("question").textContent = next.words;
  const address = `picture/${next.place}`;
  if (part("picture").getAttribute("src") !== address) {
    shown = false;
    part("picture").classList.add("blurred"); // before the next picture is there
    part("picture").src = address;
  }
  part("answers").replaceChildren(
    ...next.answers.map((answer, place) => {
      const button = element("button", "", element("kbd", String(place + 1)), ` ${answer.words}`);
      button.type = "button";
      button.dataset.label = answer.label;
      button.setAttribute("aria-keyshortcuts", String(place + 1));
      button.addEventListener("click", () => answer_with(answer.label));
      return button;
    }),
  );
  part("undo").disabled = told.done === 0;
  blur();
}

function number(value) {
  return value === null ? "–" : value.toFixed(2);
}

function end() {
  part("question").textContent = "All pictures are labelled. Thank you.";
  const rows = told.agreement.map((one) =>
    element(
      "tr",
      "",
      ...[one.words, number(one.value), `${number(one.low)} to ${number(one.high)}`, String(one.pictures)].map((text) =>
        element("td", text),
      ),
    ),
  );
  const heads = ["Question", "Agreement (Krippendorff’s alpha)", "95 % interval", "Pictures"];
  const table = element(
    "table",
    "",
    element("thead", "", element("tr", "", ...heads.map((text) => Object.assign(element("th", text), { scope: "col" })))),
    element("tbody", "", ...rows),
  );
  const alone = element("p", "Nobody else has labelled these pictures yet. A second person shows how far people agree.");
  const undo = Object.assign(element("button", "", element("kbd", "Backspace"), " Take the last answer back"), {
    type: "button",
  });
  undo.addEventListener("click", () => send("undo"));
  part("ended").replaceChildren(rows.length ? table : alone, element("p", "", undo));
}

function show() {
  progress();
  part("asking").hidden = told.next === null;
  part("ended").hidden = told.next !== null;
  part("end").textContent = told.next === null ? "Finish" : "Stop here";
  if (told.next === null) end();
  else ask();
}

async function send(what, body = {}) {
  if (busy) return;
  busy = true;
  try {
    const answer = await fetch(what, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    const said = await answer.json();
    if (said.problem) throw new Error(said.problem);
    if (said.ended) return finish();
    told = said;
    part("problem").textContent = "";
    show();
    part("main").focus({ preventScroll: true });
  } catch (error) {
    part("problem").textContent = `This was not kept: ${error.message}. See where clip-audit label was called.`;
  } finally {
    busy = false;
  }
}

function finish() {
  part("question").textContent = "Everything is kept. You can close this page.";
  for (const id of ["asking", "ended"]) part(id).hidden = true;
  document.querySelector("footer").hidden = true;
  told = null;
}

function answer_with(label) {
  if (!shown && label !== UNSEEN) return;
  send("answer", { place: told.next.place, question: told.next.question, label });
}

function toggle() {
  shown = !shown;
  blur();
}

document.addEventListener("keydown", (event) => {
  const modified = event.ctrlKey || event.altKey || event.metaKey;
  if (!told || modified || event.repeat || !part("keys").checked) return;
  const on_control = document.activeElement.matches("button, input");
  if (event.key === "Backspace") send("undo");
  else if (told.next === null) return;
  else if (event.key === " " && !on_control) toggle();
  else if (/^[1-9]$/.test(event.key) && told.next.answers[event.key - 1])
    answer_with(told.next.answers[event.key - 1].label);
  else return;
  event.preventDefault();
});

part("show").addEventListener("click", toggle);
part("undo").addEventListener("click", () => send("undo"));
part("end").addEventListener("click", () => send("end"));
fetch("state")
  .then((answer) => answer.json())
  .then((said) => {
    told = said;
    show();
  });
